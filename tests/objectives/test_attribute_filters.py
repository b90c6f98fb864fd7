"""Lists narrowed by custom attributes: read from addresses, written back, set-based."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
from django.db import connection
from django.http import QueryDict
from django.test.utils import CaptureQueriesContext

from accounts.models import Attribute
from accounts.services.attributes import archive_attribute
from objectives.queries.lists import AccountFilter, standings
from objectives.services.attributes import define_attribute, save_attributes
from tests.factories import make_account
from valuerealization.common.audit import SYSTEM

pytestmark = pytest.mark.django_db
AT = datetime(2026, 11, 15, 12, tzinfo=UTC)
ON = date(2026, 11, 15)

ACCOUNTS: dict[str, dict[str, Any]] = {
    "gold": {"tier": "Gold, plus", "seats": 100, "vip": True, "kick": "2026-05-04", "motto": "Onwards"},
    "basic": {"tier": "Basic", "seats": "-2.5", "vip": False, "kick": "2026-05-31", "motto": "none at all"},
    "bare": {},
}


@pytest.fixture(autouse=True)
def accounts(db: None) -> None:
    for position, (key, kind, choices) in enumerate(
        (
            ("tier", "choice", ["Gold, plus", "Basic", "Silver"]), ("seats", "number", []), ("vip", "flag", []),
            ("kick", "date", []), ("motto", "text", []),
        )
    ):  # fmt: skip
        define_attribute(by=SYSTEM, key=key, name=key.title(), type=kind, choices=choices, position=position)
    for name, values in ACCOUNTS.items():
        save_attributes(account=make_account(name=name), by=SYSTEM, at=AT, values=values)


def read(query: str) -> tuple[AccountFilter, list[tuple[str, str]]]:
    wanted, errors = AccountFilter.parse(QueryDict(query))
    return wanted, [(error.parameter, error.code) for error in errors]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("attributes.tier=Basic", "basic"),
        ("attributes.tier=Gold, plus", "gold"),
        ("attributes.tier=Gold, plus&attributes.tier=Basic", "basic gold"),
        ("attributes.tier=Silver", ""),
        ("attributes.tier=none", "bare"),
        ("attributes.tier=none&attributes.tier=Basic", "bare basic"),
        ("attributes.seats=100.0", "gold"),
        ("attributes.seats.min=-2.5", "basic gold"),
        ("attributes.seats.min=-2.499999", "gold"),
        ("attributes.seats.max=99", "basic"),
        ("attributes.seats.min=-3&attributes.seats.max=100", "basic gold"),
        ("attributes.seats=none", "bare"),
        ("attributes.vip=true", "gold"),
        ("attributes.vip=false", "basic"),
        ("attributes.vip=none", "bare"),
        ("attributes.kick=2026-05-04", "gold"),
        ("attributes.kick.min=2026-05-04", "basic gold"),
        ("attributes.kick.min=2026-05-05", "basic"),
        ("attributes.kick.max=2026-05-31", "basic gold"),
        ("attributes.kick.max=2026-05-30", "gold"),
        ("attributes.kick.min=0001-01-01&attributes.kick.max=9999-12-31", "basic gold"),
        ("attributes.kick=none", "bare"),
        ("attributes.motto=onWARDS", "gold"),
        ("attributes.motto=none at all", "basic"),
        ("attributes.motto=none", "bare"),
        ("attributes.motto=wards", ""),
        ("attributes.tier=Basic&attributes.vip=true", ""),
        ("attributes.tier=Basic&attributes.vip=false&search=bas", "basic"),
        ("attributes.tier=&attributes.seats.min=&attributes.vip=+", "bare basic gold"),
    ],
)
@pytest.mark.parametrize("live", [True, False])
def test_who_is_listed(query: str, expected: str, live: bool) -> None:
    wanted, errors = read(query)
    assert errors == []
    found = standings(wanted, live=live, on=ON).values_list("account__name", flat=True)
    assert sorted(found) == expected.split()
    parameters = wanted.as_parameters()
    assert AccountFilter.parse(parameters) == (wanted, ())
    assert wanted.is_empty == (not parameters)


@pytest.mark.parametrize(
    ("query", "parameter", "code"),
    [
        ("attributes.colour=red", "attributes.colour", "unknown_attribute"),
        ("attributes.=red", "attributes.", "unknown_attribute"),
        ("attributes.Tier=Basic", "attributes.Tier", "unknown_attribute"),
        ("attributes.colour=", "attributes.colour", "unknown_attribute"),
        ("attributes.tier.min=Basic", "attributes.tier.min", "unknown_parameter"),
        ("attributes.seats.least=1", "attributes.seats.least", "unknown_parameter"),
        ("attributes.seats.min.min=1", "attributes.seats.min.min", "unknown_parameter"),
        ("attributes.tier=basic", "attributes.tier", "invalid_choice"),
        ("attributes.seats=many", "attributes.seats", "not_a_number"),
        ("attributes.seats.min=NaN", "attributes.seats.min", "not_finite"),
        ("attributes.seats.min=none", "attributes.seats.min", "not_a_number"),
        ("attributes.seats=1&attributes.seats=2", "attributes.seats", "repeated"),
        ("attributes.seats.min=2&attributes.seats.max=1", "attributes.seats.max", "range_reversed"),
        ("attributes.kick.min=2026-02-02&attributes.kick.max=2026-02-01", "attributes.kick.max", "range_reversed"),
        ("attributes.vip=yes", "attributes.vip", "invalid_choice"),
        ("attributes.vip=true&attributes.vip=false", "attributes.vip", "repeated"),
        ("attributes.kick=04.05.2026", "attributes.kick", "invalid_date"),
        ("attributes.kick=2026-02-30", "attributes.kick", "invalid_date"),
        ("attributes.motto=a%00b", "attributes.motto", "control_character"),
        ("attributes.motto=" + "x" * 201, "attributes.motto", "max_length"),
    ],
)
def test_what_cannot_be_read_is_named_and_filters_nothing(query: str, parameter: str, code: str) -> None:
    wanted, errors = read(f"{query}&search=a")
    assert set(errors) == {(parameter, code)}
    assert wanted == AccountFilter(search="a")


def test_a_reversed_range_leaves_the_rest_of_the_attribute() -> None:
    wanted, _ = read("attributes.seats=5&attributes.seats.min=2&attributes.seats.max=1")
    assert list(wanted.as_parameters()) == ["attributes.seats"]


def test_a_choice_called_none_is_that_choice() -> None:
    define_attribute(by=SYSTEM, key="plan", name="Plan", type="choice", choices=["none", "some"])
    save_attributes(account=make_account(name="plain"), by=SYSTEM, at=AT, values={"plan": "none"})
    wanted, _ = read("attributes.plan=none")
    assert [each.account.name for each in standings(wanted, live=True, on=ON)] == ["plain"]


def test_an_archived_attribute_filters_nothing() -> None:
    archive_attribute(attribute=Attribute.objects.get(key="tier"), by=SYSTEM, at=AT)
    assert read("attributes.tier=Basic") == (AccountFilter(), [("attributes.tier", "unknown_attribute")])


def test_filters_are_said_in_words() -> None:
    wanted, _ = read(
        "attributes.tier=Basic&attributes.tier=none&attributes.seats.min=1.50&attributes.seats.max=9"
        "&attributes.vip=false&attributes.kick.max=2026-05-04&attributes.motto=Onwards"
    )
    assert [each.label for each in wanted.attributes] == [
        "Tier: Basic or not set", "Seats: up to 9", "Seats: 1.5 or more", "Vip: no", "Kick: up to 4 May 2026",
        "Motto: Onwards",
    ]  # fmt: skip


def test_reading_costs_a_query_only_when_asked_for_attributes() -> None:
    for query, most in (("search=a", 0), ("attributes.tier=Basic&attributes.vip=true", 1)):
        with CaptureQueriesContext(connection) as queries:
            AccountFilter.parse(QueryDict(query))
        assert len(queries) == most
    with CaptureQueriesContext(connection) as queries:
        known = list(Attribute.objects.all())
        AccountFilter.parse(QueryDict("attributes.tier=Basic"), attributes=known)
    assert len(queries) == 1

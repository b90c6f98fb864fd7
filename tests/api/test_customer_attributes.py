"""Custom attributes of customers: read typed, written strictly, numbers as readings."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Account, Attribute
from accounts.services.accounts import archive_account
from accounts.services.attributes import archive_attribute, update_attribute
from objectives.models import Reading
from objectives.services.attributes import define_attribute, save_attributes
from tests.api.conftest import Caller, errors_of
from tests.factories import make_account
from valuerealization.common.audit import SYSTEM
from valuerealization.common.models import AuditEntry

pytestmark = pytest.mark.django_db
AT = datetime(2026, 11, 15, 12, tzinfo=UTC)
VALUES = {"tier": "gold", "seats": "40.5", "vip": True, "kick": "2026-05-04", "motto": "Onwards"}


@pytest.fixture(autouse=True)
def defined(db: None) -> None:
    for key, kind, choices in (
        ("tier", "choice", ["gold", "silver"]), ("seats", "number", []), ("vip", "flag", []), ("kick", "date", []),
        ("motto", "text", []),
    ):  # fmt: skip
        define_attribute(by=SYSTEM, key=key, name=key.title(), type=kind, choices=choices)


def make(api: Caller, **attributes: Any) -> dict[str, Any]:
    return api.make("/api/customers", name="N", timezone="UTC", external_id="CRM-1", attributes=attributes)


def test_values_are_written_and_read_typed(api: Caller) -> None:
    made = make(api, **VALUES)
    assert made["attributes"] == VALUES
    assert list(made["attributes"]) == list(VALUES)
    assert api.read("/api/customers/external:CRM-1") == made
    assert api.read("/api/customers")["results"] == [made]
    reading = Reading.objects.get()
    assert (str(reading.value), reading.metric and reading.metric.key) == ("40.500000", "seats")
    assert reading.recorded_by == "API key Test write"


@pytest.mark.parametrize(("given", "written"), [(40, "40"), (40.50, "40.5"), ("-0", "0"), ("7.000000", "7")])
def test_numbers_are_decimals(api: Caller, given: object, written: str) -> None:
    assert make(api, seats=given)["attributes"] == {"seats": written}


def test_a_change_is_laid_over_what_there_is(api: Caller) -> None:
    make(api, **VALUES)
    path = "/api/customers/external:CRM-1"
    found = api.patch(path, {"attributes": {"vip": False, "motto": None, "kick": ""}}).json()
    assert found["attributes"] == {"tier": "gold", "seats": "40.5", "vip": False}
    found = api.patch(path, {"attributes": {"seats": 41}, "industry": "Trade"}).json()
    assert (found["attributes"]["seats"], found["industry"]) == ("41", "Trade")
    assert api.patch(path, {"attributes": {}}).json() == api.patch(path, {}).json() == found
    entries = AuditEntry.objects.filter(action="account.updated").order_by("pk")
    assert [sorted(entry.details) for entry in entries] == [
        ["attributes.kick", "attributes.motto", "attributes.vip"], ["industry"],
    ]  # fmt: skip


def test_the_same_values_again_write_nothing(api: Caller) -> None:
    made = make(api, **VALUES)
    entries = AuditEntry.objects.count()
    assert api.patch("/api/customers/external:CRM-1", {"attributes": VALUES}).json() == made
    assert (AuditEntry.objects.count(), Reading.objects.count()) == (entries, 1)


@pytest.mark.parametrize(
    ("key", "value", "code"),
    [
        ("tier", "bronze", "invalid_choice"),
        ("tier", "Gold", "invalid_choice"),
        ("tier", 7, "invalid_choice"),
        ("tier", ["gold"], "invalid_choice"),
        ("seats", "many", "not_a_number"),
        ("seats", True, "not_a_number"),
        ("seats", [], "not_a_number"),
        ("seats", {"amount": "1"}, "not_a_number"),
        ("seats", "1e3", "exponent"),
        ("seats", "NaN", "not_finite"),
        ("seats", "1,5", "separator"),
        ("seats", "\u0661", "not_ascii"),
        ("seats", 10**14, "too_many_digits"),
        ("seats", "0.0000001", "too_many_decimals"),
        ("vip", "true", "not_a_boolean"),
        ("vip", 1, "not_a_boolean"),
        ("vip", [], "not_a_boolean"),
        ("kick", "04.05.2026", "invalid_date"),
        ("kick", "2026-02-30", "invalid_date"),
        ("kick", "20260504", "invalid_date"),
        ("kick", 20260504, "invalid_date"),
        ("kick", "1890-01-01", "out_of_range"),
        ("motto", 7, "not_text"),
        ("motto", {"a": 1}, "not_text"),
        ("motto", "x" * 501, "max_length"),
        ("motto", "a\u0007", "control_character"),
        ("motto", "two\nlines", "control_character"),
        ("colour", "red", "unknown_attribute"),
        ("Tier", "gold", "unknown_attribute"),
        ("", "gold", "unknown_attribute"),
        ("__class__", "gold", "unknown_attribute"),
    ],
)
def test_what_cannot_be_taken_names_the_attribute(api: Caller, key: str, value: object, code: str) -> None:
    body = {"name": "N", "timezone": "UTC", "attributes": {"vip": True, key: value}}
    response = api.post("/api/customers", body)
    assert (response.status_code, errors_of(response)) == (400, [(f"attributes.{key}", code)])
    assert Account.objects.count() == 0
    account = make_account()
    response = api.patch(f"/api/customers/{account.pk}", {"industry": "Trade", "attributes": {key: value}})
    assert (response.status_code, errors_of(response)) == (400, [(f"attributes.{key}", code)])
    assert Account.objects.get().industry == ""
    assert Reading.objects.count() == 0


def test_every_error_is_told_at_once(api: Caller) -> None:
    wrong = {"tier": "x", "seats": "x", "vip": "x", "kick": "x", "colour": "x", "motto": "fine"}
    response = api.post("/api/customers", {"name": "N", "timezone": "UTC", "attributes": wrong})
    assert sorted(errors_of(response)) == [
        ("attributes.colour", "unknown_attribute"), ("attributes.kick", "invalid_date"),
        ("attributes.seats", "not_a_number"), ("attributes.tier", "invalid_choice"),
        ("attributes.vip", "not_a_boolean"),
    ]  # fmt: skip


@pytest.mark.parametrize("given", [[], "tier=gold", 7, True, [{"tier": "gold"}]])
def test_attributes_are_an_object(api: Caller, given: object) -> None:
    response = api.post("/api/customers", {"name": "N", "timezone": "UTC", "attributes": given})
    assert errors_of(response) == [("attributes", "not_an_object")]
    response = api.post("/api/customers", {"name": "N", "timezone": "UTC", "attributes": None})
    assert errors_of(response) == [("attributes", "null")]


def test_nul_and_lone_surrogates_are_refused(api: Caller) -> None:
    for inside, code in ((b"a\\u0000", "nul"), (b"\\ud800", "lone_surrogate")):
        raw = b'{"name": "N", "timezone": "UTC", "attributes": {"motto": "' + inside + b'"}}'
        response = api.send("POST", "/api/customers", raw=raw)
        assert (response.status_code, response.json()["code"]) == (400, code)


def test_a_number_cannot_be_taken_away(api: Caller) -> None:
    make(api, seats=5)
    path = "/api/customers/external:CRM-1"
    for nothing in (None, ""):
        assert errors_of(api.patch(path, {"attributes": {"seats": nothing}})) == [("attributes.seats", "number_stays")]
    assert api.read(path)["attributes"] == {"seats": "5"}
    assert api.make("/api/customers", name="M", timezone="UTC", attributes={"seats": None})["attributes"] == {}


def test_an_archived_customer_takes_no_number(api: Caller) -> None:
    account = make_account()
    archive_account(account=account, by=SYSTEM, at=AT)
    response = api.patch(f"/api/customers/{account.pk}", {"attributes": {"seats": 5}})
    assert (response.status_code, errors_of(response)) == (400, [("attributes.seats", "archived")])


def test_an_archived_attribute_is_neither_read_nor_written(api: Caller) -> None:
    make(api, **VALUES)
    for key in ("tier", "seats"):
        archive_attribute(attribute=Attribute.objects.get(key=key), by=SYSTEM, at=AT)
    path = "/api/customers/external:CRM-1"
    assert set(api.read(path)["attributes"]) == {"vip", "kick", "motto"}
    for key in ("tier", "seats"):
        response = api.patch(path, {"attributes": {key: VALUES[key]}})
        assert errors_of(response) == [(f"attributes.{key}", "unknown_attribute")]


def test_a_choice_that_was_dropped_can_stay(api: Caller) -> None:
    make(api, tier="gold")
    update_attribute(attribute=Attribute.objects.get(key="tier"), by=SYSTEM, at=AT, choices=["silver"])
    found = api.patch("/api/customers/external:CRM-1", {"attributes": {"tier": "gold", "vip": True}}).json()
    assert found["attributes"] == {"tier": "gold", "vip": True}


def test_the_tag_changes_with_a_value(api: Caller) -> None:
    make(api, seats=5)
    path = "/api/customers/external:CRM-1"
    tag = api.get(path).headers["ETag"]
    assert api.patch(path, {"attributes": {"seats": 6}}, if_match=tag).status_code == 200
    assert api.patch(path, {"attributes": {"seats": 7}}, if_match=tag).status_code == 412
    assert api.read(path)["attributes"] == {"seats": "6"}


def test_a_list_costs_the_same_with_attributes_of_many(reader: Caller) -> None:
    counts = []
    reader.read("/api/customers")  # the key's own first use is noted
    for number in (1, 30):
        for index in range(number):
            account = make_account()
            save_attributes(account=account, by=SYSTEM, at=AT, values={**VALUES, "seats": index})
        with CaptureQueriesContext(connection) as queries:
            found = reader.read("/api/customers")["results"]
        assert all(set(each["attributes"]) == set(VALUES) for each in found)
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 5


def test_lists_are_narrowed_by_attributes(api: Caller) -> None:
    make(api, **VALUES)
    api.make("/api/customers", name="M", timezone="UTC", attributes={"tier": "silver", "seats": 5})
    for query, expected in [
        ("attributes.tier=gold", "N"), ("attributes.tier=gold&attributes.tier=silver", "MN"),
        ("attributes.seats.min=5&attributes.seats.max=40", "M"), ("attributes.vip=none", "M"),
        ("attributes.kick=2026-05-04&attributes.motto=onwards", "N"), ("attributes.tier=gold&attributes.seats=5", ""),
    ]:  # fmt: skip
        found = [each["name"] for each in api.read(f"/api/customers?{query}&ordering=name")["results"]]
        assert "".join(found) == expected, query
        assert api.read(f"/api/portfolio?{query}")["without_score"] == len(expected)
        file = b"".join(api.get(f"/api/portfolio/customers.csv?{query}").streaming_content).decode()
        assert file.count("\n") == 1 + len(expected)
    first = api.read("/api/customers?attributes.tier=gold&attributes.tier=silver&ordering=name&page_size=1")
    assert [each["name"] for each in api.read(first["next"])["results"]] == ["N"]


@pytest.mark.parametrize(
    ("query", "field", "code"),
    [
        ("attributes.colour=red", "attributes.colour", "unknown_attribute"),
        ("attributes.tier=bronze", "attributes.tier", "invalid_choice"),
        ("attributes.seats.min=x", "attributes.seats.min", "not_a_number"),
        ("attributes.vip.max=1", "attributes.vip.max", "unknown_parameter"),
        ("attributes=tier", "attributes", "unknown_parameter"),
        ("attributes.motto=a%00", "attributes.motto", "control_character"),
    ],
)
def test_filters_that_cannot_be_taken_are_refused(reader: Caller, query: str, field: str, code: str) -> None:
    for path in ("customers", "portfolio", "portfolio/customers.csv"):
        response = reader.get(f"/api/{path}?{query}")
        assert (response.status_code, errors_of(response)) == (400, [(field, code)])

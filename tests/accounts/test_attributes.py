"""Custom attributes: definitions, values by type, and what an account keeps."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.attributes import AttributeRefused, Kind, read_choices, read_value, show_value
from accounts.models import Account, Attribute
from accounts.services.accounts import AccountRefused, AccountRow, AccountRowsRefused, save_accounts, update_account
from accounts.services.attributes import (
    AttributeDefinitionRefused,
    archive_attribute,
    create_attribute,
    definitions,
    update_attribute,
)
from tests.factories import make_account
from valuerealization.common.audit import SYSTEM
from valuerealization.common.models import AuditEntry

AT = datetime(2026, 11, 15, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("kind", "value", "kept"),
    [
        ("text", " Some text ", "Some text"),
        ("text", "   ", None),
        ("text", None, None),
        ("date", "2026-11-15", "2026-11-15"),
        ("date", date(2026, 11, 15), "2026-11-15"),
        ("flag", False, False),
        ("flag", "", None),
        ("choice", "Gold", "Gold"),
    ],
)
def test_values_are_kept_by_type(kind: str, value: Any, kept: Any) -> None:
    assert read_value(value, kind=kind, choices=["Basic", "Gold"]) == kept


@pytest.mark.parametrize(
    ("kind", "value", "code"),
    [
        ("text", 5, "not_text"),
        ("text", "x" * 501, "max_length"),
        ("text", "a\x00", "control_character"),
        ("text", "\ud800", "control_character"),
        ("date", "15.11.2026", "invalid_date"),
        ("date", "2026-02-30", "invalid_date"),
        ("date", datetime(2026, 11, 15, tzinfo=UTC), "invalid_date"),
        ("date", "1969-12-31", "out_of_range"),
        ("date", True, "invalid_date"),
        ("flag", "true", "not_a_boolean"),
        ("flag", 1, "not_a_boolean"),
        ("choice", "gold", "invalid_choice"),
        ("choice", ["Gold"], "invalid_choice"),
        ("number", "5", "not_kept_here"),
    ],
)
def test_values_of_another_type_are_refused(kind: str, value: Any, code: str) -> None:
    with pytest.raises(AttributeRefused) as caught:
        read_value(value, kind=kind, choices=["Gold"])
    assert caught.value.code == code


@given(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.dates()
    | st.datetimes()
    | st.lists(st.text()),
    st.sampled_from(list(Kind)),
)
def test_reading_never_fails_otherwise_and_reads_its_own_again(value: Any, kind: Kind) -> None:
    try:
        kept = read_value(value, kind=kind, choices=["a", "b"])
    except AttributeRefused:
        return
    assert read_value(kept, kind=kind, choices=["a", "b"]) == kept


def test_choices_are_kept_once_in_their_order() -> None:
    assert read_choices(["Gold", " Basic ", "Gold", ""]) == ["Gold", "Basic"]
    for wrong in (["x" * 81], [f"{number}" for number in range(51)]):
        with pytest.raises(AttributeRefused):
            read_choices(wrong)


def test_values_are_shown_in_words() -> None:
    assert [show_value(value) for value in (True, False, None, "Gold")] == ["Yes", "No", "", "Gold"]


@pytest.mark.django_db
class TestDefinitions:
    def test_each_goes_behind_the_others(self) -> None:
        for key in ("b", "a"):
            create_attribute(by=SYSTEM, key=key, name=key.upper(), type="text")
        assert list(definitions()) == ["b", "a"]
        assert AuditEntry.objects.filter(action="attribute.created").count() == 2

    @pytest.mark.parametrize(
        ("fields", "refused"),
        [
            ({"key": "Two words"}, "key"),
            ({"key": ""}, "key"),
            ({"name": ""}, "name"),
            ({"type": "colour"}, "type"),
            ({"type": "choice", "choices": [" "]}, "choices"),
        ],
    )
    def test_a_definition_is_refused_by_field(self, fields: dict[str, Any], refused: str) -> None:
        with pytest.raises(AttributeDefinitionRefused) as caught:
            create_attribute(by=SYSTEM, **{"key": "k", "name": "K", "type": "text", **fields})
        assert set(caught.value.message_dict) == {refused}

    def test_a_key_is_one_attributes_alone(self) -> None:
        create_attribute(by=SYSTEM, key="plan", name="Plan", type="text")
        with pytest.raises(AttributeDefinitionRefused) as caught:
            create_attribute(by=SYSTEM, key="plan", name="Plan", type="text")
        assert set(caught.value.message_dict) == {"key"}

    def test_key_and_type_stay(self) -> None:
        attribute = create_attribute(by=SYSTEM, key="plan", name="Plan", type="text", choices=["dropped"])
        assert attribute.choices == []
        update_attribute(attribute=attribute, by=SYSTEM, at=AT, name="The plan", key="plan")
        for name, value in (("key", "other"), ("type", "date")):
            with pytest.raises(AttributeDefinitionRefused) as caught:
                update_attribute(attribute=attribute, by=SYSTEM, at=AT, **{name: value})
            assert set(caught.value.message_dict) == {name}
        stored = Attribute.objects.get()
        assert (stored.name, stored.key, stored.type, stored.updated_at) == ("The plan", "plan", "text", AT)


@pytest.mark.django_db
class TestValues:
    @pytest.fixture(autouse=True)
    def define(self) -> None:
        create_attribute(by=SYSTEM, key="plan", name="Plan", type="choice", choices=["Basic", "Gold"])
        create_attribute(by=SYSTEM, key="vip", name="VIP", type="flag")
        create_attribute(by=SYSTEM, key="seats", name="Seats", type="number")

    def test_given_values_lie_over_stored_ones(self) -> None:
        account = make_account(attributes={"plan": "Gold", "vip": True})
        update_account(account=account, by=SYSTEM, at=AT, attributes={"vip": None})
        account.refresh_from_db()
        assert account.attributes == {"plan": "Gold"}
        entry = AuditEntry.objects.get(action="account.updated")
        assert entry.details == {"attributes.vip": [True, None]}

    def test_what_is_wrong_names_the_attribute(self) -> None:
        account = make_account(attributes={"plan": "Gold"})
        wrong = {"plan": "Silver", "vip": "yes", "colour": "red", "seats": Decimal(5)}
        with pytest.raises(AccountRefused) as caught:
            update_account(account=account, by=SYSTEM, at=AT, attributes=wrong)
        assert {name: error[0].code for name, error in caught.value.error_dict.items()} == {
            "attributes.plan": "invalid_choice", "attributes.vip": "not_a_boolean",
            "attributes.colour": "unknown_attribute", "attributes.seats": "not_kept_here",
        }  # fmt: skip
        account.refresh_from_db()
        assert account.attributes == {"plan": "Gold"}

    def test_a_choice_that_was_dropped_can_stay_but_not_come_back(self) -> None:
        account = make_account(attributes={"plan": "Gold"})
        update_attribute(attribute=definitions()["plan"], by=SYSTEM, at=AT, choices=["Basic"])
        update_account(account=account, by=SYSTEM, at=AT, attributes={"plan": "Gold", "vip": True})
        account.refresh_from_db()
        assert account.attributes == {"plan": "Gold", "vip": True}
        with pytest.raises(AccountRefused):
            make_account(attributes={"plan": "Gold"})

    def test_an_archived_attribute_takes_no_value_and_keeps_its_own(self) -> None:
        account = make_account(attributes={"vip": True})
        archive_attribute(attribute=definitions()["vip"], by=SYSTEM, at=AT)
        with pytest.raises(AccountRefused):
            update_account(account=account, by=SYSTEM, at=AT, attributes={"vip": False})
        assert Account.objects.get().attributes == {"vip": True}

    def test_many_accounts_are_saved_at_once_or_none(self) -> None:
        make_account(external_id="A", timezone="UTC", attributes={"plan": "Gold"})
        rows = [
            AccountRow(2, "A", {"attributes": {"vip": True}}),
            AccountRow(3, "B", {"name": "New", "timezone": "UTC", "attributes": {"plan": "Basic"}}),
        ]
        saved = save_accounts(rows=rows, by=SYSTEM, at=AT)
        assert (saved.created, saved.updated, saved.unchanged, saved.touched) == (1, 1, 0, frozenset("AB"))
        found = dict(Account.objects.values_list("external_id", "attributes"))
        assert found == {"A": {"plan": "Gold", "vip": True}, "B": {"plan": "Basic"}}
        saved = save_accounts(rows=rows, by=SYSTEM, at=AT)
        assert (saved.unchanged, saved.touched) == (2, frozenset())
        with pytest.raises(AccountRowsRefused) as caught:
            save_accounts(rows=[AccountRow(7, "A", {"attributes": {"plan": "Tin"}})], by=SYSTEM, at=AT)
        assert caught.value.errors == ((7, "attributes.plan", "Choose one of Basic, Gold."),)

"""Custom attributes on pages: defined by administrators, filled in on accounts, numbers as readings."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from accounts.models import Account, Attribute
from accounts.services.accounts import AccountRefused
from accounts.services.attributes import AttributeDefinitionRefused, create_attribute
from objectives.models import Metric, Objective, Reading
from objectives.queries.attributes import attribute_lines, number_values
from objectives.services.attributes import define_attribute, save_attributes
from tests.factories import make_account, make_metric, make_objective, make_user, record
from valuerealization.common.audit import SYSTEM

pytestmark = pytest.mark.django_db
AT = datetime(2026, 11, 15, 12, tzinfo=UTC)


def sign_in(client: Client, role: str) -> Any:
    user = make_user(role=role)
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return user


@pytest.fixture
def account() -> Account:
    return make_account(name="Brightwater")


class TestNumbers:
    @pytest.fixture(autouse=True)
    def seats(self) -> None:
        define_attribute(by=SYSTEM, key="seats", name="Seats", type="number", unit="users")

    def test_a_number_is_defined_with_its_metric(self) -> None:
        metric = Metric.objects.get()
        assert (metric.key, metric.name, metric.unit) == ("seats", "Seats", "users")

    def test_a_metric_that_is_there_is_taken_over(self) -> None:
        make_metric(key="cost", name="Billed cost")
        define_attribute(by=SYSTEM, key="cost", name="Cost", type="number")
        assert Metric.objects.get(key="cost").name == "Billed cost"

    def test_a_number_is_a_reading_and_objectives_follow(self, account: Account) -> None:
        objective = make_objective(account, metric=Metric.objects.get(), baseline=0, target=100)
        save_attributes(account=account, by=SYSTEM, at=AT, values={"seats": Decimal(40)})
        reading = Reading.objects.get()
        assert (reading.value, reading.source, reading.metric.key) == (40, "attribute", "seats")  # type: ignore[union-attr]
        assert Objective.objects.get(pk=objective.pk).completion == 40
        assert number_values([account.pk]) == {account.pk: {"seats": 40}}

    def test_the_same_number_is_not_recorded_again(self, account: Account) -> None:
        for value in ("40", "40.0", "41"):
            save_attributes(account=account, by=SYSTEM, at=AT, values={"seats": value})
        assert [each.value for each in Reading.objects.order_by("id")] == [40, 41]

    def test_a_reading_from_elsewhere_is_the_attributes_value_too(self, account: Account) -> None:
        record(Metric.objects.get(), 77, account=account)
        assert number_values([account.pk]) == {account.pk: {"seats": 77}}

    def test_a_number_that_was_recorded_is_not_taken_away(self, account: Account) -> None:
        save_attributes(account=account, by=SYSTEM, at=AT, values={"seats": None})
        save_attributes(account=account, by=SYSTEM, at=AT, values={"seats": 5})
        with pytest.raises(AccountRefused) as caught:
            save_attributes(account=account, by=SYSTEM, at=AT, values={"seats": None})
        assert set(caught.value.message_dict) == {"attributes.seats"}

    def test_all_or_nothing(self, account: Account) -> None:
        create_attribute(by=SYSTEM, key="plan", name="Plan", type="choice", choices=["Gold"])
        for values in ({"seats": "1e3", "plan": "Gold"}, {"seats": 3, "plan": "Tin"}, {"seats": "x", "plan": "Tin"}):
            with pytest.raises(AccountRefused) as caught:
                save_attributes(account=account, by=SYSTEM, at=AT, values=values)
            wrong = {"1e3": {"attributes.seats"}, 3: {"attributes.plan"}}
            assert set(caught.value.message_dict) == wrong.get(
                values["seats"],
                {"attributes.seats", "attributes.plan"},  # type: ignore[call-overload]
            )
        assert not Reading.objects.exists()
        assert Account.objects.get().attributes == {}

    def test_a_key_that_no_metric_can_have_is_refused(self) -> None:
        with pytest.raises(AttributeDefinitionRefused) as caught:
            define_attribute(by=SYSTEM, key="Bad key", name="Bad", type="number")
        assert set(caught.value.message_dict) == {"key"}
        assert Attribute.objects.count() == 1


def test_values_are_shown_by_type(account: Account, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(1):
        assert attribute_lines(account=account, today=AT.date()) == ()
    for key, kind in (("note", "text"), ("since", "date"), ("vip", "flag"), ("empty", "text")):
        create_attribute(by=SYSTEM, key=key, name=key, type=kind)
    define_attribute(by=SYSTEM, key="budget", name="budget", type="number", unit="currency")
    values = {"note": "Hello", "since": "2026-01-05", "vip": False, "budget": Decimal(1250)}
    saved = save_attributes(account=account, by=SYSTEM, at=AT, values=values)
    with django_assert_num_queries(3):
        lines = attribute_lines(account=saved, today=AT.date())
    assert [(line.key, line.shown) for line in lines] == [
        ("note", "Hello"), ("since", "5 Jan 2026"), ("vip", "No"), ("empty", ""), ("budget", "$1,250"),
    ]  # fmt: skip


class TestDefinitionPages:
    def test_an_administrator_defines_an_attribute(self, client: Client) -> None:
        sign_in(client, "admin")
        assert "No attributes yet" in client.get("/attributes/").content.decode()
        typed = {
            "name": "Support plan",
            "key": "plan",
            "type": "choice",
            "choices": "Basic\n\nGold\n",
            "help_text": "?",
        }
        assert client.post("/attributes/new/", typed).status_code == 302
        attribute = Attribute.objects.get()
        assert (attribute.choices, attribute.position, attribute.help_text) == (["Basic", "Gold"], 0, "?")
        assert "Basic, Gold" in client.get("/attributes/").content.decode()

    def test_what_is_wrong_is_told(self, client: Client) -> None:
        sign_in(client, "admin")
        response = client.post("/attributes/new/", {"name": "Plan", "key": "My plan", "type": "text"})
        assert response.status_code == 422
        assert set(response.context["form"].errors) == {"key"}
        response = client.post("/attributes/new/", {"name": "Plan", "key": "plan", "type": "choice"})
        assert set(response.context["form"].errors) == {"choices"}
        assert not Attribute.objects.exists()

    def test_key_and_type_are_asked_for_once(self, client: Client) -> None:
        sign_in(client, "admin")
        attribute = create_attribute(by=SYSTEM, key="plan", name="Plan", type="choice", choices=["A"])
        page = client.get(f"/attributes/{attribute.pk}/edit/").content.decode()
        assert 'name="key"' not in page
        typed = {"name": "The plan", "choices": "A\nB", "position": "3", "key": "other", "type": "date"}
        assert client.post(f"/attributes/{attribute.pk}/edit/", typed).status_code == 302
        attribute.refresh_from_db()
        assert (attribute.name, attribute.choices, attribute.position) == ("The plan", ["A", "B"], 3)
        assert (attribute.key, attribute.type) == ("plan", "choice")

    def test_archiving_asks_first(self, client: Client) -> None:
        sign_in(client, "admin")
        attribute = create_attribute(by=SYSTEM, key="plan", name="Plan", type="text")
        assert "Archive Plan?" in client.get(f"/attributes/{attribute.pk}/archive/").content.decode()
        client.post(f"/attributes/{attribute.pk}/archive/")
        assert not Attribute.objects.active().exists()
        client.post(f"/attributes/{attribute.pk}/restore/")
        assert Attribute.objects.active().exists()

    def test_nobody_else_defines_attributes(self, client: Client) -> None:
        sign_in(client, "leader")
        assert client.get("/attributes/").status_code == 403
        assert 'href="/attributes/"' not in client.get("/accounts/").content.decode()


class TestValuesForm:
    @pytest.fixture(autouse=True)
    def define(self) -> None:
        create_attribute(by=SYSTEM, key="plan", name="Plan", type="choice", choices=["Basic", "Gold"])
        create_attribute(by=SYSTEM, key="vip", name="VIP", type="flag")
        create_attribute(by=SYSTEM, key="since", name="Since", type="date")
        define_attribute(by=SYSTEM, key="seats", name="Seats", type="number")

    def test_values_are_filled_in_shown_and_taken_away(self, client: Client, account: Account) -> None:
        sign_in(client, "leader")
        address = f"/accounts/{account.pk}/attributes/"
        assert client.get(address).status_code == 200
        typed = {"plan": "Gold", "vip": "no", "since": "2026-02-01", "seats": "120"}
        assert client.post(address, typed).status_code == 302
        account.refresh_from_db()
        assert account.attributes == {"plan": "Gold", "vip": False, "since": "2026-02-01"}
        assert Reading.objects.get().value == 120
        page = client.get(f"/accounts/{account.pk}/").content.decode()
        for text in ("Attributes", "Gold", "1 Feb 2026", "120"):
            assert text in page
        typed = {"plan": "Gold", "vip": "", "since": "", "seats": "120"}
        assert client.post(address, typed).status_code == 302
        account.refresh_from_db()
        assert account.attributes == {"plan": "Gold"}
        assert Reading.objects.count() == 1

    def test_what_is_wrong_stands_at_its_field(self, client: Client, account: Account) -> None:
        sign_in(client, "leader")
        typed = {"plan": "Tin", "vip": "maybe", "since": "1.2.2026", "seats": "many"}
        response = client.post(f"/accounts/{account.pk}/attributes/", typed)
        assert response.status_code == 422
        assert set(response.context["form"].errors) == {"plan", "vip", "since", "seats"}
        save_attributes(account=account, by=SYSTEM, at=AT, values={"seats": 5})
        response = client.post(f"/accounts/{account.pk}/attributes/", {"seats": ""})
        assert response.status_code == 422
        assert set(response.context["form"].errors) == {"seats"}

    def test_a_change_is_told_by_the_attributes_name(self, client: Client, account: Account) -> None:
        sign_in(client, "leader")
        client.post(f"/accounts/{account.pk}/attributes/", {"vip": "yes"})
        text = client.get(f"/accounts/{account.pk}/activity/").content.decode()
        assert "VIP" in text
        assert "attributes.vip" not in text

    @pytest.mark.parametrize(("key", "value"), [("based_on", "Salesforce"), ("is_on", True)])
    def test_a_key_that_sounds_like_a_day_makes_none(
        self, client: Client, account: Account, key: str, value: Any
    ) -> None:
        sign_in(client, "leader")
        create_attribute(by=SYSTEM, key=key, name="Ground", type="flag" if value is True else "text")
        save_attributes(account=account, by=SYSTEM, at=AT, values={key: value, "since": "2026-02-01"})
        for tab in ("", "activity/"):
            text = client.get(f"/accounts/{account.pk}/{tab}").content.decode()
            assert "Ground" in text
        assert ("yes" if value is True else "Salesforce") in text
        assert "1 Feb" in text


def test_without_attributes_the_form_says_so(client: Client, account: Account) -> None:
    sign_in(client, "leader")
    assert "No attributes yet" in client.get(f"/accounts/{account.pk}/attributes/").content.decode()

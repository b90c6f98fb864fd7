"""New values of several goals at once, and new metrics."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import Account, User
from accounts.services.accounts import archive_account
from objectives.models import Metric, Objective, Reading
from tests.factories import make_account, make_metric, make_objective, make_user, record
from tests.objectives.pages import (
    NOW,
    START,
    D,
    errors,
    htmx,
    is_part,
    messages,
    rows,
    signed_in_as,
    summary,
)
from tests.ui.page import Page
from valuerealization.common.audit import SYSTEM
from valuerealization.common.models import AuditEntry

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def now(clock: Callable[[datetime], None]) -> None:
    clock(NOW)


@pytest.fixture
def csm() -> User:
    return make_user(role="csm", name="Amara Okafor")


@pytest.fixture
def account(csm: User) -> Account:
    return make_account(name="Brightwater Logistics", timezone="America/New_York", owner=csm, at=START)


@pytest.fixture
def client(csm: User) -> Client:
    return signed_in_as(csm)


class TestValues:
    @pytest.fixture
    def goals(self, account: Account) -> list[Objective]:
        metric = make_metric(name="Match rate", unit="percentage")
        record(metric, 40, account=account, at=NOW - timedelta(days=3))
        onboarding = make_objective(account, title="Onboarding", baseline=14, target=7, unit="days", at=START)
        record(onboarding, 9, at=NOW - timedelta(days=2))
        return [
            onboarding,
            make_objective(account, title="Disputes", baseline=94, target=58, at=START),
            make_objective(account, title="Match more", metric=metric, at=START),
            make_objective(account, title="Match most", metric=metric, target=50, at=START),
            make_objective(account, title="Sponsor", completion_type="manual", at=START),
        ]

    @staticmethod
    def sent(goals: list[Objective], *values: str, **fields: str) -> dict[str, str]:
        keys = [f"objective-{goals[0].pk}", f"objective-{goals[1].pk}", f"metric-{goals[2].metric_id}"]
        return {
            "observed_on": "", "observed_time": "", "source": "", "confidence": "high", "note": "",
            **dict(zip(keys, values, strict=False)), **fields,
        }  # fmt: skip

    def test_the_page_lists_what_can_be_updated(self, client: Client, account: Account, goals: list[Objective]) -> None:
        page = Page(client.get(f"/accounts/{account.pk}/values/").content.decode())
        assert page.texts("label")[:3] == ["Onboarding", "Disputes", "Match rate"]
        now = [" ".join("".join(text).split()) for _, attrs, text in page.elements if "_now" in str(attrs.get("id"))]
        assert now == [
            "Now 9 days, measured 15 Nov, 10:00", "Not measured yet", "Moves 2 goals. Now 40%, measured 14 Nov, 10:00",
        ]  # fmt: skip

    def test_an_account_without_any_says_where_to_begin(self, client: Client, account: Account) -> None:
        make_objective(account, completion_type="manual")
        page = Page(client.get(f"/accounts/{account.pk}/values/").content.decode())
        assert "Nothing to measure yet" in page.text
        assert page.find("form", "vr-form") == []

    def test_several_at_once(self, client: Client, account: Account, goals: list[Objective]) -> None:
        sent = self.sent(goals, "8", "", "60", source="Report", confidence="medium", note="Monthly")
        response = client.post(f"/accounts/{account.pk}/values/", sent)
        assert (response.status_code, response["Location"]) == (302, f"/accounts/{account.pk}/")
        assert messages(response) == [f'2 values recorded. <a href="/accounts/{account.pk}/activity/">History</a>']
        new = Reading.objects.order_by("id")[2:]
        assert [(r.value, r.observed_at, r.source, r.confidence, r.note) for r in new] == [
            (D(8), NOW, "Report", "medium", "Monthly"),
            (D(60), NOW, "Report", "medium", "Monthly"),
        ]
        current = [Objective.objects.get(pk=goal.pk).current for goal in goals]
        assert current == [D(8), None, D(60), D(60), None]
        assert AuditEntry.objects.filter(action="readings.recorded").latest("id").details["count"] == 2

    def test_by_htmx_the_browser_is_sent_on(self, client: Client, account: Account, goals: list[Objective]) -> None:
        response = htmx(client, f"/accounts/{account.pk}/values/", self.sent(goals, "8"))
        assert response["HX-Redirect"] == f"/accounts/{account.pk}/"

    def test_the_same_again_changes_nothing(self, client: Client, account: Account, goals: list[Objective]) -> None:
        for _ in range(2):
            response = client.post(f"/accounts/{account.pk}/values/", self.sent(goals, "8"))
        assert messages(response)[-1].startswith("0 values recorded, 1 known already.")
        assert Reading.objects.count() == 3

    @pytest.mark.parametrize(
        ("day", "hour", "expected"),
        [
            ("", "", NOW),
            ("2026-11-16", "", datetime(2026, 11, 16, 17, tzinfo=UTC)),
            ("2026-11-16", "08:30", datetime(2026, 11, 16, 13, 30, tzinfo=UTC)),
            ("2026-11-17", "", NOW),  # noon is still ahead
            ("", "09:00", datetime(2026, 11, 17, 14, tzinfo=UTC)),
            ("2026-11-17", "10:05", NOW + timedelta(minutes=5)),
        ],
    )
    def test_the_time_is_the_accounts(
        self, client: Client, account: Account, goals: list[Objective], day: str, hour: str, expected: datetime
    ) -> None:
        sent = self.sent(goals, "8", observed_on=day, observed_time=hour)
        assert client.post(f"/accounts/{account.pk}/values/", sent).status_code == 302
        assert Reading.objects.latest("id").observed_at == expected

    @pytest.mark.parametrize(
        ("fields", "expected"),
        [
            ({"observed_on": "2026-11-18"}, {"observed_on": "A reading can't be observed in the future."}),
            (
                {"observed_on": "2026-11-17", "observed_time": "10:06"},
                {"observed_on": "A reading can't be observed in the future."},
            ),
            ({"observed_on": "0001-01-01"}, {"observed_on": "Check the year."}),
            ({"observed_on": "9999-12-31", "observed_time": "23:59"}, {"observed_on": "Check the year."}),
            ({"observed_on": "yesterday"}, {"observed_on": "Write the date as year, month and day: 2026-11-15."}),
            ({"observed_time": "25:00"}, {"observed_time": "Write the time as hours and minutes: 09:30."}),
            (
                {"confidence": "total"},
                {"confidence": "Select a valid choice. total is not one of the available choices."},
            ),
            (
                {"source": "x" * 121},
                {"source": "Ensure this value has at most 120 characters (it has 121)."},
            ),
        ],
    )
    def test_what_they_share_is_refused_once(
        self, client: Client, account: Account, goals: list[Objective], fields: dict[str, str], expected: dict[str, str]
    ) -> None:
        path = f"/accounts/{account.pk}/values/"
        plain, part = (
            client.post(path, self.sent(goals, "8", "90", **fields)),
            htmx(client, path, self.sent(goals, "8", "90", **fields)),
        )
        assert (plain.status_code, part.status_code, is_part(part)) == (422, 422, True)
        assert errors(plain) == errors(part) == expected
        assert summary(part).startswith("One thing to fix.")
        assert Reading.objects.count() == 2

    def test_each_row_has_its_own_refusal_and_none_is_saved(
        self, client: Client, account: Account, goals: list[Objective]
    ) -> None:
        response = client.post(f"/accounts/{account.pk}/values/", self.sent(goals, "8", "94", "60"))
        assert response.status_code == 422
        assert errors(response) == {
            f"objective-{goals[1].pk}": "No progress to measure yet: this equals the baseline. "
            "Record the first value that differs from it."
        }
        assert summary(response) == "One thing to fix. Disputes"
        assert Reading.objects.count() == 2

    def test_numbers_that_cannot_be_read(self, client: Client, account: Account, goals: list[Objective]) -> None:
        response = client.post(f"/accounts/{account.pk}/values/", self.sent(goals, "8 days", "NaN", "60"))
        assert list(errors(response)) == [f"objective-{goals[0].pk}", f"objective-{goals[1].pk}"]
        assert Reading.objects.count() == 2

    def test_nothing_typed(self, client: Client, account: Account, goals: list[Objective]) -> None:
        response = client.post(f"/accounts/{account.pk}/values/", self.sent(goals))
        assert response.status_code == 422
        assert summary(response) == "One thing to fix. Type at least one new value."

    def test_an_archived_account(self, client: Client, account: Account, goals: list[Objective]) -> None:
        archive_account(account=account, by=SYSTEM, at=NOW)
        response = client.post(f"/accounts/{account.pk}/values/", self.sent(goals, "8", "90"))
        assert response.status_code == 422
        assert summary(response) == "One thing to fix. This account is archived. Restore it first."

    def test_another_customers_objective_is_no_field_of_this_page(
        self, client: Client, account: Account, goals: list[Objective]
    ) -> None:
        other = make_objective(make_account())
        sent = self.sent(goals, "8", **{f"objective-{other.pk}": "5"})
        assert client.post(f"/accounts/{account.pk}/values/", sent).status_code == 302
        other.refresh_from_db()
        assert other.current is None

    def test_the_preview_shows_what_changes(self, client: Client, account: Account, goals: list[Objective]) -> None:
        path = f"/accounts/{account.pk}/values/preview/"
        response = htmx(client, path, self.sent(goals, "7", "94", "60"))
        page = Page(response.content.decode())
        assert is_part(response)
        assert page.texts("li") == [
            "Onboarding 9 days 7 days, 71% 100% target reached",
            "Disputes No progress to measure yet: the first value has to differ from the baseline.",
            "Match more 40% 60%, 40% 60%",
            "Match most 40% 60%, 80% 120% target reached",
        ]
        assert rows(response) == {
            "Account value delivered": "64% 93%", "Account status": "On track unchanged",
        }  # fmt: skip
        assert Reading.objects.count() == 2

    def test_an_older_value_joins_the_history(self, client: Client, account: Account, goals: list[Objective]) -> None:
        sent = self.sent(goals, "7", observed_on="2026-11-01")
        page = Page(htmx(client, f"/accounts/{account.pk}/values/preview/", sent).content.decode())
        assert page.texts("li") == ["Onboarding 7 days joins the history; the value of 15 Nov stays current."]
        client.post(f"/accounts/{account.pk}/values/", sent)
        assert Objective.objects.get(pk=goals[0].pk).current == 9

    @pytest.mark.parametrize("fields", [{}, {"observed_on": "x", "observed_time": "y"}, {"observed_on": "0001-01-01"}])
    def test_the_preview_takes_what_it_can_read(
        self, client: Client, account: Account, goals: list[Objective], fields: dict[str, str]
    ) -> None:
        response = htmx(client, f"/accounts/{account.pk}/values/preview/", {f"objective-{goals[0].pk}": "-", **fields})
        assert response.status_code == 200
        assert rows(response)["Account value delivered"] == "64% unchanged"

    def test_without_htmx_the_preview_is_the_page(
        self, client: Client, account: Account, goals: list[Objective]
    ) -> None:
        response = client.post(f"/accounts/{account.pk}/values/preview/", self.sent(goals, "7"))
        assert (response.status_code, is_part(response)) == (200, False)
        assert rows(response)["Account value delivered"] == "64% 73%"

    def test_what_the_preview_said_is_what_saving_gives(
        self, client: Client, account: Account, goals: list[Objective]
    ) -> None:
        sent = self.sent(goals, "8", "90", "45")
        said = rows(htmx(client, f"/accounts/{account.pk}/values/preview/", sent))["Account value delivered"]
        client.post(f"/accounts/{account.pk}/values/", sent)
        now = rows(client.get(f"/accounts/{account.pk}/values/"))["Account value delivered"]
        assert now == f"{said.split()[1]} unchanged"

    def test_as_many_queries_for_twenty_goals_as_for_one(self, client: Client, account: Account) -> None:
        counts = []
        for more in (1, 19):
            for _ in range(more):
                make_objective(account, at=START)
            with CaptureQueriesContext(connection) as queries:
                client.get(f"/accounts/{account.pk}/values/")
            counts.append(len(queries))
        assert counts[0] == counts[1]


class TestMetric:
    SENT = {
        "name": "Billed cost", "key": "billed_cost", "unit": "currency", "unit_label": "", "direction": "down",
        "kind": "value", "methodology": "Sum of the month's bills",
    }  # fmt: skip

    def test_it_is_defined_and_leads_back(self, client: Client, account: Account) -> None:
        back = f"http://testserver/accounts/{account.pk}/objectives/new/"
        page = Page(client.get("/metrics/new/", headers={"Referer": back}).content.decode())
        assert back in [a["value"] for a in page.find("input") if a.get("name") == "next"]
        response = client.post("/metrics/new/", {**self.SENT, "next": back})
        assert (response.status_code, response["Location"]) == (302, back)
        metric = Metric.objects.get()
        assert (metric.key, metric.unit, metric.direction, metric.version) == ("billed_cost", "currency", "down", 1)

    @pytest.mark.parametrize("elsewhere", ["https://example.com/", "//example.com/", "javascript:alert(1)", ""])
    def test_it_leads_nowhere_else(self, client: Client, elsewhere: str) -> None:
        assert client.post("/metrics/new/", {**self.SENT, "next": elsewhere})["Location"] == "/"

    def test_over_a_form_the_new_one_is_chosen(self, client: Client) -> None:
        make_metric(name="Another")
        response = htmx(client, "/metrics/new/", self.SENT)
        page = Page(response.content.decode())
        (select,) = page.find("select")
        assert (select["id"], select["hx-swap-oob"]) == ("id_metric", "true")
        assert page.texts("option") == ["Choose a metric", "Another", "Billed cost"]
        assert [o["value"] for o in page.find("option") if "selected" in o] == [
            str(Metric.objects.get(name="Billed cost").pk)
        ]
        assert set(json.loads(response["HX-Trigger"])) == {"vr:close", "vr:metric"}

    @pytest.mark.parametrize(
        ("fields", "expected"),
        [
            ({"name": ""}, {"name": "This field is required."}),
            ({"key": "Billed cost"}, {"key": "Use small letters, digits and _, starting with a letter."}),
            ({"key": "taken"}, {"key": "Metric with this Key already exists."}),
            ({"unit": "custom"}, {"unit_label": "Say what is counted, for example “disputes”."}),
        ],
    )
    def test_refusals_stand_beside_their_field(
        self, client: Client, fields: dict[str, str], expected: dict[str, str]
    ) -> None:
        make_metric(key="taken")
        plain = client.post("/metrics/new/", {**self.SENT, **fields})
        part = htmx(client, "/metrics/new/", {**self.SENT, **fields})
        assert (plain.status_code, part.status_code, is_part(part)) == (422, 422, True)
        assert errors(plain) == errors(part) == expected
        assert Metric.objects.count() == 1

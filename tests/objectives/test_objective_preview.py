"""What saving an objective would change, shown while it is typed, and the same once it is saved."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import Account, User
from objectives.forms.objective import ObjectiveForm
from objectives.models import Objective, Reading, Standing
from objectives.queries.preview import preview
from objectives.services.standings import sweep_standings
from tests.factories import make_account, make_metric, make_objective, make_user, record
from tests.objectives.pages import NOW, START, htmx, is_part, of, rows, signed_in_as, typed
from tests.ui.page import Page
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


class TestPreview:
    @pytest.fixture
    def world(self, account: Account) -> Account:
        """The account of the design: 66% over six goals, of which the customer sees four at 88%."""
        for value, shared in ((88, True), (88, True), (88, True), (88, True), (22, False), (22, False)):
            record(make_objective(account, show_in_portal=shared, at=START), value, at=NOW - timedelta(days=1))
        return account

    def test_the_numbers_of_the_design(self, client: Client, world: Account, csm: User) -> None:
        sent = typed(owner=str(csm.pk), show_in_portal="on")
        response = htmx(client, f"/accounts/{world.pk}/objectives/preview/", sent)
        page = Page(response.content.decode())
        assert (response.status_code, is_part(response)) == (200, True)
        assert page.texts("p", "vr-mid") == ["71%"]
        assert page.texts("p", "faint")[0] == "Amara Okafor, value based"
        assert page.texts("div", "vr-eq") == ["14 − 914 − 7 = 57 = 71%moved ÷ distance to move"]
        assert rows(response) == {
            "Baseline": "14 days",
            "Current": "9 days",
            "Target": "7 days",
            "Account value delivered": "66% 67%",
            "Account status": "On track unchanged",
            "Score in the portal": "88% 85%",
            "Left to reach the target": "2 days, by 15 Dec 2026",
        }
        assert page.texts("div", "vr-guide") == [
            "The portal score will go down. This goal is at 71%, below the 88% average the customer sees today."
        ]

    def test_it_writes_nothing(self, client: Client, world: Account) -> None:
        before = Objective.objects.count(), Reading.objects.count(), AuditEntry.objects.count()
        htmx(client, f"/accounts/{world.pk}/objectives/preview/", typed())
        assert (Objective.objects.count(), Reading.objects.count(), AuditEntry.objects.count()) == before

    @pytest.mark.parametrize(
        ("fields", "moves", "unit"),
        [
            ({"baseline": "", "target": "", "current": ""}, False, "days"),
            ({"baseline": "-", "target": ".", "current": "+"}, False, "days"),
            ({"target": ""}, False, "days"),
            ({"target": "14"}, False, "days"),
            ({"current": "x", "completion_type": "nonsense", "owner": "nobody", "due_on": "2026-1"}, False, "days"),
            ({"current": "", "weight": "abc"}, False, "days"),
            ({"title": "", "weight": "0"}, True, "days"),
            ({"unit": "percentage"}, True, "%"),
            ({"unit": "currency"}, True, "USD"),
            ({"unit": "custom", "unit_label": "disputes"}, True, "disputes"),
            ({"unit": "score"}, True, ""),
        ],
    )
    def test_however_little_is_typed(
        self, client: Client, world: Account, fields: dict[str, str], moves: bool, unit: str
    ) -> None:
        response = htmx(client, f"/accounts/{world.pk}/objectives/preview/", typed(**fields))
        assert response.status_code == 200
        assert rows(response)["Account value delivered"] == ("66% 67%" if moves else "66% unchanged")
        page = Page(response.content.decode())
        affixes = ["".join(text) for _, attrs, text in page.elements if str(attrs.get("id")).startswith("affix-")]
        assert affixes == [unit] * 3

    def test_nothing_at_all(self, client: Client, account: Account) -> None:
        response = htmx(client, f"/accounts/{account.pk}/objectives/preview/", {})
        assert response.status_code == 200
        assert rows(response)["Account value delivered"] == "no score unchanged"

    def test_what_stands_in_the_way_of_saving(self, client: Client, account: Account) -> None:
        sent = typed(target="14", due_on="2026-11-01", weight="1,5", current="-")
        page = Page(htmx(client, f"/accounts/{account.pk}/objectives/preview/", sent).content.decode())
        assert page.texts("li") == [
            "Weight: Write the number without thousands separators, with a point before the decimals: 1250.5.",
            "Pick a target different from the baseline.",
            "Choose a target date after the start date.",
        ]

    def test_the_pace_of_two_readings_and_more(self, client: Client, account: Account) -> None:
        objective = make_objective(account, baseline=14, target=7, unit="days", at=START, due_on=date(2026, 12, 15))
        record(objective, 13, at=NOW - timedelta(days=60))
        path = f"/accounts/{account.pk}/objectives/preview/"
        sent = of(objective, objective=str(objective.pk))
        assert "At the current pace estimate" not in rows(htmx(client, path, sent))
        record(objective, 9, at=NOW)
        late = rows(htmx(client, path, of(objective, objective=str(objective.pk))))
        assert late["At the current pace estimate"] == "17 Dec 2026 2 days late"
        early = rows(htmx(client, path, of(objective, objective=str(objective.pk), due_on="2027-01-01")))
        assert early["At the current pace estimate"] == "17 Dec 2026 15 days early"
        typed_now = rows(htmx(client, path, of(objective, objective=str(objective.pk), current="7")))
        assert typed_now["Left to reach the target"] == "Reached"
        assert "At the current pace estimate" not in typed_now

    @pytest.mark.parametrize(
        ("shared", "fields", "title"),
        [
            ((80, True), {"current": "7", "show_in_portal": "on"}, ""),
            (
                (None, True),
                {"show_in_portal": "on"},
                "The customer will see a score. It starts at 71%, over the goals shown to them.",
            ),
            ((80, True), {"current": ""}, "Not counted yet. The goal joins the score with its first measurement."),
            (
                (80, True),
                {"completion_type": "manual"},
                "This goal is never scored. A manual objective is done or not done, and counts in no average.",
            ),
            ((80, False), {"current": "13.9"}, "The account's status will be at risk. 25 to 49%."),
        ],
    )
    def test_what_to_know_before_saving(
        self, client: Client, account: Account, shared: tuple[int | None, bool], fields: dict[str, str], title: str
    ) -> None:
        objective = make_objective(account, show_in_portal=shared[1], at=START)
        if shared[0] is not None:
            record(objective, shared[0], at=NOW - timedelta(days=1))
        page = Page(htmx(client, f"/accounts/{account.pk}/objectives/preview/", typed(**fields)).content.decode())
        assert page.texts("div", "vr-guide") == ([title] if title else [])

    def test_taking_the_last_shared_goal_away(self, client: Client, account: Account) -> None:
        objective = make_objective(account, show_in_portal=True, at=START)
        record(objective, 80, at=NOW - timedelta(days=1))
        sent = of(objective, objective=str(objective.pk), show_in_portal=None)
        response = htmx(client, f"/accounts/{account.pk}/objectives/preview/", sent)
        assert rows(response)["Score in the portal"] == "80% no score"
        assert Page(response.content.decode()).texts("div", "vr-guide") == [
            "The customer will see no score any more. Nothing that is shown to them is measured."
        ]

    def test_an_attribute_based_one_shows_where_its_metric_stands(self, client: Client, account: Account) -> None:
        metric = make_metric(unit="percentage", kind="activity")
        record(metric, 68, account=account, at=NOW - timedelta(days=1))
        sent = typed(completion_type="attribute", metric=str(metric.pk), baseline="20", target="80")
        page = Page(htmx(client, f"/accounts/{account.pk}/objectives/preview/", sent).content.decode())
        (synced,) = ["".join(text) for _, attrs, text in page.elements if attrs.get("id") == "synced"]
        assert synced == "Current, synced from the metric: 68%, 16 Nov."
        assert page.texts("p", "vr-mid") == ["80%"]
        assert page.texts("div", "vr-guide") == [
            "This metric is an activity. It counts in value delivered, but not in outcomes only."
        ]

    def test_negative_numbers_in_the_equation(self, client: Client, account: Account) -> None:
        sent = typed(unit="score", baseline="-10", target="40", current="-2.5")
        page = Page(htmx(client, f"/accounts/{account.pk}/objectives/preview/", sent).content.decode())
        assert page.texts("div", "vr-eq") == ["−2.5 − (−10)40 − (−10) = 7.550 = 15%moved ÷ distance to move"]

    def test_without_htmx_it_is_the_page(self, client: Client, world: Account) -> None:
        response = client.post(f"/accounts/{world.pk}/objectives/preview/", typed(title=""))
        assert (response.status_code, is_part(response)) == (200, False)
        assert rows(response)["Account value delivered"] == "66% 67%"
        assert "data-error-summary" not in response.content.decode()
        (form,) = Page(response.content.decode()).find("form", "vr-objective")
        assert form["action"] == form["hx-post"] == f"/accounts/{world.pk}/objectives/new/"

    @pytest.mark.parametrize("objective", ["x", "9" * 5000, "٣", "0", "other"])
    def test_only_an_objective_of_the_account_is_edited(self, client: Client, account: Account, objective: str) -> None:
        if objective == "other":
            objective = str(make_objective(make_account()).pk)
        sent = typed(objective=objective)
        assert htmx(client, f"/accounts/{account.pk}/objectives/preview/", sent).status_code == 404

    def test_as_many_queries_for_twenty_goals_as_for_one(self, client: Client, account: Account) -> None:
        counts = []
        for more in (1, 19):
            for _ in range(more):
                record(make_objective(account, at=START), 50, at=NOW - timedelta(days=1))
            with CaptureQueriesContext(
                connection,
            ) as queries:
                htmx(client, f"/accounts/{account.pk}/objectives/preview/", typed())
            counts.append(len(queries))
        assert counts[0] == counts[1]
        assert counts[0] <= 8


SCENARIOS: dict[str, dict[str, Any]] = {
    "a new goal with a first value": {},
    "a new goal, not measured": {"current": ""},
    "a new heavy goal": {"weight": "7.5", "current": "10"},
    "a new goal that went the wrong way": {"current": "20"},
    "a new goal shown to the customer": {"show_in_portal": "on"},
    "a new goal on a metric": {"completion_type": "attribute", "metric": "metric"},
    "a new goal on a metric, started long ago": {
        "completion_type": "attribute", "metric": "metric", "started_on": "2026-09-01",
    },
    "a new manual goal": {"completion_type": "manual"},
    "an edit of nothing": {"edit": "value"},
    "a new value": {"edit": "value", "current": "8"},
    "a new value that falls back": {"edit": "value", "current": "14"},
    "another target": {"edit": "value", "target": "4"},
    "another baseline and a new value": {"edit": "value", "baseline": "20", "current": "12"},
    "a later start": {"edit": "value", "started_on": "2026-11-17"},
    "another weight": {"edit": "value", "weight": "100"},
    "onto a metric": {"edit": "value", "completion_type": "attribute", "metric": "metric"},
    "to manual": {"edit": "value", "completion_type": "manual"},
    "off its metric, keeping the value": {"edit": "attribute", "completion_type": "value", "current": "9"},
    "off its metric, not measured": {"edit": "attribute", "completion_type": "value", "current": ""},
    "from manual": {"edit": "manual", "completion_type": "value", "baseline": "14", "target": "7", "current": "9"},
}  # fmt: skip


@pytest.mark.parametrize("name", SCENARIOS)
@pytest.mark.parametrize("days", [0, 20, 40])
def test_the_preview_is_what_saving_gives(account: Account, csm: User, name: str, days: int) -> None:
    """Score and status after saving, for account and portal, as the preview said."""
    seen = NOW - timedelta(days=days + 1)
    metric = make_metric(unit="days")
    for value in (13, 9):
        record(metric, value, account=account, at=seen - timedelta(days=value))
    objectives = {
        "value": make_objective(account, baseline=14, target=7, unit="days", at=START, show_in_portal=True),
        "attribute": make_objective(account, metric=metric, baseline=14, target=7, at=START),
        "manual": make_objective(account, completion_type="manual", at=START),
        "other": make_objective(account, weight=2, at=START, show_in_portal=True),
    }
    record(objectives["value"], 12, at=seen - timedelta(days=1))
    record(objectives["value"], 10, at=seen)
    record(objectives["other"], 40, at=seen)
    fields = {key: str(metric.pk) if value == "metric" else value for key, value in SCENARIOS[name].items()}
    edited = objectives.get(fields.pop("edit", ""))
    for each in objectives.values():
        each.refresh_from_db()
    sent = of(edited, **fields) if edited else typed(**fields)
    client = signed_in_as(csm)
    form = ObjectiveForm(sent, account=account, at=NOW, objective=edited)  # type: ignore[arg-type]
    form.full_clean()
    said = preview(account=account, sketch=form.sketch(), stored=edited, at=NOW)
    path = f"/objectives/{edited.pk}/edit/" if edited else f"/accounts/{account.pk}/objectives/new/"
    assert said.problems == ()
    assert client.post(path, sent).status_code == 302
    sweep_standings(at=NOW)  # what the clock moves, for a save that changes nothing
    standing = Standing.objects.get(account=account)
    assert (said.account.after.value, said.account.after.status) == (standing.value_delivered, standing.status)
    assert said.account.after.last_progress_at == standing.last_progress_at
    fresh = ObjectiveForm(None, account=account, at=NOW)
    now = preview(account=account, sketch=fresh.sketch(), stored=None, at=NOW)
    assert now.account.before == said.account.after
    assert now.portal.before == said.portal.after

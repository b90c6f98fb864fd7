"""The pages that define objectives and record values: plain and by HTMX, refusals beside their fields."""

import json
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Account, User
from accounts.services import archive_account
from objectives.forms.objective import ObjectiveForm
from objectives.models import Metric, Objective, ObjectiveRevision, Reading, Standing
from objectives.models.objectives import Definition
from objectives.queries.history import _LABELS
from objectives.queries.preview import preview
from objectives.services.objectives import archive_objective, update_objective
from objectives.services.standings import sweep_standings
from tests.factories import at_time, make_account, make_metric, make_objective, make_user, record
from tests.ui.page import Page
from valuerealization.common.audit import SYSTEM, Actor
from valuerealization.common.models import AuditEntry

D = Decimal
NOW = datetime(2026, 11, 17, 15, 0, tzinfo=UTC)  # a Tuesday, 10:00 in New York
TODAY = date(2026, 11, 17)
START = datetime(2026, 9, 1, 9, 0, tzinfo=UTC)
BACKEND = "django.contrib.auth.backends.ModelBackend"

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


def signed_in_as(user: User) -> Client:
    client = Client()
    client.force_login(user, backend=BACKEND)
    return client


def htmx(client: Client, path: str, data: dict[str, Any] | None = None, **fields: Any) -> HttpResponse:
    headers = {"HX-Request": "true", **fields}
    return client.get(path, headers=headers) if data is None else client.post(path, data, headers=headers)


def typed(**fields: Any) -> dict[str, Any]:
    """Give what a browser sends for the goal of the design, with some fields changed; None leaves one out."""
    sent = {
        "title": "Reduce onboarding time",
        "details": "New carriers should be able to book loads one week after signing.",
        "owner": "",
        "started_on": "2026-11-17",
        "due_on": "2026-12-15",
        "completion_type": "value",
        "metric": "",
        "unit": "days",
        "unit_label": "",
        "baseline": "14",
        "current": "9",
        "target": "7",
        "source": "Carrier onboarding report",
        "confidence": "high",
        "methodology": "Median days from signed agreement to first booked load.",
        "weight": "1",
        "external_id": "",
        **fields,
    }
    return {name: value for name, value in sent.items() if value is not None}


def of(objective: Objective, /, **fields: Any) -> dict[str, Any]:
    """Give what a browser sends for a saved objective as its form shows it, with some fields changed."""
    form = ObjectiveForm(None, account=objective.account, at=timezone.now(), objective=objective)
    shown = {name: form[name].value() for name in form.fields}
    sent = {name: "" if value is None else str(value) for name, value in shown.items() if value is not False}
    return {name: value for name, value in {**sent, **fields}.items() if value is not None}


def errors(response: HttpResponse) -> dict[str, str]:
    """Read what is said beside each field, by the field's name."""
    page = Page(response.content.decode())
    ids = [str(attrs["id"]) for attrs in page.find("p", "invalid-feedback")]
    names = [re.fullmatch(r"id_(?:metric_(?=.+_error))?(.+)_error", each) for each in ids]
    return dict(zip([match[1] for match in names if match], page.texts("p", "invalid-feedback"), strict=True))


def summary(response: HttpResponse) -> str:
    """Read the banner above the form."""
    page = Page(response.content.decode())
    (banner,) = [" ".join("".join(text).split()) for _, attrs, text in page.elements if "data-error-summary" in attrs]
    return banner


def rows(response: HttpResponse) -> dict[str, str]:
    """Read the names and values of the lists of a page."""
    page = Page(response.content.decode())
    return dict(zip(page.texts("dt"), page.texts("dd"), strict=True))


def messages(response: HttpResponse) -> list[str]:
    return [str(message) for message in get_messages(response.wsgi_request)]  # type: ignore[attr-defined]


def is_part(response: HttpResponse) -> bool:
    return "<html" not in response.content.decode()


# ---- who may ---------------------------------------------------------------------------------------------------------


class TestPermissions:
    PATHS = (
        ("GET", "/accounts/{account}/objectives/new/"),
        ("POST", "/accounts/{account}/objectives/new/"),
        ("POST", "/accounts/{account}/objectives/preview/"),
        ("GET", "/accounts/{account}/values/"),
        ("POST", "/accounts/{account}/values/"),
        ("POST", "/accounts/{account}/values/preview/"),
        ("GET", "/objectives/{objective}/edit/"),
        ("POST", "/objectives/{objective}/edit/"),
        ("GET", "/objectives/{objective}/archive/"),
        ("POST", "/objectives/{objective}/archive/"),
        ("GET", "/objectives/{objective}/restore/"),
        ("POST", "/objectives/{objective}/restore/"),
    )
    READING = (("GET", "/objectives/{objective}/history/"), ("GET", "/metrics/new/"))

    @pytest.mark.parametrize(("method", "path"), [*PATHS, *READING])
    def test_visitors_are_sent_to_sign_in(self, account: Account, method: str, path: str) -> None:
        path = self.path(path, account)
        response = Client().generic(method, path)
        assert (response.status_code, response["Location"]) == (302, f"/sign-in/?next={path}")
        assert Client().generic(method, path, headers={"HX-Request": "true"}).status_code == 401

    @pytest.mark.parametrize(("method", "path"), PATHS)
    def test_another_csm_may_not(self, account: Account, method: str, path: str) -> None:
        other = signed_in_as(make_user(role="csm"))
        path = self.path(path, account)
        before = Objective.objects.values("title", "archived_at").get()
        assert other.generic(method, path).status_code == 403
        assert Objective.objects.values("title", "archived_at").get() == before

    @pytest.mark.parametrize("role", ["leader", "admin"])
    @pytest.mark.parametrize(("method", "path"), PATHS)
    def test_leaders_may(self, account: Account, role: str, method: str, path: str) -> None:
        response = signed_in_as(make_user(role=role)).generic(method, self.path(path, account))
        assert response.status_code in (200, 302, 422)

    @pytest.mark.parametrize(("method", "path"), READING)
    def test_everybody_reads_history_and_defines_metrics(self, account: Account, method: str, path: str) -> None:
        other = signed_in_as(make_user(role="csm"))
        assert other.generic(method, self.path(path, account)).status_code == 200

    @pytest.mark.parametrize(("method", "path"), [*PATHS, READING[0]])
    def test_what_does_not_exist(self, client: Client, method: str, path: str) -> None:
        for number in ("0", "99999999999999999999999"):
            path_of = path.format(account=number, objective=number)
            assert client.generic(method, path_of).status_code == 404

    def test_previews_are_posted(self, client: Client, account: Account) -> None:
        for path in ("objectives/preview/", "values/preview/"):
            assert client.get(f"/accounts/{account.pk}/{path}").status_code == 405

    @staticmethod
    def path(path: str, account: Account) -> str:
        objective = Objective.objects.first() or make_objective(account, at=START)
        return path.format(account=account.pk, objective=objective.pk)


# ---- create ----------------------------------------------------------------------------------------------------------


class TestCreate:
    def test_the_page_offers_what_follows_from_the_account(self, client: Client, account: Account, csm: User) -> None:
        response = client.get(f"/accounts/{account.pk}/objectives/new/")
        assert response.status_code == 200
        page = Page(response.content.decode())
        assert page.texts("h1") == ["New objective"]
        fields = {attrs.get("name"): attrs for attrs in page.find("input")}
        assert (fields["started_on"]["value"], fields["weight"]["value"]) == ("2026-11-17", "1")
        assert [o["value"] for o in page.find("option") if "selected" in o][:1] == [str(csm.pk)]
        assert "Currency (USD)" in page.texts("option")
        assert "HX-Request" in response["Vary"]

    def test_saving_goes_back_to_the_account(self, client: Client, account: Account, csm: User) -> None:
        sent = typed(owner=str(csm.pk), show_in_portal="on", confidence="medium")
        response = client.post(f"/accounts/{account.pk}/objectives/new/", sent)
        assert (response.status_code, response["Location"]) == (302, f"/accounts/{account.pk}/")
        assert messages(response) == ["“Reduce onboarding time” is saved."]
        saved = Objective.objects.get()
        assert (saved.baseline, saved.current, saved.target) == (D(14), D(9), D(7))
        assert (saved.completion, saved.unit, saved.show_in_portal) == (D("71.428571428571"), "days", True)
        assert (saved.owner, saved.started_on, saved.due_on) == (csm, TODAY, date(2026, 12, 15))
        assert (saved.source, saved.methodology) == (sent["source"], sent["methodology"])
        reading = Reading.objects.get()
        assert (reading.observed_at, reading.confidence, reading.recorded_by) == (NOW, "medium", "Amara Okafor")

    def test_by_htmx_the_browser_is_sent_on(self, client: Client, account: Account) -> None:
        response = htmx(client, f"/accounts/{account.pk}/objectives/new/", typed())
        assert (response.status_code, response["HX-Redirect"]) == (200, f"/accounts/{account.pk}/")

    def test_save_and_add_another_keeps_the_type(self, client: Client, account: Account) -> None:
        sent = typed(completion_type="manual", again="1")
        response = client.post(f"/accounts/{account.pk}/objectives/new/", sent, follow=True)
        page = Page(response.content.decode())
        checked = [attrs["value"] for attrs in page.find("input") if "checked" in attrs]
        assert response.redirect_chain == [(f"/accounts/{account.pk}/objectives/new/?type=manual", 302)]
        assert checked == ["manual"]

    def test_fields_of_other_types_are_left_out(self, client: Client, account: Account) -> None:
        """What was typed before the type was changed is in no one's way, not even when it is nonsense."""
        metric = make_metric()
        noise = {"baseline": "abc", "current": "1,5", "target": "7", "unit": "custom", "weight": "200"}
        sent = typed(completion_type="manual", metric=str(metric.pk), done="on", **noise)
        response = client.post(f"/accounts/{account.pk}/objectives/new/", sent)
        assert response.status_code == 302
        saved = Objective.objects.get()
        assert (saved.completion_type, saved.done, saved.weight, saved.unit) == ("manual", True, D(1), "")
        assert (saved.baseline, saved.current, saved.target, saved.metric) == (None, None, None, None)

    def test_an_attribute_based_one_takes_unit_and_current_from_its_metric(
        self, client: Client, account: Account
    ) -> None:
        metric = make_metric(unit="percentage")
        record(metric, 68, account=account, at=NOW - timedelta(days=1))
        sent = typed(
            completion_type="attribute", metric=str(metric.pk), baseline="20", target="80", current="x", done="on"
        )
        assert client.post(f"/accounts/{account.pk}/objectives/new/", sent).status_code == 302
        saved = Objective.objects.get()
        assert (saved.metric, saved.unit, saved.current, saved.completion) == (metric, "percentage", D(68), D(80))

    def test_a_custom_unit(self, client: Client, account: Account) -> None:
        sent = typed(unit="custom", unit_label="disputes", baseline="94", current="", target="58")
        assert client.post(f"/accounts/{account.pk}/objectives/new/", sent).status_code == 302
        saved = Objective.objects.get()
        assert (saved.unit, saved.unit_label, saved.current) == ("custom", "disputes", None)

    def test_what_is_empty_gets_its_default(self, client: Client, account: Account) -> None:
        sent = typed(started_on="", due_on="", weight="", external_id="", confidence="", current="")
        assert client.post(f"/accounts/{account.pk}/objectives/new/", sent).status_code == 302
        saved = Objective.objects.get()
        assert (saved.started_on, saved.due_on, saved.weight, saved.external_id) == (TODAY, None, D(1), None)

    def test_a_title_is_one_line(self, client: Client, account: Account) -> None:
        client.post(f"/accounts/{account.pk}/objectives/new/", typed(title="  Reduce\r\nonboarding   time "))
        assert Objective.objects.get().title == "Reduce onboarding time"


class TestRefusals:
    CASES: tuple[tuple[dict[str, Any], dict[str, str]], ...] = (
        ({"target": "14"}, {"target": "Pick a target different from the baseline."}),
        (
            {"current": "14.0"},
            {"current": "No progress to measure yet: leave current empty until the first measurement."},
        ),
        ({"baseline": ""}, {"baseline": "Give a baseline: progress is measured from baseline to target."}),
        ({"target": ""}, {"target": "Give a target: progress is measured from baseline to target."}),
        ({"weight": "0"}, {"weight": "Give a weight above 0, up to 100."}),
        ({"weight": "100.1"}, {"weight": "Give a weight above 0, up to 100."}),
        ({"unit": "custom"}, {"unit_label": "Say what is counted, for example “disputes”."}),
        ({"due_on": "2026-11-17"}, {"due_on": "Choose a target date after the start date."}),
        (
            {"started_on": "2026-09-01", "due_on": "2026-11-16"},
            {"due_on": "This date has passed. Choose a target date from today on."},
        ),
        ({"started_on": "1026-11-17"}, {"started_on": "Check the year: give a date from 1970 to 2199."}),
        ({"due_on": "15/12/2026"}, {"due_on": "Write the date as year, month and day: 2026-11-15."}),
        ({"completion_type": "attribute"}, {"metric": "Choose the metric that this objective follows."}),
        ({"title": "  "}, {"title": "Give the goal a title."}),
        ({"title": "x" * 201}, {"title": "Ensure this value has at most 200 characters (it has 201)."}),
        ({"title": "a\x00b"}, {"title": "Null characters are not allowed."}),
        (
            {"baseline": "1,250"},
            {"baseline": "Write the number without thousands separators, with a point before the decimals: 1250.5."},
        ),
        ({"current": "1e3"}, {"current": "Write the number out in full, without an exponent: 1200, not 1.2e3."}),
        ({"current": "NaN"}, {"current": "Enter a finite number; NaN and infinity have no place on a scale."}),
        ({"target": "Infinity"}, {"target": "Enter a finite number; NaN and infinity have no place on a scale."}),
        (
            {"target": "٧"},
            {"target": "Use the digits 0 to 9, a plain minus sign and a point; other characters are not read."},
        ),
        ({"target": "1" * 15}, {"target": "Use at most 14 digits before the decimal point."}),
        ({"target": "0.0000001"}, {"target": "Use at most 6 decimals."}),
        (
            {"completion_type": "sometimes"},
            {"completion_type": "Select a valid choice. sometimes is not one of the available choices."},
        ),
        ({"owner": "0"}, {"owner": "Select a valid choice. That choice is not one of the available choices."}),
        ({"unit_label": "x" * 25}, {"unit_label": "Ensure this value has at most 24 characters (it has 25)."}),
    )

    @pytest.mark.parametrize(("fields", "expected"), CASES)
    def test_each_stands_beside_its_field(
        self, client: Client, account: Account, fields: dict[str, Any], expected: dict[str, str]
    ) -> None:
        path = f"/accounts/{account.pk}/objectives/new/"
        plain = client.post(path, typed(**fields))
        part = htmx(client, path, typed(**fields))
        assert (plain.status_code, part.status_code) == (422, 422)
        assert (is_part(plain), is_part(part)) == (False, True)
        assert errors(plain) == errors(part) == expected
        assert summary(part).startswith("One thing to fix.")
        assert not Objective.objects.exists()

    def test_everything_is_said_at_once(self, client: Client, account: Account) -> None:
        sent = typed(title="", baseline="7", weight="0", unit="custom", due_on="2026-11-01", current="abc")
        response = client.post(f"/accounts/{account.pk}/objectives/new/", sent)
        assert list(errors(response)) == ["title", "due_on", "current", "target", "unit_label", "weight"]
        assert summary(response) == ("Six things to fix. Title, Target date, Counted in, Current, Target, Weight")

    def test_what_was_typed_is_still_there(self, client: Client, account: Account) -> None:
        response = client.post(f"/accounts/{account.pk}/objectives/new/", typed(target="14"))
        fields = {attrs.get("name"): attrs.get("value") for attrs in Page(response.content.decode()).find("input")}
        assert (fields["title"], fields["baseline"], fields["target"]) == ("Reduce onboarding time", "14", "14")

    def test_fields_name_their_error_to_those_who_listen(self, client: Client, account: Account) -> None:
        response = client.post(f"/accounts/{account.pk}/objectives/new/", typed(target="14"))
        (target,) = [a for a in Page(response.content.decode()).find("input") if a.get("name") == "target"]
        assert target["aria-invalid"] == "true"
        assert str(target["aria-describedby"]).split() == ["numbers-hint", "id_target_error"]

    def test_an_external_id_is_used_once(self, client: Client, account: Account) -> None:
        make_objective(account, external_id="OBJ-7")
        response = client.post(f"/accounts/{account.pk}/objectives/new/", typed(external_id="OBJ-7"))
        assert response.status_code == 422
        assert errors(response) == {"external_id": "Another objective has this id."}

    def test_an_archived_account_is_said_above_the_form(self, client: Client, account: Account) -> None:
        archive_account(account=account, by=SYSTEM, at=NOW)
        response = client.post(f"/accounts/{account.pk}/objectives/new/", typed())
        assert response.status_code == 422
        assert summary(response) == "One thing to fix. This account is archived. Restore it first."

    def test_the_fold_is_open_over_an_error_in_it(self, client: Client, account: Account) -> None:
        path = f"/accounts/{account.pk}/objectives/new/"
        folds = [
            "open" in Page(client.post(path, typed(**fields)).content.decode()).find("details", "vr-more-fields")[0]
            for fields in ({"weight": "0"}, {"target": "14"})
        ]
        assert folds == [True, False]


# ---- edit ------------------------------------------------------------------------------------------------------------


class TestUpdate:
    @pytest.fixture
    def objective(self, account: Account) -> Objective:
        objective = make_objective(
            account, title="Reduce onboarding time", baseline=14, target=7, unit="days", at=START,
            due_on=date(2026, 12, 15),
        )  # fmt: skip
        record(objective, 9, at=NOW - timedelta(days=2), confidence="medium")
        return objective

    def test_the_page_shows_what_is_saved(self, client: Client, objective: Objective) -> None:
        page = Page(client.get(f"/objectives/{objective.pk}/edit/").content.decode())
        fields = {attrs.get("name"): attrs.get("value") for attrs in page.find("input")}
        assert (fields["baseline"], fields["current"], fields["target"]) == ("14", "9", "7")
        assert (fields["started_on"], fields["due_on"]) == ("2026-09-01", "2026-12-15")
        assert [o["value"] for o in page.find("option") if "selected" in o and o["value"]] == ["days", "medium"]

    def test_leaving_it_as_it_is_writes_nothing(self, client: Client, objective: Objective) -> None:
        before = Objective.objects.filter(pk=objective.pk).values().get()
        entries = AuditEntry.objects.count()
        assert client.post(f"/objectives/{objective.pk}/edit/", of(objective)).status_code == 302
        assert Objective.objects.filter(pk=objective.pk).values().get() == before
        assert (AuditEntry.objects.count(), Reading.objects.count()) == (entries, 1)

    def test_a_new_current_is_a_reading_now(self, client: Client, objective: Objective) -> None:
        sent = of(objective, current="8", confidence="low")
        assert client.post(f"/objectives/{objective.pk}/edit/", sent).status_code == 302
        reading = Reading.objects.latest("id")
        assert (reading.value, reading.observed_at, reading.confidence) == (D(8), NOW, "low")

    def test_a_change_of_the_definition_keeps_its_reason(self, client: Client, objective: Objective) -> None:
        sent = of(objective, target="6", reason="Agreed in the review")
        assert htmx(client, f"/objectives/{objective.pk}/edit/", sent)["HX-Redirect"]
        revision = ObjectiveRevision.objects.latest("number")
        assert (revision.number, revision.target, revision.reason) == (2, D(6), "Agreed in the review")

    def test_a_measured_value_is_not_emptied(self, client: Client, objective: Objective) -> None:
        response = client.post(f"/objectives/{objective.pk}/edit/", of(objective, current=""))
        assert response.status_code == 422
        assert errors(response) == {
            "current": "This goal has been measured: type its new value, or leave the last one."
        }

    def test_a_later_fall_back_to_the_baseline_is_kept(self, client: Client, objective: Objective) -> None:
        assert client.post(f"/objectives/{objective.pk}/edit/", of(objective, current="14")).status_code == 302
        objective.refresh_from_db()
        assert (objective.current, objective.completion) == (D(14), 0)

    def test_a_due_date_that_has_passed_stays_unless_it_is_changed(self, client: Client, account: Account) -> None:
        objective = make_objective(account, at=START, due_on=date(2026, 10, 1))
        path = f"/objectives/{objective.pk}/edit/"
        assert client.post(path, of(objective, title="Renamed")).status_code == 302
        objective.refresh_from_db()
        assert (objective.title, objective.due_on) == ("Renamed", date(2026, 10, 1))
        response = client.post(path, of(objective, due_on="2026-10-02"))
        assert errors(response) == {"due_on": "This date has passed. Choose a target date from today on."}

    def test_the_start_is_not_emptied(self, client: Client, objective: Objective) -> None:
        response = client.post(f"/objectives/{objective.pk}/edit/", of(objective, started_on=""))
        assert errors(response) == {"started_on": "Give the day on which the baseline was taken."}

    def test_to_manual_and_to_a_metric(self, client: Client, objective: Objective) -> None:
        path = f"/objectives/{objective.pk}/edit/"
        assert client.post(path, of(objective, completion_type="manual", done="on")).status_code == 302
        objective.refresh_from_db()
        assert (objective.completion_type, objective.done, objective.current) == ("manual", True, None)
        metric = make_metric(unit="users")
        sent = of(objective, completion_type="attribute", metric=str(metric.pk), baseline="1", target="2")
        assert client.post(path, sent).status_code == 302
        objective.refresh_from_db()
        assert (objective.metric, objective.unit, objective.done) == (metric, "users", False)

    def test_the_value_of_a_metric_is_kept_as_its_own(self, client: Client, account: Account) -> None:
        metric = make_metric()
        record(metric, 9, account=account, at=NOW - timedelta(days=1))
        objective = make_objective(account, metric=metric, baseline=14, target=7, at=START)
        sent = of(objective, completion_type="value", current="9")
        assert client.post(f"/objectives/{objective.pk}/edit/", sent).status_code == 302
        objective.refresh_from_db()
        assert (objective.completion_type, objective.current, objective.measured_at) == ("value", D(9), NOW)

    def test_an_owner_who_left_can_stay(self, client: Client, account: Account) -> None:
        gone = make_user(name="Gone", is_active=False)
        objective = make_objective(account, owner=gone)
        sent = of(objective, title="Renamed")
        assert client.post(f"/objectives/{objective.pk}/edit/", sent).status_code == 302
        response = client.post(f"/accounts/{account.pk}/objectives/new/", typed(owner=str(gone.pk)))
        assert list(errors(response)) == ["owner"]

    def test_an_archived_one_is_restored_first(self, client: Client, objective: Objective) -> None:
        archive_objective(objective=objective, by=SYSTEM, at=NOW)
        for response in (
            client.get(f"/objectives/{objective.pk}/edit/"),
            client.post(f"/objectives/{objective.pk}/edit/"),
        ):
            assert response["Location"] == f"/objectives/{objective.pk}/history/"
        response = client.get(f"/objectives/{objective.pk}/history/")
        assert "This objective is archived. Restore it to change it." in response.content.decode()


# ---- preview ---------------------------------------------------------------------------------------------------------


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


# ---- archive and restore ---------------------------------------------------------------------------------------------


class TestArchive:
    def test_it_is_asked_first(self, client: Client, account: Account) -> None:
        objective = make_objective(account)
        for action in ("archive", "restore"):
            plain = client.get(f"/objectives/{objective.pk}/{action}/")
            part = htmx(client, f"/objectives/{objective.pk}/{action}/")
            assert (plain.status_code, is_part(plain)) == (200, False)
            assert (part.status_code, is_part(part)) == (200, True)
        objective.refresh_from_db()
        assert objective.archived_at is None

    def test_the_message_offers_to_undo_it(self, client: Client, account: Account) -> None:
        objective = make_objective(account, title="Cut <b>costs</b>")
        response = client.post(f"/objectives/{objective.pk}/archive/", {"reason": "Replaced\x00"})
        assert (response.status_code, response["Location"]) == (302, f"/accounts/{account.pk}/")
        (message,) = messages(response)
        assert message.startswith("“Cut &lt;b&gt;costs&lt;/b&gt;” is archived. <a ")
        (undo,) = Page(message).find("a")
        assert undo["href"] == undo["hx-post"] == f"/objectives/{objective.pk}/restore/"
        objective.refresh_from_db()
        assert objective.archived_at == NOW
        assert ObjectiveRevision.objects.latest("number").reason == "Replaced"

    def test_undo_works_with_its_own_token(self, csm: User, account: Account) -> None:
        objective = make_objective(account)
        client = Client(enforce_csrf_checks=True)
        client.force_login(csm, backend=BACKEND)
        asked = Page(client.get(f"/objectives/{objective.pk}/archive/").content.decode())
        (token,) = [a["value"] for a in asked.find("input") if a.get("name") == "csrfmiddlewaretoken"][:1]
        response = client.post(f"/objectives/{objective.pk}/archive/", {"csrfmiddlewaretoken": token})
        (undo,) = Page(messages(response)[0]).find("a")
        again = htmx(client, str(undo["hx-post"]), json.loads(str(undo["hx-vals"])))
        assert again["HX-Redirect"] == f"/accounts/{account.pk}/"
        objective.refresh_from_db()
        assert objective.archived_at is None

    def test_a_long_reason_is_cut(self, client: Client, account: Account) -> None:
        objective = make_objective(account)
        assert client.post(f"/objectives/{objective.pk}/archive/", {"reason": "x" * 400}).status_code == 302
        assert ObjectiveRevision.objects.latest("number").reason == "x" * 300


# ---- history ---------------------------------------------------------------------------------------------------------


class TestHistory:
    def test_every_change_of_the_definition(self, client: Client, account: Account) -> None:
        metric = make_metric(name="Onboarding time", unit="days", kind="activity")
        objective = make_objective(
            account, title="Onboarding", baseline=14, target=7, unit="days", at=START, due_on=date(2026, 12, 15),
            by=Actor(kind="user", id="1", name="Amara Okafor"),
        )  # fmt: skip
        record(objective, 9, at=NOW - timedelta(days=5))
        by = Actor(kind="user", id="2", name="Jonas Lind")
        with at_time(NOW - timedelta(days=2)) as at:
            update_objective(objective=objective, by=by, at=at, target=D(6), weight=D(2), reason="Agreed")
        with at_time(NOW - timedelta(days=1)) as at:
            update_objective(
                objective=objective, by=by, at=at, completion_type="attribute", metric=metric, title="Onboard faster",
                show_in_portal=True, due_on=None, started_on=date(2026, 9, 2), methodology="Median", unit="score",
                baseline=D(13),
            )  # fmt: skip
        archive_objective(objective=objective, by=by, at=NOW, reason="Replaced")
        page = Page(client.get(f"/objectives/{objective.pk}/history/").content.decode())
        said = [text for text in page.texts("p") if re.match("(Jonas Lind|Amara Okafor) (saved|defined) ", text)]
        assert said == [
            "Jonas Lind saved version 4: Replaced",
            "Jonas Lind saved version 3",
            "Jonas Lind saved version 2: Agreed",
            "Amara Okafor defined this objective",
        ]
        assert page.texts("ul", "vr-changes")[0] == "State Active Archived"
        assert page.texts("ul", "vr-changes")[2] == "Target 7 days 6 days Weight 1 2 Completion 71% 63%"
        third = page.texts("ul", "vr-changes")[1]
        for change in (
            "Title Onboarding Onboard faster", "Type Value based Attribute based", "Metric nothing Onboarding time",
            "Kind Value Activity", "Baseline 14 days 13", "Unit Days Score", "Start date 1 Sep 2026 2 Sep 2026",
            "Target date 15 Dec 2026 nothing", "Customer portal Not shown Shown", "How it is measured nothing Median",
        ):  # fmt: skip
            assert change in third
        assert "Completion" not in third  # of another value: no comparison

    def test_no_revisioned_field_is_left_out(self) -> None:
        assert set(_LABELS) == set(Definition.definition_fields()) - {"unit_label"} | {"archived"}

    def test_values_newest_first_with_superseded_ones_marked(self, client: Client, account: Account) -> None:
        objective = make_objective(account, baseline=14, target=7, unit="days", at=START)
        seen = NOW - timedelta(days=3)
        record(objective, 12, at=seen, source="Report", note="By hand\n<script>")
        record(objective, 11, at=seen, source="Report", recorded_at=NOW - timedelta(days=2))
        record(objective, 13, at=seen, source="Survey", recorded_at=NOW - timedelta(days=1), confidence="low")
        record(objective, 9, at=NOW - timedelta(days=1))
        record(objective, 15, at=NOW - timedelta(days=9))
        content = client.get(f"/objectives/{objective.pk}/history/").content.decode()
        page = Page(content)
        (log, _) = page.texts("ol", "vr-log")
        values = re.findall(r"(\d+) days(?:, (−?\d+%))? ?(Current|Superseded)?", log)
        assert values == [
            ("9", "71%", "Current"), ("13", "14%", ""), ("11", "43%", ""), ("12", "", "Superseded"), ("15", "−14%", ""),
        ]  # fmt: skip
        assert "<script>" not in content.split("</head>")[1].split("By hand")[1][:60]
        assert "Survey. Low: modelled. Recorded 16 Nov, 10:00 by System." in log

    def test_a_metric_shows_its_readings_for_this_customer(self, client: Client, account: Account) -> None:
        metric = make_metric(unit="users")
        objective = make_objective(account, metric=metric)
        record(metric, 40, account=account)
        record(metric, 99, account=make_account())
        (log, _) = Page(client.get(f"/objectives/{objective.pk}/history/").content.decode()).texts("ol", "vr-log")
        assert re.findall(r"\d+ users", log) == ["40 users"]

    def test_a_manual_goal_has_none(self, client: Client, account: Account) -> None:
        objective = make_objective(account, completion_type="manual")
        assert "A manual goal has no values." in client.get(f"/objectives/{objective.pk}/history/").content.decode()

    def test_older_ones_are_on_the_next_page(self, client: Client, account: Account) -> None:
        objective = make_objective(account, target=1000, at=START)
        for days in range(1, 61):
            record(objective, 100 - days, at=NOW - timedelta(days=days))
        path = f"/objectives/{objective.pk}/history/"
        first = Page(client.get(path).content.decode())
        (more,) = first.find("a", "vr-more")
        response = htmx(client, str(more["href"]))
        second = Page(response.content.decode())
        assert is_part(response)
        assert [len(page.texts("time")) for page in (first, second)] == [51, 10]  # and the first revision
        assert second.find("a", "vr-more") == []
        shown = [re.findall(r"\b\d\d\b(?=, \d+%)", " ".join(page.texts("p"))) for page in (first, second)]
        assert shown[0] + shown[1] == [str(100 - days) for days in range(1, 61)]
        plain = client.get(str(more["href"]))
        assert (plain.status_code, is_part(plain)) == (200, False)

    @pytest.mark.parametrize("before", ["x", "0", "٣", "9" * 5000, "-1", "other"])
    def test_a_forged_place_is_not_found(self, client: Client, account: Account, before: str) -> None:
        objective = make_objective(account)
        if before == "other":
            before = str(record(make_objective(account), 5).pk)
        assert client.get(f"/objectives/{objective.pk}/history/", {"before": before}).status_code == 404

    def test_in_the_drawer(self, client: Client, account: Account) -> None:
        objective = make_objective(account, title="Onboarding")
        response = htmx(client, f"/objectives/{objective.pk}/history/")
        page = Page(response.content.decode())
        assert is_part(response)
        assert (page.texts("h3"), page.texts("h4")) == (["Onboarding"], ["Values", "Definition"])

    def test_as_many_queries_for_many_entries_as_for_one(self, client: Client, account: Account) -> None:
        objective = make_objective(account, at=START)
        counts = []
        for more in (1, 20):
            for step in range(more):
                record(objective, step + 1, at=NOW - timedelta(days=30 - step - more))
                update_objective(objective=objective, by=SYSTEM, at=NOW, title=f"Title {more} {step}")
            with CaptureQueriesContext(connection) as queries:
                client.get(f"/objectives/{objective.pk}/history/")
            counts.append(len(queries))
        assert counts[0] == counts[1]


# ---- update values ---------------------------------------------------------------------------------------------------


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


# ---- metrics ---------------------------------------------------------------------------------------------------------


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

"""The pages that define objectives: who may, refusals beside their fields, plain and by HTMX."""

import json
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from accounts.models import Account, User
from accounts.services.accounts import archive_account
from objectives.models import Objective, ObjectiveRevision, Reading
from objectives.services.objectives import archive_objective
from tests.factories import make_account, make_metric, make_objective, make_user, record
from tests.objectives.pages import (
    BACKEND,
    NOW,
    START,
    TODAY,
    D,
    errors,
    htmx,
    is_part,
    messages,
    of,
    signed_in_as,
    summary,
    typed,
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
            "open" in Page(client.post(path, typed(**fields)).content.decode()).find("details", "vr-more-fields")[-1]
            for fields in ({"weight": "0"}, {"target": "14"})
        ]
        assert folds == [True, False]


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

    def test_a_value_that_nobody_touched_is_no_reading(self, client: Client, objective: Objective) -> None:
        path = f"/objectives/{objective.pk}/edit/"

        def shown(html: str) -> str | None:
            return next(attrs["value"] for attrs in Page(html).find("input") if attrs.get("name") == "current_was")

        assert shown(client.get(path).content.decode()) == "9"
        opened = of(objective, title="Renamed", current_was="9")
        record(objective, 8, at=NOW)  # while the page is open
        refused = client.post(path, {**opened, "weight": "0"})
        assert (refused.status_code, shown(refused.content.decode())) == (422, "9")
        assert client.post(path, opened).status_code == 302
        objective.refresh_from_db()
        assert (objective.title, objective.current) == ("Renamed", 8)
        assert list(Reading.objects.order_by("pk").values_list("value", flat=True)) == [9, 8]
        assert client.post(path, {**opened, "current": "7.5"}).status_code == 302
        assert Reading.objects.latest("pk").value == D("7.5")

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

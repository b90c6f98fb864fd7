"""Definitions leave their earlier states behind, with who changed them and why. Readings leave none."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import structlog
from django.apps import apps
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from pghistory.models import Event

from accounts.models import AccountHistory, ApiKeyHistory, User, UserHistory
from accounts.services.accounts import update_account
from accounts.services.keys import create_api_key, update_api_key
from objectives.models import MetricHistory, ObjectiveHistory
from objectives.services.objectives import archive_objective
from objectives.services.standings import sweep_standings
from tests.factories import make_account, make_metric, make_objective, make_user, record, take_weeks
from valuerealization.common.admin.history import MOST, history_of
from valuerealization.common.audit import SYSTEM
from valuerealization.common.history import acting, because

pytestmark = pytest.mark.django_db

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
STATES: list[Any] = [
    model for model in apps.get_models() if issubclass(model, Event) and model._meta.managed and not model._meta.proxy
]


def rows() -> dict[str, int]:
    return {model.__name__: number for model in STATES if (number := model._default_manager.count())}


@pytest.fixture
def admin(client: Client) -> User:
    user = make_user(role="admin", name="Ada Admin")
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return user


def test_seven_kinds_of_definitions_have_a_history() -> None:
    assert {model.pgh_tracked_model.__name__ for model in STATES} == {
        "Account", "ApiKey", "Attribute", "Metric", "Objective", "SavedSegment", "User",
    }  # fmt: skip


def test_nothing_secret_and_nothing_that_readings_move_is_kept() -> None:
    columns = {field.column for model in STATES for field in model._meta.fields}
    assert columns & {"password", "last_login", "hashed_key", "prefix", "last_used_at"} == set()
    assert columns & {"current", "completion", "measured_at", "reading_id", "last_progress_at", "updated_at"} == set()


def test_a_change_in_the_admin_says_who_and_why(client: Client, admin: User) -> None:
    metric = make_metric(key="tickets", name="Tickets")
    form = {
        "key": "tickets", "name": "Open tickets", "unit": "", "unit_label": "", "direction": "up", "kind": "value",
        "methodology": "", "formula": "", "cadence": "none", "tolerance_unit": "percent",
        "reason": "Clearer", "versions-TOTAL_FORMS": "1",
        "versions-INITIAL_FORMS": "1",
    }  # fmt: skip
    url = reverse("admin:objectives_metric_change", args=[metric.pk])
    assert client.post(url, form, headers={"x-request-id": "req-1"}).status_code == 302
    state = MetricHistory.objects.get()
    assert (state.name, state.pgh_obj_id, state.pgh_label) == ("Tickets", metric.pk, "changed")
    context = state.pgh_context
    assert (context["actor_kind"], context["actor_id"], context["reason"]) == ("user", str(admin.pk), "Clearer")
    page = client.get(reverse("admin:objectives_metric_history", args=[metric.pk])).content.decode()
    assert "<del>Tickets</del>" in page
    assert "<ins>Open tickets</ins>" in page
    assert "Ada Admin" in page
    assert "Clearer" in page
    assert context["request_id"][:8] in page


def test_a_bulk_action_gives_its_reason_to_each(client: Client, admin: User) -> None:
    chosen = [make_account().pk for _ in range(3)]
    data = {"action": "archive", "_selected_action": chosen, "confirmed": "yes", "reason": "Left us"}
    client.post(reverse("admin:accounts_account_changelist"), data)
    states = AccountHistory.objects.all()
    assert {(state.archived_at, state.pgh_context["reason"]) for state in states} == {(None, "Left us")}
    assert len(states) == 3


def test_a_key_is_named_for_what_it_changes() -> None:
    key, secret = create_api_key(name="CRM", scope="write", by=SYSTEM)
    account = make_account(name="Before")
    client = Client(headers={"authorization": f"Bearer {secret}"})
    answer = client.patch(f"/api/customers/{account.pk}", {"name": "After"}, content_type="application/json")
    assert answer.status_code == 200
    account.refresh_from_db()
    change, added = history_of(account).changes
    assert (change.who, change.fields[0].old, change.fields[0].new) == (f"API key {key.prefix}", "Before", "After")
    assert (added.what, added.who) == ("Added", "System")
    assert not ApiKeyHistory.objects.exists()  # that it was used is no change of it


def test_outside_of_requests_it_is_the_system_or_whoever_is_named() -> None:
    account = make_account(name="One")
    because("nobody is listening")
    update_account(account=account, by=SYSTEM, at=AT, name="Two")
    person = make_user(name="Imp Orter")
    with acting(by=person.as_actor(), reason="File of May"):
        update_account(account=account, by=person.as_actor(), at=AT, name="Three")
    account.refresh_from_db()
    found = [(each.who, each.why, each.fields[0].new) for each in history_of(account).changes[:2]]
    assert found == [("Imp Orter", "File of May", "Three"), ("System", "", "Two")]


def test_readings_snapshots_and_sweeps_leave_no_row() -> None:
    account = make_account(at=AT - timedelta(days=30))
    metric = make_metric()
    own = make_objective(account, at=AT - timedelta(days=30))
    make_objective(account, metric=metric, at=AT - timedelta(days=30))
    record(own, 30, at=AT - timedelta(days=20))
    record(own, 50, at=AT - timedelta(days=2))
    record(metric, 60, account=account, at=AT - timedelta(days=2))
    assert take_weeks(until=AT) > 2
    sweep_standings(at=AT + timedelta(days=60))
    own.refresh_from_db()
    assert own.current == 50
    assert rows() == {}


def test_the_trigger_is_not_even_considered_when_a_value_moves() -> None:
    """It names its columns: a statement that writes none of them pays nothing for it."""
    objective = make_objective(make_account())

    def fired(change: str) -> list[str]:
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN (ANALYZE) UPDATE objectives_objective SET {change} WHERE id = %s", [objective.pk])
            return [line for (line,) in cursor.fetchall() if "pgtrigger_history" in line]

    moved = "state_changed_at = now(), updated_at = now(), last_progress_at = now(), grade = grade"
    assert fired(moved) == []
    (line,) = fired("title = 'Other'")
    assert "calls=1" in line


def test_what_stays_the_same_leaves_no_row() -> None:
    objective, person = make_objective(make_account()), make_user()
    objective.save()
    person.last_login = AT
    person.save()
    person.set_password("violet-harbour-lantern")
    person.save()
    assert rows() == {}
    with structlog.contextvars.bound_contextvars(request_id="req-1"), acting(by=SYSTEM):
        archive_objective(objective=objective, by=SYSTEM, at=AT, reason="Done with")
    assert rows() == {"ObjectiveHistory": 1}
    assert ObjectiveHistory.objects.get().archived_at is None
    objective.refresh_from_db()
    assert history_of(objective).changes[0].why == "Done with"  # as the audit entry of the request has it


def test_history_page_costs_the_same_for_one_change_and_for_thirty(client: Client, admin: User) -> None:
    account = make_account(name="0")

    def change(first: int, last: int) -> None:
        for number in range(first, last + 1):
            update_account(account=account, by=SYSTEM, at=AT, name=str(number), owner=make_user())

    def cost() -> int:
        with CaptureQueriesContext(connection) as context:
            page = client.get(reverse("admin:accounts_account_history", args=[account.pk]))
        assert page.status_code == 200
        return len(context)

    change(1, 1)
    cost()
    few = cost()
    change(2, 30)
    assert cost() == few
    assert few <= 9


def test_a_long_history_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("valuerealization.common.admin.history.MOST", 2)
    assert MOST == 200
    account = make_account()
    for number in range(3):
        update_account(account=account, by=SYSTEM, at=AT, name=str(number))
    account.refresh_from_db()
    found = history_of(account)
    assert (found.is_cut, [change.fields[0].new for change in found.changes]) == (True, ["2", "1"])


def test_revoking_a_key_and_a_changed_role_are_shown_in_words(client: Client, admin: User) -> None:
    key, _ = create_api_key(name="CRM", scope="write", by=SYSTEM, created_by=admin)
    update_api_key(key=key, by=SYSTEM, revoked=True)
    page = client.get(reverse("admin:accounts_apikey_history", args=[key.pk])).content.decode()
    assert "<del>No</del>" in page
    person = make_user(role="csm")
    User.objects.filter(pk=person.pk).update(role="leader")
    page = client.get(reverse("admin:accounts_user_history", args=[person.pk])).content.decode()
    assert "<del>Customer success manager</del>" in page
    assert UserHistory.objects.get().role == "csm"


def test_names_of_people_can_be_erased_and_nothing_else() -> None:
    person = make_user(name="Erase Me")
    User.objects.filter(pk=person.pk).update(name="Pseudonym", role="leader")
    assert UserHistory.objects.update(name="Pseudonym", email="erased@example.invalid") == 1
    with connection.cursor() as cursor:
        cursor.execute("SELECT has_column_privilege('accounts_userhistory', 'role', 'UPDATE')")
        assert cursor.fetchone() == (False,)

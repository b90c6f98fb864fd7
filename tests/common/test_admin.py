"""Every page of the admin: opens for administrators, for nobody else, and costs the same for one row and for thirty."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import pytest
from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.conf import settings
from django.contrib import admin
from django.contrib.admin.models import ADDITION, LogEntry
from django.contrib.auth.models import Group
from django.contrib.contenttypes.models import ContentType
from django.db import connection, models
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    SolarSchedule,
)

from accounts.models import ApiKey, SavedSegment, User
from accounts.services.attributes import create_attribute
from accounts.services.contacts import create_contact
from accounts.services.keys import create_api_key
from accounts.services.meetings import create_meeting
from accounts.services.notes import create_note
from accounts.services.tasks import create_task
from objectives.models import (
    ReplacedSnapshot,
    Restatement,
    Snapshot,
    SnapshotArchive,
    SnapshotObjective,
    TickRun,
    WeekRollup,
)
from tests.factories import make_account, make_metric, make_objective, make_user, record
from valuerealization.common.admin import NewestPaginator, ServiceAdmin
from valuerealization.common.audit import SYSTEM
from valuerealization.common.models import AuditEntry

pytestmark = pytest.mark.django_db

MODELS = sorted(admin.site._registry, key=lambda model: model._meta.label_lower)
READ_ONLY = {
    "accounts.attribute", "accounts.contact", "accounts.meeting", "accounts.note", "accounts.notificationmail",
    "accounts.savedsegment", "accounts.task", "auth.group", "axes.accesslog",
    "axes.accessfailurelog",
    "common.auditentry", "objectives.reading", "objectives.snapshot", "objectives.standing", "objectives.weekrollup",
    "objectives.restatement", "objectives.replacedsnapshot", "objectives.snapshotarchive", "objectives.tickrun",
}  # fmt: skip
SUNDAY = date(2026, 11, 15)
AT = datetime(2026, 11, 20, 12, tzinfo=UTC)


def by_label(model: type[models.Model]) -> str:
    return model._meta.label_lower


def sign_in(client: Client, role: str) -> User:
    user = make_user(role=role)
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return user


def address(model: type[models.Model], page: str, *arguments: Any) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=arguments)


def newest(model: type[models.Model]) -> models.Model | None:
    rows = model._default_manager.order_by("pk")
    return rows.filter(name="Administrator").first() if model is Group else rows.last()


def add_records(first: int, last: int) -> None:
    """Add a record of every kind for each number."""
    for number in range(first, last + 1):
        owner = make_user()
        account = make_account(owner=owner, name=f"Northwind {number}")
        metric = make_metric()
        create_contact(account=account, by=SYSTEM, name=f"Contact {number}", email=f"c{number}@example.com")
        boss = make_user().as_actor()
        create_note(account=account, body=f"Note {number}", by=boss, at=AT)
        create_task(account=account, title=f"Task {number}", assignee=owner, due_on=SUNDAY, by=boss, at=AT)
        create_meeting(account=account, title=f"Review {number}", starts_at=AT, attendees=[owner], by=boss, at=AT)
        SnapshotArchive.objects.create(
            first_week=SUNDAY, last_week=SUNDAY, snapshots=1, objectives=1, replaced=0, file=f"{number}.gz", size=9,
            sha256=str(number),
        )  # fmt: skip
        create_attribute(by=SYSTEM, key=f"plan_{number}", name=f"Plan {number}", type="text")
        SavedSegment.objects.create(name=f"Big {number}", rule={}, created_by=owner)
        goal = make_objective(account, metric=metric, owner=owner)
        record(metric, 40, account=account)
        record(make_objective(account), 30)
        week = SUNDAY - timedelta(weeks=number)
        snapshot = Snapshot.objects.create(
            account=account, week=week, boundary_at=AT, known_at=AT, timezone="UTC", taken_at=AT,
            value_delivered=Decimal("40.5"), status="at_risk", objectives_total=1, objectives_measured=1,
            objectives_met=0,
        )  # fmt: skip
        SnapshotObjective.objects.create(
            snapshot=snapshot, objective=goal, revision=1, completion_type="attribute", kind="value",
            baseline=0, target=100, current=Decimal("40.500000"), completion=Decimal("40.5"), weight=1,
            show_in_portal=False,
        )  # fmt: skip
        restatement = Restatement.objects.create(
            account=account, from_week=week, to_week=week, reason="Late history", requested_by="System"
        )
        ReplacedSnapshot.objects.create(
            restatement=restatement, account=account, week=week, snapshot={"status": "stalled"}, objectives=[]
        )
        WeekRollup.objects.create(week=week, accounts=1, scored=1, score_sum=40)
        TickRun.objects.create(started_at=AT, due=1, moved=1)
        create_api_key(name=f"Key {number}", scope="read", by=SYSTEM, created_by=owner)
        AccessAttempt.objects.create(username=owner.email, ip_address="127.0.0.1", failures_since_start=number)
        AccessFailureLog.objects.create(username=owner.email, ip_address="127.0.0.1")
        AccessLog.objects.create(username=owner.email, ip_address="127.0.0.1")
        crontab = CrontabSchedule.objects.create(minute=str(number))
        PeriodicTask.objects.create(name=f"Task {number}", task="objectives.tick", crontab=crontab)
        ClockedSchedule.objects.create(clocked_time=AT + timedelta(days=number))
        IntervalSchedule.objects.create(every=100 + number, period="days")
        SolarSchedule.objects.create(event="sunset", latitude=number, longitude=0)
        LogEntry.objects.create(
            user=owner, action_flag=ADDITION, object_repr="x", content_type=ContentType.objects.get_for_model(User)
        )


def test_every_page_opens_for_an_administrator(client: Client) -> None:
    sign_in(client, "admin")
    add_records(1, 1)
    for model in MODELS:
        row = newest(model)
        assert row is not None, f"the test made no {by_label(model)}"
        site = admin.site._registry[model]
        listed = client.get(address(model, "changelist"))
        assert (listed.status_code, listed.context["cl"].result_count > 0) == (200, True), by_label(model)
        assert client.get(address(model, "change", row.pk)).status_code == 200, by_label(model)
        assert client.get(address(model, "history", row.pk)).status_code == 200, by_label(model)
        may_add = site.has_add_permission(listed.wsgi_request)
        assert client.get(address(model, "add")).status_code == (200 if may_add else 403), by_label(model)
        if site.search_fields:
            assert client.get(address(model, "changelist"), {"q": "1"}).status_code == 200, by_label(model)


def samples(spec: Any) -> list[dict[str, str]]:
    """Make addresses that a filter's own form sends, and what somebody may write there by hand."""
    names = [name for name in spec.expected_parameters() if name]
    if any(name.endswith(("_from", "_to", "_from_0", "_to_0")) for name in names):
        days = {name: "2026-01-01" if name.endswith(("_from", "_from_0")) else "2027-01-01" for name in names}
        numbers = dict.fromkeys(names, "1")
        return [days, numbers, dict.fromkeys(names, "no such thing"), dict.fromkeys(names, "9" * 400)]
    offered = [str(choice[0]) for choice in getattr(spec, "lookup_choices", []) if choice]
    flat = [str(choice[0]) for choice in getattr(getattr(spec, "field", None), "flatchoices", [])]
    return [{names[0]: value} for value in [*offered[:3], *flat[:3], "1"]]


def test_every_filter_narrows_and_takes_no_harm_from_odd_input(client: Client) -> None:
    sign_in(client, "admin")
    add_records(1, 1)
    tried = 0
    for model in MODELS:
        listed = client.get(address(model, "changelist"))
        for spec in listed.context["cl"].filter_specs:
            for query in samples(spec):
                tried += 1
                response = client.get(address(model, "changelist"), query)
                assert response.status_code in {200, 302}, (by_label(model), query)
                if response.status_code == 302:  # not a choice of this filter: the list says so
                    assert response["Location"].endswith("?e=1"), (by_label(model), query)
    assert tried > 100


def test_change_forms_cost_the_same_for_one_row_and_for_thirty(client: Client) -> None:
    """Inlines included: an account's objectives, an objective's revisions, a person's keys."""
    sign_in(client, "admin")
    owner = make_user()
    account = make_account(owner=owner)
    metric = make_metric()

    def grow(count: int) -> None:
        for _ in range(count):
            goal = make_objective(account, owner=owner)
            record(goal, 30)
            create_api_key(name="Key", scope="read", by=SYSTEM, created_by=owner)

    grow(1)
    goal = make_objective(account, metric=metric)
    rows: list[models.Model] = [account, owner, metric, goal]

    def costs() -> dict[str, int]:
        found = {}
        for row in rows:
            with CaptureQueriesContext(connection) as context:
                assert client.get(address(type(row), "change", row.pk)).status_code == 200
            found[row._meta.label_lower] = len(context)
        return found

    costs()
    few = costs()
    grow(29)
    assert costs() == few
    assert max(few.values()) <= 16


def test_changelists_cost_the_same_for_one_row_and_for_thirty(client: Client) -> None:
    sign_in(client, "admin")

    def costs() -> dict[str, tuple[int, int]]:
        """Count the rows and the queries of each list."""
        found = {}
        for model in MODELS:
            with CaptureQueriesContext(connection) as context:
                response = client.get(address(model, "changelist"))
            found[by_label(model)] = (len(response.context["cl"].result_list), len(context))
        return found

    add_records(1, 1)
    costs()  # content types and the like are read once per process
    few = costs()
    add_records(2, 30)
    many = costs()
    assert {label: queries for label, (_, queries) in many.items()} == {
        label: queries for label, (_, queries) in few.items()
    }
    assert min(many[label][0] - few[label][0] for label in few if label != "auth.group") >= 29
    assert max(queries for _, queries in few.values()) <= 10


@pytest.mark.parametrize("role", ["csm", "leader"])
def test_no_page_opens_for_the_rest_of_the_team(client: Client, role: str) -> None:
    sign_in(client, role)
    for model in MODELS:
        for page in ("changelist", "add"):
            assert client.get(address(model, page), follow=True).status_code == 403, by_label(model)


def test_visitors_are_sent_to_the_one_sign_in_page(client: Client) -> None:
    wanted = address(User, "changelist")
    response = client.get(wanted, follow=True)
    assert response.redirect_chain[-1] == (f"{settings.LOGIN_URL}?next={quote(wanted, safe='')}", 302)
    assert response.status_code == 200
    assert client.post(reverse("admin:login"), {"username": "a", "password": "b"}).status_code == 302


def test_index_lists_the_whole_product(client: Client) -> None:
    sign_in(client, "admin")
    response = client.get(reverse("admin:index"))
    shown = {model["object_name"] for app in response.context["app_list"] for model in app["models"]}
    assert shown == {model._meta.object_name for model in MODELS}
    assert {"Account", "User", "ApiKey", "Metric", "Objective", "Snapshot", "AuditEntry", "PeriodicTask"} <= shown
    assert {"APIKey", "EmailAddress"} & shown == set()
    assert settings.VR_ORGANISATION in response.content.decode()


@pytest.mark.parametrize("role", ["csm", "leader"])
def test_a_superuser_flag_gives_no_way_in(client: Client, role: str) -> None:
    """Only the role counts, so that taking it away is enough."""
    user = sign_in(client, "admin")
    User.objects.filter(pk=user.pk).update(role=role, is_superuser=True)
    assert client.get(reverse("admin:index"), follow=True).status_code == 403
    user.refresh_from_db()
    assert (user.has_perm("accounts.view_user"), user.has_module_perms("accounts")) == (False, False)


def test_an_inactive_administrator_is_out_from_the_next_request_on(client: Client) -> None:
    user = sign_in(client, "admin")
    assert client.get(reverse("admin:index")).status_code == 200
    User.objects.filter(pk=user.pk).update(is_active=False)
    assert client.get(reverse("admin:index")).status_code == 302


def test_what_nobody_edits_is_read_only(client: Client) -> None:
    sign_in(client, "admin")
    add_records(1, 1)
    for model in MODELS:
        row = newest(model)
        assert row is not None
        if model._meta.app_label in {"accounts", "objectives", "common"}:
            assert client.post(address(model, "delete", row.pk), {"post": "yes"}).status_code == 403, by_label(model)
        if by_label(model) in READ_ONLY:
            page = client.get(address(model, "change", row.pk))
            assert page.context["has_change_permission"] is False
            assert client.post(address(model, "add"), {"x": "y"}).status_code == 403, by_label(model)
            assert client.post(address(model, "change", row.pk), {"x": "y"}).status_code == 403, by_label(model)


@pytest.mark.parametrize(
    ("query", "actions"),
    [
        ({"q": "account.created"}, {"account.created"}),
        ({"subject": "accounts.user"}, {"user.created"}),
        ({"actor_kind__exact": "api_key"}, set()),
        ({"q": "no such thing"}, set()),
    ],
)
def test_audit_log_is_narrowed(client: Client, query: dict[str, str], actions: set[str]) -> None:
    sign_in(client, "admin")
    add_records(1, 1)
    AuditEntry.objects.create(
        actor_kind="system", actor_name="System", action="user.created", subject_type="accounts.user"
    )
    response = client.get(address(AuditEntry, "changelist"), query)
    assert {entry.action for entry in response.context["cl"].result_list} == actions
    by_subject = next(spec for spec in response.context["cl"].filter_specs if spec.title == "subject")
    assert dict(by_subject.lookup_choices) == {
        "accounts.meeting": "meeting", "accounts.note": "note", "accounts.task": "task",
        "accounts.account": "account", "accounts.apikey": "API key", "accounts.attribute": "attribute",
        "accounts.contact": "contact", "accounts.savedsegment": "saved segment", "accounts.user": "user",
        "objectives.metric": "metric", "objectives.objective": "objective", "objectives.restatement": "restatement",
        "django_celery_beat.periodictask": "periodic task",
    }  # fmt: skip


def test_long_tables_are_never_counted_whole(monkeypatch: pytest.MonkeyPatch, client: Client) -> None:
    sign_in(client, "admin")
    monkeypatch.setattr(NewestPaginator, "LIMIT", 5)
    for number in range(8):
        TickRun.objects.create(started_at=AT + timedelta(minutes=number))
    response = client.get(address(TickRun, "changelist"))
    assert response.context["cl"].result_count == 5
    assert "The newest 5 that match." in response.content.decode()


def test_schedule_is_edited_with_an_audit_entry(client: Client) -> None:
    user = sign_in(client, "admin")
    tick = PeriodicTask.objects.get(task="objectives.tick")
    page = client.get(address(PeriodicTask, "change", tick.pk))
    assert page.status_code == 200
    assert "readableCrontabs" not in page.content.decode()  # the library's inline script
    every_minute = IntervalSchedule.objects.create(every=1, period="minutes")
    data = {
        "name": tick.name, "task": tick.task, "regtask": "", "enabled": "on", "interval": every_minute.pk,
        "args": "[]", "kwargs": "{}", "headers": "{}", "description": tick.description,
    }  # fmt: skip
    response = client.post(address(PeriodicTask, "change", tick.pk), data)
    assert response.status_code == 302
    tick.refresh_from_db()
    assert tick.interval == every_minute
    entry = AuditEntry.objects.get(action="periodic_task.updated")
    assert (entry.actor_id, entry.subject_label) == (str(user.pk), str(tick))
    assert entry.details["interval"][1] == "every minute"

    client.post(
        address(PeriodicTask, "changelist"), {"action": "delete_selected", "_selected_action": tick.pk, "post": "yes"}
    )
    assert AuditEntry.objects.get(action="periodic_task.deleted").subject_id == tick.pk
    assert not PeriodicTask.objects.filter(pk=tick.pk).exists()


def test_forms_for_new_records_ask_for_nothing_that_is_kept(client: Client) -> None:
    sign_in(client, "admin")
    for model in MODELS:
        if isinstance(site := admin.site._registry[model], ServiceAdmin) and by_label(model) not in READ_ONLY:
            page = client.get(address(model, "add"))
            shown = {name for _, options in page.context["adminform"].fieldsets for name in options["fields"]}
            assert shown & set(site.kept) == set()
            assert "DatabaseDefault" not in page.content.decode()


def test_revoked_keys_are_shown_as_they_were(client: Client) -> None:
    sign_in(client, "admin")
    add_records(1, 1)
    ApiKey.objects.update(revoked=True)
    key = ApiKey.objects.get()
    response = client.get(address(ApiKey, "change", key.pk))
    assert response.context["has_change_permission"] is False
    assert client.post(address(ApiKey, "change", key.pk), {"name": "Again"}).status_code == 403

"""Metrics and objectives in the admin: the domain's rules hold there too, and name the field."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from objectives.models import Metric, MetricVersion, Objective, ObjectiveRevision, Reading, Snapshot, SnapshotObjective
from tests.factories import make_account, make_metric, make_objective, make_user, record
from valuerealization.common.models import AuditEntry

pytestmark = pytest.mark.django_db

INLINE = {"revisions-TOTAL_FORMS": "0", "revisions-INITIAL_FORMS": "0"}
OBJECTIVE = {
    "title": "Faster onboarding", "details": "", "owner": "", "external_id": "", "completion_type": "value",
    "metric": "", "unit": "days", "unit_label": "", "baseline": "14", "measured_now": "", "target": "7",
    "confidence": "high", "weight": "1", "started_on": "", "due_on": "", "methodology": "", "source": "",
    "reason": "", **INLINE,
}  # fmt: skip
METRIC = {
    "key": "tickets", "name": "Tickets", "unit": "", "unit_label": "", "direction": "down", "kind": "value",
    "methodology": "", "formula": "", "cadence": "none", "tolerance_unit": "percent",
    "versions-TOTAL_FORMS": "0", "versions-INITIAL_FORMS": "0",
}  # fmt: skip


@pytest.fixture
def admin(client: Client) -> User:
    user = make_user(role="admin")
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return user


def address(name: str, page: str, *arguments: Any) -> str:
    return reverse(f"admin:objectives_{name}_{page}", args=arguments)


def errors(response: Any) -> dict[str, list[str]]:
    return {name: list(messages) for name, messages in response.context["adminform"].form.errors.items()}


def form_of(objective: Objective, **typed: str) -> dict[str, str]:
    count = str(ObjectiveRevision.objects.filter(objective=objective).count())
    return {
        **OBJECTIVE, "title": objective.title, "started_on": str(objective.started_on), "unit": objective.unit,
        "revisions-TOTAL_FORMS": count, "revisions-INITIAL_FORMS": count, **typed,
    }  # fmt: skip


def test_objective_is_added_by_the_services(client: Client, admin: User) -> None:
    account = make_account()
    response = client.post(address("objective", "add"), {**OBJECTIVE, "account": account.pk, "measured_now": "9"})
    assert response.status_code == 302
    objective = Objective.objects.get()
    assert (objective.current, objective.completion) == (Decimal(9), Decimal("71.428571428571"))
    assert objective.revisions.get().reason == "Created"
    reading = Reading.objects.get()
    assert (reading.value, reading.recorded_by) == (Decimal(9), admin.name)
    account.standing.refresh_from_db()
    assert account.standing.value_delivered == Decimal("71.428571")
    recorded = list(AuditEntry.objects.filter(actor_id=str(admin.pk)).order_by("pk").values_list("action", flat=True))
    assert recorded == ["objective.created", "readings.recorded"]


@pytest.mark.parametrize(
    ("typed", "field", "message"),
    [
        ({"target": "14"}, "target", "Pick a target different from the baseline."),
        (
            {"measured_now": "14"},
            "measured_now",
            "No progress to measure yet: leave current empty until the first measurement.",
        ),
        ({"baseline": ""}, "baseline", "Give a baseline: progress is measured from baseline to target."),
        ({"completion_type": "attribute"}, "metric", "Choose the metric that this objective follows."),
        ({"done": "on"}, "done", "Only a manual objective is marked done; this one is measured."),
        ({"weight": "0"}, "weight", "Give a weight above 0, up to 100."),
        ({"unit": "custom"}, "unit_label", "Say what is counted, for example “disputes”."),
        ({"started_on": "2026-05-01", "due_on": "2026-05-01"}, "due_on", "Choose a target date after the start date."),
        (
            {"target": "1,000"},
            "target",
            "Write the number without thousands separators, with a point before the decimals: 1250.5.",
        ),
        ({"target": "NaN"}, "target", "Enter a finite number; NaN and infinity have no place on a scale."),
        ({"title": ""}, "title", "This field is required."),
    ],
)  # fmt: skip
def test_objective_is_refused_beside_the_field(
    client: Client, admin: User, typed: dict[str, str], field: str, message: str
) -> None:
    account = make_account()
    response = client.post(address("objective", "add"), {**OBJECTIVE, "account": account.pk, **typed})
    assert (response.status_code, errors(response)) == (200, {field: [message]})
    assert not Objective.objects.exists()
    assert not AuditEntry.objects.filter(actor_id=str(admin.pk)).exists()


def test_archived_accounts_take_no_objectives(client: Client, admin: User) -> None:
    account = make_account()
    type(account).objects.update(archived_at=datetime(2026, 1, 1, tzinfo=UTC))
    response = client.post(address("objective", "add"), {**OBJECTIVE, "account": account.pk})
    assert errors(response) == {"account": ["This account is archived. Restore it first."]}


def test_objective_changes_by_revision(client: Client, admin: User) -> None:
    objective = make_objective(make_account(), baseline=14, target=7)
    url = address("objective", "change", objective.pk)
    response = client.post(url, form_of(objective, target="5", reason="Agreed in review"))
    assert response.status_code == 302, errors(response)
    objective.refresh_from_db()
    assert (objective.target, objective.revision) == (Decimal(5), 2)
    assert objective.revisions.get(number=2).reason == "Agreed in review"
    entry = AuditEntry.objects.get(action="objective.updated")
    assert (entry.actor_id, sorted(entry.details)) == (str(admin.pk), ["reason", "target"])

    page = client.get(url)
    (revisions,) = page.context["inline_admin_formsets"]
    assert [form.original.number for form in revisions if form.original] == [2, 1]
    assert not revisions.has_add_permission
    assert not revisions.has_change_permission


def test_a_change_is_refused_beside_the_field(client: Client, admin: User) -> None:
    objective = make_objective(make_account(), baseline=14, target=7)
    response = client.post(address("objective", "change", objective.pk), form_of(objective, target="14"))
    assert errors(response) == {"target": ["Pick a target different from the baseline."]}
    objective.refresh_from_db()
    assert (objective.target, objective.revision) == (Decimal(7), 1)


def test_an_untouched_current_writes_no_reading(client: Client, admin: User) -> None:
    objective = make_objective(make_account(), baseline=14, target=7)
    record(objective, 9)
    url = address("objective", "change", objective.pk)
    assert client.get(url).context["adminform"].form["measured_now"].value() == "9"
    assert client.post(url, form_of(objective, measured_now="9", details="More")).status_code == 302
    assert Reading.objects.count() == 1
    assert client.post(url, form_of(objective, measured_now="8", details="More")).status_code == 302
    assert Reading.objects.count() == 2
    objective.refresh_from_db()
    assert (objective.current, objective.details) == (Decimal(8), "More")


def test_objective_stays_with_its_account(client: Client, admin: User) -> None:
    objective, other = make_objective(make_account(), baseline=14, target=7), make_account()
    data = form_of(objective, account=str(other.pk), title="Moved?")
    assert client.post(address("objective", "change", objective.pk), data).status_code == 302
    objective.refresh_from_db()
    assert objective.title == "Moved?"
    assert objective.account != other


def test_objectives_are_archived_and_restored_from_the_list(client: Client, admin: User) -> None:
    account = make_account()
    objective = make_objective(account)
    record(objective, 40)
    for action, score in (("archive", None), ("archive", None), ("restore", Decimal(40))):
        client.post(
            address("objective", "changelist"), {"action": action, "_selected_action": objective.pk, "confirmed": "yes"}
        )
        account.standing.refresh_from_db()
        assert account.standing.value_delivered == score
    actions = AuditEntry.objects.filter(subject_type="objectives.objective").order_by("pk")
    assert list(actions.values_list("action", flat=True)) == [
        "objective.created", "objective.archived", "objective.restored",
    ]  # fmt: skip


def test_objective_links_to_its_page_and_its_readings(client: Client, admin: User) -> None:
    account, metric = make_account(), make_metric()
    own, followed = make_objective(account), make_objective(account, metric=metric)
    manual = make_objective(account, completion_type="manual")
    record(own, 30)
    record(metric, 40, account=account)
    record(metric, 50, account=make_account())
    pages = {
        row: client.get(address("objective", "change", row.pk)).content.decode() for row in (own, followed, manual)
    }
    assert f'href="{own.get_absolute_url()}"' in pages[own]
    readings = address("reading", "changelist")
    for row, query in {
        own: f"objective__id__exact={own.pk}",
        followed: f"account__id__exact={account.pk}&amp;metric__id__exact={metric.pk}",
    }.items():
        assert f'href="{readings}?{query}"' in pages[row]
        listed = client.get(f"{readings}?{query.replace('&amp;', '&')}").context["cl"]
        assert [reading.value for reading in listed.result_list] == [row.__class__.objects.get(pk=row.pk).current]
    assert f"{readings}?" not in pages[manual]


def test_metric_is_added_and_versioned_by_the_services(client: Client, admin: User) -> None:
    assert client.post(address("metric", "add"), METRIC).status_code == 302
    metric = Metric.objects.get()
    assert AuditEntry.objects.get(action="metric.created").actor_id == str(admin.pk)
    data = {**METRIC, "methodology": "Counted daily", "versions-TOTAL_FORMS": "1", "versions-INITIAL_FORMS": "1"}
    assert client.post(address("metric", "change", metric.pk), data).status_code == 302
    metric.refresh_from_db()
    assert (metric.version, MetricVersion.objects.filter(metric=metric).count()) == (2, 2)
    assert AuditEntry.objects.get(action="metric.updated").details == {"methodology": ["", "Counted daily"]}


@pytest.mark.parametrize(("typed", "field"), [({"key": "Two words"}, "key"), ({"key": "taken"}, "key")])
def test_metric_is_refused_beside_the_field(client: Client, admin: User, typed: dict[str, str], field: str) -> None:
    make_metric(key="taken")
    response = client.post(address("metric", "add"), {**METRIC, **typed})
    assert (response.status_code, list(errors(response))) == (200, [field])
    assert Metric.objects.count() == 1


def test_snapshot_lists_the_objectives_it_was_made_of(client: Client, admin: User) -> None:
    account, at = make_account(), datetime(2026, 11, 15, 2, tzinfo=UTC)
    objective = make_objective(account, title="Fewer <b>tickets</b>")
    snapshot = Snapshot.objects.create(
        account=account, week=date(2026, 11, 15), boundary_at=at, known_at=at, taken_at=at, timezone="UTC",
        value_delivered=Decimal("12.5"), status="stalled", objectives_total=1, objectives_measured=1, objectives_met=0,
    )  # fmt: skip
    SnapshotObjective.objects.create(
        snapshot=snapshot, objective=objective, revision=3, completion_type="value", kind="value", baseline=0,
        target=8, current=1, completion=Decimal("12.5"), weight=2, show_in_portal=False,
    )  # fmt: skip
    page = client.get(address("snapshot", "change", snapshot.pk)).content.decode()
    row = "<td>Fewer &lt;b&gt;tickets&lt;/b&gt;</td><td>0</td><td>1</td><td>8</td><td>12.5</td><td>2</td><td>3</td>"
    assert row in page
    assert f'href="{account.get_absolute_url()}"' in page

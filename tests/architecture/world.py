"""One of everything: two accounts of two people, with shared and internal objectives, history and keys."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal

from django.contrib.auth.models import Group, Permission
from django.core.files.uploadedfile import SimpleUploadedFile

from accounts.models import (
    Account,
    ApiKey,
    Attachment,
    Attribute,
    ChecklistItem,
    Contact,
    Meeting,
    Note,
    Notification,
    NotificationKind,
    SavedSegment,
    Task,
    TaskComment,
    TeamMember,
    User,
    Ways,
)
from accounts.services.attachments import attach_file
from accounts.services.attributes import create_attribute
from accounts.services.comments import add_comment
from accounts.services.contacts import add_team_member, create_contact
from accounts.services.feeds import make_feed
from accounts.services.keys import create_api_key
from accounts.services.meetings import create_meeting
from accounts.services.notes import create_note
from accounts.services.notification_choices import choose_ways
from accounts.services.tasks import Step, create_task
from objectives.models import (
    Disagreement,
    HeldReading,
    ImportBatch,
    ImportChange,
    ImportChunk,
    ImportFailure,
    ImportMapping,
    Metric,
    Objective,
    ReplacedSnapshot,
    Restatement,
    Snapshot,
    SnapshotArchive,
    SnapshotObjective,
    TickRun,
    WeekRollup,
)
from portfolio.models import SavedView
from portfolio.queries.columns import PORTFOLIO
from portfolio.services.views import save_view
from tests.factories import make_account, make_metric, make_objective, make_segment, make_user, record
from valuerealization.common.audit import SYSTEM
from valuerealization.common.models import AuditEntry, AuditProof, AuditSeal, IdempotencyRecord

AT = datetime(2026, 11, 15, 2, tzinfo=UTC)
SUNDAY = date(2026, 11, 15)


@dataclass(frozen=True, slots=True)
class Work:
    """Notes, tasks and meetings of the first account."""

    task: Task
    item: ChecklistItem
    comment: TaskComment
    note: Note
    meeting: Meeting
    attachment: Attachment
    notification: Notification
    feed: str


@dataclass(frozen=True, slots=True)
class World:
    """What was made."""

    owner: User
    other: User
    leader: User
    admin: User
    account: Account
    other_account: Account
    metric: Metric
    shared: Objective
    internal: Objective
    manual: Objective
    followed: Objective
    snapshot: Snapshot
    disagreement: Disagreement
    held: HeldReading
    contact: Contact
    member: TeamMember
    attribute: Attribute
    segment: SavedSegment
    batch: ImportBatch
    view: SavedView
    read_key: str
    write_key: str
    work: Work


def make_world() -> World:
    """Make it, through the services where there are any."""
    owner, other = make_user(name="Own Er"), make_user(name="Oth Er")
    leader, admin = make_user(role="leader"), make_user(role="admin")
    owner.groups.add(Group.objects.create(name="A group"))
    owner.user_permissions.add(Permission.objects.earliest("pk"))
    account = make_account(
        owner=owner, name="Northwind", external_id="CRM-1", contract_signed_on=date(2026, 1, 1),
        renewal_on=date(2027, 1, 1), arr=Decimal(1000), segment="enterprise",
    )  # fmt: skip
    other_account = make_account(owner=other, name="Contoso", external_id="CRM-2")
    metric = make_metric(key="tickets")
    shared = make_objective(account, title="Shared goal", show_in_portal=True, external_id="OBJ-1")
    internal = make_objective(account, title="Internal goal")
    manual = make_objective(account, title="Manual goal", completion_type="manual", show_in_portal=True)
    followed = make_objective(account, title="Followed goal", metric=metric)
    make_objective(other_account, title="Foreign goal", show_in_portal=True)
    record(shared, 40)
    record(metric, 60, account=account)
    snapshot = Snapshot.objects.create(
        account=account, week=SUNDAY, boundary_at=AT, known_at=AT, timezone="UTC", taken_at=AT,
        value_delivered=Decimal(40), status="at_risk", objectives_total=1, objectives_measured=1, objectives_met=0,
    )  # fmt: skip
    SnapshotObjective.objects.create(
        snapshot=snapshot, objective=shared, revision=1, completion_type="value", kind="value", baseline=0, target=100,
        current=40, completion=40, weight=1, show_in_portal=True,
    )  # fmt: skip
    contact = create_contact(
        account=account, by=SYSTEM, name="Con Tact", email="con@example.com", roles=["champion"], external_id="P-1"
    )
    member = add_team_member(account=account, user=other, role="account_executive", by=SYSTEM)
    attribute = create_attribute(by=SYSTEM, key="plan", name="Plan", type="text")
    Attribute.objects.update(position=1)  # it has a history
    segment = make_segment({"all": [{"field": "arr", "op": "above", "value": 10}]}, name="Big", created_by=owner)
    restatement = Restatement.objects.create(
        account=account, from_week=SUNDAY, to_week=SUNDAY, reason="Late history", requested_by="System"
    )
    ReplacedSnapshot.objects.create(restatement=restatement, account=account, week=SUNDAY, snapshot={}, objectives=[])
    WeekRollup.objects.create(week=SUNDAY, accounts=1, scored=1, score_sum=40, at_risk=1)
    TickRun.objects.create(started_at=AT, due=1, taken=1, late_seconds=62, moved=1)
    SnapshotArchive.objects.create(
        first_week=date(2019, 1, 6), last_week=date(2019, 1, 27), snapshots=4, objectives=4, replaced=0,
        file="snapshots-2019-01-06-to-2019-01-27.jsonl.gz", size=1234, sha256="0" * 64, removed_at=AT,
    )  # fmt: skip
    IdempotencyRecord.objects.create(actor_id="x", key="k", fingerprint="f", status=201)
    seal = AuditSeal.objects.create(
        number=1, sealed_at=AT, entries=1, after_id=0, from_transaction="0", from_id=0, to_transaction="1", to_id=0,
        last_id=1, root=b"1", previous_hash=b"", hash=b"1",
    )  # fmt: skip
    AuditProof.objects.create(
        entry=AuditEntry.objects.earliest("pk"), seal=seal, who_salt=b"1", who_digest=b"1", what_salt=b"1",
        what_digest=b"1", hash=b"1",
    )  # fmt: skip
    batch = ImportBatch.objects.create(
        kind="accounts", state="imported", file_name="accounts.csv", file_format="csv", size_bytes=9, created_by=owner,
        source="CRM", headers=["Id"], columns={"0": "external_id"}, imported_at=AT, rows_total=1, rows_new=1,
    )  # fmt: skip
    ImportChunk.objects.create(batch=batch, number=0, data=b"Id\nCRM-1\n")
    ImportFailure.objects.create(batch=batch, line=2, cells=["CRM-1"], problems=[["external_id", "Give another."]])
    ImportChange.objects.create(batch=batch, subject="account", subject_id=account.pk, changes={"name": ["N", "N"]})
    ImportChange.objects.create(batch=batch, subject="reading", subject_id=1, last_id=2)
    ImportMapping.objects.create(kind="accounts", source="CRM", columns={"Id": "external_id"}, updated_at=AT)
    view = save_view(owner=owner, kind=PORTFOLIO, name="Stalled", parameters={}, is_shared=True, is_default=True)
    keys: dict[str, str] = {}
    for scope in ("read", "write"):
        _, keys[scope] = create_api_key(name=scope, scope=scope, by=SYSTEM)
    assert ApiKey.objects.count() == 2
    record(metric, 80, account=account, source="CRM")
    disagreement = Disagreement.objects.get()
    held = HeldReading.objects.create(
        account=account, metric=metric, value=1000, usual=10, observed_at=AT, confidence="high", origin="system"
    )
    return World(
        owner, other, leader, admin, account, other_account, metric, shared, internal, manual, followed, snapshot,
        disagreement, held,
        contact, member, attribute, segment, batch, view, keys["read"], keys["write"],
        make_work(account, owner, leader, contact),
    )  # fmt: skip


def make_work(account: Account, owner: User, leader: User, contact: Contact) -> Work:
    """Add one of each thing that the team works with."""
    task = create_task(
        account=account, by=leader.as_actor(), at=AT, title="Call them", assignee=owner, external_id="TASK-1",
        checklist=[Step("Find the number")], due_on=SUNDAY,
    )  # fmt: skip
    comment = add_comment(task=task, body="@Own Er, please", by=leader.as_actor(), at=AT)
    note = create_note(account=account, body="They like it", by=owner.as_actor(), at=AT)
    meeting = create_meeting(
        account=account, by=owner.as_actor(), at=AT, title="Review", starts_at=AT, attendees=[owner], contacts=[contact]
    )
    choose_ways(person=leader, ways={NotificationKind.DUE: Ways(in_bell=True, by_mail=True)})
    attachment = attach_file(subject=task, upload=SimpleUploadedFile("plan.txt", b"First, call."), by=owner.as_actor())
    return Work(
        task, task.items.get(), comment, note, meeting, attachment, Notification.objects.get(kind="assigned"),
        make_feed(person=owner),
    )  # fmt: skip

"""What has to be done for an account, with checklist and comments."""

import uuid
from datetime import date
from typing import Self

from django.db import models
from django.db.models import Case, F, Q, Value, When

from accounts.models.accounts import Account
from accounts.models.people import User
from valuerealization.common.models import DatabaseNow


class TaskState(models.TextChoices):
    """Where a task stands."""

    OPEN = "open", "Open"
    DONE = "done", "Done"
    CANCELLED = "cancelled", "Cancelled"


class Priority(models.TextChoices):
    """How much a task matters beside others of the same day."""

    LOW = "low", "Low"
    NORMAL = "normal", "Normal"
    HIGH = "high", "High"
    URGENT = "urgent", "Urgent"


class TaskQuerySet(models.QuerySet["Task"]):
    """Filters over tasks."""

    def open(self) -> Self:
        """Keep what is neither done nor cancelled."""
        return self.filter(state=TaskState.OPEN)

    def awake(self, on: date) -> Self:
        """Leave out what is put off until after a day."""
        return self.filter(Q(snoozed_until=None) | Q(snoozed_until__lte=on))

    def by_urgency(self) -> Self:
        """Order by due date, undated last; then by priority, then oldest first."""
        return self.order_by(F("due_on").asc(nulls_last=True), "priority_rank", "pk")

    def lock(self) -> Self:
        """Lock in id order: one writer at a time."""
        return self.order_by("id").select_for_update(no_key=True, of=("self",))


class Task(models.Model):
    """Something to do for an account. Cancelling takes the place of deleting.

    `source` says what made it when that was no person, and is shown: a playbook, an integration. `sequence` counts its
    versions for calendars, `uid` is its name there.
    """

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="tasks", db_index=False)
    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    external_id = models.CharField(max_length=128, null=True, blank=True, unique=True)
    title = models.CharField(max_length=200)
    details = models.TextField(blank=True, max_length=10_000)
    assignee = models.ForeignKey(
        User, null=True, blank=True, on_delete=models.PROTECT, related_name="tasks", db_index=False
    )
    due_on = models.DateField(null=True, blank=True)
    priority = models.CharField(max_length=8, choices=Priority, default=Priority.NORMAL)
    priority_rank = models.GeneratedField(
        expression=Case(
            When(priority=Priority.URGENT, then=Value(0)),
            When(priority=Priority.HIGH, then=Value(1)),
            When(priority=Priority.NORMAL, then=Value(2)),
            default=Value(3),
        ),
        output_field=models.SmallIntegerField(),
        db_persist=True,
    )
    state = models.CharField(max_length=12, choices=TaskState, default=TaskState.OPEN, editable=False)
    done_at = models.DateTimeField(null=True, blank=True, editable=False)
    done_by = models.ForeignKey(User, null=True, blank=True, editable=False, on_delete=models.PROTECT, related_name="+")
    cancelled_at = models.DateTimeField(null=True, blank=True, editable=False)
    snoozed_until = models.DateField(null=True, blank=True)
    show_in_portal = models.BooleanField(default=False)
    meeting = models.ForeignKey(
        "accounts.Meeting", null=True, blank=True, editable=False, on_delete=models.PROTECT, related_name="tasks"
    )
    source = models.CharField(max_length=200, blank=True)
    created_by = models.ForeignKey(
        User, null=True, blank=True, editable=False, on_delete=models.PROTECT, related_name="+"
    )
    sequence = models.PositiveIntegerField(default=0, editable=False)
    created_at = models.DateTimeField(db_default=DatabaseNow(), editable=False)
    updated_at = models.DateTimeField(db_default=DatabaseNow(), editable=False)

    objects = TaskQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=~Q(title=""), name="accounts_task_title_given"),
            models.CheckConstraint(condition=~Q(external_id=""), name="accounts_task_external_id_null_or_given"),
            models.CheckConstraint(condition=Q(priority__in=Priority.values), name="accounts_task_priority_known"),
            models.CheckConstraint(
                condition=Q(state=TaskState.OPEN, done_at=None, cancelled_at=None)
                | Q(state=TaskState.DONE, done_at__isnull=False, cancelled_at=None)
                | Q(state=TaskState.CANCELLED, done_at=None, cancelled_at__isnull=False),
                name="accounts_task_state_has_its_time",
            ),
            models.CheckConstraint(
                condition=Q(done_by=None) | Q(done_at__isnull=False), name="accounts_task_done_by_with_done_at"
            ),
        ]
        indexes = [
            models.Index(fields=["account", "due_on", "priority_rank", "id"], name="accounts_task_account_due"),
            models.Index(fields=["account", "state", "id"], name="accounts_task_account_state"),
            models.Index(
                fields=["assignee", "due_on", "id"], condition=Q(state="open"), name="accounts_task_assignee_open"
            ),
        ]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return f"/tasks/{self.pk}/"

    @property
    def is_open(self) -> bool:
        """Tell whether it still has to be done."""
        return self.state == TaskState.OPEN


class ChecklistItem(models.Model):
    """One step of a task."""

    task = models.ForeignKey(Task, on_delete=models.CASCADE, related_name="items", db_index=False)
    position = models.PositiveIntegerField()
    text = models.CharField(max_length=300)
    is_done = models.BooleanField(default=False)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=~Q(text=""), name="accounts_checklistitem_text_given"),
            models.UniqueConstraint(
                fields=["task", "position"],
                name="accounts_checklistitem_one_a_place",
                deferrable=models.Deferrable.IMMEDIATE,
            ),
        ]

    def __str__(self) -> str:
        return self.text


class TaskComment(models.Model):
    """What somebody says about a task."""

    task = models.ForeignKey(Task, on_delete=models.CASCADE, related_name="comments", db_index=False)
    body = models.TextField(max_length=10_000)
    created_by = models.ForeignKey(
        User, null=True, blank=True, editable=False, on_delete=models.PROTECT, related_name="+"
    )
    source = models.CharField(max_length=200, blank=True)
    deleted_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(db_default=DatabaseNow(), editable=False)

    class Meta:
        constraints = [models.CheckConstraint(condition=~Q(body=""), name="accounts_taskcomment_body_given")]
        indexes = [models.Index(fields=["task", "id"], name="accounts_taskcomment_task")]

    def __str__(self) -> str:
        return self.body[:80]

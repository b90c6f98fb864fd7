"""What one person should see or read in a mail, and what of it each person wants."""

import uuid
from dataclasses import dataclass
from typing import Final, Self

from django.db import models
from django.db.models import F, Q

from accounts.models.accounts import Account
from accounts.models.attachments import exactly_one
from accounts.models.meetings import Meeting
from accounts.models.notes import Note
from accounts.models.people import User
from accounts.models.tasks import Task, TaskComment, TaskState
from valuerealization.common.models import DatabaseNow


class NotificationKind(models.TextChoices):
    """Why somebody is told."""

    MENTION = "mention", "Somebody mentions you"
    ASSIGNED = "assigned", "You get a task"
    COMMENT = "comment", "Somebody comments on your task"
    DUE = "due", "A task of yours is due"
    OVERDUE = "overdue", "A task of yours is late"
    HELD = "held", "A value is held for you"


@dataclass(frozen=True, slots=True)
class Ways:
    """How somebody wants to be told: in the bell, by mail, both, or not at all."""

    in_bell: bool
    by_mail: bool


# Until somebody chooses: everything in the bell, and a mail only where another person waits for them.
DEFAULT_WAYS: Final = {
    kind: Ways(in_bell=True, by_mail=kind in (NotificationKind.MENTION, NotificationKind.ASSIGNED))
    for kind in NotificationKind
}


class NotificationChoice(models.Model):
    """How one person wants to be told of one kind of thing; without a row it is as usual."""

    person = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+", db_index=False)
    kind = models.CharField(max_length=12, choices=NotificationKind)
    in_bell = models.BooleanField()
    by_mail = models.BooleanField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(kind__in=NotificationKind.values), name="accounts_notificationchoice_kind_known"
            ),
            models.UniqueConstraint(fields=["person", "kind"], name="accounts_notificationchoice_one_a_kind"),
        ]

    def __str__(self) -> str:
        return f"{self.person}: {self.kind}"


class NotificationQuerySet(models.QuerySet["Notification"]):
    """Filters over notifications."""

    def standing(self) -> Self:
        """Leave out what was deleted, cancelled, done or put on another day since; it comes back with that."""
        return self.filter(
            Q(note=None) | Q(note__deleted_at=None),
            Q(task=None) | Q(task__cancelled_at=None),
            Q(comment=None) | Q(comment__deleted_at=None),
            Q(meeting=None) | Q(meeting__cancelled_at=None),
            Q(due_on=None) | Q(task__state=TaskState.OPEN, task__due_on=F("due_on"), task__assignee=F("person")),
        )

    def unseen_by(self, person_id: int) -> Self:
        """Keep what a person has not looked at yet, of what they want in the bell."""
        return self.filter(person_id=person_id, seen_at=None, in_bell=True).standing()


class Notification(models.Model):
    """One person, one reason, one subject: once, however often the text is saved.

    A comment comes with its task, a task that is due with the day; what is held is told of once for its account.
    `by_name` is who caused it, empty where the calendar did.
    """

    person = models.ForeignKey(User, on_delete=models.CASCADE, related_name="notifications", db_index=False)
    kind = models.CharField(max_length=12, choices=NotificationKind)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+")
    note = models.ForeignKey(Note, null=True, on_delete=models.CASCADE, related_name="+")
    task = models.ForeignKey(Task, null=True, on_delete=models.CASCADE, related_name="+")
    comment = models.ForeignKey(TaskComment, null=True, on_delete=models.CASCADE, related_name="+")
    meeting = models.ForeignKey(Meeting, null=True, on_delete=models.CASCADE, related_name="+")
    due_on = models.DateField(null=True)
    by_name = models.CharField(max_length=200, blank=True)
    # Off: it is there for its mail alone.
    in_bell = models.BooleanField(default=True, db_default=True)
    created_at = models.DateTimeField(db_default=DatabaseNow())
    seen_at = models.DateTimeField(null=True)

    objects = NotificationQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(kind__in=NotificationKind.values), name="accounts_notification_kind_known"
            ),
            models.CheckConstraint(
                condition=Q(kind=NotificationKind.HELD, note=None, task=None, meeting=None)
                | ~Q(kind=NotificationKind.HELD) & exactly_one("note", "task", "meeting"),
                name="accounts_notification_one_subject",
            ),
            models.CheckConstraint(
                condition=Q(comment=None) | Q(task__isnull=False), name="accounts_notification_comment_of_task"
            ),
            models.CheckConstraint(
                condition=Q(kind__in=[NotificationKind.DUE, NotificationKind.OVERDUE], due_on__isnull=False)
                | ~Q(kind__in=[NotificationKind.DUE, NotificationKind.OVERDUE]) & Q(due_on=None),
                name="accounts_notification_due_has_its_day",
            ),
            models.UniqueConstraint(
                fields=["person", "kind", "account", "note", "task", "comment", "meeting", "due_on"],
                name="accounts_notification_once",
                nulls_distinct=False,
            ),
        ]
        indexes = [models.Index(fields=["person", "-id"], condition=Q(seen_at=None), name="accounts_notification_new")]

    def __str__(self) -> str:
        return f"{self.by_name}: {self.kind}" if self.by_name else self.kind


class NotificationMail(models.Model):
    """A mail about a notification: waiting, or how it ended. The row is the queue.

    `uid` names the mail to mail programs, the same at every attempt, so that one sent twice can be told. While it
    waits, `next_try_at` says from when on it may be claimed; a claim moves it ahead, and counts the attempt.
    """

    class State(models.TextChoices):
        """What became of it."""

        WAITING = "waiting", "Waiting"
        SENT = "sent", "Sent"
        DROPPED = "dropped", "Not needed any more"
        FAILED = "failed", "Given up"

    notification = models.ForeignKey(Notification, on_delete=models.CASCADE, related_name="mails")
    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    state = models.CharField(max_length=8, choices=State, default=State.WAITING)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_try_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    # What went wrong last: a kind of error and a code, never what a server said, which may name a person.
    trouble = models.CharField(max_length=80, blank=True, default="")
    created_at = models.DateTimeField(db_default=DatabaseNow())

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(state="waiting", next_try_at__isnull=False, ended_at=None)
                | Q(state__in=["sent", "dropped", "failed"], next_try_at=None, ended_at__isnull=False),
                name="accounts_notificationmail_waits_or_ended",
            ),
        ]
        indexes = [
            models.Index(fields=["next_try_at"], condition=Q(state="waiting"), name="accounts_notificationmail_wait"),
            models.Index(fields=["ended_at"], condition=~Q(state="waiting"), name="accounts_notificationmail_done"),
        ]

    def __str__(self) -> str:
        return f"Mail {self.pk}"

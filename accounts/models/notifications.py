"""What one person should see: that they were mentioned, or got a task."""

from typing import Self

from django.db import models
from django.db.models import Q

from accounts.models.accounts import Account
from accounts.models.attachments import exactly_one
from accounts.models.meetings import Meeting
from accounts.models.notes import Note
from accounts.models.people import User
from accounts.models.tasks import Task, TaskComment
from valuerealization.common.models import DatabaseNow


class NotificationKind(models.TextChoices):
    """Why somebody is told."""

    MENTION = "mention", "Mentioned you"
    ASSIGNED = "assigned", "Gave you a task"


class NotificationQuerySet(models.QuerySet["Notification"]):
    """Filters over notifications."""

    def standing(self) -> Self:
        """Leave out what was deleted or cancelled since, and comes back when that is undone."""
        return self.filter(
            Q(note=None) | Q(note__deleted_at=None),
            Q(task=None) | Q(task__cancelled_at=None),
            Q(comment=None) | Q(comment__deleted_at=None),
            Q(meeting=None) | Q(meeting__cancelled_at=None),
        )

    def unseen_by(self, person_id: int) -> Self:
        """Keep what a person has not looked at yet."""
        return self.filter(person_id=person_id, seen_at=None).standing()


class Notification(models.Model):
    """One person, one reason, one subject: once, however often the text is saved.

    A comment comes with its task; `by_name` is who caused it.
    """

    person = models.ForeignKey(User, on_delete=models.CASCADE, related_name="notifications", db_index=False)
    kind = models.CharField(max_length=12, choices=NotificationKind)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+")
    note = models.ForeignKey(Note, null=True, on_delete=models.CASCADE, related_name="+")
    task = models.ForeignKey(Task, null=True, on_delete=models.CASCADE, related_name="+")
    comment = models.ForeignKey(TaskComment, null=True, on_delete=models.CASCADE, related_name="+")
    meeting = models.ForeignKey(Meeting, null=True, on_delete=models.CASCADE, related_name="+")
    by_name = models.CharField(max_length=200)
    created_at = models.DateTimeField(db_default=DatabaseNow())
    seen_at = models.DateTimeField(null=True)

    objects = NotificationQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(kind__in=NotificationKind.values), name="accounts_notification_kind_known"
            ),
            models.CheckConstraint(
                condition=exactly_one("note", "task", "meeting"), name="accounts_notification_one_subject"
            ),
            models.CheckConstraint(
                condition=Q(comment=None) | Q(task__isnull=False), name="accounts_notification_comment_of_task"
            ),
            models.UniqueConstraint(
                fields=["person", "kind", "note", "task", "comment", "meeting"],
                name="accounts_notification_once",
                nulls_distinct=False,
            ),
        ]
        indexes = [models.Index(fields=["person", "-id"], condition=Q(seen_at=None), name="accounts_notification_new")]

    def __str__(self) -> str:
        return f"{self.by_name}: {self.kind}"

"""Files that hang on a note, a task or a meeting."""

import secrets
from typing import Self

from django.db import models
from django.db.models import Q

from accounts.models.accounts import Account
from accounts.models.meetings import Meeting
from accounts.models.notes import Note
from accounts.models.people import User
from accounts.models.tasks import Task
from valuerealization.common.models import DatabaseNow, StoredFile


def exactly_one(*fields: str) -> Q:
    """Say that one of several references is set, and only one."""
    found = Q()
    for chosen in fields:
        found |= Q(**{f"{field}__isnull": field != chosen for field in fields})
    return found


def random_key() -> str:
    """Make the part of an attachment's address that nobody guesses."""
    return secrets.token_urlsafe(24)


class AttachmentQuerySet(models.QuerySet["Attachment"]):
    """Filters over attachments."""

    def present(self) -> Self:
        """Leave removed attachments out."""
        return self.filter(deleted_at=None)


class Attachment(models.Model):
    """A file with the name and type it was checked for; served by a view alone, under a key nobody guesses."""

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="attachments")
    note = models.ForeignKey(Note, null=True, on_delete=models.CASCADE, related_name="attachments")
    task = models.ForeignKey(Task, null=True, on_delete=models.CASCADE, related_name="attachments")
    meeting = models.ForeignKey(Meeting, null=True, on_delete=models.CASCADE, related_name="attachments")
    key = models.CharField(max_length=48, unique=True, default=random_key, editable=False)
    name = models.CharField(max_length=120)
    content_type = models.CharField(max_length=120)
    file = models.ForeignKey(StoredFile, on_delete=models.PROTECT, related_name="+")
    created_by = models.ForeignKey(
        User, null=True, blank=True, editable=False, on_delete=models.PROTECT, related_name="+"
    )
    deleted_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(db_default=DatabaseNow(), editable=False)

    objects = AttachmentQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=exactly_one("note", "task", "meeting"), name="accounts_attachment_one_subject"
            ),
            models.CheckConstraint(condition=~Q(name=""), name="accounts_attachment_name_given"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def subject(self) -> Note | Task | Meeting:
        """Give what it hangs on; the database keeps exactly one."""
        return next(each for each in (self.note, self.task, self.meeting) if each is not None)

"""What the team writes down about an account, for itself."""

from typing import Self

from django.db import models
from django.db.models import Q

from accounts.models.accounts import Account
from accounts.models.people import User
from valuerealization.common.models import DatabaseNow

EXCERPT = 80


class NoteQuerySet(models.QuerySet["Note"]):
    """Filters over notes."""

    def present(self) -> Self:
        """Leave deleted notes out."""
        return self.filter(deleted_at=None)

    def lock(self) -> Self:
        """Lock in id order: one writer at a time."""
        return self.order_by("id").select_for_update(no_key=True, of=("self",))


class Note(models.Model):
    """A text about an account: never shown to the customer. A deleted one stays, out of sight."""

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="notes", db_index=False)
    body = models.TextField(max_length=10_000)
    is_pinned = models.BooleanField(default=False)
    created_by = models.ForeignKey(
        User, null=True, blank=True, editable=False, on_delete=models.PROTECT, related_name="+"
    )
    source = models.CharField(max_length=200, blank=True)
    edited_at = models.DateTimeField(null=True, blank=True, editable=False)
    deleted_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(db_default=DatabaseNow(), editable=False)
    updated_at = models.DateTimeField(db_default=DatabaseNow(), editable=False)

    objects = NoteQuerySet.as_manager()

    class Meta:
        constraints = [models.CheckConstraint(condition=~Q(body=""), name="accounts_note_body_given")]
        indexes = [
            models.Index(fields=["account", "-id"], condition=Q(deleted_at=None), name="accounts_note_account"),
        ]

    def __str__(self) -> str:
        line = " ".join(self.body.split())
        return line if len(line) <= EXCERPT else f"{line[: EXCERPT - 1].rstrip()}…"

    def get_absolute_url(self) -> str:
        return f"/notes/{self.pk}/"

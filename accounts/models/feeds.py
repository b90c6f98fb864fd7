"""A person's calendar feed: one secret address, kept as a digest."""

from hashlib import sha256

from django.db import models

from accounts.models.people import User
from valuerealization.common.models import DatabaseNow


class CalendarFeed(models.Model):
    """The right to read one person's tasks and meetings by a secret; a new one replaces it, deleting revokes it."""

    person = models.OneToOneField(User, on_delete=models.CASCADE, related_name="calendar_feed")
    token_digest = models.CharField(max_length=64, unique=True, editable=False)
    created_at = models.DateTimeField(db_default=DatabaseNow(), editable=False)
    last_used_at = models.DateTimeField(null=True, editable=False)

    def __str__(self) -> str:
        return f"Calendar feed of {self.person}"


def token_digest(token: str) -> str:
    """Compute what is kept of a secret; it has 256 bits of chance, so a plain digest does."""
    return sha256(token.encode("utf-8", "surrogatepass")).hexdigest()

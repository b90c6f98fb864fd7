"""Meetings about an account."""

import uuid
from datetime import datetime, timedelta
from typing import Self

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q

from accounts.models.accounts import Account
from accounts.models.contacts import Contact
from accounts.models.people import User
from valuerealization.common.models import DatabaseNow

LONGEST_MINUTES = 24 * 60


class MeetingQuerySet(models.QuerySet["Meeting"]):
    """Filters over meetings."""

    def lock(self) -> Self:
        """Lock in id order: one writer at a time."""
        return self.order_by("id").select_for_update(no_key=True, of=("self",))


class Meeting(models.Model):
    """A meeting: an instant, shown on the account's clock. Cancelling takes the place of deleting."""

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="meetings", db_index=False)
    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    title = models.CharField(max_length=200)
    starts_at = models.DateTimeField()
    duration_minutes = models.SmallIntegerField(
        "duration", default=30, validators=[MinValueValidator(1), MaxValueValidator(LONGEST_MINUTES)]
    )
    place = models.CharField(max_length=500, blank=True)
    attendees = models.ManyToManyField(User, blank=True, related_name="meetings")
    contacts = models.ManyToManyField(Contact, blank=True, related_name="meetings")
    other_attendees = models.CharField(max_length=1000, blank=True)
    agenda = models.TextField(blank=True, max_length=10_000)
    minutes = models.TextField(blank=True, max_length=20_000)
    cancelled_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_by = models.ForeignKey(
        User, null=True, blank=True, editable=False, on_delete=models.PROTECT, related_name="+"
    )
    sequence = models.PositiveIntegerField(default=0, editable=False)
    created_at = models.DateTimeField(db_default=DatabaseNow(), editable=False)
    updated_at = models.DateTimeField(db_default=DatabaseNow(), editable=False)

    objects = MeetingQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=~Q(title=""), name="accounts_meeting_title_given"),
            models.CheckConstraint(
                condition=Q(duration_minutes__gte=1, duration_minutes__lte=LONGEST_MINUTES),
                name="accounts_meeting_duration_in_range",
            ),
        ]
        indexes = [models.Index(fields=["account", "starts_at", "id"], name="accounts_meeting_account")]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return f"/meetings/{self.pk}/"

    @property
    def ends_at(self) -> datetime:
        """Tell when it is over."""
        return self.starts_at + timedelta(minutes=self.duration_minutes)

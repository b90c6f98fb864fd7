"""Saved segments: rules over accounts that have a name. Not `Account.segment`, which is a size class."""

from typing import Self

from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower

from accounts.models.people import User
from valuerealization.common.models import DatabaseNow


class SavedSegmentQuerySet(models.QuerySet["SavedSegment"]):
    """Filters over segments."""

    def active(self) -> Self:
        """Leave archived segments out."""
        return self.filter(archived_at=None)


class SavedSegment(models.Model):
    """A rule by which accounts are in or out, at any time; `rule` is what `accounts.rules.to_json` writes."""

    name = models.CharField(max_length=80)
    description = models.CharField(max_length=300, blank=True)
    rule = models.JSONField()
    created_by = models.ForeignKey(
        User, null=True, blank=True, editable=False, on_delete=models.PROTECT, related_name="segments"
    )
    archived_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(db_default=DatabaseNow(), editable=False)
    updated_at = models.DateTimeField(db_default=DatabaseNow(), editable=False)

    objects = SavedSegmentQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=~Q(name=""), name="accounts_savedsegment_name_given"),
            models.UniqueConstraint(Lower("name"), name="accounts_savedsegment_name_once"),
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return f"/accounts/?in_segment={self.pk}"

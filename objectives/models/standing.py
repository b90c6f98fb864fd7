"""Where each account stands now: one row per account, kept by writes and by the five-minute sweep."""

from datetime import datetime, timedelta
from typing import Self

from django.db import models
from django.db.models import Q

from accounts.models import Account, User
from objectives.models.snapshots import STATUSES


class StandingQuerySet(models.QuerySet["Standing"]):
    """Filters and orders over standings."""

    def active(self) -> Self:
        """Leave archived accounts out."""
        return self.filter(is_archived=False)

    def due(self, at: datetime) -> Self:
        """Keep the accounts whose next snapshot is due: a minute after its boundary, so that all before it is there."""
        return self.active().filter(next_boundary_at__lte=at - timedelta(minutes=1))


class Standing(models.Model):
    """The live score of an account, its last snapshot's, and the keys that lists sort by.

    A database trigger makes the row with the account and copies name, owner, segment, ARR and renewal into it.
    `shown_*` is what the portfolio shows: the last snapshot, or the live score until the first scored one.
    """

    account = models.OneToOneField(Account, primary_key=True, on_delete=models.CASCADE, related_name="standing")
    # live
    value_delivered = models.DecimalField(max_digits=40, decimal_places=6, null=True)
    # the same mean over objectives whose current value is verified
    verified = models.DecimalField(max_digits=40, decimal_places=6, null=True)
    # the same mean without objectives on activity metrics
    outcomes = models.DecimalField(max_digits=40, decimal_places=6, null=True)
    status = models.CharField(max_length=16, choices=STATUSES, null=True)
    status_rank = models.GeneratedField(
        expression=models.Func(models.F("status"), function="value_status_rank"),
        output_field=models.SmallIntegerField(),
        db_persist=True,
    )
    anchor_week = models.DateField(null=True)
    last_progress_at = models.DateTimeField(null=True)
    objectives_total = models.PositiveIntegerField(default=0)
    objectives_measured = models.PositiveIntegerField(default=0)
    objectives_met = models.PositiveIntegerField(default=0)
    objectives_manual = models.PositiveIntegerField(default=0)
    recheck_at = models.DateTimeField(null=True)
    changed_at = models.DateTimeField()
    # snapshots
    next_week = models.DateField()
    next_boundary_at = models.DateTimeField()
    snapshot_week = models.DateField(null=True)
    snapshot_value = models.DecimalField(max_digits=40, decimal_places=6, null=True)
    snapshot_verified = models.DecimalField(max_digits=40, decimal_places=6, null=True)
    snapshot_outcomes = models.DecimalField(max_digits=40, decimal_places=6, null=True)
    snapshot_total = models.PositiveIntegerField(default=0, db_default=0)
    snapshot_met = models.PositiveIntegerField(default=0, db_default=0)
    snapshot_status = models.CharField(max_length=16, choices=STATUSES, null=True)
    snapshot_days = models.DecimalField(max_digits=14, decimal_places=6, null=True)
    previous_status = models.CharField(max_length=16, choices=STATUSES, null=True)
    is_scored = models.BooleanField(default=False)
    failed_at = models.DateTimeField(null=True)
    failure = models.CharField(max_length=500, blank=True)
    attempts = models.PositiveIntegerField(default=0)
    # what the portfolio shows
    shown_value = models.GeneratedField(
        expression=models.Case(
            models.When(is_scored=True, then=models.F("snapshot_value")), default=models.F("value_delivered")
        ),
        output_field=models.DecimalField(max_digits=40, decimal_places=6, null=True),
        db_persist=True,
    )
    shown_verified = models.GeneratedField(
        expression=models.Case(
            models.When(is_scored=True, then=models.F("snapshot_verified")), default=models.F("verified")
        ),
        output_field=models.DecimalField(max_digits=40, decimal_places=6, null=True),
        db_persist=True,
    )
    shown_outcomes = models.GeneratedField(
        expression=models.Case(
            models.When(is_scored=True, then=models.F("snapshot_outcomes")), default=models.F("outcomes")
        ),
        output_field=models.DecimalField(max_digits=40, decimal_places=6, null=True),
        db_persist=True,
    )
    shown_total = models.GeneratedField(
        expression=models.Case(
            models.When(is_scored=True, then=models.F("snapshot_total")), default=models.F("objectives_total")
        ),
        output_field=models.IntegerField(),
        db_persist=True,
    )
    shown_met = models.GeneratedField(
        expression=models.Case(
            models.When(is_scored=True, then=models.F("snapshot_met")), default=models.F("objectives_met")
        ),
        output_field=models.IntegerField(),
        db_persist=True,
    )
    shown_status = models.GeneratedField(
        expression=models.Case(
            models.When(is_scored=True, then=models.F("snapshot_status")), default=models.F("status")
        ),
        output_field=models.CharField(max_length=16, null=True),
        db_persist=True,
    )
    shown_rank = models.GeneratedField(
        expression=models.Func(
            models.Case(models.When(is_scored=True, then=models.F("snapshot_status")), default=models.F("status")),
            function="value_status_rank",
        ),
        output_field=models.SmallIntegerField(),
        db_persist=True,
    )
    # copied from the account
    name_key = models.CharField(max_length=400, db_collation="C")
    renewal_key = models.DateField()  # a missing renewal date sorts last: 9999-12-31
    owner = models.ForeignKey(
        User, null=True, on_delete=models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False
    )
    segment = models.CharField(max_length=16, blank=True)
    currency = models.CharField(max_length=3)
    arr = models.DecimalField(max_digits=16, decimal_places=2, null=True)
    is_archived = models.BooleanField(default=False)

    objects = StandingQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(value_delivered=None, status=None) | Q(value_delivered__isnull=False, status__isnull=False),
                name="objectives_standing_status_with_score",
            ),
        ]
        indexes = [
            models.Index(
                "shown_rank", "shown_value", "renewal_key", "name_key", "account",
                name="objectives_standing_shown", condition=Q(is_archived=False),
            ),
            models.Index(
                "status_rank", "value_delivered", "renewal_key", "name_key", "account",
                name="objectives_standing_live", condition=Q(is_archived=False),
            ),
            models.Index("name_key", "account", name="objectives_standing_name", condition=Q(is_archived=False)),
            models.Index("next_boundary_at", name="objectives_standing_due", condition=Q(is_archived=False)),
            models.Index("recheck_at", name="objectives_standing_recheck", condition=Q(recheck_at__isnull=False)),
            models.Index("failed_at", name="objectives_standing_failed", condition=Q(failed_at__isnull=False)),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"Standing of account {self.account_id}"

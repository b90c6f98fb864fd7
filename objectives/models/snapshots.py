"""Weekly snapshots, what replaced them, and the weekly rollup of the portfolio."""

from datetime import timedelta
from typing import Self

from django.db import models
from django.db.models import Q

from accounts.models import Account
from objectives.models.objectives import GRADES, CompletionType, Objective
from objectives.status import Status
from valuerealization.common.models import DatabaseNow

STATUSES = [(status.value, status.label) for status in Status]


class SnapshotQuerySet(models.QuerySet["Snapshot"]):
    """Filters over snapshots."""

    def latest_per_account(self) -> Self:
        """Keep each account's newest snapshot (PostgreSQL DISTINCT ON, served by its index)."""
        return self.order_by("account_id", "-week").distinct("account_id")


class Snapshot(models.Model):
    """What was true of an account at one week's boundary. Only an audited restatement ever changes it."""

    id = models.BigAutoField(primary_key=True)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="snapshots", db_index=False)
    week = models.DateField()
    boundary_at = models.DateTimeField()
    # Readings and revisions recorded later than this are not in it: the boundary itself, or the time of a restatement.
    known_at = models.DateTimeField()
    timezone = models.CharField(max_length=64)
    taken_at = models.DateTimeField()
    value_delivered = models.DecimalField(max_digits=40, decimal_places=6, null=True)
    verified = models.DecimalField(max_digits=40, decimal_places=6, null=True)
    outcomes = models.DecimalField(max_digits=40, decimal_places=6, null=True)
    status = models.CharField(max_length=16, choices=STATUSES, null=True)
    days_without_progress = models.DecimalField(max_digits=14, decimal_places=6, null=True)
    last_progress_at = models.DateTimeField(null=True)
    objectives_total = models.PositiveIntegerField()
    objectives_measured = models.PositiveIntegerField()
    objectives_met = models.PositiveIntegerField()
    reconstructed = models.BooleanField(default=False)
    restated = models.BooleanField(default=False)

    objects = SnapshotQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint("account", "week", name="objectives_snapshot_one_a_week"),
            models.CheckConstraint(condition=Q(week__week_day=1), name="objectives_snapshot_week_is_sunday"),
            models.CheckConstraint(
                condition=Q(value_delivered=None, status=None) | Q(value_delivered__isnull=False, status__isnull=False),
                name="objectives_snapshot_status_with_score",
            ),
            models.CheckConstraint(
                condition=Q(status=None) | Q(status__in=[s for s, _ in STATUSES]),
                name="objectives_snapshot_status_known",
            ),
        ]

    def __str__(self) -> str:
        return f"Week of {self.week:%Y-%m-%d}"


class SnapshotObjective(models.Model):
    """A numeric objective in a snapshot: enough to compute any other mean over that week."""

    pk = models.CompositePrimaryKey("snapshot_id", "objective_id")
    snapshot = models.ForeignKey(Snapshot, on_delete=models.CASCADE, related_name="objectives", db_index=False)
    # No constraint: checking it would lock and rewrite every objective each week, and objectives are never deleted.
    objective = models.ForeignKey(
        Objective, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    revision = models.PositiveIntegerField()
    completion_type = models.CharField(max_length=12, choices=CompletionType)
    kind = models.CharField(max_length=8)
    baseline = models.DecimalField(max_digits=20, decimal_places=6)
    target = models.DecimalField(max_digits=20, decimal_places=6)
    current = models.DecimalField(max_digits=20, decimal_places=6, null=True)
    completion = models.DecimalField(max_digits=40, decimal_places=12, null=True)
    weight = models.DecimalField(max_digits=9, decimal_places=6)
    unit = models.CharField(max_length=16, blank=True)
    unit_label = models.CharField(max_length=24, blank=True)
    show_in_portal = models.BooleanField()
    measured_at = models.DateTimeField(null=True)
    grade = models.CharField(max_length=12, choices=GRADES, blank=True, default="", db_default="")

    def __str__(self) -> str:
        return f"Objective {self.objective_id} in snapshot {self.snapshot_id}"


class Restatement(models.Model):
    """An audited rebuild of an account's past weeks, after history arrived."""

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="restatements")
    from_week = models.DateField()
    to_week = models.DateField()
    reason = models.CharField(max_length=300)
    requested_by = models.CharField(max_length=200)
    weeks_added = models.PositiveIntegerField(default=0)
    weeks_changed = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(db_default=DatabaseNow())

    def __str__(self) -> str:
        return f"Restatement of {self.account}, {self.from_week} to {self.to_week}"


class ReplacedSnapshot(models.Model):
    """A snapshot as it stood before a restatement, objectives included."""

    id = models.BigAutoField(primary_key=True)
    restatement = models.ForeignKey(Restatement, on_delete=models.PROTECT, related_name="replaced")
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+")
    week = models.DateField()
    snapshot = models.JSONField()
    objectives = models.JSONField()

    def __str__(self) -> str:
        return f"Week of {self.week:%Y-%m-%d} before {self.restatement}"


class WeekRollup(models.Model):
    """One week of the whole portfolio, kept beside the snapshots so that the trend needs no pass over them."""

    week = models.DateField(primary_key=True)
    accounts = models.PositiveIntegerField(default=0)
    scored = models.PositiveIntegerField(default=0)
    score_sum = models.DecimalField(max_digits=50, decimal_places=6, default=0)
    stalled = models.PositiveIntegerField(default=0)
    at_risk = models.PositiveIntegerField(default=0)
    on_track = models.PositiveIntegerField(default=0)
    exceeded = models.PositiveIntegerField(default=0)
    all_goals_met = models.PositiveIntegerField(default=0)
    average = models.GeneratedField(
        expression=models.Func(models.F("score_sum"), models.F("scored"), function="value_average"),
        output_field=models.DecimalField(max_digits=40, decimal_places=6, null=True),
        db_persist=True,
    )

    def __str__(self) -> str:
        return f"Portfolio, week of {self.week:%Y-%m-%d}"


class TickRun(models.Model):
    """One run of the five-minute tick that had something to do, or that was held.

    `due` counts accounts; `taken` their snapshots, in the transactions that store them, so an account that missed weeks
    adds several; `late_seconds` is the longest time from a boundary to its snapshot.
    """

    id = models.BigAutoField(primary_key=True)
    started_at = models.DateTimeField()
    due = models.PositiveIntegerField(default=0)
    taken = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)
    late_seconds = models.PositiveIntegerField(null=True)
    moved = models.PositiveIntegerField(default=0)
    held = models.CharField(max_length=300, blank=True)

    class Meta:
        indexes = [models.Index(fields=["-started_at"], name="objectives_tickrun_started")]

    def __str__(self) -> str:
        return f"Tick at {self.started_at:%Y-%m-%d %H:%M}"

    @property
    def late(self) -> timedelta | None:
        """Give the longest time from a boundary to its snapshot."""
        return None if self.late_seconds is None else timedelta(seconds=self.late_seconds)

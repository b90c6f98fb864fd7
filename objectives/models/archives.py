"""Archives of old snapshots: files that hold what the live tables no longer do."""

from django.db import models
from django.db.models import F, Q

from valuerealization.common.models import DatabaseNow


class SnapshotArchive(models.Model):
    """A file of old weeks, written, read back and compared before their rows were removed. Append only.

    `removed_at` is set by the database function that removes the rows, in the same transaction as the file's entry.
    """

    first_week = models.DateField()
    last_week = models.DateField()
    snapshots = models.PositiveIntegerField()
    objectives = models.PositiveIntegerField()
    replaced = models.PositiveIntegerField()
    file = models.CharField(max_length=200, unique=True)
    size = models.PositiveBigIntegerField()
    sha256 = models.CharField(max_length=64)
    created_at = models.DateTimeField(db_default=DatabaseNow())
    removed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(last_week__gte=F("first_week")), name="objectives_snapshotarchive_weeks_in_order"
            ),
        ]

    def __str__(self) -> str:
        return f"Snapshots of {self.first_week:%Y-%m-%d} to {self.last_week:%Y-%m-%d}"

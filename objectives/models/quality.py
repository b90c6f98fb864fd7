"""What a person should look at: sources that disagree, and values held back."""

from django.db import models
from django.db.models import Case, F, Q, When

from accounts.models import Account
from objectives.models.metrics import ORIGINS, Confidence, Metric, Reading
from valuerealization.common.models import DatabaseNow


class Disagreement(models.Model):
    """Two sources of a metric whose latest values, about the same time, lie further apart than the tolerance.

    Kept with the readings: it goes when the sources agree again. A difference that somebody accepted is open again
    once it grows.
    """

    # The database cascades by itself here: a flag goes with what it is about, whoever removes that.
    account = models.ForeignKey(
        Account, on_delete=models.CASCADE, related_name="disagreements", db_index=False, db_constraint=False
    )
    metric = models.ForeignKey(Metric, on_delete=models.CASCADE, related_name="+", db_constraint=False)
    # The value that counts, and the one of another source that lies furthest from it.
    counting = models.ForeignKey(Reading, on_delete=models.CASCADE, related_name="+", db_constraint=False)
    other = models.ForeignKey(Reading, on_delete=models.CASCADE, related_name="+", db_constraint=False)
    difference = models.DecimalField(max_digits=21, decimal_places=6)
    raised_at = models.DateTimeField(db_default=DatabaseNow())
    accepted_difference = models.DecimalField(max_digits=21, decimal_places=6, null=True)
    accepted_at = models.DateTimeField(null=True)
    accepted_by = models.CharField(max_length=200, blank=True, default="", db_default="")
    reason = models.CharField(max_length=300, blank=True, default="", db_default="")
    is_open = models.GeneratedField(
        expression=Case(When(accepted_difference__gte=F("difference"), then=False), default=True),
        output_field=models.BooleanField(),
        db_persist=True,
    )

    class Meta:
        constraints = [
            models.UniqueConstraint("account", "metric", name="objectives_disagreement_one_a_metric"),
            models.CheckConstraint(
                condition=Q(accepted_difference=None, accepted_at=None, accepted_by="")
                | (Q(accepted_difference__isnull=False, accepted_at__isnull=False) & ~Q(accepted_by="")),
                name="objectives_disagreement_accepted_by_somebody",
            ),
        ]
        indexes = [models.Index("raised_at", "id", name="objectives_disagreement_open", condition=Q(is_open=True))]

    def __str__(self) -> str:
        return f"{self.metric} of {self.account}"


class HeldReading(models.Model):
    """A value that lies far outside what was measured before, kept back until a person accepts or rejects it."""

    class State(models.TextChoices):
        """What became of it."""

        HELD = "held", "Held"
        ACCEPTED = "accepted", "Accepted"
        REJECTED = "rejected", "Rejected"

    account = models.ForeignKey(
        Account, on_delete=models.CASCADE, related_name="held_readings", db_index=False, db_constraint=False
    )
    metric = models.ForeignKey(Metric, on_delete=models.CASCADE, related_name="+", db_constraint=False)
    value = models.DecimalField(max_digits=20, decimal_places=6)
    usual = models.DecimalField(max_digits=20, decimal_places=6)  # the median it was held against
    observed_at = models.DateTimeField()
    source = models.CharField(max_length=120, blank=True)
    confidence = models.CharField(max_length=8, choices=Confidence)
    origin = models.CharField(max_length=8, choices=ORIGINS)
    note = models.TextField(blank=True)
    external_id = models.CharField(max_length=128, blank=True)
    held_at = models.DateTimeField(db_default=DatabaseNow())
    recorded_by = models.CharField(max_length=200, blank=True)
    state = models.CharField(max_length=8, choices=State, default=State.HELD, db_default="held")
    decided_at = models.DateTimeField(null=True)
    decided_by = models.CharField(max_length=200, blank=True, default="", db_default="")
    reason = models.CharField(max_length=300, blank=True, default="", db_default="")
    reading = models.ForeignKey(Reading, null=True, on_delete=models.CASCADE, related_name="+", db_constraint=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                "account", "metric", "observed_at", "source", name="objectives_heldreading_one_a_key"
            ),
            models.CheckConstraint(
                condition=Q(state="held", decided_at=None, decided_by="", reading=None)
                | (Q(state="accepted", decided_at__isnull=False, reading__isnull=False) & ~Q(decided_by=""))
                | (Q(state="rejected", decided_at__isnull=False, reading=None) & ~Q(decided_by="") & ~Q(reason="")),
                name="objectives_heldreading_decided_by_somebody",
            ),
        ]
        indexes = [models.Index("held_at", "id", name="objectives_heldreading_waiting", condition=Q(state="held"))]

    def __str__(self) -> str:
        return f"{self.value} at {self.observed_at:%Y-%m-%d %H:%M}"

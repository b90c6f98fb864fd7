"""What is measured, and the measurements: append only."""

from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q

from accounts.models import Account
from objectives.cadence import CADENCES, Cadence
from objectives.evidence import Origin
from valuerealization.common.models import DatabaseNow
from valuerealization.common.units import Unit

UNITS = [
    (Unit.NONE.value, "Number"),
    (Unit.DAYS.value, "Days"),
    (Unit.PERCENTAGE.value, "Percentage (%)"),
    (Unit.CURRENCY.value, "Currency"),
    (Unit.USERS.value, "Users"),
    (Unit.SCORE.value, "Score"),
    (Unit.CUSTOM.value, "Custom"),
]


class Direction(models.TextChoices):
    """Which way is good."""

    UP = "up", "Up is good"
    DOWN = "down", "Down is good"


class Kind(models.TextChoices):
    """Outcome or activity: activity counts in value delivered %, but not in outcomes only and not in ROI."""

    VALUE = "value", "Value"
    ACTIVITY = "activity", "Activity"


class Confidence(models.TextChoices):
    """How sure a number is."""

    HIGH = "high", "High: measured"
    MEDIUM = "medium", "Medium: estimated"
    LOW = "low", "Low: modelled"


ORIGINS = [(Origin.SYSTEM.value, "A system"), (Origin.PERSON.value, "A person")]


class ToleranceUnit(models.TextChoices):
    """What a tolerance is measured in."""

    PERCENT = "percent", "Percent"
    ABSOLUTE = "absolute", "Its own unit"


class Collection(models.Model):
    """Who sees to it that values arrive: names or roles, in words."""

    measured_by = models.CharField("who measures", max_length=120, blank=True, default="", db_default="")
    validated_by = models.CharField("who validates", max_length=120, blank=True, default="", db_default="")
    reported_by = models.CharField("who reports", max_length=120, blank=True, default="", db_default="")

    class Meta:
        abstract = True


class Metric(Collection):
    """A quantity that accounts are measured by, defined once for all of them."""

    key = models.CharField(
        max_length=64,
        unique=True,
        validators=[RegexValidator(r"\A[a-z][a-z0-9_]*\Z", "Use small letters, digits and _, starting with a letter.")],
    )
    name = models.CharField(max_length=120)
    unit = models.CharField(max_length=16, choices=UNITS, blank=True)
    unit_label = models.CharField(max_length=24, blank=True)
    direction = models.CharField(max_length=4, choices=Direction, default=Direction.UP)
    kind = models.CharField(max_length=8, choices=Kind, default=Kind.VALUE)
    methodology = models.TextField(blank=True)
    formula = models.TextField(blank=True)
    cadence = models.CharField(
        "expected", max_length=12, choices=CADENCES, blank=True, default="none", db_default="none"
    )
    # How far two sources may lie apart; none given: the product's own share.
    tolerance = models.DecimalField(max_digits=20, decimal_places=6, null=True, blank=True)
    tolerance_unit = models.CharField(max_length=8, choices=ToleranceUnit, default="percent", db_default="percent")
    hold_outliers = models.BooleanField(default=False, db_default=False)
    version = models.PositiveIntegerField(default=1, editable=False)
    created_at = models.DateTimeField(db_default=DatabaseNow(), editable=False)
    updated_at = models.DateTimeField(db_default=DatabaseNow(), editable=False)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(unit__in=[u for u, _ in UNITS]), name="objectives_metric_unit_known"),
            models.CheckConstraint(
                condition=Q(direction__in=Direction.values), name="objectives_metric_direction_known"
            ),
            models.CheckConstraint(condition=Q(kind__in=Kind.values), name="objectives_metric_kind_known"),
            models.CheckConstraint(
                condition=Q(cadence__in=[cadence.value for cadence in Cadence]), name="objectives_metric_cadence_known"
            ),
            models.CheckConstraint(
                condition=Q(tolerance=None) | Q(tolerance__gte=0, tolerance__lt=10**14),
                name="objectives_metric_tolerance_in_range",
            ),
            models.CheckConstraint(
                condition=Q(tolerance_unit__in=ToleranceUnit.values), name="objectives_metric_tolerance_unit_known"
            ),
            models.CheckConstraint(condition=Q(key__regex=r"^[a-z][a-z0-9_]*$"), name="objectives_metric_key_plain"),
        ]

    def __str__(self) -> str:
        return self.name


class MetricVersion(models.Model):
    """A metric's methodology and formula as they once were; readings name the version they were taken under."""

    metric = models.ForeignKey(Metric, on_delete=models.CASCADE, related_name="versions")
    version = models.PositiveIntegerField()
    methodology = models.TextField(blank=True)
    formula = models.TextField(blank=True)
    valid_from = models.DateTimeField(db_default=DatabaseNow())

    class Meta:
        constraints = [models.UniqueConstraint("metric", "version", name="objectives_metricversion_unique")]

    def __str__(self) -> str:
        return f"{self.metric} version {self.version}"


class Reading(models.Model):
    """One measurement, of a metric or of a value-based objective. Append only.

    Superseding: of readings with the same subject, `observed_at` and `source`, the last recorded one counts.
    """

    id = models.BigAutoField(primary_key=True)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="readings", db_index=False)
    metric = models.ForeignKey(Metric, null=True, on_delete=models.PROTECT, related_name="readings", db_index=False)
    objective = models.ForeignKey(
        "objectives.Objective", null=True, on_delete=models.PROTECT, related_name="own_readings", db_index=False
    )
    metric_version = models.PositiveIntegerField(null=True)
    value = models.DecimalField(max_digits=20, decimal_places=6)
    observed_at = models.DateTimeField()
    recorded_at = models.DateTimeField(db_default=DatabaseNow())
    source = models.CharField(max_length=120, blank=True)
    confidence = models.CharField(max_length=8, choices=Confidence, default=Confidence.HIGH)
    # Who measured, as of its recording: with the confidence it makes the grade of the evidence.
    origin = models.CharField(
        max_length=8, choices=ORIGINS, default=Origin.PERSON.value, db_default=Origin.PERSON.value
    )
    note = models.TextField(blank=True)
    external_id = models.CharField(max_length=128, blank=True)
    recorded_by = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(metric=None, objective__isnull=False) | Q(metric__isnull=False, objective=None),
                name="objectives_reading_one_subject",
            ),
            models.CheckConstraint(
                condition=Q(metric=None, metric_version=None) | Q(metric__isnull=False, metric_version__isnull=False),
                name="objectives_reading_metric_version",
            ),
            models.CheckConstraint(
                condition=Q(confidence__in=Confidence.values), name="objectives_reading_confidence_known"
            ),
            models.CheckConstraint(
                condition=Q(origin__in=[origin for origin, _ in ORIGINS]), name="objectives_reading_origin_known"
            ),
            models.CheckConstraint(
                condition=Q(value__gt=-(10**14), value__lt=10**14), name="objectives_reading_value_in_range"
            ),
        ]
        indexes = [
            models.Index(
                fields=["objective", "-observed_at", "-recorded_at", "-id"],
                name="objectives_reading_objective", condition=Q(objective__isnull=False),
            ),
            models.Index(
                fields=["account", "metric", "-observed_at", "-recorded_at", "-id"],
                name="objectives_reading_metric", condition=Q(metric__isnull=False),
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.value} at {self.observed_at:%Y-%m-%d %H:%M}"

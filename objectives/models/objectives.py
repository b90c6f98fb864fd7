"""Objectives and the history of their definitions."""

from decimal import Decimal
from typing import Self

from django.db import models
from django.db.models import F, Func, Q

from accounts.models import Account, User
from objectives.cadence import CADENCES
from objectives.evidence import Grade
from objectives.models.metrics import UNITS, Collection, Kind, Metric, Reading
from valuerealization.common.models import DatabaseNow

GRADES = [(grade.value, grade.label) for grade in Grade]


class CompletionType(models.TextChoices):
    """How progress is measured."""

    VALUE = "value", "Value based"
    ATTRIBUTE = "attribute", "Attribute based"
    MANUAL = "manual", "Manual"


class Definition(models.Model):
    """What a snapshot stores about an objective; every change of it is a revision."""

    title = models.CharField(max_length=200)
    completion_type = models.CharField(max_length=12, choices=CompletionType, default=CompletionType.VALUE)
    metric = models.ForeignKey(Metric, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=8, choices=Kind, default=Kind.VALUE, editable=False)
    baseline = models.DecimalField(max_digits=20, decimal_places=6, null=True, blank=True)
    target = models.DecimalField(max_digits=20, decimal_places=6, null=True, blank=True)
    unit = models.CharField(max_length=16, choices=UNITS, blank=True)
    unit_label = models.CharField(max_length=24, blank=True)
    weight = models.DecimalField(max_digits=9, decimal_places=6, default=Decimal(1))
    started_on = models.DateField()
    due_on = models.DateField(null=True, blank=True)
    show_in_portal = models.BooleanField(default=False)
    methodology = models.TextField(blank=True)

    class Meta:
        abstract = True

    @classmethod
    def definition_fields(cls) -> list[str]:
        """Name the fields that a revision keeps."""
        return [field.attname for field in Definition._meta.get_fields() if isinstance(field, models.Field)]


def _in_range(field: str) -> Q:
    """Leave out NaN, which PostgreSQL sorts above every number."""
    return Q(**{field: None}) | Q(**{f"{field}__gt": -(10**14), f"{field}__lt": 10**14})


def definition_constraints(table: str) -> list[models.BaseConstraint]:
    """Rules that the live definition and each revision obey alike."""
    numeric = Q(baseline__isnull=False, target__isnull=False) & ~Q(baseline=F("target"))
    return [
        models.CheckConstraint(
            condition=Q(completion_type=CompletionType.MANUAL, baseline=None, target=None)
            | (Q(completion_type__in=[CompletionType.VALUE, CompletionType.ATTRIBUTE]) & numeric),
            name=f"objectives_{table}_numeric_has_distance",
        ),
        models.CheckConstraint(
            condition=Q(completion_type=CompletionType.ATTRIBUTE, metric__isnull=False)
            | (~Q(completion_type=CompletionType.ATTRIBUTE) & Q(metric=None)),
            name=f"objectives_{table}_attribute_has_metric",
        ),
        models.CheckConstraint(
            condition=_in_range("baseline") & _in_range("target"), name=f"objectives_{table}_values_in_range"
        ),
        models.CheckConstraint(condition=Q(weight__gt=0, weight__lte=100), name=f"objectives_{table}_weight_in_range"),
        models.CheckConstraint(condition=Q(unit__in=[u for u, _ in UNITS]), name=f"objectives_{table}_unit_known"),
        models.CheckConstraint(condition=Q(kind__in=Kind.values), name=f"objectives_{table}_kind_known"),
        models.CheckConstraint(
            condition=Q(due_on=None) | Q(due_on__gt=F("started_on")), name=f"objectives_{table}_due_after_start"
        ),
    ]


class ObjectiveQuerySet(models.QuerySet["Objective"]):
    """Filters over objectives."""

    def active(self) -> Self:
        """Leave archived objectives out."""
        return self.filter(archived_at=None)

    def numeric(self) -> Self:
        """Keep the objectives that can have a completion."""
        return self.exclude(completion_type=CompletionType.MANUAL)

    def search(self, text: str) -> Self:
        """Keep objectives whose title holds `text`, whatever its case (served by the trigram index)."""
        return self.filter(title__icontains=text)


class Objective(Collection, Definition):
    """What a customer wants to reach.

    `current`, `measured_at`, `grade`, `last_progress_at`, `reading` and `next_due_on` follow the readings: only
    `services` writes them. `completion` is computed by the database.
    """

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="objectives")
    external_id = models.CharField(max_length=128, null=True, blank=True, unique=True)
    details = models.TextField(blank=True)
    source = models.CharField("data source", max_length=120, blank=True)
    owner = models.ForeignKey(User, null=True, blank=True, on_delete=models.PROTECT, related_name="objectives")
    done = models.BooleanField(default=False)
    # Empty, like the names beside it: as the metric has it.
    cadence = models.CharField("expected", max_length=12, choices=CADENCES, blank=True, default="", db_default="")

    current = models.DecimalField(max_digits=20, decimal_places=6, null=True, blank=True, editable=False)
    completion = models.GeneratedField(
        expression=Func(F("baseline"), F("current"), F("target"), function="value_completion"),
        output_field=models.DecimalField(max_digits=40, decimal_places=12, null=True),
        db_persist=True,
    )
    is_met = models.GeneratedField(
        expression=Func(F("baseline"), F("current"), F("target"), function="value_met"),
        output_field=models.BooleanField(),
        db_persist=True,
    )
    reading = models.ForeignKey(Reading, null=True, editable=False, on_delete=models.PROTECT, related_name="+")
    measured_at = models.DateTimeField(null=True, editable=False)
    grade = models.CharField(max_length=12, choices=GRADES, blank=True, default="", db_default="", editable=False)
    last_progress_at = models.DateTimeField(null=True, editable=False)
    next_due_on = models.DateField(null=True, editable=False)

    revision = models.PositiveIntegerField(default=1, editable=False)
    revised_at = models.DateTimeField(db_default=DatabaseNow(), editable=False)
    # When anything that a snapshot reads last changed: a boundary after it can use this row as it stands.
    state_changed_at = models.DateTimeField(db_default=DatabaseNow(), editable=False)
    archived_at = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(db_default=DatabaseNow(), editable=False)
    updated_at = models.DateTimeField(db_default=DatabaseNow(), editable=False)

    objects = ObjectiveQuerySet.as_manager()

    class Meta:
        constraints = [
            *definition_constraints("objective"),
            models.CheckConstraint(
                condition=~Q(completion_type=CompletionType.MANUAL) | Q(current=None),
                name="objectives_objective_manual_not_measured",
            ),
            models.CheckConstraint(
                condition=Q(completion_type=CompletionType.MANUAL) | Q(done=False),
                name="objectives_objective_done_is_manual",
            ),
            models.CheckConstraint(
                condition=Q(current=None, measured_at=None, reading=None)
                | Q(current__isnull=False, measured_at__isnull=False, reading__isnull=False),
                name="objectives_objective_current_from_reading",
            ),
            models.CheckConstraint(
                condition=Q(reading=None, grade="")
                | Q(reading__isnull=False, grade__in=[grade for grade, _ in GRADES]),
                name="objectives_objective_grade_of_reading",
            ),
            models.CheckConstraint(condition=_in_range("current"), name="objectives_objective_current_in_range"),
            models.CheckConstraint(
                condition=Q(cadence__in=["", *(cadence for cadence, _ in CADENCES)]),
                name="objectives_objective_cadence_known",
            ),
            models.CheckConstraint(condition=~Q(title=""), name="objectives_objective_title_given"),
            models.CheckConstraint(condition=~Q(external_id=""), name="objectives_objective_external_id_null_or_given"),
        ]
        indexes = [
            models.Index("account", "metric", name="objectives_objective_metric", condition=Q(metric__isnull=False)),
            models.Index(
                "next_due_on", "id", name="objectives_objective_due",
                condition=Q(next_due_on__isnull=False, archived_at=None),
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return f"/objectives/{self.pk}/edit/"

    @property
    def is_numeric(self) -> bool:
        """Tell whether the objective can have a completion."""
        return self.completion_type != CompletionType.MANUAL


class ObjectiveRevision(Definition):
    """An objective's definition as it stood from `valid_from` on. Append only."""

    id = models.BigAutoField(primary_key=True)
    objective = models.ForeignKey(Objective, on_delete=models.CASCADE, related_name="revisions", db_index=False)
    number = models.PositiveIntegerField()
    valid_from = models.DateTimeField(db_default=DatabaseNow())
    archived = models.BooleanField(default=False)
    changed_by = models.CharField(max_length=200, blank=True)
    reason = models.CharField(max_length=300, blank=True)

    class Meta:
        constraints = [
            *definition_constraints("revision"),
            models.UniqueConstraint("objective", "number", name="objectives_revision_number_unique"),
        ]

    def __str__(self) -> str:
        return f"{self.title}, revision {self.number}"

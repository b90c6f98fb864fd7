"""How an objective's definition changed, and what was recorded for it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any, Final

from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery

from objectives.evidence import Grade, grade_of
from objectives.models import CompletionType, Objective, ObjectiveRevision, Reading
from objectives.models.metrics import UNITS
from objectives.progress import completion_pct
from valuerealization.common.numbers import to_plain
from valuerealization.common.units import format_day, format_value

READINGS: Final = 50

_LABELS: Final = {
    "title": "Title",
    "completion_type": "Type",
    "metric_id": "Metric",
    "kind": "Kind",
    "baseline": "Baseline",
    "target": "Target",
    "unit": "Unit",
    "weight": "Weight",
    "started_on": "Start date",
    "due_on": "Target date",
    "show_in_portal": "Customer portal",
    "methodology": "How it is measured",
    "archived": "State",
}
_UNIT_NAMES: Final = dict(UNITS)


@dataclass(frozen=True, slots=True)
class Change:
    """One field of a definition, before and after, as displayed; empty where there was nothing."""

    label: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class RevisionEntry:
    """A definition as it was saved at one time.

    Shape:  the first one has no changes; completions are those of the value known then, None without one.
    """

    number: int
    at: datetime
    by: str
    reason: str
    changes: tuple[Change, ...]
    completion_before: Decimal | None
    completion_after: Decimal | None

    @property
    def moves_completion(self) -> bool:
        """Tell whether the change alone moved the completion."""
        return self.completion_before != self.completion_after


@dataclass(frozen=True, slots=True)
class ReadingEntry:
    """A recorded value: `completion` under today's definition; a superseded one counts no more."""

    pk: int
    value: str
    completion: Decimal | None
    observed_at: datetime
    recorded_at: datetime
    recorded_by: str
    source: str
    confidence: str
    confidence_label: str
    grade: Grade
    note: str
    is_current: bool
    is_superseded: bool


@dataclass(frozen=True, slots=True)
class ReadingsPage:
    """A page of readings, newest first; `older_than` leads to the next one, None on the last."""

    entries: tuple[ReadingEntry, ...]
    older_than: int | None
    is_first: bool


def revisions(objective: Objective, *, currency: str) -> tuple[RevisionEntry, ...]:
    """Tell how a definition changed, newest first: one query."""
    known = Reading.objects.filter(
        observed_at__lte=OuterRef("valid_from"), recorded_at__lte=OuterRef("valid_from")
    ).order_by("-observed_at", "-recorded_at", "-id")
    own = known.filter(objective=OuterRef("objective"))
    followed = known.filter(account=objective.account_id, metric=OuterRef("metric"))
    found = list(
        ObjectiveRevision.objects.filter(objective=objective)
        .select_related("metric")
        .annotate(own=Subquery(own.values("value")[:1]), followed=Subquery(followed.values("value")[:1]))
        .order_by("number")
    )
    entries = [
        RevisionEntry(
            number=after.number,
            at=after.valid_from,
            by=after.changed_by,
            reason="" if before is None else after.reason,
            changes=() if before is None else tuple(_changes(before, after, currency=currency)),
            completion_before=_completion(before, after) if before else None,
            completion_after=_completion(after, after) if before else None,
        )
        for before, after in pairwise([None, *found])
        if after is not None
    ]
    return tuple(reversed(entries))


def readings(objective: Objective, *, currency: str, before: int | None = None) -> ReadingsPage | None:
    """Page through what was recorded for an objective or its metric, newest first; None if `before` is none of them.

    Shape:  keyset pages of 50: `before` is the last reading of the page before.
    """
    subject = subject_of(objective)
    later = Q(recorded_at__gt=OuterRef("recorded_at")) | Q(recorded_at=OuterRef("recorded_at"), id__gt=OuterRef("id"))
    newer = subject.filter(later, observed_at=OuterRef("observed_at"), source=OuterRef("source"))
    rows = subject.annotate(is_superseded=Exists(newer)).order_by("-observed_at", "-recorded_at", "-id")
    if before is not None:
        last = subject.filter(pk=before).first()
        if last is None:
            return None
        rows = rows.filter(
            Q(observed_at__lt=last.observed_at)
            | Q(observed_at=last.observed_at, recorded_at__lt=last.recorded_at)
            | Q(observed_at=last.observed_at, recorded_at=last.recorded_at, id__lt=last.pk)
        )
    found = list(rows[: READINGS + 1])
    shown = found[:READINGS]
    return ReadingsPage(
        entries=tuple(_reading(row, objective, currency=currency) for row in shown),
        older_than=shown[-1].pk if len(found) > READINGS else None,
        is_first=before is None,
    )


def subject_of(objective: Objective) -> QuerySet[Reading]:
    """Pick the readings that an objective's current value is taken from; a manual one has only those it once had."""
    if objective.completion_type == CompletionType.ATTRIBUTE:
        return Reading.objects.filter(account=objective.account_id, metric=objective.metric_id)
    return Reading.objects.filter(objective=objective)


def _reading(row: Any, objective: Objective, *, currency: str) -> ReadingEntry:
    completion = None
    span = None
    if objective.baseline is not None and objective.target is not None:
        completion = completion_pct(baseline=objective.baseline, current=row.value, target=objective.target)
        span = objective.target - objective.baseline
    return ReadingEntry(
        pk=row.pk,
        value=format_value(
            row.value, unit=objective.unit, unit_label=objective.unit_label, currency=currency, span=span
        ),
        completion=completion,
        observed_at=row.observed_at,
        recorded_at=row.recorded_at,
        recorded_by=row.recorded_by,
        source=row.source,
        confidence=row.confidence,
        confidence_label=row.get_confidence_display(),
        grade=grade_of(origin=row.origin, confidence=row.confidence),
        note=row.note,
        is_current=row.pk == objective.reading_id,
        is_superseded=row.is_superseded,
    )


def _completion(definition: ObjectiveRevision, known: Any) -> Decimal | None:
    """Measure the value known at a revision by one of the definitions around it."""
    if definition.baseline is None or definition.target is None or known.metric_id != definition.metric_id:
        return None
    value = known.own if known.metric_id is None else known.followed
    return completion_pct(baseline=definition.baseline, current=value, target=definition.target)


def _changes(before: ObjectiveRevision, after: ObjectiveRevision, *, currency: str) -> Iterator[Change]:
    for name, label in _LABELS.items():
        old, new = _shown(before, name, currency=currency), _shown(after, name, currency=currency)
        if old != new:
            yield Change(label, old, new)


def _shown(revision: ObjectiveRevision, name: str, *, currency: str) -> str:
    value = getattr(revision, name)
    match name:
        case "archived":
            return "Archived" if value else "Active"
        case "show_in_portal":
            return "Shown" if value else "Not shown"
        case "metric_id":
            return str(revision.metric or "")
        case "completion_type" | "kind":
            label: str = getattr(revision, f"get_{name}_display")()
            return label
        case "unit":
            return f"{_UNIT_NAMES[value]}{f': {revision.unit_label}' if revision.unit_label else ''}"
    match value:
        case None:
            return ""
        case Decimal() if name == "weight":
            return to_plain(value)
        case Decimal():
            return format_value(value, unit=revision.unit, unit_label=revision.unit_label, currency=currency)
        case date():
            return format_day(value, value, with_year=True)
    return str(value)

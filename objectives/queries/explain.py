"""How the score of an account comes about: its own numbers, rules, times and people."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, localcontext
from typing import Literal

from django.db.models import F

from accounts.models import Account
from objectives import weeks
from objectives.models import Kind, Objective, ObjectiveRevision
from objectives.progress import capped_mean, weighted_mean
from objectives.queries.live import LiveScore, active_objectives, endpoints, live_score, numeric
from objectives.status import Status, legend
from valuerealization.common.numbers import WIDE
from valuerealization.common.units import format_pct


@dataclass(frozen=True, slots=True)
class Evidence:
    """The reading that an objective's current value comes from.

    Shape:  `metric` and `metric_version` are empty for a value recorded for the objective itself.
    """

    value: Decimal
    source: str
    confidence: str
    note: str
    observed_at: datetime
    recorded_at: datetime
    recorded_by: str
    metric: str
    metric_version: int | None


@dataclass(frozen=True, slots=True)
class Term:
    """One numeric objective in the calculation, with every digit.

    Shape:  current, completion and evidence None while not measured.
    Units:  numbers in the objective's unit, completion in percent with 12 decimals.
    """

    pk: int
    title: str
    is_activity: bool
    baseline: Decimal
    current: Decimal | None
    target: Decimal
    unit: str
    unit_label: str
    currency: str
    weight: Decimal
    completion: Decimal | None
    is_met: bool
    revision: int
    revised_at: datetime
    revised_by: str
    evidence: Evidence | None

    @property
    def weighted(self) -> Decimal | None:
        """Give what the objective adds to the sum: weight × completion."""
        return None if self.completion is None else WIDE.multiply(self.weight, self.completion)


@dataclass(frozen=True, slots=True)
class Step:
    """One rule of the status, in the order they are tried.

    Shape:  outcome "no" (tried, did not fit), "yes" (decides) or "" (not tried any more); `found` is what it met.
    """

    status: Status
    rule: str
    found: str
    outcome: Literal["no", "yes", ""]


@dataclass(frozen=True, slots=True)
class Explanation:
    """Everything behind an account's score.

    Shape:  `terms` are the measured objectives, `unmeasured` the others that count; score None without a measured one.
    Units:  percent; total is the sum of weight × completion, exact.
    """

    score: Decimal | None
    status: Status | None
    reason: str
    terms: tuple[Term, ...]
    unmeasured: tuple[Term, ...]
    manual: int
    total: Decimal
    weight: Decimal
    capped: Decimal | None
    outcomes_only: Decimal | None
    goals_met: int
    goals: int
    last_progress_at: datetime | None
    last_progress_of: str
    anchor_week: date | None
    anchor_at: datetime | None
    days_without_progress: Decimal
    steps: tuple[Step, ...]
    as_of: datetime
    last_change_at: datetime | None
    timezone: str

    @property
    def shown(self) -> str:
        """Give the score as shown."""
        return format_pct(self.score)

    @property
    def is_weighted(self) -> bool:
        """Tell whether weights make the mean differ from a plain one."""
        return any(term.weight != 1 for term in self.terms)

    @property
    def has_activity(self) -> bool:
        """Tell whether an activity counts, so that outcomes only is another number."""
        return any(term.is_activity for term in self.terms)


def explain_value(*, account: Account, at: datetime) -> Explanation:
    """Lay open how an account's score and status come about: two queries.

    Source: docs/formulas.md#completion, docs/formulas.md#mean, docs/formulas.md#status
    """
    objectives = active_objectives(account)
    counted = numeric(objectives)
    score = live_score(counted, timezone=account.timezone, at=at)
    everything = _terms(counted, currency=account.currency)
    terms = tuple(term for term in everything if term.completion is not None)
    weighted = [(term.weight, term.completion) for term in terms]
    latest = max(
        ((each.last_progress_at, each.pk, each.title) for each in counted if each.last_progress_at), default=None
    )
    with localcontext(WIDE):
        total = sum((term.weighted for term in terms if term.weighted is not None), Decimal(0))
        weight = sum((term.weight for term in terms), Decimal(0))
    return Explanation(
        score=score.value,
        status=score.status,
        reason=score.reason.full,
        terms=terms,
        unmeasured=tuple(term for term in everything if term.completion is None),
        manual=len(objectives) - len(counted),
        total=total,
        weight=weight,
        capped=capped_mean(weighted),
        outcomes_only=weighted_mean((term.weight, term.completion) for term in terms if not term.is_activity),
        goals_met=score.goals.met,
        goals=score.goals.total,
        last_progress_at=score.last_progress_at,
        last_progress_of=latest[2] if latest else "",
        anchor_week=score.anchor_week,
        anchor_at=weeks.boundary_at(score.anchor_week, account.timezone) if score.anchor_week else None,
        days_without_progress=score.days_without_progress,
        steps=_steps(score),
        as_of=at,
        last_change_at=max((o.state_changed_at for o in counted), default=None),
        timezone=account.timezone,
    )


def _terms(objectives: Sequence[Objective], *, currency: str) -> list[Term]:
    in_force = ObjectiveRevision.objects.filter(
        objective__in=[objective.pk for objective in objectives], number=F("objective__revision")
    )
    revised_by = dict(in_force.values_list("objective_id", "changed_by"))
    return [
        Term(
            pk=objective.pk,
            title=objective.title,
            is_activity=objective.kind == Kind.ACTIVITY,
            baseline=endpoints(objective)[0],
            current=objective.current,
            target=endpoints(objective)[1],
            unit=objective.unit,
            unit_label=objective.unit_label,
            currency=currency,
            weight=objective.weight,
            completion=objective.completion,
            is_met=objective.is_met,
            revision=objective.revision,
            revised_at=objective.revised_at,
            revised_by=revised_by.get(objective.pk, ""),
            evidence=_evidence(objective),
        )
        for objective in objectives
    ]


def _evidence(objective: Objective) -> Evidence | None:
    reading = objective.reading
    if reading is None:
        return None
    return Evidence(
        value=reading.value,
        source=reading.source,
        confidence=reading.get_confidence_display(),
        note=reading.note,
        observed_at=reading.observed_at,
        recorded_at=reading.recorded_at,
        recorded_by=reading.recorded_by,
        metric=objective.metric.name if objective.metric and reading.metric_id else "",
        metric_version=reading.metric_version,
    )


def _steps(score: LiveScore) -> tuple[Step, ...]:
    """Try the rules in their order, up to the one that decides."""
    rules = {row.status: row.text for row in legend()}
    whole = int(score.days_without_progress)
    value, days = format_pct(score.value, decimals=2), f"{whole} day{'' if whole == 1 else 's'} without progress"
    found = {
        Status.ALL_GOALS_MET: f"{score.goals.met} of {score.goals.total} met",
        Status.EXCEEDED: value,
        Status.STALLED: f"{value}, {days}",
        Status.AT_RISK: f"{value}, {days}",
        Status.ON_TRACK: f"{value}, {days}",
    }
    order = list(Status)
    decided = len(order) if score.status is None else order.index(score.status)
    return tuple(
        Step(status, rules[status], found[status], "no" if place < decided else "yes" if place == decided else "")
        for place, status in enumerate(order)
    )

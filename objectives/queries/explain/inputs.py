"""Objectives as inputs of a figure: their numbers, definitions, readings, and the rules of the status."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final

from django.db.models import F
from django.urls import reverse

from objectives.models import Kind, Objective, ObjectiveRevision, Reading
from objectives.status import Status, legend
from valuerealization.common.explanations import Equation, Fact, Input, Rule, Source
from valuerealization.common.numbers import to_plain
from valuerealization.common.units import Unit, format_exact, format_moment, format_pct

COMPLETION: Final = Equation("current − baseline", "target − baseline", "completion", factor="× 100")
ACTIVITY: Final = "activity"


def pct_fact(name: str, label: str, value: Decimal | None, *, note: str = "", none: str = "n/a") -> Fact:
    """Give a percentage with every digit."""
    return Fact(name, label, value, none if value is None else format_exact(value, unit=Unit.PERCENTAGE), note)


def moment_fact(name: str, label: str, at: datetime | None, timezone: str, *, none: str, note: str = "") -> Fact:
    """Give an instant on the account's clock."""
    return Fact(name, label, at, none if at is None else clock(at, timezone), note)


def clock(at: datetime, timezone: str) -> str:
    """Write an instant on a timezone's clock, with its year."""
    return format_moment(at, timezone=timezone, today=at.date(), with_year=True)


def equation(
    *, baseline: Decimal, current: Decimal, target: Decimal, completion: Decimal | None, is_met: bool,
    unit: str, unit_label: str, currency: str,
) -> Equation:  # fmt: skip
    """Write one objective's completion with its own numbers."""

    def exact(value: Decimal) -> str:
        return format_exact(value, unit=unit, unit_label=unit_label, currency=currency)

    start = f"({exact(baseline)})" if baseline < 0 else exact(baseline)
    return Equation(
        above=f"{exact(current)} − {start}",
        below=f"{exact(target)} − {start}",
        result=format_exact(completion, unit=Unit.PERCENTAGE),
        note="goal met" if is_met else "",
    )


def numbers(
    *, baseline: Decimal | None, current: Decimal | None, target: Decimal | None, completion: Decimal | None,
    weight: Decimal, is_met: bool, unit: str, unit_label: str, currency: str,
) -> tuple[Fact, ...]:  # fmt: skip
    """Give what an objective brings into a mean."""

    def fact(name: str, value: Decimal | None) -> Fact:
        return Fact(
            name, name.capitalize(), value, format_exact(value, unit=unit, unit_label=unit_label, currency=currency)
        )

    return (
        fact("baseline", baseline),
        fact("current", current),
        fact("target", target),
        Fact("weight", "Weight", weight, to_plain(weight)),
        pct_fact("completion", "Completion", completion, none="not measured yet"),
        Fact("is_met", "Goal met", is_met, "Yes" if is_met else "No"),
    )


def tags(*, kind: str, grade: str) -> tuple[str, ...]:
    """Say what an objective is and how its value is evidenced, as far as means go by it."""
    return tuple(tag for tag in (ACTIVITY if kind == Kind.ACTIVITY else "", grade) if tag)


def objective_inputs(objectives: Sequence[Objective], *, currency: str) -> list[Input]:
    """Describe live objectives, numeric or manual, with who last changed their definition: one query."""
    in_force = ObjectiveRevision.objects.filter(
        objective__in=[objective.pk for objective in objectives], number=F("objective__revision")
    )
    changed_by = dict(in_force.values_list("objective_id", "changed_by"))
    return [_live(each, currency=currency, changed_by=changed_by.get(each.pk, "")) for each in objectives]


def _live(objective: Objective, *, currency: str, changed_by: str) -> Input:
    baseline, current, target = objective.baseline, objective.current, objective.target
    why_not = "manual" if not objective.is_numeric else "not_measured" if objective.completion is None else ""
    counted = None
    if not why_not and baseline is not None and current is not None and target is not None:
        counted = equation(
            baseline=baseline, current=current, target=target, completion=objective.completion,
            is_met=objective.is_met, unit=objective.unit, unit_label=objective.unit_label, currency=currency,
        )  # fmt: skip
    return Input(
        ref=f"objective:{objective.pk}",
        label=objective.title,
        values=numbers(
            baseline=baseline, current=current, target=target, completion=objective.completion,
            weight=objective.weight, is_met=objective.is_met, unit=objective.unit, unit_label=objective.unit_label,
            currency=currency,
        ),
        version=objective.revision,
        versioned_at=objective.revised_at,
        versioned_by=changed_by,
        href=reverse("objective_history", args=[objective.pk]),
        equation=counted,
        tags=tags(kind=objective.kind, grade=objective.grade),
        why_not=why_not,
        source=source_of(objective, objective.reading, currency=currency),
    )  # fmt: skip


def source_of(objective: Objective, reading: Reading | None, *, currency: str) -> Source | None:
    """Describe the reading that an objective's current value comes from."""
    if reading is None:
        return None
    return Source(
        value=reading.value,
        shown=format_exact(
            reading.value, unit=objective.unit, unit_label=objective.unit_label, currency=currency
        ),
        metric=objective.metric.name if objective.metric and reading.metric_id else "",
        metric_version=reading.metric_version,
        system=reading.source,
        confidence=reading.confidence,
        confidence_label=reading.get_confidence_display(),
        note=reading.note,
        observed_at=reading.observed_at,
        recorded_at=reading.recorded_at,
        recorded_by=reading.recorded_by,
    )  # fmt: skip


def status_rules(
    status: Status | None, *, score: Decimal | None, days: Decimal, goals_met: int, goals: int
) -> tuple[Rule, ...]:
    """Try the rules of the status in their order, up to the one that decides."""
    texts = {row.status: row.text for row in legend()}
    whole = int(days)
    value, standstill = format_pct(score, decimals=2), f"{whole} day{'' if whole == 1 else 's'} without progress"
    both = f"{value}, {standstill}"
    found = {Status.ALL_GOALS_MET: f"{goals_met} of {goals} met", Status.EXCEEDED: value}
    order = list(Status)
    decided = len(order) if status is None else order.index(status)
    return tuple(
        Rule(
            each.value, each.label, texts[each], found.get(each, both),
            "no" if place < decided else "yes" if place == decided else "",
        )
        for place, each in enumerate(order)
    )  # fmt: skip


def titles(inputs: Iterable[Input]) -> str:
    """Name several inputs in a sentence."""
    return ", ".join(each.label for each in inputs)

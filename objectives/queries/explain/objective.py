"""The completion of one objective: its numbers, the readings behind them, its part in the score."""

from datetime import datetime
from decimal import Decimal, localcontext
from typing import Final

from accounts.models import Account
from objectives.models import Objective, Reading
from objectives.queries.explain.inputs import COMPLETION, clock, moment_fact, objective_inputs
from objectives.queries.live import active_objectives
from valuerealization.common.explanations import Explanation, Fact, Input, Section
from valuerealization.common.numbers import WIDE, to_plain
from valuerealization.common.units import Unit, format_exact, format_pct

VERSION: Final = "1"
READINGS: Final = 5


def explain_objective(*, account: Account, pk: int, at: datetime) -> Explanation | None:
    """Lay open how an objective's completion comes about: four queries; None without such an objective here.

    Source: docs/formulas.md#completion, docs/formulas.md#readings
    """
    objective = Objective.objects.filter(account=account, pk=pk).select_related("metric", "reading").first()
    if objective is None:
        return None
    (each,) = objective_inputs([objective], currency=account.currency)
    sections = [_numbers(objective, each, currency=account.currency)]
    if objective.is_numeric:
        sections += [_readings(objective, account=account), _part(objective, account=account)]
    shown = format_pct(objective.completion)
    measured = f"{shown} of “{objective.title}”"
    return Explanation(
        of=f"objective:{objective.pk}",
        label=objective.title,
        title=f"How {measured if objective.completion is not None else f'“{objective.title}”'} is calculated",
        value=objective.completion,
        shown=shown,
        formula="(current − baseline) ÷ (target − baseline) × 100",
        formula_version=VERSION,
        document="docs/formulas.md#completion",
        sections=tuple(sections),
        as_of=at,
        timezone=account.timezone,
        audit_href=each.href,
        last_change_at=objective.state_changed_at,
        left_out=(each,) if each.why_not else (),
    )


def _numbers(objective: Objective, each: Input, *, currency: str) -> Section:
    """Show the fraction, and both of its differences."""
    if not objective.is_numeric:
        done = "done" if objective.done else "not done yet"
        note = f"A manual objective is done or not done, and never counted. This one is {done}."
        return Section("Completion", notes=(note,))
    facts: list[Fact] = []
    if objective.baseline is not None and objective.target is not None and objective.current is not None:
        with localcontext(WIDE):
            moved, distance = objective.current - objective.baseline, objective.target - objective.baseline
        reached = "reached" if objective.is_met else "not reached"
        exact = format_exact(objective.completion, unit=Unit.PERCENTAGE)
        facts = [
            _fact("moved", "Moved, current − baseline", moved, objective, currency),
            _fact("distance", "Distance, target − baseline", distance, objective, currency),
            Fact(
                "completion", "Completion", objective.completion,
                f"{exact}, shown as {format_pct(objective.completion)}",
                is_result=True,
            ),
            Fact("is_met", "Target", objective.is_met, reached, "compared as it is, without division"),
        ]  # fmt: skip
    notes = [
        "Rounded to 12 decimals, half away from zero. Not limited: past the target is above 100%, a step back below 0."
    ]
    if not facts:
        notes = ["Not measured yet: it has no completion and is left out of the score."]
    inputs = () if each.why_not else (each,)
    return Section("Completion", equation=COMPLETION, inputs=inputs, facts=tuple(facts), notes=tuple(notes))


def _readings(objective: Objective, *, account: Account) -> Section:
    """List the latest readings, in the order in which they count."""
    if objective.metric_id is None:
        of_subject = Reading.objects.filter(objective=objective)
    else:
        of_subject = Reading.objects.filter(account=account, metric=objective.metric_id)
    latest = of_subject.order_by("-observed_at", "-recorded_at", "-id")[:READINGS]
    facts = tuple(
        Fact(
            f"reading:{reading.pk}",
            clock(reading.observed_at, account.timezone),
            reading.value,
            _exact(reading.value, objective, account.currency),
            f"{reading.source or 'no source named'}, recorded {clock(reading.recorded_at, account.timezone)}"
            + (f" by {reading.recorded_by}" if reading.recorded_by else ""),
        )
        for reading in latest
    )
    note = "Current is the reading observed last; of two observed at one instant, the one recorded last."
    progress = moment_fact(
        "last_progress_at", "Last progress", objective.last_progress_at, account.timezone, none="None yet"
    )
    return Section("Latest readings", facts=(*facts, progress), notes=(note,))


def _part(objective: Objective, *, account: Account) -> Section:
    """Say what the objective weighs in the account's score."""
    measured = [each for each in active_objectives(account) if each.is_numeric and each.completion is not None]
    total = sum((each.weight for each in measured), Decimal(0))
    if objective.pk not in {each.pk for each in measured}:
        why = "It is archived" if objective.archived_at else "It is not measured yet"
        return Section("Part in the account's score", notes=(f"{why}, so the score goes without it.",))
    with localcontext(WIDE):
        share = (100 * objective.weight / total).quantize(Decimal("0.01"))
    facts = (
        Fact("weight", "Weight", objective.weight, to_plain(objective.weight)),
        Fact("weights", "Sum of weights", total, to_plain(total), f"{len(measured)} measured"),
        Fact("share", "Share of the score", share, format_exact(share, unit=Unit.PERCENTAGE), is_result=True),
    )
    return Section("Part in the account's score", facts=facts)


def _fact(name: str, label: str, value: Decimal, objective: Objective, currency: str) -> Fact:
    return Fact(name, label, value, _exact(value, objective, currency))


def _exact(value: Decimal, objective: Objective, currency: str) -> str:
    return format_exact(value, unit=objective.unit, unit_label=objective.unit_label, currency=currency)

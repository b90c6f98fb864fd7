"""One weekly snapshot of an account: what was true at its boundary, computed again from what it stored."""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal, localcontext
from typing import Final

from accounts.models import Account
from objectives import weeks
from objectives.models import Objective, ObjectiveRevision, Reading, Snapshot, SnapshotObjective
from objectives.progress import is_met, weighted_mean
from objectives.queries.explain.inputs import (
    COMPLETION,
    equation,
    moment_fact,
    numbers,
    pct_fact,
    source_of,
    status_rules,
    tags,
    titles,
)
from objectives.status import Status
from valuerealization.common.explanations import Explanation, Fact, Input, Section
from valuerealization.common.numbers import WIDE, to_plain
from valuerealization.common.units import Unit, format_day, format_exact, format_pct

VERSION: Final = "1"


def explain_week(*, account: Account, week: date) -> Explanation | None:
    """Lay open one weekly snapshot: four queries; None when the account has none of that week.

    Source: docs/formulas.md#boundary, docs/formulas.md#mean
    """
    snapshot = Snapshot.objects.filter(account=account, week=week).first()
    if snapshot is None:
        return None
    inputs = _inputs(snapshot, account=account)
    counted = [each for each in inputs if not each.why_not]
    left_out = tuple(each for each in inputs if each.why_not)
    notes = (f"Not measured at that time, so left out: {titles(left_out)}.",) if left_out else ()
    sections = [Section("Each objective", equation=COMPLETION, inputs=tuple(counted), notes=notes)]
    if snapshot.value_delivered is not None:
        sections += [_sum(snapshot, counted), _status(snapshot)]
    sections.append(_snapshot(snapshot))
    shown, day = format_pct(snapshot.value_delivered), format_day(week, week, with_year=True)
    return Explanation(
        of=f"snapshot:{week.isoformat()}",
        label=f"Value delivered, Sunday {day}",
        title=f"How {shown} of Sunday {day} is calculated" if counted else f"What Sunday {day} says",
        value=snapshot.value_delivered,
        shown=shown,
        formula="sum(weight × completion) ÷ sum(weight), over the objectives measured by the boundary",
        formula_version=VERSION,
        document="docs/formulas.md#boundary",
        sections=tuple(sections),
        as_of=snapshot.boundary_at,
        timezone=snapshot.timezone,
        audit_href=f"{account.get_absolute_url()}activity/",
        left_out=left_out,
    )


def _inputs(snapshot: Snapshot, *, account: Account) -> list[Input]:
    parts = list(SnapshotObjective.objects.filter(snapshot=snapshot).order_by("objective"))
    objectives = Objective.objects.select_related("metric").in_bulk([part.objective_id for part in parts])
    revisions = ObjectiveRevision.objects.filter(objective__in=objectives)
    of_parts = {(part.objective_id, part.revision) for part in parts}
    defined = {
        key: revision
        for revision in revisions
        if (key := (revision.objective_id, revision.number)) in of_parts
    }  # fmt: skip
    readings = _readings(snapshot, parts)
    return [
        _input(
            part,
            objectives[part.objective_id],
            defined.get((part.objective_id, part.revision)),
            readings.get((part.objective_id, part.measured_at))
            or readings.get((-(objectives[part.objective_id].metric_id or 0), part.measured_at)),
            currency=account.currency,
        )
        for part in parts
    ]


def _readings(snapshot: Snapshot, parts: Sequence[SnapshotObjective]) -> dict[tuple[int, datetime | None], Reading]:
    """Find the readings that were current, as they were known: by objective, or by metric with its id negated."""
    found = Reading.objects.filter(
        account=snapshot.account_id,
        observed_at__in=[part.measured_at for part in parts if part.measured_at],
        recorded_at__lte=snapshot.known_at,
    ).order_by("recorded_at", "id")
    return {(each.objective_id or -(each.metric_id or 0), each.observed_at): each for each in found}


def _input(
    part: SnapshotObjective,
    objective: Objective,
    revision: ObjectiveRevision | None,
    reading: Reading | None,
    *,
    currency: str,
) -> Input:
    met = is_met(baseline=part.baseline, current=part.current, target=part.target)
    counted = None
    if part.current is not None:
        counted = equation(
            baseline=part.baseline, current=part.current, target=part.target, completion=part.completion,
            is_met=met, unit=part.unit, unit_label=part.unit_label, currency=currency,
        )  # fmt: skip
    return Input(
        ref=f"objective:{part.objective_id}",
        label=objective.title,
        values=numbers(
            baseline=part.baseline, current=part.current, target=part.target, completion=part.completion,
            weight=part.weight, is_met=met, unit=part.unit, unit_label=part.unit_label, currency=currency,
        ),
        version=part.revision,
        versioned_at=revision.valid_from if revision else None,
        versioned_by=revision.changed_by if revision else "",
        href=f"/objectives/{part.objective_id}/history/",
        equation=counted,
        tags=tags(kind=part.kind, grade=part.grade),
        why_not="" if part.completion is not None else "not_measured",
        source=source_of(objective, reading, currency=currency),
    )  # fmt: skip


def _sum(snapshot: Snapshot, inputs: Sequence[Input]) -> Section:
    pairs = [(each.number("weight"), each.number("completion")) for each in inputs]
    with localcontext(WIDE):
        parts = [weight * completion for weight, completion in pairs]
        total, weight = sum(parts, Decimal(0)), sum((weight for weight, _ in pairs), Decimal(0))
    computed = weighted_mean(pairs)
    exact = format_exact(snapshot.value_delivered, unit=Unit.PERCENTAGE)
    facts = [
        pct_fact(each.ref, each.label, part, note=f"× {to_plain(each.number('weight'))}")
        for each, part in zip(inputs, parts, strict=True)
    ]
    facts += [
        Fact("sum", "Sum", total, format_exact(total, unit=Unit.PERCENTAGE), is_result=True),
        Fact("weights", "÷ sum of weights", weight, to_plain(weight)),
        Fact(
            "result", "Value delivered", computed, f"{exact}, shown as {format_pct(snapshot.value_delivered)}",
            is_result=True,
        ),
    ]  # fmt: skip
    return Section(f"Account score: average of {len(inputs)}", facts=tuple(facts))


def _status(snapshot: Snapshot) -> Section:
    days = snapshot.days_without_progress or Decimal(0)
    return Section(
        "Status: the first rule that fits",
        facts=(
            moment_fact(
                "last_progress_at", "Last progress", snapshot.last_progress_at, snapshot.timezone, none="None yet"
            ),
            Fact("days_without_progress", "Days without progress", days, to_plain(days)),
        ),
        rules=status_rules(
            Status(snapshot.status) if snapshot.status else None,
            score=snapshot.value_delivered,
            days=days,
            goals_met=snapshot.objectives_met,
            goals=snapshot.objectives_total,
        ),
    )


def _snapshot(snapshot: Snapshot) -> Section:
    zone = snapshot.timezone
    facts = [
        moment_fact("boundary_at", "Boundary, Sunday 02:00", snapshot.boundary_at, zone, none=""),
        moment_fact("known_at", "Counts what was recorded by", snapshot.known_at, zone, none=""),
        moment_fact("taken_at", "Taken", snapshot.taken_at, zone, none=""),
    ]
    notes = ["A snapshot holds what was true at the boundary and known by then, and never changes."]
    if snapshot.reconstructed:
        late = (weeks.local_day(snapshot.taken_at, zone) - weeks.local_day(snapshot.boundary_at, zone)).days
        notes.append(f"Reconstructed: taken {late} {'day' if late == 1 else 'days'} late, as of its boundary.")
    if snapshot.restated:
        notes.append("Restated: rebuilt after history arrived; the snapshot that it replaced is kept.")
    return Section("The snapshot", facts=tuple(facts), notes=tuple(notes))

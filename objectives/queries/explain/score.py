"""The score of an account as of now: the mean that it is, the other readings of the same goals, its status."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal, localcontext
from typing import Final

from accounts.models import Account
from objectives import weeks
from objectives.evidence import Grade
from objectives.models import Objective
from objectives.progress import capped_pct, weighted_mean
from objectives.queries.explain.inputs import (
    ACTIVITY,
    COMPLETION,
    moment_fact,
    objective_inputs,
    pct_fact,
    status_rules,
    titles,
)
from objectives.queries.live import LiveScore, active_objectives, live_score, numeric
from objectives.status import label_of
from valuerealization.common.explanations import Explanation, Fact, Input, Section
from valuerealization.common.numbers import WIDE, to_plain
from valuerealization.common.units import Unit, format_exact, format_pct

VERSION: Final = "1"


@dataclass(frozen=True, slots=True)
class Mean:
    """One reading of the goals: which of them count, and what each of them counts.

    Shape:  `counts` tells of a measured objective whether it is in; `taken` makes of its completion what is averaged.
    """

    label: str
    formula: str
    why_not: str
    counts: Callable[[Input], bool]
    taken: Callable[[Decimal], Decimal]
    note: str = ""


def _every(_each: Input) -> bool:
    return True


def _as_it_is(completion: Decimal) -> Decimal:
    return completion


MEANS: Final = {
    "value_delivered": Mean(
        "Value delivered",
        "sum(weight × completion) ÷ sum(weight), over the measured objectives",
        "",
        _every,
        _as_it_is,
        "Kept with six decimals, never capped. Shown in whole percent, half away from zero; a value below 25, 50 or 100"
        " is never shown as having reached it.",
    ),
    "capped": Mean(
        "Each goal capped at 0 to 100",
        "sum(weight × completion between 0 and 100) ÷ sum(weight), over the measured objectives",
        "",
        _every,
        capped_pct,
    ),
    "outcomes_only": Mean(
        "Outcomes only",
        "sum(weight × completion) ÷ sum(weight), over the measured objectives that are no activity",
        "activity",
        lambda each: ACTIVITY not in each.tags,
        _as_it_is,
        "An activity is use or adoption: it counts in value delivered, but is no outcome.",
    ),
    "verified": Mean(
        "Verified",
        "sum(weight × completion) ÷ sum(weight), over the objectives whose current value is verified",
        "not_verified",
        lambda each: Grade.VERIFIED in each.tags,
        _as_it_is,
        f"Verified: {Grade.VERIFIED.meaning[0].lower()}{Grade.VERIFIED.meaning[1:]}.",
    ),
}


def explain_score(*, account: Account, of: str, at: datetime) -> Explanation:
    """Lay open the live score of an account, or one of the figures beside it: two queries.

    Source: docs/formulas.md#mean, docs/formulas.md#status
    """
    objectives = active_objectives(account)
    counted = numeric(objectives)
    score = live_score(counted, timezone=account.timezone, at=at)
    everything = objective_inputs(objectives, currency=account.currency)
    headline = _headline(of, score, everything)
    mean = MEANS.get(of, MEANS["value_delivered"])
    measured = [each for each in everything if not each.why_not]
    taken = [each for each in measured if mean.counts(each)]
    unused = [replace(each, why_not=mean.why_not) for each in measured if not mean.counts(each)]
    left_out = (*unused, *(each for each in everything if each.why_not))
    sections = [_objectives(taken, left_out)]
    if score.value is not None:
        sections += [
            _sum(mean, taken),
            _readings(score, measured, of=of),
            _status(score, counted, account=account, at=at),
        ]
    return Explanation(
        of=of,
        label=headline.label,
        title=_title(of, headline, score),
        value=headline.value,
        shown=headline.shown,
        formula=headline.note,
        formula_version=VERSION,
        document="docs/formulas.md#mean" if of in MEANS else "docs/formulas.md#status",
        sections=tuple(sections),
        as_of=at,
        timezone=account.timezone,
        audit_href=f"{account.get_absolute_url()}activity/",
        last_change_at=max((each.state_changed_at for each in counted), default=None),
        left_out=left_out,
    )


def mean_of(mean: Mean, inputs: Sequence[Input]) -> Decimal | None:
    """Average what counts, as the mean takes it."""
    return weighted_mean((_weight(each), mean.taken(_completion(each))) for each in inputs if mean.counts(each))


def _headline(of: str, score: LiveScore, inputs: Sequence[Input]) -> Fact:
    """Give the figure itself; its note is the formula."""
    if of in MEANS:
        mean = MEANS[of]
        value = mean_of(mean, [each for each in inputs if not each.why_not])
        return Fact(of, mean.label, value, format_pct(value), mean.formula)
    if of == "goals_met":
        goals = score.goals
        shown = f"{goals.met} of {goals.total}"
        return Fact(of, "Goals met", goals.met, shown, "how many active numeric objectives have reached their target")
    if of == "status":
        return Fact(of, "Status", score.status, label_of(score.status), "the first rule that fits")
    days = None if score.value is None else int(score.days_without_progress)
    formula = "local time since the Sunday 02:00 that follows the last progress"
    return Fact(of, "Days without progress", days, "n/a" if days is None else str(days), formula)


def _title(of: str, headline: Fact, score: LiveScore) -> str:
    if of == "value_delivered" and score.value is not None:
        return f"How {headline.shown} is calculated"
    return f"How {headline.label[0].lower()}{headline.label[1:]} is calculated"


def _objectives(taken: Sequence[Input], left_out: Sequence[Input]) -> Section:
    notes = []
    if unmeasured := [each for each in left_out if each.why_not == "not_measured"]:
        notes.append(f"Not measured yet, so left out: {titles(unmeasured)}.")
    if activities := [each for each in left_out if each.why_not == "activity"]:
        notes.append(f"Activity, so left out here: {titles(activities)}.")
    if unverified := [each for each in left_out if each.why_not == "not_verified"]:
        notes.append(f"Reported or estimated, so left out here: {titles(unverified)}.")
    if manual := sum(each.why_not == "manual" for each in left_out):
        many = "objective is" if manual == 1 else "objectives are"
        notes.append(f"{manual} manual {many} done or not done, and never counted.")
    return Section("Each objective", equation=COMPLETION, inputs=tuple(taken), notes=tuple(notes))


def _sum(mean: Mean, inputs: Sequence[Input]) -> Section:
    """Add up what each objective brings, and divide by the weights."""
    is_weighted = any(_weight(each) != 1 for each in inputs)
    with localcontext(WIDE):
        parts = [_weight(each) * mean.taken(_completion(each)) for each in inputs]
        total, weight = sum(parts, Decimal(0)), sum((_weight(each) for each in inputs), Decimal(0))
    facts = [
        pct_fact(each.ref, each.label, part, note=f"× {to_plain(_weight(each))}" if is_weighted else "")
        for each, part in zip(inputs, parts, strict=True)
    ]
    value = mean_of(mean, inputs)
    title = f"{'Account score' if mean is MEANS['value_delivered'] else mean.label}: "
    title += f"{'weighted' if is_weighted else 'plain'} average of {len(inputs)}"
    if value is None:
        return Section(title, notes=(f"Nothing is measured that counts here. {mean.note}".strip(),))
    exact = format_exact(value, unit=Unit.PERCENTAGE)
    facts += [
        Fact("sum", "Sum", total, format_exact(total, unit=Unit.PERCENTAGE), is_result=True),
        Fact("weights", "÷ sum of weights" if is_weighted else "÷ objectives", weight, to_plain(weight)),
        Fact("result", mean.label, value, f"{exact}, shown as {format_pct(value)}", is_result=True),
    ]
    return Section(title, facts=tuple(facts), notes=(mean.note,) if mean.note else ())


def _readings(score: LiveScore, measured: Sequence[Input], *, of: str) -> Section:
    """Give the figures that stand beside the one explained."""
    facts = [pct_fact("value_delivered", "Value delivered", score.value)]
    for name, none in (
        ("capped", "n/a"),
        ("outcomes_only", "No outcome measured"),
        ("verified", "Nothing verified yet"),
    ):
        mean = MEANS[name]
        label = mean.label
        if name == "outcomes_only" and any(ACTIVITY in each.tags for each in measured):
            label += ", without activity"
        facts.append(pct_fact(name, label, mean_of(mean, measured), none=none))
    goals = f"{score.goals.met} of {score.goals.total}"
    facts.append(Fact("goals_met", "Goals met", score.goals.met, goals))
    others = tuple(fact for fact in facts if fact.name != of)
    return Section("Other readings of the same goals", facts=others)


def _status(score: LiveScore, counted: Sequence[Objective], *, account: Account, at: datetime) -> Section:
    latest = max(
        ((each.last_progress_at, each.pk, each.title) for each in counted if each.last_progress_at), default=None
    )
    anchor = weeks.boundary_at(score.anchor_week, account.timezone) if score.anchor_week else None
    timing = (
        moment_fact(
            "last_progress_at", "Last progress", score.last_progress_at, account.timezone,
            none="None yet", note=latest[2] if latest else "",
        ),
        moment_fact(
            "anchor_at", "Days run from Sunday", anchor, account.timezone,
            none="n/a", note="" if latest else "first Sunday after the start",
        ),
        Fact(
            "days_without_progress", "Days without progress", score.days_without_progress,
            to_plain(score.days_without_progress), "that Sunday is still ahead" if anchor and anchor > at else "",
        ),
    )  # fmt: skip
    return Section(
        "Status: the first rule that fits",
        facts=timing,
        rules=status_rules(
            score.status,
            score=score.value,
            days=score.days_without_progress,
            goals_met=score.goals.met,
            goals=score.goals.total,
        ),
        notes=(f"{score.reason.full}. Recency never lowers exceeded or all goals met.",),
    )


def _weight(each: Input) -> Decimal:
    return each.number("weight")


def _completion(each: Input) -> Decimal:
    return each.number("completion")

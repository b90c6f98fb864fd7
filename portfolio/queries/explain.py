"""How the figures of the portfolio come about: sums over its accounts, divided by their number or their ARR."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final

from objectives.status import label_of
from portfolio.queries.averages import WeeklyAverages
from portfolio.queries.summary import Part, Summary
from valuerealization.common.explanations import Equation, Explanation, Fact, Section
from valuerealization.common.units import Unit, format_count, format_day, format_exact, format_money, format_pct

VERSION: Final = "1"
FORMULA: Final = "sum of the accounts' value delivered ÷ number of accounts with a score"


def explain_portfolio(
    *, found: Summary, averages: WeeklyAverages, at: datetime, filtered_by: Sequence[str] = ()
) -> Explanation:
    """Lay open the figures of a portfolio, or of the part of it that a filter keeps: no query.

    Shape:  `filtered_by` says in words what the filter keeps.
    Source: docs/formulas.md#portfolio
    """
    sections = (
        _average(found, filtered_by),
        _counted(found),
        _by_arr(found),
        _goals(found),
        _outcomes(found),
        _verified(found),
        _moves(found),
        _trend(averages),
    )
    return Explanation(
        of="average_value_delivered",
        label="Average value delivered",
        title="How the portfolio's average is calculated",
        value=found.average.value if found.average else None,
        shown=found.shown,
        formula=FORMULA,
        formula_version=VERSION,
        document="docs/formulas.md#portfolio",
        sections=tuple(section for section in sections if section),
        as_of=at,
    )


def _average(found: Summary, filtered_by: Sequence[str]) -> Section:
    notes = [f"Filtered by {', '.join(filtered_by)}."] if filtered_by else []
    facts: tuple[Fact, ...] = ()
    if found.average:
        facts = (
            _exact("sum", f"Sum of {format_count(found.scored, 'score')}", found.average.total),
            Fact("accounts", "÷ accounts", found.scored, str(found.scored)),
            _result("result", "Average value delivered", found.average.value),
        )
    else:
        notes.append(f"No account has a score {'here' if filtered_by else 'yet'}, so there is nothing to average.")
    notes.append(
        "Each account counts once, whatever its size. Kept with six decimals, shown in whole percent, half away from"
        " zero; a value below 25, 50 or 100 is never shown as having reached it."
    )
    return Section(
        f"Plain average of {format_count(found.scored, 'account score')}",
        equation=Equation("sum of the accounts' value delivered", "number of accounts with a score", "average"),
        facts=facts,
        notes=tuple(notes),
    )


def _counted(found: Summary) -> Section:
    without = found.without_score
    facts = (
        _count("snapshots", "With the score of their last Sunday snapshot", found.snapshots),
        _count("live", "With their live score, until their first scored snapshot", found.live),
        Fact("scored", "In the average", found.scored, str(found.scored), is_result=True),
        _count("without_score", "Left out, no score", without.count, note=without.reason if without.count else ""),
    )
    note = (
        "Archived accounts count nowhere. A status is counted as it was at the snapshot; the change this week compares"
        " with the snapshot before it."
    )
    return Section("What counts", facts=facts, notes=(note,))


def _by_arr(found: Summary) -> Section | None:
    if not found.by_arr:
        return None
    facts = []
    for each in found.by_arr:
        weights = format_money(each.weights, currency=each.currency)
        facts += [
            Fact(
                f"weighted_sum:{each.currency}",
                f"{each.currency}, sum of value × ARR",
                each.total,
                format_exact(each.total, unit=Unit.CUSTOM),
            ),
            Fact(f"weights:{each.currency}", "÷ sum of ARR", each.weights, weights),
            _result(f"by_arr:{each.currency}", f"{each.currency}, weighted", each.value),
        ]
    return Section(
        "Weighted by ARR",
        equation=Equation("sum of value delivered × ARR", "sum of ARR", "weighted average"),
        facts=tuple(facts),
        notes=("Accounts with a score and an ARR, each currency by itself: currencies are never converted or added.",),
    )


def _goals(found: Summary) -> Section | None:
    if not found.goals.total:
        return None
    facts = (
        _count("goals_met", "Met, by comparison with the target", found.goals.met),
        _count("goals", "÷ active numeric goals, the unmeasured ones among them", found.goals.total),
    )
    return Section(
        "Goals met", facts=facts, notes=("Counted over all goals of these accounts, as their last snapshot has them.",)
    )


def _outcomes(found: Summary) -> Section | None:
    if not found.outcomes:
        return None
    note = (
        "Adoption and usage are no outcome: here their objectives are left out of each account's mean."
        if found.has_activity
        else "The same as the average: no account here has an objective on an activity metric that counts."
    )
    return Section(
        "Outcomes only",
        equation=Equation(
            "sum of the accounts' scores without activity metrics", "number of accounts that have one", "outcomes only"
        ),
        facts=_mean("outcomes_only", "Outcomes only", found.outcomes, "score"),
        notes=(note,),
    )


def _verified(found: Summary) -> Section | None:
    if not found.verified:
        return None
    note = (
        "Each account's mean over the objectives whose value a system measured or the customer confirmed. Accounts"
        " without any are left out."
    )
    return Section(
        "Verified",
        facts=_mean("verified", "Verified %", found.verified, "account", " with verified values"),
        notes=(note,),
    )


def _moves(found: Summary) -> Section | None:
    if not found.moves:
        return None
    facts = tuple(
        _count(
            f"moved:{move.before or 'none'}:{move.after or 'none'}",
            f"{label_of(move.before)} to {label_of(move.after).lower()}",
            move.count,
        )
        for move in found.moves
    )
    note = "The last snapshot beside the one before. What came to a status less what left it is the change on its card."
    return Section("Status changes this week", facts=facts, notes=(note,))


def _trend(averages: WeeklyAverages) -> Section:
    facts: Iterable[Fact] = ()
    if last := averages.last:
        facts = (
            Fact("week", "Last complete week", last.week, f"Sunday {format_day(last.week, last.week)}"),
            _exact(
                "week_average", f"Average of that week's {format_count(last.scored, 'scored snapshot')}", last.average
            ),
        )
    note = (
        f"{averages.as_of} Each account's snapshot is taken at 02:00 on Sunday by its own clock, so a week takes a day"
        " and a half to go round the world. A week joins the trend once no account waits for its snapshot any more. It"
        " holds the accounts of that week, whatever is filtered; accounts with a live score join with their first"
        " scored snapshot."
    )
    return Section("The weekly trend", facts=tuple(facts), notes=(note.strip(),))


def _mean(name: str, label: str, part: Part, counted: str, suffix: str = "") -> tuple[Fact, ...]:
    return (
        _exact(f"{name}_sum", f"Sum of {format_count(part.accounts, counted)}{suffix}", part.average.total),
        _result(name, label, part.average.value),
    )


def _count(name: str, label: str, number: int, *, note: str = "") -> Fact:
    return Fact(name, label, number, str(number), note)


def _exact(name: str, label: str, value: Decimal | None) -> Fact:
    return Fact(name, label, value, _pct(value))


def _result(name: str, label: str, value: Decimal) -> Fact:
    return Fact(name, label, value, f"{_pct(value)}, shown as {format_pct(value)}", is_result=True)


def _pct(value: Decimal | None) -> str:
    return format_exact(value, unit=Unit.PERCENTAGE)

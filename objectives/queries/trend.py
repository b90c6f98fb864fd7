"""The trend of one account: its weekly snapshots, and the plan beside them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Final

from django.conf import settings

from accounts.models import Account
from objectives import weeks
from objectives.models import Objective, Snapshot
from objectives.progress import plan_mean
from objectives.queries.trend_lines import MOST_LINES, LineChoice, Rebaseline, objective_series, rebaselines
from objectives.status import Status
from valuerealization.common.charts import Chart, ChartWeek, Series, line_chart
from valuerealization.common.units import format_day, format_moment, format_pct

# Months offered, and the weeks that each shows.
PERIODS: Final = {3: 13, 6: 26, 12: 52}
DEFAULT_MONTHS: Final = 6
WEEKS_AHEAD: Final = 8
MIN_SNAPSHOTS: Final = 2

_HUNDRED: Final = Decimal(100)

# Weight, start and due date of each objective that has one.
Plans = list[tuple[Decimal, date, date | None]]


@dataclass(frozen=True, slots=True)
class TrendWeek:
    """One snapshot of the table behind the chart.

    Shape:  `note` says what happened to the week after its boundary or to a definition before it, if anything; `lines`
            has the completions of the objectives that are shown, as shown.
    """

    week: date
    label: str
    value: Decimal | None
    status: Status | None
    plan: Decimal | None
    note: str
    lines: tuple[str, ...] = ()

    @property
    def shown(self) -> str:
        """Give the score as shown."""
        return format_pct(self.value) if self.value is not None else "No score"

    @property
    def shown_plan(self) -> str:
        """Give the plan as shown; nothing without one."""
        return format_pct(self.plan) if self.plan is not None else ""


@dataclass(frozen=True, slots=True)
class Trend:
    """Weekly snapshots of a period, newest first, and their chart.

    Shape:  `chart` None with fewer than two scored snapshots; `last` names the newest one, `next` the coming one.
            `choices` are the objectives whose own lines can be shown, `rebaselines` changed what completions mean.
    """

    months: int
    weeks: tuple[TrendWeek, ...]
    chart: Chart | None
    choices: tuple[LineChoice, ...]
    rebaselines: tuple[Rebaseline, ...]
    last: str
    next: str

    @property
    def shown_lines(self) -> tuple[LineChoice, ...]:
        """List the objectives whose lines are shown, in the order of their letters."""
        return tuple(each for each in self.choices if each.number)

    @property
    def is_full(self) -> bool:
        """Tell whether no further line fits."""
        return len(self.shown_lines) >= MOST_LINES

    @property
    def has_plan(self) -> bool:
        """Tell whether any objective has a due date to plan towards."""
        return any(week.plan is not None for week in self.weeks)

    @property
    def scored(self) -> int:
        """Count the snapshots with a score."""
        return sum(week.value is not None for week in self.weeks)


def trend(*, account: Account, at: datetime, months: int = DEFAULT_MONTHS, lines: Sequence[int] = ()) -> Trend:
    """Read an account's snapshots of the last 3, 6 or 12 months, with its plan line: three queries.

    Shape:  `lines` are ids of objectives whose own lines stand beside it, the first four of those that there are; they
            cost a fourth query.
            Nothing is older than the retention window, also where the monthly clean-up has not come to it yet.
    Raises: KeyError for another period.
    Source: docs/formulas.md#plan
    """
    today = weeks.local_day(at, account.timezone)
    newest = weeks.last_week_at_or_before(at, account.timezone)
    kept = weeks.window_start(today, years=settings.VR_RETENTION_YEARS)
    since = max(newest - (PERIODS[months] - 1) * weeks.WEEK, kept)
    taken = list(Snapshot.objects.filter(account=account, week__gte=since, week__lte=newest).order_by("week"))
    objectives = list(Objective.objects.numeric().filter(account=account).order_by("pk"))
    plans = _plans(objectives)
    choices = _choices(objectives, lines, since=since, timezone=account.timezone)
    changed = rebaselines(account=account, since=since, today=today)
    span = _span(taken, plans)
    series = objective_series([each for each in choices if each.number], taken, span)
    shown = {week: [format_pct(each.values[number]) for each in series] for number, week in enumerate(span)}
    listed = tuple(
        TrendWeek(
            week=snapshot.week,
            label=format_day(snapshot.week, today),
            value=snapshot.value_delivered,
            status=Status(snapshot.status) if snapshot.status else None,
            plan=plan_mean(plans, on=snapshot.week),
            note=_note(snapshot, changed),
            lines=tuple(shown.get(snapshot.week, [""] * len(series))),
        )
        for snapshot in reversed(taken)
    )
    return Trend(
        months=months,
        weeks=listed,
        chart=_chart(listed, plans, span, series, changed, today=today),
        choices=choices,
        rebaselines=changed,
        last=_last(listed, today=today),
        next=_next(newest + weeks.WEEK, account=account, today=today),
    )


def _plans(objectives: Sequence[Objective]) -> Plans:
    return [(each.weight, each.started_on, each.due_on) for each in objectives if each.due_on and not each.archived_at]


def _choices(
    objectives: Sequence[Objective], lines: Sequence[int], *, since: date, timezone: str
) -> tuple[LineChoice, ...]:
    """List whose lines can be shown: objectives in use, and those archived within the period."""
    offered = [
        each for each in objectives
        if each.archived_at is None or weeks.local_day(each.archived_at, timezone) >= since
    ]  # fmt: skip
    wanted = [each.pk for each in offered if each.pk in lines][:MOST_LINES]
    return tuple(
        LineChoice(
            each.pk, each.title, each.archived_at is not None, wanted.index(each.pk) + 1 if each.pk in wanted else 0
        )
        for each in offered
    )


def _span(taken: Sequence[Snapshot], plans: Plans) -> list[date]:
    """List the weeks of the chart: from the first score to the last snapshot, and on as far as the plan leads."""
    scored = [snapshot.week for snapshot in taken if snapshot.value_delivered is not None]
    if len(scored) < MIN_SNAPSHOTS:
        return []
    last = taken[-1].week
    span = list(weeks.sundays(scored[0], last))
    for week in weeks.sundays(last + weeks.WEEK, last + WEEKS_AHEAD * weeks.WEEK):
        plan = plan_mean(plans, on=span[-1])
        if plan is None or plan >= _HUNDRED:
            break  # nothing lies ahead, or the plan has arrived
        span.append(week)
    return span


def _chart(
    listed: tuple[TrendWeek, ...], plans: Plans, span: Sequence[date], series: Sequence[Series],
    changed: Sequence[Rebaseline], *, today: date,
) -> Chart | None:  # fmt: skip
    if not span:
        return None
    scored = {week.week: week.value for week in listed if week.value is not None}
    last = listed[0].week
    points = [
        ChartWeek(format_day(week, today if week <= last else week), scored.get(week), plan_mean(plans, on=week))
        for week in span
    ]
    marks: dict[int, str] = {}
    for each in changed:
        if each.week in span:
            number = span.index(each.week)
            marks[number] = f"{marks[number]}. {each.sentence}" if number in marks else each.sentence
    return line_chart(points, series=series, marks=sorted(marks.items()))


def _note(snapshot: Snapshot, changed: Sequence[Rebaseline]) -> str:
    notes = [each.sentence for each in changed if each.week == snapshot.week]
    if snapshot.restated:
        notes.insert(0, "Restated: values for this week arrived later")
    elif snapshot.reconstructed:
        notes.insert(0, "Reconstructed: taken after its Sunday")
    return ". ".join(notes)


def _last(listed: tuple[TrendWeek, ...], *, today: date) -> str:
    if not listed:
        return ""
    day = format_day(listed[0].week, today, weekday="short")
    return f"Last snapshot {day}: {listed[0].shown if listed[0].value is not None else 'no score'}"


def _next(week: date, *, account: Account, today: date) -> str:
    boundary = weeks.boundary_at(week, account.timezone)
    return format_moment(boundary, timezone=account.timezone, today=today, weekday="short")

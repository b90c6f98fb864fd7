"""The trend of one account: its weekly snapshots, and the plan beside them."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Final

from accounts.models import Account
from objectives import weeks
from objectives.models import Objective, Snapshot
from objectives.progress import plan_mean
from objectives.status import Status
from valuerealization.common.charts import Chart, ChartWeek, line_chart
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

    Shape:  `note` says what happened to the week after its boundary, if anything.
    """

    week: date
    label: str
    value: Decimal | None
    status: Status | None
    plan: Decimal | None
    note: str

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
    """

    months: int
    weeks: tuple[TrendWeek, ...]
    chart: Chart | None
    last: str
    next: str

    @property
    def has_plan(self) -> bool:
        """Tell whether any objective has a due date to plan towards."""
        return any(week.plan is not None for week in self.weeks)

    @property
    def scored(self) -> int:
        """Count the snapshots with a score."""
        return sum(week.value is not None for week in self.weeks)


def trend(*, account: Account, at: datetime, months: int = DEFAULT_MONTHS) -> Trend:
    """Read an account's snapshots of the last 3, 6 or 12 months, with its plan line: two queries.

    Raises: KeyError for another period.
    Source: docs/formulas.md#plan
    """
    today = weeks.local_day(at, account.timezone)
    newest = weeks.last_week_at_or_before(at, account.timezone)
    since = newest - (PERIODS[months] - 1) * weeks.WEEK
    taken = list(Snapshot.objects.filter(account=account, week__gte=since, week__lte=newest).order_by("week"))
    plans = _plans(account)
    listed = tuple(
        TrendWeek(
            week=snapshot.week,
            label=format_day(snapshot.week, today),
            value=snapshot.value_delivered,
            status=Status(snapshot.status) if snapshot.status else None,
            plan=plan_mean(plans, on=snapshot.week),
            note=_note(snapshot),
        )
        for snapshot in reversed(taken)
    )
    return Trend(
        months=months,
        weeks=listed,
        chart=_chart(listed, plans, today=today),
        last=_last(listed, today=today),
        next=_next(newest + weeks.WEEK, account=account, today=today),
    )


def _plans(account: Account) -> Plans:
    due = Objective.objects.active().numeric().filter(account=account, due_on__isnull=False)
    return list(due.values_list("weight", "started_on", "due_on"))


def _chart(listed: tuple[TrendWeek, ...], plans: Plans, *, today: date) -> Chart | None:
    scored = {week.week: week.value for week in listed if week.value is not None}
    if len(scored) < MIN_SNAPSHOTS:
        return None
    first, last = min(scored), listed[0].week
    points = [
        ChartWeek(format_day(week, today), scored.get(week), plan_mean(plans, on=week))
        for week in weeks.sundays(first, last)
    ]
    for week in weeks.sundays(last + weeks.WEEK, last + WEEKS_AHEAD * weeks.WEEK):
        if points[-1].plan is None or points[-1].plan >= _HUNDRED:
            break  # nothing lies ahead, or the plan has arrived
        points.append(ChartWeek(format_day(week, week), None, plan_mean(plans, on=week)))
    return line_chart(points)


def _note(snapshot: Snapshot) -> str:
    if snapshot.restated:
        return "Restated: values for this week arrived later"
    return "Reconstructed: taken after its Sunday" if snapshot.reconstructed else ""


def _last(listed: tuple[TrendWeek, ...], *, today: date) -> str:
    if not listed:
        return ""
    day = format_day(listed[0].week, today, weekday="short")
    return f"Last snapshot {day}: {listed[0].shown if listed[0].value is not None else 'no score'}"


def _next(week: date, *, account: Account, today: date) -> str:
    boundary = weeks.boundary_at(week, account.timezone)
    return format_moment(boundary, timezone=account.timezone, today=today, weekday="short")

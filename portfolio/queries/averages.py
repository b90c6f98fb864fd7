"""The portfolio week by week, from the rollup that snapshots keep."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Final

from django.db.models import Count, Min, Q

from objectives import weeks
from objectives.models import Standing, WeekRollup
from objectives.queries.trend import DEFAULT_MONTHS, PERIODS
from valuerealization.common.charts import Chart, ChartWeek, Sparkline, line_chart, sparkline
from valuerealization.common.units import format_day, points_between

KPI_WEEKS: Final = PERIODS[DEFAULT_MONTHS]
MIN_WEEKS: Final = 2

# Between the first and the last place on Earth where a Sunday reads 02:00 lie some 26 hours.
_EVERYWHERE: Final = timedelta(days=2)


@dataclass(frozen=True, slots=True)
class WeekAverage:
    """The portfolio at one week's snapshots.

    Units:  average in percent, None when no account had a score.
    """

    week: date
    average: Decimal | None
    scored: int
    accounts: int


@dataclass(frozen=True, slots=True)
class WeeklyAverages:
    """The weeks whose snapshots are complete, oldest first, and how far the newest week has come.

    Shape:  `newest` is the newest week of which there is any snapshot; `waiting` the accounts that still lack theirs,
            in which case the week is left out of `complete`. `next_week` is the first one to come while there is none.
            `accounts` counts the portfolio of today, whatever is filtered, `numeric` those with numeric objectives.
    """

    complete: tuple[WeekAverage, ...]
    newest: date | None
    taken: int
    waiting: int
    next_week: date | None
    accounts: int = 0
    numeric: int = 0

    @property
    def is_in_progress(self) -> bool:
        """Tell whether the newest week is still being taken."""
        return self.waiting > 0 and self.newest is not None

    @property
    def last(self) -> WeekAverage | None:
        """Give the newest complete week."""
        return self.complete[-1] if self.complete else None

    @property
    def as_of(self) -> str:
        """Say what the numbers of the page are as of."""
        if self.newest is None:
            first = f" The first is taken {_sunday(self.next_week)}." if self.next_week else ""
            return f"No snapshot yet.{first}"
        if self.is_in_progress:
            done, all_of_them = self.taken, self.taken + self.waiting
            return f"Snapshot of {_sunday(self.newest)} in progress: {done:,} of {all_of_them:,} accounts taken."
        return f"Snapshot taken {_sunday(self.newest)}."

    @property
    def spark(self) -> Sparkline | None:
        """Draw the last half year."""
        return sparkline([week.average for week in self._period(KPI_WEEKS)], subject="Average value delivered")

    @property
    def change(self) -> int | None:
        """Count the points between the first and the last average of the half year, as shown."""
        known = self._known(KPI_WEEKS)
        return points_between(known[0].average, known[-1].average) if len(known) >= MIN_WEEKS else None

    @property
    def change_weeks(self) -> int:
        """Count the weeks that the change spans, both ends included."""
        known = self._known(KPI_WEEKS)
        return (known[-1].week - known[0].week).days // 7 + 1 if known else 0

    def chart(self, months: int, *, today: date) -> Chart | None:
        """Draw the last 3, 6 or 12 months, zoomed in; None with fewer than two scored weeks.

        Raises: KeyError for another period.
        """
        period = self._period(PERIODS[months])
        if len([week for week in period if week.average is not None]) < MIN_WEEKS:
            return None
        return line_chart(
            [ChartWeek(format_day(week.week, today), week.average) for week in period],
            subject="Average value delivered per week",
            zoom=True,
        )

    def _period(self, count: int) -> list[WeekAverage]:
        """List the last weeks without a gap: a week that was never taken is one without an average."""
        if not self.complete:
            return []
        by_week = {week.week: week for week in self.complete}
        last = self.complete[-1].week
        first = max(self.complete[0].week, last - (count - 1) * weeks.WEEK)
        return [by_week.get(week, WeekAverage(week, None, 0, 0)) for week in weeks.sundays(first, last)]

    def _known(self, count: int) -> list[WeekAverage]:
        return [week for week in self._period(count) if week.average is not None]


def weekly_averages(*, today: date, count: int = max(PERIODS.values())) -> WeeklyAverages:
    """Read the last weeks of the portfolio: two queries.

    Shape:  on a Sunday the accounts of the east have their snapshot up to a day before those of the west, and the mean
            of a few of them would bend the line. So a week counts from the moment when no account waits for it any
            more; one whose snapshot fails is not waited for.
    Source: docs/formulas.md#portfolio
    """
    taken = list(WeekRollup.objects.order_by("-week")[: count + 1])
    newest = taken[0].week if taken else None
    until = datetime.combine((newest or today + weeks.WEEK) + _EVERYWHERE, time.min, tzinfo=UTC)
    due = Q(failed_at=None, next_boundary_at__lt=until)
    found = Standing.objects.active().aggregate(
        count=Count("pk", filter=due & Q(next_week__lte=newest or date.min)),
        first=Min("next_week", filter=due),
        accounts=Count("pk"),
        numeric=Count("pk", filter=Q(objectives_total__gt=0)),
    )
    complete = [each for each in taken if not found["count"] or each.week < found["first"]]
    return WeeklyAverages(
        complete=tuple(
            WeekAverage(each.week, each.average, each.scored, each.accounts) for each in reversed(complete[:count])
        ),
        newest=newest,
        taken=taken[0].accounts if taken else 0,
        waiting=found["count"],
        next_week=found["first"],
        accounts=found["accounts"],
        numeric=found["numeric"],
    )


def _sunday(week: date | None) -> str:
    return f"{format_day(week, week, with_year=True, weekday='long')}, 02:00" if week else ""

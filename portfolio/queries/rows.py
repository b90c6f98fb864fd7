"""The accounts table of the portfolio: one page of rows, each with its last half year."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Final

from accounts.models import Account, User
from objectives import weeks
from objectives.models import Snapshot, Standing
from objectives.queries.lists import AccountFilter, ordering, standings
from objectives.status import Status, StatusReason, is_new, reason
from valuerealization.common import keyset
from valuerealization.common.charts import Sparkline, sparkline
from valuerealization.common.units import format_day, format_in_days, format_pct, is_soon, points_between

PAGE_SIZE: Final = 25
SPARK_WEEKS: Final = 26
CHANGE_WEEKS: Final = 4

_NO_DAYS: Final = Decimal(0)


@dataclass(frozen=True, slots=True)
class Row:
    """One account as the portfolio shows it.

    Shape:  from its last snapshot; until the first scored one live, and then `live_until` names the Sunday of the next.
            `value`, `status` None without a score; `change` None without a snapshot four weeks earlier.
    Units:  value in percent, change in points as shown.
    """

    account: Account
    owner: User | None
    value: Decimal | None
    status: Status | None
    reason: StatusReason
    is_new: bool
    live_until: str
    spark: Sparkline | None
    change: int | None
    goals_met: int
    goals: int
    manual: int
    renewal: str
    renewal_in: str
    is_renewal_soon: bool

    @property
    def shown(self) -> str:
        """Write the score."""
        return format_pct(self.value)


@dataclass(frozen=True, slots=True)
class Page:
    """Rows of the table in their order, with the cursors of the pages beside it."""

    rows: tuple[Row, ...]
    next_cursor: str | None
    previous_cursor: str | None


def page(
    wanted: AccountFilter, *, order: str, cursor: str | None, at: datetime, on: date, size: int = PAGE_SIZE
) -> Page:
    """Read one page of the accounts table: two queries, whatever its size.

    Raises: keyset.InvalidCursor; KeyError for an unknown order.
    """
    rows = standings(wanted, live=False, on=on).select_related("account", "owner")
    found = keyset.page(rows, ordering(order, live=False), cursor, size=size)
    taken = _snapshots(found.rows)
    return Page(
        rows=tuple(_row(standing, taken[standing.account_id], at=at) for standing in found.rows),
        next_cursor=found.next_cursor,
        previous_cursor=found.previous_cursor,
    )


def _snapshots(standings_of_page: Sequence[Standing]) -> dict[int, dict[date, Snapshot]]:
    """Read what the sparklines need, by account and week."""
    last_weeks = [each.snapshot_week for each in standings_of_page if each.snapshot_week]
    found: dict[int, dict[date, Snapshot]] = defaultdict(dict)
    since = min(last_weeks, default=date.max - SPARK_WEEKS * weeks.WEEK) - (SPARK_WEEKS - 1) * weeks.WEEK
    accounts = [each.account_id for each in standings_of_page if each.snapshot_week]
    for snapshot in Snapshot.objects.filter(account__in=accounts, week__gte=since).only(
        "account", "week", "value_delivered", "objectives_total", "objectives_met"
    ):
        found[snapshot.account_id][snapshot.week] = snapshot
    return found


def _row(standing: Standing, taken: dict[date, Snapshot], *, at: datetime) -> Row:
    account = standing.account
    today = weeks.local_day(at, account.timezone)
    last = taken.get(standing.snapshot_week) if standing.is_scored and standing.snapshot_week else None
    goals, met = (last or standing).objectives_total, (last or standing).objectives_met
    status = Status(standing.shown_status) if standing.shown_status else None
    value: Decimal | None = standing.shown_value
    return Row(
        account=account,
        owner=standing.owner,
        value=value,
        status=status,
        reason=reason(
            status=status,
            score=value,
            days_without_progress=_days(standing, at=at),
            days_since_progress=_days_since_progress(standing, at=at),
            goals_open=goals - met,
            objectives=goals,
        ),
        is_new=is_new(created_on=weeks.local_day(account.created_at, account.timezone), on=today),
        live_until=_live_until(standing, today=today),
        spark=_spark(standing, taken),
        change=_change(standing, taken),
        goals_met=met,
        goals=goals,
        manual=standing.objectives_manual,
        renewal=format_day(account.renewal_on, today, with_year=True) if account.renewal_on else "",
        renewal_in=format_in_days(account.renewal_on, today) if account.renewal_on else "",
        is_renewal_soon=account.renewal_on is not None and is_soon(account.renewal_on, today),
    )


def _days(standing: Standing, *, at: datetime) -> Decimal:
    """Count the days without progress that decided the status: the snapshot's, or today's while live."""
    if standing.is_scored:
        return standing.snapshot_days or _NO_DAYS
    if standing.anchor_week is None:
        return _NO_DAYS
    return weeks.days_without_progress(anchor_week=standing.anchor_week, at=at, timezone=standing.account.timezone)


def _days_since_progress(standing: Standing, *, at: datetime) -> int | None:
    """Count up to now, so that "2 days ago" is true for whoever reads it."""
    if standing.last_progress_at is None:
        return None
    return weeks.local_days_between(standing.last_progress_at, at, standing.account.timezone)


def _live_until(standing: Standing, *, today: date) -> str:
    if standing.is_scored or standing.value_delivered is None:
        return ""
    return format_day(standing.next_week, today, weekday="long")


def _spark(standing: Standing, taken: dict[date, Snapshot]) -> Sparkline | None:
    last = standing.snapshot_week
    if last is None:
        return None
    span = weeks.sundays(last - (SPARK_WEEKS - 1) * weeks.WEEK, last)
    return sparkline([taken[week].value_delivered if week in taken else None for week in span])


def _change(standing: Standing, taken: dict[date, Snapshot]) -> int | None:
    last = standing.snapshot_week
    if not standing.is_scored or last is None:
        return None
    before = taken.get(last - CHANGE_WEEKS * weeks.WEEK)
    return points_between(before.value_delivered, standing.shown_value) if before else None

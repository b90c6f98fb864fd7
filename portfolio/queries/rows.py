"""One page of a list of accounts, live or as of the last snapshot, with what its columns show."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

from accounts.models import Account, User
from accounts.stages import Stage, stage_of
from objectives import weeks
from objectives.models import Snapshot, Standing
from objectives.queries.lists import AccountFilter, ordering, standings
from objectives.queries.trend import DEFAULT_MONTHS
from objectives.status import Status, StatusReason, is_new, reason
from portfolio.queries.columns import annotations
from valuerealization.common import keyset
from valuerealization.common.charts import Sparkline, sparkline
from valuerealization.common.numbers import WIDE
from valuerealization.common.units import format_day, format_in_days, format_pct, is_soon, points_between

PAGE_SIZE: Final = 25
SPARK_WEEKS: Final = 26
CHANGE_WEEKS: Final = 4

_NO_DAYS: Final = Decimal(0)
_HUNDRED: Final = Decimal(100)


@dataclass(frozen=True, slots=True)
class Before:
    """An account's score at the start of a period, and how far it has come since.

    Units:  value in percent, change in points as shown; `day` is the Sunday it was taken.
    """

    value: Decimal
    change: int | None
    day: str


@dataclass(frozen=True, slots=True)
class Row:
    """One account as a list shows it.

    Shape:  live, or from its last snapshot; until the first scored one live there too, and then `live_until` names the
            Sunday of the next. `value`, `status` None without a score; `change` None without a snapshot four weeks
            before the last. `before` only where its column is shown.
    Units:  value, outcomes and verified in percent, change in points as shown, days whole.
    """

    account: Account
    owner: User | None
    value: Decimal | None
    status: Status | None
    reason: StatusReason
    days: int | None
    is_new: bool
    live_until: str
    spark: Sparkline | None
    change: int | None
    before: Before | None
    outcomes: Decimal | None
    verified: Decimal | None
    goals_met: int
    goals: int
    manual: int
    stage: Stage
    renewal: str
    renewal_in: str
    is_renewal_soon: bool

    @property
    def shown(self) -> str:
        """Write the score."""
        return format_pct(self.value)

    @property
    def goals_share(self) -> Decimal | None:
        """Give the share of goals that are met, in percent; None without goals."""
        return WIDE.divide(_HUNDRED * self.goals_met, Decimal(self.goals)) if self.goals else None


@dataclass(frozen=True, slots=True)
class Page:
    """Rows of the table in their order, with the cursors of the pages beside it."""

    rows: tuple[Row, ...]
    next_cursor: str | None
    previous_cursor: str | None


def page(
    wanted: AccountFilter,
    *,
    order: str,
    cursor: str | None,
    at: datetime,
    on: date,
    live: bool = False,
    columns: Collection[str] = (),
    months: int = DEFAULT_MONTHS,
    only: int | None = None,
    size: int = PAGE_SIZE,
) -> Page:
    """Read one page of a list of accounts: three queries, whatever its size and its columns.

    Units:  `columns` are keys of `portfolio.queries.columns`; `months` is the period of before and now; `only` is the
            id of a single account.
    Raises: keyset.InvalidCursor; KeyError for an unknown order or period.
    """
    rows = standings(wanted, live=live, on=on).select_related("account", "owner")
    rows = rows.annotate(**annotations(columns, live=live, months=months))
    if only is not None:
        rows = rows.filter(account=only)
    found = keyset.page(rows, ordering(order, live=live), cursor, size=size)
    taken = _snapshots(found.rows)
    return Page(
        rows=tuple(_row(standing, taken[standing.account_id], at=at, live=live) for standing in found.rows),
        next_cursor=found.next_cursor,
        previous_cursor=found.previous_cursor,
    )


def matched(wanted: AccountFilter, *, live: bool, on: date) -> int:
    """Count the accounts that a filter lets through: one query."""
    return standings(wanted, live=live, on=on).count()


def _snapshots(standings_of_page: Sequence[Standing]) -> dict[int, dict[date, Snapshot]]:
    """Read what the sparklines need, by account and week."""
    last_weeks = [each.snapshot_week for each in standings_of_page if each.snapshot_week]
    found: dict[int, dict[date, Snapshot]] = defaultdict(dict)
    since = min(last_weeks, default=date.max - SPARK_WEEKS * weeks.WEEK) - (SPARK_WEEKS - 1) * weeks.WEEK
    accounts = [each.account_id for each in standings_of_page if each.snapshot_week]
    for snapshot in Snapshot.objects.filter(account__in=accounts, week__gte=since).only(
        "account", "week", "value_delivered"
    ):
        found[snapshot.account_id][snapshot.week] = snapshot
    return found


def _row(standing: Standing, taken: dict[date, Snapshot], *, at: datetime, live: bool) -> Row:
    account = standing.account
    today = weeks.local_day(at, account.timezone)
    is_live = live or not standing.is_scored
    goals = standing.objectives_total if live else standing.shown_total
    met = standing.objectives_met if live else standing.shown_met
    found: str | None = standing.status if live else standing.shown_status
    status = Status(found) if found else None
    value: Decimal | None = standing.value_delivered if live else standing.shown_value
    days = _days(standing, at=at, is_live=is_live)
    return Row(
        account=account,
        owner=standing.owner,
        value=value,
        status=status,
        reason=_reason(standing, status=status, value=value, days=days, goals=goals, met=met, at=at),
        days=int(days) if status is not None else None,
        is_new=is_new(created_on=weeks.local_day(account.created_at, account.timezone), on=today),
        live_until="" if live else _live_until(standing, today=today),
        spark=_spark(standing, taken),
        change=_change(standing, taken, value=value),
        before=_before(standing, value=value, today=today),
        outcomes=standing.outcomes if live else standing.shown_outcomes,
        verified=standing.verified if live else standing.shown_verified,
        goals_met=met,
        goals=goals,
        manual=standing.objectives_manual,
        stage=stage_of(contract_signed_on=account.contract_signed_on, on=today),
        renewal=format_day(account.renewal_on, today, with_year=True) if account.renewal_on else "",
        renewal_in=format_in_days(account.renewal_on, today) if account.renewal_on else "",
        is_renewal_soon=account.renewal_on is not None and is_soon(account.renewal_on, today),
    )


def _reason(
    standing: Standing,
    *,
    status: Status | None,
    value: Decimal | None,
    days: Decimal,
    goals: int,
    met: int,
    at: datetime,
) -> StatusReason:
    if not standing.objectives_total and not standing.objectives_manual and status is None:
        return StatusReason(("No objectives yet",))
    return reason(
        status=status,
        score=value,
        days_without_progress=days,
        days_since_progress=_days_since_progress(standing, at=at),
        goals_open=goals - met,
        objectives=goals,
    )


def _days(standing: Standing, *, at: datetime, is_live: bool) -> Decimal:
    """Count the days without progress that decided the status: the snapshot's, or today's while live."""
    if not is_live:
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


def _change(standing: Standing, taken: dict[date, Snapshot], *, value: Decimal | None) -> int | None:
    last = standing.snapshot_week
    if not standing.is_scored or last is None:
        return None
    before = taken.get(last - CHANGE_WEEKS * weeks.WEEK)
    return points_between(before.value_delivered, value) if before else None


def _before(standing: Any, *, value: Decimal | None, today: date) -> Before | None:
    before = getattr(standing, "before_value", None)
    if before is None:
        return None
    day = format_day(standing.before_week, today)
    return Before(before, points_between(before, value), day)

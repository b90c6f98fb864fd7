"""One page of a list of accounts, live or as of the last snapshot, with what its columns show."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import DateField, ExpressionWrapper, IntegerField, OuterRef, Value

from accounts.attributes import show_value
from accounts.models import Account, AttributeType, User
from accounts.stages import Stage, stage_of
from objectives import weeks
from objectives.models import Snapshot, Standing
from objectives.queries.lists import AccountFilter, ordering, standings
from objectives.queries.trend import DEFAULT_MONTHS
from objectives.status import Status, StatusReason, is_new, reason
from portfolio.queries.choices import AttributeChoice
from portfolio.queries.columns import ListColumn, annotations
from valuerealization.common import keyset
from valuerealization.common.charts import Sparkline, sparkline
from valuerealization.common.numbers import WIDE
from valuerealization.common.units import format_day, format_in_days, format_pct, format_value, is_soon, points_between

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
            before the last. `before`, `team` and `attributes`, by the keys of their columns, only where they are shown.
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
    team: str
    attributes: Mapping[str, str]
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
    columns: Collection[ListColumn] = (),
    months: int = DEFAULT_MONTHS,
    only: int | None = None,
    size: int = PAGE_SIZE,
) -> Page:
    """Read one page of a list of accounts: two queries, whatever its size and its columns.

    Units:  `months` is the period of before and now; `only` is the
            id of a single account.
    Raises: keyset.InvalidCursor; KeyError for an unknown order or period.
    """
    rows = standings(wanted, live=live, on=on).select_related("account", "owner")
    rows = rows.annotate(**_half_a_year(), **annotations(columns, live=live, months=months))
    if only is not None:
        rows = rows.filter(account=only)
    found = keyset.page(rows, ordering(order, live=live), cursor, size=size)
    return Page(
        rows=tuple(_row(standing, columns, at=at, live=live) for standing in found.rows),
        next_cursor=found.next_cursor,
        previous_cursor=found.previous_cursor,
    )


def matched(wanted: AccountFilter, *, live: bool, on: date) -> int:
    """Count the accounts that a filter lets through: one query."""
    return standings(wanted, live=live, on=on).count()


def _half_a_year() -> dict[str, ArraySubquery]:
    """Read what sparklines and changes need with the rows themselves: the snapshots' weeks, and their scores."""
    days = Value(7 * (SPARK_WEEKS - 1), output_field=IntegerField())
    since = ExpressionWrapper(OuterRef("snapshot_week") - days, output_field=DateField())
    found = Snapshot.objects.filter(account=OuterRef("account"), week__gte=since).order_by("week")
    return {
        "spark_weeks": ArraySubquery(found.values("week")),
        "spark_values": ArraySubquery(found.values("value_delivered")),
    }


def _row(standing: Any, columns: Collection[ListColumn], *, at: datetime, live: bool) -> Row:
    account: Account = standing.account
    taken: dict[date, Decimal | None] = dict(zip(standing.spark_weeks, standing.spark_values, strict=True))
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
        team=getattr(standing, "team", None) or "",
        attributes={
            column.key: _attribute(column.attribute, standing, today=today) for column in columns if column.attribute
        },
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


def _spark(standing: Standing, taken: Mapping[date, Decimal | None]) -> Sparkline | None:
    last = standing.snapshot_week
    if last is None:
        return None
    span = weeks.sundays(last - (SPARK_WEEKS - 1) * weeks.WEEK, last)
    return sparkline([taken.get(week) for week in span])


def _change(standing: Standing, taken: Mapping[date, Decimal | None], *, value: Decimal | None) -> int | None:
    last = standing.snapshot_week
    if not standing.is_scored or last is None:
        return None
    return points_between(taken.get(last - CHANGE_WEEKS * weeks.WEEK), value)


def _attribute(attribute: AttributeChoice, standing: Any, *, today: date) -> str:
    """Write the value of a custom attribute; nothing without one."""
    if attribute.type == AttributeType.NUMBER:
        number = getattr(standing, f"number_{attribute.key}")
        return "" if number is None else format_value(number, unit="")
    value = standing.account.attributes.get(attribute.key)
    if attribute.type == AttributeType.DATE and value:
        return format_day(date.fromisoformat(value), today, with_year=True)
    return show_value(value)


def _before(standing: Any, *, value: Decimal | None, today: date) -> Before | None:
    before = getattr(standing, "before_value", None)
    if before is None:
        return None
    day = format_day(standing.before_week, today)
    return Before(before, points_between(before, value), day)

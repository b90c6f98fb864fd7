"""The list of accounts as it stands live."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Final

from accounts.models import User
from objectives import weeks
from objectives.models import Standing
from objectives.queries.lists import AccountFilter, ordering, standings
from objectives.status import Status, is_new, reason
from valuerealization.common import keyset

PAGE_SIZE: Final = 25
_NO_DAYS: Final = Decimal(0)


@dataclass(frozen=True, slots=True)
class AccountLine:
    """One account in the list, with its live score and why it has its status."""

    pk: int
    url: str
    name: str
    segment: str
    industry: str
    value: Decimal | None
    status: Status | None
    why: str
    is_new: bool
    met: int
    objectives: int
    owner: User | None
    renewal_on: date | None
    arr: Decimal | None
    currency: str


@dataclass(frozen=True, slots=True)
class AccountsPage:
    """One page of accounts, how many the filter lets through, and the neighbours' cursors."""

    lines: tuple[AccountLine, ...]
    total: int
    next_cursor: str | None
    previous_cursor: str | None


def accounts_page(
    *, wanted: AccountFilter, order: str, cursor: str | None, at: datetime, on: date, size: int = PAGE_SIZE
) -> AccountsPage:
    """Read one page of the accounts that a filter lets through: two queries.

    Units:  stages count from the day `on`.
    Raises: keyset.InvalidCursor.
    """
    rows = standings(wanted, live=True, on=on)
    page = keyset.page(rows.select_related("account", "account__owner"), ordering(order, live=True), cursor, size=size)
    return AccountsPage(
        lines=tuple(_line(standing, at=at) for standing in page.rows),
        total=rows.count(),
        next_cursor=page.next_cursor,
        previous_cursor=page.previous_cursor,
    )


def _line(standing: Standing, *, at: datetime) -> AccountLine:
    account = standing.account
    status = Status(standing.status) if standing.status else None
    today = weeks.local_day(at, account.timezone)
    days, since = _NO_DAYS, None
    if standing.anchor_week is not None:
        days = weeks.days_without_progress(anchor_week=standing.anchor_week, at=at, timezone=account.timezone)
    if standing.last_progress_at is not None:
        since = weeks.local_days_between(standing.last_progress_at, at, account.timezone)
    why = reason(
        status=status,
        score=standing.value_delivered,
        days_without_progress=days,
        days_since_progress=since,
        goals_open=standing.objectives_total - standing.objectives_met,
        objectives=standing.objectives_total,
    )
    return AccountLine(
        pk=account.pk,
        url=account.get_absolute_url(),
        name=account.name,
        segment=account.get_segment_display(),
        industry=account.industry,
        value=standing.value_delivered,
        status=status,
        why=why.text if status or standing.objectives_manual or standing.objectives_total else "No objectives yet",
        is_new=is_new(created_on=weeks.local_day(account.created_at, account.timezone), on=today),
        met=standing.objectives_met,
        objectives=standing.objectives_total,
        owner=account.owner,
        renewal_on=account.renewal_on,
        arr=account.arr,
        currency=account.currency,
    )

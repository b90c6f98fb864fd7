"""Which accounts changed their status this week, from what to what."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

from django.db.models import DateField, ExpressionWrapper, F, IntegerField, OuterRef, Q, QuerySet, Subquery, Value

from accounts.models import Account, User
from objectives import weeks
from objectives.models import Snapshot, Standing
from objectives.queries.lists import AccountFilter, ordering, standings
from objectives.queries.parameters import NONE
from objectives.status import Status
from portfolio.queries.columns import SCORE
from portfolio.queries.summary import Move
from valuerealization.common import keyset
from valuerealization.common.units import format_day, points_between

PAGE_SIZE: Final = 50
_ORDER: Final = "worst"


@dataclass(frozen=True, slots=True)
class StatusChange:
    """One account whose status is another than in the snapshot before.

    Shape:  status None stands for no score; `live_until` names the Sunday of an account's first scored snapshot, until
            when it stands with its live score.
    Units:  value in percent, change in points as shown.
    """

    account: Account
    owner: User | None
    before: Status | None
    after: Status | None
    value_before: Decimal | None
    value: Decimal | None
    change: int | None
    live_until: str


@dataclass(frozen=True, slots=True)
class ChangesPage:
    """Some of the changes, the worst places to be in now first, with the cursors of the pages beside them."""

    changes: tuple[StatusChange, ...]
    next_cursor: str | None
    previous_cursor: str | None


def changes_page(
    wanted: AccountFilter,
    *,
    before: Sequence[str],
    after: Sequence[str],
    either: Sequence[str] = (),
    cursor: str | None,
    at: datetime,
    size: int = PAGE_SIZE,
) -> ChangesPage:
    """Read one page of the accounts of a filter whose status changed: two queries.

    Shape:  `before`, `after` and `either` (came or left) are machine names of statuses, "none" for no score; empty for
            any.
    Raises: keyset.InvalidCursor.
    Source: docs/formulas.md#portfolio
    """
    rows = _changed(standings(wanted, live=False, on=at.date()))
    rows = rows.filter(_is(before, "previous_status") & _is(after, "shown_status"))
    if either:
        rows = rows.filter(_is(either, "previous_status") | _is(either, "shown_status"))
    rows = rows.select_related("account", "owner").annotate(value_before=_value_before())
    found = keyset.page(rows, ordering(_ORDER, live=False), cursor, size=size)
    return ChangesPage(
        changes=tuple(_change(standing, at=at) for standing in found.rows),
        next_cursor=found.next_cursor,
        previous_cursor=found.previous_cursor,
    )


def picked(
    moves: Sequence[Move], *, before: Sequence[str], after: Sequence[str], either: Sequence[str] = ()
) -> tuple[Move, ...]:
    """Keep the moves that a choice of statuses lets through."""
    return tuple(
        move
        for move in moves
        if (not before or (move.before or NONE) in before)
        and (not after or (move.after or NONE) in after)
        and (not either or (move.before or NONE) in either or (move.after or NONE) in either)
    )


def _changed(rows: QuerySet[Standing]) -> QuerySet[Standing]:
    came = Q(previous_status=None, shown_status__isnull=False)
    went = Q(previous_status__isnull=False, shown_status=None)
    other = Q(previous_status__isnull=False, shown_status__isnull=False) & ~Q(shown_status=F("previous_status"))
    return rows.filter(came | went | other)


def _is(names: Sequence[str], column: str) -> Q:
    if not names:
        return Q()
    known = Q(**{f"{column}__in": [name for name in names if name != NONE]})
    return known | Q(**{column: None}) if NONE in names else known


def _value_before() -> Subquery:
    """Read the score of the snapshot before the last, as a date: less an interval the index would not find it."""
    week = ExpressionWrapper(
        OuterRef("snapshot_week") - Value(7, output_field=IntegerField()), output_field=DateField()
    )
    found = Snapshot.objects.filter(account=OuterRef("account"), week=week)
    return Subquery(found.values("value_delivered")[:1], output_field=SCORE)


def _change(standing: Any, *, at: datetime) -> StatusChange:
    today: date = weeks.local_day(at, standing.account.timezone)
    is_live = not standing.is_scored and standing.value_delivered is not None
    before = None if is_live else standing.value_before
    return StatusChange(
        account=standing.account,
        owner=standing.owner,
        before=Status(standing.previous_status) if standing.previous_status else None,
        after=Status(standing.shown_status) if standing.shown_status else None,
        value_before=before,
        value=standing.shown_value,
        change=points_between(before, standing.shown_value),
        live_until=format_day(standing.next_week, today, weekday="long") if is_live else "",
    )

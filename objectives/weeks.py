"""Week boundaries: Sunday 02:00 on the account's own clock, and the days counted from there."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

from valuerealization.common.numbers import WIDE

BOUNDARY_TIME: Final = time(2, 0)
WEEK: Final = timedelta(days=7)

_SUNDAY: Final = 6
_DAYS_PLACES: Final = 6
_MICROSECOND: Final = timedelta(microseconds=1)
_MICROSECONDS_A_DAY: Final = timedelta(days=1) // _MICROSECOND


class NotASunday(ValueError):
    """Refuse a week that is not named by its Sunday."""

    def __init__(self, day: date) -> None:
        super().__init__(f"A week is named by its Sunday; {day.isoformat()} is not one.")


class NaiveInstant(ValueError):
    """Refuse a datetime without an offset: it names no instant."""

    def __init__(self) -> None:
        super().__init__("An instant needs an offset from UTC.")


def boundary_at(week: date, timezone: str) -> datetime:
    """Find the instant at which an account's week ends: Sunday 02:00 local time.

    Shape:  the first instant whose local time is 02:00 or later on that Sunday: where 02:00 does not
            exist, the end of the gap; where it happens twice, the first of the two.
    Units:  week is the date of the local Sunday; the result is in UTC.
    Raises: NotASunday; zoneinfo.ZoneInfoNotFoundError for an unknown timezone.
    Source: docs/formulas.md#boundary
    """
    if week.weekday() != _SUNDAY:
        raise NotASunday(week)
    zone = ZoneInfo(timezone)
    wall = datetime.combine(week, BOUNDARY_TIME)
    # fold=0 reads a repeated time as its first occurrence, and a skipped one by the offset before
    # the gap: an instant at or after the gap's end. fold=1 gives one at or before its start.
    late = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if _wall_clock(late, zone) == wall:
        return late
    early = wall.replace(tzinfo=zone, fold=1).astimezone(UTC)
    while late - early > _MICROSECOND:
        middle = early + (late - early) // 2
        if _wall_clock(middle, zone) < wall:
            early = middle
        else:
            late = middle
    return late


def week_at_or_after(instant: datetime, timezone: str) -> date:
    """Name the week whose boundary is the first at or after an instant.

    Shape:  the date of the local Sunday.
    Raises: NaiveInstant; zoneinfo.ZoneInfoNotFoundError.
    Source: docs/formulas.md#boundary
    """
    week = _sunday_on_or_before(local_day(instant, timezone))
    while boundary_at(week, timezone) < instant.astimezone(UTC):
        week += WEEK
    return week


def last_week_at_or_before(instant: datetime, timezone: str) -> date:
    """Name the week whose boundary is the last at or before an instant.

    Shape:  the date of the local Sunday.
    Raises: NaiveInstant; zoneinfo.ZoneInfoNotFoundError.
    Source: docs/formulas.md#boundary
    """
    week = sunday_on_or_after(local_day(instant, timezone))
    while boundary_at(week, timezone) > instant.astimezone(UTC):
        week -= WEEK
    return week


def anchor_week(*, last_progress_at: datetime | None, earliest_started_on: date | None, timezone: str) -> date | None:
    """Name the week from whose boundary the days without progress run.

    Shape:  the first boundary at or after the last progress; without progress, the first at or after
            the earliest start; None without either.
    Raises: NaiveInstant; zoneinfo.ZoneInfoNotFoundError.
    Source: docs/formulas.md#recency
    """
    if last_progress_at is not None:
        return week_at_or_after(last_progress_at, timezone)
    if earliest_started_on is not None:
        # A day starts at its midnight, before that day's 02:00: a start on a Sunday is in that week.
        return sunday_on_or_after(earliest_started_on)
    return None


def days_without_progress(*, anchor_week: date, at: datetime, timezone: str) -> Decimal:
    """Count the days on the local wall clock since Sunday 02:00 of the anchor week.

    Shape:  0 while that boundary is still ahead. Daylight saving adds and takes nothing: Sunday to
            the second Sunday after is exactly 14, also where a boundary fell into a gap.
    Units:  days, cut off (not rounded) after 6 decimals.
    Raises: NaiveInstant; NotASunday; zoneinfo.ZoneInfoNotFoundError.
    Source: docs/formulas.md#recency
    """
    _check_aware(at)
    if at.astimezone(UTC) <= boundary_at(anchor_week, timezone):
        return Decimal(0)
    wall = _wall_clock(at, ZoneInfo(timezone))
    if wall.weekday() == _SUNDAY and at.astimezone(UTC) == boundary_at(wall.date(), timezone):
        wall = datetime.combine(wall.date(), BOUNDARY_TIME)
    elapsed = max(wall - datetime.combine(anchor_week, BOUNDARY_TIME), timedelta(0)) // _MICROSECOND
    return Decimal(elapsed * 10**_DAYS_PLACES // _MICROSECONDS_A_DAY).scaleb(-_DAYS_PLACES, context=WIDE)


def local_day(instant: datetime, timezone: str) -> date:
    """Read the calendar day of an instant in a timezone.

    Raises: NaiveInstant; zoneinfo.ZoneInfoNotFoundError.
    """
    _check_aware(instant)
    return instant.astimezone(ZoneInfo(timezone)).date()


def local_days_between(earlier: datetime, later: datetime, timezone: str) -> int:
    """Count the midnights between two instants on a timezone's calendar.

    Raises: NaiveInstant; zoneinfo.ZoneInfoNotFoundError.
    """
    return (local_day(later, timezone) - local_day(earlier, timezone)).days


def sunday_on_or_after(day: date) -> date:
    """Find the Sunday that a day is, or the next one."""
    return day + timedelta(days=_SUNDAY - day.weekday())


def window_start(on: date, *, years: int) -> date:
    """Find the first week that a retention window of some years still holds on a day.

    Shape:  the first Sunday at or after the same day that many years earlier; 29 February counts as 28 in other years.
    """
    try:
        back = on.replace(year=on.year - years)
    except ValueError:
        back = on.replace(year=on.year - years, day=28)
    return sunday_on_or_after(back)


def sundays(first: date, last: date) -> Iterator[date]:
    """List the weeks from one Sunday to another, both included.

    Raises: NotASunday if the first day is not a Sunday.
    """
    if first.weekday() != _SUNDAY:
        raise NotASunday(first)
    while first <= last:
        yield first
        first += WEEK


def _sunday_on_or_before(day: date) -> date:
    return day - timedelta(days=(day.weekday() + 1) % 7)


def _wall_clock(instant: datetime, zone: ZoneInfo) -> datetime:
    return instant.astimezone(zone).replace(tzinfo=None, fold=0)


def _check_aware(instant: datetime) -> None:
    if instant.utcoffset() is None:
        raise NaiveInstant

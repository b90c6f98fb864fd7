"""Days and times on an account's own clock."""

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo


class SkippedTime(ValueError):
    """The clocks skip this time on this day: it names no instant."""


def local_day(instant: datetime, timezone: str) -> date:
    """Name the day of an instant on a clock.

    Raises: zoneinfo.ZoneInfoNotFoundError for an unknown timezone.
    """
    return instant.astimezone(ZoneInfo(timezone)).date()


def local_instant(*, day: date, clock: time, timezone: str) -> datetime:
    """Find the instant of a day and time on a clock.

    Shape:  of a time that comes twice, when the clocks go back, the first.
    Units:  day and time on the clock of `timezone`; the result is in UTC.
    Raises: SkippedTime where the clocks go forward over it; OverflowError beyond the calendar's ends;
            zoneinfo.ZoneInfoNotFoundError for an unknown timezone.
    """
    zone = ZoneInfo(timezone)
    wall = datetime.combine(day, clock)
    instant = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if instant.astimezone(zone).replace(tzinfo=None, fold=0) != wall:
        raise SkippedTime(f"{wall} does not exist in {timezone}")
    return instant

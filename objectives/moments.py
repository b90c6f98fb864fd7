"""From a day and a time on an account's clock to an instant."""

from datetime import UTC, date, datetime, time
from typing import Final
from zoneinfo import ZoneInfo

NOON: Final = time(12, 0)

_FIRST: Final = datetime(1, 1, 1, tzinfo=UTC)
_LAST: Final = datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)


def instant_of(*, day: date | None, clock: time | None, timezone: str, at: datetime) -> datetime:
    """Read when something was observed.

    Shape:  now without a day and a time; a time alone is today's; a day alone is its noon, or now if that is earlier
            and the day is today. A time that a clock change skips is read by the offset before it, one that it
            repeats is the first of the two. Beyond the calendar's ends it is the end.
    Units:  day and time on the clock of `timezone`; `at` is now; the result is in UTC.
    Raises: zoneinfo.ZoneInfoNotFoundError for an unknown timezone.
    Source: docs/formulas.md#readings
    """
    if day is None and clock is None:
        return at
    zone = ZoneInfo(timezone)
    today = at.astimezone(zone).date()
    # In UTC, since times around a clock change compare unequal to the same instants elsewhere.
    try:
        moment = datetime.combine(day or today, clock or NOON, tzinfo=zone).astimezone(UTC)
    except OverflowError:
        return _FIRST if day is not None and day.year == 1 else _LAST
    return min(moment, at) if clock is None and day == today else moment

"""Days and times on an account's clock, across changes of the clock."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.moments import SkippedTime, local_day, local_instant

ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Apia"]


@pytest.mark.parametrize(
    ("day", "clock", "zone", "instant"),
    [
        (date(2026, 11, 15), time(9, 30), "Europe/Berlin", datetime(2026, 11, 15, 8, 30, tzinfo=UTC)),
        (date(2026, 7, 15), time(9, 30), "Europe/Berlin", datetime(2026, 7, 15, 7, 30, tzinfo=UTC)),
        (
            date(2026, 10, 25),
            time(2, 30),
            "Europe/Berlin",
            datetime(2026, 10, 25, 0, 30, tzinfo=UTC),
        ),  # the first of two
        (date(2026, 3, 29), time(3, 0), "Europe/Berlin", datetime(2026, 3, 29, 1, 0, tzinfo=UTC)),
        (date(2026, 11, 1), time(1, 30), "America/New_York", datetime(2026, 11, 1, 5, 30, tzinfo=UTC)),
    ],
)
def test_local_instant(day: date, clock: time, zone: str, instant: datetime) -> None:
    assert local_instant(day=day, clock=clock, timezone=zone) == instant


@pytest.mark.parametrize(
    ("day", "clock", "zone"),
    [
        (date(2026, 3, 29), time(2, 30), "Europe/Berlin"),
        (date(2026, 3, 8), time(2, 0), "America/New_York"),
        (date(2011, 12, 30), time(12, 0), "Pacific/Apia"),  # a day that never was
    ],
)
def test_a_time_that_the_clocks_skip_is_refused(day: date, clock: time, zone: str) -> None:
    with pytest.raises(SkippedTime):
        local_instant(day=day, clock=clock, timezone=zone)


@given(
    st.dates(date(1990, 1, 1), date(2035, 1, 1)),
    st.times().map(lambda clock: clock.replace(second=0, microsecond=0)),
    st.sampled_from(ZONES),
)
def test_what_is_typed_is_what_is_shown(day: date, clock: time, zone: str) -> None:
    wall = datetime.combine(day, clock)
    try:
        instant = local_instant(day=wall.date(), clock=wall.time(), timezone=zone)
    except SkippedTime:
        return
    shown = instant.astimezone(ZoneInfo(zone))
    assert shown.replace(tzinfo=None) == wall
    assert local_day(instant, zone) == wall.date()
    earlier = (instant - timedelta(hours=1)).astimezone(ZoneInfo(zone))
    assert earlier.replace(tzinfo=None) != wall  # never the second of two

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal, localcontext
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from objectives.weeks import (
    NaiveInstant,
    NotASunday,
    anchor_week,
    boundary_at,
    days_without_progress,
    last_week_at_or_before,
    local_day,
    local_days_between,
    sunday_on_or_after,
    sundays,
    week_at_or_after,
)

D = Decimal
ZONES = sorted(available_timezones())
TWO = time(2)
EPSILON = timedelta(microseconds=1)

zones = st.sampled_from(ZONES)
weeks = st.dates(min_value=date(1975, 1, 1), max_value=date(2036, 12, 1)).map(sunday_on_or_after)
instants = st.datetimes(
    min_value=datetime.fromisoformat("1975-01-01"),
    max_value=datetime.fromisoformat("2036-12-01"),
    timezones=st.just(UTC),
)


def wall(instant: datetime, zone: str) -> datetime:
    return instant.astimezone(ZoneInfo(zone)).replace(tzinfo=None)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def scan(start: datetime, stop: datetime, step: timedelta) -> Iterator[datetime]:
    while start < stop:
        yield start
        start += step


class TestBoundary:
    @pytest.mark.parametrize(
        ("week", "zone", "instant", "clock"),
        [
            # Ordinary weeks, on both sides of Greenwich and at :30 and :45.
            ("2026-11-15", "UTC", "2026-11-15T02:00", "02:00"),
            ("2026-11-15", "America/New_York", "2026-11-15T07:00", "02:00"),
            ("2026-07-12", "America/New_York", "2026-07-12T06:00", "02:00"),
            ("2026-11-15", "Asia/Kolkata", "2026-11-14T20:30", "02:00"),
            ("2026-11-15", "Asia/Kathmandu", "2026-11-14T20:15", "02:00"),
            ("2026-11-15", "Australia/Eucla", "2026-11-14T17:15", "02:00"),
            ("2026-11-15", "Pacific/Chatham", "2026-11-14T12:15", "02:00"),
            ("2026-11-15", "Pacific/Kiritimati", "2026-11-14T12:00", "02:00"),
            ("2026-11-15", "Pacific/Pago_Pago", "2026-11-15T13:00", "02:00"),
            # Gaps that swallow 02:00: the first instant after them.
            ("2026-03-08", "America/New_York", "2026-03-08T07:00", "03:00"),
            ("2026-03-29", "Europe/Berlin", "2026-03-29T01:00", "03:00"),
            ("2008-10-26", "Australia/Eucla", "2008-10-25T17:15", "03:00"),
            ("2026-10-04", "Australia/Lord_Howe", "2026-10-03T15:30", "02:30"),
            # A gap of two hours that starts at 01:00.
            ("2026-03-29", "Antarctica/Troll", "2026-03-29T01:00", "03:00"),
            # 02:00 happens twice: the first.
            ("2026-10-25", "Europe/Berlin", "2026-10-25T00:00", "02:00"),
            ("2026-10-25", "Antarctica/Troll", "2026-10-25T00:00", "02:00"),
            # Clocks change on that Sunday, but 02:00 happens once.
            ("2026-11-01", "America/New_York", "2026-11-01T07:00", "02:00"),
            ("2026-03-29", "Europe/London", "2026-03-29T01:00", "02:00"),
            ("2026-10-25", "Europe/London", "2026-10-25T02:00", "02:00"),
            ("2026-04-05", "Australia/Lord_Howe", "2026-04-04T15:30", "02:00"),
            ("2026-09-27", "Pacific/Chatham", "2026-09-26T13:15", "02:00"),
            ("2026-04-05", "Pacific/Chatham", "2026-04-04T12:15", "02:00"),
        ],
    )
    def test_sunday_two_oclock_on_the_local_clock(self, week: str, zone: str, instant: str, clock: str) -> None:
        boundary = boundary_at(date.fromisoformat(week), zone)
        assert boundary == utc(instant)
        assert boundary.tzinfo is UTC
        assert wall(boundary, zone) == datetime.fromisoformat(f"{week}T{clock}")

    def test_a_week_that_lost_a_day_at_the_date_line_is_a_day_shorter(self) -> None:
        # Kwajalein had no Saturday 21 August 1993.
        first, second = (boundary_at(date(1993, 8, day), "Pacific/Kwajalein") for day in (15, 22))
        assert second - first == timedelta(days=6)
        assert days_without_progress(anchor_week=date(1993, 8, 15), at=second, timezone="Pacific/Kwajalein") == 7

    def test_a_week_is_named_by_its_sunday(self) -> None:
        with pytest.raises(NotASunday, match="2026-11-16"):
            boundary_at(date(2026, 11, 16), "UTC")

    def test_an_unknown_timezone_is_an_error(self) -> None:
        with pytest.raises(ZoneInfoNotFoundError):
            boundary_at(date(2026, 11, 15), "Mars/Olympus_Mons")

    @pytest.mark.parametrize("year", [2024, 2025, 2026, 2027])
    def test_in_every_zone_it_is_the_first_instant_at_or_after_two_oclock(self, year: int) -> None:
        # A clock is never set back over 02:00 by more than three hours, so earlier instants need no look.
        before = [EPSILON, *(timedelta(minutes=minutes) for minutes in (15, 30, 45, 60, 90, 120, 180, 240))]
        wrong = []
        for zone in ZONES:
            for week in sundays(sunday_on_or_after(date(year, 1, 1)), date(year, 12, 31)):
                two = datetime.combine(week, TWO)
                boundary = boundary_at(week, zone)
                if wall(boundary, zone) < two or any(wall(boundary - gap, zone) >= two for gap in before):
                    wrong.append((zone, week))
        assert wrong == []

    @settings(deadline=None)
    @given(week=weeks, zone=zones)
    def test_no_quarter_of_an_hour_before_it_is_past_two(self, week: date, zone: str) -> None:
        two = datetime.combine(week, TWO)
        boundary = boundary_at(week, zone)
        assert wall(boundary, zone) >= two
        assert wall(boundary - EPSILON, zone) < two
        day_before = boundary - timedelta(hours=30)
        assert all(wall(instant, zone) < two for instant in scan(day_before, boundary, timedelta(minutes=15)))

    @settings(deadline=None)
    @given(week=weeks, zone=zones)
    def test_weeks_are_about_a_week_long(self, week: date, zone: str) -> None:
        length = boundary_at(week + timedelta(days=7), zone) - boundary_at(week, zone)
        assert timedelta(days=5, hours=20) < length < timedelta(days=8, hours=4)


class TestWeekOfAnInstant:
    def test_a_boundary_belongs_to_its_own_week(self) -> None:
        boundary = boundary_at(date(2026, 11, 15), "Europe/Berlin")
        assert week_at_or_after(boundary, "Europe/Berlin") == date(2026, 11, 15)
        assert week_at_or_after(boundary + EPSILON, "Europe/Berlin") == date(2026, 11, 22)
        assert last_week_at_or_before(boundary, "Europe/Berlin") == date(2026, 11, 15)
        assert last_week_at_or_before(boundary - EPSILON, "Europe/Berlin") == date(2026, 11, 8)

    def test_tuesday_leads_to_the_coming_sunday_and_back_to_the_last(self) -> None:
        tuesday = utc("2026-11-17T12:00")
        assert week_at_or_after(tuesday, "America/New_York") == date(2026, 11, 22)
        assert last_week_at_or_before(tuesday, "America/New_York") == date(2026, 11, 15)

    def test_the_local_day_counts_not_the_utc_one(self) -> None:
        # 20:15 UTC on Saturday is 02:00 on Sunday in Kathmandu, and still Saturday morning in Pago Pago.
        instant = utc("2026-11-14T20:15")
        assert week_at_or_after(instant, "Asia/Kathmandu") == date(2026, 11, 15)
        assert last_week_at_or_before(instant, "Asia/Kathmandu") == date(2026, 11, 15)
        assert last_week_at_or_before(instant, "Pacific/Pago_Pago") == date(2026, 11, 8)

    def test_between_the_two_two_oclocks_the_boundary_has_passed(self) -> None:
        second = utc("2026-10-25T01:00")
        assert wall(second, "Europe/Berlin") == datetime.combine(date(2026, 10, 25), TWO)
        assert last_week_at_or_before(second, "Europe/Berlin") == date(2026, 10, 25)
        assert week_at_or_after(second, "Europe/Berlin") == date(2026, 11, 1)

    @pytest.mark.parametrize("function", [week_at_or_after, last_week_at_or_before, local_day])
    def test_an_instant_needs_an_offset(self, function: Callable[[datetime, str], object]) -> None:
        with pytest.raises(NaiveInstant):
            function(datetime.combine(date(2026, 11, 15), TWO), "UTC")

    def test_any_offset_names_the_same_instant(self) -> None:
        there = timezone(timedelta(hours=-8))
        assert week_at_or_after(utc("2026-11-15T02:00").astimezone(there), "UTC") == date(2026, 11, 15)

    @settings(deadline=None)
    @given(instant=instants, zone=zones)
    def test_it_is_the_first_boundary_ahead_and_the_last_behind(self, instant: datetime, zone: str) -> None:
        ahead, behind = week_at_or_after(instant, zone), last_week_at_or_before(instant, zone)
        assert boundary_at(behind, zone) <= instant <= boundary_at(ahead, zone)
        assert boundary_at(ahead - timedelta(days=7), zone) < instant < boundary_at(behind + timedelta(days=7), zone)

    @settings(deadline=None)
    @given(week=weeks, zone=zones)
    def test_a_boundary_leads_back_to_its_week(self, week: date, zone: str) -> None:
        boundary = boundary_at(week, zone)
        assert week_at_or_after(boundary, zone) == last_week_at_or_before(boundary, zone) == week


class TestAnchor:
    def test_the_first_boundary_at_or_after_the_last_progress(self) -> None:
        progress = utc("2026-11-17T12:00")
        started = date(2026, 1, 5)
        assert anchor_week(last_progress_at=progress, earliest_started_on=started, timezone="UTC") == date(2026, 11, 22)

    @pytest.mark.parametrize(
        ("started", "week"),
        [("2026-11-14", "2026-11-15"), ("2026-11-15", "2026-11-15"), ("2026-11-16", "2026-11-22")],
    )
    def test_without_progress_the_first_at_or_after_the_earliest_start(self, started: str, week: str) -> None:
        anchor = anchor_week(
            last_progress_at=None, earliest_started_on=date.fromisoformat(started), timezone="Asia/Kolkata"
        )
        assert anchor == date.fromisoformat(week)

    def test_without_either_there_is_none(self) -> None:
        assert anchor_week(last_progress_at=None, earliest_started_on=None, timezone="UTC") is None

    def test_progress_on_the_boundary_counts_from_it(self) -> None:
        boundary = boundary_at(date(2026, 3, 8), "America/New_York")
        anchor = anchor_week(last_progress_at=boundary, earliest_started_on=None, timezone="America/New_York")
        assert anchor == date(2026, 3, 8)


def days(anchor: date, at: datetime, zone: str = "UTC") -> Decimal:
    return days_without_progress(anchor_week=anchor, at=at, timezone=zone)


class TestDaysWithoutProgress:
    def test_a_tuesday_update_keeps_the_account_recent_through_sunday_and_14_days_run_from_there(self) -> None:
        zone = "America/New_York"
        anchor = week_at_or_after(utc("2026-11-17T15:00"), zone)
        assert anchor == date(2026, 11, 22)
        assert days(anchor, utc("2026-11-19T00:00"), zone) == 0
        assert days(anchor, boundary_at(anchor, zone), zone) == 0
        assert days(anchor, boundary_at(date(2026, 12, 6), zone) - EPSILON, zone) < 14
        assert days(anchor, boundary_at(date(2026, 12, 6), zone), zone) == 14

    def test_it_is_cut_off_after_six_decimals_not_rounded(self) -> None:
        anchor = date(2026, 11, 15)
        fourteenth = boundary_at(date(2026, 11, 29), "UTC")
        assert days(anchor, fourteenth - EPSILON) == D("13.999999")
        assert days(anchor, utc("2026-11-15T10:00")) == D("0.333333")
        assert days(anchor, utc("2026-11-16T02:00:01")) == D("1.000011")

    @pytest.mark.parametrize(
        ("week", "zone"),
        [
            ("2026-03-08", "America/New_York"),
            ("2026-03-29", "Europe/Berlin"),
            ("2026-03-29", "Antarctica/Troll"),
            ("2026-10-04", "Australia/Lord_Howe"),
            ("2026-10-25", "Europe/Berlin"),
            ("2026-11-01", "America/New_York"),
        ],
    )
    @pytest.mark.parametrize("place", [0, 1, 2])
    def test_fourteen_days_across_a_clock_change_at_either_end_or_between(
        self, week: str, zone: str, place: int
    ) -> None:
        changing = date.fromisoformat(week)
        anchor = changing - timedelta(days=7 * place)
        end = anchor + timedelta(days=14)
        assert days(anchor, boundary_at(end, zone), zone) == 14

    def test_a_boundary_in_a_gap_counts_as_two_oclock_and_the_instant_after_as_what_the_clock_shows(self) -> None:
        zone = "America/New_York"
        boundary = boundary_at(date(2026, 3, 8), zone)
        assert days(date(2026, 3, 1), boundary, zone) == 7
        assert days(date(2026, 3, 1), boundary + timedelta(hours=1), zone) == D("7.083333")

    def test_it_never_falls_below_0_when_the_clock_is_set_back(self) -> None:
        zone = "Europe/Berlin"
        assert days(date(2026, 10, 25), utc("2026-10-25T01:00"), zone) == 0
        assert days(date(2026, 10, 25), utc("2026-10-25T02:00"), zone) == D("0.041666")

    def test_while_the_boundary_is_ahead_there_are_none(self) -> None:
        assert days(date(2026, 11, 15), utc("2026-11-15T01:59:59")) == 0
        assert days(date(2030, 11, 17), utc("2026-11-15T01:59:59")) == 0

    def test_the_callers_decimal_context_does_not_matter(self) -> None:
        with localcontext() as context:
            context.prec = 2
            assert str(days(date(2026, 11, 15), utc("2027-01-01T08:00"))) == "47.250000"

    def test_an_instant_needs_an_offset(self) -> None:
        with pytest.raises(NaiveInstant):
            days(date(2026, 11, 15), datetime.combine(date(2026, 11, 15), TWO))

    @pytest.mark.parametrize("year", [2024, 2025, 2026, 2027])
    def test_in_every_zone_sunday_to_the_second_sunday_after_is_exactly_14(self, year: int) -> None:
        wrong = [
            (zone, week)
            for zone in ZONES
            for week in sundays(sunday_on_or_after(date(year, 1, 1)), date(year, 12, 31))
            if days(week, boundary_at(week + timedelta(days=14), zone), zone) != 14
        ]
        assert wrong == []

    @settings(deadline=None)
    @given(anchor=weeks, zone=zones, count=st.integers(0, 120))
    def test_boundaries_lie_whole_weeks_apart(self, anchor: date, zone: str, count: int) -> None:
        end = anchor + timedelta(days=7 * count)
        assert days(anchor, boundary_at(end, zone), zone) == 7 * count

    @settings(deadline=None)
    @given(anchor=weeks, zone=zones, minutes=st.integers(-20_000, 60_000))
    def test_between_boundaries_it_is_the_difference_of_the_wall_clocks(
        self, anchor: date, zone: str, minutes: int
    ) -> None:
        boundary = boundary_at(anchor, zone)
        at = boundary + timedelta(minutes=minutes)
        value = days(anchor, at, zone)
        assert value >= 0
        if minutes <= 0:
            assert value == 0
        elif at != boundary_at(week_at_or_after(at, zone), zone):
            passed = wall(at, zone) - datetime.combine(anchor, TWO)
            exact = D(passed // timedelta(microseconds=1)) / D(86_400_000_000)
            assert max(exact, D(0)) - D("0.000001") < value <= max(exact, D(0))


class TestCalendar:
    @pytest.mark.parametrize(
        ("day", "sunday"),
        [("2026-11-15", "2026-11-15"), ("2026-11-16", "2026-11-22"), ("2026-11-21", "2026-11-22")],
    )
    def test_the_sunday_on_or_after_a_day(self, day: str, sunday: str) -> None:
        assert sunday_on_or_after(date.fromisoformat(day)) == date.fromisoformat(sunday)

    def test_sundays_from_one_to_another(self) -> None:
        first, last = date(2026, 11, 1), date(2026, 11, 15)
        assert list(sundays(first, last)) == [first, date(2026, 11, 8), last]
        assert list(sundays(last, first)) == []
        with pytest.raises(NotASunday):
            list(sundays(date(2026, 11, 2), last))

    def test_days_between_are_midnights_on_the_local_calendar(self) -> None:
        evening, morning = utc("2026-11-15T23:30"), utc("2026-11-16T00:30")
        assert local_days_between(evening, morning, "UTC") == 1
        assert local_days_between(evening, morning, "America/New_York") == 0
        assert local_day(evening, "Asia/Kathmandu") == date(2026, 11, 16)

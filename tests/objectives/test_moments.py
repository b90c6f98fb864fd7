"""When something was observed, from a day and a time on an account's clock."""

from datetime import UTC, date, datetime, time

import pytest

from objectives.moments import instant_of

NOW = datetime(2026, 11, 17, 15, 30, tzinfo=UTC)  # 10:30 in New York
NEW_YORK = "America/New_York"


@pytest.mark.parametrize(
    ("day", "clock", "expected"),
    [
        (None, None, NOW),
        (None, time(9, 15), datetime(2026, 11, 17, 14, 15, tzinfo=UTC)),
        (date(2026, 11, 16), None, datetime(2026, 11, 16, 17, 0, tzinfo=UTC)),
        (date(2026, 11, 16), time(23, 59), datetime(2026, 11, 17, 4, 59, tzinfo=UTC)),
        (date(2026, 11, 17), None, NOW),  # noon is still ahead
        (date(2026, 11, 18), None, datetime(2026, 11, 18, 17, 0, tzinfo=UTC)),  # for the service to refuse
        (date(2026, 7, 1), None, datetime(2026, 7, 1, 16, 0, tzinfo=UTC)),  # summer time
        (date(2026, 3, 8), time(2, 30), datetime(2026, 3, 8, 7, 30, tzinfo=UTC)),  # skipped: as if not yet changed
        (date(2026, 11, 1), time(1, 30), datetime(2026, 11, 1, 5, 30, tzinfo=UTC)),  # happens twice: the first
    ],
)
def test_on_the_accounts_clock(day: date | None, clock: time | None, expected: datetime) -> None:
    assert instant_of(day=day, clock=clock, timezone=NEW_YORK, at=NOW) == expected


def test_noon_of_today_once_it_has_passed() -> None:
    evening = datetime(2026, 11, 17, 23, 0, tzinfo=UTC)
    noon = datetime(2026, 11, 17, 17, 0, tzinfo=UTC)
    assert instant_of(day=date(2026, 11, 17), clock=None, timezone=NEW_YORK, at=evening) == noon


def test_today_is_the_accounts_day() -> None:
    assert instant_of(day=None, clock=time(1, 0), timezone="Pacific/Auckland", at=NOW) == datetime(
        2026, 11, 17, 12, 0, tzinfo=UTC
    )


def test_the_ends_of_the_calendar_are_instants_too() -> None:
    first = instant_of(day=date.min, clock=time(0, 1), timezone="Pacific/Auckland", at=NOW)
    last = instant_of(day=date.max, clock=time(23, 59), timezone=NEW_YORK, at=NOW)
    assert first == datetime(1, 1, 1, tzinfo=UTC)
    assert last == datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)

"""When a series reaches its target if it goes on as it has."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from objectives.pace import linear_pace

D = Decimal
START = datetime(2026, 9, 1, 9, 0, tzinfo=UTC)


def series(*points: tuple[float, str]) -> list[tuple[datetime, Decimal]]:
    """Readings as (days after the start, value)."""
    return [(START + timedelta(days=days), D(value)) for days, value in points]


def test_the_line_through_the_first_and_the_last_reading() -> None:
    pace = linear_pace(series((0, "14"), (20, "13"), (50, "9")), target=D(7))
    assert pace is not None
    assert (pace.readings, pace.since, pace.leads_there) == (3, START, True)
    assert pace.reaches_at == START + timedelta(days=70)


@pytest.mark.parametrize("points", [(), ((0, "1"),), ((0, "1"), (0, "2"))])
def test_one_reading_has_no_pace(points: tuple[tuple[float, str], ...]) -> None:
    assert linear_pace(series(*points), target=D(7)) is None


@pytest.mark.parametrize("last", ["10", "12"])
def test_standing_still_or_leading_away_never_gets_there(last: str) -> None:
    pace = linear_pace(series((0, "10"), (10, last)), target=D(7))
    assert pace is not None
    assert (pace.reaches_at, pace.leads_there) == (None, False)


def test_at_the_target_it_is_there() -> None:
    pace = linear_pace(series((0, "10"), (10, "7")), target=D(7))
    assert pace is not None
    assert pace.reaches_at == START + timedelta(days=10)


def test_ten_years_is_as_far_as_it_looks() -> None:
    near = linear_pace(series((0, "0"), (1, "1")), target=D(3654))
    far = linear_pace(series((0, "0"), (1, "1")), target=D(3655))
    assert near is not None
    assert far is not None
    assert near.reaches_at == START + timedelta(days=3654)
    assert (far.reaches_at, far.leads_there) == (None, True)


@given(
    first=st.decimals(min_value=-1000, max_value=1000, places=6),
    moved=st.decimals(min_value=D("0.000001"), max_value=1000, places=6),
    share=st.decimals(min_value=D("0.001"), max_value=1, places=3),
    days=st.integers(1, 1000),
    rises=st.booleans(),
)
def test_what_is_done_takes_its_share_of_the_time(
    first: Decimal, moved: Decimal, share: Decimal, days: int, rises: bool
) -> None:
    """Having done a share of the way in some days, the rest takes as long in proportion."""
    sign = 1 if rises else -1
    target = first + sign * moved / share
    pace = linear_pace([(START, first), (START + timedelta(days=days), first + sign * moved)], target=target)
    assert pace is not None
    expected = days / float(share)
    if expected - days > 3654:
        assert pace.reaches_at is None
    elif expected - days < 3652:
        assert pace.reaches_at is not None
        assert (pace.reaches_at - START) / timedelta(days=1) == pytest.approx(expected, abs=0.001)

"""The portfolio week by week: which weeks count, and what the page says it is as of."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from objectives.models import Standing, WeekRollup
from portfolio.queries.averages import WeeklyAverages, weekly_averages
from tests.factories import make_account, make_objective, record, take_weeks

pytestmark = pytest.mark.django_db

SUNDAY = date(2026, 11, 15)
TODAY = date(2026, 11, 18)


def rollup(week: date, average: int | None, *, accounts: int = 10) -> None:
    scored = 0 if average is None else accounts
    WeekRollup.objects.create(week=week, accounts=accounts, scored=scored, score_sum=Decimal((average or 0) * accounts))


def weeks_back(count: int) -> date:
    return SUNDAY - timedelta(weeks=count)


def averages_of(found: WeeklyAverages) -> list[Decimal | None]:
    return [week.average for week in found.complete]


def test_before_the_first_snapshot_the_page_says_when_it_comes(clock: Callable[[datetime], None]) -> None:
    clock(datetime(2026, 11, 18, 9, tzinfo=UTC))
    make_account()
    found = weekly_averages(today=TODAY)
    assert (found.complete, found.spark, found.change, found.chart(6, today=TODAY)) == ((), None, None, None)
    assert found.as_of == "No snapshot yet. The first is taken Sunday 22 Nov 2026, 02:00."


def test_without_accounts_there_is_nothing_to_announce() -> None:
    assert weekly_averages(today=TODAY).as_of == "No snapshot yet."


def test_the_change_adds_up_with_the_numbers_shown() -> None:
    for number in range(26):
        rollup(weeks_back(25 - number), 65 + number // 4)
    found = weekly_averages(today=TODAY)
    assert (found.change, found.change_weeks) == (6, 26)
    assert found.spark is not None
    assert found.spark.aria_label == "Average value delivered rose from 65% to 71% in 26 weeks"
    assert found.as_of == "Snapshot taken Sunday 15 Nov 2026, 02:00."


@pytest.mark.parametrize(("months", "shown"), [(3, 13), (6, 26), (12, 52)])
def test_a_period_shows_its_last_weeks(months: int, shown: int) -> None:
    for number in range(60):
        rollup(weeks_back(59 - number), number)
    chart = weekly_averages(today=TODAY).chart(months, today=TODAY)
    assert chart is not None
    assert [hit.value for hit in chart.hits] == [f"{60 - shown + number}%" for number in range(shown)]
    assert chart.hits[-1].label == "15 Nov"
    assert chart.area == ""


def test_a_week_that_was_never_taken_is_a_gap() -> None:
    rollup(weeks_back(3), 60)
    rollup(weeks_back(1), 62)
    rollup(weeks_back(0), None)
    found = weekly_averages(today=TODAY)
    chart = found.chart(3, today=TODAY)
    assert chart is not None
    assert [(hit.label, hit.value) for hit in chart.hits] == [
        ("25 Oct", "60%"),
        ("1 Nov", "no score"),
        ("8 Nov", "62%"),
        ("15 Nov", ""),
    ]
    assert (found.change, found.change_weeks) == (2, 3)


def test_one_week_is_no_trend() -> None:
    rollup(SUNDAY, 60)
    found = weekly_averages(today=TODAY)
    assert (found.chart(6, today=TODAY), found.change) == (None, None)


def test_a_week_counts_once_no_account_waits_for_it(clock: Callable[[datetime], None]) -> None:
    start = datetime(2026, 11, 3, 9, tzinfo=UTC)
    clock(start)
    for timezone, value in [("Pacific/Auckland", 10), ("UTC", 40), ("America/Los_Angeles", 70)]:
        objective = make_objective(make_account(timezone=timezone))
        record(objective, value)
    take_weeks(until=datetime(2026, 11, 9, tzinfo=UTC))
    # Sunday noon in Auckland, Saturday still in Los Angeles: one of three snapshots of the new week.
    sunday = datetime(2026, 11, 14, 23, tzinfo=UTC)
    clock(sunday)
    take_weeks(until=sunday)
    found = weekly_averages(today=sunday.date())
    assert averages_of(found) == [Decimal(40)]
    assert (found.taken, found.waiting, found.is_in_progress) == (1, 2, True)
    assert found.as_of == "Snapshot of Sunday 15 Nov 2026, 02:00 in progress: 1 of 3 accounts taken."
    later = datetime(2026, 11, 15, 23, tzinfo=UTC)
    clock(later)
    take_weeks(until=later)
    found = weekly_averages(today=later.date())
    assert averages_of(found) == [Decimal(40), Decimal(40)]
    assert found.as_of == "Snapshot taken Sunday 15 Nov 2026, 02:00."


def test_an_account_whose_snapshot_fails_is_not_waited_for(clock: Callable[[datetime], None]) -> None:
    clock(datetime(2026, 11, 3, 9, tzinfo=UTC))
    broken = make_account()
    rollup(date(2026, 11, 8), 50)
    assert averages_of(weekly_averages(today=date(2026, 11, 9))) == []
    Standing.objects.filter(account=broken).update(failed_at=datetime(2026, 11, 8, 3, tzinfo=UTC))
    assert averages_of(weekly_averages(today=date(2026, 11, 9))) == [Decimal(50)]

"""Rows of the portfolio table: the last snapshot's words and numbers, or live ones until there is a scored one."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from objectives.queries.lists import AccountFilter
from objectives.status import Status
from portfolio.queries.rows import Row, page
from tests.factories import make_account, make_objective, record, take_weeks

pytestmark = pytest.mark.django_db

START = datetime(2026, 9, 1, 9, tzinfo=UTC)  # a Tuesday
Clock = Callable[[datetime], None]


def rows(at: datetime) -> dict[str, Row]:
    found = page(AccountFilter(), order="worst", cursor=None, at=at, on=at.date())
    return {row.account.name: row for row in found.rows}


def test_a_row_shows_the_last_snapshot_not_what_came_since(clock: Clock) -> None:
    clock(START)
    objective = make_objective(make_account(name="Harbor", renewal_on=date(2026, 12, 1)))
    make_objective(objective.account, completion_type="manual")
    for week in range(6):
        record(objective, 40 + 4 * week, at=START + timedelta(weeks=week))
        take_weeks(until=START + timedelta(weeks=week, days=6))
    now = START + timedelta(weeks=6)
    clock(now)
    record(objective, 99)
    row = rows(now)["Harbor"]
    assert (row.value, row.shown, row.status) == (Decimal(60), "60%", Status.ON_TRACK)
    assert (row.change, row.goals_met, row.goals, row.manual) == (16, 0, 1, 1)
    assert row.reason.text == "Progress today"
    assert row.spark is not None
    assert row.spark.aria_label == "From 40% to 60% in 6 weeks"
    assert (row.renewal, row.renewal_in, row.is_renewal_soon) == ("1 Dec 2026", "in 49 days", True)
    assert (row.live_until, row.is_new) == ("", False)


def test_a_standstill_is_counted_as_the_snapshot_saw_it(clock: Clock) -> None:
    clock(START)
    objective = make_objective(make_account(name="Veldt"))
    record(objective, 60)
    now = START + timedelta(weeks=7)
    clock(now)
    take_weeks(until=now)
    row = rows(now)["Veldt"]
    assert (row.status, row.reason.text, row.change) == (Status.STALLED, "No progress for 42 days", 0)


def test_an_account_without_a_scored_snapshot_is_live_until_the_next_one(clock: Clock) -> None:
    clock(START)
    objective = make_objective(make_account(name="Fernhollow", timezone="Pacific/Auckland"), target=10)
    row = rows(START)["Fernhollow"]
    assert (row.value, row.status, row.live_until, row.reason.text) == (None, None, "", "No objective measured yet")
    record(objective, -3)
    row = rows(START)["Fernhollow"]
    assert (row.value, row.status, row.live_until) == (Decimal(-30), Status.STALLED, "Sunday 6 Sep")
    assert (row.shown, row.spark, row.change, row.is_new) == ("\u221230%", None, None, True)
    assert (row.goals_met, row.goals, row.reason.text) == (0, 1, "Below 25%")
    sunday = datetime(2026, 9, 6, 12, tzinfo=UTC)
    clock(sunday)
    take_weeks(until=sunday)
    assert rows(sunday)["Fernhollow"].live_until == ""


def test_a_snapshot_without_a_score_leaves_the_account_live(clock: Clock) -> None:
    clock(START)
    objective = make_objective(make_account(name="Late"))
    later = START + timedelta(weeks=2)
    clock(later)
    take_weeks(until=later)
    record(objective, 80)
    row = rows(later)["Late"]
    assert (row.value, row.status, row.live_until) == (Decimal(80), Status.ON_TRACK, "Sunday 20 Sep")


def test_manual_objectives_alone_give_no_score(clock: Clock) -> None:
    clock(START)
    make_objective(make_account(name="Manual"), completion_type="manual")
    row = rows(START)["Manual"]
    assert (row.value, row.shown, row.status, row.manual, row.goals) == (None, "n/a", None, 1, 0)
    assert row.reason.text == "No numeric objectives"
    assert (row.renewal, row.renewal_in, row.is_renewal_soon) == ("", "", False)


def test_a_line_spans_half_a_year_and_breaks_where_a_week_is_missing(clock: Clock) -> None:
    clock(START)
    objective = make_objective(make_account(name="Long"))
    record(objective, 10)
    now = START + timedelta(weeks=30)
    clock(now)
    take_weeks(until=now)
    found = rows(now)["Long"]
    assert found.spark is not None
    assert found.spark.aria_label == "From 10% to 10% in 26 weeks"
    assert found.spark.line.count("L") == 25
    objective.account.snapshots.filter(week=date(2027, 1, 3)).update(value_delivered=None, status=None)
    broken = rows(now)["Long"].spark
    assert broken is not None
    assert broken.line.count("M") == 2


@pytest.mark.parametrize(("days", "is_new"), [(0, True), (29, True), (30, False)])
def test_an_account_is_new_for_thirty_days(clock: Clock, days: int, is_new: bool) -> None:
    clock(START)
    make_account(name="Young")
    assert rows(START + timedelta(days=days))["Young"].is_new is is_new

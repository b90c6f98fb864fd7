"""When the next value is due: the rule, its twin in SQL, and how it follows readings, cadences and time zones."""

from calendar import monthrange
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.services.accounts import update_account
from objectives.cadence import Cadence, DueState, due_state, effective_cadence, grace_days, is_stale, next_due
from objectives.models import Objective
from objectives.services.metrics import update_metric
from objectives.services.objectives import update_objective
from objectives.services.standings import refresh_due, sweep_standings
from tests.factories import at_time, make_account, make_metric, make_objective, record
from tests.objectives.test_sql_functions import ask_all, fast
from valuerealization.common.audit import SYSTEM

DAYS = st.dates(min_value=date(1971, 1, 1), max_value=date(2200, 1, 1))
CADENCES = st.sampled_from(list(Cadence))
NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("last", "cadence", "due"),
    [
        (date(2026, 3, 10), Cadence.NONE, None),
        (date(2026, 3, 10), Cadence.DAILY, date(2026, 3, 11)),
        (date(2026, 3, 10), Cadence.WEEKLY, date(2026, 3, 17)),
        (date(2026, 3, 10), Cadence.MONTHLY, date(2026, 4, 10)),
        (date(2026, 1, 30), Cadence.MONTHLY, date(2026, 2, 28)),
        (date(2026, 1, 31), Cadence.MONTHLY, date(2026, 2, 28)),
        (date(2026, 2, 28), Cadence.MONTHLY, date(2026, 3, 31)),
        (date(2028, 2, 28), Cadence.MONTHLY, date(2028, 3, 28)),
        (date(2026, 11, 30), Cadence.QUARTERLY, date(2027, 2, 28)),
        (date(2026, 12, 15), Cadence.QUARTERLY, date(2027, 3, 15)),
        (date(2028, 2, 29), Cadence.YEARLY, date(2029, 2, 28)),
        (date(2027, 2, 28), Cadence.YEARLY, date(2028, 2, 29)),
    ],
)
def test_next_due(last: date, cadence: Cadence, due: date | None) -> None:
    assert next_due(last=last, cadence=cadence) == due


@given(last=DAYS, cadence=CADENCES)
def test_due_lies_ahead_by_about_a_period(last: date, cadence: Cadence) -> None:
    due = next_due(last=last, cadence=cadence)
    period = {"daily": (1, 1), "weekly": (7, 7), "monthly": (28, 31), "quarterly": (89, 92), "yearly": (365, 366)}
    if cadence is Cadence.NONE:
        assert due is None
    else:
        assert due is not None
        shortest, longest = period[cadence]
        assert shortest <= (due - last).days <= longest
        if last.day == monthrange(last.year, last.month)[1] and longest > 7:
            assert (due + timedelta(days=1)).day == 1, "a month's last day stays one"


@given(due=DAYS, cadence=CADENCES, late=st.integers(-40, 40))
def test_stale_only_after_the_grace(due: date, cadence: Cadence, late: int) -> None:
    assert is_stale(due_on=due, cadence=cadence, today=due + timedelta(days=late)) == (late > grace_days(cadence))
    assert not is_stale(due_on=None, cadence=cadence, today=due)


@pytest.mark.parametrize(
    ("ahead", "state"),
    [(-1, DueState.OVERDUE), (0, DueState.WEEK), (6, DueState.WEEK), (7, DueState.MONTH), (30, DueState.MONTH),
     (31, DueState.LATER)],
)  # fmt: skip
def test_due_state(ahead: int, state: DueState) -> None:
    assert due_state(due_on=NOW.date() + timedelta(days=ahead), today=NOW.date()) == state


def test_an_objectives_own_cadence_goes_before_its_metrics() -> None:
    assert effective_cadence(own="weekly", of_metric="daily") == Cadence.WEEKLY
    assert effective_cadence(own="none", of_metric="daily") == Cadence.NONE
    assert effective_cadence(own="", of_metric="daily") == Cadence.DAILY
    assert effective_cadence(own="", of_metric=None) == Cadence.NONE


@pytest.mark.django_db
@fast
@given(rows=st.lists(st.tuples(DAYS, CADENCES), min_size=1, max_size=30))
def test_due_and_grace_are_the_same_in_sql_and_python(rows: list[tuple[date, Cadence]]) -> None:
    columns = [[day for day, _ in rows], [cadence.value for _, cadence in rows]]
    unnested = "FROM unnest(%s::date[], %s::text[]) WITH ORDINALITY AS x (d, c, n) ORDER BY n"
    found = ask_all(f"SELECT value_next_due(d, c) {unnested}", *columns)
    assert found == [next_due(last=day, cadence=cadence) for day, cadence in rows]
    grace = ask_all(f"SELECT value_grace_days(c) {unnested}", *columns)
    assert grace == [grace_days(cadence) for _, cadence in rows]


def due(objective: Objective) -> date | None:
    return Objective.objects.values_list("next_due_on", flat=True).get(pk=objective.pk)


@pytest.mark.django_db
def test_due_follows_the_last_value_and_before_it_the_start() -> None:
    account = make_account(at=NOW, timezone="Pacific/Auckland")
    goal = make_objective(account, at=NOW, started_on=date(2026, 3, 1), cadence="weekly")
    assert due(goal) == date(2026, 3, 8)
    record(goal, 10, at=NOW)  # 01:00 on the 11th there
    assert due(goal) == date(2026, 3, 18)
    record(goal, 5, at=NOW - timedelta(days=3), recorded_at=NOW)
    assert due(goal) == date(2026, 3, 18), "an older value moves nothing"
    update_objective(objective=goal, by=SYSTEM, at=NOW, cadence="")
    assert due(goal) is None


@pytest.mark.django_db
def test_a_metrics_cadence_holds_for_its_objectives() -> None:
    account, metric = make_account(at=NOW), make_metric(cadence="monthly")
    own = make_objective(account, metric=metric, at=NOW, cadence="daily")
    follower = make_objective(account, metric=metric, at=NOW)
    record(metric, 10, account=account, at=NOW)
    assert (due(own), due(follower)) == (date(2026, 3, 11), date(2026, 4, 10))
    update_metric(metric=metric, by=SYSTEM, at=NOW, cadence="yearly")
    assert (due(own), due(follower)) == (date(2026, 3, 11), date(2027, 3, 10))
    metric.refresh_from_db()
    assert (metric.cadence, metric.version) == ("yearly", 1), "how often is no methodology"
    assert refresh_due(account_ids=[account.pk]) == 0


@pytest.mark.django_db
def test_a_manual_objective_is_never_due() -> None:
    goal = make_objective(make_account(), completion_type="manual", cadence="daily")
    assert due(goal) is None


@pytest.mark.django_db
def test_the_sweep_follows_an_account_to_another_time_zone() -> None:
    account = make_account(at=NOW, timezone="UTC")
    goal = make_objective(account, at=NOW, cadence="daily")
    record(goal, 10, at=NOW)
    assert due(goal) == date(2026, 3, 11)
    with at_time(NOW):
        update_account(account=account, by=SYSTEM, at=NOW, timezone="Pacific/Auckland")
        sweep_standings(at=NOW)
    assert due(goal) == date(2026, 3, 12)

"""The trend: weekly snapshots, the plan beside them, and the table behind."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from accounts.models import Account, User
from objectives.models import Snapshot
from objectives.queries.trend import trend
from objectives.services.objectives import archive_objective
from objectives.services.restatements import rebuild
from objectives.services.snapshots import take_due
from objectives.status import Status
from tests.factories import at_time, make_account, make_objective, make_user, record, take_weeks
from valuerealization.common.audit import SYSTEM

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 17, 14, 0, tzinfo=UTC)  # a Tuesday; the last Sunday was the 15th
START = datetime(2026, 9, 1, 9, 0, tzinfo=UTC)
HTMX = {"HX-Request": "true"}


@pytest.fixture(autouse=True)
def today(clock: Callable[[datetime], None]) -> None:
    clock(NOW)


@pytest.fixture
def csm() -> User:
    return make_user(role="csm")


@pytest.fixture
def account(csm: User) -> Account:
    return make_account(owner=csm, timezone="America/New_York", at=START)


def grown(account: Account, *, weeks: int = 11, **fields: Any) -> None:
    """Give the account one objective that gains five points a week, and its snapshots."""
    objective = make_objective(account, at=START, **fields)
    for week in range(weeks):
        record(objective, 5 * (week + 1), at=START + timedelta(weeks=week))
    take_weeks(until=NOW)


def test_only_snapshots_are_drawn(account: Account) -> None:
    grown(account)
    objective = account.objectives.get()
    record(objective, 99, at=NOW)
    found = trend(account=account, at=NOW)
    assert found.last == "Last snapshot Sun 15 Nov: 55%"
    assert [week.value for week in found.weeks] == [5 * number for number in range(11, 0, -1)]
    assert found.chart is not None
    assert found.chart.last.text == "55%"
    assert found.next == "Sun 22 Nov, 02:00"


def test_each_week_carries_its_status(account: Account) -> None:
    grown(account)
    statuses = [week.status for week in trend(account=account, at=NOW).weeks]
    assert statuses == [Status.ON_TRACK] * 2 + [Status.AT_RISK] * 5 + [Status.STALLED] * 4


@pytest.mark.slow
@pytest.mark.parametrize(("months", "weeks", "first"), [(3, 13, "23 Aug"), (6, 26, "24 May"), (12, 52, "23 Nov 2025")])
def test_a_period_ends_with_the_last_sunday(csm: User, months: int, weeks: int, first: str) -> None:
    start = NOW - timedelta(weeks=60)
    account = make_account(owner=csm, at=start)
    record(make_objective(account, at=start), 40, at=start + timedelta(days=1))
    take_weeks(until=NOW)
    found = trend(account=account, at=NOW, months=months)
    assert (found.months, len(found.weeks), found.weeks[-1].label) == (months, weeks, first)


def test_a_period_that_is_not_offered_is_refused(account: Account) -> None:
    with pytest.raises(KeyError):
        trend(account=account, at=NOW, months=5)


def test_three_queries(account: Account, django_assert_num_queries: Any) -> None:
    grown(account)
    with django_assert_num_queries(3):
        trend(account=account, at=NOW)


# ---- the plan --------------------------------------------------------------------------------------------------------


def test_the_plan_is_the_weighted_mean_of_straight_lines(account: Account) -> None:
    """100 days from 1 Sep, weight 3, and 50 days from 1 Oct, weight 1: computed by hand on each Sunday."""
    grown(account, weight=3, started_on=date(2026, 9, 1), due_on=date(2026, 12, 10))
    make_objective(account, started_on=date(2026, 10, 1), due_on=date(2026, 11, 20), at=START)
    make_objective(account, at=START)  # without a due date it has no plan
    archive_objective(objective=make_objective(account, due_on=date(2026, 12, 1), at=START), by=SYSTEM, at=NOW)
    plans = {week.week: week.plan for week in trend(account=account, at=NOW).weeks}
    assert plans[date(2026, 9, 6)] == Decimal("3.75")  # (3 × 5 + 1 × 0) ÷ 4
    assert plans[date(2026, 10, 11)] == Decimal(35)  # (3 × 40 + 1 × 20) ÷ 4
    assert plans[date(2026, 11, 15)] == Decimal("78.75")  # (3 × 75 + 1 × 90) ÷ 4


def test_without_due_dates_there_is_no_plan(account: Account) -> None:
    grown(account)
    found = trend(account=account, at=NOW)
    assert found.has_plan is False
    assert found.chart is not None
    assert (found.chart.plan, found.chart.today_x, len(found.chart.hits)) == ("", "", 11)


@pytest.mark.parametrize(("due_on", "ahead"), [(date(2027, 6, 1), 8), (date(2026, 12, 1), 3), (date(2026, 11, 1), 0)])
def test_the_plan_goes_on_for_eight_weeks_or_until_it_arrives(account: Account, due_on: date, ahead: int) -> None:
    grown(account, started_on=date(2026, 8, 1), due_on=due_on)
    chart = trend(account=account, at=NOW).chart
    assert chart is not None
    assert len(chart.hits) == 11 + ahead
    assert (chart.today_x != "") is (ahead > 0)


# ---- weeks that changed ----------------------------------------------------------------------------------------------


def test_restated_and_reconstructed_weeks_say_so(account: Account) -> None:
    objective = make_objective(account, at=START)
    record(objective, 50, at=START + timedelta(days=1))
    take_weeks(until=datetime(2026, 11, 2, tzinfo=UTC))
    with at_time(NOW):
        take_due(at=NOW)  # two Sundays late and one in time enough
        record(objective, 30, at=datetime(2026, 10, 20, 12, tzinfo=UTC), recorded_at=NOW)
        rebuild(account_ids=[account.pk], by=SYSTEM, reason="Late report")
    notes = {week.week: week.note for week in trend(account=account, at=NOW).weeks}
    assert notes[date(2026, 10, 18)] == ""
    assert notes[date(2026, 10, 25)] == "Restated: values for this week arrived later"
    assert set(notes.values()) == {"", "Restated: values for this week arrived later"}


def test_a_week_taken_late_is_reconstructed(account: Account) -> None:
    record(make_objective(account, at=START), 50, at=START + timedelta(days=1))
    take_weeks(until=datetime(2026, 11, 2, tzinfo=UTC))
    with at_time(NOW):
        take_due(at=NOW)
    notes = [week.note for week in trend(account=account, at=NOW).weeks]
    assert notes[:3] == ["Reconstructed: taken after its Sunday"] * 2 + [""]


def test_a_missing_week_leaves_a_gap(account: Account) -> None:
    grown(account)
    Snapshot.objects.filter(account=account, week=date(2026, 10, 11)).update(value_delivered=None, status=None)
    found = trend(account=account, at=NOW)
    assert [week.shown for week in found.weeks if week.value is None] == ["No score"]
    assert found.chart is not None
    assert found.chart.actual.count("M") == 2


@pytest.mark.parametrize("snapshots", [0, 1])
def test_fewer_than_two_snapshots_are_told_in_words(client: Client, csm: User, snapshots: int) -> None:
    start = NOW - timedelta(days=5 if snapshots else 1)
    account = make_account(owner=csm, timezone="America/New_York", at=start)
    record(make_objective(account, at=start), 50, at=start)
    take_weeks(until=NOW)
    found = trend(account=account, at=NOW)
    assert (found.scored, found.chart) == (snapshots, None)
    client.force_login(csm)
    html = client.get(f"/accounts/{account.pk}/trend/", headers=HTMX).content.decode()
    assert "there is one in this period" in html if snapshots else "there is none in this period" in html
    assert "The next snapshot is taken on Sun 22 Nov, 02:00." in html
    assert "vr-chart" not in html
    assert "orecast" not in html


# ---- the part --------------------------------------------------------------------------------------------------------


def test_the_chart_and_the_table_show_the_same_weeks(client: Client, account: Account, csm: User) -> None:
    grown(account, due_on=date(2027, 6, 1))
    client.force_login(csm)
    path = f"/accounts/{account.pk}/trend/"
    chart = client.get(path, {"months": "3"}, headers=HTMX).content.decode()
    table = client.get(path, {"months": "3", "table": "1"}, headers=HTMX).content.decode()
    assert "Value trend, 3 months" in chart
    assert 'class="vr-chart tall"' in chart
    assert "Last snapshot Sun 15 Nov: 55%" in chart
    assert "View as table" in chart
    assert "<table" not in chart
    assert table.count("<tr>") == 12
    assert "View as chart" in table
    assert re.search(r'<td class="n"><a [^>]*of=snapshot:2026-11-15"[^>]*>55%</a></td>', table)
    assert f'href="/accounts/{account.pk}/?months=12&amp;table=1#trend"' in table


def test_an_unknown_period_shows_the_usual_one(client: Client, account: Account, csm: User) -> None:
    client.force_login(csm)
    for asked in ("5", "x", "²"):
        html = client.get(f"/accounts/{account.pk}/trend/", {"months": asked}, headers=HTMX).content.decode()
        assert "Value trend, 6 months" in html


def test_without_htmx_the_part_leads_to_its_page(client: Client, account: Account, csm: User) -> None:
    client.force_login(csm)
    response = client.get(f"/accounts/{account.pk}/trend/", {"months": "12", "table": "1"})
    assert response.headers["Location"] == f"/accounts/{account.pk}/?months=12&table=1"

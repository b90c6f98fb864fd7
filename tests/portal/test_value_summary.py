"""Your value summary: shared goals and only those, whoever reads."""

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from accounts.models import Account, User
from objectives.models import Objective
from objectives.services.objectives import archive_objective, update_objective
from objectives.status import Status
from portal.queries.value_summary import ValueSummary, shared_account, value_summary
from tests.factories import make_account, make_metric, make_objective, make_user, record, take_weeks
from valuerealization.common.audit import SYSTEM
from valuerealization.common.customer_scope import as_customer, guarded

pytestmark = pytest.mark.django_db

START = datetime(2026, 9, 1, 9, 0, tzinfo=UTC)
NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def today(clock: Callable[[datetime], None]) -> None:
    clock(NOW)


@pytest.fixture
def csm() -> User:
    return make_user(role="csm", name="Amara Okafor")


@pytest.fixture
def account(csm: User) -> Account:
    return make_account(owner=csm, timezone="Europe/Berlin", at=START)


def read(account: Account) -> ValueSummary:
    with guarded(), as_customer(account.pk):
        shared = shared_account(account.pk)
        assert shared is not None
        return value_summary(account=shared, at=NOW)


def add(account: Account, current: Any, *, shared: bool = True, **fields: Any) -> Objective:
    objective = make_objective(account, show_in_portal=shared, at=START, **fields)
    if current is not None:
        record(objective, current, at=NOW - timedelta(days=3))
    return objective


def test_the_score_is_the_mean_of_what_is_shared(account: Account) -> None:
    add(account, 60, title="Half way", weight=3)
    add(account, 112, title="Beaten", unit="days")
    add(account, None, title="Waiting")
    add(account, 1, title="Hidden", shared=False)
    found = read(account)
    assert (found.value, found.shown, found.status) == (Decimal("73"), "73%", Status.ON_TRACK)
    assert [(goal.title, goal.shown, goal.remark) for goal in found.goals] == [
        ("Beaten", "112%", "Goal beaten"), ("Half way", "60%", ""), ("Waiting", "n/a", ""),
    ]  # fmt: skip
    assert found.basis == "Average of the 2 goals you share with us, 1 not measured yet"
    assert (found.goals[0].start, found.goals[0].now, found.goals[0].goal) == ("0 days", "112 days", "100 days")
    assert found.updated_on == "20 Nov"


def test_nothing_shared_hides_the_block(client: Client, account: Account, csm: User) -> None:
    add(account, 60, shared=False)
    assert read(account).is_empty
    add(account, None)
    assert read(account).is_empty
    client.force_login(csm)
    html = client.get(f"/accounts/{account.pk}/portal/").content.decode()
    assert "Nothing to show yet" in html
    assert "of your goals delivered" not in html


def test_manual_and_archived_goals_do_not_count(account: Account) -> None:
    add(account, 60, title="Kept")
    make_objective(account, title="Done", completion_type="manual", show_in_portal=True, at=START)
    archive_objective(objective=add(account, 100, title="Dropped"), by=SYSTEM, at=NOW)
    found = read(account)
    assert [goal.title for goal in found.goals] == ["Kept"]
    assert found.shown == "60%"


def test_the_trend_is_what_was_shared_each_week(account: Account, clock: Callable[[datetime], None]) -> None:
    clock(START)
    shared = make_objective(account, title="Shared", show_in_portal=True, at=START)
    hidden = make_objective(account, title="Hidden", show_in_portal=False, at=START)
    for week, value in enumerate((20, 40, 60)):
        record(shared, value, at=START + timedelta(days=1, weeks=week))
        record(hidden, 100 - value, at=START + timedelta(days=1, weeks=week))
    take_weeks(until=NOW)
    clock(NOW)
    chart = read(account).chart
    assert chart is not None
    titles = [hit.title for hit in chart.hits]
    assert titles[:3] == ["6 Sep: 20%", "13 Sep: 40%", "20 Sep: 60%"]
    assert titles[-1] == "today: 60%"


def test_two_queries_with_one_and_with_thirty_goals(account: Account, django_assert_num_queries: Any) -> None:
    for wanted in (1, 30):
        while Objective.objects.filter(account=account).count() < wanted:
            add(account, 60)
        # The scope's own: a savepoint, three to take the role, two to give it back, the savepoint's release.
        with django_assert_num_queries(10):
            read(account)


def test_changes_of_what_is_hidden_change_no_byte(client: Client, account: Account, csm: User) -> None:
    """Numbers, titles, dates and weights of hidden goals leave no trace in what the customer is shown."""
    add(account, 60, title="Shared")
    metric = make_metric(key="hidden_metric", at=START)
    hidden = [add(account, 10, shared=False, title=f"Hidden {number}") for number in range(3)]
    synced = make_objective(account, metric=metric, show_in_portal=False, at=START)
    before = read(account)
    chance = random.Random(7)
    for step in range(40):
        objective = chance.choice(hidden)
        at = NOW - timedelta(hours=40 - step)
        match chance.randrange(4):
            case 0:
                record(objective, chance.randrange(200), at=at, recorded_at=NOW)
            case 1:
                update_objective(objective=objective, by=SYSTEM, at=NOW, title=f"Secret {step}", reason="Renamed")
            case 2:
                update_objective(objective=objective, by=SYSTEM, at=NOW, weight=Decimal(step + 1), reason="Weighed")
            case _:
                record(metric, chance.randrange(99), account=account, at=at, recorded_at=NOW)
        objective.refresh_from_db()
    assert synced.pk
    assert read(account) == before


def test_the_team_previews_what_the_customer_would_see(client: Client, account: Account, csm: User) -> None:
    add(account, 60, title="Shared goal")
    add(account, 90, title="Hidden goal", shared=False)
    # Shared, though it is no part of the score.
    make_objective(account, title="Agreed", completion_type="manual", show_in_portal=True, at=START)
    client.force_login(csm)
    html = client.get(f"/accounts/{account.pk}/portal/").content.decode()
    block = html.split('id="t-summary"')[1]
    assert "60<sup>%</sup>" in block
    assert "Shared goal" in block
    assert "Hidden goal" not in html
    assert "1 objective is not shared." in html
    for word in ("Start", "Now", "Goal"):
        assert f"<dt>{word}</dt>" in block
    assert "Baseline" not in block


def test_an_archived_account_shows_nothing(client: Client, csm: User) -> None:
    account = make_account(owner=csm, at=START)
    add(account, 60, title="Shared goal")
    Account.objects.filter(pk=account.pk).update(archived_at=NOW)
    client.force_login(csm)
    html = client.get(f"/accounts/{account.pk}/portal/").content.decode()
    assert "Shared goal" not in html

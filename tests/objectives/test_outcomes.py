"""Outcomes only: the mean without activity metrics, kept live, in snapshots and in standings alike."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from accounts.models import Account
from objectives.models import Snapshot, Standing
from objectives.services.objectives import archive_objective
from objectives.services.restatements import rebuild, verify
from tests.factories import make_account, make_metric, make_objective, record, take_weeks
from valuerealization.common.audit import SYSTEM

pytestmark = pytest.mark.django_db

START = datetime(2026, 9, 1, 9, tzinfo=UTC)
NOW = START + timedelta(weeks=3)
Clock = Callable[[datetime], None]


@pytest.fixture
def account(clock: Clock) -> Account:
    """Make an account with outcomes at 20% (weight 3) and 60%, an activity at 90%, and one not measured."""
    clock(START)
    account = make_account(timezone="UTC")
    record(make_objective(account, weight=3), 20)
    record(make_objective(account, title="Sixty"), 60)
    record(make_objective(account, metric=make_metric(kind="activity")).metric, 90, account=account)
    make_objective(account)
    clock(NOW)
    return account


def of(account: Account) -> Standing:
    return Standing.objects.get(account=account)


def test_the_live_mean_leaves_activity_and_the_unmeasured_out(account: Account) -> None:
    standing = of(account)
    assert (standing.value_delivered, standing.outcomes) == (Decimal(42), Decimal(30))
    assert (standing.shown_outcomes, standing.shown_total, standing.shown_met) == (Decimal(30), 4, 0)


def test_a_snapshot_keeps_it_whatever_comes_after(account: Account) -> None:
    take_weeks(until=NOW)
    record(account.objectives.get(title="Sixty"), 120)
    standing = of(account)
    assert (standing.outcomes, standing.snapshot_outcomes, standing.shown_outcomes) == (45, 30, 30)
    assert (standing.objectives_met, standing.shown_total, standing.shown_met) == (1, 4, 0)
    assert set(Snapshot.objects.values_list("outcomes", flat=True)) == {Decimal(30)}
    assert verify() == []


def test_without_an_outcome_there_is_none(account: Account) -> None:
    for objective in account.objectives.filter(completion_type="value"):
        archive_objective(objective=objective, by=SYSTEM, at=NOW)
    assert (of(account).value_delivered, of(account).outcomes) == (Decimal(90), None)


def test_a_rebuilt_week_follows(account: Account) -> None:
    take_weeks(until=NOW)
    record(account.objectives.get(title="Sixty"), 100, at=START + timedelta(days=1), recorded_at=NOW)
    rebuild(account_ids=[account.pk], by=SYSTEM, reason="late")
    week = Snapshot.objects.get(week=date(2026, 9, 6))
    assert (week.outcomes, week.objectives_met) == (Decimal(40), 1)
    assert (of(account).snapshot_outcomes, of(account).snapshot_met, of(account).snapshot_total) == (Decimal(40), 1, 4)
    assert verify() == []

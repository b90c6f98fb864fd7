"""Standings: made with the account, moved by writes and by the clock, equal to the pure rules."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from accounts.models import Account, User
from accounts.services.accounts import archive_account, update_account
from objectives.models import Objective, Standing
from objectives.progress import is_met, weighted_mean
from objectives.services.objectives import archive_objective, restore_objective
from objectives.services.standings import sweep_standings
from objectives.status import status_of
from objectives.weeks import anchor_week, days_without_progress
from tests.factories import at_time, make_account, make_objective, make_user, record, take_weeks
from valuerealization.common.audit import SYSTEM

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def standing_of(account: Account) -> Standing:
    return Standing.objects.get(account=account)


def test_every_account_has_one_whoever_inserts_it() -> None:
    owner = make_user()
    Account.objects.bulk_create(
        [Account(name=f"Ünïcode {n}", owner=owner, renewal_on=date(2027, 1, n + 1), arr=n) for n in range(3)]
    )

    rows = Standing.objects.order_by("account_id")
    assert list(rows.values_list("name_key", "owner_id", "renewal_key", "arr", "shown_rank")) == [
        (f"unicode {n}", owner.pk, date(2027, 1, n + 1), n, 9) for n in range(3)
    ]


def test_sort_keys_follow_the_account() -> None:
    account = make_account(at=NOON, name="Zed", renewal_on=date(2027, 1, 1), segment="enterprise")

    update_account(account=account, by=SYSTEM, at=NOON, name="Äbel", renewal_on=None, segment="mid_market", arr=5)

    standing = standing_of(account)
    assert (standing.name_key, standing.renewal_key, standing.segment, standing.arr) == (
        "abel", date(9999, 12, 31), "mid_market", 5,
    )  # fmt: skip
    archive_account(account=account, by=SYSTEM, at=NOON)
    assert standing_of(account).is_archived is True


def test_a_new_owner_is_copied_even_by_a_bare_update() -> None:
    account, owner = make_account(), make_user()

    Account.objects.filter(pk=account.pk).update(owner=owner)

    assert standing_of(account).owner_id == owner.pk


def test_live_until_the_first_scored_snapshot() -> None:
    account = make_account(at=NOON)
    take_weeks(until=NOON + 7 * DAY)  # a week without a score
    goal = make_objective(account, at=NOON + 7 * DAY)
    record(goal, 60, at=NOON + 8 * DAY)
    standing = standing_of(account)
    assert (standing.is_scored, standing.shown_value, standing.shown_status) == (False, 60, "on_track")

    take_weeks(until=NOON + 14 * DAY)
    record(goal, 80, at=NOON + 14 * DAY)

    standing = standing_of(account)
    assert (standing.is_scored, standing.value_delivered, standing.shown_value) == (True, 80, 60)


def test_the_sweep_moves_what_the_clock_moves() -> None:
    account = make_account(at=NOON)
    record(make_objective(account, at=NOON), 60, at=NOON)
    sunday = datetime(2026, 3, 15, 2, tzinfo=UTC)

    seen = []
    for days in (13, 14, 29, 30):
        at = sunday + days * DAY
        with at_time(at):
            moved = [sweep_standings(at=at - timedelta(seconds=1)), sweep_standings(at=at), sweep_standings(at=at)]
        seen.append((moved, standing_of(account).status))

    assert seen == [
        ([0, 0, 0], "on_track"),
        ([0, 1, 0], "at_risk"),
        ([0, 0, 0], "at_risk"),
        ([0, 1, 0], "stalled"),
    ]
    assert standing_of(account).recheck_at is None


def test_a_new_timezone_is_swept() -> None:
    account = make_account(at=NOON)
    record(make_objective(account, at=NOON), 60, at=NOON)
    with at_time(NOON + DAY):
        update_account(account=account, by=SYSTEM, at=NOON + DAY, timezone="Asia/Kathmandu")
        assert sweep_standings(at=NOON + DAY) == 1

    assert standing_of(account).recheck_at == datetime(2026, 3, 28, 20, 15, tzinfo=UTC)


def test_archived_objectives_leave_the_mean_at_once_and_come_back() -> None:
    account = make_account(at=NOON)
    low, high = make_objective(account, at=NOON), make_objective(account, at=NOON)
    record(low, 20, at=NOON)
    record(high, 90, at=NOON)
    assert standing_of(account).value_delivered == 55

    archive_objective(objective=low, by=SYSTEM, at=NOON)
    assert standing_of(account).value_delivered == 90
    restore_objective(objective=low, by=SYSTEM, at=NOON)
    assert standing_of(account).value_delivered == 55


GOALS = st.lists(
    st.tuples(
        st.integers(-50, 50),
        st.integers(-50, 50),
        st.none() | st.integers(-60, 60),
        st.sampled_from(["0.5", "1", "3"]),
        st.integers(0, 60),
    ).filter(lambda goal: goal[0] != goal[1] and goal[0] != goal[2]),
    max_size=5,
)


@settings(
    max_examples=25,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(goals=GOALS, later=st.integers(0, 60), zone=st.sampled_from(["UTC", "America/New_York", "Asia/Kathmandu"]))
def test_live_score_and_status_equal_the_pure_rules(goals: list[Any], later: int, zone: str) -> None:
    account = make_account(at=NOON, timezone=zone)
    for baseline, target, current, weight, days in goals:
        goal = make_objective(
            account, baseline=baseline, target=target, weight=weight, at=NOON, started_on=NOON.date() + days * DAY / 10
        )
        if current is not None:
            record(goal, current, at=NOON + days * DAY)
    at = NOON + (60 + later) * DAY
    with at_time(at):
        sweep_standings(at=at)
    Standing.objects.filter(account=account).update(recheck_at=at)
    sweep_standings(at=at)

    objectives = list(Objective.objects.filter(account=account))
    score = weighted_mean([(o.weight, o.completion) for o in objectives])
    anchor = anchor_week(
        last_progress_at=max((o.last_progress_at for o in objectives if o.last_progress_at), default=None),
        earliest_started_on=min((o.started_on for o in objectives), default=None),
        timezone=zone,
    )
    all_met = bool(objectives) and all(
        is_met(baseline=Decimal(o.baseline or 0), current=o.current, target=Decimal(o.target or 0)) for o in objectives
    )
    days = days_without_progress(anchor_week=anchor, at=at, timezone=zone) if anchor else Decimal(0)
    standing = standing_of(account)
    assert standing.value_delivered == score
    assert standing.status == status_of(score=score, all_met=all_met, days_without_progress=days)
    assert standing.anchor_week == anchor


def test_owner_may_not_be_removed_while_accounts_are_theirs() -> None:
    owner = make_user()
    make_account(owner=owner)

    with pytest.raises(Exception, match="protected"):
        User.objects.filter(pk=owner.pk).delete()

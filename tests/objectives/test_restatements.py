"""The audited rebuild of past weeks: what it adds, changes, keeps and leaves alone."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from accounts.models import Account
from objectives.models import ReplacedSnapshot, Restatement, Standing, WeekRollup
from objectives.services import restatements, snapshots
from objectives.services.objectives import update_objective
from objectives.services.restatements import Rebuilt
from tests.factories import at_time, make_account, make_metric, make_objective, record, take_weeks
from valuerealization.common.audit import SYSTEM
from valuerealization.common.models import AuditEntry

pytestmark = pytest.mark.django_db

SUNDAY = date(2026, 3, 15)
BOUNDARY = datetime(2026, 3, 15, 2, tzinfo=UTC)
TUESDAY = BOUNDARY - timedelta(days=5)
DAY = timedelta(days=1)
WEEK = timedelta(weeks=1)


def rebuild(account: Account, *, at: datetime, **options: Any) -> Rebuilt:
    with at_time(at):
        return restatements.rebuild(account_ids=[account.pk], by=SYSTEM, reason="history arrived", **options)


def rows(account: Account) -> list[tuple[Any, ...]]:
    fields = ("week", "value_delivered", "days_without_progress", "reconstructed", "restated")
    return list(account.snapshots.order_by("week").values_list(*fields))


def test_history_from_before_the_account_is_taken_in() -> None:
    account = make_account(at=TUESDAY)
    goal = make_objective(account, at=TUESDAY, started_on=date(2026, 2, 17))
    for weeks, value in ((-4, 5), (-3, 20), (-2, 40), (-1, 40)):
        record(goal, value, at=TUESDAY + weeks * WEEK, recorded_at=TUESDAY)

    rebuilt = rebuild(account, at=TUESDAY + timedelta(hours=1))

    # The reading of 10 February lies before the start, the week of the 15th before the objective.
    assert (rebuilt.added, rebuilt.changed) == (3, 0)
    assert rows(account) == [
        (SUNDAY - 3 * WEEK, 20, 0, True, False),
        (SUNDAY - 2 * WEEK, 40, 0, True, False),
        (SUNDAY - WEEK, 40, 7, True, False),
    ]
    assert restatements.verify() == []
    standing = Standing.objects.get(account=account)
    assert (standing.snapshot_week, standing.shown_value, standing.is_scored) == (SUNDAY - WEEK, 40, True)
    assert list(WeekRollup.objects.order_by("week").values_list("average", flat=True)) == [20, 40, 40]


def test_the_second_rebuild_changes_nothing() -> None:
    account = make_account(at=TUESDAY)
    goal = make_objective(account, at=TUESDAY, started_on=date(2026, 2, 1))
    record(goal, 20, at=TUESDAY - 3 * WEEK, recorded_at=TUESDAY)
    assert rebuild(account, at=TUESDAY + timedelta(hours=1)).added == 3
    before = rows(account)

    assert rebuild(account, at=TUESDAY + timedelta(hours=2)) == Rebuilt()
    assert rows(account) == before
    assert Restatement.objects.count() == 1


def test_changed_weeks_are_marked_and_the_replaced_ones_kept() -> None:
    account = make_account(at=TUESDAY)
    goal = make_objective(account, at=TUESDAY)
    record(goal, 30, at=TUESDAY)
    take_weeks(until=BOUNDARY + 2 * WEEK + DAY)
    untouched = account.snapshots.get(week=SUNDAY)
    late = BOUNDARY + 2 * WEEK + DAY
    record(goal, 60, at=BOUNDARY + DAY, recorded_at=late)

    rebuilt = rebuild(account, at=late + timedelta(minutes=1))

    assert (rebuilt.added, rebuilt.changed) == (0, 2)
    assert rows(account) == [
        (SUNDAY, 30, 0, False, False),
        (SUNDAY + WEEK, 60, 0, False, True),
        (SUNDAY + 2 * WEEK, 60, 7, False, True),
    ]
    assert account.snapshots.get(week=SUNDAY).taken_at == untouched.taken_at
    kept = ReplacedSnapshot.objects.order_by("week")
    assert [(row.week, row.snapshot["value_delivered"], row.objectives[0]["current"]) for row in kept] == [
        (SUNDAY + WEEK, 30, 30),
        (SUNDAY + 2 * WEEK, 30, 30),
    ]
    assert WeekRollup.objects.get(week=SUNDAY + WEEK).average == 60
    assert restatements.verify() == []
    entry = AuditEntry.objects.get(action="snapshots.restated")
    assert (entry.account_id, entry.details["changed"], entry.details["reason"]) == (account.pk, 2, "history arrived")


def test_each_week_stands_under_the_definition_in_force_then() -> None:
    account = make_account(at=TUESDAY)
    goal = make_objective(account, at=TUESDAY)
    record(goal, 30, at=TUESDAY)
    changed = BOUNDARY + DAY
    with at_time(changed):
        update_objective(objective=goal, by=SYSTEM, at=changed, target=Decimal(60))
    take_weeks(until=BOUNDARY + WEEK + DAY)
    record(goal, 45, at=TUESDAY + timedelta(hours=1), recorded_at=BOUNDARY + WEEK + DAY)

    rebuild(account, at=BOUNDARY + WEEK + DAY + timedelta(hours=1))

    assert [row[1] for row in rows(account)] == [45, 75]


def test_readings_that_arrive_after_a_rebuild_do_not_fail_its_verification() -> None:
    account = make_account(at=TUESDAY)
    goal = make_objective(account, at=TUESDAY, started_on=date(2026, 2, 1))
    record(goal, 20, at=TUESDAY - 3 * WEEK, recorded_at=TUESDAY)
    rebuild(account, at=TUESDAY + timedelta(hours=1))

    record(goal, 90, at=TUESDAY - 2 * WEEK, recorded_at=TUESDAY + DAY)
    make_objective(account, at=TUESDAY + DAY, started_on=date(2026, 2, 1))

    assert restatements.verify() == []


def test_weeks_not_yet_taken_are_left_to_the_tick() -> None:
    account = make_account(at=TUESDAY)
    goal = make_objective(account, at=TUESDAY)
    record(goal, 30, at=TUESDAY)

    assert rebuild(account, at=BOUNDARY + timedelta(hours=3)) == Rebuilt()
    with at_time(BOUNDARY + timedelta(hours=3)):
        snapshots.take_due(at=BOUNDARY + timedelta(hours=3))

    assert rows(account) == [(SUNDAY, 30, 0, False, False)]


def test_only_the_weeks_asked_for() -> None:
    account = make_account(at=TUESDAY)
    goal = make_objective(account, at=TUESDAY, started_on=date(2026, 1, 1))
    record(goal, 20, at=TUESDAY - 8 * WEEK, recorded_at=TUESDAY)

    rebuild(account, at=TUESDAY + DAY, from_week=SUNDAY - 4 * WEEK, to_week=SUNDAY - 3 * WEEK)

    assert [row[0] for row in rows(account)] == [SUNDAY - 4 * WEEK, SUNDAY - 3 * WEEK]


def test_account_without_readings_gets_no_weeks() -> None:
    account = make_account(at=TUESDAY)
    make_objective(account, at=TUESDAY, started_on=date(2026, 1, 1))

    assert rebuild(account, at=TUESDAY + DAY) == Rebuilt()


def test_metric_history_reaches_every_objective_that_follows_it() -> None:
    account, metric = make_account(at=TUESDAY), make_metric()
    for target in (80, 60):
        make_objective(account, metric=metric, baseline=100, target=target, at=TUESDAY, started_on=date(2026, 2, 1))
    for weeks, value in ((-3, 100), (-2, 90), (-1, 80)):
        record(metric, value, account=account, at=TUESDAY + weeks * WEEK, recorded_at=TUESDAY)

    rebuild(account, at=TUESDAY + DAY)

    assert [row[1] for row in rows(account)] == [0, Decimal("37.5"), 75]


class TestCommand:
    def run(self, *arguments: str) -> str:
        out = StringIO()
        call_command("snapshots", *arguments, stdout=out, stderr=out)
        return out.getvalue()

    def test_take_rebuild_verify(self) -> None:
        account = make_account(at=TUESDAY, external_id="CRM-1")
        goal = make_objective(account, at=TUESDAY, started_on=date(2026, 2, 1))
        record(goal, 20, at=TUESDAY - 3 * WEEK, recorded_at=TUESDAY)

        assert self.run("take", "--at", "2026-03-15T02:01:00Z", "--account", "external:CRM-1").startswith("1 snapshots")
        assert self.run("rebuild", "--account", str(account.pk)) == "3 weeks added, 0 weeks restated.\n"
        assert self.run("verify") == "Every stored week follows from readings and definitions.\n"
        account.snapshots.filter(week=SUNDAY).update(value_delivered=21)
        with pytest.raises(CommandError, match="differ"):
            self.run("verify")

    def test_the_future_is_refused_unless_allowed(self, settings: Any) -> None:
        make_account()
        with pytest.raises(CommandError, match="VR_ALLOW_FUTURE"):
            self.run("take", "--at", "2099-01-01T00:00:00Z")

        settings.VR_ALLOW_FUTURE = True
        in_eight_days = datetime.now(UTC) + timedelta(days=8)
        assert self.run("take", "--at", in_eight_days.isoformat()).startswith("1 snapshots")

    @pytest.mark.parametrize(
        "arguments",
        [("take", "--at", "yesterday"), ("take", "--at", "2026-13-01T00:00"), ("take", "--account", "x"),
         ("take", "--account", "external:nobody"), ("rebuild", "--from", "2026-02-30")],
    )  # fmt: skip
    def test_bad_arguments_are_named(self, arguments: tuple[str, ...]) -> None:
        with pytest.raises(CommandError):
            self.run(*arguments)

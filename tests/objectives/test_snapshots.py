"""Weekly snapshots: what they hold, when they are taken, and that there is exactly one (docs/formulas.md#boundary)."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from django.db import connection
from django.utils import timezone

from accounts.models import Account
from accounts.services.accounts import archive_account, restore_account, update_account
from objectives.models import Snapshot, SnapshotObjective, Standing, TickRun, WeekRollup
from objectives.services import restatements, snapshots
from objectives.services.objectives import archive_objective, update_objective
from objectives.tasks import tick
from objectives.weeks import boundary_at
from tests.factories import at_time, make_account, make_metric, make_objective, record, take_weeks
from valuerealization.common.audit import SYSTEM
from valuerealization.common.health import last_tick

pytestmark = pytest.mark.django_db

SUNDAY = date(2026, 3, 15)  # 02:00 UTC, in a zone without clock changes
BOUNDARY = datetime(2026, 3, 15, 2, tzinfo=UTC)
TUESDAY = BOUNDARY - timedelta(days=5)
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
WEEK = timedelta(weeks=1)
SAME = [
    "week", "boundary_at", "value_delivered", "status", "days_without_progress", "last_progress_at",
    "objectives_total", "objectives_measured", "objectives_met", "reconstructed", "restated",
]  # fmt: skip


def take(at: datetime) -> snapshots.Taken:
    with at_time(at):
        return snapshots.take_due(at=at)


def weeks_of(account: Account) -> list[date]:
    return list(account.snapshots.order_by("week").values_list("week", flat=True))


def facts(account: Account) -> dict[str, Any]:
    snapshot = account.snapshots.get()
    rows = SnapshotObjective.objects.filter(snapshot=snapshot).order_by("objective_id")
    numbers = rows.values("revision", "baseline", "target", "current", "completion", "weight", "show_in_portal", "kind")
    return {**{name: getattr(snapshot, name) for name in SAME}, "objectives": list(numbers)}


class TestWhenTaken:
    def test_due_one_minute_after_the_boundary(self) -> None:
        account = make_account(at=TUESDAY)

        assert take(BOUNDARY + MINUTE - timedelta(microseconds=1)) == snapshots.Taken()
        assert take(BOUNDARY + MINUTE) == snapshots.Taken(stored=1, stepped=1)
        assert weeks_of(account) == [SUNDAY]

    def test_taken_once_however_often_it_is_asked_for(self) -> None:
        account = make_account(at=TUESDAY)

        taken = [take(BOUNDARY + timedelta(minutes=n)).stored for n in (1, 1, 6, 600)]

        assert taken == [1, 0, 0, 0]
        assert weeks_of(account) == [SUNDAY]

    def test_an_existing_week_is_stepped_over_not_doubled(self) -> None:
        account = make_account(at=TUESDAY)
        take(BOUNDARY + MINUTE)
        Standing.objects.filter(account=account).update(next_week=SUNDAY, next_boundary_at=BOUNDARY)

        taken = take(BOUNDARY + WEEK + MINUTE)

        assert taken == snapshots.Taken(stored=1, stepped=2)
        assert weeks_of(account) == [SUNDAY, SUNDAY + WEEK]

    def test_missed_weeks_are_caught_up_oldest_first_and_marked(self) -> None:
        account = make_account(at=TUESDAY)

        take(BOUNDARY + 3 * WEEK + timedelta(minutes=5))

        rows = list(account.snapshots.order_by("id").values_list("week", "reconstructed"))
        assert rows == [
            (SUNDAY, True),
            (SUNDAY + WEEK, True),
            (SUNDAY + 2 * WEEK, True),
            (SUNDAY + 3 * WEEK, False),
        ]

    def test_a_week_missed_by_a_day_is_marked_one_late_by_hours_is_not(self) -> None:
        early, late = make_account(at=TUESDAY), make_account(at=TUESDAY)
        with at_time(BOUNDARY + timedelta(hours=6)):
            snapshots.take_due(at=BOUNDARY + timedelta(hours=6), account_id=early.pk)
        take(BOUNDARY + timedelta(hours=24))

        assert early.snapshots.get().reconstructed is False
        assert late.snapshots.get().reconstructed is True

    def test_no_week_before_the_account_existed(self) -> None:
        account = make_account(at=BOUNDARY + timedelta(seconds=1))

        take(BOUNDARY + timedelta(hours=3))

        assert weeks_of(account) == []

    @pytest.mark.parametrize(
        ("zone", "sunday"),
        [
            ("America/New_York", date(2026, 3, 8)),  # 02:00 does not exist
            ("America/New_York", date(2026, 11, 1)),
            ("Europe/Berlin", date(2026, 10, 25)),  # 02:00 happens twice
            ("Asia/Kolkata", date(2026, 3, 15)),
            ("Asia/Kathmandu", date(2026, 3, 15)),
            ("Australia/Lord_Howe", date(2026, 10, 4)),
            ("Antarctica/Troll", date(2026, 3, 29)),  # the clock jumps from 01:00 to 03:00
            ("Pacific/Auckland", date(2026, 3, 15)),
        ],
    )
    def test_boundary_of_the_local_sunday(self, zone: str, sunday: date) -> None:
        boundary = boundary_at(sunday, zone)
        account = make_account(at=boundary - 3 * DAY, timezone=zone)

        assert take(boundary + MINUTE - timedelta(microseconds=1)).stored == 0
        assert take(boundary + MINUTE).stored == 1
        snapshot = account.snapshots.get()
        assert (snapshot.week, snapshot.boundary_at) == (sunday, boundary)

    def test_timezone_changed_mid_week_never_gives_one_sunday_twice(self) -> None:
        account = make_account(at=TUESDAY, timezone="Pacific/Auckland")
        take(boundary_at(SUNDAY, "Pacific/Auckland") + MINUTE)
        moved = boundary_at(SUNDAY, "Pacific/Auckland") + timedelta(hours=1)
        with at_time(moved):
            update_account(account=account, by=SYSTEM, at=moved, timezone="America/Los_Angeles")

        take(boundary_at(SUNDAY, "America/Los_Angeles") + DAY)
        take(boundary_at(SUNDAY + WEEK, "America/Los_Angeles") + MINUTE)

        assert weeks_of(account) == [SUNDAY, SUNDAY + WEEK]
        assert account.snapshots.get(week=SUNDAY + WEEK).boundary_at == boundary_at(
            SUNDAY + WEEK, "America/Los_Angeles"
        )

    def test_archived_account_has_none_and_misses_none_afterwards(self) -> None:
        account = make_account(at=TUESDAY)
        with at_time(TUESDAY):
            archive_account(account=account, by=SYSTEM, at=TUESDAY)
        assert take(BOUNDARY + WEEK + MINUTE).stored == 0

        back = BOUNDARY + WEEK + DAY
        with at_time(back):
            restore_account(account=account, by=SYSTEM, at=back)
        take(BOUNDARY + 2 * WEEK + MINUTE)

        assert weeks_of(account) == [SUNDAY + 2 * WEEK]

    def test_statements_do_not_grow_with_accounts(self, django_assert_num_queries: Any) -> None:
        make_objective(make_account(at=TUESDAY), current=10, at=TUESDAY)
        with django_assert_num_queries(8):
            snapshots.take_due(at=BOUNDARY + MINUTE)
        for _ in range(30):
            make_objective(make_account(at=BOUNDARY + DAY), current=10, at=BOUNDARY + DAY)
        with django_assert_num_queries(8):
            snapshots.take_due(at=BOUNDARY + WEEK + MINUTE)

        assert Snapshot.objects.count() == 32


class TestWhatItHolds:
    def test_stores_the_account_and_each_numeric_objective(self) -> None:
        account = make_account(at=TUESDAY)
        days = make_objective(account, baseline=14, target=7, unit="days", show_in_portal=True, at=TUESDAY)
        open_one = make_objective(account, baseline=0, target=200, weight=2, at=TUESDAY)
        make_objective(account, completion_type="manual", at=TUESDAY)
        record(days, 9, at=TUESDAY + DAY)

        take(BOUNDARY + MINUTE)

        snapshot = account.snapshots.get()
        assert snapshot.value_delivered == Decimal("71.428571")
        assert snapshot.status == "on_track"
        assert (snapshot.objectives_total, snapshot.objectives_measured, snapshot.objectives_met) == (2, 1, 0)
        assert (snapshot.days_without_progress, snapshot.last_progress_at) == (0, TUESDAY + DAY)
        assert list(
            snapshot.objectives.order_by("objective_id").values_list(
                "objective_id",
                "baseline",
                "target",
                "current",
                "completion",
                "weight",
                "unit",
                "show_in_portal",
                "revision",
            )
        ) == [
            (days.pk, 14, 7, 9, Decimal("71.428571428571"), 1, "days", True, 1),
            (open_one.pk, 0, 200, None, None, 2, "", False, 1),
        ]

    def test_account_without_numeric_objectives_has_no_score_and_no_status(self) -> None:
        account = make_account(at=TUESDAY)
        make_objective(account, completion_type="manual", at=TUESDAY)

        take(BOUNDARY + MINUTE)

        snapshot = account.snapshots.get()
        assert (snapshot.value_delivered, snapshot.status, snapshot.days_without_progress) == (None, None, None)

    def test_six_hours_late_equals_on_time_whatever_happened_since(self) -> None:
        on_time, late = make_account(at=TUESDAY), make_account(at=TUESDAY)
        metric = make_metric()
        for account in (on_time, late):
            goal = make_objective(account, baseline=14, target=7, at=TUESDAY)
            dropped = make_objective(account, at=TUESDAY, weight=3)
            make_objective(account, metric=metric, baseline=100, target=80, at=TUESDAY)
            record(goal, 10, at=TUESDAY + DAY)
            record(dropped, 40, at=TUESDAY + DAY)
            record(metric, 90, account=account, at=TUESDAY + DAY)
        take_at = BOUNDARY + MINUTE
        with at_time(take_at):
            snapshots.take_due(at=take_at, account_id=on_time.pk)

        after = BOUNDARY + timedelta(hours=2)
        for goal in late.objectives.all():
            if goal.metric_id:
                record(metric, 85, account=late, at=after)
                record(metric, 99, account=late, at=TUESDAY, recorded_at=after)
            else:
                record(goal, 7, at=after)
                record(goal, 11, at=TUESDAY + DAY, recorded_at=after)  # supersedes, but only from now on
        with at_time(after):
            first, second, third = late.objectives.order_by("pk")
            update_objective(objective=first, by=SYSTEM, at=after, target=Decimal(6), show_in_portal=True)
            archive_objective(objective=second, by=SYSTEM, at=after)
            update_objective(objective=third, by=SYSTEM, at=after, weight=Decimal(9))
        make_objective(late, current=50, at=after)
        with at_time(BOUNDARY + timedelta(hours=6)):
            snapshots.take_due(at=BOUNDARY + timedelta(hours=6), account_id=late.pk)

        assert facts(late) == facts(on_time)
        assert restatements.verify(account_ids=[late.pk, on_time.pk]) == []

    def test_what_is_recorded_after_the_boundary_is_not_in_it(self) -> None:
        account = make_account(at=TUESDAY)
        goal = make_objective(account, at=TUESDAY)
        record(goal, 30, at=TUESDAY)
        record(goal, 60, at=BOUNDARY - DAY, recorded_at=BOUNDARY + timedelta(seconds=30))

        take(BOUNDARY + MINUTE)

        assert account.snapshots.get().value_delivered == 30

    def test_what_is_observed_after_the_boundary_is_not_in_it(self) -> None:
        account = make_account(at=TUESDAY)
        goal = make_objective(account, at=TUESDAY)
        record(goal, 30, at=TUESDAY)
        record(goal, 60, at=BOUNDARY + timedelta(minutes=2), recorded_at=BOUNDARY - MINUTE)

        take(BOUNDARY + MINUTE)

        assert account.snapshots.get().value_delivered == 30

    def test_exactly_at_the_boundary_counts(self) -> None:
        account = make_account(at=TUESDAY)
        goal = make_objective(account, at=TUESDAY)
        record(goal, 30, at=BOUNDARY)

        take(BOUNDARY + MINUTE)

        snapshot = account.snapshots.get()
        assert (snapshot.value_delivered, snapshot.days_without_progress) == (30, 0)

    def test_later_edits_change_no_earlier_snapshot(self) -> None:
        account = make_account(at=TUESDAY)
        goal = make_objective(account, at=TUESDAY)
        record(goal, 30, at=TUESDAY)
        take(BOUNDARY + MINUTE)
        before = facts(account)

        later = BOUNDARY + DAY
        with at_time(later):
            update_objective(
                objective=goal, by=SYSTEM, at=later, baseline=Decimal(10), target=Decimal(50), weight=Decimal(5),
                show_in_portal=True,
            )  # fmt: skip
            archive_objective(objective=goal, by=SYSTEM, at=later)

        assert facts(account) == before
        assert restatements.verify(account_ids=[account.pk]) == []


class TestRecency:
    def scored(self, zone: str = "UTC") -> Any:
        account = make_account(at=TUESDAY, timezone=zone)
        goal = make_objective(account, at=TUESDAY)
        record(goal, 60, at=TUESDAY)
        return account, goal

    def test_days_run_from_the_sunday_after_the_last_progress(self) -> None:
        account, _ = self.scored()

        take_weeks(until=BOUNDARY + 5 * WEEK + MINUTE)

        assert list(account.snapshots.order_by("week").values_list("days_without_progress", "status")) == [
            (0, "on_track"),
            (7, "on_track"),
            (14, "at_risk"),
            (21, "at_risk"),
            (28, "at_risk"),
            (35, "stalled"),
        ]

    @pytest.mark.parametrize("zone", ["America/New_York", "Europe/Berlin", "Australia/Lord_Howe"])
    def test_two_sundays_are_fourteen_days_across_a_clock_change(self, zone: str) -> None:
        for start in (datetime(2026, 3, 3, 12, tzinfo=UTC), datetime(2026, 10, 20, 12, tzinfo=UTC)):
            account = make_account(at=start, timezone=zone)
            record(make_objective(account, at=start), 60, at=start)

            take_weeks(until=start + 6 * WEEK)

            days = account.snapshots.order_by("week").values_list("days_without_progress", flat=True)
            assert list(days) == [7 * week for week in range(len(days))]

    def test_repeats_falls_and_edits_are_no_progress(self) -> None:
        account, goal = self.scored()
        record(goal, 60, at=BOUNDARY + DAY)
        record(goal, 55, at=BOUNDARY + 2 * DAY)
        with at_time(BOUNDARY + 3 * DAY):
            update_objective(objective=goal, by=SYSTEM, at=BOUNDARY + 3 * DAY, target=Decimal(80))

        take_weeks(until=BOUNDARY + WEEK + MINUTE)

        assert account.snapshots.latest("week").days_without_progress == 7
        goal.refresh_from_db()
        assert goal.last_progress_at == TUESDAY

    def test_a_rise_after_a_fall_is_progress(self) -> None:
        account, goal = self.scored()
        record(goal, 40, at=BOUNDARY + DAY)
        record(goal, 50, at=BOUNDARY + 2 * DAY)

        take_weeks(until=BOUNDARY + WEEK + MINUTE)

        latest = account.snapshots.latest("week")
        assert (latest.last_progress_at, latest.days_without_progress) == (BOUNDARY + 2 * DAY, 0)

    def test_a_value_and_its_predecessor_are_compared_under_one_definition(self) -> None:
        _, goal = self.scored()
        with at_time(BOUNDARY + DAY):  # 60 was 60%, under the new target it is 30%
            update_objective(objective=goal, by=SYSTEM, at=BOUNDARY + DAY, target=Decimal(200))
        record(goal, 70, at=BOUNDARY + 2 * DAY)

        goal.refresh_from_db()
        assert goal.completion == 35
        assert goal.last_progress_at == BOUNDARY + 2 * DAY

    def test_without_progress_the_days_run_from_the_first_start(self) -> None:
        account = make_account(at=TUESDAY)
        metric = make_metric()
        make_objective(account, metric=metric, baseline=10, target=20, at=TUESDAY, started_on=date(2026, 3, 18))
        make_objective(account, metric=metric, baseline=10, target=30, at=TUESDAY, started_on=date(2026, 3, 15))
        record(metric, 10, account=account, at=TUESDAY)

        take_weeks(until=BOUNDARY + 2 * WEEK + MINUTE)

        assert list(account.snapshots.order_by("week").values_list("value_delivered", "days_without_progress")) == [
            (0, 0),
            (0, 7),
            (0, 14),
        ]

    def test_progress_of_archived_objectives_does_not_count(self) -> None:
        account, _ = self.scored()
        other = make_objective(account, at=TUESDAY)
        record(other, 20, at=BOUNDARY + 8 * DAY)
        with at_time(BOUNDARY + 9 * DAY):
            archive_objective(objective=other, by=SYSTEM, at=BOUNDARY + 9 * DAY)

        take_weeks(until=BOUNDARY + 2 * WEEK + MINUTE)

        assert account.snapshots.latest("week").days_without_progress == 14

    def test_progress_before_the_start_does_not_count(self) -> None:
        account = make_account(at=TUESDAY)
        goal = make_objective(account, at=TUESDAY, started_on=date(2026, 3, 13))
        record(goal, 60, at=TUESDAY)
        goal.refresh_from_db()
        assert goal.last_progress_at is None

        record(goal, 61, at=datetime(2026, 3, 13, tzinfo=UTC))
        assert goal.last_progress_at == datetime(2026, 3, 13, tzinfo=UTC)


class TestRollup:
    def test_each_week_adds_up(self) -> None:
        for value in (10, 30, 60, 110, None):
            account = make_account(at=TUESDAY)
            goal = make_objective(account, at=TUESDAY)
            make_objective(account, at=TUESDAY, weight="0.000001")  # keeps 110 % from being all goals met
            if value is not None:
                record(goal, value, at=TUESDAY)

        take_weeks(until=BOUNDARY + WEEK + MINUTE)

        fields = (
            "week",
            "accounts",
            "scored",
            "average",
            "stalled",
            "at_risk",
            "on_track",
            "exceeded",
            "all_goals_met",
        )
        assert list(WeekRollup.objects.order_by("week").values_list(*fields)) == [
            (SUNDAY + week, 5, 4, Decimal("52.5"), 1, 1, 1, 1, 0) for week in (timedelta(0), WEEK)
        ]
        assert restatements.verify() == []

    def test_a_week_without_scores_has_no_average(self) -> None:
        make_account(at=TUESDAY)
        take(BOUNDARY + MINUTE)

        assert WeekRollup.objects.get().average is None


class TestClock:
    def test_tick_hands_out_what_is_due(self, clock: Any) -> None:
        account = make_account(at=TUESDAY)
        record(make_objective(account, at=TUESDAY), 60, at=TUESDAY)
        clock(BOUNDARY + MINUTE)

        tick.apply(throw=True)
        from objectives.tasks import take_chunk

        take_chunk.apply(kwargs={"first": account.pk, "last": account.pk, "at": timezone.now().isoformat()}, throw=True)

        assert weeks_of(account) == [SUNDAY]
        assert TickRun.objects.get().due == 1
        assert last_tick() == timezone.now()

    @pytest.mark.parametrize("shift", [timedelta(minutes=2), timedelta(weeks=1), timedelta(hours=-1)])
    def test_tick_is_held_while_the_clocks_disagree(self, clock: Any, shift: timedelta) -> None:
        make_account(at=TUESDAY)
        clock(BOUNDARY + MINUTE + shift)
        with at_time(BOUNDARY + MINUTE):
            tick.apply(throw=True)

        assert Snapshot.objects.count() == 0
        assert "no snapshot is taken" in TickRun.objects.get().held

    def test_a_minute_apart_is_tolerated(self, clock: Any) -> None:
        make_account(at=TUESDAY)
        clock(BOUNDARY + MINUTE + timedelta(seconds=59))
        with at_time(BOUNDARY + MINUTE):
            tick.apply(throw=True)

        assert (TickRun.objects.get().due, TickRun.objects.get().held) == (1, "")


@pytest.mark.django_db(transaction=True)
class TestFailure:
    def test_one_account_of_many_fails_the_others_are_done(self, owner_connection: psycopg.Connection[Any]) -> None:
        accounts = [make_account(at=TUESDAY) for _ in range(40)]
        bad = accounts[17]
        owner_connection.execute(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN RAISE EXCEPTION 'no room left'; END $$"
        )
        owner_connection.execute(
            f"CREATE TRIGGER refuse BEFORE INSERT ON objectives_snapshot FOR EACH ROW WHEN (NEW.account_id = {bad.pk})"
            " EXECUTE FUNCTION refuse()"
        )

        taken = snapshots.take_due(at=BOUNDARY + MINUTE)

        assert taken.stored == 39
        assert set(Snapshot.objects.values_list("account_id", flat=True)) == {a.pk for a in accounts} - {bad.pk}
        standing = Standing.objects.get(account=bad)
        assert (standing.failure, standing.failed_at) == ("no room left", BOUNDARY + MINUTE)
        assert (taken.failed, standing.attempts) == (1, 1)

        owner_connection.execute("DROP TRIGGER refuse ON objectives_snapshot")
        assert snapshots.take_due(at=BOUNDARY + 2 * MINUTE).stored == 1
        standing.refresh_from_db()
        assert (standing.failure, standing.failed_at, standing.attempts) == ("", None, 0)

    def test_a_run_knows_what_was_taken_what_failed_and_how_late_however_often_it_is_told(
        self, owner_connection: psycopg.Connection[Any], clock: Any
    ) -> None:
        accounts = [make_account(at=TUESDAY) for _ in range(5)]
        make_account(at=TUESDAY + WEEK)  # with one missed week less
        owner_connection.execute(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN RAISE EXCEPTION 'no room left'; END $$"
        )
        owner_connection.execute(
            "CREATE TRIGGER refuse BEFORE INSERT ON objectives_snapshot FOR EACH ROW"
            f" WHEN (NEW.account_id = {accounts[2].pk}) EXECUTE FUNCTION refuse()"
        )
        run = TickRun.objects.create(started_at=BOUNDARY + WEEK, due=6)
        for minutes in (5, 6):
            clock(BOUNDARY + WEEK + minutes * MINUTE)
            for _ in range(2):
                snapshots.take_chunk(
                    first=accounts[0].pk, last=accounts[0].pk + 10, at=BOUNDARY + WEEK + 5 * MINUTE, run_id=run.pk
                )
        run.refresh_from_db()
        assert (run.taken, run.failed, run.late_seconds) == (9, 1, 7 * 86400 + 300)
        assert Standing.objects.get(account=accounts[2]).attempts == 1

    def test_verify_finds_a_row_that_was_changed(self, owner_connection: psycopg.Connection[Any]) -> None:
        account = make_account(at=TUESDAY)
        record(make_objective(account, at=TUESDAY), 60, at=TUESDAY)
        snapshots.take_due(at=BOUNDARY + MINUTE)
        assert restatements.verify() == []

        owner_connection.execute("UPDATE objectives_snapshot SET value_delivered = 61")

        assert [(d.account_id, d.week) for d in restatements.verify()] == [(account.pk, SUNDAY), (None, SUNDAY)]


def test_a_snapshot_of_a_weekday_is_refused_by_the_database() -> None:
    account = make_account(at=TUESDAY)
    with pytest.raises(Exception, match="objectives_snapshot_week_is_sunday"), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO objectives_snapshot (account_id, week, boundary_at, known_at, timezone, taken_at,"
            " objectives_total, objectives_measured, objectives_met, reconstructed, restated)"
            " VALUES (%s, '2026-03-16', now(), now(), 'UTC', now(), 0, 0, 0, false, false)",
            [account.pk],
        )

"""Record readings: what counts as new, which one is current, what is progress, what is refused."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from threading import Barrier, Thread
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import DatabaseError, connections, transaction
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from accounts.models import Account
from accounts.services.accounts import archive_account
from objectives.models import Objective, Reading, Standing
from objectives.progress import completion_pct, is_progress
from objectives.services.metrics import update_metric
from objectives.services.objectives import archive_objective, update_objective
from objectives.services.readings import ReadingRow, ReadingsRefused, RecordResult, RowError, record_readings
from objectives.services.standings import follow_readings
from tests.factories import at_time, make_account, make_metric, make_objective, record
from valuerealization.common.audit import SYSTEM, Actor
from valuerealization.common.models import AuditEntry

D = Decimal
NOW = datetime(2026, 11, 17, 9, 0, tzinfo=UTC)  # a Tuesday
DAY = timedelta(days=1)
BY = Actor(kind="api_key", id="7", name="API key billing")

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def now(clock: Callable[[datetime], None]) -> None:
    clock(NOW)


@pytest.fixture
def account() -> Account:
    return make_account(timezone="UTC")


@pytest.fixture
def objective(account: Account) -> Objective:
    """From 14 days to 7, started a month ago, not measured yet."""
    return make_objective(account, baseline=14, target=7, unit="days", at=NOW - 30 * DAY)


def row(
    subject: Objective | None = None, value: Decimal | int | str = 9, *, index: int = 0, **fields: Any
) -> ReadingRow:
    if subject is not None:
        fields["objective_id"] = subject.pk
    return ReadingRow(index=index, value=D(value), **fields)


def write(*rows: ReadingRow, at: datetime = NOW, atomic: bool = False) -> RecordResult:
    return record_readings(rows=rows, by=BY, at=at, atomic=atomic)


def tally(result: RecordResult) -> tuple[int, int, int]:
    return result.created, result.unchanged, result.superseded


def fresh(objective: Objective) -> Objective:
    objective.refresh_from_db()
    return objective


class TestKeys:
    def test_the_same_value_again_changes_nothing(self, objective: Objective) -> None:
        write(row(objective, 9))
        before = Objective.objects.filter(pk=objective.pk).values().get()
        assert tally(write(row(objective, "9.000"))) == (0, 1, 0)
        assert Reading.objects.count() == 1
        assert Objective.objects.filter(pk=objective.pk).values().get() == before
        assert AuditEntry.objects.filter(action="readings.recorded").count() == 1

    def test_another_value_supersedes(self, objective: Objective) -> None:
        write(row(objective, 9))
        assert tally(write(row(objective, 8))) == (0, 0, 1)
        assert [r.value for r in Reading.objects.order_by("id")] == [D(9), D(8)]
        assert (fresh(objective).current, objective.completion) == (D(8), D("85.714285714286"))

    def test_back_to_the_first_value_supersedes_again(self, objective: Objective) -> None:
        for value, expected in [(9, (1, 0, 0)), (8, (0, 0, 1)), (9, (0, 0, 1))]:
            assert tally(write(row(objective, value))) == expected
        assert (fresh(objective).current, Reading.objects.count()) == (D(9), 3)

    def test_another_source_is_another_reading(self, objective: Objective) -> None:
        assert tally(write(row(objective, 9, source="Billing"))) == (1, 0, 0)
        assert tally(write(row(objective, 9, source="Survey"))) == (1, 0, 0)

    def test_of_two_sources_at_one_time_the_last_recorded_is_current(self, objective: Objective) -> None:
        write(row(objective, 9, source="Billing"))
        write(row(objective, 8, source="Survey"))
        assert fresh(objective).current == 8
        write(row(objective, 10, source="Billing"))
        assert fresh(objective).current == 10

    def test_duplicates_within_a_batch(self, objective: Objective) -> None:
        result = write(*(row(objective, value, index=i) for i, value in enumerate([9, 9, 8, 8, 9])))
        assert tally(result) == (1, 2, 2)
        assert [r.value for r in Reading.objects.order_by("id")] == [D(9), D(8), D(9)]
        assert fresh(objective).current == 9

    def test_a_metric_of_each_customer_has_its_own_keys(self, account: Account) -> None:
        metric, other = make_metric(), make_account()
        rows = [row(value=5, index=i, metric_key=metric.key, customer_id=a.pk) for i, a in enumerate([account, other])]
        assert tally(write(*rows)) == (2, 0, 0)
        assert tally(write(*rows)) == (0, 2, 0)

    def test_a_reading_names_the_version_it_was_taken_under(self, account: Account) -> None:
        metric = make_metric()
        record(metric, 5, account=account, at=NOW - DAY)
        update_metric(metric=metric, by=BY, at=NOW, methodology="Counted another way")
        record(metric, 6, account=account)
        assert list(Reading.objects.order_by("id").values_list("metric_version", flat=True)) == [1, 2]

    def test_everything_given_is_kept(self, objective: Objective) -> None:
        seen = NOW - DAY
        write(
            row(
                objective,
                "9.5",
                observed_at=seen,
                source="Survey",
                confidence="low",
                note="Estimated",
                external_id="R1",
            )
        )
        reading = Reading.objects.get()
        assert (reading.value, reading.observed_at, reading.recorded_at) == (D("9.5"), seen, NOW)
        assert (reading.source, reading.confidence, reading.note) == ("Survey", "low", "Estimated")
        assert (reading.external_id, reading.recorded_by) == ("R1", "API key billing")


class TestNames:
    def test_customer_and_objective_by_external_id(self, account: Account) -> None:
        customer = make_account(external_id="CRM-1")
        objective = make_objective(customer, external_id="OBJ-1")
        metric = make_metric()
        result = write(
            row(value=5, index=0, objective_external_id="OBJ-1"),
            row(value=5, index=1, metric_key=metric.key, customer_external_id="CRM-1"),
            row(value=6, index=2, objective_external_id="OBJ-1", customer_id=customer.pk, observed_at=NOW - DAY),
        )
        assert tally(result) == (3, 0, 0)
        assert set(Reading.objects.values_list("account_id", flat=True)) == {customer.pk}
        assert fresh(objective).current == 5

    @pytest.mark.parametrize(
        ("fields", "expected"),
        [
            ({"objective_id": 0}, ("objective", "not_found")),
            ({"objective_external_id": "nope"}, ("objective", "not_found")),
            ({"customer_id": 0, "metric_key": "nope"}, ("customer", "not_found")),
            ({"customer_external_id": "nope", "metric_key": "nope"}, ("customer", "not_found")),
        ],
    )
    def test_unknown_ones_are_named(self, fields: dict[str, Any], expected: tuple[str, str]) -> None:
        (error,) = write(row(**fields)).errors
        assert (error.field, error.code) == expected

    def test_an_unknown_metric_is_named(self, account: Account) -> None:
        (error,) = write(row(customer_id=account.pk, metric_key="nope")).errors
        assert (error.field, error.code) == ("metric", "not_found")

    def test_an_objective_of_another_customer_is_refused(self, objective: Objective) -> None:
        (error,) = write(row(objective, customer_id=make_account().pk)).errors
        assert (error.field, error.code) == ("objective", "other_customer")


class TestRefusals:
    def test_a_first_value_equal_to_the_baseline(self, objective: Objective) -> None:
        (error,) = write(row(objective, 14)).errors
        assert error == RowError(
            0,
            "value",
            "no_progress_yet",
            "No progress to measure yet: this equals the baseline. Record the first value that differs from it.",
        )
        assert fresh(objective).current is None

    def test_also_before_another_first_value_in_the_batch(self, objective: Objective) -> None:
        result = write(row(objective, 14, index=0), row(objective, 9, index=1, observed_at=NOW - DAY))
        assert [(error.index, error.code) for error in result.errors] == [(0, "no_progress_yet")]
        assert fresh(objective).current == 9

    def test_after_another_value_it_is_kept(self, objective: Objective) -> None:
        result = write(row(objective, 9, index=0, observed_at=NOW - DAY), row(objective, 14, index=1))
        assert tally(result) == (2, 0, 0)
        assert (fresh(objective).current, objective.completion) == (D(14), 0)

    def test_a_metric_may_start_at_the_baseline(self, account: Account) -> None:
        metric = make_metric()
        objective = make_objective(account, metric=metric, baseline=14, target=7)
        assert tally(write(row(value=14, metric_key=metric.key, customer_id=account.pk))) == (1, 0, 0)
        assert fresh(objective).completion == 0

    @pytest.mark.parametrize(
        ("value", "code"),
        [
            ("NaN", "not_finite"), ("sNaN", "not_finite"), ("Infinity", "not_finite"), ("-Infinity", "not_finite"),
            ("1E+14", "too_many_digits"), ("-100000000000000", "too_many_digits"), ("0.0000001", "too_many_decimals"),
        ],
    )  # fmt: skip
    def test_what_is_no_storable_number(self, objective: Objective, value: str, code: str) -> None:
        result = write(row(objective, value, index=0), row(objective, 9, index=1))
        assert [(error.index, error.field, error.code) for error in result.errors] == [(0, "value", code)]
        assert tally(result) == (1, 0, 0)
        assert fresh(objective).current == 9

    def test_the_largest_numbers_are_stored_as_they_are(self, account: Account) -> None:
        objective = make_objective(account)
        write(row(objective, "99999999999999.999999"))
        assert fresh(objective).current == D("99999999999999.999999")

    def test_more_than_five_minutes_ahead(self, objective: Objective) -> None:
        (error,) = write(row(objective, observed_at=NOW + timedelta(minutes=5, seconds=1))).errors
        assert (error.field, error.code) == ("observed_at", "in_future")

    def test_up_to_five_minutes_ahead_is_a_clock_that_differs(self, objective: Objective) -> None:
        assert tally(write(row(objective, observed_at=NOW + timedelta(minutes=5)))) == (1, 0, 0)

    def test_a_mistyped_year(self, objective: Objective) -> None:
        (error,) = write(row(objective, observed_at=datetime(202, 11, 17, tzinfo=UTC))).errors
        assert (error.field, error.code) == ("observed_at", "out_of_range")

    def test_an_archived_objective(self, objective: Objective) -> None:
        archive_objective(objective=objective, by=SYSTEM, at=NOW)
        (error,) = write(row(objective)).errors
        assert (error.field, error.code) == ("objective", "archived")

    def test_an_archived_account(self, account: Account, objective: Objective) -> None:
        metric = make_metric()
        archive_account(account=account, by=SYSTEM, at=NOW)
        result = write(row(objective), row(index=1, metric_key=metric.key, customer_id=account.pk))
        assert [(error.field, error.code) for error in result.errors] == [("customer", "archived")] * 2

    @pytest.mark.parametrize("completion_type", ["manual", "attribute"])
    def test_an_objective_that_is_not_value_based(self, account: Account, completion_type: str) -> None:
        metric = make_metric() if completion_type == "attribute" else None
        objective = make_objective(account, completion_type=completion_type, metric=metric)
        (error,) = write(row(objective)).errors
        assert (error.field, error.code) == ("objective", "not_value_based")

    def test_good_rows_are_kept_and_bad_ones_listed_in_order(self, objective: Objective) -> None:
        result = write(
            row(index=7, objective_id=0),
            row(objective, 9, index=5),
            row(objective, "NaN", index=2),
            row(objective, 8, index=9, observed_at=NOW + DAY),
        )
        assert [(e.index, e.field, e.code) for e in result.errors] == [
            (2, "value", "not_finite"),
            (7, "objective", "not_found"),
            (9, "observed_at", "in_future"),
        ]
        assert tally(result) == (1, 0, 0)
        assert fresh(objective).current == 9

    def test_all_or_none(self, objective: Objective) -> None:
        with pytest.raises(ReadingsRefused) as caught:
            write(row(objective, 9, index=0), row(objective, "NaN", index=1), atomic=True)
        assert [(error.index, error.code) for error in caught.value.errors] == [(1, "not_finite")]
        assert not Reading.objects.exists()
        assert fresh(objective).current is None

    def test_nothing_to_record_is_fine(self) -> None:
        result = write()
        assert (tally(result), result.errors, result.reading_ids) == ((0, 0, 0), [], [])

    def test_the_applications_role_can_neither_change_nor_remove_a_reading(self, objective: Objective) -> None:
        write(row(objective))
        for change in (lambda: Reading.objects.update(value=1), lambda: Reading.objects.all()._raw_delete("default")):
            with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
                change()


class TestCurrent:
    def test_the_one_observed_last_whatever_arrives_last(self, objective: Objective) -> None:
        write(row(objective, 8, observed_at=NOW - DAY))
        write(row(objective, 12, observed_at=NOW - 5 * DAY))
        assert (fresh(objective).current, objective.measured_at) == (D(8), NOW - DAY)

    def test_a_correction_of_the_past_leaves_current_alone(self, objective: Objective) -> None:
        write(row(objective, 12, observed_at=NOW - 5 * DAY), row(objective, 8, index=1, observed_at=NOW - DAY))
        write(row(objective, 11, observed_at=NOW - 5 * DAY))
        assert fresh(objective).current == 8

    def test_a_batch_moves_each_account_once(self, account: Account) -> None:
        first, second = (make_objective(account) for _ in range(2))
        result = write(row(first, 40), row(second, 60, index=1))
        assert result.account_ids == [account.pk]
        assert Standing.objects.get(account=account).value_delivered == 50
        entry = AuditEntry.objects.get(action="readings.recorded")
        assert (entry.account_id, entry.details["count"]) == (account.pk, 2)


class TestProgress:
    """Domain 2.1, one sentence at a time."""

    def test_a_reading_that_raises_completion_over_the_one_before(self, objective: Objective) -> None:
        self.series(objective, {5: 12, 2: 9})
        assert fresh(objective).last_progress_at == NOW - 2 * DAY

    def test_a_first_one_above_0(self, objective: Objective) -> None:
        self.series(objective, {5: 12})
        assert fresh(objective).last_progress_at == NOW - 5 * DAY

    def test_a_first_one_that_went_the_wrong_way_is_none(self, objective: Objective) -> None:
        self.series(objective, {5: 16})
        assert fresh(objective).last_progress_at is None

    def test_coming_back_from_below_0_is_progress(self, objective: Objective) -> None:
        self.series(objective, {5: 16, 2: 15})
        assert fresh(objective).last_progress_at == NOW - 2 * DAY

    def test_a_repeat_is_none(self, objective: Objective) -> None:
        self.series(objective, {5: 12, 2: 12})
        assert fresh(objective).last_progress_at == NOW - 5 * DAY

    def test_a_fall_is_none(self, objective: Objective) -> None:
        self.series(objective, {5: 9, 2: 12})
        assert fresh(objective).last_progress_at == NOW - 5 * DAY

    def test_rising_again_after_a_fall_is_progress_even_below_the_best(self, objective: Objective) -> None:
        self.series(objective, {5: 9, 4: 12, 2: 11})
        assert fresh(objective).last_progress_at == NOW - 2 * DAY

    def test_beyond_the_target_is_progress_too(self, objective: Objective) -> None:
        self.series(objective, {5: 7, 2: 6})
        assert fresh(objective).last_progress_at == NOW - 2 * DAY

    def test_before_the_start_is_none(self, account: Account) -> None:
        objective = make_objective(account, baseline=14, target=7, started_on=(NOW - 3 * DAY).date())
        self.series(objective, {5: 12})
        assert fresh(objective).last_progress_at is None
        self.series(objective, {3: 11})
        assert fresh(objective).last_progress_at == NOW - 3 * DAY

    def test_the_day_of_the_start_is_the_accounts(self) -> None:
        account = make_account(timezone="Pacific/Auckland")  # 13 hours ahead
        objective = make_objective(account, baseline=14, target=7, started_on=date(2026, 11, 16))
        write(row(objective, 12, observed_at=datetime(2026, 11, 15, 10, 59, tzinfo=UTC)))
        assert fresh(objective).last_progress_at is None
        write(row(objective, 11, observed_at=datetime(2026, 11, 15, 11, 0, tzinfo=UTC)))
        assert fresh(objective).last_progress_at == datetime(2026, 11, 15, 11, 0, tzinfo=UTC)

    def test_a_superseded_one_never_was(self, objective: Objective) -> None:
        self.series(objective, {5: 12})
        self.series(objective, {2: 9})
        self.series(objective, {2: 12})
        assert fresh(objective).last_progress_at == NOW - 5 * DAY

    def test_the_past_filled_in_later_can_take_progress_away(self, objective: Objective) -> None:
        self.series(objective, {5: 12, 2: 9})
        self.series(objective, {3: 8})
        assert fresh(objective).last_progress_at == NOW - 3 * DAY

    def test_an_edit_of_the_definition_is_none(self, objective: Objective) -> None:
        self.series(objective, {5: 12})
        edited = update_objective(objective=objective, by=BY, at=NOW, baseline=D(20), target=D(10))
        assert (edited.completion, edited.last_progress_at) == (D(80), NOW - 5 * DAY)

    def test_completions_are_compared_under_the_definition_in_force(self, objective: Objective) -> None:
        self.series(objective, {5: 12, 4: 13})
        with at_time(NOW - 3 * DAY):
            update_objective(objective=objective, by=BY, at=NOW - 3 * DAY, baseline=D(10), target=D(20))
        self.series(objective, {2: 12})  # now a fall
        assert fresh(objective).last_progress_at == NOW - 5 * DAY
        self.series(objective, {1: 13})
        assert fresh(objective).last_progress_at == NOW - DAY

    @staticmethod
    def series(objective: Objective, values: dict[int, int]) -> None:
        """Record values by days ago."""
        for index, (days, value) in enumerate(values.items()):
            write(row(objective, value, index=index, observed_at=NOW - days * DAY))


@dataclass
class Oracle:
    """One objective's state, worked out from the rules of domain 2.1 and 3 in plain Python."""

    started_on: date
    timezone: str
    first_value_may_be_baseline: bool
    definitions: list[tuple[datetime, Decimal, Decimal]]
    stored: list[tuple[datetime, str, Decimal]] = field(default_factory=list)  # in the order recorded

    def arrive(self, batch: Iterable[tuple[datetime, str, Decimal]]) -> tuple[tuple[int, int, int], list[int]]:
        """Take in a batch; returns the counts and the indices refused."""
        created = unchanged = superseded = 0
        refused = []
        _, baseline, _ = self.definitions[-1]
        was_measured = bool(self.stored)
        differs_already = False
        for index, (observed_at, source, value) in enumerate(batch):
            if not (self.first_value_may_be_baseline or was_measured or differs_already) and value == baseline:
                refused.append(index)
                continue
            differs_already |= value != baseline
            same_key = [v for at, s, v in self.stored if (at, s) == (observed_at, source)]
            if same_key and same_key[-1] == value:
                unchanged += 1
                continue
            created += not same_key
            superseded += bool(same_key)
            self.stored.append((observed_at, source, value))
        return (created, unchanged, superseded), refused

    def state(self) -> tuple[Decimal | None, datetime | None, datetime | None]:
        """Give current, its time, and the last progress."""
        last_of_key = {(at, source): number for number, (at, source, _) in enumerate(self.stored)}
        series = sorted((self.stored[number][0], number, self.stored[number][2]) for number in last_of_key.values())
        progress = None
        before: Decimal | None = None
        for at, _, value in series:
            _, baseline, target = next((d for d in reversed(self.definitions) if d[0] <= at), self.definitions[0])
            if (
                is_progress(
                    before=completion_pct(baseline=baseline, current=before, target=target),
                    after=completion_pct(baseline=baseline, current=value, target=target),
                )
                and at.astimezone(ZoneInfo(self.timezone)).date() >= self.started_on
            ):
                progress = at
            before = value
        return (series[-1][2], series[-1][0], progress) if series else (None, None, None)


numbers = st.integers(0, 5).map(D)
instants = st.integers(0, 40).map(lambda steps: NOW - timedelta(hours=6 * steps))
arrivals = st.lists(st.tuples(instants, st.sampled_from(["", "b"]), numbers), min_size=1, max_size=5)
edits = st.tuples(numbers, numbers).filter(lambda pair: pair[0] != pair[1])
histories = st.lists(st.one_of(arrivals, edits), min_size=1, max_size=8)


@settings(
    max_examples=60, deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
@example(
    history=[[(NOW - DAY, "", D(3))], (D(5), D(0)), [(NOW, "", D(2)), (NOW - 2 * DAY, "b", D(1))]], metric=False,
    timezone="UTC",
)  # fmt: skip
@given(
    history=histories,
    metric=st.booleans(),
    timezone=st.sampled_from(["UTC", "Pacific/Auckland", "America/St_Johns"]),
)
def test_any_order_of_arrival_gives_what_the_rules_say(history: list[Any], metric: bool, timezone: str) -> None:
    """Step by step equals the oracle, and equals reading the whole history anew."""
    made_at = NOW - 11 * DAY
    started_on = (NOW - 6 * DAY).date()
    account = make_account(timezone=timezone)
    of = make_metric() if metric else None
    goal = make_objective(account, metric=of, baseline=1, target=4, started_on=started_on, at=made_at)
    oracle = Oracle(started_on, timezone, metric, [(made_at, D(1), D(4))])
    for step, action in enumerate(history):
        # Edits fall between the observations, in the order in which they are made.
        at = NOW - 9 * DAY + timedelta(hours=step * 27)
        if isinstance(action, tuple):
            baseline, target = action
            with at_time(at):
                goal = update_objective(objective=goal, by=BY, at=at, baseline=baseline, target=target)
            if oracle.definitions[-1][1:] != (baseline, target):
                oracle.definitions.append((at, baseline, target))
        else:
            subject = {"metric_key": of.key, "customer_id": account.pk} if of else {"objective_id": goal.pk}
            result = write(
                *(
                    ReadingRow(index=i, value=value, observed_at=observed_at, source=source, **subject)
                    for i, (observed_at, source, value) in enumerate(action)
                )
            )
            assert (tally(result), [error.index for error in result.errors]) == oracle.arrive(action)
        goal.refresh_from_db()
        stepwise = goal.current, goal.measured_at, goal.last_progress_at
        assert stepwise == oracle.state()
        follow_readings(objective_ids=[goal.pk])
        goal.refresh_from_db()
        assert (goal.current, goal.measured_at, goal.last_progress_at) == stepwise
        assert goal.completion == completion_pct(baseline=goal.baseline, current=goal.current, target=goal.target)


@pytest.mark.django_db(transaction=True)
def test_two_writers_who_name_the_accounts_in_opposite_order_both_finish() -> None:
    """Accounts are locked in id order, so nobody waits in a circle, and no score is lost."""
    accounts = [make_account(), make_account()]
    goals = [[make_objective(account, at=NOW - DAY) for _ in range(2)] for account in accounts]
    start = Barrier(2)
    failures: list[BaseException] = []

    def keep_writing(writer: int) -> None:
        try:
            start.wait()
            for step in range(15):
                rows = [row(goals[a][writer], step + 1, index=a, source=str(step)) for a in (0, 1)]
                write(*(rows if writer else reversed(rows)))
        except BaseException as error:
            failures.append(error)
        finally:
            connections.close_all()

    threads = [Thread(target=keep_writing, args=[writer]) for writer in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert list(Standing.objects.values_list("value_delivered", flat=True)) == [D(15), D(15)]
    assert Reading.objects.count() == 60

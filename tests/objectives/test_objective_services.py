"""Create, change, archive and restore objectives: refusals, readings typed in with them, revisions, audit."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from threading import Thread
from typing import Any

import pytest
from django.db import connection, connections, transaction

from accounts.models import Account
from accounts.services.accounts import archive_account
from objectives.models import Objective, ObjectiveRevision, Reading, Standing
from objectives.services.metrics import update_metric
from objectives.services.objectives import (
    ObjectiveRefused,
    archive_objective,
    create_objective,
    restore_objective,
    update_objective,
)
from tests.factories import make_account, make_metric, make_objective, make_user, record
from valuerealization.common.audit import SYSTEM, Actor
from valuerealization.common.models import AuditEntry

D = Decimal
NOW = datetime(2026, 11, 17, 9, 0, tzinfo=UTC)  # a Tuesday
TODAY = NOW.date()
BY = Actor(kind="user", id="7", name="Amara Okafor")

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def now(clock: Callable[[datetime], None]) -> None:
    clock(NOW)


@pytest.fixture
def account() -> Account:
    return make_account(timezone="UTC")


def create(account: Account, **fields: Any) -> Objective:
    given = {"title": "Cut onboarding time", "baseline": D(14), "target": D(7), "unit": "days", **fields}
    return create_objective(account=account, by=BY, at=NOW, **given)


def update(objective: Objective, *, at: datetime = NOW, **fields: Any) -> Objective:
    return update_objective(objective=objective, by=BY, at=at, **fields)


def refused(call: Callable[[], object]) -> list[tuple[str, str]]:
    with pytest.raises(ObjectiveRefused) as caught:
        call()
    return [(reason.field, reason.code) for reason in caught.value.refusals]


class TestCreate:
    def test_a_number_typed_in_is_the_first_reading_observed_now(self, account: Account) -> None:
        objective = create(account, current=D(9), source="Carrier report", confidence="medium")
        assert (objective.current, objective.completion) == (D(9), D("71.428571428571"))
        assert (objective.measured_at, objective.last_progress_at) == (NOW, NOW)
        reading = Reading.objects.get()
        assert objective.reading_id == reading.pk
        assert (reading.objective_id, reading.account_id, reading.metric_id) == (objective.pk, account.pk, None)
        assert (reading.value, reading.source, reading.confidence) == (D(9), "Carrier report", "medium")
        assert (reading.observed_at, reading.recorded_by) == (NOW, "Amara Okafor")

    def test_without_a_number_it_is_not_measured_yet(self, account: Account) -> None:
        objective = create(account)
        assert (objective.current, objective.completion, objective.measured_at) == (None, None, None)
        assert not objective.is_met
        assert not Reading.objects.exists()

    def test_it_starts_on_the_day_it_is_at_the_accounts_place(self) -> None:
        assert create(make_account(timezone="Pacific/Auckland")).started_on == date(2026, 11, 17)
        assert create(make_account(timezone="Pacific/Honolulu")).started_on == date(2026, 11, 16)

    def test_a_start_that_is_not_given_is_today(self, account: Account) -> None:
        assert create(account, started_on=None).started_on == TODAY

    def test_the_standing_moves_in_the_same_transaction(self, account: Account) -> None:
        create(account, current=D(9))
        create(account, completion_type="manual", baseline=None, target=None, unit="")
        standing = Standing.objects.get(account=account)
        assert (standing.value_delivered, standing.status) == (D("71.428571"), "on_track")
        counts = standing.objectives_total, standing.objectives_measured, standing.objectives_manual
        assert counts == (1, 1, 1)

    def test_the_first_revision_and_the_audit_entry_name_who_made_it(self, account: Account) -> None:
        objective = create(account)
        revision = ObjectiveRevision.objects.get(objective=objective)
        assert (revision.number, revision.changed_by, revision.reason) == (1, "Amara Okafor", "Created")
        assert (revision.valid_from, revision.baseline, revision.archived) == (NOW, D(14), False)
        entry = AuditEntry.objects.get(action="objective.created")
        assert (entry.actor_name, entry.account_id, entry.subject_id) == ("Amara Okafor", account.pk, objective.pk)
        assert entry.details["target"] == [None, "7"]

    def test_a_unit_that_is_not_given_comes_from_the_metric(self, account: Account) -> None:
        metric = make_metric(unit="custom", unit_label="disputes", kind="activity")
        objective = create(account, completion_type="attribute", metric=metric, unit="")
        assert (objective.unit, objective.unit_label, objective.kind) == ("custom", "disputes", "activity")

    def test_a_label_belongs_to_custom_units_only(self, account: Account) -> None:
        assert create(account, unit="days", unit_label="disputes").unit_label == ""

    def test_an_archived_account_takes_none(self, account: Account) -> None:
        archive_account(account=account, by=SYSTEM, at=NOW)
        assert refused(lambda: create(account)) == [("customer", "archived")]


class TestRefusals:
    @pytest.mark.parametrize(
        ("fields", "expected"),
        [
            ({"target": D(14)}, [("target", "baseline_equals_target")]),
            ({"current": D(14)}, [("current", "no_progress_yet")]),
            ({"baseline": None}, [("baseline", "required")]),
            ({"target": None}, [("target", "required")]),
            ({"weight": D(0)}, [("weight", "weight_out_of_range")]),
            ({"weight": D("100.000001")}, [("weight", "weight_out_of_range")]),
            ({"weight": D("0.0000001")}, [("weight", "max_decimal_places")]),
            ({"unit": "custom"}, [("unit_label", "required")]),
            ({"unit": "furlongs"}, [("unit", "invalid_choice")]),
            ({"unit": "custom", "unit_label": "x" * 25}, [("unit_label", "max_length")]),
            ({"due_on": TODAY}, [("due_on", "due_before_start")]),
            (
                {"started_on": TODAY - timedelta(days=9), "due_on": TODAY - timedelta(days=1)},
                [("due_on", "due_in_past")],
            ),
            ({"done": True}, [("done", "only_for_manual")]),
            ({"title": ""}, [("title", "blank")]),
            ({"title": "x" * 201}, [("title", "max_length")]),
            ({"external_id": "x" * 129}, [("external_id", "max_length")]),
            ({"completion_type": "attribute"}, [("metric", "required")]),
            ({"completion_type": "manual"}, [("baseline", "not_for_manual"), ("target", "not_for_manual")]),
            ({"baseline": D(10) ** 14}, [("baseline", "max_whole_digits")]),
            ({"target": D("0.0000001")}, [("target", "max_decimal_places")]),
            ({"title": "", "target": D(14)}, [("target", "baseline_equals_target"), ("title", "blank")]),
        ],
    )
    def test_nothing_is_saved(self, account: Account, fields: dict[str, Any], expected: list[tuple[str, str]]) -> None:
        assert refused(lambda: create(account, **fields)) == expected
        assert not Objective.objects.exists()
        assert not ObjectiveRevision.objects.exists()
        assert not AuditEntry.objects.filter(action="objective.created").exists()

    def test_weight_is_fine_at_its_upper_end(self, account: Account) -> None:
        assert create(account, weight=D(100)).weight == 100

    def test_a_metric_belongs_to_attribute_based_ones(self, account: Account) -> None:
        assert refused(lambda: create(account, metric=make_metric())) == [("metric", "only_for_attribute")]

    def test_the_current_value_of_a_synced_one_is_not_typed_in(self, account: Account) -> None:
        assert refused(lambda: create(account, completion_type="attribute", metric=make_metric(), current=D(9))) == [
            ("current", "synced")
        ]

    def test_an_external_id_is_used_once(self, account: Account) -> None:
        create(account, external_id="OBJ-7")
        assert refused(lambda: create(account, external_id="OBJ-7")) == [("external_id", "unique")]
        other = create(account, external_id="OBJ-8")
        assert refused(lambda: update(other, external_id="OBJ-7")) == [("external_id", "unique")]

    def test_no_external_id_is_not_a_duplicate(self, account: Account) -> None:
        assert [create(account, external_id=given).external_id for given in ("", "", None)] == [None, None, None]


class TestUpdate:
    def test_a_changed_definition_is_a_revision_with_its_reason(self, account: Account) -> None:
        objective = create(account, current=D(9))
        objective = update(objective, target=D(6), reason="Agreed with the customer")
        assert (objective.revision, objective.completion) == (2, D("62.500000000000"))
        first, second = ObjectiveRevision.objects.filter(objective=objective).order_by("number")
        assert (first.target, second.target) == (D(7), D(6))
        assert (second.changed_by, second.reason) == ("Amara Okafor", "Agreed with the customer")
        entry = AuditEntry.objects.get(action="objective.updated")
        assert entry.details == {"target": ["7.000000", "6"], "reason": "Agreed with the customer"}

    @pytest.mark.parametrize(
        "fields",
        [
            {"title": "Shorten onboarding"}, {"baseline": D(15)}, {"weight": D(2)}, {"unit": "score"},
            {"started_on": TODAY - timedelta(days=3)}, {"due_on": TODAY + timedelta(days=9)},
            {"show_in_portal": True}, {"methodology": "Median of the last 30 days"},
        ],
    )  # fmt: skip
    def test_everything_a_snapshot_stores_is_revisioned(self, account: Account, fields: dict[str, Any]) -> None:
        assert update(create(account), **fields).revision == 2

    def test_other_fields_are_audited_but_no_revision(self, account: Account) -> None:
        objective = update(create(account), details="In words", owner=make_user(), source="Report", external_id="OBJ-1")
        assert objective.revision == 1
        entry = AuditEntry.objects.get(action="objective.updated")
        assert sorted(entry.details) == ["details", "external_id", "owner", "source"]

    def test_saving_without_a_change_writes_nothing(self, account: Account) -> None:
        objective = create(account, current=D(9))
        before = Objective.objects.filter(pk=objective.pk).values().get()
        entries = AuditEntry.objects.count()
        update(objective, title=objective.title, target=D("7.000000"), current=D("9.0"))
        assert Objective.objects.filter(pk=objective.pk).values().get() == before
        assert (AuditEntry.objects.count(), Reading.objects.count()) == (entries, 1)

    def test_a_new_number_is_a_reading_and_no_revision(self, account: Account, clock: Any) -> None:
        objective = create(account, current=D(9))
        clock(NOW + timedelta(days=1))
        objective = update(objective, at=NOW + timedelta(days=1), current=D(8))
        assert (objective.current, objective.revision, Reading.objects.count()) == (D(8), 1, 2)
        assert objective.last_progress_at == NOW + timedelta(days=1)

    def test_an_edit_is_no_progress(self, account: Account, clock: Any) -> None:
        objective = create(account, current=D(9))
        clock(NOW + timedelta(days=1))
        objective = update(objective, at=NOW + timedelta(days=1), target=D(10))
        assert objective.completion == D(125)
        assert objective.last_progress_at == NOW

    def test_a_later_start_takes_away_the_progress_before_it(self, account: Account) -> None:
        objective = create(account, current=D(9))
        assert update(objective, started_on=TODAY + timedelta(days=1)).last_progress_at is None
        assert update(objective, started_on=TODAY).last_progress_at == NOW

    def test_a_start_is_not_taken_away(self, account: Account) -> None:
        objective = create(account)
        assert refused(lambda: update(objective, started_on=None)) == [("started_on", "required")]

    def test_an_archived_account_is_not_changed(self, account: Account) -> None:
        objective = create(account, current=D(9))
        archive_account(account=account, by=SYSTEM, at=NOW)
        assert refused(lambda: update(objective, title="Other")) == [("customer", "archived")]
        assert refused(lambda: update(objective, current=D(8))) == [("customer", "archived")]

    def test_a_number_typed_into_an_archived_objective_is_refused(self, account: Account) -> None:
        objective = archive_objective(objective=create(account, current=D(9)), by=BY, at=NOW)
        assert refused(lambda: update(objective, current=D(8))) == [("objective", "archived")]


class TestFirstMeasurement:
    def test_a_first_number_equal_to_the_baseline_is_refused(self, account: Account) -> None:
        objective = create(account)
        assert refused(lambda: update(objective, current=D(14))) == [("current", "no_progress_yet")]

    def test_also_when_the_baseline_moves_onto_it_in_the_same_edit(self, account: Account) -> None:
        objective = create(account)
        assert refused(lambda: update(objective, baseline=D(12), current=D(12))) == [("current", "no_progress_yet")]

    def test_a_later_fall_back_to_the_baseline_is_kept_and_counts_0(self, account: Account, clock: Any) -> None:
        objective = create(account, current=D(9))
        create(account, title="Other", baseline=D(0), target=D(10), current=D(8))
        clock(NOW + timedelta(hours=1))
        objective = update(objective, at=NOW + timedelta(hours=1), current=D(14))
        assert (objective.current, objective.completion) == (D(14), 0)
        assert Standing.objects.get(account=account).value_delivered == 40

    def test_an_edit_may_put_the_baseline_on_a_measured_value(self, account: Account) -> None:
        objective = update(create(account, current=D(9)), baseline=D(9))
        assert (objective.current, objective.completion) == (D(9), 0)


class TestDueDate:
    def test_one_that_is_changed_may_not_lie_in_the_past(self, account: Account) -> None:
        objective = create(account, started_on=TODAY - timedelta(days=90), due_on=TODAY + timedelta(days=5))
        assert refused(lambda: update(objective, due_on=TODAY - timedelta(days=1))) == [("due_on", "due_in_past")]

    def test_one_that_has_passed_meanwhile_stays(self, account: Account, clock: Any) -> None:
        objective = create(account, due_on=TODAY + timedelta(days=5))
        later = NOW + timedelta(days=30)
        clock(later)
        objective = update(objective, at=later, due_on=objective.due_on, title="Renamed")
        assert objective.due_on == TODAY + timedelta(days=5)

    def test_the_day_is_the_accounts(self, clock: Any) -> None:
        here = make_account(timezone="Pacific/Auckland")  # already the 18th there
        late = datetime(2026, 11, 17, 12, tzinfo=UTC)
        clock(late)
        fields: dict[str, Any] = {"title": "Goal", "baseline": D(0), "target": D(1), "started_on": date(2026, 11, 1)}
        with pytest.raises(ObjectiveRefused) as caught:
            create_objective(account=here, by=BY, at=late, due_on=date(2026, 11, 17), **fields)
        assert [reason.code for reason in caught.value.refusals] == ["due_in_past"]


class TestTypes:
    def test_value_based_to_manual_leaves_the_mean(self, account: Account) -> None:
        objective = create(account, current=D(9))
        objective = update(objective, completion_type="manual", baseline=None, target=None, unit="", done=True)
        assert (objective.current, objective.completion, objective.done) == (None, None, True)
        assert objective.last_progress_at is None
        standing = Standing.objects.get(account=account)
        assert (standing.value_delivered, standing.status, standing.objectives_manual) == (None, None, 1)

    def test_and_back_again_its_readings_are_still_there(self, account: Account) -> None:
        objective = create(account, current=D(9))
        objective = update(objective, completion_type="manual", baseline=None, target=None, done=True)
        objective = update(objective, completion_type="value", baseline=D(14), target=D(7), done=False)
        assert (objective.current, objective.completion) == (D(9), D("71.428571428571"))
        assert (objective.last_progress_at, objective.revision) == (NOW, 3)

    def test_a_measured_one_that_comes_back_may_stand_at_its_baseline(self, account: Account, clock: Any) -> None:
        objective = create(account, current=D(9))
        objective = update(objective, completion_type="manual", baseline=None, target=None)
        clock(NOW + timedelta(hours=1))
        objective = update(
            objective, at=NOW + timedelta(hours=1), completion_type="value", baseline=D(14), target=D(7), current=D(14)
        )
        assert (objective.current, objective.completion) == (D(14), 0)

    def test_attribute_based_takes_over_what_the_metric_has(self, account: Account) -> None:
        metric = make_metric(unit="days")
        record(metric, 10, account=account, at=NOW - timedelta(days=2))
        objective = create(account, current=D(9))
        objective = update(objective, completion_type="attribute", metric=metric)
        assert (objective.current, objective.measured_at) == (D(10), NOW - timedelta(days=2))

    def test_attribute_to_value_without_a_number_is_not_measured_yet(self, account: Account) -> None:
        objective = self._synced(account, value=9)
        objective = update(objective, completion_type="value", metric=None)
        assert (objective.current, objective.completion, objective.measured_at) == (None, None, None)

    def test_attribute_to_value_keeping_the_number_records_it(self, account: Account) -> None:
        objective = self._synced(account, value=9)
        objective = update(objective, completion_type="value", metric=None, current=D(9))
        assert (objective.current, objective.measured_at) == (D(9), NOW)
        assert Reading.objects.filter(objective=objective).count() == 1

    def test_attribute_to_value_at_the_baseline_is_a_first_measurement(self, account: Account) -> None:
        objective = self._synced(account, value=14)
        assert objective.completion == 0
        assert refused(lambda: update(objective, completion_type="value", metric=None, current=D(14))) == [
            ("current", "no_progress_yet")
        ]

    @staticmethod
    def _synced(account: Account, *, value: int) -> Objective:
        metric = make_metric(unit="days")
        record(metric, value, account=account, at=NOW - timedelta(days=2))
        return create(account, completion_type="attribute", metric=metric, started_on=TODAY - timedelta(days=30))


class TestAttributeSync:
    def test_it_moves_in_the_transaction_in_which_the_reading_lands(self, account: Account) -> None:
        metric = make_metric(unit="days")
        objective = create(account, completion_type="attribute", metric=metric)
        with transaction.atomic():
            record(metric, 9, account=account)
            objective.refresh_from_db()
            assert (objective.current, objective.measured_at) == (D(9), NOW)
            assert Standing.objects.get(account=account).value_delivered == D("71.428571")
            transaction.set_rollback(True)
        objective.refresh_from_db()
        assert (objective.current, objective.measured_at, objective.reading_id) == (None, None, None)
        assert Standing.objects.get(account=account).value_delivered is None

    def test_a_value_equal_to_the_baseline_counts_0(self, account: Account) -> None:
        metric = make_metric()
        objective = create(account, completion_type="attribute", metric=metric)
        record(metric, 14, account=account)
        objective.refresh_from_db()
        assert (objective.current, objective.completion) == (D(14), 0)

    def test_what_was_recorded_before_is_taken_in(self, account: Account) -> None:
        metric = make_metric()
        record(metric, 11, account=account, at=NOW - timedelta(days=1))
        objective = create(account, completion_type="attribute", metric=metric)
        assert (objective.current, objective.measured_at) == (D(11), NOW - timedelta(days=1))
        assert objective.last_progress_at is None  # before it started

    def test_another_customers_metric_is_not_ours(self, account: Account) -> None:
        metric = make_metric()
        objective = create(account, completion_type="attribute", metric=metric)
        record(metric, 9, account=make_account())
        objective.refresh_from_db()
        assert objective.current is None

    def test_every_objective_on_the_metric_moves(self, account: Account) -> None:
        metric = make_metric()
        first = create(account, completion_type="attribute", metric=metric)
        second = create(account, completion_type="attribute", metric=metric, target=D(4))
        record(metric, 9, account=account)
        assert [Objective.objects.get(pk=o.pk).completion for o in (first, second)] == [D("71.428571428571"), D(50)]

    def test_a_metric_whose_kind_changes_revises_its_objectives(self, account: Account) -> None:
        metric = make_metric(kind="value")
        objective = create(account, completion_type="attribute", metric=metric)
        update_metric(metric=metric, by=BY, at=NOW, kind="activity")
        objective.refresh_from_db()
        assert (objective.kind, objective.revision) == ("activity", 2)
        revision = ObjectiveRevision.objects.get(objective=objective, number=2)
        assert (revision.kind, revision.changed_by) == ("activity", "Amara Okafor")


class TestArchive:
    def test_it_leaves_the_mean_at_once_and_comes_back(self, account: Account) -> None:
        objective = create(account, current=D(9))
        make_objective(account, current=50)
        archived = archive_objective(objective=objective, by=BY, at=NOW, reason="Replaced")
        assert (archived.archived_at, archived.revision) == (NOW, 2)
        assert Standing.objects.get(account=account).value_delivered == 50
        restored = restore_objective(objective=archived, by=BY, at=NOW)
        assert (restored.archived_at, restored.revision) == (None, 3)
        assert Standing.objects.get(account=account).value_delivered == D("60.714286")

    def test_its_revisions_tell(self, account: Account) -> None:
        objective = archive_objective(objective=create(account), by=BY, at=NOW, reason="Replaced")
        restore_objective(objective=objective, by=BY, at=NOW)
        told = ObjectiveRevision.objects.order_by("number").values_list("number", "archived", "reason")
        assert list(told) == [(1, False, "Created"), (2, True, "Replaced"), (3, False, "")]
        actions = AuditEntry.objects.filter(subject_type="objectives.objective").order_by("id")
        assert [entry.action for entry in actions] == ["objective.created", "objective.archived", "objective.restored"]

    def test_twice_is_once(self, account: Account) -> None:
        objective = archive_objective(objective=create(account), by=BY, at=NOW)
        again = archive_objective(objective=objective, by=BY, at=NOW + timedelta(days=1))
        assert (again.archived_at, again.revision) == (NOW, 2)
        assert AuditEntry.objects.filter(action="objective.archived").count() == 1

    def test_it_is_no_progress(self, account: Account, clock: Any) -> None:
        objective = create(account, current=D(9))
        clock(NOW + timedelta(days=40))
        archived = archive_objective(objective=objective, by=BY, at=NOW + timedelta(days=40))
        assert restore_objective(objective=archived, by=BY, at=NOW + timedelta(days=40)).last_progress_at == NOW

    def test_readings_that_a_metric_brought_meanwhile_are_taken_in_on_return(self, account: Account) -> None:
        metric = make_metric()
        objective = create(account, completion_type="attribute", metric=metric)
        objective = archive_objective(objective=objective, by=BY, at=NOW)
        record(metric, 9, account=account)
        objective.refresh_from_db()
        assert objective.current is None
        assert restore_objective(objective=objective, by=BY, at=NOW).current == D(9)


@pytest.mark.django_db(transaction=True)
def test_two_at_once_with_one_external_id_save_one() -> None:
    """The loser of the race is refused beside its field; no error escapes."""
    accounts = [make_account(), make_account()]
    outcomes: list[str] = []

    def save(account: Account) -> None:
        try:
            create_objective(
                account=account, by=BY, at=NOW, title="Goal", baseline=D(0), target=D(1), external_id="OBJ-7"
            )
            outcomes.append("saved")
        except ObjectiveRefused as error:
            outcomes.append(error.refusals[0].code)
        finally:
            connections.close_all()

    # Holds back the first insert until both have passed their own check.
    threads = [Thread(target=save, args=[account]) for account in accounts]
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("LOCK TABLE objectives_objective IN SHARE MODE")
        for thread in threads:
            thread.start()
        _wait_for_waiting(2)
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["saved", "unique"]
    assert Objective.objects.filter(external_id="OBJ-7").count() == 1


def _wait_for_waiting(number: int) -> None:
    """Wait until so many other connections to this database wait for a lock."""
    with connection.cursor() as cursor:
        for _ in range(1000):
            cursor.execute(
                "SELECT count(*), pg_sleep(0.01) FROM pg_locks"
                " WHERE NOT granted AND relation = 'objectives_objective'::regclass"
            )
            if cursor.fetchone()[0] == number:
                return
    raise AssertionError("the others never came to their insert")

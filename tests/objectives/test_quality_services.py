"""Sources that disagree, values held back, and what people decide about both."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.models import Account
from objectives.cadence import Cadence
from objectives.models import Disagreement, HeldReading, Metric, Objective, Reading
from objectives.outliers import is_outlier, median
from objectives.services import restatements
from objectives.services.metrics import update_metric
from objectives.services.quality import (
    DecisionRefused,
    accept_difference,
    accept_held,
    choose_reading,
    reject_held,
)
from objectives.services.readings import ReadingRow, ReadingsRefused, RecordResult, record_readings
from objectives.tolerance import differs, window_days
from tests.factories import make_account, make_metric, make_objective, record
from tests.objectives.test_sql_functions import ask, ask_all, fast
from valuerealization.common.audit import Actor
from valuerealization.common.models import AuditEntry

D = Decimal
KEY = Actor(kind="api_key", id="1", name="API key Warehouse")
PERSON = Actor(kind="user", id="1", name="Ada")
NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
DAY = timedelta(days=1)
VALUES = st.decimals(min_value=D(-(10**9)), max_value=D(10**9), places=3, allow_nan=False)
SMALL = st.decimals(min_value=D(-50), max_value=D(50), places=1, allow_nan=False)
SPANS = st.decimals(min_value=D(0), max_value=D(100), places=1, allow_nan=False)

# ---- tolerance -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "second", "tolerance", "is_absolute", "found"),
    [
        (100, 95, 5, False, False),
        (100, "94.9", 5, False, True),
        (-100, "-94.9", 5, False, True),
        (5, -5, 5, False, True),
        (0, 0, 0, False, False),
        (0, "0.000001", 0, False, True),
        (100, 95, 5, True, False),
        (100, "94.9", 5, True, True),
    ],
)
def test_differs(first: Any, second: Any, tolerance: Any, is_absolute: bool, found: bool) -> None:
    assert differs(D(first), D(second), tolerance=D(tolerance), is_absolute=is_absolute) == found
    assert differs(D(second), D(first), tolerance=D(tolerance), is_absolute=is_absolute) == found


@pytest.mark.django_db
@fast
@given(rows=st.lists(st.tuples(SMALL, SMALL, SPANS, st.booleans()), min_size=1, max_size=30))
def test_differs_is_the_same_in_sql_and_python(rows: list[tuple[D, D, D, bool]]) -> None:
    columns: list[list[Any]] = [list(column) for column in zip(*rows, strict=True)]
    columns[3] = ["absolute" if is_absolute else "percent" for is_absolute in columns[3]]
    found = ask_all(
        "SELECT value_differs(a, b, t, u) FROM unnest(%s::numeric[], %s::numeric[], %s::numeric[], %s::text[])"
        " WITH ORDINALITY AS x (a, b, t, u, n) ORDER BY n",
        *columns,
    )
    assert found == [differs(a, b, tolerance=t, is_absolute=absolute) for a, b, t, absolute in rows]


@pytest.mark.django_db
def test_windows_are_the_same_in_sql_and_python() -> None:
    names = [cadence.value for cadence in Cadence]
    found = ask_all("SELECT value_window_days(c) FROM unnest(%s::text[]) WITH ORDINALITY AS x (c, n) ORDER BY n", names)
    assert found == [window_days(cadence) for cadence in Cadence]


# ---- outliers --------------------------------------------------------------------------------------------------------


def test_median_is_a_value_that_was_measured() -> None:
    assert median([D(3), D(1), D(2)]) == 2
    assert median([D(4), D(1), D(2), D(3)]) == 2


@pytest.mark.parametrize(
    ("value", "recent", "span", "found"),
    [
        (1000, [10] * 7, 0, False),  # too few to tell
        (12, [10] * 8, 0, False),  # within a fifth
        ("12.1", [10] * 8, 0, True),
        ("7.9", [10] * 8, 0, True),
        (40, [10] * 8, 30, False),  # a step as long as the goal
        (41, [10] * 8, 30, True),
        (100, [0] * 8, 0, False),  # nothing to compare with
        (16, [8, 9, 10, 11, 12, 8, 10, 12], 0, False),  # six times the usual spread
        ("16.1", [8, 9, 10, 11, 12, 8, 10, 12], 0, True),
        (1000, [10] * 8 + [1000] * 3, 0, True),  # earlier outliers don't make room for more
    ],
)
def test_is_outlier(value: Any, recent: list[Any], span: Any, found: bool) -> None:
    assert is_outlier(D(value), recent=[D(each) for each in recent], span=D(span)) == found


@given(recent=st.lists(VALUES, max_size=12), span=SPANS)
def test_what_was_usual_is_never_held(recent: list[D], span: D) -> None:
    if recent:
        assert not is_outlier(median(recent), recent=recent, span=span)


@pytest.mark.django_db
@fast
@given(value=SMALL, recent=st.lists(SMALL, max_size=20), span=SPANS)
def test_outliers_are_the_same_in_sql_and_python(value: D, recent: list[D], span: D) -> None:
    found = ask("SELECT value_outlier(%s, %s::numeric[], %s)", value, recent, span)
    assert found == is_outlier(value, recent=recent, span=span)


# ---- sources that disagree -------------------------------------------------------------------------------------------


@pytest.fixture
def account(db: None) -> Account:
    return make_account(at=NOW - 60 * DAY)


def two_sources(account: Account, first: Any, second: Any, *, apart: timedelta = DAY, **fields: Any) -> Metric:
    metric = make_metric(**fields)
    record(metric, first, account=account, source="CRM", at=NOW - apart, by=KEY)
    record(metric, second, account=account, source="Helpdesk", at=NOW, by=PERSON)
    return metric


def flag() -> Disagreement:
    return Disagreement.objects.select_related("counting", "other").get()


@pytest.mark.django_db
def test_sources_that_disagree_are_flagged(account: Account) -> None:
    two_sources(account, 100, 80)
    found = flag()
    assert (found.counting.value, found.counting.source) == (80, "Helpdesk")
    assert (found.other.value, found.other.source) == (100, "CRM")
    assert (found.difference, found.is_open) == (20, True)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("first", "second", "fields"),
    [
        (100, 96, {}),
        (100, 80, {"tolerance": D(20)}),
        (100, 80, {"tolerance": D(20), "tolerance_unit": "absolute"}),
        (100, 80, {"apart": timedelta(days=8)}),
        (100, 80, {"apart": timedelta(days=3), "cadence": "daily"}),
    ],
)
def test_no_flag_within_tolerance_or_at_other_times(
    account: Account, first: int, second: int, fields: dict[str, Any]
) -> None:
    two_sources(account, first, second, **fields)
    assert not Disagreement.objects.exists()


@pytest.mark.django_db
def test_a_flag_goes_when_the_sources_agree(account: Account) -> None:
    metric = two_sources(account, 100, 80)
    record(metric, 82, account=account, source="CRM", at=NOW + DAY, by=KEY)
    assert not Disagreement.objects.exists()


@pytest.mark.django_db
def test_one_source_never_disagrees_with_itself(account: Account) -> None:
    metric = make_metric()
    for day, value in enumerate((10, 100, 1000)):
        record(metric, value, account=account, source="CRM", at=NOW + day * DAY)
    assert not Disagreement.objects.exists()


@pytest.mark.django_db
def test_the_source_furthest_off_is_named(account: Account) -> None:
    metric = two_sources(account, 100, 80)
    record(metric, 50, account=account, source="Survey", at=NOW - DAY)
    assert (flag().other.source, flag().difference, Disagreement.objects.count()) == ("Survey", 30, 1)


@pytest.mark.django_db
def test_another_tolerance_or_cadence_flags_anew(account: Account) -> None:
    metric = two_sources(account, 100, 80, apart=timedelta(days=8))
    make_objective(account, metric=metric)
    update_metric(metric=metric, by=PERSON, at=NOW, cadence="monthly")
    assert Disagreement.objects.count() == 1
    update_metric(metric=metric, by=PERSON, at=NOW, tolerance=D(25))
    assert Disagreement.objects.count() == 0


@pytest.mark.django_db
def test_choosing_lets_one_value_stand_for_both(account: Account) -> None:
    metric = two_sources(account, 100, 80)
    goal = make_objective(account, metric=metric, target=200)
    goal.refresh_from_db()
    assert (goal.current, goal.grade) == (80, "reported")
    reading = choose_reading(disagreement=flag(), right=flag().other, by=PERSON, at=NOW, reason="Tickets were missing")
    goal.refresh_from_db()
    assert (goal.current, goal.grade, goal.measured_at) == (100, "verified", NOW)
    assert (reading.source, reading.observed_at, reading.recorded_by) == ("Helpdesk", NOW, "Ada")
    assert reading.note == "Corrected from 80 to what CRM says: Tickets were missing"
    assert not Disagreement.objects.exists()
    entry = AuditEntry.objects.get(action="disagreement.settled")
    assert (entry.account_id, entry.details["reason"]) == (account.pk, "Tickets were missing")
    assert restatements.verify() == []


@pytest.mark.django_db
def test_choosing_the_counting_value_corrects_the_other_source(account: Account) -> None:
    metric = two_sources(account, 100, 80)
    choose_reading(disagreement=flag(), right=flag().counting, by=PERSON, at=NOW)
    assert not Disagreement.objects.exists()
    assert list(Reading.objects.filter(metric=metric, source="CRM").order_by("pk").values_list("value", flat=True)) == [
        100, 80,
    ]  # fmt: skip


@pytest.mark.django_db
def test_an_accepted_difference_returns_when_it_grows(account: Account) -> None:
    metric = two_sources(account, 100, 80)
    with pytest.raises(DecisionRefused, match="Say why"):
        accept_difference(disagreement=flag(), by=PERSON, at=NOW, reason=" ")
    accept_difference(disagreement=flag(), by=PERSON, at=NOW, reason="They count different tickets")
    assert (flag().is_open, flag().accepted_by) == (False, "Ada")
    record(metric, 90, account=account, source="Helpdesk", at=NOW + DAY)
    assert (flag().difference, flag().is_open) == (10, False)
    record(metric, 70, account=account, source="Helpdesk", at=NOW + 2 * DAY)
    assert (flag().difference, flag().is_open) == (30, True)


@pytest.mark.django_db
def test_a_decision_about_values_that_changed_is_refused(account: Account) -> None:
    metric = two_sources(account, 100, 80)
    seen = flag()
    record(metric, 70, account=account, source="Helpdesk", at=NOW + DAY)
    with pytest.raises(DecisionRefused, match="changed meanwhile"):
        choose_reading(disagreement=seen, right=seen.counting, by=PERSON, at=NOW)
    record(metric, 100, account=account, source="Helpdesk", at=NOW + 2 * DAY)
    with pytest.raises(DecisionRefused, match="agree by now"):
        accept_difference(disagreement=seen, by=PERSON, at=NOW, reason="x")


# ---- held readings ---------------------------------------------------------------------------------------------------


@pytest.fixture
def metric(account: Account) -> Metric:
    metric = make_metric(key="tickets", hold_outliers=True)
    for day in range(8, 0, -1):
        record(metric, 10, account=account, at=NOW - day * DAY, by=KEY, source="CRM")
    return metric


def send(account: Account, *values: Any, by: Actor = KEY, at: datetime = NOW, **options: Any) -> RecordResult:
    rows = [
        ReadingRow(
            index=index, value=D(value), customer_id=account.pk, metric_key="tickets", source="CRM",
            observed_at=at + timedelta(seconds=index), external_id="X-1",
        )
        for index, value in enumerate(values)
    ]  # fmt: skip
    return record_readings(rows=rows, by=by, at=at, **options)


def counts(result: RecordResult) -> tuple[Any, ...]:
    return (result.created, result.unchanged, result.superseded, [(e.index, e.field, e.code) for e in result.errors])


@pytest.mark.django_db
@pytest.mark.parametrize("atomic", [True, False])
def test_an_outlier_is_held_and_the_rest_recorded(account: Account, metric: Metric, atomic: bool) -> None:
    result = send(account, 11, 1000, 10, atomic=atomic)
    assert counts(result) == (2, 0, 0, [(1, "value", "held")])
    held = HeldReading.objects.get()
    assert (held.value, held.usual, held.state, held.origin, held.recorded_by) == (
        1000, 10, "held", "system", "API key Warehouse",
    )  # fmt: skip
    assert AuditEntry.objects.get(action="readings.held").details == {
        "count": 1, "first_held": held.pk, "last_held": held.pk,
    }  # fmt: skip


@pytest.mark.django_db
def test_held_ones_let_nothing_else_through(account: Account, metric: Metric) -> None:
    row = ReadingRow(index=9, value=D(1), customer_id=account.pk, metric_key="unknown")
    outlier = ReadingRow(index=0, value=D(1000), customer_id=account.pk, metric_key="tickets", observed_at=NOW)
    with pytest.raises(ReadingsRefused):
        record_readings(rows=[outlier, row], by=KEY, at=NOW, atomic=True)
    assert not HeldReading.objects.exists(), "all or none"


@pytest.mark.django_db
def test_nothing_is_held_unless_the_metric_asks_for_it(account: Account, metric: Metric) -> None:
    update_metric(metric=metric, by=PERSON, at=NOW, hold_outliers=False)
    assert counts(send(account, 1000)) == (1, 0, 0, [])


@pytest.mark.django_db
def test_what_a_person_types_is_not_held_but_a_persons_file_is(account: Account, metric: Metric) -> None:
    assert counts(send(account, 1000, by=PERSON, may_hold=True)) == (0, 0, 0, [(0, "value", "held")])
    assert counts(send(account, 1000, by=PERSON)) == (1, 0, 0, [])


@pytest.mark.django_db
def test_the_same_value_again_is_held_once(account: Account, metric: Metric) -> None:
    for _ in range(2):
        assert counts(send(account, 1000)) == (0, 0, 0, [(0, "value", "held")])
    assert (HeldReading.objects.count(), AuditEntry.objects.filter(action="readings.held").count()) == (1, 1)
    send(account, 2000)
    assert HeldReading.objects.get().value == 2000


@pytest.mark.django_db
def test_a_decision_about_a_held_value_that_was_replaced_is_refused(account: Account, metric: Metric) -> None:
    send(account, 1000)
    seen = HeldReading.objects.get()
    send(account, 2000)
    with pytest.raises(DecisionRefused, match="changed meanwhile"):
        accept_held(held=seen, by=PERSON, at=NOW)
    with pytest.raises(DecisionRefused, match="changed meanwhile"):
        reject_held(held=seen, by=PERSON, at=NOW, reason="A test ticket")
    assert HeldReading.objects.get().state == "held"


@pytest.mark.django_db
def test_an_accepted_difference_is_the_one_that_was_seen(account: Account) -> None:
    metric = two_sources(account, 100, 80)
    seen = flag()
    record(metric, 20, account=account, source="Helpdesk", at=NOW + DAY)
    with pytest.raises(DecisionRefused, match="changed meanwhile"):
        accept_difference(disagreement=seen, by=PERSON, at=NOW, reason="They count different tickets")
    assert flag().is_open


@pytest.mark.django_db
def test_an_accepted_value_is_recorded_as_it_was_sent(account: Account, metric: Metric) -> None:
    goal = make_objective(account, metric=metric, target=5)
    send(account, 1000)
    reading = accept_held(held=HeldReading.objects.get(), by=PERSON, at=NOW + DAY, reason="A real peak")
    assert (reading.value, reading.observed_at, reading.source, reading.origin, reading.external_id) == (
        1000, NOW, "CRM", "system", "X-1",
    )  # fmt: skip
    assert (reading.recorded_by, reading.note) == ("Ada", "Held as an outlier, then accepted: A real peak")
    held = HeldReading.objects.get()
    assert (held.state, held.decided_by, held.reading, held.decided_at) == ("accepted", "Ada", reading, NOW + DAY)
    assert Objective.objects.get(pk=goal.pk).current == 1000
    assert AuditEntry.objects.filter(action="held_reading.accepted", account_id=account.pk).count() == 1
    assert counts(send(account, 1000)) == (0, 1, 0, [])
    with pytest.raises(DecisionRefused, match="Ada has accepted"):
        reject_held(held=held, by=PERSON, at=NOW, reason="Late")


@pytest.mark.django_db
def test_a_rejected_value_stays_out(account: Account, metric: Metric) -> None:
    send(account, 1000)
    held = HeldReading.objects.get()
    with pytest.raises(DecisionRefused, match="Say why"):
        reject_held(held=held, by=PERSON, at=NOW, reason="")
    reject_held(held=held, by=PERSON, at=NOW, reason="A test ticket")
    assert counts(send(account, 1000)) == (0, 0, 0, [(0, "value", "rejected")])
    held.refresh_from_db()
    assert (held.state, held.reason) == ("rejected", "A test ticket")
    assert AuditEntry.objects.filter(action="held_reading.rejected").count() == 1
    assert counts(send(account, 11)) == (1, 0, 0, [])
    assert counts(send(account, 5000)) == (0, 0, 0, [(0, "value", "held")])


@pytest.mark.django_db
def test_a_held_value_of_an_archived_account_waits(account: Account, metric: Metric) -> None:
    from accounts.services.accounts import archive_account

    send(account, 1000)
    archive_account(account=account, by=PERSON, at=NOW)
    with pytest.raises(DecisionRefused, match="archived"):
        accept_held(held=HeldReading.objects.get(), by=PERSON, at=NOW)
    assert HeldReading.objects.get().state == "held"

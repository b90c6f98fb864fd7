"""Grades of evidence and verified %: the rule, its twin in SQL, and where it is kept."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from objectives.evidence import Grade, Origin, grade_of, origin_of, verified_mean
from objectives.models import Objective, Reading, SnapshotObjective, Standing
from objectives.progress import weighted_mean
from objectives.services import restatements
from objectives.services.objectives import archive_objective, update_objective
from objectives.services.standings import refresh_standings
from tests.factories import make_account, make_metric, make_objective, record, take_weeks
from tests.objectives.test_sql_functions import ask, ask_all, fast
from valuerealization.common.audit import SYSTEM, Actor

KEY = Actor(kind="api_key", id="1", name="API key Warehouse")
PERSON = Actor(kind="user", id="1", name="Ada")
BOUNDARY = datetime(2026, 3, 15, 2, tzinfo=UTC)
TUESDAY = BOUNDARY - timedelta(days=5)
ORIGINS = st.sampled_from([origin.value for origin in Origin])
CONFIDENCES = st.sampled_from(["high", "medium", "low"])
COMPLETIONS = st.decimals(min_value=Decimal(-(10**9)), max_value=Decimal(10**9), places=12, allow_nan=False)
WEIGHTS = st.decimals(min_value=Decimal("0.000001"), max_value=Decimal(100), places=6, allow_nan=False)
GRADES = st.sampled_from([grade.value for grade in Grade])


@pytest.mark.parametrize(
    ("origin", "confidence", "is_confirmed", "grade"),
    [
        ("system", "high", False, Grade.VERIFIED),
        ("system", "medium", False, Grade.ESTIMATED),
        ("system", "low", False, Grade.ESTIMATED),
        ("person", "high", False, Grade.REPORTED),
        ("person", "medium", False, Grade.ESTIMATED),
        ("person", "low", False, Grade.ESTIMATED),
        ("person", "high", True, Grade.VERIFIED),
        ("person", "low", True, Grade.VERIFIED),
    ],
)
def test_grade(origin: str, confidence: str, is_confirmed: bool, grade: Grade) -> None:
    assert grade_of(origin=origin, confidence=confidence, is_confirmed=is_confirmed) == grade


def test_origin_follows_from_who_records() -> None:
    assert [origin_of(actor_kind=kind) for kind in ("api_key", "user", "system")] == ["system", "person", "person"]


@given(items=st.lists(st.tuples(WEIGHTS, COMPLETIONS | st.none(), GRADES)))
def test_verified_is_the_mean_over_the_verified_alone(items: list[tuple[Decimal, Decimal | None, str]]) -> None:
    assert verified_mean(items) == weighted_mean((w, c) for w, c, grade in items if grade == "verified")
    if all(grade == "verified" for _, _, grade in items):
        assert verified_mean(items) == weighted_mean((w, c) for w, c, _ in items)
    if all(grade != "verified" for _, _, grade in items):
        assert verified_mean(items) is None


@pytest.mark.django_db
@fast
@given(rows=st.lists(st.tuples(ORIGINS, CONFIDENCES, st.booleans()), min_size=1, max_size=20))
def test_grade_is_the_same_in_sql_and_python(rows: list[tuple[str, str, bool]]) -> None:
    columns = [list(column) for column in zip(*rows, strict=True)]
    found = ask_all(
        "SELECT value_grade(o, c, k) FROM unnest(%s::text[], %s::text[], %s::boolean[])"
        " WITH ORDINALITY AS x (o, c, k, n) ORDER BY n",
        *columns,
    )
    assert found == [grade_of(origin=o, confidence=c, is_confirmed=k) for o, c, k in rows]


@pytest.mark.django_db
def test_without_a_reading_there_is_no_grade() -> None:
    assert ask("SELECT value_grade(NULL, NULL, false)") == ""


@pytest.mark.django_db
@fast
@given(items=st.lists(st.tuples(WEIGHTS, COMPLETIONS, GRADES), min_size=1, max_size=20))
def test_verified_is_the_same_in_sql_and_python(items: list[tuple[Decimal, Decimal, str]]) -> None:
    columns = [list(column) for column in zip(*items, strict=True)]
    found = ask(
        "SELECT value_average(sum(w * c) FILTER (WHERE g = 'verified'), sum(w) FILTER (WHERE g = 'verified'))"
        " FROM unnest(%s::numeric[], %s::numeric[], %s::text[]) AS x (w, c, g)",
        *columns,
    )
    assert found == verified_mean(items)


@pytest.mark.django_db
def test_readings_are_stamped_with_who_measured() -> None:
    account, metric = make_account(), make_metric()
    goal = make_objective(account)
    assert record(metric, 10, account=account, by=KEY).origin == "system"
    assert record(metric, 11, account=account, by=PERSON, source="Sheet").origin == "person"
    assert record(goal, 12, by=PERSON).origin == "person"
    assert record(goal, 13, by=SYSTEM, source="File").origin == "person"


@pytest.mark.django_db
def test_objective_takes_the_grade_of_its_current_reading() -> None:
    account = make_account(at=TUESDAY)
    goal = make_objective(account, at=TUESDAY)
    assert goal.grade == ""
    for by, confidence, grade in [
        (KEY, "high", "verified"),
        (PERSON, "high", "reported"),
        (PERSON, "low", "estimated"),
        (KEY, "medium", "estimated"),
    ]:
        record(goal, 10, by=by, confidence=confidence, source=f"{by.name} {confidence}")
        goal.refresh_from_db()
        assert goal.grade == grade
    record(goal, 20, by=KEY, at=TUESDAY, recorded_at=BOUNDARY)
    goal.refresh_from_db()
    assert goal.grade == "estimated", "an older reading is not the current one"


@pytest.mark.django_db
def test_standing_keeps_the_mean_over_verified_objectives() -> None:
    account, metric = make_account(), make_metric()
    followed = make_objective(account, metric=metric, weight=3)
    typed, counted = make_objective(account), make_objective(account)
    record(typed, 80, by=PERSON)
    assert Standing.objects.get(account=account).verified is None
    record(metric, 40, account=account, by=KEY)
    record(counted, 60, by=KEY)
    standing = Standing.objects.get(account=account)
    assert (standing.value_delivered, standing.verified, standing.shown_verified) == (52, 45, 45)
    archive_objective(objective=followed, by=SYSTEM, at=datetime.now(UTC))
    assert Standing.objects.get(account=account).verified == 60
    assert Objective.objects.get(pk=followed.pk).grade == "verified"


@pytest.mark.django_db
def test_snapshots_keep_grades_as_of_their_boundary() -> None:
    """Week 1 is taken while it is the present, week 2 afterwards: the row of now and the history say the same."""
    account = make_account(at=TUESDAY)
    goal = make_objective(account, at=TUESDAY)
    other = make_objective(account, at=TUESDAY, weight=3)
    record(goal, 30, at=TUESDAY, by=KEY)
    record(other, 10, at=TUESDAY, by=PERSON)
    take_weeks(until=BOUNDARY + timedelta(hours=1))
    record(other, 50, at=BOUNDARY + timedelta(days=1), by=KEY)
    record(goal, 40, at=BOUNDARY + timedelta(days=8), by=PERSON)
    take_weeks(until=BOUNDARY + timedelta(days=15))

    weeks = list(account.snapshots.order_by("week"))
    assert [week.verified for week in weeks] == [30, 45, 50]
    grades = {(p.snapshot_id, p.objective_id): p.grade for p in SnapshotObjective.objects.all()}
    assert [grades[week.pk, goal.pk] for week in weeks] == ["verified", "verified", "reported"]
    assert [grades[week.pk, other.pk] for week in weeks] == ["reported", "verified", "verified"]
    assert restatements.verify() == []
    standing = Standing.objects.get(account=account)
    assert (standing.snapshot_verified, standing.shown_verified) == (50, 50)


@pytest.mark.django_db
def test_a_rebuild_takes_grades_in_and_verify_finds_altered_ones() -> None:
    account = make_account(at=TUESDAY)
    goal = make_objective(account, at=TUESDAY)
    record(goal, 30, at=TUESDAY, by=PERSON)
    take_weeks(until=BOUNDARY + timedelta(days=8))
    late = BOUNDARY + timedelta(days=8, hours=1)
    record(goal, 30, at=BOUNDARY + timedelta(days=1), recorded_at=late, by=KEY, source="Warehouse")
    restatements.rebuild(account_ids=[account.pk], by=SYSTEM, reason="The system's own figure arrived")
    first, second = account.snapshots.order_by("week")
    assert (first.verified, first.restated, second.verified, second.restated) == (None, False, 30, True)
    assert Standing.objects.get(account=account).snapshot_verified == 30
    assert restatements.verify() == []
    SnapshotObjective.objects.filter(snapshot=second).update(grade="estimated")
    second.verified = Decimal(31)
    second.save(update_fields=["verified"])
    (difference,) = restatements.verify()
    assert difference.detail == "verified: stored 31.000000, computed 30.000000, objectives differ"


@pytest.mark.django_db
def test_a_manual_objective_has_no_grade() -> None:
    account = make_account()
    goal = make_objective(account)
    record(goal, 30, by=KEY)
    update_objective(
        objective=goal, by=SYSTEM, at=datetime.now(UTC), completion_type="manual", baseline=None, target=None
    )
    goal.refresh_from_db()
    assert (goal.grade, Reading.objects.count()) == ("", 1)
    refresh_standings(account_ids=[account.pk], at=datetime.now(UTC))
    assert Standing.objects.get(account=account).verified is None

"""/api/customers/{id}/value-metrics, snapshots and restatements"""

from datetime import UTC, date, datetime, timedelta

import pytest

from objectives.models import ReplacedSnapshot, Snapshot
from tests.api.conftest import Caller, errors_of
from tests.factories import make_account, make_metric, make_objective, record, take_weeks
from valuerealization.common.models import AuditEntry

WEDNESDAY = datetime(2026, 9, 2, 12, tzinfo=UTC)
SUNDAYS = [date(2026, 9, 6), date(2026, 9, 13), date(2026, 9, 20)]


def test_a_customer_without_anything(reader: Caller) -> None:
    account = make_account()
    found = reader.read(f"/api/customers/{account.pk}/value-metrics")
    assert list(found) == ["customer", "as_of", "value_delivered", "objectives", "metrics"]
    assert found["value_delivered"] == {
        "value": None, "display": None, "status": None, "days_without_progress": None, "last_progress_at": None,
        "verified": None, "measured": 0, "unmeasured": 0,
    }  # fmt: skip
    assert (found["customer"], found["objectives"], found["metrics"]) == (account.pk, [], [])


def test_all_metrics_with_their_latest_reading(reader: Caller) -> None:
    account, other = make_account(), make_account()
    csat, nps = make_metric(key="csat"), make_metric(key="nps")
    record(csat, 3, account=account, at=WEDNESDAY - timedelta(days=3))
    latest = record(csat, 4, account=account, at=WEDNESDAY - timedelta(days=1), source="CRM")
    record(csat, 5, account=account, at=WEDNESDAY - timedelta(days=2), recorded_at=WEDNESDAY)
    record(nps, 5, account=other, at=WEDNESDAY)
    found = reader.read(f"/api/customers/{account.pk}/value-metrics")["metrics"]
    assert [(each["metric"]["key"], each["latest"] and each["latest"]["id"]) for each in found] == [
        ("csat", latest.pk), ("nps", None),
    ]  # fmt: skip
    assert (found[0]["latest"]["value"], found[0]["latest"]["source"]) == ("4", "CRM")
    assert nps.pk == found[1]["metric"]["id"]


def test_days_are_rounded_down(reader: Caller, clock) -> None:
    clock(WEDNESDAY)
    account = make_account(timezone="Europe/Berlin")
    make_objective(account, current=60)
    clock(datetime(2026, 9, 20, 0, 0, 0, tzinfo=UTC) - timedelta(seconds=1))  # one second before Sunday 02:00
    value = reader.read(f"/api/customers/{account.pk}/value-metrics")["value_delivered"]
    assert (value["status"], value["days_without_progress"]) == ("on_track", 13)
    clock(datetime(2026, 9, 20, 0, 0, 0, tzinfo=UTC))
    value = reader.read(f"/api/customers/{account.pk}/value-metrics")["value_delivered"]
    assert (value["status"], value["days_without_progress"]) == ("at_risk", 14)


@pytest.mark.parametrize("count", [1, 30])
def test_value_metrics_cost_six_queries_at_most(reader: Caller, count: int, django_assert_max_num_queries) -> None:
    account = make_account()
    for _ in range(count):
        metric = make_metric()
        make_objective(account, metric=metric)
        make_objective(account, current=50)
        record(metric, 5, account=account)
    with django_assert_max_num_queries(6):
        found = reader.read(f"/api/customers/{account.pk}/value-metrics")
    assert (len(found["objectives"]), len(found["metrics"])) == (2 * count, count)


@pytest.fixture
def weeks(clock) -> int:
    """Three weekly snapshots of a customer, on Wednesday after the third Sunday."""
    clock(WEDNESDAY)
    account = make_account(external_id="CRM-1")
    objective = make_objective(account, current=40, title="Goal", unit="days", weight=2)
    make_objective(account, title="Later")
    make_objective(account, completion_type="manual")
    take_weeks(until=WEDNESDAY + timedelta(days=5))
    record(objective, 70, at=WEDNESDAY + timedelta(days=6))
    take_weeks(until=WEDNESDAY + timedelta(days=21))
    clock(WEDNESDAY + timedelta(days=21))
    return account.pk


def test_snapshots_newest_first(reader: Caller, weeks: int) -> None:
    found = reader.read("/api/customers/external:CRM-1/snapshots")["results"]
    assert [each["week"] for each in found] == [week.isoformat() for week in reversed(SUNDAYS)]
    first = found[-1]
    assert {name: value for name, value in first.items() if name not in {"id", "created_at", "updated_at"}} == {
        "week": "2026-09-06", "boundary_at": "2026-09-06T02:00:00Z", "taken_at": "2026-09-06T02:01:00Z",
        "value_delivered": "40", "verified": None, "status": "at_risk", "days_without_progress": 0,
        "objectives_total": 2, "objectives_met": 0, "reconstructed": False, "restated": False,
    }  # fmt: skip
    assert [each["value_delivered"] for each in found] == ["70", "70", "40"]
    assert [each["days_without_progress"] for each in found] == [7, 0, 0]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("from=2026-09-07", [2, 1]),
        ("to=2026-09-13", [1, 0]),
        ("from=2026-09-13&to=2026-09-13", [1]),
        ("from=2027-01-01", []),
        ("ordering=week", [0, 1, 2]),
        ("ordering=week&from=2026-09-13&page_size=1", [1]),
    ],
)
def test_which_weeks(reader: Caller, weeks: int, query: str, expected: list[int]) -> None:
    found = reader.read(f"/api/customers/{weeks}/snapshots?{query}")["results"]
    assert [each["week"] for each in found] == [SUNDAYS[index].isoformat() for index in expected]


def test_with_objectives(reader: Caller, weeks: int) -> None:
    [newest] = reader.read(f"/api/customers/{weeks}/snapshots?include=objectives&page_size=1")["results"]
    assert [(each["title"], each["current"], each["completion"]) for each in newest["objectives"]] == [
        ("Goal", "70", "70"), ("Later", None, None),
    ]  # fmt: skip
    goal = newest["objectives"][0]
    assert {name: value for name, value in goal.items() if name not in {"objective", "measured_at"}} == {
        "title": "Goal", "revision": 1, "completion_type": "value", "kind": "value", "baseline": "0", "current": "70",
        "target": "100", "completion": "70", "completion_display": "70%", "weight": "2", "unit": "days",
        "unit_label": "", "show_in_portal": False, "grade": "reported",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("query", "errors"),
    [
        ("from=yesterday", [("from", "invalid_date")]),
        ("include=everything", [("include", "invalid_choice")]),
        ("since=2026-01-01", [("since", "unknown_parameter")]),
        ("ordering=status", [("ordering", "invalid_choice")]),
    ],
)
def test_a_query_that_cannot_be_taken_is_refused(
    reader: Caller, weeks: int, query: str, errors: list[tuple[str, str]]
) -> None:
    response = reader.get(f"/api/customers/{weeks}/snapshots?{query}")
    assert (response.status_code, errors_of(response)) == (400, errors)


@pytest.mark.parametrize("count", [1, 3])
def test_snapshots_cost_the_same_queries(reader: Caller, weeks: int, count: int, django_assert_max_num_queries) -> None:
    with django_assert_max_num_queries(6):
        found = reader.read(f"/api/customers/{weeks}/snapshots?include=objectives&page_size={count}")
    assert len(found["results"]) == count


def test_history_that_arrived_late_is_taken_in(api: Caller, weeks: int) -> None:
    objective = api.read(f"/api/objectives?customer={weeks}&search=Goal")["results"][0]["id"]
    late = api.post(f"/api/objectives/{objective}/readings", {"value": 55, "observed_at": "2026-09-05T12:00:00Z"})
    assert late.status_code == 201
    path = f"/api/customers/{weeks}/restatements"
    refused = api.post(path, {})
    assert (refused.status_code, errors_of(refused)) == (400, [("reason", "required")])
    beyond = api.post(path, {"reason": "Late import", "from": "2026-09-07"}).json()
    assert beyond == {"customer": weeks, "weeks_added": 0, "weeks_changed": 0}
    done = api.post(path, {"reason": "Late import", "from": "2026-09-01", "to": "2026-09-19"}).json()
    assert done == {"customer": weeks, "weeks_added": 0, "weeks_changed": 1}
    found = api.read(f"/api/customers/{weeks}/snapshots?ordering=week")["results"]
    assert [(each["value_delivered"], each["restated"]) for each in found] == [
        ("55", True), ("70", False), ("70", False),
    ]  # fmt: skip
    assert ReplacedSnapshot.objects.get().snapshot["value_delivered"] == 40
    entry = AuditEntry.objects.get(action="snapshots.restated")
    assert (entry.actor_kind, entry.details["reason"]) == ("api_key", "Late import")
    again = api.post(path, {"reason": "Again"}).json()
    assert (again["weeks_added"], again["weeks_changed"]) == (0, 0)
    assert Snapshot.objects.count() == 3


@pytest.mark.parametrize(
    ("change", "errors"),
    [
        ({"from": "2026-13-01"}, [("from", "invalid_date")]),
        ({"from": "2026-09-13", "to": "2026-09-06"}, [("to", "range_reversed")]),
        ({"reason": ""}, [("reason", "blank")]),
        ({"reason": "x" * 301}, [("reason", "max_length")]),
        ({"reason": None}, [("reason", "null")]),
        ({"weeks": 3}, [("weeks", "unknown_field")]),
    ],
)
def test_a_restatement_that_cannot_be_taken(
    api: Caller, weeks: int, change: dict[str, str], errors: list[tuple[str, str]]
) -> None:
    response = api.post(f"/api/customers/{weeks}/restatements", {"reason": "Late", **change})
    assert (response.status_code, errors_of(response)) == (400, errors)


def test_an_archived_customer_is_not_restated(api: Caller, weeks: int) -> None:
    api.delete(f"/api/customers/{weeks}")
    response = api.post(f"/api/customers/{weeks}/restatements", {"reason": "Late"})
    assert (response.status_code, response.json()["code"]) == (409, "archived")


@pytest.mark.parametrize("part", ["value-metrics", "snapshots"])
def test_of_nobody_is_404(reader: Caller, part: str) -> None:
    assert reader.get(f"/api/customers/7/{part}").status_code == 404
    assert reader.get(f"/api/customers/external:none/{part}").status_code == 404

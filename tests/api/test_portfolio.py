"""/api/portfolio, its trend and its file"""

import csv
import io
from datetime import UTC, datetime, timedelta

import pytest

from tests.api.conftest import Caller, errors_of
from tests.factories import make_account, make_objective, make_user, record, take_weeks

WEDNESDAY = datetime(2026, 9, 2, 12, tzinfo=UTC)
STATUSES = ["stalled", "at_risk", "on_track", "exceeded", "all_goals_met"]

NOTHING: dict[str, list[object]] = {status: [] for status in STATUSES}


def get_file(caller: Caller, query: str = "") -> list[dict[str, str]]:
    response = caller.get(f"/api/portfolio/customers.csv{query}")
    assert (response.status_code, response.headers["Content-Type"]) == (200, "text/csv; charset=utf-8")
    return list(csv.DictReader(io.StringIO(b"".join(response.streaming_content).decode())))


@pytest.fixture
def portfolio(clock) -> None:
    """Two weeks of snapshots: scores of 80 and 20 in dollars, 60 in euros, one without; one made afterwards, live."""
    clock(WEDNESDAY)
    ana = make_user(email="ana@example.com")
    good = make_objective(make_account(name="Good", arr=100, owner=ana), current=70)
    make_objective(make_account(name="Poor", arr=50), current=20)
    make_objective(make_account(name="Euro", arr="12.5", currency="EUR"), current=60)
    make_objective(make_account(name="=Manual", arr=7), completion_type="manual")
    take_weeks(until=WEDNESDAY + timedelta(days=5))
    record(good, 80, at=WEDNESDAY + timedelta(days=6))
    take_weeks(until=WEDNESDAY + timedelta(days=14))
    clock(WEDNESDAY + timedelta(days=14))
    record(good, 90, at=WEDNESDAY + timedelta(days=14))
    make_objective(make_account(name="New"), current=10)


def test_an_empty_portfolio(reader: Caller, clock) -> None:
    clock(WEDNESDAY)
    assert reader.read("/api/portfolio") == {
        "as_of": "2026-09-02",
        "average_value_delivered": None,
        "counts": dict.fromkeys(STATUSES, 0),
        "without_score": 0,
        "live": 0,
        "arr": {status: {"amount": "0.00", "currency": "USD"} for status in STATUSES},
        "arr_in_other_currencies": NOTHING,
    }
    assert reader.read("/api/portfolio/trend") == {"next": None, "previous": None, "results": []}
    assert get_file(reader) == []


def test_the_portfolio_is_its_snapshots(reader: Caller, portfolio: None) -> None:
    found = reader.read("/api/portfolio")
    assert (found["as_of"], found["average_value_delivered"]) == ("2026-09-13", "42.5")  # (80 + 20 + 60 + 10) / 4
    assert found["counts"] == {"stalled": 2, "at_risk": 0, "on_track": 2, "exceeded": 0, "all_goals_met": 0}
    assert (found["without_score"], found["live"]) == (1, 1)
    assert found["arr"]["on_track"] == {"amount": "100.00", "currency": "USD"}
    assert found["arr"]["stalled"] == {"amount": "50.00", "currency": "USD"}
    assert found["arr_in_other_currencies"] == {
        **NOTHING, "on_track": [{"amount": "12.50", "currency": "EUR"}],
    }  # fmt: skip
    assert list(found["counts"]) == list(found["arr"]) == STATUSES


def test_the_trend_is_newest_first(reader: Caller, portfolio: None) -> None:
    found = reader.read("/api/portfolio/trend")["results"]
    none = dict.fromkeys(STATUSES, 0)
    assert found == [
        {
            "week": "2026-09-13", "average_value_delivered": "53.333333", "accounts": 4, "scored": 3,
            "counts": {**none, "stalled": 1, "on_track": 2},
        },
        {
            "week": "2026-09-06", "average_value_delivered": "50", "accounts": 4, "scored": 3,
            "counts": {**none, "stalled": 1, "on_track": 2},
        },
    ]  # fmt: skip
    for query, weeks in [
        ("ordering=week", [6, 13]), ("from=2026-09-07", [13]), ("to=2026-09-12", [6]), ("page_size=1", [13]),
    ]:  # fmt: skip
        listed = reader.read(f"/api/portfolio/trend?{query}")["results"]
        assert [int(each["week"][-2:]) for each in listed] == weeks
    assert errors_of(reader.get("/api/portfolio/trend?months=3")) == [("months", "unknown_parameter")]
    assert errors_of(reader.get("/api/portfolio/trend?from=x")) == [("from", "invalid_date")]


def test_the_file_is_what_is_filtered(reader: Caller, portfolio: None) -> None:
    rows = get_file(reader)
    assert [row["name"] for row in rows] == ["New", "Poor", "Euro", "Good", "'=Manual"]
    assert [row["value_delivered"] for row in rows] == ["10", "20", "60", "80", ""]
    assert [row["name"] for row in get_file(reader, "?status=on_track&ordering=-value_delivered")] == ["Good", "Euro"]
    assert [row["name"] for row in get_file(reader, "?owner=ana@example.com")] == ["Good"]
    assert [row["name"] for row in get_file(reader, "?value_max=20&search=oo")] == ["Poor"]


def test_the_file_is_refused_as_a_problem(reader: Caller) -> None:
    for query, errors in [
        ("status=bad", [("status", "invalid_choice")]),
        ("colour=red", [("colour", "unknown_parameter")]),
        ("page_size=5", [("page_size", "unknown_parameter")]),
        ("ordering=id", [("ordering", "invalid_choice")]),
    ]:
        response = reader.get(f"/api/portfolio/customers.csv?{query}")
        assert (response.status_code, errors_of(response)) == (400, errors)
    assert reader.get("/api/portfolio/customers.csv", accept="application/json").status_code == 406
    assert reader.get("/api/portfolio/customers.csv", accept="text/csv").status_code == 200


@pytest.mark.parametrize("count", [1, 30])
def test_the_portfolio_costs_the_same_queries(reader: Caller, count: int, django_assert_max_num_queries) -> None:
    for _ in range(count):
        make_objective(make_account(), current=50)
    with django_assert_max_num_queries(4):
        assert reader.read("/api/portfolio")["live"] == count
    with django_assert_max_num_queries(4):
        assert reader.read("/api/portfolio/trend")["results"] == []

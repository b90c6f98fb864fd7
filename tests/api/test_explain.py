"""/api/customers/{id}/explain"""

from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest

from tests.api.conftest import Caller, errors_of
from tests.factories import make_account, make_objective, record, take_weeks

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
START = NOW - timedelta(weeks=8)


def test_it_holds_everything_that_the_figure_was_made_of(reader: Caller, clock) -> None:
    clock(NOW)
    account = make_account(timezone="Europe/Berlin", at=START)
    onboarding = make_objective(account, title="Onboarding", unit="days", baseline=14, target=7, weight=3, at=START)
    spend = make_objective(account, title="Spend", unit="currency", baseline=0, target=600000, at=START)
    record(onboarding, 9, at=NOW - timedelta(days=1), source="Board", confidence="medium", note="Median of 12")
    record(spend, 412000, at=NOW - timedelta(days=1))
    found = reader.read(f"/api/customers/{account.pk}/explain?of=value_delivered")
    assert list(found) == [
        "customer", "of", "label", "value", "display", "formula", "formula_version", "document", "as_of",
        "last_change_at", "timezone", "inputs", "left_out", "sections", "people", "audit",
    ]  # fmt: skip
    assert (found["customer"], found["of"], found["display"]) == (account.pk, "value_delivered", "71%")
    assert (found["as_of"], found["timezone"]) == ("2026-11-23T09:00:00Z", "Europe/Berlin")
    first = found["inputs"][0]
    assert (first["ref"], first["label"], first["version"], first["left_out_because"]) == (
        f"objective:{onboarding.pk}", "Onboarding", 1, None,
    )  # fmt: skip
    assert {fact["name"]: fact["value"] for fact in first["values"]} == {
        "baseline": "14", "current": "9", "target": "7", "weight": "3", "completion": "71.428571428571",
        "is_met": False,
    }  # fmt: skip
    assert {name: first["source"][name] for name in ("value", "source", "confidence", "note", "observed_at")} == {
        "value": "9", "source": "Board", "confidence": "medium", "note": "Median of 12",
        "observed_at": "2026-11-22T09:00:00Z",
    }  # fmt: skip
    values = [{fact["name"]: fact["value"] for fact in each["values"]} for each in found["inputs"]]
    total = sum(Fraction(each["weight"]) * Fraction(each["completion"]) for each in values)
    mean = total / sum(Fraction(each["weight"]) for each in values)
    assert abs(Fraction(found["value"]) - mean) <= Fraction(1, 2_000_000)
    assert reader.read(f"/api/customers/{account.pk}/value-metrics")["value_delivered"]["value"] == found["value"]


def test_every_other_figure(reader: Caller, clock) -> None:
    clock(NOW)
    account = make_account(external_id="CRM-1", at=START)
    objective = make_objective(account, at=START)
    record(objective, 60, at=NOW - timedelta(days=10))
    take_weeks(until=NOW)
    for of, value in {
        "outcomes_only": "60", "verified": None, "capped": "60", "goals_met": 0, "status": "on_track",
        "days_without_progress": 8,
        f"objective:{objective.pk}": "60", "snapshot:2026-11-22": "60",
    }.items():  # fmt: skip
        found = reader.read(f"/api/customers/external:CRM-1/explain?of={of}")
        assert (found["of"], found["value"]) == (of, value)
    outcomes = [rule["outcome"] for part in found["sections"] for rule in part["rules"]]
    assert outcomes == ["no", "no", "no", "no", "yes"]


def test_a_score_that_is_not_there(reader: Caller) -> None:
    account = make_account()
    make_objective(account, title="Cut disputes")
    found = reader.read(f"/api/customers/{account.pk}/explain")
    assert (found["value"], found["display"], found["inputs"]) == (None, "n/a", [])
    assert [(each["label"], each["left_out_because"]) for each in found["left_out"]] == [
        ("Cut disputes", "not_measured")
    ]


@pytest.mark.parametrize("of", ["", "roi2", "objective:x", "snapshot:2026-02-30", "value_delivered%00"])
def test_an_unknown_figure_is_refused_by_name(reader: Caller, of: str) -> None:
    answer = reader.get(f"/api/customers/{make_account().pk}/explain?of={of}")
    assert answer.status_code == 400
    assert [field for field, _code in errors_of(answer)] == ["of"]


def test_nothing_of_another_customer_is_told(reader: Caller) -> None:
    own, other = make_account(), make_objective(make_account(), title="Secret")
    answer = reader.get(f"/api/customers/{own.pk}/explain?of=objective:{other.pk}")
    assert (answer.status_code, b"Secret" in answer.content) == (404, False)


def test_the_portfolio_is_computed_again_from_its_parts(reader: Caller, clock) -> None:
    clock(NOW)
    for current, arr in ((60, 300), (75, 100), (None, 900)):
        account = make_account(arr=arr, currency="EUR", at=START)
        objective = make_objective(account, at=START)
        if current is not None:
            record(objective, current, at=NOW - timedelta(days=10))
    take_weeks(until=NOW)
    found = reader.read("/api/portfolio/explain")
    assert (found["customer"], found["of"], found["audit"]) == (None, "average_value_delivered", None)
    assert (found["value"], found["display"]) == ("67.5", "68%")
    facts = {fact["name"]: fact["value"] for part in found["sections"] for fact in part["facts"]}
    assert Fraction(facts["sum"]) / facts["accounts"] == Fraction(facts["result"]) == Fraction(found["value"])
    assert Fraction(facts["weighted_sum:EUR"]) / Fraction(facts["weights:EUR"]) == Fraction(facts["by_arr:EUR"])
    assert facts["by_arr:EUR"] == "63.75"
    assert (facts["scored"], facts["without_score"], facts["goals_met"], facts["goals"]) == (2, 1, 0, 3)
    assert reader.read("/api/portfolio")["average_value_delivered"] == found["value"]

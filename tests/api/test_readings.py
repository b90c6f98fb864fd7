"""/api/readings and /api/objectives/{id}/readings"""

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from objectives.models import Objective, Reading
from tests.api.conftest import Caller, errors_of
from tests.factories import make_account, make_metric, make_objective
from valuerealization.common.models import AuditEntry

AT = "2026-05-04T09:30:00Z"


@pytest.fixture
def subject(db: None) -> Objective:
    """A value-based objective from 0 to 100 of the customer CRM-1, beside a metric, csat."""
    make_metric(key="csat")
    return make_objective(make_account(external_id="CRM-1"), external_id="OBJ-1", started_on=date(2026, 1, 1))


def rows_of(response: Any) -> list[tuple[int, str, str]]:
    return [(error["index"], error["field"], error["code"]) for error in response.json()["errors"]]


def counts_of(response: Any) -> tuple[int, int, int]:
    assert response.status_code == 200, response.content
    found = response.json()
    assert list(found) == ["created", "unchanged", "superseded", "errors"]
    return found["created"], found["unchanged"], found["superseded"]


def test_one_reading_of_an_objective(api: Caller, subject: Objective) -> None:
    body = {
        "value": 71.5, "observed_at": "2026-05-04T11:30:00+02:00", "source": "CRM", "confidence": "medium",
        "note": "Two\nlines", "external_id": "R-1",
    }  # fmt: skip
    response = api.post(f"/api/objectives/{subject.pk}/readings", body)
    assert response.status_code == 201
    made = response.json()
    assert list(made) == [
        "id", "customer", "metric", "objective", "value", "observed_at", "source", "confidence", "note", "external_id",
        "recorded_at", "superseded", "created_at", "updated_at",
    ]  # fmt: skip
    assert {name: made[name] for name in body} == {**body, "value": "71.5", "observed_at": AT}
    assert (made["customer"], made["metric"], made["objective"]) == (subject.account_id, None, subject.pk)
    assert (made["superseded"], made["created_at"]) == (False, made["recorded_at"])
    assert api.read("/api/objectives/external:OBJ-1")["current"] == "71.5"


def test_the_same_again_is_nothing_and_another_value_supersedes(api: Caller, subject: Objective) -> None:
    path = "/api/objectives/external:OBJ-1/readings"
    first = api.post(path, {"value": "10", "observed_at": AT, "source": "CRM"})
    again = api.post(path, {"value": 10, "observed_at": "2026-05-04T09:30:00.000000+00:00", "source": "CRM"})
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == first.json()
    other = api.post(path, {"value": 12, "observed_at": AT, "source": "CRM"})
    beside = api.post(path, {"value": 13, "observed_at": AT, "source": "ERP"})
    assert (other.status_code, beside.status_code) == (201, 201)
    listed = api.read(path)["results"]
    assert [(each["value"], each["superseded"]) for each in listed] == [("13", False), ("12", False), ("10", True)]
    assert AuditEntry.objects.filter(action="readings.recorded").count() == 3


def test_observed_now_unless_told(api: Caller, subject: Objective) -> None:
    before = timezone.now()
    made = api.post(f"/api/objectives/{subject.pk}/readings", {"value": 1}).json()
    assert before <= datetime.fromisoformat(made["observed_at"]) <= timezone.now()
    assert made["confidence"] == "high"


def test_the_log_of_an_attribute_based_objective_is_its_metrics(api: Caller, subject: Objective) -> None:
    made = api.make(
        "/api/objectives",
        customer="external:CRM-1", title="T", completion_type="attribute", metric="csat", baseline=0, target=10,
    )  # fmt: skip
    assert counts_of(api.post("/api/readings", {"customer": "external:CRM-1", "metric": "csat", "value": 5})) == (
        1,
        0,
        0,
    )
    path = f"/api/objectives/{made['id']}/readings"
    [listed] = api.read(path)["results"]
    assert (listed["metric"], listed["objective"], listed["value"]) == ("csat", None, "5")
    response = api.post(path, {"value": 6})
    assert (response.status_code, errors_of(response)) == (400, [("objective", "not_value_based")])


def test_a_manual_objective_has_no_log(api: Caller) -> None:
    manual = make_objective(make_account(), completion_type="manual")
    assert api.read(f"/api/objectives/{manual.pk}/readings")["results"] == []
    assert errors_of(api.post(f"/api/objectives/{manual.pk}/readings", {"value": 1})) == [
        ("objective", "not_value_based")
    ]


def test_the_log_of_nothing_is_404(api: Caller) -> None:
    assert api.get("/api/objectives/7/readings").status_code == 404
    assert api.post("/api/objectives/7/readings", {"value": 1}).status_code == 404


ROW: dict[str, Any] = {"customer": "external:CRM-1", "metric": "csat", "value": 1}

BAD_ROWS: list[tuple[Any, list[tuple[str, str]]]] = [
    (7, [("", "not_an_object")]),
    ("x", [("", "not_an_object")]),
    (None, [("", "not_an_object")]),
    ([], [("", "not_an_object")]),
    ({}, [("customer", "required"), ("metric", "required"), ("value", "required")]),
    ({"value": 1}, [("customer", "required"), ("metric", "required")]),
    ({"customer": "external:CRM-1", "value": 1}, [("metric", "required")]),
    ({"metric": "csat", "value": 1}, [("customer", "required")]),
    ({**ROW, "value": None}, [("value", "null")]),
    ({**ROW, "value": "NaN"}, [("value", "not_finite")]),
    ({**ROW, "value": "1.1234567"}, [("value", "too_many_decimals")]),
    ({**ROW, "value": 10**14}, [("value", "too_many_digits")]),
    ({**ROW, "value": "\u0667"}, [("value", "not_ascii")]),
    ({**ROW, "value": False}, [("value", "not_a_number")]),
    ({**ROW, "customer": 999}, [("customer", "not_found")]),
    ({**ROW, "customer": "external:none"}, [("customer", "not_found")]),
    ({**ROW, "customer": "CRM-1"}, [("customer", "invalid_reference")]),
    ({**ROW, "customer": None}, [("customer", "null")]),
    ({**ROW, "metric": "none"}, [("metric", "not_found")]),
    ({**ROW, "metric": 7}, [("metric", "not_text")]),
    ({**ROW, "metric": ""}, [("metric", "required")]),
    ({**ROW, "objective": "external:OBJ-1"}, [("metric", "one_subject")]),
    ({"objective": 999, "value": 1}, [("objective", "not_found")]),
    ({"objective": "external:none", "value": 1}, [("objective", "not_found")]),
    ({"objective": "external:OBJ-1", "value": 0}, [("value", "no_progress_yet")]),
    ({**ROW, "observed_at": "2026-05-04T09:30:00"}, [("observed_at", "offset_missing")]),
    ({**ROW, "observed_at": "2026-05-04"}, [("observed_at", "invalid_datetime")]),
    ({**ROW, "observed_at": "2026-02-30T00:00:00Z"}, [("observed_at", "invalid_datetime")]),
    ({**ROW, "observed_at": "2026-05-04T24:00:00Z"}, [("observed_at", "invalid_datetime")]),
    ({**ROW, "observed_at": "2026-05-04T09:30:60Z"}, [("observed_at", "invalid_datetime")]),
    ({**ROW, "observed_at": "2026-05-04T09:30:00.1234567Z"}, [("observed_at", "invalid_datetime")]),
    ({**ROW, "observed_at": "2026-05-04T09:30:00+25:00"}, [("observed_at", "invalid_datetime")]),
    ({**ROW, "observed_at": "2026-05-04T09:30:00 Europe/Berlin"}, [("observed_at", "invalid_datetime")]),
    ({**ROW, "observed_at": "\u0662026-05-04T09:30:00Z"}, [("observed_at", "invalid_datetime")]),
    ({**ROW, "observed_at": "0001-01-01T00:00:00+23:59"}, [("observed_at", "invalid_datetime")]),
    ({**ROW, "observed_at": "9999-12-31T23:59:59-23:59"}, [("observed_at", "invalid_datetime")]),
    ({**ROW, "observed_at": "0001-06-01T00:00:00Z"}, [("observed_at", "out_of_range")]),
    ({**ROW, "observed_at": 1777887000}, [("observed_at", "invalid_datetime")]),
    ({**ROW, "observed_at": None}, [("observed_at", "null")]),
    ({**ROW, "observed_at": "2100-01-01T00:00:00Z"}, [("observed_at", "in_future")]),
    ({**ROW, "confidence": "sure"}, [("confidence", "invalid_choice")]),
    ({**ROW, "confidence": None}, [("confidence", "null")]),
    ({**ROW, "source": "x" * 121}, [("source", "max_length")]),
    ({**ROW, "source": "a\tb"}, [("source", "control_character")]),
    ({**ROW, "note": "x" * 10_001}, [("note", "max_length")]),
    ({**ROW, "note": 7}, [("note", "not_text")]),
    ({**ROW, "external_id": " x"}, [("external_id", "surrounding_blanks")]),
    ({**ROW, "recorded_at": AT}, [("recorded_at", "read_only")]),
    ({**ROW, "colour": 1}, [("colour", "unknown_field")]),
    ({**ROW, "value": "x", "source": 1}, [("source", "not_text"), ("value", "not_a_number")]),
]


@pytest.mark.parametrize(("row", "errors"), BAD_ROWS)
def test_a_row_alone_is_refused(api: Caller, subject: Objective, row: Any, errors: list[tuple[str, str]]) -> None:
    response = api.send("POST", "/api/readings", raw=json.dumps(row).encode())
    if row == []:
        assert counts_of(response) == (0, 0, 0)
        return
    assert (response.status_code, errors_of(response)) == (400, errors)
    assert Reading.objects.count() == 0


def test_bad_rows_are_listed_and_good_ones_kept(api: Caller, subject: Objective) -> None:
    good = [{**ROW, "value": number, "observed_at": AT.replace("30:00", f"30:{number:02}")} for number in range(3)]
    given = [good[0], *[row for row, _ in BAD_ROWS], good[1], good[1], {**good[1], "value": 9}, good[2]]
    response = api.post("/api/readings", given)
    assert counts_of(response) == (3, 1, 1)
    assert rows_of(response) == [
        (index, field, code) for index, (_, errors) in enumerate(BAD_ROWS, 1) for field, code in errors
    ]
    assert all(list(error) == ["index", "field", "code", "detail"] for error in response.json()["errors"])
    assert Reading.objects.count() == 4


def test_atomic_is_all_or_none(api: Caller, subject: Objective) -> None:
    bad = [row for row, _ in BAD_ROWS]
    response = api.post("/api/readings?atomic=true", [ROW, *bad])
    assert response.status_code == 400
    assert errors_of(response) == [
        (f"[{index}].{field}" if field else f"[{index}]", code)
        for index, (_, errors) in enumerate(BAD_ROWS, 1)
        for field, code in errors
    ]
    assert Reading.objects.count() == 0
    assert counts_of(api.post("/api/readings?atomic=true", [ROW])) == (1, 0, 0)
    assert errors_of(api.post("/api/readings?atomic=yes", [ROW])) == [("atomic", "invalid_choice")]
    assert errors_of(api.post("/api/readings?dry_run=true", [ROW])) == [("dry_run", "unknown_parameter")]


def test_rows_in_lines(api: Caller, subject: Objective) -> None:
    lines = [
        json.dumps({**ROW, "observed_at": AT}).encode(), b"", b"{", b"7", b'{"value": NaN}', b"\xff",
        b'{"value": 1, "value": 2}', b"  ", json.dumps({"objective": "external:OBJ-1", "value": "2"}).encode() + b"\r",
    ]  # fmt: skip
    response = api.send("POST", "/api/readings", raw=b"\n".join(lines), content_type="application/x-ndjson")
    assert counts_of(response) == (2, 0, 0)
    assert rows_of(response) == [
        (1, "", "invalid_json"), (2, "", "not_an_object"), (3, "", "not_finite"), (4, "", "not_utf8"),
        (5, "", "duplicate_key"),
    ]  # fmt: skip


def test_one_line_is_a_batch_of_one(api: Caller, subject: Objective) -> None:
    response = api.send("POST", "/api/readings", raw=b"{}", content_type="application/x-ndjson")
    assert (counts_of(response), len(rows_of(response))) == ((0, 0, 0), 3)


def test_the_first_value_of_an_objective_within_a_batch(api: Caller, subject: Objective) -> None:
    """The baseline is refused until something else was measured, and kept from then on."""
    values = [0, 0, 5, 0]
    given = [
        {"objective": subject.pk, "value": value, "observed_at": f"2026-05-0{number}T00:00:00Z"}
        for number, value in enumerate(values, 1)
    ]
    response = api.post("/api/readings", given)
    assert counts_of(response) == (2, 0, 0)
    assert rows_of(response) == [(0, "value", "no_progress_yet"), (1, "value", "no_progress_yet")]


def test_archived_subjects_take_no_reading(api: Caller, subject: Objective) -> None:
    gone = make_objective(subject.account, external_id="OBJ-2")
    api.delete("/api/objectives/external:OBJ-2")
    other = make_objective(make_account(external_id="CRM-2"))
    api.delete("/api/customers/external:CRM-2")
    response = api.post(
        "/api/readings",
        [
            {"objective": gone.pk, "value": 1},
            {"objective": other.pk, "value": 1},
            {**ROW, "customer": "external:CRM-2"},
        ],
    )
    assert rows_of(response) == [(0, "objective", "archived"), (1, "customer", "archived"), (2, "customer", "archived")]


def test_an_objective_of_another_customer_is_refused(api: Caller, subject: Objective) -> None:
    other = make_account()
    response = api.post("/api/readings", {"customer": other.pk, "objective": subject.pk, "value": 1})
    assert errors_of(response) == [("objective", "other_customer")]
    named = api.post("/api/readings", {"customer": subject.account_id, "objective": subject.pk, "value": 1})
    assert counts_of(named) == (1, 0, 0)


def test_nothing_is_a_batch_too(api: Caller) -> None:
    assert counts_of(api.post("/api/readings", [])) == (0, 0, 0)


def test_five_thousand_rows_at_once_and_no_more(api: Caller, subject: Objective) -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    rows = [
        {**ROW, "value": number, "observed_at": (start + timedelta(minutes=number)).isoformat()}
        for number in range(5_000)
    ]
    assert counts_of(api.post("/api/readings", rows)) == (5_000, 0, 0)
    assert counts_of(api.post("/api/readings", rows)) == (0, 5_000, 0)
    response = api.post("/api/readings", [*rows, ROW])
    assert (response.status_code, response.json()["code"]) == (413, "too_many_rows")
    assert Reading.objects.count() == 5_000


def test_a_batch_moves_the_score_once_it_is_in(api: Caller, subject: Objective) -> None:
    made = api.make(
        "/api/objectives",
        customer="external:CRM-1", title="T", completion_type="attribute", metric="csat", baseline=0, target=10,
    )  # fmt: skip
    api.post("/api/readings", [{**ROW, "value": 5}, {"objective": subject.pk, "value": 100}])
    assert api.read(f"/api/objectives/{made['id']}")["completion"] == "50"
    assert api.read("/api/customers/external:CRM-1")["value_delivered"] == "75"


@pytest.mark.parametrize("count", [1, 300])
def test_a_batch_costs_the_same_queries(
    api: Caller, subject: Objective, count: int, django_assert_max_num_queries
) -> None:
    rows = [{**ROW, "observed_at": f"2026-05-04T09:{n // 60:02}:{n % 60:02}Z"} for n in range(count)]
    api.get("/api/metrics")
    with django_assert_max_num_queries(28):
        assert counts_of(api.post("/api/readings", rows)) == (count, 0, 0)

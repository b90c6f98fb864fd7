"""/api/segments, and customers by them"""

import csv
import io
from datetime import UTC, datetime

import pytest

from accounts.models import SavedSegment
from accounts.services.attributes import archive_attribute, create_attribute
from accounts.services.segments import archive_segment
from tests.api.conftest import Caller, errors_of
from tests.factories import make_account, make_objective, make_segment, make_user
from valuerealization.common.audit import SYSTEM
from valuerealization.common.models import AuditEntry

AT = datetime(2026, 11, 15, 12, tzinfo=UTC)
BIG = {"all": [{"field": "arr", "op": "at_least", "value": "1000"}]}
FULL = {"name": "Big", "description": "For the Monday call", "rule": BIG}


def test_a_segment_is_made_and_read_with_its_count(api: Caller) -> None:
    make_account(arr=999)
    make_account(arr=1000)
    response = api.post("/api/segments", FULL)
    assert response.status_code == 201
    made = response.json()
    assert {name: made[name] for name in FULL} == FULL
    assert list(made) == [
        "id", "name", "description", "rule", "customers", "created_by", "archived", "archived_at", "created_at",
        "updated_at",
    ]  # fmt: skip
    assert (made["customers"], made["created_by"], made["archived"]) == (1, None, False)
    assert response.headers["Location"] == f"http://testserver/api/segments/{made['id']}"
    assert api.read(f"/api/segments/{made['id']}") == made
    make_account(arr=5000)
    assert api.read(f"/api/segments/{made['id']}")["customers"] == 2
    assert api.read("/api/segments")["results"][0]["customers"] == 2
    assert AuditEntry.objects.get(action="segment.created").actor_kind == "api_key"
    assert errors_of(api.post("/api/segments", {})) == [("name", "required"), ("rule", "required")]


def test_a_rule_is_kept_as_it_is_read(api: Caller) -> None:
    rule = {
        "any": [
            {"field": "arr", "op": "above", "value": 1000.50},
            {"all": [
                {"field": "name", "op": "contains", "value": " x "}, {"field": "owner", "op": "is_empty"},
                {"field": "renewal_on", "op": "in_next_days", "value": "90"},
                {"field": "segment", "op": "is_any_of", "value": ["enterprise", "enterprise"]},
            ]},
        ]
    }  # fmt: skip
    made = api.make("/api/segments", name="S", rule=rule)
    assert made["rule"] == {
        "any": [
            {"field": "arr", "op": "above", "value": "1000.5"},
            {"all": [
                {"field": "name", "op": "contains", "value": "x"}, {"field": "owner", "op": "is_empty"},
                {"field": "renewal_on", "op": "in_next_days", "value": 90},
                {"field": "segment", "op": "is_any_of", "value": ["enterprise"]},
            ]},
        ]
    }  # fmt: skip
    again = api.patch(f"/api/segments/{made['id']}", {"rule": made["rule"]}).json()
    assert again == made


def test_a_change_takes_what_is_given(api: Caller) -> None:
    person = make_user(email="ana@example.com")
    segment = make_segment(BIG, name="Big", created_by=person)
    path = f"/api/segments/{segment.pk}"
    before = api.read(path)
    assert before["created_by"] == "ana@example.com"
    changed = api.patch(path, {"rule": {"all": [{"field": "arr", "op": "is_empty"}]}, "description": "x"}).json()
    assert {name for name in before if before[name] != changed[name]} == {"rule", "description", "updated_at"}
    assert api.patch(path, {"name": "Huge"}).json()["name"] == "Huge"


def test_what_a_stored_rule_asks_about_may_stay(api: Caller) -> None:
    attribute = create_attribute(by=SYSTEM, key="tier", name="Tier", type="choice", choices=["gold"])
    rule = {"all": [{"field": "attributes.tier", "op": "is", "value": "gold"}]}
    make_account(attributes={"tier": "gold"})
    made = api.make("/api/segments", name="Gold", rule=rule)
    assert made["customers"] == 1
    archive_attribute(attribute=attribute, by=SYSTEM, at=AT)
    changed = api.patch(f"/api/segments/{made['id']}", {"rule": {"any": rule["all"]}})
    assert changed.json()["rule"] == {"any": rule["all"]}
    response = api.post("/api/segments", {"name": "New", "rule": rule})
    assert errors_of(response) == [("rule.all[0].field", "unknown_field")]


def test_a_rule_that_cannot_be_read_any_more_has_no_count(api: Caller) -> None:
    segment = make_segment(BIG)
    SavedSegment.objects.update(rule={"all": [{"field": "gone", "op": "is", "value": 1}]})
    found = api.read(f"/api/segments/{segment.pk}")
    assert (found["customers"], found["rule"]["all"][0]["field"]) == (None, "gone")
    assert api.patch(f"/api/segments/{segment.pk}", {"rule": BIG}).json()["customers"] == 0


@pytest.mark.parametrize(
    ("rule", "errors"),
    [
        (None, [("rule", "null")]),
        ([], [("rule", "invalid_group")]),
        ("arr > 5", [("rule", "invalid_group")]),
        (7, [("rule", "invalid_group")]),
        ({}, [("rule", "invalid_group")]),
        ({"all": [], "any": []}, [("rule", "invalid_group")]),
        ({"none": []}, [("rule", "invalid_group")]),
        ({"all": []}, [("rule.all", "required")]),
        ({"all": {}}, [("rule.all", "not_a_list")]),
        ({"all": ["arr"]}, [("rule.all[0]", "not_an_object")]),
        ({"all": [{"field": "arr", "op": "above"}]}, [("rule.all[0].value", "required")]),
        ({"all": [{"field": "arr", "op": "above", "value": "many"}]}, [("rule.all[0].value", "not_a_number")]),
        ({"all": [{"field": "arr", "op": "above", "value": True}]}, [("rule.all[0].value", "not_a_number")]),
        ({"all": [{"field": "arr", "op": "contains", "value": 1}]}, [("rule.all[0].op", "invalid_choice")]),
        ({"all": [{"field": "salary", "op": "is", "value": 1}]}, [("rule.all[0].field", "unknown_field")]),
        ({"all": [{"field": ["arr"], "op": "is", "value": 1}]}, [("rule.all[0].field", "unknown_field")]),
        ({"all": [{"field": "arr", "op": "is", "value": 1, "x": 1}]}, [("rule.all[0]", "unknown_field")]),
        ({"all": [{"field": "status", "op": "is", "value": "great"}]}, [("rule.all[0].value", "invalid_choice")]),
        ({"all": [{"field": "name", "op": "is", "value": "x" * 201}]}, [("rule.all[0].value", "max_length")]),
        ({"all": [{"field": "name", "op": "is", "value": "a\u0007"}]}, [("rule.all[0].value", "control_character")]),
        ({"all": [{"field": "created_on", "op": "before", "value": "soon"}]}, [("rule.all[0].value", "invalid_date")]),
        (
            {
                "all": [
                    {"any": [{"field": "arr", "op": "above", "value": 1}, {"field": "nope", "op": "is"}]},
                    {"all": 1},
                ]
            },
            [("rule.all[0].any[1].field", "unknown_field"), ("rule.all[1].all", "not_a_list")],
        ),
        ({"all": [{"all": [{"all": [{"all": [BIG["all"][0]]}]}]}]}, [("rule.all[0].all[0].all[0]", "too_deep")]),
        ({"all": BIG["all"] * 31}, [("rule.all", "too_many")]),
    ],
)
def test_a_rule_that_cannot_be_taken_names_the_place(api: Caller, rule: object, errors: list) -> None:
    segment = make_segment(BIG)
    for response in (
        api.post("/api/segments", {"name": "S", "rule": rule}),
        api.patch(f"/api/segments/{segment.pk}", {"rule": rule}),
    ):
        assert (response.status_code, errors_of(response)) == (400, errors)
    assert [each.rule for each in SavedSegment.objects.all()] == [BIG]


@pytest.mark.parametrize(
    ("change", "errors"),
    [
        ({"name": ""}, [("name", "blank")]),
        ({"name": None}, [("name", "null")]),
        ({"name": 7}, [("name", "not_text")]),
        ({"name": "x" * 81}, [("name", "max_length")]),
        ({"name": "two\nlines"}, [("name", "control_character")]),
        ({"description": "x" * 301}, [("description", "max_length")]),
        ({"description": None}, [("description", "null")]),
        ({"archived": "no"}, [("archived", "not_a_boolean")]),
        ({"customers": 5}, [("customers", "read_only")]),
        ({"created_by": "ana@example.com"}, [("created_by", "read_only")]),
        ({"rules": BIG}, [("rules", "unknown_field")]),
    ],
)
def test_what_cannot_be_taken_names_its_field(api: Caller, change: dict, errors: list) -> None:
    response = api.post("/api/segments", {**FULL, **change})
    assert (response.status_code, errors_of(response)) == (400, errors)
    assert SavedSegment.objects.count() == 0


def test_a_name_is_taken_once(api: Caller) -> None:
    api.make("/api/segments", **FULL)
    response = api.post("/api/segments", {**FULL, "name": "BIG"})
    assert (response.status_code, errors_of(response)) == (409, [("name", "unique")])


def test_archiving_takes_the_place_of_deleting(api: Caller) -> None:
    made = api.make("/api/segments", **FULL)
    path = f"/api/segments/{made['id']}"
    archived = api.patch(path, {"archived": True}).json()
    assert archived["archived"] is True
    assert api.read("/api/segments")["results"] == []
    assert api.read("/api/segments?archived=true")["results"] == [archived] == [api.read(path)]
    assert errors_of(api.get(f"/api/customers?in_segment={made['id']}")) == [("in_segment", "not_found")]
    assert api.patch(path, {"archived": False}).json()["archived_at"] is None
    assert api.delete(path).status_code == 405


def test_the_list_is_searched_and_sorted(reader: Caller) -> None:
    for name in ("Beta", "Alpha", "Alps"):
        make_segment(BIG, name=name)
    archive_segment(segment=make_segment(BIG, name="Alas"), by=SYSTEM, at=AT)
    for query, expected in [
        ("", ["Alpha", "Alps", "Beta"]), ("ordering=-name", ["Beta", "Alps", "Alpha"]),
        ("ordering=id", ["Beta", "Alpha", "Alps"]), ("ordering=-id", ["Alps", "Alpha", "Beta"]),
        ("search=ALP", ["Alpha", "Alps"]), ("search=x", []),
    ]:  # fmt: skip
        walked, path = [], f"/api/segments?{query}&page_size=1"
        while path:
            found = reader.read(path)
            walked += [each["name"] for each in found["results"]]
            path = found["next"]
        assert walked == expected, query
    for query, errors in [
        ("name=Alpha", [("name", "unknown_parameter")]), ("ordering=customers", [("ordering", "invalid_choice")]),
        ("search=a%00", [("search", "control_character")]), ("archived=1", [("archived", "invalid_choice")]),
    ]:  # fmt: skip
        assert errors_of(reader.get(f"/api/segments?{query}")) == errors


@pytest.mark.parametrize("path", ["7", "0", "999999999999999999999999", "big", "external:big"])
def test_what_does_not_exist_is_404(api: Caller, path: str) -> None:
    assert api.get(f"/api/segments/{path}").status_code == 404
    assert api.patch(f"/api/segments/{path}", {}).status_code == 404


def test_customers_and_the_portfolio_are_narrowed_by_a_segment(reader: Caller) -> None:
    for name, arr, current in (("Small", 10, 80), ("Large", 2000, 40), ("Huge", 9000, 60)):
        make_objective(make_account(name=name, arr=arr), current=current)
    segment = make_segment(BIG)
    query = f"?in_segment={segment.pk}"
    assert [each["name"] for each in reader.read(f"/api/customers{query}")["results"]] == ["Large", "Huge"]
    assert reader.read(f"/api/segments/{segment.pk}")["customers"] == 2
    found = reader.read(f"/api/portfolio{query}")
    assert (found["average_value_delivered"], found["counts"]["at_risk"], found["counts"]["on_track"]) == ("50", 1, 1)
    assert found["arr"]["at_risk"]["amount"] == "2000.00"
    assert reader.read("/api/portfolio")["average_value_delivered"] == "60"
    assert reader.read("/api/portfolio?status=at_risk&search=lar")["counts"]["at_risk"] == 1
    response = reader.get(f"/api/portfolio/customers.csv{query}")
    rows = csv.DictReader(io.StringIO(b"".join(response.streaming_content).decode()))
    assert [row["name"] for row in rows] == ["Large", "Huge"]
    for path in ("customers", "portfolio", "portfolio/customers.csv"):
        for given in ("0", "x", "99999999", "-1", "9" * 30):
            assert errors_of(reader.get(f"/api/{path}?in_segment={given}")) == [("in_segment", "not_found")], path
    for name in ("ordering", "archived", "cursor", "page_size"):
        assert errors_of(reader.get(f"/api/portfolio?{name}=1")) == [(name, "unknown_parameter")]

"""/api/attributes"""

import pytest

from accounts.models import Attribute
from accounts.services.attributes import create_attribute
from objectives.models import Metric
from objectives.services.attributes import define_attribute
from tests.api.conftest import Caller, errors_of
from tests.factories import make_metric
from valuerealization.common.audit import SYSTEM
from valuerealization.common.models import AuditEntry

FULL = {
    "key": "tier",
    "name": "Support tier",
    "type": "choice",
    "choices": ["gold", "silver"],
    "help_text": "From the contract",
    "position": 3,
}


def test_an_attribute_is_made_and_read(api: Caller) -> None:
    response = api.post("/api/attributes", FULL)
    assert response.status_code == 201
    made = response.json()
    assert {name: made[name] for name in FULL} == FULL
    assert list(made) == [
        "id", "key", "name", "type", "choices", "unit", "help_text", "position", "archived", "archived_at",
        "created_at", "updated_at",
    ]  # fmt: skip
    assert response.headers["Location"] == f"http://testserver/api/attributes/{made['id']}"
    assert api.read(f"/api/attributes/{made['id']}") == made
    assert AuditEntry.objects.get(action="attribute.created").actor_kind == "api_key"
    assert errors_of(api.post("/api/attributes", {})) == [(name, "required") for name in ("key", "name", "type")]
    assert api.make("/api/attributes", key="vip", name="VIP", type="flag")["position"] == 4


def test_a_number_gets_its_metric(api: Caller) -> None:
    made = api.make("/api/attributes", key="seats", name="Seats", type="number", unit="users")
    assert (made["unit"], made["choices"]) == ("users", [])
    metric = Metric.objects.get()
    assert (metric.key, metric.name, metric.unit) == ("seats", "Seats", "users")
    assert api.make("/api/attributes", key="score", name="Score", type="number")["unit"] is None


def test_a_metric_that_is_there_is_taken_over_with_its_unit(api: Caller) -> None:
    make_metric(key="cost", unit="currency")
    body = {"key": "cost", "name": "Cost", "type": "number"}
    response = api.post("/api/attributes", {**body, "unit": "days"})
    assert (response.status_code, errors_of(response)) == (400, [("unit", "other_unit")])
    assert Attribute.objects.count() == 0
    made = api.make("/api/attributes", **body)
    assert made["unit"] == "currency"
    path = f"/api/attributes/{made['id']}"
    assert errors_of(api.patch(path, {"unit": "days"})) == [("unit", "other_unit")]
    assert api.patch(path, {"unit": "currency", "name": "Costs"}).json()["name"] == "Costs"
    assert errors_of(api.post("/api/attributes", {**body, "key": "x", "unit": "custom"})) == [("unit", "label_needed")]


def test_a_change_takes_what_is_given(api: Caller) -> None:
    made = api.make("/api/attributes", **FULL)
    path = f"/api/attributes/{made['id']}"
    changed = api.patch(path, {"choices": [" bronze ", "gold", "gold"], "key": "tier", "type": "choice"}).json()
    assert changed["choices"] == ["bronze", "gold"]
    assert {name for name in made if made[name] != changed[name]} == {"choices", "updated_at"}
    for name, value in (("key", "level"), ("type", "text")):
        response = api.patch(path, {name: value})
        assert (response.status_code, errors_of(response)) == (400, [(name, "fixed")])


def test_archiving_takes_the_place_of_deleting(api: Caller) -> None:
    made = api.make("/api/attributes", **FULL)
    path = f"/api/attributes/{made['id']}"
    archived = api.patch(path, {"archived": True}).json()
    assert archived["archived"] is True
    assert archived["archived_at"].endswith("Z")
    assert api.read("/api/attributes")["results"] == []
    assert api.read("/api/attributes?archived=true")["results"] == [archived] == [api.read(path)]
    assert api.patch(path, {"archived": False}).json()["archived_at"] is None
    response = api.delete(path)
    assert (response.status_code, response.headers["Allow"]) == (405, "GET, PATCH, HEAD")
    assert api.make("/api/attributes", key="old", name="Old", type="text", archived=True)["archived"] is True


def test_a_key_is_taken_once_even_by_an_archived_one(api: Caller) -> None:
    api.make("/api/attributes", **FULL, archived=True)
    response = api.post("/api/attributes", FULL)
    assert (response.status_code, errors_of(response)) == (409, [("key", "unique")])


@pytest.mark.parametrize(
    ("change", "errors"),
    [
        ({"key": "Tier"}, [("key", "invalid")]),
        ({"key": "1st"}, [("key", "invalid")]),
        ({"key": "a.b"}, [("key", "invalid")]),
        ({"key": "x" * 65}, [("key", "max_length")]),
        ({"key": None}, [("key", "null")]),
        ({"key": 7}, [("key", "not_text")]),
        ({"name": ""}, [("name", "blank")]),
        ({"name": "x" * 81}, [("name", "max_length")]),
        ({"name": "a\u0007"}, [("name", "control_character")]),
        ({"type": "colour"}, [("type", "invalid_choice")]),
        ({"type": None}, [("type", "null")]),
        ({"choices": []}, [("choices", "required")]),
        ({"choices": "gold"}, [("choices", "not_a_list")]),
        ({"choices": {"gold": 1}}, [("choices", "not_a_list")]),
        ({"choices": ["gold", 7]}, [("choices[1]", "not_text")]),
        ({"choices": [""]}, [("choices[0]", "blank")]),
        ({"choices": ["x" * 81]}, [("choices[0]", "max_length")]),
        ({"choices": [str(number) for number in range(51)]}, [("choices", "too_many")]),
        ({"type": "text", "choices": ["gold"]}, [("choices", "only_for_choice")]),
        ({"unit": "days"}, [("unit", "only_for_number")]),
        ({"unit": "litres"}, [("unit", "invalid_choice")]),
        ({"help_text": "x" * 201}, [("help_text", "max_length")]),
        ({"position": -1}, [("position", "invalid_position")]),
        ({"position": 10_000}, [("position", "invalid_position")]),
        ({"position": "1"}, [("position", "invalid_position")]),
        ({"position": 1.5}, [("position", "invalid_position")]),
        ({"position": True}, [("position", "invalid_position")]),
        ({"position": None}, [("position", "null")]),
        ({"archived": 1}, [("archived", "not_a_boolean")]),
        ({"id": 1}, [("id", "read_only")]),
        ({"label": "x"}, [("label", "unknown_field")]),
    ],
)
def test_what_cannot_be_taken_names_its_field(api: Caller, change: dict, errors: list) -> None:
    response = api.post("/api/attributes", {**FULL, **change})
    assert (response.status_code, errors_of(response)) == (400, errors)
    assert (Attribute.objects.count(), Metric.objects.count()) == (0, 0)


@pytest.fixture
def defined(db: None) -> None:
    create_attribute(by=SYSTEM, key="b_text", name="Motto", type="text", position=2)
    define_attribute(by=SYSTEM, key="seats", name="Seats", type="number", position=1)
    create_attribute(by=SYSTEM, key="a_flag", name="Reference", type="flag", position=2)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["seats", "b_text", "a_flag"]),
        ("ordering=-position", ["a_flag", "b_text", "seats"]),
        ("ordering=key", ["a_flag", "b_text", "seats"]),
        ("ordering=-key", ["seats", "b_text", "a_flag"]),
        ("type=number", ["seats"]),
        ("type=date", []),
        ("search=FER", ["a_flag"]),
        ("search=text", ["b_text"]),
        ("archived=true", []),
    ],
)
def test_the_list_is_filtered_and_sorted(reader: Caller, defined: None, query: str, expected: list[str]) -> None:
    walked, path = [], f"/api/attributes?{query}&page_size=1"
    while path:
        found = reader.read(path)
        walked += [each["key"] for each in found["results"]]
        path = found["next"]
    assert walked == expected


@pytest.mark.parametrize(
    ("query", "errors"),
    [
        ("key=seats", [("key", "unknown_parameter")]),
        ("kind=number", [("kind", "unknown_parameter")]),
        ("type=colour", [("type", "invalid_choice")]),
        ("ordering=name", [("ordering", "invalid_choice")]),
        ("archived=yes", [("archived", "invalid_choice")]),
        ("search=%00", [("search", "control_character")]),
    ],
)
def test_a_query_that_cannot_be_taken_is_refused(reader: Caller, query: str, errors: list[tuple[str, str]]) -> None:
    response = reader.get(f"/api/attributes?{query}")
    assert (response.status_code, errors_of(response)) == (400, errors)


@pytest.mark.parametrize("path", ["7", "0", "999999999999999999999999", "tier", "external:tier"])
def test_what_does_not_exist_is_404(api: Caller, path: str) -> None:
    assert api.get(f"/api/attributes/{path}").status_code == 404
    assert api.patch(f"/api/attributes/{path}", {}).status_code == 404

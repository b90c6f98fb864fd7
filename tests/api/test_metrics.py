"""/api/metrics"""

import pytest

from objectives.models import Metric, MetricVersion
from tests.api.conftest import Caller, errors_of
from tests.factories import make_account, make_metric, make_objective

FULL = {
    "key": "csat",
    "name": "Satisfaction",
    "unit": "custom",
    "unit_label": "points",
    "direction": "down",
    "kind": "activity",
    "methodology": "Ask.\nCount.",
    "formula": "mean(answers)",
    "cadence": "weekly",
    "measured_by": "Support lead",
    "validated_by": "CSM",
    "reported_by": "",
}


def test_a_metric_is_made_and_read(api: Caller) -> None:
    response = api.post("/api/metrics", FULL)
    assert response.status_code == 201
    made = response.json()
    assert list(made) == ["id", *FULL, "version", "created_at", "updated_at"]
    assert {name: made[name] for name in FULL} == FULL
    assert made["version"] == 1
    assert response.headers["Location"] == f"http://testserver/api/metrics/{made['id']}"
    assert api.read(f"/api/metrics/{made['id']}") == made
    assert api.read("/api/metrics") == {"next": None, "previous": None, "results": [made]}


def test_key_and_name_suffice(api: Caller) -> None:
    made = api.make("/api/metrics", key="a", name="A")
    assert [made[name] for name in ("unit", "unit_label", "direction", "kind", "methodology", "formula")] == [
        None, "", "up", "value", "", "",
    ]  # fmt: skip


def test_another_methodology_is_a_new_version(api: Caller) -> None:
    made = api.make("/api/metrics", **FULL)
    path = f"/api/metrics/{made['id']}"
    assert api.patch(path, {"name": "CSAT"}).json()["version"] == 1
    assert api.patch(path, {"methodology": "Ask twice."}).json()["version"] == 2
    assert api.patch(path, {"methodology": "Ask twice."}).json()["version"] == 2
    assert api.patch(path, {"formula": "median(answers)"}).json()["version"] == 3
    assert list(MetricVersion.objects.order_by("version").values_list("version", "methodology", "formula")) == [
        (1, "Ask.\nCount.", "mean(answers)"), (2, "Ask twice.", "mean(answers)"), (3, "Ask twice.", "median(answers)"),
    ]  # fmt: skip


def test_a_key_is_taken_once(api: Caller) -> None:
    api.make("/api/metrics", key="a", name="A")
    response = api.post("/api/metrics", {"key": "a", "name": "B"})
    assert (response.status_code, errors_of(response)) == (409, [("key", "unique")])
    other = api.make("/api/metrics", key="b", name="B")
    assert api.patch(f"/api/metrics/{other['id']}", {"key": "a"}).status_code == 409


@pytest.mark.parametrize(
    ("change", "errors"),
    [
        ({"key": "CSAT"}, [("key", "invalid")]),
        ({"key": "1st"}, [("key", "invalid")]),
        ({"key": "a b"}, [("key", "invalid")]),
        ({"key": "x" * 65}, [("key", "max_length")]),
        ({"key": None}, [("key", "null")]),
        ({"name": ""}, [("name", "blank")]),
        ({"unit": "litres"}, [("unit", "invalid_choice")]),
        ({"unit": "days", "unit_label": "x"}, [("unit_label", "only_for_custom")]),
        ({"direction": "sideways"}, [("direction", "invalid_choice")]),
        ({"direction": None}, [("direction", "null")]),
        ({"kind": ""}, [("kind", "invalid_choice")]),
        ({"methodology": "a\u0007"}, [("methodology", "control_character")]),
        ({"methodology": "x" * 10_001}, [("methodology", "max_length")]),
        ({"version": 7}, [("version", "read_only")]),
        ({"cadence": "hourly"}, [("cadence", "invalid_choice")]),
        ({"cadence": None}, [("cadence", "null")]),
        ({"measured_by": "x" * 121}, [("measured_by", "max_length")]),
        ({"frequency": "weekly"}, [("frequency", "unknown_field")]),
    ],
)
def test_what_cannot_be_taken_names_its_field(api: Caller, change: dict, errors: list) -> None:
    response = api.post("/api/metrics", {"key": "a", "name": "A", **change})
    assert (response.status_code, errors_of(response)) == (400, errors)
    assert Metric.objects.count() == 0


def test_the_list_is_filtered_and_sorted(reader: Caller) -> None:
    make_metric(key="b", kind="activity")
    make_metric(key="a")
    for query, expected in [("", "ab"), ("ordering=-key", "ba"), ("kind=activity", "b"), ("kind=value", "a")]:
        assert "".join(each["key"] for each in reader.read(f"/api/metrics?{query}")["results"]) == expected
    assert errors_of(reader.get("/api/metrics?ordering=name")) == [("ordering", "invalid_choice")]
    assert errors_of(reader.get("/api/metrics?key=a")) == [("key", "unknown_parameter")]


@pytest.mark.parametrize("path", ["7", "0", "999999999999999999999999", "csat", "external:csat"])
def test_what_does_not_exist_is_404(api: Caller, path: str) -> None:
    assert api.get(f"/api/metrics/{path}").status_code == 404
    assert api.patch(f"/api/metrics/{path}", {}).status_code == 404


def test_metrics_are_not_deleted(api: Caller) -> None:
    made = api.make("/api/metrics", key="a", name="A")
    response = api.delete(f"/api/metrics/{made['id']}")
    assert (response.status_code, response.json()["code"]) == (405, "method_not_allowed")
    assert response.headers["Allow"] == "GET, PATCH, HEAD"


def test_a_new_kind_reaches_the_objectives(api: Caller) -> None:
    metric = make_metric()
    objective = make_objective(make_account(), metric=metric)
    api.patch(f"/api/metrics/{metric.pk}", {"kind": "activity"})
    assert api.read(f"/api/objectives/{objective.pk}")["kind"] == "activity"

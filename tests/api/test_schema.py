"""The schema: every endpoint is in it, and what is answered is what it describes."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.urls import URLPattern, get_resolver
from drf_spectacular.validation import validate_schema

from accounts.api import shapes as account_shapes
from accounts.services.attributes import create_attribute
from objectives.api import shapes
from portfolio.api import shapes as portfolio_shapes
from tests.api.conftest import Caller
from tests.factories import (
    make_account,
    make_contact,
    make_metric,
    make_objective,
    make_segment,
    record,
    sql_now,
    take_weeks,
)
from valuerealization import api as addresses
from valuerealization.common.audit import SYSTEM


@pytest.fixture
def schema(reader: Caller) -> dict[str, Any]:
    return reader.read("/api/schema")


def test_it_is_served_as_json_and_yaml(reader: Caller) -> None:
    for accept, content_type in [
        ("*/*", "application/json"),
        ("application/json", "application/json"),
        ("application/vnd.oai.openapi+json", "application/vnd.oai.openapi+json"),
        ("application/vnd.oai.openapi", "application/vnd.oai.openapi; charset=utf-8"),
    ]:
        response = reader.get("/api/schema", accept=accept)
        assert (response.status_code, response.headers["Content-Type"]) == (200, content_type)
    assert response.content.startswith(b"openapi: 3.1.0")


def test_it_is_valid_openapi(schema: dict[str, Any]) -> None:
    validate_schema(schema)
    assert schema["openapi"] == "3.1.0"


def test_every_endpoint_is_described(schema: dict[str, Any]) -> None:
    hidden = {"schema", ""}
    routes = [str(pattern.pattern) for pattern in addresses.urlpatterns if isinstance(pattern, URLPattern)]
    written = {
        "/api/" + route.replace("<reference:reference>", "{reference}").replace("<int:pk>", "{id}")
        for route in routes
        if route not in hidden
    }
    assert set(schema["paths"]) == written
    assert len(get_resolver("valuerealization.api").url_patterns) == len(routes)


def operations(schema: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def test_every_operation_says_what_it_does_and_how_it_refuses(schema: dict[str, Any]) -> None:
    names = set()
    for path, method, operation in operations(schema):
        assert operation["summary"], (path, method)
        assert operation["description"], (path, method)
        names.add(operation["operationId"])
        refusals = {status for status in operation["responses"] if status[0] in "45"}
        assert refusals >= {"400", "401", "403", "404", "406", "503"}
        assert ("415" in refusals) == (method != "get")
        for status in refusals:
            assert list(operation["responses"][status]["content"]) == ["application/problem+json"]
        assert operation["security"] == [{"key": []}, {"session": []}]
    assert len(names) == len(list(operations(schema)))


def test_what_was_described_with_examples_is_what_is_taken(api: Caller, schema: dict[str, Any]) -> None:
    make_account(external_id="CRM-0042")
    for path in ("attributes", "contacts", "segments"):
        body = schema["paths"][f"/api/{path}"]["post"]["requestBody"]["content"]["application/json"]
        for example in body["examples"].values():
            made = api.make(f"/api/{path}", **example["value"])
            assert set(example["value"]) <= set(made)
        one = "{reference}" if path == "contacts" else "{id}"
        for method in ("get", "patch"):
            told = schema["paths"][f"/api/{path}/{one}"][method]["responses"]["200"]["content"]["application/json"]
            assert [sorted(each["value"]) for each in told["examples"].values()] == [sorted(made)]


def members(shape: Any) -> list[str]:
    return sorted(shape().fields)


def test_answers_hold_what_is_described(reader: Caller) -> None:
    account = make_account()
    metric = make_metric()
    objective = make_objective(account, metric=metric)
    record(metric, 5, account=account)
    take_weeks(until=sql_now().replace(year=sql_now().year + 1))
    attribute = create_attribute(by=SYSTEM, key="tier", name="Tier", type="text")
    segment = make_segment({"all": [{"field": "arr", "op": "above", "value": 1}]})
    week = reader.read(f"/api/customers/{account.pk}/snapshots?include=objectives")["results"][0]
    state = reader.read(f"/api/customers/{account.pk}/value-metrics")
    for found, shape in [
        (reader.read(f"/api/customers/{account.pk}"), shapes.Customer),
        (reader.read(f"/api/objectives/{objective.pk}"), shapes.Objective),
        (reader.read(f"/api/metrics/{metric.pk}"), shapes.Metric),
        (reader.read(f"/api/objectives/{objective.pk}/readings")["results"][0], shapes.Reading),
        (week, shapes.Snapshot),
        (week["objectives"][0], shapes.SnapshotObjective),
        (state, shapes.ValueMetrics),
        (state["value_delivered"], shapes.LiveValue),
        (state["metrics"][0], shapes.MetricState),
        (reader.read(f"/api/contacts/{make_contact(account).pk}"), account_shapes.Contact),
        (reader.read(f"/api/attributes/{attribute.pk}"), shapes.Attribute),
        (reader.read(f"/api/segments/{segment.pk}"), shapes.Segment),
        (reader.read("/api/portfolio"), portfolio_shapes.Portfolio),
        (reader.read("/api/portfolio/trend")["results"][0], portfolio_shapes.Week),
    ]:
        assert sorted(found) == members(shape), shape

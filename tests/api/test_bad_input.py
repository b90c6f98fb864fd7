"""What two readers could take differently, and what no reader should: always a 4xx, never a change."""

import json

import pytest

from accounts.models import Account
from accounts.services.attributes import create_attribute
from tests.api.conftest import Caller, errors_of
from tests.factories import make_account, make_contact, make_metric, make_objective, make_segment
from valuerealization.common.audit import SYSTEM

RULE = {"all": [{"field": "arr", "op": "above", "value": 1}]}
BASE = b'"name": "Northwind", "timezone": "UTC"'


def nested(depth: int, opening: bytes = b"[", closing: bytes = b"]") -> bytes:
    return b'{"attributes": ' + opening * depth + b"1" + closing * depth + b", " + BASE + b"}"


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"{", "invalid_json"),
        (b"", "empty_body"),
        (b" ", "invalid_json"),
        (b"nope", "invalid_json"),
        (b"{'name': 'x'}", "invalid_json"),
        (b'{"name": "x",}', "invalid_json"),
        (b'{"name": "x"} {}', "invalid_json"),
        (b'{"name": "x" // comment\n}', "invalid_json"),
        (b'{"name": "a\nb"}', "invalid_json"),
        (b'{"name": "\\x41"}', "invalid_json"),
        (b'{"name": "\\uD8"}', "invalid_json"),
        (b'{"arr": 01}', "invalid_json"),
        (b'{"arr": +1}', "invalid_json"),
        (b'{"arr": .5}', "invalid_json"),
        (b'{"arr": 1.}', "invalid_json"),
        (b'{"arr": 0x10}', "invalid_json"),
        ('{"arr": \u0661}'.encode(), "invalid_json"),
        (b"\xef\xbb\xbf{" + BASE + b"}", "invalid_json"),
        (b'{"name": "\xff"}', "not_utf8"),
        (b'{"name": "\xed\xa0\x80"}', "not_utf8"),
        ('{"name": "x"}'.encode("utf-16"), "not_utf8"),
        (b'{"arr": NaN}', "not_finite"),
        (b'{"arr": Infinity}', "not_finite"),
        (b'{"arr": -Infinity}', "not_finite"),
        (b'{"arr": 1e99999999999999999999}', "not_finite"),
        (b'{"name": "x", "name": "y"}', "duplicate_key"),
        (b'{"attributes": {"a": 1, "a": 1}}', "duplicate_key"),
        (b'{"a": 1, "\\u0061": 2}', "duplicate_key"),
        (b'{"name": "a\\u0000b"}', "nul"),
        (b'{"a\\u0000": 1}', "nul"),
        (b'{"name": "a\x00b"}', "invalid_json"),
        (b'{"name": "\\ud800"}', "lone_surrogate"),
        (b'{"name": "\\udc00\\ud800"}', "lone_surrogate"),
        (b'{"\\udfff": 1}', "lone_surrogate"),
        (nested(17), "too_deep"),
        (nested(900), "too_deep"),
        (nested(100_000), "too_deep"),
        (nested(100_000, b'{"a":', b"}"), "too_deep"),
        (b"[" * 100_000, "too_deep"),
    ],
)
def test_bodies_that_are_no_strict_json(api: Caller, raw: bytes, code: str) -> None:
    account = make_account()
    contact, segment = make_contact(account), make_segment(RULE)
    for method, path in [
        ("POST", "/api/customers"), ("PATCH", f"/api/customers/{account.pk}"), ("POST", "/api/objectives"),
        ("POST", "/api/metrics"), ("POST", "/api/readings"), ("POST", f"/api/customers/{account.pk}/restatements"),
        ("POST", "/api/contacts"), ("PATCH", f"/api/contacts/{contact.pk}"), ("POST", "/api/attributes"),
        ("POST", "/api/segments"), ("PATCH", f"/api/segments/{segment.pk}"),
    ]:  # fmt: skip
        response = api.send(method, path, raw=raw)
        assert (response.status_code, response.json()["code"]) == (400, code), path
    assert list(Account.objects.all()) == [account]


def test_surrogate_pairs_and_escaped_backslashes_are_text(api: Caller) -> None:
    response = api.send(
        "POST", "/api/customers", raw=b'{"name": "\\ud83d\\ude00 \\\\u0000 \\\\ud800", "timezone": "UTC"}'
    )
    assert response.json()["name"] == "\U0001f600 \\u0000 \\ud800"


def test_numbers_of_any_length_cost_nothing(api: Caller) -> None:
    for number in (b"9" * 900_000, b"0." + b"9" * 900_000, b"1e-999999999", b"1e999999999"):
        response = api.send("POST", "/api/customers", raw=b'{"arr": ' + number + b", " + BASE + b"}")
        assert response.status_code == 400
        assert errors_of(response)[0][0] == "arr"


@pytest.mark.parametrize(
    "content_type",
    [
        "", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/xml",
        "application/json; charset=latin-1", "application/json; charset=utf-16", "application/x-ndjson",
        "application/jsonx", "json", "*/*; x",
    ],
)  # fmt: skip
def test_other_types_are_415(api: Caller, content_type: str) -> None:
    response = api.send("POST", "/api/customers", raw=b"{" + BASE + b"}", content_type=content_type)
    assert (response.status_code, response.json()["code"]) == (415, "unsupported_media_type")
    assert Account.objects.count() == 0


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "application/json; charset=utf-8", 'application/json;charset="UTF-8"', "APPLICATION/JSON"],
)
def test_json_is_named_in_many_ways(api: Caller, content_type: str) -> None:
    response = api.send("POST", "/api/customers", raw=b"{" + BASE + b"}", content_type=content_type)
    assert response.status_code == 201


def test_a_body_that_is_too_large_is_413(api: Caller) -> None:
    for path, content_type, size in [
        ("/api/customers", "application/json", 1024 * 1024 + 1),
        ("/api/readings", "application/json", 32 * 1024 * 1024 + 1),
        ("/api/readings", "application/x-ndjson", 32 * 1024 * 1024 + 1),
    ]:
        response = api.send("POST", path, raw=b" " * size, content_type=content_type)
        assert (response.status_code, response.json()["code"]) == (413, "too_large")


def test_what_is_announced_as_too_large_is_not_waited_for(api: Caller) -> None:
    given = api.client.generic(
        "POST", "/api/customers", b"{", content_type="application/json",
        headers={"authorization": f"Bearer {api.secret}"}, CONTENT_LENGTH="99999999999",
    )  # fmt: skip
    assert (given.status_code, given.json()["code"]) == (413, "too_large")


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("*/*", 200), ("application/*", 200), ("application/json", 200), ("application/json; indent=4", 200),
        ("text/html, application/json;q=0.5", 200), ("", 406), ("text/html", 406), ("application/xml", 406),
        ("application/problem+json", 406), ("nonsense", 406),
    ],
)  # fmt: skip
def test_other_forms_are_406(reader: Caller, accept: str, status: int) -> None:
    response = reader.get("/api/customers", accept=accept)
    assert response.status_code == status
    if status == 406:
        assert response.json()["code"] == "not_acceptable"
    else:
        assert (response.headers["Content-Type"], response.content[:9]) == ("application/json", b'{"next":n')


METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "BREW"]
ALLOWED = {
    "/api/customers": {"GET", "HEAD", "POST"},
    "/api/customers/{account}": {"GET", "HEAD", "PATCH", "DELETE"},
    "/api/customers/{account}/value-metrics": {"GET", "HEAD"},
    "/api/customers/{account}/snapshots": {"GET", "HEAD"},
    "/api/customers/{account}/restatements": {"POST"},
    "/api/objectives": {"GET", "HEAD", "POST"},
    "/api/objectives/{objective}": {"GET", "HEAD", "PATCH", "DELETE"},
    "/api/objectives/{objective}/readings": {"GET", "HEAD", "POST"},
    "/api/metrics": {"GET", "HEAD", "POST"},
    "/api/metrics/{metric}": {"GET", "HEAD", "PATCH"},
    "/api/contacts": {"GET", "HEAD", "POST"},
    "/api/contacts/{contact}": {"GET", "HEAD", "PATCH"},
    "/api/attributes": {"GET", "HEAD", "POST"},
    "/api/attributes/{attribute}": {"GET", "HEAD", "PATCH"},
    "/api/segments": {"GET", "HEAD", "POST"},
    "/api/segments/{segment}": {"GET", "HEAD", "PATCH"},
    "/api/readings": {"POST"},
    "/api/portfolio": {"GET", "HEAD"},
    "/api/portfolio/explain": {"GET", "HEAD"},
    "/api/portfolio/trend": {"GET", "HEAD"},
    "/api/portfolio/customers.csv": {"GET", "HEAD"},
    "/api/schema": {"GET", "HEAD"},
}


@pytest.mark.parametrize("path", ALLOWED)
def test_other_methods_are_405(api: Caller, reader: Caller, path: str) -> None:
    account = make_account()
    address = path.format(
        account=account.pk, objective=make_objective(account).pk, metric=make_metric().pk,
        contact=make_contact(account).pk, segment=make_segment(RULE).pk,
        attribute=create_attribute(by=SYSTEM, key="tier", name="Tier", type="text").pk,
    )  # fmt: skip
    for method in METHODS:
        response = api.send(method, address, {} if method in {"POST", "PATCH", "PUT"} else None)
        if method in ALLOWED[path]:
            assert response.status_code in {200, 204, 400}, method
        else:
            assert response.status_code == 405, method
            assert set(response.headers["Allow"].split(", ")) == ALLOWED[path]
            assert reader.send(method, address).status_code == 405


@pytest.mark.parametrize(
    "path",
    [
        "/api/", "/api/customers/", "/api/customers/1/", "/api/nothing", "/api/customers/1/nothing",
        "/api/v2/customers", "/api/customers%00", "/api/%F0%9F%98%80", "/api//customers",
        "/api/objectives/1/value-metrics",
    ],
)  # fmt: skip
def test_other_addresses_are_404(api: Caller, path: str) -> None:
    for method in ("GET", "POST", "DELETE"):
        response = api.send(method, path, {} if method == "POST" else None)
        assert (response.status_code, response.json()["code"]) == (404, "not_found")
    assert api.get(f"{path}?a=b").status_code == 404


def test_parameters_are_refused_where_there_are_none(api: Caller) -> None:
    account = make_account()
    metric = make_metric()
    objective = make_objective(account)
    for method, path in [
        ("GET", f"/api/customers/{account.pk}"), ("GET", f"/api/customers/{account.pk}/value-metrics"),
        ("POST", "/api/customers"), ("PATCH", f"/api/customers/{account.pk}"),
        ("DELETE", f"/api/customers/{account.pk}"), ("GET", f"/api/objectives/{objective.pk}"),
        ("GET", f"/api/metrics/{metric.pk}"), ("GET", "/api/portfolio"),
        ("POST", f"/api/objectives/{objective.pk}/readings"),
    ]:  # fmt: skip
        response = api.send(method, f"{path}?dry_run=1", {} if method in {"POST", "PATCH"} else None)
        assert (response.status_code, errors_of(response)) == (400, [("dry_run", "unknown_parameter")])
    assert Account.objects.get().archived_at is None


def test_many_errors_are_cut_short(api: Caller) -> None:
    response = api.post("/api/customers", {f"field {number}": 1 for number in range(5_000)})
    assert (response.status_code, len(response.json()["errors"])) == (400, 100)


def test_member_names_can_be_anything(api: Caller) -> None:
    names = ["", ".", "[0]", "__class__", "non_field_errors", "name\n", "\U0001f600", "a" * 10_000]
    response = api.post("/api/customers", {"name": "N", "timezone": "UTC", **dict.fromkeys(names, 1)})
    assert response.status_code == 400
    assert {error["code"] for error in response.json()["errors"]} == {"unknown_field"}
    response = api.post("/api/readings", [dict.fromkeys(names, 1)])
    assert {error["code"] for error in response.json()["errors"]} == {"unknown_field", "required"}


@pytest.mark.parametrize(
    "cursor",
    ["x", "x:y", "WyJ4Il0:1234", ":", "%00", "\u00e4", ".eJwDAAAAAAE:sig", "[]", "null", "-1", "x" * 1999, "a:b:c"],
)
@pytest.mark.parametrize(
    "path", ["customers", "objectives", "metrics", "contacts", "attributes", "segments", "portfolio/trend"]
)
def test_forged_cursors(reader: Caller, path: str, cursor: str) -> None:
    response = reader.get(f"/api/{path}?cursor={cursor}")
    assert (response.status_code, [field for field, _ in errors_of(response)]) == (400, ["cursor"])


def test_a_cursor_of_other_keys_is_forged(reader: Caller) -> None:
    """A valid signature over something else."""
    from django.core.signing import Signer

    signer = Signer(salt="valuerealization.common.keyset")
    make_metric()
    for inside in (
        [], {}, None, "x", ["metric key"], ["metric key", 0, 0, []], ["metric key", 0, 7, ["a"]],
        ["metric key", 0, -7, ["a"]], ["metric key", 0, "0", ["a"]], ["metric key", 0, None, ["a"]],
        ["metric key", 0, 0, "a"], ["metric key", 0, 0, 7], ["metric key", 0, 0, ["a", "b"]], [["x"], 0, 0, ["a"]],
    ):  # fmt: skip
        response = reader.get(f"/api/metrics?cursor={signer.sign_object(inside)}")
        assert response.status_code in {200, 400}, inside


def test_json_errors_name_the_place(api: Caller) -> None:
    response = api.send("POST", "/api/customers", raw=b'{"name": "x",\n "timezone" "UTC"}')
    assert response.json()["detail"] == ("The body is not valid JSON: Expecting ':' delimiter at line 2, column 13.")
    assert json.loads(response.content)["errors"] == []

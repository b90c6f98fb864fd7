"""Entity tags, idempotency keys, request ids, pages: what every resource does alike."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import Account
from accounts.services.attributes import create_attribute
from objectives.models import Reading
from objectives.services.attributes import define_attribute, save_attributes
from tests.api.conftest import Caller, make_key
from tests.factories import make_account, make_contact, make_metric, make_objective, make_segment, record
from valuerealization.common.audit import SYSTEM
from valuerealization.common.models import AuditEntry, IdempotencyRecord

RULE = {"all": [{"field": "arr", "op": "above", "value": 1}]}
NEW = {"name": "Northwind", "timezone": "UTC"}


@pytest.fixture
def resources(db: None) -> list[tuple[str, dict[str, Any]]]:
    """One resource of each kind that can be changed, with a change."""
    account = make_account(external_id="CRM-1")
    return [
        ("/api/customers/external:CRM-1", {"industry": "Trade"}),
        (f"/api/objectives/{make_objective(account, current=5).pk}", {"title": "New"}),
        (f"/api/metrics/{make_metric().pk}", {"name": "New"}),
        (f"/api/contacts/{make_contact(account).pk}", {"name": "New"}),
        (f"/api/attributes/{create_attribute(by=SYSTEM, key='tier', name='T', type='text').pk}", {"name": "New"}),
        (f"/api/segments/{make_segment(RULE).pk}", {"name": "New"}),
    ]


def test_a_tag_changes_with_the_resource(api: Caller, resources: list[tuple[str, dict[str, Any]]]) -> None:
    for path, change in resources:
        first = api.get(path)
        tag = first.headers["ETag"]
        assert tag.startswith('"')
        assert api.get(path).headers["ETag"] == tag
        unchanged = api.get(path, if_none_match=f'"x", {tag}')
        assert (unchanged.status_code, unchanged.content, unchanged.headers["ETag"]) == (304, b"", tag)
        changed = api.patch(path, change, if_match=tag)
        assert changed.status_code == 200
        assert changed.headers["ETag"] != tag
        again = api.get(path, if_none_match=tag)
        assert (again.status_code, again.headers["ETag"]) == (200, changed.headers["ETag"])


def test_a_stale_change_is_412(api: Caller, resources: list[tuple[str, dict[str, Any]]]) -> None:
    for path, change in resources:
        tag = api.get(path).headers["ETag"]
        assert api.patch(path, change).status_code == 200
        before = api.read(path)
        for given in (tag, f"W/{tag}", '"x"', f"W/{api.get(path).headers['ETag']}"):
            response = api.patch(path, {next(iter(change)): "Other"}, if_match=given)
            assert (response.status_code, response.json()["code"]) == (412, "stale")
            if "customers" in path or "objectives" in path:
                assert api.delete(path, if_match=given).status_code == 412
        assert api.read(path) == before
        assert api.patch(path, {}, if_match=f'"x", {api.get(path).headers["ETag"]}').status_code == 200
        assert api.patch(path, {}, if_match="*").status_code == 200


@pytest.mark.parametrize("given", ["x", "", '"x', '"x" "y"', "W/x", '"x",'])
def test_an_if_match_that_cannot_be_read_is_400(api: Caller, given: str) -> None:
    path = f"/api/customers/{make_account().pk}"
    response = api.patch(path, {"name": "x"}, if_match=given)
    assert (response.status_code, response.json()["code"]) == (400, "invalid_header")


def test_a_reading_makes_the_customer_another(api: Caller) -> None:
    objective = make_objective(make_account(external_id="CRM-1"))
    tag = api.get("/api/customers/external:CRM-1").headers["ETag"]
    record(objective, 5)
    assert api.patch("/api/customers/external:CRM-1", {"industry": "x"}, if_match=tag).status_code == 412


def test_posting_twice_creates_once(api: Caller) -> None:
    first = api.post("/api/customers", NEW, idempotency_key="k-1")
    again = api.post("/api/customers", NEW, idempotency_key="k-1")
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content
    for name in ("Location", "ETag", "Content-Type"):
        assert again.headers[name] == first.headers[name]
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    assert Account.objects.count() == 1
    assert AuditEntry.objects.filter(action="account.created").count() == 1


def test_a_key_is_for_one_request(api: Caller) -> None:
    api.post("/api/customers", NEW, idempotency_key="k")
    for path, body in [
        ("/api/customers", {**NEW, "name": "Other"}), ("/api/customers", {}), ("/api/metrics", NEW),
        ("/api/readings", []), ("/api/readings?atomic=true", []),
    ]:  # fmt: skip
        response = api.post(path, body, idempotency_key="k")
        assert (response.status_code, response.json()["code"]) == (409, "idempotency_key_reused")
    assert Account.objects.count() == 1


@pytest.mark.django_db
def test_keys_are_each_callers_own() -> None:
    for caller in (Caller(make_key()), Caller(make_key())):
        assert caller.post("/api/customers", NEW, idempotency_key="k").status_code == 201
    assert Account.objects.count() == 2


def test_what_was_refused_keeps_no_key(api: Caller) -> None:
    for body, status in [({}, 400), ({**NEW, "owner": "nobody@example.com"}, 400), (NEW, 201)]:
        assert api.post("/api/customers", body, idempotency_key="k").status_code == status
    assert (Account.objects.count(), IdempotencyRecord.objects.count()) == (1, 1)
    assert api.send("POST", "/api/customers", raw=b"{", idempotency_key="j").status_code == 400


def test_a_key_is_kept_a_day(api: Caller, clock) -> None:
    start = datetime(2027, 3, 1, 12, tzinfo=UTC)
    made = []
    for hours in (0, 23.9, 24.1, 30, 60):
        clock(start + timedelta(hours=hours))
        made.append(api.post("/api/customers", NEW, idempotency_key="k").json()["id"])
        api.post("/api/metrics", {"key": f"m{int(hours)}", "name": "M"}, idempotency_key=f"m-{hours}")
    assert made[0] == made[1] != made[2] == made[3] != made[4]
    assert IdempotencyRecord.objects.filter(created_at__lt=timezone.now() - timedelta(days=1)).count() == 0


def test_readings_are_recorded_once(api: Caller) -> None:
    objective = make_objective(make_account())
    path, body = f"/api/objectives/{objective.pk}/readings", {"value": 5}
    first = api.post(path, body, idempotency_key="a")
    assert api.post(path, body, idempotency_key="a").content == first.content
    rows = [{"objective": objective.pk, "value": 7}, {}]
    batch = api.post("/api/readings", rows, idempotency_key="b")
    assert api.post("/api/readings", rows, idempotency_key="b").content == batch.content
    assert (batch.json()["created"], Reading.objects.count()) == (1, 2)


@pytest.mark.parametrize("given", ["", " ", "a b", "x" * 256, "\u00e4", "a\tb"])
def test_keys_that_are_none(api: Caller, given: str) -> None:
    response = api.post("/api/customers", NEW, idempotency_key=given)
    assert (response.status_code, response.json()["code"]) == (400, "invalid_header")
    assert Account.objects.count() == 0


def test_request_ids_come_back(api: Caller) -> None:
    assert api.get("/api/metrics", x_request_id="mine-7").headers["X-Request-ID"] == "mine-7"
    assert len(api.get("/api/metrics").headers["X-Request-ID"]) == 36
    assert api.get("/api/nothing", x_request_id="mine-8").headers["X-Request-ID"] == "mine-8"


def test_answers_stay_out_of_caches(api: Caller, anonymous: Caller) -> None:
    for caller, path in [(api, "/api/customers"), (api, "/api/nothing"), (anonymous, "/api/customers")]:
        assert caller.get(path).headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("count", [1, 30])
def test_lists_cost_the_same_at_any_length(reader: Caller, count: int, django_assert_max_num_queries) -> None:
    for number in range(count):
        account = make_account(external_id=f"CRM-{number}")
        make_objective(account, metric=make_metric(kind="activity"))
        make_contact(account)
        make_segment(RULE)
        define_attribute(by=SYSTEM, key=f"a{number}", name="A", type="number")
        save_attributes(account=account, by=SYSTEM, at=timezone.now(), values={f"a{number}": 5})
    for path, most in (
        ("customers", 5), ("customers?search=Account&status=none&ordering=-arr", 5), ("objectives", 5),
        ("metrics?kind=activity", 5), ("contacts", 3), ("attributes", 4), ("segments", 4),
    ):  # fmt: skip
        with django_assert_max_num_queries(most):
            found = reader.read(f"/api/{path}")
        assert len(found["results"]) == count


def test_page_sizes(reader: Caller) -> None:
    for _ in range(52):
        make_metric()
    assert len(reader.read("/api/metrics")["results"]) == 50
    assert len(reader.read("/api/metrics?page_size=200")["results"]) == 52
    assert len(reader.read("/api/metrics?page_size=1")["results"]) == 1


def test_the_same_data_are_the_same_bytes(reader: Caller) -> None:
    account = make_account(name="\u00dcbung")
    path = f"/api/customers/{account.pk}"
    assert reader.get(path).content == reader.get(path).content
    assert "\u00dcbung".encode() in reader.get(path).content
    assert json.loads(reader.get(path).content)["name"] == "\u00dcbung"

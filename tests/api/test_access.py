"""Who gets in: keys, their scopes and lives, and sessions for reading."""

from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from accounts.models import Account, ApiKey
from tests.api.conftest import Caller, make_key
from tests.factories import make_user
from valuerealization.common.models import AuditEntry

PATHS = ["/api/customers", "/api/objectives", "/api/metrics", "/api/schema", "/api/nothing"]


@pytest.mark.parametrize("path", PATHS)
def test_without_a_key_everything_is_401(anonymous: Caller, path: str) -> None:
    response = anonymous.get(path)
    assert (response.status_code, response.json()["code"]) == (401, "not_authenticated")
    assert response.headers["WWW-Authenticate"] == 'Bearer realm="api"'


@pytest.mark.parametrize(
    "given",
    [
        "Bearer",
        "Bearer ",
        "Bearer vr_short",
        "Bearer vr_AAAAAAAA.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "Bearer AAAAAAAA.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "Bearer vr_\u00e4AAAAAAA.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "bearer " + "x" * 5000,
    ],
)
def test_a_wrong_key_is_401(anonymous: Caller, given: str) -> None:
    response = anonymous.get("/api/customers", authorization=given)
    assert (response.status_code, response.json()["code"]) == (401, "invalid_key")
    assert response.headers["WWW-Authenticate"] == 'Bearer realm="api"'


def test_other_schemes_are_no_key(anonymous: Caller) -> None:
    response = anonymous.get("/api/customers", authorization="Basic dTpw")
    assert (response.status_code, response.json()["code"]) == (401, "not_authenticated")


def test_the_secret_is_stored_nowhere(api: Caller) -> None:
    assert api.secret is not None
    prefix, _, secret = api.secret.removeprefix("vr_").partition(".")
    [key] = ApiKey.objects.values_list("id", "prefix", "hashed_key", "name")
    assert key[1] == prefix
    assert not any(secret in str(part) for part in key)
    assert not AuditEntry.objects.filter(details__icontains=secret).exists()


def test_the_scheme_is_read_without_regard_to_case(api: Caller) -> None:
    assert api.get("/api/customers", authorization=f"bEARER {api.secret}").status_code == 200


def test_a_half_right_key_is_401(api: Caller) -> None:
    assert api.secret is not None
    assert api.get("/api/customers", authorization=f"Bearer {api.secret[:-1]}0").status_code == 401


def test_a_revoked_key_is_401_from_the_next_request_on(api: Caller) -> None:
    assert api.get("/api/customers").status_code == 200
    key = ApiKey.objects.get()
    key.revoked = True
    key.save()
    assert api.get("/api/customers").status_code == 401


@pytest.mark.django_db
def test_an_expired_key_is_401() -> None:
    live = Caller(make_key(expires_at=timezone.now() + timedelta(hours=1)))
    gone = Caller(make_key(expires_at=timezone.now() - timedelta(seconds=1)))
    assert live.get("/api/customers").status_code == 200
    response = gone.get("/api/customers")
    assert (response.status_code, response.json()["code"]) == (401, "expired_key")


def test_last_use_is_remembered_at_most_once_a_minute(api: Caller, clock) -> None:
    seen = []
    for second in (0, 30, 59, 61, 100, 130):
        clock(datetime(2027, 3, 1, 12, 0, 0, tzinfo=UTC) + timedelta(seconds=second))
        api.get("/api/metrics")
        seen.append((ApiKey.objects.get().last_used_at - datetime(2027, 3, 1, 12, tzinfo=UTC)).total_seconds())
    assert seen == [0, 0, 0, 61, 61, 130]


WRITES = [
    ("POST", "/api/customers"), ("PATCH", "/api/customers/1"), ("DELETE", "/api/customers/1"),
    ("POST", "/api/customers/1/restatements"), ("POST", "/api/objectives"), ("PATCH", "/api/objectives/1"),
    ("DELETE", "/api/objectives/1"), ("POST", "/api/objectives/1/readings"), ("POST", "/api/metrics"),
    ("PATCH", "/api/metrics/1"), ("POST", "/api/readings"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path"), WRITES)
def test_a_reading_key_may_not_write(reader: Caller, method: str, path: str) -> None:
    response = reader.send(method, path, {})
    assert (response.status_code, response.json()["code"]) == (403, "insufficient_scope")


@pytest.mark.parametrize(("method", "path"), WRITES)
def test_a_session_may_not_write(anonymous: Caller, method: str, path: str) -> None:
    anonymous.client.force_login(make_user(role="admin"), backend="django.contrib.auth.backends.ModelBackend")
    response = anonymous.send(method, path, {})
    assert (response.status_code, response.json()["code"]) == (403, "session_reads_only")


@pytest.mark.parametrize("role", ["csm", "leader", "admin"])
def test_a_session_of_the_team_reads(anonymous: Caller, role: str) -> None:
    user = make_user(role=role)
    anonymous.client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    assert [anonymous.get(path).status_code for path in PATHS] == [200, 200, 200, 200, 404]
    user.is_active = False
    user.save()
    assert anonymous.get("/api/customers").status_code == 401


def test_a_reading_key_reads(reader: Caller) -> None:
    assert [reader.get(path).status_code for path in PATHS] == [200, 200, 200, 200, 404]


def test_writes_are_audited_with_the_key(api: Caller) -> None:
    key = ApiKey.objects.get()
    made = api.post("/api/customers", {"name": "Northwind", "timezone": "UTC"}, x_request_id="call-7").json()
    api.patch(f"/api/customers/{made['id']}", {"industry": "Trade"})
    api.delete(f"/api/customers/{made['id']}")
    entries = AuditEntry.objects.filter(account_id=made["id"]).order_by("id")
    assert [entry.action for entry in entries] == ["account.created", "account.updated", "account.archived"]
    assert {(entry.actor_kind, entry.actor_id, entry.actor_name) for entry in entries} == {
        ("api_key", key.prefix, "API key Test write")
    }
    assert entries[0].request_id == "call-7"


@pytest.mark.django_db
def test_the_command_prints_the_key_and_nothing_else() -> None:
    out = StringIO()
    call_command("create_api_key", name="  ETL ", scope="write", stdout=out)
    key = ApiKey.objects.get()
    assert (key.name, key.scope, key.prefix) == ("ETL", "write", out.getvalue()[3:11])
    caller = Caller(out.getvalue().removesuffix("\n"))
    assert caller.post("/api/customers", {"name": "Northwind", "timezone": "UTC"}).status_code == 201
    assert Account.objects.get().name == "Northwind"
    [made, _] = AuditEntry.objects.order_by("id")
    assert (made.action, made.actor_kind, made.subject_label) == ("api_key.created", "system", f"ETL ({key.prefix})")


@pytest.mark.django_db
@pytest.mark.parametrize(("name", "scope"), [("", "read"), (" ", "read"), ("x" * 51, "read")])
def test_the_command_refuses_a_name_that_is_none(name: str, scope: str) -> None:
    with pytest.raises(CommandError):
        call_command("create_api_key", name=name, scope=scope)
    assert ApiKey.objects.count() == 0


@pytest.mark.django_db
def test_a_request_costs_one_query_for_its_key() -> None:
    caller = Caller(make_key())
    caller.get("/api/customers")
    before = len(connection.queries_log)
    connection.force_debug_cursor = True
    try:
        caller.get("/api/nothing")
    finally:
        connection.force_debug_cursor = False
    assert len(connection.queries_log) - before == 1

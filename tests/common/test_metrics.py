"""`/metrics`: who may read it, what it says, and that counting asks the database nothing."""

import os
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import OperationalError, ProgrammingError, connection, transaction
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families

from objectives.models import Standing
from tests.factories import make_account, make_user
from valuerealization import metrics
from valuerealization.cache import ForgivingRedisCache
from valuerealization.common import health

pytestmark = pytest.mark.django_db

PROJECT = Path(__file__).parents[2]
Figures = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def parse(text: str) -> Figures:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def figures(client: Client, **headers: Any) -> Figures:
    answer = client.get("/metrics", **headers)
    assert answer.status_code == 200
    assert answer["Content-Type"].startswith("text/plain; version=")
    return parse(answer.content.decode())


def counted(found: Figures, name: str, **labels: str) -> float:
    return found.get((name, tuple(sorted(labels.items()))), 0)


class TestWhoMayRead:
    def test_this_machine(self, client: Client) -> None:
        assert client.get("/metrics").status_code == 200
        assert client.get("/metrics", REMOTE_ADDR="::1").status_code == 200

    @pytest.mark.parametrize("address", ["203.0.113.7", "10.0.0.1", "", "unix:", "2001:db8::1"])
    def test_nobody_else(self, client: Client, address: str) -> None:
        answer = client.get("/metrics", REMOTE_ADDR=address)
        assert (answer.status_code, answer.content) == (404, b"Not found.\n")

    @pytest.mark.parametrize("header", ["X-Forwarded-For", "X-Forwarded-Proto", "X-Real-IP", "Forwarded", "Via"])
    def test_a_proxy_on_this_machine_is_not_this_machine(self, client: Client, header: str) -> None:
        assert client.get("/metrics", headers={header: "203.0.113.7"}).status_code == 404

    def test_with_a_token_the_token_alone(self, client: Client, settings: Any) -> None:
        settings.METRICS_TOKEN = "s3cret-ü"
        assert client.get("/metrics").status_code == 404
        for wrong in ("s3cret-ü", "Bearer", "Bearer s3cret", "Basic s3cret-ü", "Bearer s3cret-ü2"):
            assert client.get("/metrics", headers={"Authorization": wrong}).status_code == 404
        headers = {"Authorization": "Bearer s3cret-ü", "X-Forwarded-For": "203.0.113.7"}
        assert client.get("/metrics", REMOTE_ADDR="203.0.113.7", headers=headers).status_code == 200

    def test_it_is_only_read_and_never_kept(self, client: Client) -> None:
        assert client.post("/metrics").status_code == 405
        assert "no-store" in client.get("/metrics")["Cache-Control"]

    def test_by_plain_http_too(self, client: Client, settings: Any) -> None:
        settings.SECURE_SSL_REDIRECT = True
        assert client.get("/metrics").status_code == 200


class TestWhatIsCounted:
    def test_requests_by_view_method_and_status(self, client: Client) -> None:
        before = figures(client)
        client.get("/healthz")
        client.get("/accounts/")
        client.get(f"/no-such-{os.getpid()}/")
        client.generic("BREW", "/healthz")
        after = figures(client)
        for labels in (
            {"view": "healthz", "method": "GET", "status": "2xx"},
            {"view": "account_list", "method": "GET", "status": "3xx"},
            {"view": "none", "method": "GET", "status": "4xx"},
            {"view": "healthz", "method": "other", "status": "4xx"},
        ):
            name = "vr_request_seconds_count"
            assert counted(after, name, **labels) == counted(before, name, **labels) + 1, labels
        assert f"no-such-{os.getpid()}" not in str(after)

    def test_statements_errors_and_the_cache(self, client: Client) -> None:
        before = figures(client)
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        with pytest.raises(ProgrammingError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT no_such")
        cache = ForgivingRedisCache(settings.REDIS_URL, {})
        cache.delete("metrics-test")
        assert cache.get("metrics-test", "otherwise") == "otherwise"
        cache.set("metrics-test", None)
        assert cache.get("metrics-test", "otherwise") is None
        cache.close()
        after = figures(client)
        name = "vr_database_statement_seconds_count"
        assert counted(after, name, alias="default") >= counted(before, name, alias="default") + 2
        for name, labels in (
            ("vr_database_errors_total", {"alias": "default", "error": "ProgrammingError"}),
            ("vr_cache_total", {"result": "hit"}),
            ("vr_cache_total", {"result": "miss"}),
        ):
            assert counted(after, name, **labels) == counted(before, name, **labels) + 1, name

    def test_counting_costs_no_statement(self, client: Client, django_assert_num_queries: Any) -> None:
        with django_assert_num_queries(0):
            client.get("/healthz")

    def test_a_content_length_that_is_no_number_is_no_error(self, client: Client) -> None:
        assert client.get("/healthz", CONTENT_LENGTH="many").status_code == 200


class TestWorkThatWaits:
    def test_what_is_due_late_failed_and_queued(self, client: Client, django_assert_max_num_queries: Any) -> None:
        at = datetime.now(UTC)
        accounts = [make_account() for _ in range(4)]
        Standing.objects.filter(account__in=accounts[:3]).update(next_boundary_at=at - timedelta(hours=1))
        Standing.objects.filter(account=accounts[0]).update(failed_at=at, failure="x")
        Standing.objects.filter(account=accounts[3]).update(recheck_at=at - timedelta(minutes=1))
        health.record_beat()
        health.record_tick(at=at - timedelta(seconds=100))
        health.broker().delete(health.QUEUE)
        with django_assert_max_num_queries(6):
            found = figures(client)
        exact = {
            "vr_snapshots_due": 3, "vr_accounts_failed": 1, "vr_standings_to_recheck": 1, "vr_queue_messages": 0,
            "vr_database_up": 1, "vr_broker_up": 1, "vr_beat_up": 1,
        }  # fmt: skip
        assert {name: counted(found, name) for name in exact} == exact
        assert 3600 <= counted(found, "vr_snapshots_late_seconds") < 3700
        assert 99 <= counted(found, "vr_tick_age_seconds") < 200

    def test_without_a_database_the_rest_is_said(self, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        def away(**_arguments: object) -> None:
            raise OperationalError("refused")

        monkeypatch.setattr(metrics, "waiting", away)
        found = figures(client)
        assert counted(found, "vr_database_up") == 0
        assert ("vr_snapshots_due", ()) not in found
        assert counted(found, "vr_broker_up") == 1

    def test_without_a_broker_the_rest_is_said(self, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(health, "queue_length", lambda: None)
        monkeypatch.setattr(health, "last_tick", lambda: None)
        found = figures(client)
        assert (counted(found, "vr_broker_up"), counted(found, "vr_database_up")) == (0, 1)
        assert not {name for name, _ in found} & {"vr_queue_messages", "vr_beat_up", "vr_tick_age_seconds"}


SERVE = """
import os, django
django.setup()
from django.test import Client
client = Client(headers={"Host": "localhost"})
for _ in range(3):
    assert client.get("/healthz").status_code == 200
if os.environ.get("LOOK"):
    print(client.get("/metrics").content.decode())
"""


@pytest.mark.slow
def test_several_processes_count_together(process_environment: dict[str, str], tmp_path: Path) -> None:
    environment = {
        **process_environment, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path), "SECRET_KEY": "x" * 60, "VR_HTTPS": "0",
    }  # fmt: skip
    said = ""
    for look in ("", "1"):
        done = subprocess.run(
            [sys.executable, "-c", SERVE], cwd=PROJECT, env={**environment, "LOOK": look}, capture_output=True,
            text=True, check=True,
        )  # fmt: skip
        said = done.stdout
    text = said[said.index("# ") :]
    assert re.search(r'vr_request_seconds_count\{method="GET",status="2xx",view="healthz"\} 6\.0', text)
    assert "vr_snapshots_due 0.0" in text


def test_the_page_of_operations_and_metrics_agree(client: Client) -> None:
    client.force_login(make_user(role="leader"))
    Standing.objects.filter(account=make_account()).update(next_boundary_at=datetime(2026, 1, 4, 2, tzinfo=UTC))
    assert counted(figures(client), "vr_snapshots_due") == 1
    assert re.search(r'Snapshots due</span>\s*<span class="v">1<', client.get("/operations/").content.decode())


@pytest.mark.django_db(transaction=True)
def test_a_connection_opened_inside_a_wrapper_loses_none() -> None:
    """Who wrapped statements for a while takes the last wrapper off: it has to be their own."""
    connection.close()
    calls = []

    def mine(execute: Any, *arguments: Any) -> Any:
        calls.append(arguments[0])
        return execute(*arguments)

    with connection.execute_wrapper(mine):
        connection.ensure_connection()
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    assert "SELECT 1" not in calls

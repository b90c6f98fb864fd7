"""Health checks: what is wrong is named, and nothing else fails."""

from typing import Any

import pytest
from django.db import OperationalError, connection
from django.test import Client
from redis.exceptions import ConnectionError as BrokerAway

from valuerealization.beat import Scheduler
from valuerealization.celery import app
from valuerealization.common import health

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def no_heartbeat() -> None:
    health.broker().delete(health.BEAT_KEY)


class Away:
    """A broker that doesn't answer."""

    def __getattr__(self, _name: str) -> Any:
        raise BrokerAway("refused")


def ready(client: Client) -> tuple[int, dict[str, str]]:
    answer = client.get("/readyz")
    return answer.status_code, answer.json()["checks"]


def test_ready_when_everything_is_in_order(client: Client) -> None:
    health.record_beat()
    assert ready(client) == (200, {"database": "ok", "broker": "ok", "beat": "ok"})


def test_a_scheduler_that_stopped_is_named(client: Client) -> None:
    assert ready(client) == (503, {"database": "ok", "broker": "ok", "beat": "no heartbeat for 30 seconds"})


def test_the_heartbeat_fades_by_itself() -> None:
    health.record_beat()
    assert 0 < health.broker().ttl(health.BEAT_KEY) <= health.BEAT_SECONDS


def test_every_turn_of_the_scheduler_is_a_heartbeat(transactional_db: None) -> None:
    Scheduler(app=app).tick()
    assert health.broker().exists(health.BEAT_KEY)


def test_a_broker_that_is_away_is_named(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "broker", Away)
    assert ready(client) == (
        503,
        {"database": "ok", "broker": "no connection", "beat": "unknown without the broker"},
    )
    health.record_beat()  # the scheduler goes on


def test_a_database_that_is_away_is_named(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def away() -> None:
        raise OperationalError("refused")

    health.record_beat()
    monkeypatch.setattr(connection, "cursor", away)
    assert ready(client) == (503, {"database": "no connection", "broker": "ok", "beat": "ok"})


def test_healthz_asks_nobody(client: Client, django_assert_num_queries: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "broker", Away)
    with django_assert_num_queries(0):
        answer = client.get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "up"})


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_answers_are_never_kept_and_only_read(client: Client, path: str) -> None:
    assert "no-store" in client.get(path)["Cache-Control"]
    assert client.post(path).status_code == 405

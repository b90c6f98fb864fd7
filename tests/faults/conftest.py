"""Real workers and schedulers on a broker database of their own, beside the test's PostgreSQL database."""

import os
import signal
import sys
from collections.abc import Callable, Generator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg
import pytest
import redis
from celery import Celery
from django.conf import settings
from django.db import connection

from objectives.models import Snapshot
from objectives.weeks import boundary_at, sunday_on_or_after
from tests.processes import Running, wait_for


@pytest.fixture
def broker_url(worker_id: str) -> str:
    """Name a database of the test's Valkey that no other test process uses."""
    number = 8 + (int(worker_id.removeprefix("gw")) if worker_id.startswith("gw") else 0) % 8
    return f"{settings.REDIS_URL.partition('?')[0]}?db={number}"


@pytest.fixture
def broker(broker_url: str) -> Generator[redis.Redis]:
    """Look into the broker, empty at first."""
    client = redis.Redis.from_url(broker_url)
    client.flushdb()
    yield client
    client.flushdb()
    client.close()


@pytest.fixture
def send(broker: redis.Redis, broker_url: str) -> Callable[..., Any]:
    """Put a task into the queue."""
    transport = broker_url.replace("unix://", "redis+socket://", 1).replace("?db=", "?virtual_host=", 1)
    producer = Celery("producer", broker=transport)
    producer.conf.task_ignore_result = True

    def put(name: str, **kwargs: Any) -> None:
        producer.send_task(name, kwargs=kwargs)

    return put


@pytest.fixture
def start(
    broker: redis.Redis, broker_url: str, process_environment: dict[str, str]
) -> Generator[Callable[..., Running]]:
    """Start `celery worker` or `celery beat` as in production; killed at the end of the test."""
    running: list[Running] = []

    def run(role: str, *options: str) -> Running:
        process = Running(
            [sys.executable, "-m", "celery", "-A", "valuerealization.celery", role, "--loglevel", "INFO", *options],
            environment={**process_environment, "REDIS_URL": broker_url, "SECRET_KEY": "x" * 60},
        )
        running.append(process)
        return process

    yield run
    try:
        for process in running:
            process.process.send_signal(signal.SIGTERM)
        for process in running:
            wait_for(lambda p=process: p.process.poll() is not None, f"the process to end; it said\n{process.text}")
    finally:
        for process in running:  # one that stayed alive would work for the next test too
            process.kill()


@pytest.fixture
def worker(start: Callable[..., Running]) -> Callable[[], Running]:
    """Start a worker and wait until it listens."""

    def run(*options: str) -> Running:
        process = start("worker", "--concurrency", "1", "--without-gossip", "--without-mingle", *options)
        process.wait_for_line(" ready.")
        return process

    return run


CREATED = datetime.now(UTC) - timedelta(days=16)


def due_weeks() -> list[date]:
    """List the weeks that an account created sixteen days ago in UTC has behind it."""
    first = sunday_on_or_after(CREATED.date())
    sundays = [first + timedelta(weeks=week) for week in range(4)]
    return [
        sunday
        for sunday in sundays
        if CREATED <= boundary_at(sunday, "UTC") <= datetime.now(UTC) - timedelta(minutes=1)
    ]


def make_accounts(owner: psycopg.Connection[Any], count: int) -> list[int]:
    """Insert accounts, two measured objectives each, that have existed for sixteen days."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH a AS (
              INSERT INTO accounts_account
                (name, timezone, segment, industry, currency, is_demo, created_at, updated_at)
              SELECT 'Account ' || n, 'UTC', '', '', 'USD', false, %(at)s, %(at)s FROM generate_series(1, %(count)s) n
              RETURNING id
            ), o AS (
              INSERT INTO objectives_objective (account_id, title, completion_type, kind, baseline, target, unit,
                unit_label, weight, started_on, show_in_portal, methodology, details, source, done, revision,
                revised_at, state_changed_at, created_at, updated_at)
              SELECT a.id, 'Goal ' || g, 'value', 'value', 0, 100, '', '', 1, %(at)s::date, false, '', '', '', false, 1,
                %(at)s, %(at)s, %(at)s, %(at)s
              FROM a CROSS JOIN generate_series(1, 2) g
              RETURNING *
            )
            INSERT INTO objectives_objectiverevision (objective_id, number, valid_from, archived, changed_by, reason,
              title, completion_type, kind, baseline, target, unit, unit_label, weight, started_on, show_in_portal,
              methodology)
            SELECT id, 1, %(at)s, false, '', '', title, completion_type, kind, baseline, target, unit, unit_label,
              weight, started_on, show_in_portal, methodology FROM o
            """,
            {"at": CREATED, "count": count},
        )
        cursor.execute("SELECT id FROM accounts_account ORDER BY id")
        return [row[0] for row in cursor.fetchall()]


def counts() -> dict[str, int]:
    """Count the stored rows, and those that should be one and are not."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT count(*), count(DISTINCT (account_id, week)), COALESCE(sum(o.rows), 0)
            FROM objectives_snapshot s LEFT JOIN LATERAL (
              SELECT count(*) AS rows FROM objectives_snapshotobjective WHERE snapshot_id = s.id) o ON true
            """
        )
        stored, distinct, details = cursor.fetchone()
    return {"snapshots": stored, "distinct": distinct, "objectives": int(details)}


def wait_for_snapshots(number: int) -> None:
    """Wait until that many snapshots stand in the database."""
    wait_for(lambda: Snapshot.objects.count() >= number, f"{number} snapshots, {os.getpid()}")

"""The snapshot pipeline under fault: real PostgreSQL, Valkey, workers and schedulers, killed and cut off.

After every fault each account has exactly one snapshot a week, with exactly its objectives.
"""

import os
import signal
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
import redis
from django.db import connection
from django_celery_beat.models import IntervalSchedule, PeriodicTask, PeriodicTasks

from objectives.models import Objective, Reading, Standing
from objectives.progress import weighted_mean
from objectives.services import restatements, snapshots
from objectives.services.readings import ReadingRow, record_readings
from tests.factories import make_account, make_objective
from tests.faults.conftest import counts, due_weeks, make_accounts, wait_for_snapshots
from tests.processes import Running, wait_for
from valuerealization.common.audit import SYSTEM

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

Owner = psycopg.Connection[Any]
Send = Callable[..., None]
Start = Callable[..., Running]


def expected(accounts: list[int]) -> dict[str, int]:
    stored = len(accounts) * len(due_weeks())
    return {"snapshots": stored, "distinct": stored, "objectives": 2 * stored}


def blocked_backends() -> list[int]:
    """List the application's connections that wait for the owner's locks (autovacuum may hold others for a moment)."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT a.pid FROM pg_stat_activity a CROSS JOIN unnest(pg_blocking_pids(a.pid)) AS by (pid)"
            " JOIN pg_stat_activity holder ON holder.pid = by.pid"
            " WHERE a.datname = current_database() AND a.usename = 'vr_app' AND holder.usename = 'vr_owner'"
        )
        return [row[0] for row in cursor.fetchall()]


def test_two_workers_and_a_message_delivered_a_hundred_times(
    owner_connection: Owner, worker: Start, send: Send
) -> None:
    accounts = make_accounts(owner_connection, 1500)
    at = datetime.now(UTC).isoformat()
    worker("-n", "one@%h")
    worker("-n", "two@%h")

    for _ in range(100):
        send("objectives.take_chunk", first=accounts[0], last=accounts[-1], at=at)
    for _ in range(5):
        send("objectives.tick")
    wait_for_snapshots(len(accounts) * len(due_weeks()))

    assert counts() == expected(accounts)
    assert restatements.verify() == []


def test_whole_worker_killed_inside_a_chunk(
    owner_connection: Owner, worker: Start, send: Send, broker: redis.Redis
) -> None:
    accounts = make_accounts(owner_connection, snapshots.CHUNK + 500)
    with owner_connection.transaction():
        # The second chunk's worker waits for this row, with half of its work done.
        owner_connection.execute("SELECT FROM accounts_account WHERE id = %s FOR UPDATE", [accounts[-200]])
        first = worker()
        send("objectives.tick")
        wait_for(lambda: len(blocked_backends()) == 1, "a worker inside the second chunk")
        os.killpg(first.process.pid, signal.SIGKILL)
        first.wait()
    wait_for(lambda: blocked_backends() == [], "the killed worker's connection to end")
    before = counts()
    assert before["snapshots"] == before["distinct"] == snapshots.CHUNK * len(due_weeks())

    worker()
    send("objectives.tick")  # the next tick, long before the broker would deliver again
    wait_for_snapshots(len(accounts) * len(due_weeks()))

    assert counts() == expected(accounts)
    assert restatements.verify() == []


def test_child_process_killed_inside_a_chunk(owner_connection: Owner, worker: Start, send: Send) -> None:
    accounts = make_accounts(owner_connection, 50)
    parent = worker()
    with owner_connection.transaction():
        owner_connection.execute("SELECT FROM accounts_account WHERE id = %s FOR UPDATE", [accounts[20]])
        send("objectives.tick")
        wait_for(lambda: len(blocked_backends()) == 1, "a child inside the chunk")
        children = [int(pid) for pid in _children(parent.process.pid)]
        assert len(children) == 1
        os.kill(children[0], signal.SIGKILL)
    wait_for_snapshots(len(accounts) * len(due_weeks()))  # the message is delivered again to a new child

    assert counts() == expected(accounts)


def test_broker_flushed_with_tasks_queued(
    owner_connection: Owner, worker: Start, send: Send, broker: redis.Redis
) -> None:
    accounts = make_accounts(owner_connection, 300)
    at = datetime.now(UTC).isoformat()
    for _ in range(3):
        send("objectives.take_chunk", first=accounts[0], last=accounts[-1], at=at)
    assert broker.llen("celery") == 3

    broker.flushdb()
    worker()
    assert counts()["snapshots"] == 0
    send("objectives.tick")
    wait_for_snapshots(len(accounts) * len(due_weeks()))

    assert counts() == expected(accounts)


def test_database_connection_cut_inside_a_chunk(owner_connection: Owner, worker: Start, send: Send) -> None:
    accounts = make_accounts(owner_connection, 50)
    worker()
    with owner_connection.transaction():
        owner_connection.execute("SELECT FROM accounts_account WHERE id = %s FOR UPDATE", [accounts[20]])
        send("objectives.tick")
        wait_for(lambda: len(blocked_backends()) == 1, "a worker inside the chunk")
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(pid) FROM unnest(%s::int[]) AS pid", [blocked_backends()])
        wait_for(lambda: blocked_backends() == [], "the connection to be cut")
        assert counts()["snapshots"] == 0
    wait_for_snapshots(len(accounts) * len(due_weeks()))  # retried with backoff, without another tick

    assert counts() == expected(accounts)


def test_two_schedulers_and_two_workers(owner_connection: Owner, worker: Start, start: Start) -> None:
    accounts = make_accounts(owner_connection, 400)
    second = IntervalSchedule.objects.create(every=1, period=IntervalSchedule.SECONDS)
    PeriodicTask.objects.filter(task="objectives.tick").update(interval=second)
    PeriodicTasks.update_changed()

    worker("-n", "one@%h")
    worker("-n", "two@%h")
    beats = [start("beat", "--pidfile=", "--max-interval", "1"), start("beat", "--pidfile=", "--max-interval", "1")]
    wait_for_snapshots(len(accounts) * len(due_weeks()))
    for beat in beats:
        wait_for(lambda b=beat: b.text.count("Sending due task") >= 2, "two ticks from each scheduler")

    assert counts() == expected(accounts)
    assert restatements.verify() == []


def test_racing_threads_take_each_week_once(owner_connection: Owner) -> None:
    accounts = make_accounts(owner_connection, 300)
    at = datetime.now(UTC)
    totals: list[int] = []
    ready = threading.Barrier(4)

    def race() -> None:
        ready.wait()
        totals.append(snapshots.take_chunk(first=accounts[0], last=accounts[-1], at=at).stored)
        connection.close()

    _run([race] * 4)

    assert sum(totals) == len(accounts) * len(due_weeks())
    assert counts() == expected(accounts)


def test_writers_on_one_account_leave_one_right_score() -> None:
    account = make_account()
    goals = [make_objective(account, weight=weight) for weight in (1, 2, 3)]
    start_at = datetime.now(UTC) - timedelta(hours=1)

    def write(goal: Objective) -> None:
        for step in range(1, 21):
            row = ReadingRow(
                index=0, objective_id=goal.pk, value=Decimal(step), observed_at=start_at + timedelta(seconds=step)
            )
            record_readings(rows=[row], by=SYSTEM, at=datetime.now(UTC))
        connection.close()

    _run([lambda goal=goal: write(goal) for goal in goals for _ in range(2)])

    assert Reading.objects.count() == 60  # each pair of writers sent the same keys: the second is unchanged
    fresh = list(Objective.objects.filter(account=account))
    assert [goal.current for goal in fresh] == [20, 20, 20]
    assert Standing.objects.get(account=account).value_delivered == weighted_mean(
        [(goal.weight, goal.completion) for goal in fresh]
    )


def test_batches_over_the_same_accounts_in_opposite_order_do_not_deadlock() -> None:
    goals = [make_objective(make_account()) for _ in range(20)]
    errors: list[BaseException] = []

    def write(order: list[Objective], value: int) -> None:
        try:
            for turn in range(10):
                observed = datetime.now(UTC) - timedelta(minutes=value, seconds=turn)
                rows = [
                    ReadingRow(index=n, objective_id=goal.pk, value=Decimal(value), observed_at=observed)
                    for n, goal in enumerate(order)
                ]
                record_readings(rows=rows, by=SYSTEM, at=datetime.now(UTC))
        except BaseException as error:
            errors.append(error)
        finally:
            connection.close()

    _run([lambda: write(goals, 1), lambda: write(goals[::-1], 2), lambda: write(goals, 3)])

    assert errors == []
    assert Reading.objects.count() == 600
    assert set(Standing.objects.values_list("value_delivered", flat=True)) == {Decimal(1)}


def _run(targets: list[Callable[[], None]]) -> None:
    threads = [threading.Thread(target=target) for target in targets]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)


def _children(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()

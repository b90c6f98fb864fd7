"""A large import under fault: its worker killed half-way, its message delivered many times, its time run out."""

import os
import re
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import FrameType
from typing import Any

import psycopg
import pytest
from celery.exceptions import SoftTimeLimitExceeded
from django.conf import settings
from django.db import connection, transaction
from django.test import Client

from accounts.models import User
from objectives.imports.jobs import run_batch
from objectives.imports.stored import look_at
from objectives.models import ImportBatch, ImportChange, ImportState, Reading
from objectives.services import batches
from objectives.services.batches import Upload
from tests.factories import make_account, make_metric, make_user
from tests.processes import Running, wait_for
from valuerealization.celery import app
from valuerealization.common.models import AuditEntry

Owner = psycopg.Connection[Any]
Send = Callable[..., None]
Start = Callable[..., Running]

ROWS = 100_000
ACCOUNTS = 20


def write_readings(path: Path, rows: int = ROWS) -> Path:
    """Write a file of readings, each of a time of its own."""
    first = datetime.now(UTC).replace(microsecond=0) - timedelta(days=400)
    with path.open("w", encoding="utf-8") as file:
        file.write("customer,metric,value,observed_at,source\n")
        for number in range(rows):
            observed = first + timedelta(minutes=number // ACCOUNTS)
            file.write(f"A-{number % ACCOUNTS},seats,{number % 977},{observed:%Y-%m-%dT%H:%M:%SZ},Warehouse\n")
    return path


def upload(path: Path, *, by: User) -> ImportBatch:
    """Upload a file and match its columns by their names; the check waits for a worker."""
    look = look_at(path)
    upload = Upload("readings", path.name, look.file_format, "", (), 0, "", look.headers, look.samples)
    batch = batches.create_batch(upload=upload, content=[path.read_bytes()], by=by)
    columns = dict(enumerate(look.headers))
    at = datetime.now(UTC)
    batches.match_columns(batch=batch, sheet="", headers=look.headers, samples=look.samples, columns=columns, at=at)
    return batch


def state_of(batch: ImportBatch) -> str:
    batch.refresh_from_db()
    return str(batch.state)


def let_the_lease_run_out(owner: Owner, batch: ImportBatch) -> None:
    """Make the last heartbeat a minute older, instead of waiting for it."""
    owner.execute(
        "UPDATE objectives_importbatch SET heartbeat_at = heartbeat_at - interval '1 minute' WHERE id = %s", [batch.pk]
    )


@pytest.fixture
def leader() -> User:
    for number in range(ACCOUNTS):
        make_account(external_id=f"A-{number}")
    make_metric(key="seats", unit="users")
    return make_user(role="leader", name="Lee Ader")


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_worker_killed_half_way_and_messages_delivered_many_times(
    owner_connection: Owner, worker: Start, send: Send, leader: User, tmp_path: Path
) -> None:
    path = write_readings(tmp_path / "readings.csv")
    page = Client()
    page.force_login(leader, backend="django.contrib.auth.backends.ModelBackend")
    seen: set[str] = set()

    def look(batch: ImportBatch) -> str:
        """Ask the page as a browser does while the work goes on, and note how far it says the work is."""
        text = page.get(f"/imports/{batch.pk}/", headers={"HX-Request": "true"}).content.decode()
        shown = re.search(r"(checking|importing)</span>.*?([0-9,]+) of 100,000 rows", text)
        if shown and 0 < int(shown[2].replace(",", "")) < ROWS:
            seen.add(shown[1])
        return state_of(batch)

    first = worker()
    batch = upload(path, by=leader)
    look(batch)  # templates are read once
    send("objectives.run_import", batch=batch.pk)
    wait_for(lambda: look(batch) == ImportState.CHECKED, "the check")
    batch.refresh_from_db()
    assert (batch.rows_total, batch.rows_new, batch.rows_failed) == (ROWS, ROWS, 0)
    assert seen == {"checking"}
    assert Reading.objects.count() == 0

    with owner_connection.transaction():
        # However fast the machine is, the import can't end before it is killed: an account of it is taken.
        owner_connection.execute("SELECT FROM accounts_account WHERE external_id = 'A-3' FOR UPDATE")
        batches.request_import(batch=batch, only_good=False, at=datetime.now(UTC))
        send("objectives.run_import", batch=batch.pk)
        wait_for(lambda: look(batch) == ImportState.IMPORTING and "importing" in seen, "half of it")
        os.killpg(first.process.pid, signal.SIGKILL)
        first.wait()
    assert state_of(batch) == ImportState.IMPORTING
    assert Reading.objects.count() == 0

    # The page offers to go on; so would the next tick. Two workers hear of it, many times.
    let_the_lease_run_out(owner_connection, batch)
    assert "Go on now" in page.get(f"/imports/{batch.pk}/").content.decode()
    worker("-n", "one@%h")
    worker("-n", "two@%h")
    send("objectives.tick")
    for _ in range(20):
        send("objectives.run_import", batch=batch.pk)
    wait_for(lambda: look(batch) == ImportState.IMPORTED, "the import")
    for _ in range(4):  # too late, and nothing to do
        send("objectives.run_import", batch=batch.pk)

    batch.refresh_from_db()
    assert (batch.attempts, batch.rows_new, batch.rows_unchanged) == (2, ROWS, 0)
    assert counted() == {"readings": ROWS, "keys": ROWS, "logged": ROWS, "finished": 1, "remembered": ROWS}

    # The same file once more.
    again = upload(path, by=leader)
    send("objectives.run_import", batch=again.pk)
    wait_for(lambda: state_of(again) == ImportState.CHECKED, "the check of the same file")
    assert (again.rows_new, again.rows_changed, again.rows_unchanged) == (0, 0, ROWS)
    assert "Nothing would change." in page.get(f"/imports/{again.pk}/").content.decode()
    batches.request_import(batch=again, only_good=False, at=datetime.now(UTC))
    send("objectives.run_import", batch=again.pk)
    wait_for(lambda: state_of(again) == ImportState.IMPORTED, "the same file")
    assert (again.rows_new, again.rows_changed, again.rows_unchanged) == (0, 0, ROWS)
    assert counted() == {"readings": ROWS, "keys": ROWS, "logged": ROWS, "finished": 2, "remembered": ROWS}


def counted() -> dict[str, int]:
    """Count what was recorded, how often, what the log says of it, and what a batch would take back."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*), count(DISTINCT (account_id, observed_at, source)) FROM objectives_reading")
        readings, keys = cursor.fetchone()
        cursor.execute(
            "SELECT COALESCE(sum((details ->> 'count')::int), 0) FROM common_auditentry"
            " WHERE action = 'readings.recorded'"
        )
        (logged,) = cursor.fetchone()
    ranges = ImportChange.objects.values_list("subject_id", "last_id")
    return {
        "readings": readings,
        "keys": keys,
        "logged": int(logged),
        "finished": AuditEntry.objects.filter(action="import.finished").count(),
        "remembered": sum((last or first) - first + 1 for first, last in ranges),
    }


@contextmanager
def soft_limit(seconds: float) -> Iterator[None]:
    """Interrupt this process as Celery does when a task's time runs out."""

    def over(number: int, frame: FrameType | None) -> None:
        raise SoftTimeLimitExceeded

    before = signal.signal(signal.SIGALRM, over)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.django_db(transaction=True)
def test_time_that_runs_out_ends_it_with_a_way_out(owner_connection: Owner, leader: User, tmp_path: Path) -> None:
    batch = upload(write_readings(tmp_path / "readings.csv", 200), by=leader)
    with owner_connection.transaction():
        owner_connection.execute("SELECT FROM accounts_account WHERE external_id = 'A-3' FOR UPDATE")
        with soft_limit(1.5):
            assert run_batch(batch_id=batch.pk, at=datetime.now(UTC))
    assert state_of(batch) == ImportState.FAILED
    assert batch.failure == (
        "This took longer than four minutes, so it was stopped; nothing was saved. Split the file into several and"
        " import them one after the other."
    )
    assert Reading.objects.count() == 0
    # Nothing of it is left in the way.
    assert transaction.get_connection().in_atomic_block is False
    at = datetime.now(UTC)
    columns = {int(number): name for number, name in batch.columns.items()}
    batches.match_columns(batch=batch, sheet="", headers=batch.headers, samples=batch.samples, columns=columns, at=at)
    assert run_batch(batch_id=batch.pk, at=at)
    assert state_of(batch) == ImportState.CHECKED


def test_no_task_outlives_its_message() -> None:
    """The broker delivers a message again after its visibility timeout: every task is over by then."""
    visible = settings.CELERY_BROKER_TRANSPORT_OPTIONS["visibility_timeout"]
    app.loader.import_default_modules()
    ours = [task for name, task in app.tasks.items() if not name.startswith("celery.")]
    assert {task.name for task in ours} >= {"objectives.run_import", "objectives.tick"}
    for task in ours:
        assert (task.time_limit or settings.CELERY_TASK_TIME_LIMIT) < visible
    run_import = app.tasks["objectives.run_import"]
    assert (run_import.soft_time_limit, run_import.time_limit) == (240, 300)

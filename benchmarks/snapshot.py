"""Taking 100,000 snapshots of 5 objectives through a real worker, against the same SELECT and INSERTs run by psql."""

import os
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from django.db import connection

from benchmarks import database
from benchmarks.dataset import analyze, load
from benchmarks.report import Figure, say, seconds
from objectives.asof import ACCOUNTS
from objectives.models import Snapshot
from objectives.services.snapshots import LATE, OBJECTIVE_COLUMNS, OBJECTIVE_STATE, SETTLE, SNAPSHOT_COLUMNS
from objectives.tasks import tick

ACCOUNTS_COUNT = 100_000
OBJECTIVES_COUNT = 5
PATIENCE_S = 300

# What psql runs: every due account in one go, with both inserts, and nothing else.
BARE = f"""
WITH due AS MATERIALIZED (
  SELECT s.account_id, a.timezone, s.next_week AS week, s.next_boundary_at AS boundary_at,
    s.next_boundary_at AS known_at, false AS rebuilt
  FROM objectives_standing s JOIN accounts_account a ON a.id = s.account_id
  WHERE NOT s.is_archived AND s.next_boundary_at <= now() - interval '{SETTLE}'
), {OBJECTIVE_STATE}, {ACCOUNTS},
inserted AS (
  INSERT INTO objectives_snapshot ({SNAPSHOT_COLUMNS})
  SELECT account_id, week, boundary_at, known_at, timezone, now(), value_delivered, verified, outcomes, status, days,
    last_progress_at, total, measured, met, now() - boundary_at >= interval '{LATE}', false
  FROM account_state
  ON CONFLICT (account_id, week) DO NOTHING
  RETURNING id, account_id, week
), detail AS (
  INSERT INTO objectives_snapshotobjective (snapshot_id, {OBJECTIVE_COLUMNS})
  SELECT i.id, {OBJECTIVE_COLUMNS} FROM inserted i JOIN objective_state USING (account_id, week)
)
SELECT count(*) FROM inserted;
""".replace("%%", "%")


def run() -> list[Figure]:
    """Measure one week of snapshots both ways, each on its own copy of the same data."""
    say(f"Loading {ACCOUNTS_COUNT:,} accounts with {OBJECTIVES_COUNT} objectives …")
    until = datetime.now(UTC) - timedelta(days=8)
    with database.fresh("bench_snapshot"):
        load(accounts=ACCOUNTS_COUNT, objectives=OBJECTIVES_COUNT, weeks=2, until=until)
        analyze()
    bare, ours, growth = [], [], []
    for turn in range(3):
        with database.copy("bench_snapshot", "bench_copy"):
            bare.append(_bare())
        with database.copy("bench_snapshot", "bench_copy"):
            took, grown = _through_worker()
            ours.append(took)
            growth.append(grown)
        say(f"  run {turn + 1}: psql {bare[-1]:.1f} s, worker {ours[-1]:.1f} s, memory ×{growth[-1]:.3f}")
    ratios = sorted(mine / plain for mine, plain in zip(ours, bare, strict=True))
    return [
        Figure(
            "Snapshots through a worker ÷ the same by psql", ratios[1], 2,
            detail=f"{ACCOUNTS_COUNT:,} × {OBJECTIVES_COUNT}, median of 3 ({ratios[0]:.2f} to {ratios[2]:.2f})",
        ),
        Figure("Worker memory at the end ÷ after the first tenth", max(growth), 1.1),
    ]  # fmt: skip


def _bare() -> float:
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as script:
        script.write(BARE)
        script.flush()
        psql = [str(database.psql()), "-qAt", "-d", database.url("bench_copy"), "-f", script.name]
        took = seconds(lambda: subprocess.run(psql, check=True, stdout=subprocess.DEVNULL))
    _check()
    return took


def _through_worker() -> tuple[float, float]:
    """Let a worker with one child do it: seconds from the tick's message to the last row, and growth of memory."""
    environment = {**os.environ, "DATABASE_URL": database.url("bench_copy"), "SECRET_KEY": "x" * 60}
    with tempfile.TemporaryFile() as log:
        worker = subprocess.Popen(
            [sys.executable, "-m", "celery", "-A", "valuerealization.celery", "worker", "--concurrency", "1",
             "--loglevel", "WARNING", "--without-gossip", "--without-mingle"],
            env=environment, stdout=log, stderr=log,
        )  # fmt: skip
        try:
            child = _first_child(worker.pid)
            early = 0
            start = time.perf_counter()
            tick.delay()
            while (stored := _stored()) < ACCOUNTS_COUNT:
                if stored >= ACCOUNTS_COUNT // 10 and not early:
                    early = _resident_kib(child)
                if time.perf_counter() - start > PATIENCE_S:
                    raise RuntimeError(f"{stored} snapshots after {PATIENCE_S} seconds")
                time.sleep(0.05)
            took = time.perf_counter() - start
            return took, _resident_kib(child) / early
        except RuntimeError as error:
            log.seek(0)
            raise RuntimeError(f"{error}; the worker said:\n{log.read().decode()[-3000:]}") from error
        finally:
            worker.terminate()
            worker.wait(30)


def _stored() -> int:
    # The rollup moves with each chunk: reading it costs the worker nothing.
    with connection.cursor() as cursor:
        cursor.execute("SELECT COALESCE(sum(accounts), 0) FROM objectives_weekrollup")
        return int(cursor.fetchone()[0])


def _check() -> None:
    if Snapshot.objects.count() != ACCOUNTS_COUNT:
        raise RuntimeError(f"{Snapshot.objects.count()} snapshots instead of {ACCOUNTS_COUNT}")


def _first_child(pid: int) -> int:
    for _ in range(600):
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        if children:
            time.sleep(1)  # it is up; let it settle
            return int(children[0])
        time.sleep(0.1)
    raise RuntimeError("the worker did not start")


def _resident_kib(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1])
    raise RuntimeError("no memory figure")

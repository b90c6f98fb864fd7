"""Importing 100,000 readings from a file, against COPY of the same rows into the same constrained table."""

import csv
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
from django.db import connection

from benchmarks import database
from benchmarks.dataset import analyze
from benchmarks.report import Figure, say, seconds
from objectives.imports.run import import_file
from objectives.models import Reading
from objectives.services.metrics import create_metric
from valuerealization.common.audit import SYSTEM

ROWS = 100_000
ACCOUNTS = 1_000
METRICS = ("seats", "tickets")
RUNS = 5

_ACCOUNTS = """
INSERT INTO accounts_account (external_id, name, timezone, segment, industry, currency, is_demo, created_at, updated_at)
SELECT 'CRM-' || n, 'Account ' || n, (ARRAY['UTC', 'Europe/Berlin', 'America/New_York', 'Asia/Tokyo'])[1 + n %% 4], '',
  '', 'USD', false, %(at)s, %(at)s
FROM generate_series(1, %(accounts)s) n
"""

_OBJECTIVES = """
INSERT INTO objectives_objective (account_id, title, completion_type, metric_id, kind, baseline, target, unit,
  unit_label, weight, started_on, show_in_portal, methodology, details, source, done, revision, revised_at,
  state_changed_at, created_at, updated_at)
SELECT a.id, 'Goal', 'attribute', m.id, 'value', 0, 1000, '', '', 1, %(at)s::date, false, '', '', '', false, 1, %(at)s,
  %(at)s, %(at)s, %(at)s
FROM accounts_account a CROSS JOIN objectives_metric m WHERE m.key = 'seats' ORDER BY a.id
"""

_REVISIONS = """
INSERT INTO objectives_objectiverevision (objective_id, number, valid_from, archived, changed_by, reason, title,
  completion_type, metric_id, kind, baseline, target, unit, unit_label, weight, started_on, show_in_portal,
  methodology)
SELECT id, 1, %(at)s, false, '', '', title, completion_type, metric_id, kind, baseline, target, unit, unit_label,
  weight, started_on, show_in_portal, methodology FROM objectives_objective ORDER BY id
"""

_STORED = (
    "account_id, metric_id, metric_version, value, observed_at, recorded_at, source, confidence, origin, note,"
    " external_id, recorded_by"
)


def run() -> list[Figure]:
    """Measure both on copies of the same database: 1,000 accounts, one goal each that follows what is imported."""
    say(f"Writing {ROWS:,} readings of {ACCOUNTS:,} accounts …")
    at = datetime.now(UTC).replace(microsecond=0) - timedelta(days=60)
    with tempfile.TemporaryDirectory(prefix="vr-bench-") as directory:
        path = Path(directory) / "readings.csv"
        _write(path, at)
        with database.fresh("bench_imports"):
            _fill(at)
            analyze()
        with database.copy("bench_imports", "bench_copy"):
            _import(path)
            rows = _copied_out()
        bare, ours = [], []
        for turn in range(RUNS):
            with database.copy("bench_imports", "bench_copy"):
                bare.append(_copied_in(rows))
                _check()
            with database.copy("bench_imports", "bench_copy"):
                connection.ensure_connection()
                ours.append(seconds(lambda: _import(path)))
                _check()
            say(f"  run {turn + 1}: COPY {bare[-1]:.2f} s, import {ours[-1]:.2f} s")
    ratios = sorted(mine / plain for mine, plain in zip(ours, bare, strict=True))
    return [
        Figure(
            f"Import of {ROWS:,} readings ÷ COPY into the same constrained table", ratios[RUNS // 2], 3,
            detail=f"from the file to the last score, median of {RUNS} ({ratios[0]:.2f} to {ratios[-1]:.2f})",
        )
    ]  # fmt: skip


def _write(path: Path, at: datetime) -> None:
    """Write a file as a warehouse would: customer, metric, value, instant, source."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["customer", "metric", "value", "observed_at", "source", "confidence"])
        for number in range(ROWS):
            account, turn = number % ACCOUNTS, number // ACCOUNTS
            observed = at + timedelta(hours=12 * (turn // len(METRICS)), seconds=account)
            value = f"{number % 977}.{number % 100:02}"
            metric = METRICS[turn % len(METRICS)]
            writer.writerow(
                [f"CRM-{account + 1}", metric, value, f"{observed:%Y-%m-%dT%H:%M:%SZ}", "Warehouse", "high"]
            )


def _fill(at: datetime) -> None:
    for key in METRICS:
        create_metric(by=SYSTEM, key=key, name=key.title())
    with connection.cursor() as cursor:
        for statement in (_ACCOUNTS, _OBJECTIVES, _REVISIONS):
            cursor.execute(statement, {"at": at, "accounts": ACCOUNTS})


def _import(path: Path) -> None:
    import_file(kind="readings", path=path, by=SYSTEM, at=datetime.now(UTC))


def _copied_out() -> bytes:
    with connection.cursor() as cursor, cursor.copy(f"COPY objectives_reading ({_STORED}) TO STDOUT") as copy:
        return b"".join(bytes(piece) for piece in copy)


def _copied_in(rows: bytes) -> float:
    """Time COPY by a superuser: row-level security allows it to nobody else."""
    with psycopg.connect(database.url("bench_copy", role="postgres")) as superuser, superuser.cursor() as cursor:
        return seconds(lambda: _copy_in(cursor, rows))


def _copy_in(cursor: psycopg.Cursor[tuple[Any, ...]], rows: bytes) -> None:
    with cursor.copy(f"COPY objectives_reading ({_STORED}) FROM STDIN") as copy:
        for start in range(0, len(rows), 1 << 16):
            copy.write(rows[start : start + (1 << 16)])
    cursor.connection.commit()


def _check() -> None:
    if Reading.objects.count() != ROWS:
        raise RuntimeError(f"{Reading.objects.count()} readings instead of {ROWS}")

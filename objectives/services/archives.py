"""Take snapshots older than the retention window out of the live tables, into files that can be read back.

One transaction writes the file, reads it back, compares it line by line with the tables, enters it, removes the rows.
Killed before its commit the rows stay, and the next run finds the same file or writes it anew; after it they are in
the file alone.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.db import connection, models, transaction

from objectives.models import ReplacedSnapshot, Snapshot, SnapshotArchive, SnapshotObjective
from objectives.services.archive_files import BadArchive, Written, keep, partial_path, read_lines, write_lines
from objectives.services.restatements import WEEKS_LOCK
from objectives.weeks import window_start
from valuerealization.common import audit
from valuerealization.common.audit import Actor

FORMAT: Final = "value-realization snapshots 1"
# Snapshots in one file: some seconds of work, and a file that a person can still open.
FILE_ROWS: Final = 100_000
_RUN_LOCK: Final = 7_237_000

# Control characters are escaped inside JSON, so with these two nothing is ever quoted: each line is JSON as it stands.
# (json_agg would break lines; array_to_json doesn't.)
_AS_LINES = r"(FORMAT csv, DELIMITER E'\x02', QUOTE E'\x01')"

_WEEKS = """
SELECT s.week, count(*) FROM accounts_account a JOIN objectives_snapshot s ON s.account_id = a.id
WHERE s.week < %(before)s GROUP BY s.week ORDER BY s.week
"""

# A restatement's row stays, with who asked for it: a file names no person.
_LINES = """
SELECT line FROM (
  SELECT 1 AS kind, r.id AS first, 0::bigint AS second, json_build_object('kind', 'restatement', 'restatement',
    json_build_object('id', r.id, 'account_id', r.account_id, 'from_week', r.from_week, 'to_week', r.to_week,
      'weeks_added', r.weeks_added, 'weeks_changed', r.weeks_changed, 'created_at', r.created_at))::text AS line
  FROM objectives_restatement r
  WHERE r.id IN (SELECT restatement_id FROM objectives_replacedsnapshot p WHERE p.week BETWEEN {first} AND {last})
  UNION ALL
  SELECT 2, p.account_id, p.id, json_build_object('kind', 'replaced', 'replaced', to_json(p))::text
  FROM accounts_account a JOIN objectives_replacedsnapshot p ON p.account_id = a.id
  WHERE p.week BETWEEN {first} AND {last}
  UNION ALL
  SELECT 3, s.account_id, s.id, json_build_object('kind', 'snapshot', 'snapshot', to_json(s),
    'objectives', array_to_json(ARRAY(
      SELECT o FROM objectives_snapshotobjective o WHERE o.snapshot_id = s.id ORDER BY o.objective_id)))::text
  FROM accounts_account a JOIN objectives_snapshot s ON s.account_id = a.id
  WHERE s.week BETWEEN {first} AND {last}
) lines ORDER BY kind, first, second
"""

_COUNTS = """
SELECT
  (SELECT count(*) FROM accounts_account a JOIN objectives_snapshot s ON s.account_id = a.id
   WHERE s.week BETWEEN %(first)s AND %(last)s),
  (SELECT count(*) FROM accounts_account a JOIN objectives_snapshot s ON s.account_id = a.id
   JOIN objectives_snapshotobjective o ON o.snapshot_id = s.id WHERE s.week BETWEEN %(first)s AND %(last)s),
  (SELECT count(*) FROM accounts_account a JOIN objectives_replacedsnapshot p ON p.account_id = a.id
   WHERE p.week BETWEEN %(first)s AND %(last)s)
"""

_MAKE_LINES = "CREATE TEMPORARY TABLE archived_line (line text NOT NULL) ON COMMIT DROP"
_DIFFERENT = """
SELECT count(*) FROM (
  (SELECT line FROM archived_line EXCEPT ALL SELECT line FROM ({lines}) live)
  UNION ALL
  (SELECT line FROM ({lines}) live EXCEPT ALL SELECT line FROM archived_line)
) different
"""

# Columns that a later version added are filled with their defaults.
_RESTORE = """
WITH given AS MATERIALIZED (
  SELECT line::jsonb AS line FROM archived_line
), snapshots AS (
  INSERT INTO objectives_snapshot ({snapshot})
  SELECT {snapshot} FROM given CROSS JOIN LATERAL jsonb_populate_record(
    NULL::objectives_snapshot, %(snapshot)s::jsonb || (line -> 'snapshot')) r
  WHERE line ->> 'kind' = 'snapshot'
  ON CONFLICT DO NOTHING RETURNING id
), objectives AS (
  INSERT INTO objectives_snapshotobjective ({objective})
  SELECT {objective} FROM given
  CROSS JOIN LATERAL jsonb_array_elements(line -> 'objectives') each
  CROSS JOIN LATERAL jsonb_populate_record(
    NULL::objectives_snapshotobjective, %(objective)s::jsonb || each.value) r
  WHERE line ->> 'kind' = 'snapshot' AND r.snapshot_id IN (SELECT id FROM snapshots)
  ON CONFLICT DO NOTHING RETURNING 1
), replaced AS (
  INSERT INTO objectives_replacedsnapshot ({replaced})
  SELECT {replaced} FROM given CROSS JOIN LATERAL jsonb_populate_record(
    NULL::objectives_replacedsnapshot, %(replaced)s::jsonb || (line -> 'replaced')) r
  WHERE line ->> 'kind' = 'replaced'
  ON CONFLICT DO NOTHING RETURNING 1
)
SELECT (SELECT count(*) FROM snapshots), (SELECT count(*) FROM objectives), (SELECT count(*) FROM replaced)
"""
_MODELS: Final[dict[str, type[models.Model]]] = {
    "snapshot": Snapshot, "objective": SnapshotObjective, "replaced": ReplacedSnapshot,
}  # fmt: skip


class ArchiveBusy(RuntimeError):
    """Another clean-up is at work."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Weeks that go into one file, and how many snapshots they hold."""

    first_week: date
    last_week: date
    snapshots: int


@dataclass(frozen=True, slots=True)
class Restored:
    """Rows that a file brought back; what was there already is not among them."""

    snapshots: int
    objectives: int
    replaced: int


def kept_since(*, at: datetime) -> date:
    """Name the first week that stays in the live tables."""
    return window_start(at.date(), years=settings.VR_RETENTION_YEARS)


def due_batches(*, at: datetime) -> list[Batch]:
    """List what is older than the retention window, as the files it will go into: weeks of one month, oldest first."""
    with connection.cursor() as cursor:
        cursor.execute(_WEEKS, {"before": kept_since(at=at)})
        weeks = cursor.fetchall()
    batches: list[Batch] = []
    for week, count in weeks:
        last = batches[-1] if batches else None
        if last and last.first_week.replace(day=1) == week.replace(day=1) and last.snapshots + count <= FILE_ROWS:
            batches[-1] = Batch(last.first_week, week, last.snapshots + count)
        else:
            batches.append(Batch(week, week, count))
    return batches


def archive_next(*, at: datetime, by: Actor) -> SnapshotArchive | None:
    """Move the oldest batch into a file; None when nothing is older than the retention window.

    Raises: ArchiveBusy; BadArchive when the file does not read back as what the tables hold: then nothing is removed.
    """
    with _alone():
        batches = due_batches(at=at)
        return _archive(batches[0], by) if batches else None


def restore(*, path: Path, by: Actor) -> Restored:
    """Bring a file's rows back into the live tables, for instance after the retention window was made longer.

    Shape:  rows that are there stay as they are; the next clean-up removes again what is older than the window.
    Raises: BadArchive, OSError.
    """
    with _alone(), transaction.atomic(), connection.cursor() as cursor:
        header, lines = read_lines(path=path)
        _load(cursor, lines)
        columns = {name: ", ".join(_columns(model)) for name, model in _MODELS.items()}
        cursor.execute(_RESTORE.format(**columns), {name: _defaults(model) for name, model in _MODELS.items()})
        restored = Restored(*cursor.fetchone())
        subject = SnapshotArchive.objects.filter(file=path.name).first() or SnapshotArchive(file=path.name)
        audit.record(
            by=by, action="snapshots.restored", subject=subject, label=path.name,
            details={"first_week": header.get("first_week"), "last_week": header.get("last_week"),
                     "snapshots": restored.snapshots},
        )  # fmt: skip
    return restored


def _archive(batch: Batch, by: Actor) -> SnapshotArchive:
    directory: Path = settings.VR_ARCHIVE_DIR
    weeks: dict[str, Any] = {"first": batch.first_week, "last": batch.last_week}
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        # One state of the tables for the file, the comparison and the removal; a row that somebody changes
        # meanwhile ends this transaction, not theirs.
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        cursor.execute(_COUNTS, weeks)
        snapshots, objectives, replaced = cursor.fetchone()
        counts = {"snapshots": snapshots, "objectives": objectives, "replaced": replaced}
        header = {"format": FORMAT, "first_week": batch.first_week.isoformat(),
                  "last_week": batch.last_week.isoformat(), **counts}  # fmt: skip
        lines = _LINES.format(first=f"DATE '{batch.first_week}'", last=f"DATE '{batch.last_week}'")
        path = partial_path(directory=directory)
        with cursor.copy(f"COPY ({lines}) TO STDOUT {_AS_LINES}") as copy:
            written = write_lines(path=path, header=header, lines=(bytes(piece) for piece in copy))
        _check(cursor, path, header, lines)
        file = keep(path=path, name=f"snapshots-{batch.first_week}-to-{batch.last_week}", written=written,
                    taken=set(SnapshotArchive.objects.values_list("file", flat=True)))  # fmt: skip
        return _enter(cursor, batch, counts, file, written, by)


def _check(cursor: Any, path: Path, header: dict[str, Any], lines: str) -> None:
    """Read the file back, and compare it with the tables."""
    found, written = read_lines(path=path)
    if found != header:
        raise BadArchive(path, "its first line is not what was written")
    _load(cursor, written)
    cursor.execute(_DIFFERENT.format(lines=lines))
    different = cursor.fetchone()[0]
    if different:
        raise BadArchive(path, f"{different} lines differ from the tables")


def _columns(model: type[models.Model]) -> list[str]:
    return [field.attname for field in model._meta.concrete_fields if not field.generated]


def _defaults(model: type[models.Model]) -> str:
    """Give, as JSON, what a line of before a column existed is completed with."""
    defaults: dict[str, Any] = {}
    for field in model._meta.concrete_fields:
        if field.has_default():
            defaults[field.attname] = field.default() if callable(field.default) else field.default
        elif isinstance(field, models.CharField) and not field.null:
            defaults[field.attname] = ""
    return json.dumps(defaults, default=str)


def _load(cursor: Any, lines: Iterator[bytes]) -> None:
    cursor.execute(_MAKE_LINES)
    with cursor.copy(f"COPY archived_line FROM STDIN {_AS_LINES}") as copy:
        for piece in lines:
            copy.write(piece)


def _enter(
    cursor: Any, batch: Batch, counts: dict[str, int], file: Path, written: Written, by: Actor
) -> SnapshotArchive:
    archive = SnapshotArchive(
        first_week=batch.first_week, last_week=batch.last_week, file=file.name, size=written.size,
        sha256=written.sha256, **counts,
    )  # fmt: skip
    archive.save(force_insert=True)
    # Waits for rebuilds under way; those that come later wait until the rows are gone and their weeks are closed.
    cursor.execute("SELECT pg_advisory_xact_lock(%s)", [WEEKS_LOCK])
    cursor.execute("SELECT objectives_remove_archived(%s)", [archive.pk])
    audit.record(
        by=by, action="snapshots.archived", subject=archive,
        details={"first_week": batch.first_week, "last_week": batch.last_week, "file": file.name,
                 "sha256": written.sha256, **counts},
    )  # fmt: skip
    archive.refresh_from_db(fields=["removed_at"])
    return archive


@contextmanager
def _alone() -> Iterator[None]:
    """Let one clean-up work at a time, on whatever machine; a killed one's lock ends with its connection."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [_RUN_LOCK])
        if not cursor.fetchone()[0]:
            raise ArchiveBusy("Another clean-up is writing archives. Wait until it is done.")
    try:
        yield
    finally:
        if connection.connection is not None and not connection.connection.closed:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [_RUN_LOCK])


def check_files() -> list[str]:
    """Compare every archive's file with its entry: there, of that size, with that checksum; list what is wrong."""
    found = []
    for archive in SnapshotArchive.objects.order_by("first_week", "pk"):
        path = settings.VR_ARCHIVE_DIR / archive.file
        try:
            written = Written.of(path)
        except OSError as error:
            found.append(f"{archive.file}: {error.strerror}")
            continue
        if (written.size, written.sha256) != (archive.size, archive.sha256):
            found.append(f"{archive.file}: is not the file that was written (checksum differs)")
    return found

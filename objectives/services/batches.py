"""Take a file through its import: upload, columns, check, import, undo. The batch's row is the queue.

What people ask for moves the row to a `*_due` state; a worker claims it by one conditional UPDATE and keeps what it
did only while the claim is still its own. A worker that dies leaves a row whose heartbeat stands still: the tick hands
it out again.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import connection, transaction

from accounts.models import User
from objectives.models import (
    DUE,
    LEASE,
    RUNNING,
    ImportBatch,
    ImportChange,
    ImportChunk,
    ImportFailure,
    ImportKind,
    ImportMapping,
    ImportState,
    ImportSubject,
)
from valuerealization.common import audit
from valuerealization.common.audit import Actor

CHUNK_BYTES: Final = 1024 * 1024
MOST_ATTEMPTS: Final = 3
KEEP_FILES: Final = timedelta(days=14)
BATCH: Final = 5000
HELD: Final = "held"  # in a summary: values that wait for a person
REJECTED: Final = "rejected"  # values that a person has refused before

_OPEN: Final = (ImportState.UPLOADED, ImportState.CHECKED, ImportState.FAILED)

_CLAIM = f"""
UPDATE objectives_importbatch SET
  state = CASE state WHEN 'check_due' THEN 'checking' WHEN 'import_due' THEN 'importing' WHEN 'undo_due' THEN 'undoing'
    ELSE state END,
  attempts = attempts + 1, heartbeat_at = value_now(), rows_done = 0
WHERE id = %(id)s AND (state = ANY(%(due)s) OR (state = ANY(%(running)s)
  AND heartbeat_at < value_now() - interval '{LEASE.seconds} seconds'))
RETURNING attempts
"""

_WAITING = f"""
SELECT id FROM objectives_importbatch
WHERE state = ANY(%(due)s) OR (state = ANY(%(running)s)
  AND heartbeat_at < value_now() - interval '{LEASE.seconds} seconds')
ORDER BY id
"""

_BEAT = """
UPDATE objectives_importbatch SET heartbeat_at = value_now(), rows_done = %(done)s,
  rows_total = greatest(rows_total, %(total)s)
WHERE id = %(id)s AND attempts = %(attempt)s AND state = ANY(%(running)s)
"""


class BatchRefused(ValueError):
    """What was asked for can't be done now; the message says why, and what can."""


class ClaimLost(RuntimeError):
    """Another worker has taken the batch over: nothing of this one is kept."""


@dataclass(frozen=True, slots=True)
class Upload:
    """A file as it came, and what a first look at it found."""

    kind: str
    file_name: str
    file_format: str
    source: str
    sheets: Sequence[str]
    hidden_sheets: int
    sheet: str
    headers: Sequence[str]
    samples: Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True)
class Failure:
    """A line that can't be saved: its cells, and [field, what to do about it] for each problem."""

    line: int
    cells: Sequence[str]
    problems: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Change:
    """What a batch added (`changes` None) or changed; readings are a range of ids up to `last_id`."""

    subject: str
    subject_id: int
    changes: Mapping[str, Sequence[Any]] | None = None
    last_id: int | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a check found, or an import did."""

    rows: int = 0
    new: int = 0
    changed: int = 0
    unchanged: int = 0
    failures: Sequence[Failure] = ()
    is_whole: bool = True
    changes: Sequence[Change] = ()
    summary: Mapping[str, Any] = field(default_factory=dict)


def create_batch(*, upload: Upload, content: Iterable[bytes], by: User) -> ImportBatch:
    """Store a file in pieces, for whichever worker will read it."""
    with transaction.atomic():
        batch = ImportBatch.objects.create(
            kind=upload.kind, file_name=upload.file_name, file_format=upload.file_format, source=upload.source,
            size_bytes=0, created_by=by, sheets=list(upload.sheets), hidden_sheets=upload.hidden_sheets,
            sheet=upload.sheet, headers=list(upload.headers), samples=[list(row) for row in upload.samples],
        )  # fmt: skip
        size = 0
        for number, piece in enumerate(_pieces(content)):
            ImportChunk.objects.create(batch=batch, number=number, data=piece)
            size += len(piece)
        batch.size_bytes = size
        batch.save(update_fields=["size_bytes"])
        audit.record(
            by=by.as_actor(), action="import.uploaded", subject=batch, details={"kind": batch.kind, "bytes": size}
        )
    return batch


def open_batch(*, kind: str, file_name: str, file_format: str, sheet: str, size_bytes: int) -> ImportBatch:
    """Begin an import that is done at once, by a command; its file stays where it is."""
    return ImportBatch.objects.create(
        kind=kind, file_name=file_name, file_format=file_format, sheet=sheet, size_bytes=size_bytes,
        state=ImportState.IMPORTING,
    )  # fmt: skip


def match_columns(
    *,
    batch: ImportBatch,
    sheet: str,
    headers: Sequence[str],
    samples: Sequence[Sequence[str]],
    columns: Mapping[int, str],
    at: datetime,
    by: User | None = None,
) -> None:
    """Say which column is which field, remember it for the source, and ask for a check.

    Raises: BatchRefused.
    """
    with transaction.atomic():
        moved = ImportBatch.objects.filter(pk=batch.pk, state__in=_OPEN).update(
            state=ImportState.CHECK_DUE, sheet=sheet, headers=list(headers), samples=[list(row) for row in samples],
            columns={str(number): name for number, name in columns.items()}, failure="", attempts=0, rows_done=0,
            rows_total=0, heartbeat_at=None, updated_at=at, asked_by=by,
        )  # fmt: skip
        if not moved:
            raise BatchRefused("This file is being worked on, or is done. Open it to see how it stands.")
        if batch.source:
            remembered = {heading: columns.get(number, "") for number, heading in enumerate(headers) if heading}
            ImportMapping.objects.update_or_create(
                kind=batch.kind, source=batch.source, defaults={"columns": remembered, "updated_at": at}
            )


def request_import(*, batch: ImportBatch, only_good: bool, at: datetime, by: User | None = None) -> None:
    """Ask for a checked file to be imported: all of it, or its good rows.

    Raises: BatchRefused.
    """
    with transaction.atomic():
        batch = _locked(batch)
        if batch.state != ImportState.CHECKED:
            raise BatchRefused("Only a checked file can be imported. Open it to see how it stands.")
        if batch.rows_failed and not only_good:
            raise BatchRefused("Some rows have problems. Fix them and upload the file again, or import the good rows.")
        if batch.rows_failed and not can_import_good_rows(batch=batch):
            raise BatchRefused("This file can only be imported whole. Fix the problems and upload it again.")
        _move(
            batch, ImportState.IMPORT_DUE, at=at, asked_by=by, only_good=only_good, attempts=0, failure="", rows_done=0
        )


def can_import_good_rows(*, batch: ImportBatch) -> bool:
    """Tell whether leaving the failed rows out is possible: a bill's sums need all of it, and so does a torn file."""
    return would_change(batch=batch) and batch.is_whole and batch.kind != ImportKind.FOCUS


def would_change(*, batch: ImportBatch) -> bool:
    """Tell whether importing a checked file would do anything; values that would be held for a person count."""
    return bool(batch.rows_new or batch.rows_changed or batch.summary.get(HELD))


def request_undo(*, batch: ImportBatch, at: datetime, by: User | None = None) -> None:
    """Ask for an import to be taken back.

    Raises: BatchRefused.
    """
    with transaction.atomic():
        batch = _locked(batch)
        if batch.state != ImportState.IMPORTED:
            raise BatchRefused("Only an imported file can be undone. Open it to see how it stands.")
        _move(batch, ImportState.UNDO_DUE, at=at, asked_by=by, attempts=0, failure="", rows_done=0)


def cancel_batch(*, batch: ImportBatch, by: Actor, at: datetime) -> None:
    """Give a file up that has not been imported; its contents go at once.

    Raises: BatchRefused.
    """
    with transaction.atomic():
        batch = _locked(batch)
        if batch.state not in (*_OPEN, ImportState.CHECK_DUE, ImportState.CHECKING, ImportState.IMPORT_DUE):
            raise BatchRefused("It is too late to cancel this. Once it is imported it can be undone.")
        _move(batch, ImportState.CANCELLED, at=at)
        ImportChunk.objects.filter(batch=batch).delete()
        audit.record(by=by, action="import.cancelled", subject=batch)


def waiting_batches() -> list[int]:
    """List the batches that a worker should take: asked for, or left behind by one that died."""
    with connection.cursor() as cursor:
        cursor.execute(_WAITING, {"due": list(DUE), "running": list(RUNNING)})
        return [row[0] for row in cursor.fetchall()]


def claim_batch(*, batch_id: int) -> ImportBatch | None:
    """Take a waiting batch, as the only one; None when there is nothing to take."""
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, {"id": batch_id, "due": list(DUE), "running": list(RUNNING)})
        if cursor.fetchone() is None:
            return None
    return ImportBatch.objects.select_related("created_by", "asked_by").get(pk=batch_id)


def beat(*, batch: ImportBatch, done: int, total: int) -> None:
    """Say that the work goes on, and how far it is."""
    with connection.cursor() as cursor:
        cursor.execute(
            _BEAT,
            {"id": batch.pk, "attempt": batch.attempts, "done": done, "total": total, "running": list(RUNNING)},
        )


def finish_check(*, batch: ImportBatch, outcome: Outcome, at: datetime, failure: str = "") -> None:
    """Keep what a check found.

    Raises: ClaimLost.
    """
    with transaction.atomic():
        _finish(batch, ImportState.CHECKED, at=at, failure=failure, **_counts(outcome))
        _keep_failures(batch, outcome.failures)


def finish_import(*, batch: ImportBatch, outcome: Outcome, by: Actor, at: datetime) -> None:
    """Keep what an import did; in the import's own transaction.

    Raises: ClaimLost.
    """
    with transaction.atomic():
        ImportChange.objects.bulk_create(
            [
                ImportChange(
                    batch=batch, subject=change.subject, subject_id=change.subject_id, last_id=change.last_id,
                    changes=None if change.changes is None else audit.as_json(change.changes),
                )
                for change in outcome.changes
            ],
            batch_size=BATCH,
        )  # fmt: skip
        _keep_failures(batch, outcome.failures)
        audit.record(
            by=by,
            action="import.finished",
            subject=batch,
            details={"kind": batch.kind, **{name: value for name, value in _counts(outcome).items() if value}},
        )
        _finish(batch, ImportState.IMPORTED, at=at, imported_at=at, failure="", **_counts(outcome))


def finish_undo(*, batch: ImportBatch, by: Actor, at: datetime) -> None:
    """Note that an import was taken back; in the undo's own transaction.

    Raises: ClaimLost.
    """
    _finish(batch, ImportState.UNDONE, at=at, undone_at=at, undone_by=by.name[:200] or "System")


def stop_undo(*, batch: ImportBatch, reason: str, at: datetime) -> None:
    """Leave an import as it is, and say what stood in the way of undoing it.

    Raises: ClaimLost.
    """
    _finish(batch, ImportState.IMPORTED, at=at, failure=reason)


def give_up(*, batch: ImportBatch, reason: str, at: datetime) -> None:
    """End work that can't be done, with the reason; an import that was to be undone stays imported."""
    state = ImportState.IMPORTED if batch.state == ImportState.UNDOING else ImportState.FAILED
    _finish(batch, state, at=at, failure=reason)


def release(*, batch: ImportBatch) -> None:
    """Give a claim back after a passing trouble, so that it can be taken again at once."""
    due = {running: asked for asked, running in zip(DUE, RUNNING, strict=True)}[ImportState(batch.state)]
    ImportBatch.objects.filter(pk=batch.pk, state=batch.state, attempts=batch.attempts).update(state=due)


def clean_up(*, at: datetime) -> int:
    """Remove the files of batches that nobody touched for a while; returns how many pieces."""
    with transaction.atomic():
        quiet = ImportBatch.objects.filter(updated_at__lt=at - KEEP_FILES).exclude(state__in=[*DUE, *RUNNING])
        removed, _ = ImportChunk.objects.filter(batch__in=quiet).delete()
        ImportFailure.objects.filter(batch__in=quiet).delete()
        quiet.filter(state__in=_OPEN).update(state=ImportState.CANCELLED)
    return removed


def reading_changes(*, reading_ids: Iterable[int]) -> list[Change]:
    """Write ids as ranges: one statement's rows follow each other unless somebody else wrote meanwhile."""
    found: list[Change] = []
    first = last = None
    for number in sorted(reading_ids):
        if last is not None and first is not None and number != last + 1:
            found.append(Change(ImportSubject.READING, first, last_id=last))
            first = None
        first, last = number if first is None else first, number
    if first is not None:
        found.append(Change(ImportSubject.READING, first, last_id=last))
    return found


def _pieces(content: Iterable[bytes]) -> Iterable[bytes]:
    held = bytearray()
    for part in content:
        held += part
        while len(held) >= CHUNK_BYTES:
            yield bytes(held[:CHUNK_BYTES])
            del held[:CHUNK_BYTES]
    if held:
        yield bytes(held)


def _locked(batch: ImportBatch) -> ImportBatch:
    return ImportBatch.objects.select_for_update(of=("self",)).get(pk=batch.pk)


def _move(batch: ImportBatch, state: ImportState, *, at: datetime, **fields: Any) -> None:
    ImportBatch.objects.filter(pk=batch.pk).update(state=state, updated_at=at, **fields)


def _finish(batch: ImportBatch, state: ImportState, *, at: datetime, **fields: Any) -> None:
    """Move on only from the claim that was given."""
    mine = ImportBatch.objects.filter(pk=batch.pk, state=batch.state, attempts=batch.attempts)
    if not mine.update(state=state, updated_at=at, heartbeat_at=None, **fields):
        raise ClaimLost(f"Batch {batch.pk} was taken over or cancelled.")


def _counts(outcome: Outcome) -> dict[str, Any]:
    return {
        "rows_total": outcome.rows,
        "rows_done": outcome.rows,
        "rows_new": outcome.new,
        "rows_changed": outcome.changed,
        "rows_unchanged": outcome.unchanged,
        "rows_failed": len(outcome.failures),
        "is_whole": outcome.is_whole,
        "summary": dict(outcome.summary),
    }


def _keep_failures(batch: ImportBatch, failures: Sequence[Failure]) -> None:
    ImportFailure.objects.filter(batch=batch).delete()
    ImportFailure.objects.bulk_create(
        [
            ImportFailure(batch=batch, line=failure.line, cells=list(failure.cells), problems=list(failure.problems))
            for failure in failures
        ],
        batch_size=BATCH,
    )

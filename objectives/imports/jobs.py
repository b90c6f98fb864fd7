"""The work on a batch: check it, import it, or take it back. Safe to call at any time, and more than once."""

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Final

import structlog
from celery.exceptions import SoftTimeLimitExceeded
from django.db import InterfaceError, OperationalError, connection, transaction

from accounts.models import User
from accounts.policies import edits_only_own_accounts
from objectives.imports import stored
from objectives.imports.files import is_workbook
from objectives.imports.focus import COLUMNS as FOCUS_COLUMNS
from objectives.imports.focus import FocusImported, import_bill
from objectives.imports.heartbeat import Heartbeat
from objectives.imports.report import Saved
from objectives.imports.run import KINDS, Imported, Layout, import_rows
from objectives.imports.tables import FileRefused, LineError
from objectives.models import FileFormat, ImportBatch, ImportKind, ImportState
from objectives.services import batches
from objectives.services.batches import ClaimLost, Failure, Outcome
from objectives.services.undo import UndoRefused, undo_import
from valuerealization.common.audit import SYSTEM, Actor
from valuerealization.common.history import acting

log = structlog.get_logger(__name__)

_UNEXPECTED: Final = (
    "Something went wrong that we did not foresee; nothing was saved. Try once more, and if it happens again tell an"
    " administrator the number of this import."
)
_TOO_LONG: Final = (
    "This took longer than four minutes, so it was stopped; nothing was saved. Split the file into several and import"
    " them one after the other."
)
_UNDO_TOO_LONG: Final = (
    "Taking it back took longer than four minutes, so it was stopped; everything is as the import left it. Try again"
    " when less is going on, or tell an administrator."
)
_STOPPED: Final = (
    f"The work was interrupted {batches.MOST_ATTEMPTS} times before it was done; nothing was saved. If the file is"
    " very large, split it; otherwise tell an administrator."
)


def run_batch(*, batch_id: int, at: datetime) -> bool:
    """Claim a batch and do what it waits for; False when there is nothing to do, or somebody else does it."""
    batch = batches.claim_batch(batch_id=batch_id)
    if batch is None:
        return False
    work = {ImportState.CHECKING: _check, ImportState.IMPORTING: _import, ImportState.UNDOING: _undo}
    try:
        if batch.attempts > batches.MOST_ATTEMPTS:
            batches.give_up(batch=batch, reason=_STOPPED, at=at)
            return True
        with Heartbeat(batch) as heartbeat, acting(by=_actor(batch), reason=_why(batch)):
            work[ImportState(batch.state)](batch, heartbeat, at)
    except ClaimLost:
        log.warning("import_claim_lost", batch=batch.pk)
        return False
    except SoftTimeLimitExceeded:
        # It may have struck inside a statement: that connection knows no more where it is.
        connection.close()
        log.warning("import_out_of_time", batch=batch.pk)
        undoing = batch.state == ImportState.UNDOING
        batches.give_up(batch=batch, reason=_UNDO_TOO_LONG if undoing else _TOO_LONG, at=at)
    except (OperationalError, InterfaceError):
        batches.release(batch=batch)
        raise  # a connection or a lock: the task is retried
    except Exception:
        log.exception("import_failed", batch=batch.pk)
        batches.give_up(batch=batch, reason=_UNEXPECTED, at=at)
    return True


def import_at_once(*, kind: str, path: Path, by: Actor, at: datetime, dry_run: bool = False, sheet: str = "") -> Saved:
    """Import a file, all of it or nothing, and keep a batch of it beside those that came through the pages.

    Shape:  with `dry_run`, does everything and keeps nothing; of a file that changes nothing no batch is kept.
    Raises: FileRefused with every error by line; OSError when the file can't be read.
    """
    with transaction.atomic():
        batch = _open(path, kind=kind, sheet=sheet)
        with acting(by=by, reason=_why(batch)):
            done = import_rows(kind=kind, path=path, by=by, at=at, layout=Layout(sheet))
        if dry_run or not done.changes:
            transaction.set_rollback(True)
        else:
            batches.finish_import(batch=batch, outcome=_outcome(done, []), by=by, at=at)
    return done.saved


def import_focus(*, path: Path, by: Actor, at: datetime) -> FocusImported:
    """Take in a cloud bill, all of it or nothing, and keep a batch of it as `import_at_once` does.

    Raises: FileRefused with every error by line; OSError when the file can't be read.
    """
    with transaction.atomic():
        batch = _open(path, kind=ImportKind.FOCUS)
        with acting(by=by, reason=_why(batch)):
            outcome = import_bill(
                path=path, name=path.name, by=by, at=at, layout=Layout(), editor=None, dry_run=False,
                count=lambda: None,
            )  # fmt: skip
        if outcome.changes:
            batches.finish_import(batch=batch, outcome=outcome, by=by, at=at)
        else:
            transaction.set_rollback(True)
    return FocusImported(**outcome.summary)


def _open(path: Path, *, kind: str, sheet: str = "") -> ImportBatch:
    return batches.open_batch(
        kind=kind,
        file_name="".join(letter for letter in path.name if letter.isprintable())[-200:] or "file",
        file_format=FileFormat.XLSX if is_workbook(path) else FileFormat.CSV,
        sheet=sheet,
        size_bytes=path.stat().st_size,
    )


def fields_of(kind: str) -> tuple[list[str], tuple[str, ...], dict[str, tuple[str, ...]]]:
    """List the fields that a kind of file can fill, those it can't do without, and what else they are called."""
    if kind == ImportKind.FOCUS:
        return list(FOCUS_COLUMNS), tuple(FOCUS_COLUMNS), {}
    wanted = KINDS[kind]
    columns, synonyms = wanted.known()
    return list(columns), wanted.required, synonyms


def _check(batch: ImportBatch, heartbeat: Heartbeat, at: datetime) -> None:
    with stored.file_of(batch) as path:
        try:
            heartbeat.total = stored.count_rows(path, sheet=batch.sheet)
            outcome = _run(batch, path, heartbeat, at, dry_run=True, only_good=True)
        except FileRefused as error:
            outcome = Outcome(rows=heartbeat.done, failures=_failures(batch, path, error.errors), is_whole=False)
    batches.finish_check(batch=batch, outcome=outcome, at=at)


def _import(batch: ImportBatch, heartbeat: Heartbeat, at: datetime) -> None:
    heartbeat.total = batch.rows_total
    with stored.file_of(batch) as path:
        try:
            with transaction.atomic():
                outcome = _run(batch, path, heartbeat, at, only_good=batch.only_good)
                batches.finish_import(batch=batch, outcome=outcome, by=_actor(batch), at=at)
        except FileRefused as error:
            failures = _failures(batch, path, error.errors)
            outcome = Outcome(rows=heartbeat.done, failures=failures, is_whole=any(f.line for f in failures))
            changed = "Something has changed since the check, so nothing was imported. See what stands against it now."
            batches.finish_check(batch=batch, outcome=outcome, at=at, failure=changed)


def _undo(batch: ImportBatch, heartbeat: Heartbeat, at: datetime) -> None:
    heartbeat.total = batch.rows_total
    try:
        editor = editor_of(batch.asked_by or batch.created_by)
        undo_import(batch=batch, by=_actor(batch), at=at, editor=editor)
    except UndoRefused as error:
        batches.stop_undo(batch=batch, reason=" ".join(error.obstacles), at=at)


def _run(
    batch: ImportBatch, path: Path, heartbeat: Heartbeat, at: datetime, *, only_good: bool, dry_run: bool = False
) -> Outcome:
    """Do the import, and put what came of it into the batch's terms."""
    layout = Layout(batch.sheet, {int(number): name for number, name in batch.columns.items()})
    by, editor = _actor(batch), editor_of(batch.created_by)
    if batch.kind == ImportKind.FOCUS:
        return import_bill(
            path=path, name=batch.file_name, by=by, at=at, layout=layout, editor=editor, dry_run=dry_run,
            count=heartbeat.count,
        )  # fmt: skip
    done = import_rows(
        kind=batch.kind, path=path, by=by, at=at, layout=layout, editor=editor, only_good=only_good, dry_run=dry_run,
        count=heartbeat.count,
    )  # fmt: skip
    return _outcome(done, _failures(batch, path, done.errors))


def _outcome(done: Imported, failures: list[Failure]) -> Outcome:
    saved = done.saved
    aside = {batches.HELD: saved.held, batches.REJECTED: saved.rejected}
    return Outcome(
        rows=saved.rows + saved.held + saved.rejected + len(failures),
        new=saved.created,
        changed=saved.changed,
        unchanged=saved.unchanged,
        failures=failures,
        is_whole=done.is_whole,
        changes=done.changes,
        summary={name: count for name, count in aside.items() if count},
    )


def _why(batch: ImportBatch) -> str:
    return f"Import {batch.pk}, {batch.file_name}"


def _failures(batch: ImportBatch, path: Path, errors: Iterable[LineError]) -> list[Failure]:
    """Put errors together by line, with the cells that are there."""
    by_line: dict[int, list[tuple[str, str]]] = {}
    for error in sorted(set(errors)):
        by_line.setdefault(error.line, []).append((error.field, error.message))
    cells = stored.cells_of(path, sheet=batch.sheet, lines=set(by_line)) if by_line else {}
    return [Failure(line, cells.get(line, []), problems) for line, problems in by_line.items()]


def _actor(batch: ImportBatch) -> Actor:
    """Name who asked for what is done; before anybody could be named it was whoever uploaded the file."""
    person = batch.asked_by or batch.created_by
    return SYSTEM if person is None else person.as_actor()


def editor_of(user: User | None) -> User | None:
    """Give the person who may change only their own accounts; None without such a limit."""
    return user if user is not None and edits_only_own_accounts(user) else None

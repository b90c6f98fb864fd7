"""Imports as their pages show them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from accounts.models import User
from objectives.models import DUE, LEASE, RUNNING, ImportBatch, ImportFailure, ImportKind, ImportMapping, ImportState
from valuerealization.common.keyset import KeysetPage, Ordering, page

PAGE_SIZE: Final = 25
FAILURES_SIZE: Final = 50

_NEWEST_FIRST: Final = Ordering("imports", ("id",), is_descending=True)
_BY_LINE: Final = Ordering("failures", ("line",))

# A worker has the others.
_GLYPHS: Final = {
    ImportState.UPLOADED: "todo",
    ImportState.CHECKED: "doing",
    ImportState.IMPORTED: "done",
    ImportState.UNDONE: "todo",
    ImportState.CANCELLED: "todo",
    ImportState.FAILED: "miss",
}


@dataclass(frozen=True, slots=True)
class ImportLine:
    """One import in the list."""

    batch: ImportBatch
    glyph: str

    @property
    def state(self) -> str:
        """Name the state."""
        return str(ImportState(self.batch.state).label)


@dataclass(frozen=True, slots=True)
class ImportsPage:
    """A page of imports, newest first."""

    lines: Sequence[ImportLine]
    total: int
    next_cursor: str | None
    previous_cursor: str | None


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong in one cell: the line, the file's own heading, what stands there, and what to do."""

    line: int
    heading: str
    cell: str
    message: str


@dataclass(frozen=True, slots=True)
class ProblemsPage:
    """A page of problems, by line."""

    problems: Sequence[Problem]
    lines: int
    next_cursor: str | None
    previous_cursor: str | None


def imports_page(*, user: User, cursor: str | None) -> ImportsPage:
    """List the imports that somebody may see.

    Raises: InvalidCursor.
    """
    batches = ImportBatch.objects.visible_to(user)
    found = page(batches.select_related("created_by"), _NEWEST_FIRST, cursor, size=PAGE_SIZE)
    lines = [ImportLine(batch, _GLYPHS.get(ImportState(batch.state), "doing")) for batch in found.rows]
    return ImportsPage(lines, batches.count(), found.next_cursor, found.previous_cursor)


def problems_page(*, batch: ImportBatch, cursor: str | None) -> ProblemsPage:
    """List what is wrong with a file, a line's problems together.

    Raises: InvalidCursor.
    """
    failures = ImportFailure.objects.filter(batch=batch)
    found: KeysetPage[ImportFailure] = page(failures, _BY_LINE, cursor, size=FAILURES_SIZE)
    by_field = {name: int(number) for number, name in batch.columns.items()}
    problems = [
        _problem(batch, failure, by_field.get(name), name, message)
        for failure in found.rows
        for name, message in failure.problems
    ]
    return ProblemsPage(problems, batch.rows_failed, found.next_cursor, found.previous_cursor)


def remembered_columns(*, kind: str, source: str) -> dict[str, str]:
    """Read how the columns of a source were matched last time, by heading."""
    stored = ImportMapping.objects.filter(kind=kind, source=source).first() if source else None
    return dict(stored.columns) if stored is not None else {}


def import_sources() -> list[str]:
    """List the names that files were said to come from."""
    return list(ImportMapping.objects.order_by("source").values_list("source", flat=True).distinct()[:100])


def is_working(*, batch: ImportBatch) -> bool:
    """Tell whether a worker has it, or is waited for."""
    return batch.state in (*DUE, *RUNNING)


def is_left_behind(*, batch: ImportBatch, at: datetime) -> bool:
    """Tell whether nobody works on what was asked for: its worker is gone, or none was there to hear of it."""
    if not is_working(batch=batch):
        return False
    return (batch.heartbeat_at or batch.updated_at) < at - LEASE


def _problem(batch: ImportBatch, failure: ImportFailure, number: int | None, name: str, message: str) -> Problem:
    heading = name
    cell = ""
    if number is not None and number < len(batch.headers):
        heading = batch.headers[number] or f"Column {number + 1}"
        cell = failure.cells[number] if number < len(failure.cells) else ""
    elif not name and failure.cells:
        cell = failure.cells[0]
    if batch.kind == ImportKind.FOCUS and number is None:
        heading = f"SubAccountId {name}" if name else ""
    return Problem(failure.line, heading, cell[:120], message)

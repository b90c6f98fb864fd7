"""Import a file of accounts, metrics, objectives or readings: all of it, its good rows, or nothing."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Final

from django.db import IntegrityError, transaction

from accounts.models import User
from objectives.imports import accounts, cells, goals, metrics, readings
from objectives.imports.files import open_table
from objectives.imports.report import Import, Saved, counted
from objectives.imports.tables import FileRefused, LineError
from objectives.services.batches import Change
from valuerealization.common.audit import Actor

# A file is one transaction, and over within four minutes also on a small and busy machine: readings are recorded by a
# few statements, the others are read, compared and logged one by one.
MOST_ROWS: Final = 200_000
MOST_RECORDS: Final = 20_000
MOST_METRICS: Final = 2_000


@dataclass(frozen=True, slots=True)
class Kind:
    """What a file can hold: its columns, those it can't do without, what else they are called, how rows are
    saved, and how many at once."""

    columns: Mapping[str, cells.Reader]
    required: tuple[str, ...]
    synonyms: Mapping[str, tuple[str, ...]]
    save: Callable[[Import], Saved]
    most: int
    more: Callable[[], tuple[Mapping[str, cells.Reader], Mapping[str, tuple[str, ...]]]] = lambda: ({}, {})

    def known(self) -> tuple[dict[str, cells.Reader], dict[str, tuple[str, ...]]]:
        """List the columns there are today, those that administrators have defined among them, and their synonyms."""
        columns, synonyms = self.more()
        return {**self.columns, **columns}, {**self.synonyms, **synonyms}


KINDS: Final = MappingProxyType(
    {
        "accounts": Kind(
            accounts.COLUMNS,
            accounts.REQUIRED,
            accounts.SYNONYMS,
            accounts.save,
            MOST_RECORDS,
            accounts.attribute_columns,
        ),
        "metrics": Kind(metrics.COLUMNS, metrics.REQUIRED, metrics.SYNONYMS, metrics.save, MOST_METRICS),
        "objectives": Kind(goals.COLUMNS, goals.REQUIRED, goals.SYNONYMS, goals.save, MOST_RECORDS),
        "readings": Kind(readings.COLUMNS, readings.REQUIRED, readings.SYNONYMS, readings.save, MOST_ROWS),
    }
)


@dataclass(frozen=True, slots=True)
class Layout:
    """Where in a file the table is: the sheet of a workbook, and which column (from 0) is which field.

    Shape:  without `columns`, their headings are the fields' names.
    """

    sheet: str = ""
    columns: Mapping[int, str] | None = None


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import saved, what it could not save, and what it changed."""

    saved: Saved
    errors: tuple[LineError, ...]
    is_whole: bool
    changes: tuple[Change, ...]


def import_file(*, kind: str, path: Path, by: Actor, at: datetime, dry_run: bool = False, sheet: str = "") -> Saved:
    """Import a file, all of it or nothing; with `dry_run`, do everything and keep nothing.

    Raises: FileRefused with every error by line; OSError when the file can't be read.
    """
    return import_rows(kind=kind, path=path, by=by, at=at, dry_run=dry_run, layout=Layout(sheet)).saved


def import_rows(
    *,
    kind: str,
    path: Path,
    by: Actor,
    at: datetime,
    layout: Layout,
    editor: User | None = None,
    only_good: bool = False,
    dry_run: bool = False,
    count: Callable[[], None] = lambda: None,
) -> Imported:
    """Import a file in one transaction; with `only_good`, the rows that nothing is wrong with.

    Shape:  `editor` may change only accounts assigned to them; `count` is called for each row that is read.
    Raises: FileRefused with every error by line, unless only the good rows were wanted; OSError.
    """
    wanted = KINDS[kind]
    with (
        open_table(
            path, known=wanted.known()[0], required=wanted.required, most=wanted.most, columns=layout.columns,
            sheet=layout.sheet,
        ) as table,
        transaction.atomic(),
    ):  # fmt: skip
        table.rows = counted(table.rows, count)
        running = Import(table, by, at, editor)
        try:
            with transaction.atomic():
                saved = wanted.save(running)
        except IntegrityError as error:
            message = "Somebody changed the same records at the same time. Import the file again."
            raise FileRefused([LineError(0, "", message)]) from error
        if table.errors and not only_good:
            raise FileRefused(table.errors)
        transaction.set_rollback(dry_run)
    return Imported(saved, tuple(sorted(table.errors)), table.is_whole, tuple(running.changes))

"""Import a file of accounts, metrics, objectives or readings: all of it or nothing."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Final

from django.db import IntegrityError, transaction

from objectives.imports import accounts, cells, goals, metrics, readings
from objectives.imports.files import FileRefused, LineError, open_table
from objectives.imports.report import Import, Saved
from valuerealization.common.audit import Actor

MOST_ROWS: Final = 200_000


@dataclass(frozen=True, slots=True)
class Kind:
    """What a file can hold: its columns, those it can't do without, and how its rows are saved."""

    columns: Mapping[str, cells.Reader]
    required: tuple[str, ...]
    save: Callable[[Import], Saved]


KINDS: Final = MappingProxyType(
    {
        "accounts": Kind(accounts.COLUMNS, accounts.REQUIRED, accounts.save),
        "metrics": Kind(metrics.COLUMNS, metrics.REQUIRED, metrics.save),
        "objectives": Kind(goals.COLUMNS, goals.REQUIRED, goals.save),
        "readings": Kind(readings.COLUMNS, readings.REQUIRED, readings.save),
    }
)


def import_file(*, kind: str, path: Path, by: Actor, at: datetime, dry_run: bool = False) -> Saved:
    """Import a file; with `dry_run`, do everything and keep nothing.

    Raises: FileRefused with every error by line; OSError when the file can't be read.
    """
    wanted = KINDS[kind]
    with (
        open_table(path, known=wanted.columns, required=wanted.required, most=MOST_ROWS) as table,
        transaction.atomic(),
    ):
        try:
            with transaction.atomic():
                saved = wanted.save(Import(table, by, at))
        except IntegrityError as error:
            message = "Somebody changed the same records at the same time. Import the file again."
            raise FileRefused([LineError(0, "", message)]) from error
        transaction.set_rollback(dry_run)
    return saved

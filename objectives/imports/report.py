"""What an import of a file needs to know, and what became of it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from accounts.models import User
from objectives.imports.files import FileRefused, LineError, Row, Table
from valuerealization.common.audit import Actor


@dataclass(frozen=True, slots=True)
class Saved:
    """What became of the rows of a file."""

    rows: int
    created: int
    changed: int
    unchanged: int


@dataclass(frozen=True, slots=True)
class Import:
    """A file being imported: who, when, and every error found so far."""

    table: Table
    by: Actor
    at: datetime

    def refuse(self, line: int, field: str, message: str) -> None:
        """Note what is wrong on a line."""
        self.table.errors.append(LineError(line, field, message))

    def check(self) -> None:
        """Go on only without errors.

        Raises: FileRefused.
        """
        if self.table.errors:
            raise FileRefused(self.table.errors)


def unique_rows(
    running: Import, read: Callable[[Row], tuple[dict[str, Any], list[LineError]]], *, key: str
) -> list[tuple[int, dict[str, Any]]]:
    """Read every row that can be read, with its line; each has a key of its own."""
    lines: dict[str, int] = {}
    found: list[tuple[int, dict[str, Any]]] = []
    for row in running.table.rows:
        values, errors = read(row)
        running.table.errors.extend(errors)
        name = values.get(key)
        if name is None:
            if not any(error.field == key for error in errors):
                running.refuse(row.line, key, f"Give each row a value of its own in {key}.")
        elif name in lines:
            running.refuse(row.line, key, f"Line {lines[name]} has “{name}” already. Keep one of the two.")
        else:
            lines[name] = row.line
        if name is not None and not errors:
            found.append((row.line, values))
    return found


def people(running: Import, rows: Iterable[tuple[int, dict[str, Any]]], *, field: str = "owner") -> dict[str, User]:
    """Find the people that rows name by address; an address of nobody is an error of its line."""
    named = [(line, values[field].lower()) for line, values in rows if values.get(field)]
    found = {user.email: user for user in User.objects.filter(email__in={email for _line, email in named})}
    for line, email in named:
        if email not in found:
            running.refuse(line, field, f"Nobody of the team has the address {email}.")
    return found

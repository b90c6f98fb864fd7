"""What an import of a file needs to know, and what became of it."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from accounts.models import Account, User
from objectives.imports.tables import LineError, Row, Table
from objectives.services.batches import Change
from valuerealization.common.audit import Actor

Line = tuple[int, dict[str, Any]]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Saved:
    """What became of the rows of a file that could be saved."""

    rows: int
    created: int
    changed: int
    unchanged: int
    held: int = 0  # for a person to accept or reject
    rejected: int = 0  # by a person, before


@dataclass(frozen=True, slots=True)
class Import:
    """A file being imported: who, when, every error found so far, and what was changed.

    Shape:  with `editor`, only accounts assigned to that person may be changed.
    """

    table: Table
    by: Actor
    at: datetime
    editor: User | None = None
    changes: list[Change] = field(default_factory=list)
    noted: set[tuple[int, str]] = field(default_factory=set)

    def refuse(self, line: int, name: str, message: str) -> None:
        """Note what is wrong in a cell: its line will not be saved. What was noted there first stays alone."""
        if (line, name) not in self.noted:
            self.note([LineError(line, name, message)])

    def note(self, errors: Iterable[LineError]) -> None:
        """Note errors as they are."""
        for error in errors:
            self.noted.add((error.line, error.field))
            self.table.errors.append(error)

    def good(self, rows: Iterable[Line]) -> list[Line]:
        """Leave out the lines that something is wrong with."""
        bad = {error.line for error in self.table.errors}
        return [row for row in rows if row[0] not in bad]

    def save_good(
        self,
        rows: Iterable[Line],
        save: Callable[[list[Line]], T],
        refused: type[Exception],
        errors: Callable[[Any], Iterable[LineError]],
    ) -> tuple[T, int]:
        """Save the good rows by a service that takes all or none; what it refuses is noted and left out.

        Shape:  what the service gave, and how many rows it took.
        """
        while True:
            wanted = self.good(rows)
            try:
                return save(wanted), len(wanted)
            except refused as error:
                self.note(errors(error))
                if len(self.good(wanted)) == len(wanted):
                    raise

    def may_change(self, line: int, name: str, account: Account) -> bool:
        """Tell whether the importing person may change an account; if not, note it."""
        if self.editor is None or account.owner_id == self.editor.pk:
            return True
        owner = account.owner or "nobody"
        self.refuse(line, name, f"{account.name} is assigned to {owner}. Ask its owner or a leader to change it.")
        return False


def unique_rows(
    running: Import, read: Callable[[Row], tuple[dict[str, Any], list[LineError]]], *, key: str
) -> list[Line]:
    """Read every row that has a key of its own, with its line; cells that can't be read are noted and left out."""
    lines: dict[str, int] = {}
    found: list[Line] = []
    for row in running.table.rows:
        values, errors = read(row)
        running.note(errors)
        name = values.get(key)
        if name is None:
            running.refuse(row.line, key, f"Give each row a value of its own in {key}.")
        elif name in lines:
            running.refuse(row.line, key, f"Line {lines[name]} has “{name}” already. Keep one of the two.")
        else:
            lines[name] = row.line
        if name is not None:
            found.append((row.line, values))
    return found


def people(running: Import, rows: Iterable[Line], *, name: str = "owner") -> dict[str, User]:
    """Find the people that rows name by address; an address of nobody is an error of its line."""
    named = [(line, values[name].lower()) for line, values in rows if values.get(name)]
    found = {user.email: user for user in User.objects.filter(email__in={email for _line, email in named})}
    for line, email in named:
        if email not in found:
            running.refuse(line, name, f"Nobody of the team has the address {email}.")
    return found


def counted(rows: Iterator[Row], count: Callable[[], None]) -> Iterator[Row]:
    """Count rows as they are read."""
    for row in rows:
        count()
        yield row


def changes_of(subject: str, changes: Any) -> Sequence[Change]:
    """Turn what a service changed, by primary key, into the batch's memory of it."""
    return [Change(subject, pk, done) for pk, done in changes.items()]

"""Tables as importers see them, wherever they come from, and what can be wrong with them."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Final, Protocol, Self

MOST_COLUMNS: Final = 500
TOO_WIDE: Final = f"At most {MOST_COLUMNS} are read: delete what stands far to the right."


@dataclass(frozen=True, slots=True, order=True)
class LineError:
    """What is wrong on a line of a file, and what to do about it; line 0 is the file as a whole, field '' the line."""

    line: int
    field: str
    message: str

    def __str__(self) -> str:
        where = f"line {self.line}" if self.line else "file"
        return f"{where}, {self.field}: {self.message}" if self.field else f"{where}: {self.message}"


class FileRefused(ValueError):
    """A file was not imported: every error by line."""

    def __init__(self, errors: Collection[LineError]) -> None:
        super().__init__("; ".join(str(error) for error in list(errors)[:3]))
        self.errors = tuple(sorted(errors))


class BadCell(str):
    """A cell that shows something else than a value: its text, and what to do about it."""

    __slots__ = ("message",)
    message: str

    def __new__(cls, text: str, message: str) -> Self:
        made = super().__new__(cls, text)
        made.message = message
        return made


@dataclass(frozen=True, slots=True)
class Row:
    """A row by column name; `line` is the one it starts on."""

    line: int
    cells: dict[str, str]


@dataclass(slots=True)
class Table:
    """A file's columns, and its rows as they are read.

    Shape:  rows that are no rows go to `errors`; what makes the rest unreadable ends the rows, and `is_whole` is False.
    """

    columns: tuple[str, ...]
    rows: Iterator[Row]
    errors: list[LineError]
    is_whole: bool = True


class Source(Protocol):
    """A header and the rows below it, wherever they come from."""

    header: list[str]
    header_line: int

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """Read each row with its line.

        Raises: FileRefused when the rest can't be read.
        """
        ...

"""Read tables of text out of files that people and programs send: strictly, and saying what to do about each fault."""

import csv
import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

from objectives.imports import workbooks
from objectives.imports.tables import MOST_COLUMNS, TOO_WIDE, FileRefused, LineError, Row, Source, Table

LONGEST_LINE: Final = 1_000_000  # characters; a file without line breaks is not read whole
LONGEST_CELL: Final = 131_072  # characters, Python's own limit
DELIMITERS: Final = (",", ";", "\t")

_UTF_8: Final = b"\xef\xbb\xbf"
_UTF_16: Final = (b"\xff\xfe", b"\xfe\xff")
_UTF_32: Final = (b"\xff\xfe\x00\x00", b"\x00\x00\xfe\xff")
_OTHER_KINDS: Final = {
    b"\xd0\xcf\x11\xe0": "an old or a protected Excel workbook",
    b"\x1f\x8b": "a compressed file",
    b"%PDF": "a PDF",
}
_SEPARATOR_HINT: Final = re.compile(r"sep=([,;\t])\s*", re.IGNORECASE)
_SAVE_AS: Final = "Save it as “CSV UTF-8” and import that."


@contextmanager
def open_table(
    path: Path,
    *,
    known: Collection[str],
    required: Collection[str],
    others: bool = False,
    most: int | None = None,
    columns: Mapping[int, str] | None = None,
    sheet: str = "",
) -> Iterator[Table]:
    """Open a table with a header: comma, semicolon or tab separated values, or a sheet of an Excel workbook.

    Shape:  columns of `known` in any order and case, all of `required` among them; with `others`, columns of other
            names are passed over. `columns` says instead which column, by number from 0, is which field. At most `most`
            rows.
    Raises: FileRefused when it is no such file; OSError when it can't be read.
    """
    with open_source(path, known=known, sheet=sheet) as source:
        if columns is None:
            names = _columns(source.header, known, required, line=source.header_line, others=others)
        else:
            names = [columns.get(number, "") for number in range(len(source.header))]
            if missing := [name for name in required if name not in names]:
                raise FileRefused([LineError(source.header_line, name, "This column is missing.") for name in missing])
        table = Table(tuple(name for name in names if name), iter(()), [])
        table.rows = _rows(source, names, table, most)
        yield table


@contextmanager
def open_source(path: Path, *, known: Collection[str] = (), sheet: str = "") -> Iterator[Source]:
    """Open a file by what it begins with: a workbook, or text.

    Raises: FileRefused, OSError.
    """
    if is_workbook(path):
        with workbooks.open_sheet(path, sheet) as workbook:
            yield workbook
        return
    encoding = _encoding(path)
    with path.open(encoding=encoding, newline="") as file:
        yield _Text(file, path, known)


def is_workbook(path: Path) -> bool:
    """Tell whether a file begins as an archive does."""
    with path.open("rb") as file:
        return file.read(4) == b"PK\x03\x04"


class _Text:
    """Separated values."""

    def __init__(self, file: IO[str], path: Path, known: Collection[str]) -> None:
        self._lines = lines = _Lines(file, path)
        try:
            first = lines.first()
            delimiter = lines.delimiter or _delimiter(first, known)
            self._reader = csv.reader(lines, delimiter=delimiter, strict=True)
            self.header = next(self._reader, [])
        except _UNREADABLE as error:
            raise FileRefused([lines.error(error, started=1)]) from error
        if len(self.header) > MOST_COLUMNS:
            raise FileRefused([LineError(lines.number, "", f"There are {len(self.header):,} columns. {TOO_WIDE}")])
        self.header_line = lines.number

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """Read each row with its line."""
        lines, reader = self._lines, self._reader
        while True:
            line = lines.number + 1
            try:
                cells = next(reader, None)
            except _UNREADABLE as error:
                raise FileRefused([lines.error(error, started=line)]) from error
            if cells is None:
                return
            yield line, cells


class _LineRefused(ValueError):
    """A line that no table has."""


_UNREADABLE: Final = (csv.Error, UnicodeDecodeError, _LineRefused)


class _Lines:
    """The lines of a file, counted, without those that no table has."""

    def __init__(self, file: IO[str], path: Path) -> None:
        self.path = path
        self.number = 0
        self.delimiter = ""
        self._file = file
        self._ahead: str | None = None

    def first(self) -> str:
        """Look at the line of the header; a line that names the separator is not it."""
        line = self._read()
        if hint := _SEPARATOR_HINT.fullmatch(line):
            self.delimiter = hint[1]
            line = self._read()
        if not line.strip():
            raise _LineRefused("The first line is empty; it has to name the columns.")
        self._ahead = line
        return line

    def error(self, error: Exception, *, started: int) -> LineError:
        """Say on which line reading ended, in a row that started on a line, and why."""
        if isinstance(error, UnicodeDecodeError):
            return LineError(_undecodable_line(self.path), "", _explain(error))
        # What is wrong with quotation marks began where the row did.
        return LineError(started if isinstance(error, csv.Error) else max(self.number, started), "", _explain(error))

    def __iter__(self) -> Iterator[str]:
        if self._ahead:
            yield self._ahead
        while line := self._read():
            yield line

    def _read(self) -> str:
        line = self._file.readline(LONGEST_LINE)
        self.number += bool(line)
        if len(line) == LONGEST_LINE and not line.endswith(("\n", "\r")):
            raise _LineRefused(f"The line is longer than {LONGEST_LINE:,} characters: is this a table?")
        if "\0" in line:
            raise _LineRefused(
                f"The line holds NUL characters: this is no text, or UTF-16 without its mark. {_SAVE_AS}"
            )
        return line


def _encoding(path: Path) -> str:
    with path.open("rb") as file:
        start = file.read(4)
        if not start.strip() and not file.read(1):
            raise FileRefused([LineError(0, "", "The file is empty; its first line has to name the columns.")])
    for mark, kind in _OTHER_KINDS.items():
        if start.startswith(mark):
            raise FileRefused([LineError(0, "", f"This is {kind}, not a text file. {_SAVE_AS}")])
    if start in _UTF_32:
        raise FileRefused([LineError(0, "", f"The file is UTF-32. {_SAVE_AS}")])
    if start.startswith(_UTF_16):
        return "utf-16"
    return "utf-8-sig" if start.startswith(_UTF_8) else "utf-8"


def _delimiter(line: str, known: Collection[str]) -> str:
    """Choose the separator that finds most of the columns, else the one that finds most cells."""

    def found(delimiter: str) -> tuple[int, int]:
        cells = next(csv.reader([line], delimiter=delimiter))
        return len({_plain(name) for name in cells} & _by_plain(known).keys()), len(cells)

    return max(DELIMITERS, key=found)


def _plain(name: str) -> str:
    return name.strip().lower()


def _by_plain(known: Collection[str]) -> dict[str, str]:
    return {name.lower(): name for name in known}


def nameless(number: int) -> str:
    """Say what to do about a column without a name; number from 1."""
    return f"Column {number} has no name. Name it or remove it."


def _columns(
    header: list[str], known: Collection[str], required: Collection[str], *, line: int, others: bool
) -> list[str]:
    """Name the columns; those that are passed over have no name."""
    names = [_by_plain(known).get(_plain(name), "") for name in header]
    errors: list[LineError] = []
    for number, (name, given) in enumerate(zip(names, header, strict=True), start=1):
        if name and names.index(name) < number - 1:
            errors.append(
                LineError(line, name, f"There are two columns of this name, {names.index(name) + 1} and {number}.")
            )
        elif not name and not given.strip() and not others:
            errors.append(LineError(line, "", nameless(number)))
        elif not name and not others:
            choice = ", ".join(known)
            errors.append(LineError(line, given.strip()[:80], f"There is no such column. The columns are {choice}."))
    errors += [LineError(line, name, "This column is missing.") for name in required if name not in names]
    if errors:
        raise FileRefused(errors)
    return names


def _rows(source: Source, columns: list[str], table: Table, most: int | None) -> Iterator[Row]:
    count = 0
    named = [(number, name) for number, name in enumerate(columns) if name]
    rows = source.rows()
    while True:
        try:
            found = next(rows, None)
        except FileRefused as error:
            table.errors.extend(error.errors)
            table.is_whole = False
            return
        if found is None:
            return
        line, cells = found
        if not (cells and cells[0].strip()) and not any(cell.strip() for cell in cells):
            continue  # spreadsheets leave rows of nothing behind
        count += 1
        if most is not None and count > most:
            message = f"The file has more than {most:,} rows. Split it into several files."
            table.errors.append(LineError(line, "", message))
            table.is_whole = False
            return
        if len(cells) != len(columns):
            table.errors.append(LineError(line, "", _wrong_length(len(cells), len(columns))))
            continue
        yield Row(line, {name: cells[number] for number, name in named})


def _undecodable_line(path: Path) -> int:
    """Find the first line that is not UTF-8; 0 for a file of another encoding."""
    if _encoding(path) == "utf-16":
        return 0
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError:
                return number
    return 0


def _wrong_length(found: int, expected: int) -> str:
    if found > expected:
        return (
            f"The row has {found} cells, the header {expected}. Put text that holds the separator in quotation marks,"
            " and write decimals with a point."
        )
    return (
        f"The row has {found} cells, the header {expected}. Is it cut off, or does a quotation mark not belong there?"
    )


def _explain(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        return f"The file is not {'UTF-16' if 'utf-16' in error.encoding else 'UTF-8'} throughout. {_SAVE_AS}"
    if isinstance(error, csv.Error):
        if "field limit" in str(error):
            return f"A cell holds more than {LONGEST_CELL:,} characters: a quotation mark may be missing at its end."
        if "unexpected end" in str(error):
            return "A quotation mark is opened here and never closed."
        return "Quotation marks around a cell go at its very start and end; double those within it."
    return str(error)

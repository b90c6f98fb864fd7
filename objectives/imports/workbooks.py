"""Read a sheet of an Excel workbook as a table of text, row by row, with little memory and no trust.

A workbook is an archive of XML: what it unpacks to is limited before anything is read, and entities are refused.
"""

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final
from zipfile import BadZipFile, LargeZipFile, ZipFile

import openpyxl
from defusedxml.common import DefusedXmlException

from objectives.imports.tables import MOST_COLUMNS, TOO_WIDE, BadCell, FileRefused, LineError, Source

MOST_LINES: Final = 1_048_576  # rows, Excel's own limit
MOST_UNPACKED: Final = 512 * 1024 * 1024  # bytes, of all parts together
MOST_TEXTS: Final = 128 * 1024 * 1024  # bytes of the table of texts, which is held in memory
MOST_PARTS: Final = 5_000
MOST_RATIO: Final = 200  # of a part's size to its packed size; real sheets stay below 30
_SMALL: Final = 1024 * 1024  # parts of this size may be packed as tightly as they like

Worksheet = Any  # openpyxl's read-only one; its types describe the one that is written

_FORMULA: Final = re.compile(rb"<(?:\w+:)?f[ >/]")
_ROW: Final = re.compile(rb"<(?:\w+:)?row[ >/]")
_OVERLAP: Final = 16
_PIECE: Final = 1024 * 1024
_ERRORS: Final = frozenset({"#DIV/0!", "#N/A", "#NAME?", "#NULL!", "#NUM!", "#REF!", "#VALUE!", "#GETTING_DATA"})

_SAVE_AS: Final = "Save the sheet as “CSV UTF-8” and import that."
_NO_WORKBOOK: Final = f"This is no Excel workbook that can be opened: it is damaged, or of another kind. {_SAVE_AS}"
_NO_RESULT: Final = "The formula has no result in the file. Open it in Excel, save it, and upload it again."


@dataclass(frozen=True, slots=True)
class Sheets:
    """The sheets of a workbook that can be seen, and how many can't."""

    names: tuple[str, ...]
    hidden: int


def list_sheets(path: Path) -> Sheets:
    """Look what sheets there are.

    Raises: FileRefused.
    """
    with _workbook(path) as book:
        shown = _shown(book)
        return Sheets(tuple(shown), len(book.sheetnames) - len(shown))


def count_rows(path: Path, sheet: str) -> int:
    """Count a sheet's rows without reading their cells."""
    with _workbook(path) as book:
        _has_formulas, rows = _scan(path, _find(book, sheet))
        return rows


@contextmanager
def open_sheet(path: Path, name: str = "") -> Iterator[Source]:
    """Open a sheet; without a name, the only one that can be seen.

    Raises: FileRefused.
    """
    with _workbook(path) as book:
        sheet = _find(book, name)
        has_formulas, _rows = _scan(path, sheet)
        if not has_formulas:
            yield _Sheet(sheet, None)
            return
        with _workbook(path, formulas=True) as formulas:
            yield _Sheet(sheet, _find(formulas, sheet.title))


class _Sheet:
    """A header and rows. `formulas` is the same sheet with formulas in place of their results."""

    def __init__(self, sheet: Worksheet, formulas: Worksheet | None) -> None:
        self._rows = _numbered(sheet, formulas)
        found = self._next()
        if found is None:
            message = "The sheet is empty; its first row has to name the columns."
            raise FileRefused([LineError(0, "", message)])
        self.header_line, self.header = found
        if len(self.header) > MOST_COLUMNS:
            raise FileRefused([LineError(self.header_line, "", f"There are {len(self.header):,} columns. {TOO_WIDE}")])

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """Read each row with its number; short ones are filled up."""
        width = len(self.header)
        while (found := self._next()) is not None:
            line, cells = found
            yield line, cells + [""] * (width - len(cells))

    def _next(self) -> tuple[int, list[str]] | None:
        """Read the next row that holds something."""
        try:
            for line, cells in self._rows:
                if any(cells):
                    return line, cells
        except FileRefused:
            raise
        except Exception as error:  # whatever a damaged part makes of its reader
            raise _refused(error) from error
        return None


def _numbered(sheet: Worksheet, formulas: Worksheet | None) -> Iterator[tuple[int, list[str]]]:
    results = sheet.iter_rows(values_only=True)
    if formulas is None:
        for line, row in enumerate(results, start=1):
            yield line, _within(line, _trimmed([_text(value) for value in row]) if row else [])
        return
    written = formulas.iter_rows(values_only=True)
    for line, (row, behind) in enumerate(zip(results, written, strict=True), start=1):
        cells = [_result(value, formula) for value, formula in zip(row, behind, strict=True)]
        yield line, _within(line, _trimmed(cells))


def _within(line: int, cells: list[str]) -> list[str]:
    """Refuse what lies outside of any table: what comes before it would be read for hours."""
    if line > MOST_LINES:
        raise FileRefused([LineError(line, "", f"No sheet has so many rows: the workbook is damaged. {_SAVE_AS}")])
    if len(cells) > MOST_COLUMNS:
        raise FileRefused([LineError(line, "", f"This row reaches to column {len(cells):,}. {TOO_WIDE}")])
    return cells


def _trimmed(cells: list[str]) -> list[str]:
    while cells and not cells[-1]:
        cells.pop()
    return cells


def _result(value: Any, formula: Any) -> str:
    is_formula = not isinstance(formula, str | int | float | datetime | date | time | timedelta | None)
    if value is None and (is_formula or (isinstance(formula, str) and formula.startswith("="))):
        return BadCell(str(formula)[:200] if isinstance(formula, str) else "=…", _NO_RESULT)
    return _text(value)


def _text(value: Any) -> str:
    """Spell a cell as a CSV file would, by the rules of the import."""
    if value is None:
        return ""
    if isinstance(value, str):
        if value in _ERRORS:
            return BadCell(value, f"The cell shows {value}. Repair the formula, or write the value itself.")
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        # As many digits as Excel has; what lies behind them is an artefact of binary numbers.
        return _plain(Decimal(f"{value:.15g}")) if value == value and abs(value) != float("inf") else str(value)
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time(0) else value.isoformat()
    return value.isoformat() if isinstance(value, date | time) else str(value)


def _plain(number: Decimal) -> str:
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


@contextmanager
def _workbook(path: Path, *, formulas: bool = False) -> Iterator[openpyxl.Workbook]:
    _check_archive(path)
    with path.open("rb") as file:  # by name it would have to end in .xlsx
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # about parts that we don't look at
                book = openpyxl.load_workbook(file, read_only=True, data_only=not formulas, keep_links=False)
        except Exception as error:  # its readers raise whatever a damaged part leads to
            raise _refused(error) from error
        try:
            yield book
        finally:
            book.close()


def _refused(error: Exception) -> FileRefused:
    causes: list[BaseException] = [error]  # openpyxl wraps what its parser says
    while (cause := causes[-1].__cause__) is not None:
        causes.append(cause)
    if any(isinstance(each, DefusedXmlException) for each in causes):
        return FileRefused([LineError(0, "", f"The workbook defines entities, which Excel never does. {_SAVE_AS}")])
    return FileRefused([LineError(0, "", _NO_WORKBOOK)])


def _check_archive(path: Path) -> None:
    """Refuse what would unpack to much more than it seems, before unpacking any of it.

    An archive's own figures bind: its reader stops at the size that is written there.
    """
    try:
        with ZipFile(path) as archive:
            parts = archive.infolist()
    except (BadZipFile, LargeZipFile, OSError, ValueError) as error:
        raise FileRefused([LineError(0, "", _NO_WORKBOOK)]) from error
    names = {part.filename for part in parts}
    if "[Content_Types].xml" not in names or any(part.flag_bits & 1 for part in parts):
        raise FileRefused([LineError(0, "", _NO_WORKBOOK)])
    total = sum(part.file_size for part in parts)
    texts = sum(part.file_size for part in parts if part.filename.lower().endswith("sharedstrings.xml"))
    is_dense = any(part.file_size > max(_SMALL, MOST_RATIO * part.compress_size) for part in parts)
    if total > MOST_UNPACKED or texts > MOST_TEXTS or len(parts) > MOST_PARTS or is_dense:
        message = (
            f"The workbook unpacks to {total / 1024 / 1024:,.0f} MB, which is more than a table of numbers needs."
            f" {_SAVE_AS}"
        )
        raise FileRefused([LineError(0, "", message)])


def _shown(book: openpyxl.Workbook) -> list[str]:
    return [str(sheet.title) for sheet in book.worksheets if sheet.sheet_state == "visible"]


def _find(book: openpyxl.Workbook, name: str) -> Worksheet:
    shown = _shown(book)
    if not shown:
        raise FileRefused([LineError(0, "", f"The workbook has no sheet that can be seen. {_SAVE_AS}")])
    if not name and len(shown) > 1:
        message = f"The workbook has several sheets: {', '.join(shown)}. Say which one."
        raise FileRefused([LineError(0, "", message)])
    if name and name not in shown:
        raise FileRefused([LineError(0, "", f"There is no sheet “{name}”. The sheets are {', '.join(shown)}.")])
    sheet: Worksheet = book[name or shown[0]]
    sheet.reset_dimensions()  # what a file says about its size is not to be relied on
    return sheet


def _scan(path: Path, sheet: Worksheet) -> tuple[bool, int]:
    """Look through a sheet's XML for formulas, and count its rows."""
    has_formulas, rows = False, 0
    tail = b""
    try:
        with ZipFile(path) as archive, archive.open(str(sheet._worksheet_path)) as part:
            while piece := part.read(_PIECE):
                window = tail + piece
                has_formulas = has_formulas or bool(_FORMULA.search(window))
                rows += sum(1 for match in _ROW.finditer(window) if match.end() > len(tail))
                tail = window[-_OVERLAP:]
    except Exception as error:  # damaged, missing, or packed in a way that nobody reads
        raise _refused(error) from error
    return has_formulas, rows

"""Files on their way: a first look at them, and the stored ones as files again."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from objectives.imports import workbooks
from objectives.imports.files import is_workbook, open_source
from objectives.imports.tables import FileRefused
from objectives.models import FileFormat, ImportBatch, ImportChunk

SAMPLES: Final = 3
_SHOWN: Final = 80  # characters of a sample


@dataclass(frozen=True, slots=True)
class FirstLook:
    """What a file is, and how its table begins."""

    file_format: str
    sheets: Sequence[str]
    hidden_sheets: int
    sheet: str
    headers: Sequence[str]
    samples: Sequence[Sequence[str]]


def look_at(path: Path, *, sheet: str = "") -> FirstLook:
    """Look at a file's header and first rows; of a workbook at a sheet, unless told the first that can be seen.

    Raises: FileRefused when it is no table; OSError.
    """
    if not is_workbook(path):
        return FirstLook(FileFormat.CSV, (), 0, "", *_beginning(path, ""))
    found = workbooks.list_sheets(path)
    chosen = sheet or next(iter(found.names), "")
    return FirstLook(FileFormat.XLSX, found.names, found.hidden, chosen, *_beginning(path, chosen))


def _beginning(path: Path, sheet: str) -> tuple[list[str], list[list[str]]]:
    with open_source(path, sheet=sheet) as source:
        headers = [" ".join(heading.split())[:200] for heading in source.header]
        samples: list[list[str]] = []
        try:
            for _line, cells in source.rows():
                if any(cell.strip() for cell in cells):
                    samples.append([" ".join(str(cell).split())[:_SHOWN] for cell in cells])
                if len(samples) == SAMPLES:
                    break
        except FileRefused:
            pass  # the check says where and why
    return headers, samples


@contextmanager
def file_of(batch: ImportBatch) -> Iterator[Path]:
    """Put a batch's pieces together in a temporary file, and remove it."""
    with tempfile.NamedTemporaryFile(prefix="vr-import-", suffix=f".{batch.file_format}") as file:
        pieces = ImportChunk.objects.filter(batch=batch).order_by("number").values_list("data", flat=True)
        for piece in pieces.iterator(chunk_size=4):
            file.write(piece)
        file.flush()
        yield Path(file.name)


def count_rows(path: Path, *, sheet: str) -> int:
    """Count the rows below the header, roughly and fast, to show how far the work is."""
    if is_workbook(path):
        return max(workbooks.count_rows(path, sheet) - 1, 0)
    try:
        with open_source(path) as source:
            return sum(1 for _ in source.rows())
    except FileRefused:
        return 0


def cells_of(path: Path, *, sheet: str, lines: set[int]) -> dict[int, list[str]]:
    """Read the cells of some lines as they are in the file."""
    found: dict[int, list[str]] = {}
    last = max(lines, default=0)
    try:
        with open_source(path, sheet=sheet) as source:
            for line, cells in source.rows():
                if line in lines:
                    found[line] = [str(cell).replace("\0", "") for cell in cells]
                if line >= last:
                    break
    except FileRefused:
        pass  # told by the check; what comes before it was read
    return found

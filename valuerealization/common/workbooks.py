"""Lists as Excel workbooks, with the cells made as harmless as those of our CSV files."""

from collections.abc import Sequence
from datetime import UTC, datetime
from tempfile import TemporaryFile
from typing import Any, Final

from django.db.models import QuerySet
from django.http import FileResponse
from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Font
from openpyxl.utils import get_column_letter

from valuerealization.common.exports import Column, safe_text

CONTENT_TYPE: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
MOST_ROWS: Final = 1_048_575  # of a sheet, less its heading

_MOST_CHARACTERS: Final = 32_767  # of a cell
_WIDE_ENOUGH: Final = 18


def xlsx_response(rows: QuerySet[Any], columns: Sequence[Column], *, filename: str, sheet: str) -> FileResponse:
    """Answer with a list as a workbook of one sheet.

    Shape:  text goes through the same escaping as in CSV files, and is stored as text whatever it looks like; numbers
            stay numbers; instants are UTC, since a sheet knows no timezones. What a sheet can't hold is left out.
    """
    names = [f"xlsx_{number}" for number in range(len(columns))]
    values = {
        name: safe_text(column.expression) if column.is_text else column.expression
        for name, column in zip(names, columns, strict=True)
    }
    book = Workbook(write_only=True)
    page: Any = book.create_sheet(sheet[:31].title())
    page.freeze_panes = "A2"
    for number in range(len(columns)):
        page.column_dimensions[get_column_letter(number + 1)].width = _WIDE_ENOUGH
    page.append([_heading(page, column.heading) for column in columns])
    chosen = rows.annotate(**values).values_list(*names)[:MOST_ROWS]
    for row in chosen.iterator(chunk_size=2000):
        page.append([_cell(page, value) for value in row])
    file = TemporaryFile()  # noqa: SIM115 - the response closes it
    book.save(file)
    file.seek(0)
    response = FileResponse(file, as_attachment=True, filename=filename, content_type=CONTENT_TYPE)
    response["Cache-Control"] = "no-store"
    return response


def _heading(page: Any, text: str) -> Any:
    cell = _cell(page, text)
    cell.font = Font(bold=True)
    return cell


def _cell(page: Any, value: Any) -> Any:
    if isinstance(value, datetime):
        value = value.astimezone(UTC).replace(tzinfo=None)
    if not isinstance(value, str):
        return WriteOnlyCell(page, value)
    cell = WriteOnlyCell(page, value[:_MOST_CHARACTERS])
    cell.data_type = "s"  # never a formula, whatever it begins with
    return cell

"""Lists as CSV files that a spreadsheet can open safely, written by the database and streamed.

The escaping is part of the statement, so a row is never touched in Python and memory stays flat however long the list.
"""

import re
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.db import connection, models
from django.db.models import Case, Func, QuerySet, Value, When
from django.db.models.functions import Concat
from django.http import StreamingHttpResponse
from psycopg import ClientCursor, sql

CONTENT_TYPE: Final = "text/csv; charset=utf-8"
BOM: Final = b"\xef\xbb\xbf"

_CHUNK_BYTES: Final = 64 * 1024
# What a spreadsheet reads as a formula, also behind blanks; the full-width signs count in some of them.
_BLANK: Final = r"[:space:][:cntrl:]\u00a0\u2000-\u200f\u202a-\u202e\u2060\u3000\ufeff"
_FORMULA: Final = rf"^[{_BLANK}]*[-=+@\uff1d\uff0b\uff0d\uff20]|^[\t\r\n]"
_PYTHON_BLANK: Final = r"\s\x00-\x1f\x7f-\x9f\u00a0\u2000-\u200f\u202a-\u202e\u2060\u3000\ufeff"
_PYTHON_FORMULA: Final = re.compile(rf"^[{_PYTHON_BLANK}]*[-=+@\uff1d\uff0b\uff0d\uff20]|^[\t\r\n]")
_PYTHON_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_PLAIN_NUMBER: Final = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?", re.ASCII)
_CONTROL: Final = r"[\x01-\x1f\x7f-\x9f\u2028\u2029]+"


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a file: its heading and what stands below.

    Shape:  text is made safe and quoted; anything else (numbers, dates, true and false) is written as it is.
    """

    heading: str
    expression: Any
    is_text: bool = False


class PlainNumber(Func):
    """A number without trailing zeros, in ASCII: -28.571429."""

    function = "trim_scale"


def safe_text(expression: Any) -> Case:
    """Take the harm out of a text cell.

    Shape:  control characters become blanks; what begins like a formula gets an apostrophe in front; null stays null.
    """
    clean = Func(
        expression, Value(_CONTROL), Value(" "), Value("g"), function="regexp_replace", output_field=models.TextField()
    )
    return Case(
        When(_Matches(expression, Value(_FORMULA)), then=Concat(Value("'"), clean, output_field=models.TextField())),
        default=clean,
        output_field=models.TextField(),
    )


def safe_cell(text: str) -> str:
    """Take the harm out of one cell that Python writes, by the rules of `safe_text`; plain numbers stay numbers."""
    clean = _PYTHON_CONTROL.sub(" ", text)
    return f"'{clean}" if _PYTHON_FORMULA.search(text) and not _PLAIN_NUMBER.fullmatch(text) else clean


def csv_response(rows: QuerySet[Any], columns: Sequence[Column], *, filename: str, bom: bool) -> StreamingHttpResponse:
    """Answer with a list as a CSV file, read from the database while it is sent.

    Shape:  UTF-8; with `bom` Excel recognises it on a double click, without programs read the first heading as it is.
    """
    response = StreamingHttpResponse(csv_chunks(rows, columns, bom=bom), content_type=CONTENT_TYPE)
    response["Content-Disposition"] = f'attachment; filename="{filename}"'
    response["Cache-Control"] = "no-store"
    return response


def csv_chunks(rows: QuerySet[Any], columns: Sequence[Column], *, bom: bool = False) -> Generator[bytes]:
    """Write a list as CSV, a heading and a line per row, in pieces of some 64 KiB.

    Shape:  the heading comes at once, while the database still sorts. The rows and their order are the queryset's, at
            one instant: it is one statement. Lines end in CR LF, as RFC 4180 says.
    """
    names = [f"csv_{number}" for number in range(len(columns))]
    values = {
        name: safe_text(column.expression) if column.is_text else column.expression
        for name, column in zip(names, columns, strict=True)
    }
    statement = _copy(
        rows.annotate(**values).values_list(*names),
        quoted=[name for name, column in zip(names, columns, strict=True) if column.is_text],
    )
    yield (BOM if bom else b"") + ",".join(column.heading for column in columns).encode() + b"\r\n"
    buffer = bytearray()
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for piece in copy:
            # Every line break is the end of a line: inside a cell the escaping made a blank of it.
            buffer += bytes(piece).replace(b"\n", b"\r\n")
            if len(buffer) >= _CHUNK_BYTES:
                yield bytes(buffer)
                buffer.clear()
    if buffer:
        yield bytes(buffer)


class _Matches(Func):
    """SQL's `text ~ pattern`."""

    template = "%(expressions)s"
    arg_joiner = " ~ "
    output_field = models.BooleanField()


def _copy(rows: QuerySet[Any, Any], *, quoted: list[str]) -> str:
    select, params = rows.query.sql_with_params()
    connection.ensure_connection()
    bound = sql.SQL(ClientCursor(connection.connection).mogrify(select, params))
    options: list[sql.Composable] = [sql.SQL("FORMAT csv"), sql.SQL("ENCODING 'UTF8'")]
    if quoted:
        options.append(sql.SQL("FORCE_QUOTE ({})").format(sql.SQL(", ").join(map(sql.Identifier, quoted))))
    return (
        sql.SQL("COPY ({}) TO STDOUT WITH ({})")
        .format(bound, sql.SQL(", ").join(options))
        .as_string(connection.connection)
    )

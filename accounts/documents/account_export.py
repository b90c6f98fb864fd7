"""Everything about one account as a zip file: each table as JSON and as CSV, all as of one instant.

Each app adds its tables by `register` when it starts; nothing here knows what they are.
Source: docs/exports.md#an-account
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import IO, Any, Final
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from django.conf import settings
from django.db import connection, models
from django.db.models import F, QuerySet, TextField
from django.db.models.functions import Cast, JSONObject

from accounts.models import Account, User
from valuerealization.common.database import TransactionId, one_instant
from valuerealization.common.exports import Column, csv_chunks
from valuerealization.common.units import format_moment

FORMAT: Final = 1
ROWS_AT_ONCE: Final = 2000

Rows = Callable[[int], QuerySet[Any]]

_TEXTS: Final = (models.CharField, models.TextField, models.JSONField)


@dataclass(frozen=True, slots=True)
class Part:
    """One table of the file: what it is called, what it holds, and which rows belong to an account."""

    name: str
    holds: str
    rows: Rows
    omit: frozenset[str] = frozenset()
    is_audit: bool = False


@dataclass(frozen=True, slots=True)
class WrittenFile:
    """A file inside the zip file."""

    path: str
    rows: int
    size: int
    sha256: str


@dataclass(slots=True)
class _Counted:
    """A file being written: counts and digests what goes through."""

    target: IO[bytes]
    size: int = 0
    digest: Any = field(default_factory=hashlib.sha256)

    def write(self, piece: bytes) -> None:
        self.target.write(piece)
        self.size += len(piece)
        self.digest.update(piece)


_parts: dict[str, Part] = {}


def register(name: str, holds: str, rows: Rows, *, omit: Iterable[str] = (), is_audit: bool = False) -> None:
    """Add a table to the file.

    Shape:  `rows` gives the rows of an account's id in a settled order; every column is written but those in `omit`.
            `is_audit` tables are for those who may read the audit log.
    Raises: ValueError if another table has the name.
    """
    if name in _parts:
        raise ValueError(f"The account export has a part “{name}” already.")
    _parts[name] = Part(name, holds, rows, frozenset(omit), is_audit)


def parts(*, with_audit: bool = True) -> tuple[Part, ...]:
    """List the tables in the order they were added."""
    return tuple(part for part in _parts.values() if with_audit or not part.is_audit)


def export_filename(account: Account, *, at: datetime) -> str:
    """Name the file; an account's own name is in it, since people write names that no disk takes."""
    return f"account-{account.pk}-{at:%Y-%m-%d}.zip"


def write_account_export(
    account: Account, *, at: datetime, to: IO[bytes], with_audit: bool = True
) -> list[WrittenFile]:
    """Write the zip file.

    Shape:  `with_audit` for those who may read the audit log. Memory stays flat however much there is; the transaction
            lasts as long as writing to `to` does, which should be a disk and not somebody's connection.
    """
    written: list[WrittenFile] = []
    with one_instant(), ZipFile(to, "w", ZIP_DEFLATED) as archive:
        as_of = _instant()
        wanted = parts(with_audit=with_audit)
        for part in wanted:
            rows = part.rows(account.pk)
            columns = _columns(rows.model, part.omit)
            as_json = _write(archive, f"json/{part.name}.json", _json(rows, columns), as_of)
            as_csv = _write(archive, f"csv/{part.name}.csv", _csv(rows, columns), as_of)
            written += [as_json, _with_rows(as_csv, as_json.rows)]
        readme = _readme(account, wanted, as_of=as_of, written=written)
        written.append(_write(archive, "README.txt", iter([(readme.encode(), 0)]), as_of))
        manifest = _manifest(account, as_of=as_of, at=at, written=written)
        _write(archive, "manifest.json", iter([(manifest.encode(), 0)]), as_of)
    return written


def _instant() -> datetime:
    with connection.cursor() as cursor:
        cursor.execute("SELECT value_now()")
        instant: datetime = cursor.fetchone()[0]
    return instant


def _columns(model: type[models.Model], omit: frozenset[str]) -> dict[str, models.Field[Any, Any]]:
    """List the columns of a table, a person's address beside their id."""
    found: dict[str, models.Field[Any, Any]] = {}
    for each in model._meta.concrete_fields:
        if each.name in omit or each.attname in omit:
            continue
        found[each.attname] = getattr(each, "output_field", each)  # of a generated column, what it generates
        if each.is_relation and each.related_model is User:
            found[f"{each.name}__email"] = User._meta.get_field("email")
    return found


def _json(rows: QuerySet[Any], columns: dict[str, models.Field[Any, Any]]) -> Iterator[tuple[bytes, int]]:
    """Write rows as a list of objects, one a line; numbers with decimals as texts, as the API has them."""
    values = {
        name.replace("__", "_"): Cast(F(name), TextField())
        if isinstance(each, models.DecimalField | TransactionId)
        else F(name)
        for name, each in columns.items()
    }
    lines = rows.annotate(export_row=Cast(JSONObject(**values), TextField())).values_list("export_row", flat=True)
    separator = b"[\n"
    for line in lines.iterator(chunk_size=ROWS_AT_ONCE):
        yield separator + line.encode(), 1
        separator = b",\n"
    yield b"[]\n" if separator == b"[\n" else b"\n]\n", 0


def _csv(rows: QuerySet[Any], columns: dict[str, models.Field[Any, Any]]) -> Iterator[tuple[bytes, int]]:
    """Write rows for a spreadsheet, cells that begin like a formula made harmless."""
    listed = [
        Column(
            name.replace("__", "_"),
            Cast(F(name), TextField()) if isinstance(each, models.JSONField | TransactionId) else F(name),
            is_text=isinstance(each, _TEXTS),
        )
        for name, each in columns.items()
    ]
    for piece in csv_chunks(rows, listed, bom=True):
        yield piece, 0


def _write(archive: ZipFile, path: str, pieces: Iterator[tuple[bytes, int]], as_of: datetime) -> WrittenFile:
    info = ZipInfo(path, as_of.timetuple()[:6])
    info.compress_type = ZIP_DEFLATED
    count = 0
    with archive.open(info, "w", force_zip64=True) as target:
        counted = _Counted(target)
        for piece, rows in pieces:
            counted.write(piece)
            count += rows
    return WrittenFile(path, count, counted.size, counted.digest.hexdigest())


def _with_rows(file: WrittenFile, rows: int) -> WrittenFile:
    return WrittenFile(file.path, rows, file.size, file.sha256)


def _readme(account: Account, wanted: Sequence[Part], *, as_of: datetime, written: list[WrittenFile]) -> str:
    rows = {file.path.removeprefix("json/").removesuffix(".json"): file.rows for file in written}
    width = max(len(part.name) for part in wanted)
    lines = [
        f"{account.name}: everything {settings.VR_ORGANISATION} keeps about this account",
        "",
        f"As of {format_moment(as_of, timezone='UTC', today=as_of.date(), with_year=True)} UTC, all files alike.",
        "",
        "json/   each table as a list of objects. Numbers with decimals are texts, instants are in UTC.",
        "csv/    the same tables for spreadsheets: UTF-8 with a byte order mark; a text that begins like a formula has",
        "        an apostrophe in front. For exact values use the JSON.",
        "manifest.json   the files with their rows, bytes and SHA-256.",
        "",
        *(f"{part.name:<{width}}  {rows[part.name]:>9,}  {part.holds}" for part in wanted),
        "",
    ]
    return "\r\n".join(lines)


def _manifest(account: Account, *, as_of: datetime, at: datetime, written: list[WrittenFile]) -> str:
    content = {
        "format": FORMAT,
        "product": "Value Realization",
        "organisation": settings.VR_ORGANISATION,
        "account": {"id": account.pk, "external_id": account.external_id, "name": account.name},
        "as_of": as_of.isoformat(),
        "asked_for_at": at.isoformat(),
        "files": [
            {"path": file.path, "rows": file.rows, "bytes": file.size, "sha256": file.sha256} for file in written
        ],
    }
    return json.dumps(content, ensure_ascii=False, indent=2) + "\n"

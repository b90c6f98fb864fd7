"""Files as they should not be, and some that only look so: what the command and the wizard say about each.

One catalogue for the command line, the wizard's pages and a real browser.
"""

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from struct import pack
from zipfile import ZIP_DEFLATED, ZipFile

import openpyxl

from tests.factories import make_account, make_metric, make_objective

HEADER = "customer,metric,value,observed_at,source,note,external_id"
GOOD = "A-1,seats,35,2025-10-01T08:30:00Z,Desk,,"
MOST_ROWS = 500  # in these tests; the product's own limit takes long to write

SAVE = "Save it as “CSV UTF-8” and import that."
SAVE_SHEET = "Save the sheet as “CSV UTF-8” and import that."
NO_WORKBOOK = f"This is no Excel workbook that can be opened: it is damaged, or of another kind. {SAVE_SHEET}"
EMPTY = "The first line is empty; it has to name the columns."
NUL = f"The line holds NUL characters: this is no text, or UTF-16 without its mark. {SAVE}"
NOT_FINITE = "Enter a finite number; NaN and infinity have no place on a scale."
NOT_ASCII = "Use the digits 0 to 9, a plain minus sign and a point; other characters are not read."
NOT_RFC = "Write date and time as RFC 3339 has it: 2026-11-15T09:30:00Z."
CONTROL = "Remove the invisible control characters."
ENTITIES = f"The workbook defines entities, which Excel never does. {SAVE_SHEET}"
NO_OFFSET = "Give the offset from UTC: 2026-11-15T09:30:00Z or …+01:00."
THOUSANDS = "Write the number without thousands separators, with a point before the decimals: 1250.5."
COLUMNS = "customer, metric, objective, value, observed_at, source, confidence, note, external_id"


@dataclass(frozen=True)
class Case:
    """A file of readings and what is said about it.

    `errors` are those of the command, as (line, field, message); line 0 is the file. The wizard says the same, unless
    `wizard` tells otherwise: True where it asks instead of refusing and takes the file. `new` is what is recorded.
    """

    name: str
    content: Callable[[], bytes]
    errors: tuple[tuple[int, str, str], ...] = ()
    wizard: tuple[tuple[int, str, str], ...] | None = None
    new: int = 0
    file: str = "file.csv"

    @property
    def lines(self) -> list[str]:
        """Spell the errors as the command does."""
        return [
            f"{f'line {line}' if line else 'file'}{f', {name}' if name else ''}: {message}"
            for line, name, message in self.errors
        ]

    @property
    def problems(self) -> tuple[tuple[int, str, str], ...]:
        """Give the errors that the wizard shows."""
        return self.errors if self.wizard is None else self.wizard


def fill() -> None:
    """Add what the files name."""
    account = make_account(external_id="A-1", name="Acme", timezone="Europe/Berlin")
    make_metric(key="seats", name="Seats", unit="users")
    make_objective(account, external_id="O-1", title="Faster")


def text(*lines: str, encoding: str = "utf-8") -> Callable[[], bytes]:
    return lambda: "\n".join([*lines, ""]).encode(encoding)


def row(**cells: str) -> str:
    """Write a good row with some cells changed."""
    values = dict(zip(HEADER.split(","), GOOD.split(","), strict=True)) | cells
    return ",".join(f'"{value}"' if "," in value else value for value in values.values())


def minutes(count: int) -> list[str]:
    """Write good rows, a minute apart."""
    return [row(observed_at=f"2025-01-01T{n // 60:02}:{n % 60:02}:00Z") for n in range(count)]


@cache
def workbook(*rows: tuple[object, ...]) -> bytes:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for each in rows or (tuple(HEADER.split(",")), ("A-1", "seats", 35, "2025-10-01T08:30:00Z", "Desk")):
        sheet.append(each)
    buffer = BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def changed(part: str, change: Callable[[bytes], bytes], book: bytes | None = None) -> Callable[[], bytes]:
    """Change a part of a workbook."""

    def build() -> bytes:
        buffer = BytesIO()
        with ZipFile(BytesIO(book or workbook())) as old, ZipFile(buffer, "w", ZIP_DEFLATED) as new:
            for name in old.namelist():
                new.writestr(name, change(old.read(name)) if name == part else old.read(name))
        return buffer.getvalue()

    return build


SHEET = "xl/worksheets/sheet1.xml"


def _far_row(number: int, cell: str) -> Callable[[bytes], bytes]:
    added = f'<row r="{number}"><c r="{cell}{number}" t="n"><v>1</v></c></row></sheetData>'
    return lambda xml: xml.replace(b"</sheetData>", added.encode())


def _dimension(xml: bytes) -> bytes:
    start, end = xml.index(b"<dimension"), xml.index(b"/>", xml.index(b"<dimension"))
    return xml[:start] + b'<dimension ref="A1:XFD1048576"' + xml[end:]


def _elsewhere(xml: bytes) -> bytes:
    return xml.replace(b"sheet1", b"sheet9")


def _entities(xml: bytes) -> bytes:
    """Put the billion laughs into a sheet."""
    levels = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 10))
    declaration, _, rest = xml.rpartition(b"?>")
    laughs = f'<!DOCTYPE worksheet [<!ENTITY e0 "ha">{levels}]>'.encode()
    head = declaration + b"?>" if declaration else b""
    return head + laughs + rest.replace(b"<v>35</v>", b"<v>&e9;</v>")


def _bomb(xml: bytes) -> bytes:
    return xml + b" " * 32 * 1024 * 1024


def _liar() -> bytes:
    """Unpack to 32 MB, and say that it is 1,000 bytes."""
    book = bytearray(changed(SHEET, _bomb)())
    with ZipFile(BytesIO(bytes(book))) as archive:
        size = archive.getinfo(SHEET).file_size
    real, said = pack("<L", size), pack("<L", 1000)
    return bytes(book).replace(real, said)


def _torn() -> bytes:
    """Flip some bytes inside a sheet's packed data."""
    book = bytearray(workbook(tuple(HEADER.split(",")), *[("A-1", "seats", n, "x", "y") for n in range(2000)]))
    with ZipFile(BytesIO(bytes(book))) as archive:
        info = archive.getinfo(SHEET)
    start = info.header_offset + 400
    for number in range(start, start + 64):
        book[number] ^= 0xFF
    return bytes(book)


def _refused(line: int, name: str, message: str) -> tuple[tuple[int, str, str], ...]:
    return ((line, name, message),)


def _cell(case: str, name: str, value: str, message: str) -> Case:
    return Case(case, text(HEADER, GOOD, row(**{name: value})), _refused(3, name, message))


def _book(case: str, content: Callable[[], bytes], message: str, line: int = 0) -> Case:
    return Case(case, content, _refused(line, "", message), file="book.xlsx")


CATALOGUE = [
    # no table
    Case("empty", text(""), _refused(0, "", "The file is empty; its first line has to name the columns.")),
    Case("nothing at all", lambda: b"", _refused(0, "", "The file is empty; its first line has to name the columns."),
         wizard=_refused(0, "", "The file is empty; its first line has to name the columns.")),
    Case("empty first line", text("", HEADER, GOOD), _refused(1, "", EMPTY)),
    Case("header only", text(HEADER)),
    Case("a PDF renamed .csv", lambda: b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n",
         _refused(0, "", f"This is a PDF, not a text file. {SAVE}")),
    Case("compressed", lambda: b"\x1f\x8b\x08\x00" + zlib.compress(b"x" * 99),
         _refused(0, "", f"This is a compressed file, not a text file. {SAVE}")),
    Case("UTF-32", text(HEADER, GOOD, encoding="utf-32"), _refused(0, "", f"The file is UTF-32. {SAVE}")),
    Case("one endless line", lambda: b"customer" * 200_000,
         _refused(1, "", "The line is longer than 1,000,000 characters: is this a table?")),
    # encodings
    Case("BOM", text(HEADER, GOOD, encoding="utf-8-sig"), new=1),
    Case("UTF-16", text(HEADER, GOOD, encoding="utf-16"), new=1),
    Case("UTF-16 without a mark", text(HEADER, GOOD, encoding="utf-16-le"), _refused(1, "", NUL)),
    Case("UTF-16 torn in a pair", lambda: f"{HEADER}\n{row(note='x')}".encode("utf-16") + b"\x00\xd8\n\x00",
         _refused(0, "", f"The file is not UTF-16 throughout. {SAVE}")),
    Case("Windows-1252", lambda: f"{HEADER}\n{GOOD}\n{row(note='Söhne')}\n".encode("cp1252"),
         _refused(3, "", f"The file is not UTF-8 throughout. {SAVE}")),
    Case("lone surrogate", lambda: f"{HEADER}\n".encode() + GOOD.encode() + b"\xed\xa0\x80\n",
         _refused(2, "", f"The file is not UTF-8 throughout. {SAVE}")),
    Case("NULs", text(HEADER, GOOD, row(note="a\0b")), _refused(3, "", NUL)),
    # rows and columns
    Case("unterminated quotes", text(HEADER, GOOD, 'A-1,seats,36,2025-10-02T08:30:00Z,Desk,"as told,', GOOD),
         _refused(3, "", "A quotation mark is opened here and never closed.")),
    Case("a quotation mark within", text(HEADER, 'A-1,seats,36,2025-10-02T08:30:00Z,Desk,"a"s told,'),
         _refused(2, "", "Quotation marks around a cell go at its very start and end; double those within it.")),
    Case("duplicate headers", text("customer,metric,value,observed_at,value", "A-1,seats,1,2025-10-01T08:30:00Z,2"),
         _refused(1, "value", "There are two columns of this name, 3 and 5."), wizard=(), new=1),
    Case("unknown column", text("customer,metric,value,observed_at,colour", "A-1,seats,1,2025-10-01T08:30:00Z,red"),
         _refused(1, "colour", f"There is no such column. The columns are {COLUMNS}."), wizard=(), new=1),
    Case("nameless column", text("customer,metric,value,observed_at,", "A-1,seats,1,2025-10-01T08:30:00Z,x"),
         _refused(1, "", "Column 5 has no name. Name it or remove it."), wizard=(), new=1),
    Case("extra cells", text("customer,metric,value", "A-1,seats,1", "A-1,seats,1,5"),
         _refused(3, "", "The row has 4 cells, the header 3. Put text that holds the separator in quotation marks, and"
                         " write decimals with a point.")),
    Case("missing cells", text("customer,metric,value", "A-1,seats,1", "A-1,seats"),
         _refused(3, "", "The row has 2 cells, the header 3. Is it cut off, or does a quotation mark not belong"
                         " there?")),
    Case("too many columns", text(",".join(f"c{n}" for n in range(501)), "1"),
         _refused(1, "", "There are 501 columns. At most 500 are read: delete what stands far to the right.")),
    Case("duplicate ids", text(HEADER, row(external_id="R-1"), row(external_id="R-1", value="36")),
         _refused(3, "external_id", "Line 2 has “R-1” already. Keep one of the two.")),
    Case("two values for one time", text(HEADER, GOOD, row(value="36")),
         _refused(3, "value", "Line 2 gives another value for the same time. Keep one of the two.")),
    Case("too many rows", text(HEADER, *minutes(501)),
         _refused(502, "", "The file has more than 500 rows. Split it into several files.")),
    Case("one bad row at the end",
         text(HEADER, *minutes(400), row(metric="x")),
         _refused(402, "metric", "There is no such metric.")),
    # cells
    _cell("decimal comma", "value", "1,5", "Write decimals with a point: 1.5 instead of 1,5."),
    Case("decimal comma among semicolons", text("customer;metric;value;observed_at", "A-1;seats;1,5;2025-10-01"),
         _refused(2, "value", "Write decimals with a point: 1.5 instead of 1,5.")),
    _cell("thousands", "value", "1,250", THOUSANDS),
    _cell("no number", "value", "many", "Enter a number in plain digits, for example 1250.5, without a unit or currency"
                                        " sign."),
    _cell("NaN", "value", "NaN", NOT_FINITE),
    _cell("signalling NaN", "value", "-sNaN123", NOT_FINITE),
    _cell("Infinity", "value", "-Infinity", NOT_FINITE),
    _cell("inf", "value", "inf", NOT_FINITE),
    _cell("exponent", "value", "1e400", "Write the number out in full, without an exponent: 1200, not 1.2e3."),
    _cell("Arabic digits", "value", "٤٢", NOT_ASCII),
    _cell("full-width digits", "value", "４２", NOT_ASCII),
    _cell("another minus", "value", "−5", NOT_ASCII),
    _cell("Arabic digits in a date", "observed_at", "٢٠٢٥-١٠-٠١", NOT_RFC),
    _cell("too many digits", "value", "123456789012345", "Use at most 14 digits before the decimal point."),
    _cell("far too many digits", "value", "9" * 5000, "Use at most 14 digits before the decimal point."),
    _cell("too many decimals", "value", "1.1234567", "Use at most 6 decimals."),
    _cell("no offset", "observed_at", "2025-10-01T08:30:00", NO_OFFSET),
    _cell("no such day", "observed_at", "2025-02-30", "There is no such day."),
    _cell("a spreadsheet's day", "observed_at", "45931",
          "45931 is how spreadsheets count days; it stands for 2025-10-01. Format the column as a date and save"
          " again."),
    _cell("the future", "observed_at", "2199-01-01T00:00:00Z", "A reading can't be observed in the future."),
    _cell("control characters", "source", "De\x07sk", CONTROL),
    _cell("control characters in several lines", "note", "as\x1btold", CONTROL),
    _cell("over-long text", "source", "x" * 121, "Use at most 120 characters."),
    _cell("over-long note", "note", "x" * 10_001, "Use at most 10,000 characters."),
    Case("over-long cell", text(HEADER, GOOD, row(note="x" * 140_000)),
         _refused(3, "", "A cell holds more than 131,072 characters: a quotation mark may be missing at its end.")),
    _cell("nobody's account", "customer", "A-9", "There is no such customer."),
    # workbooks
    Case("a workbook", workbook, new=1, file="book.xlsx"),
    Case("a workbook named .csv", workbook, new=1),
    Case("huge dimensions", changed(SHEET, _dimension), new=1, file="book.xlsx"),
    _book("one cell far away", changed(SHEET, _far_row(1_048_576, "XFD")),
          "This row reaches to column 16,384. At most 500 are read: delete what stands far to the right.", 1_048_576),
    _book("a row beyond the last", changed(SHEET, _far_row(2_000_000_000, "A")),
          "No sheet has so many rows: the workbook is damaged. " + SAVE_SHEET, 1_048_577),
    _book("zip bomb", changed(SHEET, _bomb),
          f"The workbook unpacks to 32 MB, which is more than a table of numbers needs. {SAVE_SHEET}"),
    _book("zip bomb that lies", _liar, NO_WORKBOOK),
    _book("entity expansion", changed(SHEET, _entities), ENTITIES),
    _book("entity expansion in the list of sheets", changed("xl/workbook.xml", _entities),
          ENTITIES),
    _book("encrypted workbook", lambda: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600,
          f"This is an old or a protected Excel workbook, not a text file. {SAVE}"),
    _book("cut off workbook", lambda: workbook()[:-200], NO_WORKBOOK),
    _book("torn workbook", _torn, NO_WORKBOOK),
    _book("an archive of something else", changed("[Content_Types].xml", lambda _xml: b""), NO_WORKBOOK),
    _book("a workbook without its sheet", changed("xl/_rels/workbook.xml.rels", _elsewhere),
          f"The workbook has no sheet that can be seen. {SAVE_SHEET}"),
    _book("a sheet cut off", changed(SHEET, lambda xml: xml[: xml.index(b"</row>") - 40]), NO_WORKBOOK),
    Case("NaN in a workbook", changed(SHEET, lambda xml: xml.replace(b"<v>35</v>", b"<v>NaN</v>")),
         _refused(0, "", NO_WORKBOOK), file="book.xlsx"),
    Case("no offset in a workbook", changed(SHEET, lambda xml: xml, workbook(
        tuple(HEADER.split(",")), ("A-1", "seats", 35, "2025-10-01T08:30:00", "Desk"))),
         _refused(2, "observed_at", NO_OFFSET), file="book.xlsx"),
]  # fmt: skip

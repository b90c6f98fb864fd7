"""Read single cells: strictly, by the rules of the API, with the fix in words."""

import re
from collections.abc import Callable, Collection, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from django.core.exceptions import ValidationError

from accounts.models.accounts import check_timezone
from objectives.imports.tables import BadCell, LineError, Row
from valuerealization.common.api.values import (
    EXTERNAL,
    ValueRefused,
    read_choice,
    read_currency,
    read_date,
    read_decimal,
    read_external_id,
    read_instant,
    read_text,
)

Reader = Callable[[str], Any]

LONG_TEXT: Final = 10_000

_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_SERIAL: Final = re.compile(r"[1-9][0-9]{4}(?:\.[0-9]+)?", re.ASCII)
_SERIAL_START: Final = date(1899, 12, 30)
_DECIMAL_COMMA: Final = re.compile(r"([+-]?[0-9]+),([0-9]{1,2}|[0-9]{4,6})", re.ASCII)
_BETWEEN_WORDS: Final = re.compile(r"[\s_-]+")
_FLAGS: Final = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def read_cells(row: Row, readers: Mapping[str, Reader]) -> tuple[dict[str, Any], list[LineError]]:
    """Read a row's cells; an empty one is None."""
    read: dict[str, Any] = {}
    errors: list[LineError] = []
    for name, cell in row.cells.items():
        if isinstance(cell, BadCell):
            errors.append(LineError(row.line, name, cell.message))
            continue
        text = cell.strip()
        try:
            read[name] = readers[name](text) if text else None
        except ValueRefused as error:
            errors.append(LineError(row.line, name, error.detail))
    return read, errors


def number(text: str) -> Decimal:
    """Read a number of plain digits with a decimal point."""
    if match := _DECIMAL_COMMA.fullmatch(text):
        raise ValueRefused("separator", f"Write decimals with a point: {match[1]}.{match[2]} instead of {text}.")
    return read_decimal(text)


def amount(text: str) -> Decimal:
    """Read an amount of money: two decimals at most, not negative."""
    value = number(text)
    if value < 0:
        raise ValueRefused("min_value", "Give an amount of 0 or more.")
    if value != value.quantize(Decimal("0.01")):
        raise ValueRefused("too_many_decimals", "Use at most 2 decimals.")
    return value


def flag(text: str) -> bool:
    """Read true or false."""
    if text.lower() not in _FLAGS:
        raise ValueRefused("not_a_boolean", "Write true or false.")
    return _FLAGS[text.lower()]


def moment(text: str) -> datetime | date:
    """Read an instant with its offset from UTC, or a date alone."""
    return read_date(text) if _DAY.fullmatch(text) else read_instant(_no_serial(text))


def day(text: str) -> date:
    """Read a date."""
    return read_date(_no_serial(text))


def _no_serial(text: str) -> str:
    """Refuse the number that a spreadsheet keeps in place of a date, with the date that is meant."""
    if not _SERIAL.fullmatch(text):
        return text
    meant = _SERIAL_START + timedelta(days=int(text.partition(".")[0]))
    raise ValueRefused(
        "spreadsheet_number",
        f"{text} is how spreadsheets count days; it stands for {meant}. Format the column as a date and save again.",
    )


def reference(text: str) -> str:
    """Read an external id, with or without `external:` before it."""
    return read_external_id(text.removeprefix(EXTERNAL))


def limited_id(text: str, longest: int) -> str:
    """Read an external id of at most some characters."""
    return read_external_id(text, longest=longest)


def line_of_text(longest: int) -> Reader:
    """Read one line of text."""
    return lambda text: read_text(text, longest=longest)


def paragraphs(text: str) -> str:
    """Read text of several lines."""
    return read_text(text, longest=LONG_TEXT, is_multiline=True)


def choice(choices: Collection[str]) -> Reader:
    """Read one of some words, also as pages and spreadsheets write it: `Mid-market` for `mid_market`."""

    def read(text: str) -> str:
        plain = _BETWEEN_WORDS.sub("_", text.lower())
        return read_choice(plain if plain in choices else text, choices)

    return read


def timezone(text: str) -> str:
    """Read the name of an IANA timezone."""
    try:
        check_timezone(text)
    except ValidationError as error:
        raise ValueRefused("invalid_timezone", error.messages[0]) from error
    return text


currency: Reader = read_currency
external_id: Reader = read_external_id

"""Read single values of a request, strictly, and write those of an answer.

Each `read_*` takes what JSON gave and returns the value, or raises ValueRefused with a code and the way out in words.
"""

import re
from collections.abc import Collection
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from typing import Any, Final

from babel.numbers import list_currencies

from valuerealization.common.numbers import NumberRefused, parse_decimal, to_plain

FIRST_DAY: Final = date(1970, 1, 1)
LAST_DAY: Final = date(2199, 12, 31)
EXTERNAL: Final = "external:"
PERCENT_PLACES: Final = 6
LAST_POSITION: Final = 9999

_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_INSTANT: Final = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ]([0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?)([Zz]|[+-][0-9]{2}:[0-9]{2})?",
    re.ASCII,
)
_LONG_FRACTION: Final = re.compile(r".*\.[0-9]{7,}.*", re.ASCII)
_BLANK: Final = re.compile(r"\s", re.ASCII)
_ID: Final = re.compile(r"[0-9]{1,18}", re.ASCII)
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_CONTROL_IN_TEXT: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")


class ValueRefused(ValueError):
    """A value can't be taken: why, for machines and in words."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code, self.detail = code, detail


def read_decimal(value: Any) -> Decimal:
    """Read a number given as such or as a string of plain ASCII digits; six decimals at most, never rounded."""
    if isinstance(value, str) and _BLANK.search(value):
        raise ValueRefused("not_a_number", "Write the number without blanks.")
    try:
        return parse_decimal(value)
    except NumberRefused as error:
        raise ValueRefused(error.code, error.message) from None


def read_date(value: Any) -> date:
    """Read an ISO 8601 date: 2026-11-15."""
    if not isinstance(value, str) or not _DATE.fullmatch(value):
        raise ValueRefused("invalid_date", "Write the date as year, month and day: 2026-11-15.")
    try:
        day = date.fromisoformat(value)
    except ValueError:
        raise ValueRefused("invalid_date", "There is no such day.") from None
    return _in_range(day)


def read_instant(value: Any) -> datetime:
    """Read an RFC 3339 date and time with its offset from UTC: 2026-11-15T09:30:00Z."""
    match = _INSTANT.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        if isinstance(value, str) and _LONG_FRACTION.fullmatch(value):
            raise ValueRefused("invalid_datetime", "Give fractions of a second with at most 6 digits.")
        raise ValueRefused("invalid_datetime", "Write date and time as RFC 3339 has it: 2026-11-15T09:30:00Z.")
    day, clock, offset = match.groups()
    if offset is None:
        raise ValueRefused("offset_missing", "Give the offset from UTC: 2026-11-15T09:30:00Z or …+01:00.")
    try:
        instant = datetime.fromisoformat(f"{day}T{clock}{'+00:00' if offset in 'Zz' else offset}").astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueRefused("invalid_datetime", "There is no such date and time.") from None
    _in_range(instant.date())
    return instant


def read_text(value: Any, *, longest: int, is_multiline: bool = False) -> str:
    """Read text, without the blanks around it."""
    if not isinstance(value, str):
        raise ValueRefused("not_text", "Give a string.")
    text = value.strip()
    if len(text) > longest:
        raise ValueRefused("max_length", f"Use at most {longest:,} characters.")
    if (_CONTROL_IN_TEXT if is_multiline else _CONTROL).search(text):
        raise ValueRefused("control_character", "Remove the invisible control characters.")
    return text


def read_external_id(value: Any, *, longest: int = 128) -> str:
    """Read an integrator's own id, kept exactly as it is given."""
    text = read_text(value, longest=longest)
    if text != value:
        raise ValueRefused("surrounding_blanks", "Remove the blanks around the id.")
    return text


def read_choice(value: Any, choices: Collection[str]) -> str:
    """Read one of some words."""
    if not isinstance(value, str) or value not in choices:
        raise ValueRefused("invalid_choice", f"Choose one of {', '.join(choice for choice in choices if choice)}.")
    return value


def read_position(value: Any) -> int:
    """Read a place in an order: a whole number from 0 on."""
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= LAST_POSITION:
        raise ValueRefused("invalid_position", f"Give a whole number from 0 to {LAST_POSITION}.")
    return value


def read_flag(value: Any) -> bool:
    """Read true or false."""
    if not isinstance(value, bool):
        raise ValueRefused("not_a_boolean", "Give true or false.")
    return value


def read_currency(value: Any) -> str:
    """Read a currency of ISO 4217."""
    if not isinstance(value, str) or value not in _currencies():
        raise ValueRefused("invalid_currency", "Use the three capital letters of ISO 4217, for example EUR.")
    return value


def read_reference(value: Any) -> int | str:
    """Read an id, or `external:` and an integrator's id: an int is ours, a string theirs.

    Shape: a string of digits is an id too.
    """
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**18:
        return value
    if isinstance(value, str):
        if _ID.fullmatch(value):
            return int(value)
        if value.startswith(EXTERNAL) and len(value) > len(EXTERNAL):
            return read_external_id(value.removeprefix(EXTERNAL))
    raise ValueRefused("invalid_reference", "Give an id, or external: followed by your own id.")


def write_instant(instant: datetime) -> str:
    """Write an instant in UTC: 2026-11-15T09:30:00Z."""
    return instant.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"


def write_percentage(value: Decimal | None) -> str | None:
    """Write a percentage with at most six decimals."""
    return None if value is None else to_plain(value, places=PERCENT_PLACES)


@cache
def _currencies() -> frozenset[str]:
    return frozenset(list_currencies())


def _in_range(day: date) -> date:
    if not FIRST_DAY <= day <= LAST_DAY:
        raise ValueRefused("out_of_range", f"Give a date from {FIRST_DAY} to {LAST_DAY}.")
    return day

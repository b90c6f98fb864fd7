"""Values of custom attributes: what each type takes, and how it is kept.

Pure: text, dates, flags and choices in; what JSON holds out. Numbers are readings and are read as every other number.
"""

import re
from collections.abc import Collection
from datetime import date
from enum import StrEnum
from typing import Any, Final

LONGEST_TEXT: Final = 500
MOST_CHOICES: Final = 50
LONGEST_CHOICE: Final = 80
FIRST_DAY: Final = date(1970, 1, 1)
LAST_DAY: Final = date(2199, 12, 31)

_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


class Kind(StrEnum):
    """What values an attribute takes, as `Attribute.type` spells it."""

    TEXT = "text"
    NUMBER = "number"
    DATE = "date"
    FLAG = "flag"
    CHOICE = "choice"


class AttributeRefused(ValueError):
    """A value is none of its attribute's: why, for machines and in words."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


def read_value(value: Any, *, kind: str, choices: Collection[str] = ()) -> str | bool | None:
    """Read a value as it is kept: a string (a day as ISO 8601 has it) or a flag; None and empty text are no value.

    Raises: AttributeRefused.
    """
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    match kind:
        case Kind.TEXT:
            return _text(value)
        case Kind.DATE:
            return _day(value)
        case Kind.FLAG:
            if not isinstance(value, bool):
                raise AttributeRefused("not_a_boolean", "Give true or false.")
            return value
        case Kind.CHOICE:
            if not isinstance(value, str) or value.strip() not in choices:
                raise AttributeRefused("invalid_choice", f"Choose one of {', '.join(choices)}.")
            return value.strip()
        case _:
            raise AttributeRefused("not_kept_here", "A number is recorded as a reading.")


def read_choices(given: Collection[str]) -> list[str]:
    """Read the choices of an attribute: each once, in the order given, without empty ones.

    Raises: AttributeRefused.
    """
    found: list[str] = []
    for choice in given:
        text = _text(choice).strip()
        if len(text) > LONGEST_CHOICE:
            raise AttributeRefused("max_length", f"Use at most {LONGEST_CHOICE} characters for a choice.")
        if text and text not in found:
            found.append(text)
    if len(found) > MOST_CHOICES:
        raise AttributeRefused("too_many", f"Give at most {MOST_CHOICES} choices.")
    return found


def show_value(value: str | bool | None) -> str:
    """Write a kept value for people; a day stays as it is kept."""
    if isinstance(value, bool):
        return "Yes" if value else "No"
    return value or ""


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise AttributeRefused("not_text", "Give a string.")
    text = value.strip()
    if len(text) > LONGEST_TEXT:
        raise AttributeRefused("max_length", f"Use at most {LONGEST_TEXT} characters.")
    if _CONTROL.search(text):
        raise AttributeRefused("control_character", "Remove the invisible control characters.")
    return text


def _day(value: Any) -> str:
    day = value
    if isinstance(value, str):
        try:
            day = date.fromisoformat(value.strip()) if _DAY.fullmatch(value.strip()) else None
        except ValueError:
            day = None
    if type(day) is not date:
        raise AttributeRefused("invalid_date", "Write the date as year, month and day: 2026-11-15.")
    if not FIRST_DAY <= day <= LAST_DAY:
        raise AttributeRefused("out_of_range", f"Give a date from {FIRST_DAY} to {LAST_DAY}.")
    return day.isoformat()

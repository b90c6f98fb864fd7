"""Read the parameters of an address, one by one, and say what is wrong with each."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any, Final

from valuerealization.common.numbers import NumberRefused, parse_decimal

NONE: Final = "none"  # without a score, without an owner, without a segment, without a value

_MAX_TEXT: Final = 200
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class ParameterError:
    """Say what is wrong with one parameter of an address."""

    parameter: str
    code: str
    message: str


@dataclass(slots=True)
class ParameterReader:
    """Read parameters one by one and collect what is wrong with them."""

    parameters: Mapping[str, Any]
    errors: list[ParameterError] = field(default_factory=list)

    def refuse(self, name: str, code: str, message: str) -> None:
        """Note what is wrong with a parameter."""
        self.errors.append(ParameterError(name, code, message))

    def values(self, name: str) -> list[str]:
        """List what a parameter was given, without what is empty."""
        getlist = getattr(self.parameters, "getlist", None)
        given = getlist(name) if getlist else self.parameters.get(name, [])
        many = [given] if isinstance(given, str) else given
        return [text for text in (str(one).strip() for one in many) if text]

    def text(self, name: str) -> str:
        """Read one line of text; nothing when it is refused."""
        values = self.values(name)
        if not values:
            return ""
        if len(values) > 1:
            self.refuse(name, "repeated", f"Give {name} once.")
        elif len(values[0]) > _MAX_TEXT:
            self.refuse(name, "max_length", f"Use at most {_MAX_TEXT} characters.")
        elif _CONTROL.search(values[0]):
            self.refuse(name, "control_character", "Remove the invisible control characters.")
        else:
            return values[0]
        return ""

    def choices(self, name: str, known: Iterable[str]) -> tuple[str, ...]:
        """Read some words, repeated or with commas between, in the order in which they are known."""
        allowed = tuple(known)
        given = [part.strip() for value in self.values(name) for part in value.split(",") if part.strip()]
        if any(one not in allowed for one in given):
            self.refuse(name, "invalid_choice", f"Choose from {', '.join(allowed)}.")
        return tuple(one for one in allowed if one in given)

    def several(self, name: str, known: Iterable[str]) -> tuple[str, ...]:
        """Read some words that may hold commas, so that each is given by itself."""
        allowed, given = tuple(known), self.values(name)
        if any(one not in allowed for one in given):
            self.refuse(name, "invalid_choice", f"Choose from {', '.join(allowed)}.")
        return tuple(one for one in allowed if one in given)

    def choice(self, name: str, known: Iterable[str]) -> str:
        """Read one of some words."""
        allowed = tuple(known)
        text = self.text(name)
        if text and text not in allowed:
            self.refuse(name, "invalid_choice", f"Choose one of {', '.join(allowed)}.")
            return ""
        return text

    def number(self, name: str) -> Decimal | None:
        """Read a number."""
        text = self.text(name)
        if not text:
            return None
        try:
            return parse_decimal(text)
        except NumberRefused as error:
            self.refuse(name, error.code, error.message)
            return None

    def day(self, name: str) -> date | None:
        """Read a day."""
        text = self.text(name)
        if not text:
            return None
        try:
            if _DATE.fullmatch(text):
                return date.fromisoformat(text)
        except ValueError:
            pass
        self.refuse(name, "invalid_date", "Write the date as year, month and day: 2026-11-15.")
        return None

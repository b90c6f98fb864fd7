"""Whose numbers and dates are written: the marks of a reader's locale and the clock they read.

Pages set it for the person signed in; everything else (API, files, mail without a reader) keeps the default.
"""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_THIN_SPACE: Final = "\u202f"


@dataclass(frozen=True, slots=True)
class Formats:
    """How one reader writes numbers, days and times."""

    group: str = ","
    mark: str = "."
    month_first: bool = False
    is_12_hour: bool = False

    def digits(self, plain: str) -> str:
        """Give digits grouped by commas the marks of the locale: 1,250.5 as 1.250,5."""
        if (self.group, self.mark) == (",", "."):
            return plain
        return plain.translate({ord(","): self.group, ord("."): self.mark})

    def day(self, day: date, *, with_year: bool) -> str:
        """Write a date: 15 Nov 2026, or Nov 15, 2026."""
        month = _MONTHS[day.month - 1]
        if self.month_first:
            return f"{month} {day.day}, {day.year}" if with_year else f"{month} {day.day}"
        return f"{day.day} {month} {day.year}" if with_year else f"{day.day} {month}"

    def time(self, local: datetime) -> str:
        """Write a time of day: 14:05, or 2:05 pm."""
        if not self.is_12_hour:
            return f"{local:%H:%M}"
        return f"{local.hour % 12 or 12}:{local:%M} {'am' if local.hour < 12 else 'pm'}"


DEFAULT: Final = Formats()

# By the name a person chooses; the empty one is the default.
LOCALES: Final = {
    "": DEFAULT,
    "en-us": Formats(month_first=True),
    "de-de": Formats(group=".", mark=","),
    "fr-fr": Formats(group=_THIN_SPACE, mark=","),
}

_reader: ContextVar[Callable[[], Formats]] = ContextVar("reader", default=lambda: DEFAULT)


def current() -> Formats:
    """Give the formats of whoever reads what is written now."""
    return _reader.get()()


@contextmanager
def reading_as(reader: Callable[[], Formats]) -> Generator[None]:
    """Write for a reader for the length of the block; asked only when something is written."""
    token = _reader.set(reader)
    try:
        yield
    finally:
        _reader.reset(token)


def grouped(number: int) -> str:
    """Write a count with its thousands apart: 1,204."""
    return current().digits(f"{number:,}")

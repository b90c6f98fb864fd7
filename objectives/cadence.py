"""How often something should be measured: when the next value is due, and when its absence is stale.

Days are dates on the account's own calendar. The database holds the same rules (`value_next_due`, `value_grace_days`);
property tests hold them together.
"""

from calendar import monthrange
from datetime import date, timedelta
from enum import StrEnum
from typing import Final

__all__ = ["CADENCES", "Cadence", "DueState", "due_state", "effective_cadence", "grace_days", "is_stale", "next_due"]


class Cadence(StrEnum):
    """How often a value is expected."""

    NONE = "none"
    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"
    QUARTERLY = "quarterly"
    YEARLY = "yearly"

    @property
    def label(self) -> str:
        """Give the words that pages show."""
        return "No fixed cadence" if self is Cadence.NONE else self.value.capitalize()


class DueState(StrEnum):
    """Where a due day lies from today."""

    OVERDUE = "overdue"
    WEEK = "week"
    MONTH = "month"
    LATER = "later"


CADENCES: Final = [(cadence.value, cadence.label) for cadence in Cadence]

_DAYS: Final = {Cadence.DAILY: 1, Cadence.WEEKLY: 7}
_MONTHS: Final = {Cadence.MONTHLY: 1, Cadence.QUARTERLY: 3, Cadence.YEARLY: 12}
_GRACE_DAYS: Final = {
    Cadence.NONE: 0,
    Cadence.DAILY: 1,
    Cadence.WEEKLY: 2,
    Cadence.MONTHLY: 5,
    Cadence.QUARTERLY: 10,
    Cadence.YEARLY: 15,
}
_WEEK_DAYS: Final = 7
_MONTH_DAYS: Final = 30


def effective_cadence(*, own: str, of_metric: str | None) -> Cadence:
    """Give the cadence that holds for an objective: its own, else its metric's, else none.

    Source: docs/formulas.md#cadence
    """
    return Cadence(own or of_metric or Cadence.NONE)


def next_due(*, last: date, cadence: Cadence) -> date | None:
    """Give the day on which the next value is due after one of `last`; None without a cadence.

    Shape:  the same day of a later month; a day that month lacks is its last, and a last day stays a last day.
    Source: docs/formulas.md#cadence
    """
    if cadence in _DAYS:
        return last + timedelta(days=_DAYS[cadence])
    if cadence in _MONTHS:
        return _months_on(last, _MONTHS[cadence])
    return None


def grace_days(cadence: Cadence) -> int:
    """Give how many days a value may be late before it counts as stale.

    Source: docs/formulas.md#cadence
    """
    return _GRACE_DAYS[cadence]


def is_stale(*, due_on: date | None, cadence: Cadence, today: date) -> bool:
    """Tell whether a value is later than its cadence and the grace allow.

    Source: docs/formulas.md#cadence
    """
    return due_on is not None and today > due_on + timedelta(days=grace_days(cadence))


def due_state(*, due_on: date, today: date) -> DueState:
    """Tell whether a value is overdue, due within seven days from today, within thirty, or later."""
    if due_on < today:
        return DueState.OVERDUE
    ahead = (due_on - today).days
    return DueState.WEEK if ahead < _WEEK_DAYS else DueState.MONTH if ahead <= _MONTH_DAYS else DueState.LATER


def _months_on(day: date, months: int) -> date:
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    last = monthrange(year, month + 1)[1]
    is_last = day.day == monthrange(day.year, day.month)[1]
    return date(year, month + 1, last if is_last else min(day.day, last))

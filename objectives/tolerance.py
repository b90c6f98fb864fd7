"""When two sources disagree about the same thing.

The database holds the same rules (`value_differs`, `value_window_days`); property tests hold them together.
"""

from decimal import Decimal, localcontext
from typing import Final

from objectives.cadence import Cadence
from valuerealization.common.numbers import WIDE

__all__ = ["DEFAULT_PCT", "differs", "window_days"]

# Of the larger of the two values, for metrics that name no tolerance of their own.
DEFAULT_PCT: Final = Decimal(5)

_WINDOW_DAYS: Final = {
    Cadence.NONE: 7,
    Cadence.DAILY: 2,
    Cadence.WEEKLY: 7,
    Cadence.MONTHLY: 31,
    Cadence.QUARTERLY: 92,
    Cadence.YEARLY: 366,
}


def differs(first: Decimal, second: Decimal, *, tolerance: Decimal, is_absolute: bool) -> bool:
    """Tell whether two values lie further apart than a tolerance.

    Units:  the tolerance in the values' own unit when absolute, else in percent of the larger of the two.
    Source: docs/formulas.md#sources
    """
    with localcontext(WIDE):
        limit = tolerance if is_absolute else tolerance * max(abs(first), abs(second)) / 100
        return abs(first - second) > limit


def window_days(cadence: Cadence) -> int:
    """Give how many days apart two values may be observed and still be about the same time.

    Source: docs/formulas.md#sources
    """
    return _WINDOW_DAYS[cadence]

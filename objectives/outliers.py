"""When a value lies so far from what was measured before that a person should look at it first.

The database holds the same rule (`value_outlier`); a property test holds the two together.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

__all__ = ["ENOUGH", "RECENT", "is_outlier", "median"]

ENOUGH: Final = 8
RECENT: Final = 30

_SPREADS: Final = 6
_SHARE: Final = Decimal("0.2")


def median(values: Sequence[Decimal]) -> Decimal:
    """Give the middle value, of two middle ones the lower: always one that was measured.

    Raises: IndexError without values.
    """
    return sorted(values)[(len(values) + 1) // 2 - 1]


def is_outlier(value: Decimal, *, recent: Sequence[Decimal], span: Decimal) -> bool:
    """Tell whether a value lies far outside what was measured recently.

    Shape:  never with fewer than 8 earlier values; `recent` are the last 30 of them.
    Units:  all in the metric's unit; `span` is the longest way from baseline to target that an objective on it has, 0
            without one: a step as long as a whole goal is no outlier.
    Source: docs/formulas.md#outliers
    """
    if len(recent) < ENOUGH:
        return False
    middle = median(recent)
    spread = median([abs(each - middle) for each in recent])
    limit = max(_SPREADS * spread, _SHARE * abs(middle), span)
    return limit > 0 and abs(value - middle) > limit

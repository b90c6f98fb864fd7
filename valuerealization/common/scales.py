"""Vertical scales of percent charts: where an axis starts and ends, and how far apart its lines lie."""

from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal, localcontext
from typing import Final

from valuerealization.common.numbers import WIDE

FULL_UNIT: Final = Decimal(25)
ZOOM_UNIT: Final = Decimal(10)
ZOOM_MIN_SPAN: Final = Decimal(30)

_HUNDRED: Final = Decimal(100)
_MOST_INTERVALS: Final = 6


@dataclass(frozen=True, slots=True)
class Axis:
    """Hold the ends of a vertical axis and the step between its grid lines.

    Units:  percent of value delivered.
    """

    low: Decimal
    high: Decimal
    step: Decimal

    def place(self, value: Decimal) -> Decimal:
        """Place a value: 0 at the top of the plot, 100 at its bottom."""
        with localcontext(WIDE):
            return _HUNDRED - (value - self.low) / (self.high - self.low) * _HUNDRED


def full_axis(values: list[Decimal]) -> Axis:
    """Span 0 to 100, or to the next 25 above the highest and below the lowest value.

    Source: docs/formulas.md#charts
    """
    low = to_multiple(min(*values, Decimal(0)), FULL_UNIT, ROUND_FLOOR)
    high = to_multiple(max(*values, _HUNDRED), FULL_UNIT, ROUND_CEILING)
    return Axis(low, high, _grid_step(high - low, FULL_UNIT))


def zoomed_axis(values: list[Decimal]) -> Axis:
    """Close in on the values by tens, at least 30 wide.

    Source: docs/formulas.md#charts
    """
    low = to_multiple(min(values), ZOOM_UNIT, ROUND_FLOOR)
    high = to_multiple(max(values), ZOOM_UNIT, ROUND_CEILING)
    missing = ZOOM_MIN_SPAN - (high - low)
    if missing > 0:
        # One step of room above when there are two to give, the rest below; but never below a zero
        # that no value has crossed.
        below = missing - ZOOM_UNIT if missing > ZOOM_UNIT else missing
        if low >= 0:
            below = min(below, low)
        low, high = low - below, high + missing - below
    step = _grid_step(high - low, ZOOM_UNIT)
    return Axis(to_multiple(low, step, ROUND_FLOOR), to_multiple(high, step, ROUND_CEILING), step)


def to_multiple(value: Decimal, unit: Decimal, rounding: str) -> Decimal:
    """Round a value to a multiple of a unit."""
    with localcontext(WIDE):
        return (value / unit).to_integral_value(rounding=rounding) * unit


def _grid_step(span: Decimal, unit: Decimal) -> Decimal:
    """Choose the closest grid of 1, 2, 4, 10 (and so on) units that stays readable."""
    factor = Decimal(1)
    while True:
        for multiple in (1, 2, 4):
            step = unit * factor * multiple
            if span <= step * _MOST_INTERVALS:
                return step
        factor *= 10

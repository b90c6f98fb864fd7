"""A word-sized line: weekly values on a scale of its own."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext
from typing import Final

from valuerealization.common.charts.geometry import across, area_path, line_path, percent, runs_of
from valuerealization.common.numbers import WIDE
from valuerealization.common.units import format_pct

SPARK_MIN_SPAN: Final = Decimal(12)
SPARK_MIN_VALUES: Final = 2

_SPARK_TOP: Final = Decimal(8)
_SPARK_BOTTOM: Final = Decimal(92)


@dataclass(frozen=True, slots=True)
class Sparkline:
    """Hold a word-sized line: two paths in a 0 to 100 box, the end dot and its sentence."""

    area: str
    line: str
    end_x: str
    end_y: str
    aria_label: str


def sparkline(values: Sequence[Decimal | None], *, subject: str = "") -> Sparkline | None:
    """Draw a row of weekly values on a scale of its own.

    Shape:  None with fewer than 2 values (the page says "New" instead). The scale spans at least 12
            points, so that noise does not look like drama. A missing week breaks the line.
    Units:  values in percent; positions in percent of the box, one decimal.
    Source: docs/formulas.md#charts
    """
    known = [number for number, value in enumerate(values) if value is not None]
    numbers = [value for value in values if value is not None]
    if len(known) < SPARK_MIN_VALUES:
        return None
    first, last = known[0], known[-1]
    with localcontext(WIDE):
        low, high = min(numbers), max(numbers)
        scale = (_SPARK_BOTTOM - _SPARK_TOP) / max(high - low, SPARK_MIN_SPAN)
        middle, centre = (low + high) / 2, (_SPARK_TOP + _SPARK_BOTTOM) / 2
        runs = runs_of([None if value is None else centre - (value - middle) * scale for value in values])
        return Sparkline(
            area=area_path(runs),
            line=line_path(runs),
            end_x=percent(across(last, len(values))),
            end_y=percent(runs[-1][-1][1]),
            aria_label=_spark_sentence(numbers[0], numbers[-1], weeks=last - first + 1, subject=subject),
        )


def _spark_sentence(first: Decimal, last: Decimal, *, weeks: int, subject: str) -> str:
    start, end = format_pct(first), format_pct(last)
    if not subject:
        return f"From {start} to {end} in {weeks} weeks"
    if start == end:
        return f"{subject} stayed at {end} for {weeks} weeks"
    return f"{subject} {'rose' if last > first else 'fell'} from {start} to {end} in {weeks} weeks"

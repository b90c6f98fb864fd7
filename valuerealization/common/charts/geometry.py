"""What every chart is measured with: positions in percent, paths of lines and areas."""

from collections.abc import Sequence
from decimal import Decimal
from itertools import groupby
from typing import Final

from valuerealization.common.numbers import to_plain

HUNDRED: Final = Decimal(100)

Point = tuple[Decimal, Decimal]


def number_text(value: Decimal) -> str:
    """Write a position with one decimal."""
    return to_plain(value, places=1)


def percent(value: Decimal) -> str:
    """Write a position in percent."""
    return f"{number_text(value)}%"


def share(part: int, whole: int) -> Decimal:
    """Give a part of a whole in percent; nothing of nothing is 0."""
    return HUNDRED * part / whole if whole else Decimal(0)


def across(number: int, count: int) -> Decimal:
    """Place a week: the first at 0, the last at 100, a lone one at the end."""
    return share(number, count - 1) if count > 1 else HUNDRED


def runs_of(heights: Sequence[Decimal | None]) -> list[list[Point]]:
    """Split a series at its gaps; a week alone between two gaps becomes a level stroke of its width."""
    runs = []
    half = half_a_week(len(heights)) if len(heights) > 1 else Decimal(0)
    for known, group in groupby(enumerate(heights), key=lambda pair: pair[1] is not None):
        if not known:
            continue
        run = [(across(number, len(heights)), height) for number, height in group if height is not None]
        if len(run) == 1:
            x, y = run[0]
            run = [(max(x - half, Decimal(0)), y), (min(x + half, HUNDRED), y)]
        runs.append(run)
    return runs


def line_path(runs: list[list[Point]]) -> str:
    """Write runs of points as the path of a line."""
    return "".join("M" + "L".join(f"{number_text(x)} {number_text(y)}" for x, y in run) for run in runs)


def area_path(runs: list[list[Point]]) -> str:
    """Write runs of points as the path of the area below them."""
    return "".join(f"{line_path([run])}L{number_text(run[-1][0])} 100L{number_text(run[0][0])} 100Z" for run in runs)


def half_a_week(count: int) -> Decimal:
    """Give half the distance between two weeks."""
    return share(1, 2 * (count - 1)) if count > 1 else HUNDRED

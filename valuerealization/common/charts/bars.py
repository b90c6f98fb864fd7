"""Bars: counts divided among parts, and how far an objective has come."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal, localcontext
from typing import Literal

from valuerealization.common.charts.geometry import HUNDRED, percent, share
from valuerealization.common.numbers import WIDE, display_pct, to_plain


@dataclass(frozen=True, slots=True)
class Segment:
    """Hold one part of a stacked bar, with its share of the whole as text."""

    key: str
    label: str
    count: int
    share: str
    x: str
    width: str


@dataclass(frozen=True, slots=True)
class Distribution:
    """Hold a stacked bar: `segments` to draw (none of them empty), `rows` to list (all of them)."""

    segments: tuple[Segment, ...]
    rows: tuple[Segment, ...]
    total: int
    aria_label: str


@dataclass(frozen=True, slots=True)
class Rule:
    """Hold an objective's rule from baseline to target.

    Shape:  state is empty (not measured: no fill, no marker), back (below 0: a left arrow), part
            (fill and ring at `fill`) or full (100 and more: full bar and chevrons).
    """

    state: Literal["empty", "back", "part", "full"]
    fill: str


def distribution(parts: Iterable[tuple[str, str, int]]) -> Distribution:
    """Divide a stacked bar among counts, in the order they come.

    Shape:  parts are (key, label, count); a part of 0 is listed but not drawn. A share too small to
            round to 1 % reads "<1%".
    Units:  positions in percent of the bar, one decimal.
    """
    listed = list(parts)
    total = sum(count for _, _, count in listed)
    rows: list[Segment] = []
    before = 0
    with localcontext(WIDE):
        for key, label, count in listed:
            width = share(count, total)
            text = "<1%" if 0 < width < Decimal("0.5") else f"{to_plain(width, places=0)}%"
            rows.append(Segment(key, label, count, text, percent(share(before, total)), percent(width)))
            before += count
    return Distribution(
        segments=tuple(row for row in rows if row.count),
        rows=tuple(rows),
        total=total,
        aria_label=", ".join(f"{row.label} {row.count:,}" for row in rows),
    )


def progress_rule(completion: Decimal | None) -> Rule:
    """Draw an objective's rule: the bar stops at both ends, the number beside it does not.

    Units:  completion in percent; the bar's length is the percentage shown, so that the two agree.
    Source: docs/formulas.md#display
    """
    if completion is None:
        return Rule("empty", "0%")
    shown = display_pct(completion)
    if shown < 0:
        return Rule("back", "0%")
    return Rule("full", "100%") if shown >= HUNDRED else Rule("part", f"{shown}%")

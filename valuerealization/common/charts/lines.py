"""A line chart: weekly values, the plan beside them, more lines and marks."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal, localcontext
from typing import Final, Literal

from valuerealization.common.charts.geometry import (
    HUNDRED,
    across,
    area_path,
    half_a_week,
    line_path,
    percent,
    runs_of,
)
from valuerealization.common.numbers import WIDE
from valuerealization.common.scales import Axis, full_axis, to_multiple, zoomed_axis
from valuerealization.common.units import format_pct

_LABEL_INTERVALS: Final = 5
_LABEL_GAP: Final = Decimal(10)
_MAJOR_GAP: Final = Decimal(22)
_ABOVE: Final = "-12"
_BELOW: Final = "20"
_NEAR_TOP: Final = Decimal(12)
_NEAR_BOTTOM: Final = Decimal(88)
_NEAR_START: Final = Decimal(15)

Anchor = Literal["start", "middle", "end"]


@dataclass(frozen=True, slots=True)
class ChartWeek:
    """Hold one week of a line chart: its axis label, the value and, where there is one, the plan.

    Units:  value and plan in percent; None where there is no score or no plan.
    """

    label: str
    value: Decimal | None
    plan: Decimal | None = None


@dataclass(frozen=True, slots=True)
class GridLine:
    """Hold a horizontal line with its label; `css` is "axis" for the base line, else "grid"."""

    y: str
    label: str
    css: Literal["axis", "grid"]


@dataclass(frozen=True, slots=True)
class AxisLabel:
    """Hold a label below the chart; a minor one is hidden where labels would collide."""

    x: str
    label: str
    anchor: Anchor
    minor: bool


@dataclass(frozen=True, slots=True)
class LastPoint:
    """Hold the dot on the last value, and its label with the offsets that keep it clear of the lines."""

    x: str
    y: str
    text: str
    dx: str
    dy: str
    anchor: Anchor


@dataclass(frozen=True, slots=True)
class Hit:
    """Hold the strip of one week: hovering shows its title, and the table behind lists its texts."""

    x: str
    width: str
    title: str
    label: str
    value: str
    plan: str


@dataclass(frozen=True, slots=True)
class Series:
    """Hold one more line to draw: its name and a value for each week, as many as the chart has.

    Shape:  lines are lettered A, B, C in their order unless they have a `letter`.
    Units:  values in percent; None where it has none.
    """

    key: str
    label: str
    values: Sequence[Decimal | None]
    letter: str = ""


@dataclass(frozen=True, slots=True)
class SeriesLine:
    """Hold one more line as it is drawn: `number` chooses its dashes, `letter` stands at its end and in the legend.

    Shape:  a series without a value has an empty path.
    """

    key: str
    label: str
    number: int
    letter: str
    path: str
    end_x: str
    end_y: str
    last: str


@dataclass(frozen=True, slots=True)
class Mark:
    """Hold a vertical marker: where, and what happened there."""

    x: str
    title: str


@dataclass(frozen=True, slots=True)
class Chart:
    """Hold a line chart, its layers in the order they are drawn; an empty path is not drawn."""

    grid: tuple[GridLine, ...]
    area: str
    plan: str
    actual: str
    today_x: str
    last: LastPoint
    labels: tuple[AxisLabel, ...]
    hits: tuple[Hit, ...]
    aria_label: str
    lines: tuple[SeriesLine, ...] = ()
    marks: tuple[Mark, ...] = ()

    @property
    def has_plan(self) -> bool:
        """Tell whether the legend and the table need a plan."""
        return bool(self.plan)


def line_chart(
    weeks: Sequence[ChartWeek],
    *,
    subject: str = "Value delivered per week",
    zoom: bool = False,
    series: Sequence[Series] = (),
    marks: Sequence[tuple[int, str]] = (),
) -> Chart | None:
    """Draw weekly values, and the plan beside them, on a percent axis.

    Shape:  None when no week has a value. The axis runs from 0 to 100, or to the next 25 above the
            highest and below the lowest value; with `zoom` it closes in on the values by tens, at
            least 30 wide, and the area is left out. A missing week breaks the line; weeks after the
            last value (the plan ahead) are divided from the past by `today_x`. `series` are more lines over the
            same weeks, `marks` are weeks by number with what happened in them.
    Units:  values in percent; positions in percent of the plot, one decimal.
    Source: docs/formulas.md#charts
    """
    known = [number for number, week in enumerate(weeks) if week.value is not None]
    if not known:
        return None
    last = known[-1]
    shown = [value for week in weeks for value in (week.value, week.plan) if value is not None]
    shown += [value for each in series for value in each.values if value is not None]
    with localcontext(WIDE):
        axis = zoomed_axis(shown) if zoom else full_axis(shown)
        actual = runs_of(_heights(axis, (week.value for week in weeks)))
        return Chart(
            grid=_grid(axis),
            area=area_path(actual) if axis.low.is_zero() and not zoom else "",
            plan=line_path(runs_of(_heights(axis, (week.plan for week in weeks)))),
            actual=line_path(actual),
            today_x=percent(across(last, len(weeks))) if last < len(weeks) - 1 else "",
            last=_last_point(weeks[last], x=across(last, len(weeks)), y=actual[-1][-1][1]),
            labels=_axis_labels([week.label for week in weeks], last),
            hits=_hits(weeks, last, series),
            aria_label=_chart_sentence(weeks[known[0]], weeks[last], subject) + _also(series, marks),
            lines=tuple(_series_line(axis, each, number) for number, each in enumerate(series, start=1)),
            marks=tuple(Mark(percent(across(number, len(weeks))), text) for number, text in marks),
        )


def _heights(axis: Axis, values: Iterable[Decimal | None]) -> list[Decimal | None]:
    return [None if value is None else axis.place(value) for value in values]


def _grid(axis: Axis) -> tuple[GridLine, ...]:
    base = Decimal(0) if axis.low < 0 < axis.high else axis.low
    lines = []
    level = to_multiple(axis.low, axis.step, ROUND_CEILING)
    while level <= axis.high:
        css: Literal["axis", "grid"] = "axis" if level == base else "grid"
        lines.append(GridLine(y=percent(axis.place(level)), label=format_pct(level), css=css))
        level += axis.step
    return tuple(lines)


def _last_point(week: ChartWeek, *, x: Decimal, y: Decimal) -> LastPoint:
    plan_above = week.plan is not None and week.value is not None and week.plan > week.value
    below = (plan_above or y < _NEAR_TOP) and y < _NEAR_BOTTOM
    near_start = x < _NEAR_START
    return LastPoint(
        x=percent(x),
        y=percent(y),
        text=format_pct(week.value),
        dx="8" if near_start else "-8",
        dy=_BELOW if below else _ABOVE,
        anchor="start" if near_start else "end",
    )


def _axis_labels(labels: Sequence[str], last: int) -> tuple[AxisLabel, ...]:
    end = len(labels) - 1
    step = max(-(-end // _LABEL_INTERVALS), 1)
    # The last value, the start and the end come first; what would touch them gives way.
    wanted = list(dict.fromkeys([last, 0, end, *range(0, end, step)]))
    picked = _keep_apart(wanted, len(labels), _LABEL_GAP)
    major = _keep_apart(picked, len(labels), _MAJOR_GAP)
    return tuple(
        AxisLabel(
            x=percent(across(number, len(labels))),
            label=labels[number],
            anchor="end" if number == end else "start" if number == 0 else "middle",
            minor=number not in major,
        )
        for number in sorted(picked)
    )


def _keep_apart(numbers: list[int], count: int, gap: Decimal) -> list[int]:
    kept: list[int] = []
    for number in numbers:
        if all(abs(across(number, count) - across(other, count)) >= gap for other in kept):
            kept.append(number)
    return kept


def _series_line(axis: Axis, series: Series, number: int) -> SeriesLine:
    runs = runs_of(_heights(axis, series.values))
    x, y = runs[-1][-1] if runs else (HUNDRED, HUNDRED)
    known = [value for value in series.values if value is not None]
    return SeriesLine(
        key=series.key,
        label=series.label,
        number=number,
        letter=series.letter or chr(ord("A") + number - 1),
        path=line_path(runs),
        end_x=percent(x),
        end_y=percent(y),
        last=format_pct(known[-1]) if known else "",
    )


def _also(series: Sequence[Series], marks: Sequence[tuple[int, str]]) -> str:
    """Say what else is drawn, for who does not see it."""
    lines = []
    for each in series:
        known = [value for value in each.values if value is not None]
        way = f"from {format_pct(known[0])} to {format_pct(known[-1])}" if known else "without a value"
        lines.append(f"{each.label} {way}")
    return "".join(f". {text}" for text in (*lines, *(text for _, text in marks)))


def _hits(weeks: Sequence[ChartWeek], last: int, series: Sequence[Series] = ()) -> tuple[Hit, ...]:
    half = half_a_week(len(weeks))
    hits = []
    for number, week in enumerate(weeks):
        centre = across(number, len(weeks))
        left, right = max(centre - half, Decimal(0)), min(centre + half, HUNDRED)
        value = format_pct(week.value) if week.value is not None else "no score" if number < last else ""
        plan = "" if week.plan is None else format_pct(week.plan)
        texts = [text for text in (value, f"plan {plan}" if plan else "") if text]
        more = ((each.label, each.values[number]) for each in series)
        texts += [f"{label} {format_pct(found)}" for label, found in more if found is not None]
        title = f"{week.label}: {', '.join(texts)}" if texts else week.label
        hits.append(Hit(percent(left), percent(right - left), title, week.label, value, plan))
    return tuple(hits)


def _chart_sentence(first: ChartWeek, last: ChartWeek, subject: str) -> str:
    plan = "" if last.plan is None else f", plan {format_pct(last.plan)}"
    if first is last:
        return f"{subject}: {format_pct(last.value)} on {last.label}{plan}"
    return (
        f"{subject} from {format_pct(first.value)} on {first.label} to {format_pct(last.value)} on {last.label}{plan}"
    )

"""Geometry of the server-rendered charts: positions in percent as ready-to-print strings.

Nothing here depends on a locale: every string carries a period as its decimal mark, so a template
prints it as it is. Labels and titles are text, to be escaped like any other.
"""

from valuerealization.common.charts.bars import Distribution, Rule, Segment, distribution, progress_rule
from valuerealization.common.charts.lines import (
    AxisLabel,
    Chart,
    ChartWeek,
    GridLine,
    Hit,
    LastPoint,
    Mark,
    Series,
    SeriesLine,
    line_chart,
)
from valuerealization.common.charts.sparklines import SPARK_MIN_SPAN, SPARK_MIN_VALUES, Sparkline, sparkline

__all__ = [
    "SPARK_MIN_SPAN",
    "SPARK_MIN_VALUES",
    "AxisLabel",
    "Chart",
    "ChartWeek",
    "Distribution",
    "GridLine",
    "Hit",
    "LastPoint",
    "Mark",
    "Rule",
    "Segment",
    "Series",
    "SeriesLine",
    "Sparkline",
    "distribution",
    "line_chart",
    "progress_rule",
    "sparkline",
]

import re
from decimal import Decimal, localcontext
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from valuerealization.common.charts import (
    AxisLabel,
    Chart,
    ChartWeek,
    GridLine,
    Hit,
    LastPoint,
    Rule,
    Segment,
    distribution,
    line_chart,
    progress_rule,
    sparkline,
)
from valuerealization.common.scales import Axis, full_axis, zoomed_axis

D = Decimal
values = st.decimals(min_value=D(-2000), max_value=D(2000), places=6)
series = st.lists(st.none() | values, min_size=1, max_size=60)
POSITION = re.compile(r"(?:0|-?[1-9][0-9]*|-?[0-9]+\.[1-9])%")


def numbers(path: str) -> list[Decimal]:
    return [D(text) for text in re.findall(r"-?[0-9]+(?:\.[0-9]+)?", path)]


def weeks(*points: float | None, plan: list[float | None] | None = None) -> list[ChartWeek]:
    plans = plan or [None] * len(points)
    return [
        ChartWeek(f"w{number}", None if value is None else D(str(value)), None if goal is None else D(str(goal)))
        for number, (value, goal) in enumerate(zip(points, plans, strict=True))
    ]


def drawn(points: list[ChartWeek], *, zoom: bool = False) -> Chart:
    chart = line_chart(points, zoom=zoom)
    assert chart is not None
    return chart


class TestSparkline:
    def test_its_own_scale_with_a_margin_above_and_below(self) -> None:
        spark = sparkline([D(38), D(50), D(67)])
        assert spark is not None
        assert spark.line == "M0 92L50 57.2L100 8"
        assert spark.area == "M0 92L50 57.2L100 8L100 100L0 100Z"
        assert (spark.end_x, spark.end_y) == ("100%", "8%")
        assert spark.aria_label == "From 38% to 67% in 3 weeks"

    def test_at_least_twelve_points_high_so_that_noise_stays_small(self) -> None:
        spark = sparkline([D(60), D(61)])
        assert spark is not None
        assert spark.line == "M0 53.5L100 46.5"

    def test_a_level_line_runs_through_the_middle(self) -> None:
        spark = sparkline([D(40), D(40), D(40)])
        assert spark is not None
        assert spark.line == "M0 50L50 50L100 50"

    @pytest.mark.parametrize("few", [[], [D(40)], [None], [None, D(40), None]])
    def test_fewer_than_two_values_are_no_line(self, few: list[Decimal | None]) -> None:
        assert sparkline(few) is None

    def test_a_missing_week_breaks_the_line_and_a_lone_one_is_a_stroke(self) -> None:
        spark = sparkline([D(10), D(22), None, D(22), None])
        assert spark is not None
        assert spark.line == "M0 92L25 8M62.5 8L87.5 8"
        assert spark.area == "M0 92L25 8L25 100L0 100ZM62.5 8L87.5 8L87.5 100L62.5 100Z"
        assert (spark.end_x, spark.end_y) == ("75%", "8%")
        assert spark.aria_label == "From 10% to 22% in 4 weeks"

    @pytest.mark.parametrize(
        ("first", "last", "sentence"),
        [
            (65, 71, "Average value delivered rose from 65% to 71% in 2 weeks"),
            (71, 65, "Average value delivered fell from 71% to 65% in 2 weeks"),
            (D("65.1"), D("65.2"), "Average value delivered stayed at 65% for 2 weeks"),
        ],
    )
    def test_with_a_subject_the_sentence_says_which_way(self, first: Decimal, last: Decimal, sentence: str) -> None:
        spark = sparkline([D(first), D(last)], subject="Average value delivered")
        assert spark is not None
        assert spark.aria_label == sentence

    @given(series)
    def test_it_never_leaves_its_box_and_uses_it_when_values_differ(self, points: list[Decimal | None]) -> None:
        spark = sparkline(points)
        known = [value for value in points if value is not None]
        assert (spark is None) == (len(known) < 2)
        if spark is None:
            return
        heights = numbers(spark.line)[1::2]
        assert min(heights) >= 8
        assert max(heights) <= 92
        if max(known) - min(known) >= 12:
            assert [min(heights), max(heights)] == [D(8), D(92)]


class TestAxis:
    @pytest.mark.parametrize(
        ("shown", "low", "high", "step"),
        [
            ([38, 66], 0, 100, 25),
            ([100], 0, 100, 25),
            ([100.1], 0, 125, 25),
            ([126], 0, 150, 25),
            ([160], 0, 175, 50),
            ([500], 0, 500, 100),
            ([-0.1, 40], -25, 100, 25),
            ([-28.6, 123], -50, 125, 50),
            ([-140, -130], -150, 100, 50),
            ([1000], 0, 1000, 250),
        ],
    )
    def test_an_accounts_axis_grows_by_25(self, shown: list[float], low: int, high: int, step: int) -> None:
        axis = full_axis([D(str(value)) for value in shown])
        assert axis == Axis(D(low), D(high), D(step))

    @pytest.mark.parametrize(
        ("shown", "low", "high", "step"),
        [
            ([65, 71], 50, 80, 10),
            ([70], 50, 80, 10),
            ([65], 50, 80, 10),
            ([3, 8], 0, 30, 10),
            ([12, 95], 0, 100, 20),
            ([40, 90], 40, 90, 10),
            ([-12, -3], -30, 0, 10),
            ([95, 240], 80, 240, 40),
        ],
    )
    def test_a_zoomed_axis_closes_in_by_tens(self, shown: list[float], low: int, high: int, step: int) -> None:
        axis = zoomed_axis([D(str(value)) for value in shown])
        assert axis == Axis(D(low), D(high), D(step))

    @given(st.lists(values, min_size=1, max_size=30))
    def test_every_value_lies_on_the_axis_with_few_lines(self, shown: list[Decimal]) -> None:
        for axis in (full_axis(shown), zoomed_axis(shown)):
            assert axis.low <= min(shown)
            assert max(shown) <= axis.high
            assert (axis.high - axis.low) / axis.step <= 8
            assert all(0 <= axis.place(value) <= 100 for value in shown)
        assert full_axis(shown).low <= 0
        assert full_axis(shown).high >= 100
        assert zoomed_axis(shown).high - zoomed_axis(shown).low >= 30


class TestLineChart:
    def test_without_any_value_there_is_no_chart(self) -> None:
        assert line_chart([]) is None
        assert line_chart(weeks(None, None, plan=[10, 20])) is None

    def test_actual_area_and_grid(self) -> None:
        chart = drawn(weeks(38, 40.5, 66))
        assert chart.actual == "M0 62L50 59.5L100 34"
        assert chart.area == "M0 62L50 59.5L100 34L100 100L0 100Z"
        assert chart.grid == (
            GridLine("100%", "0%", "axis"),
            GridLine("75%", "25%", "grid"),
            GridLine("50%", "50%", "grid"),
            GridLine("25%", "75%", "grid"),
            GridLine("0%", "100%", "grid"),
        )
        assert (chart.plan, chart.today_x, chart.has_plan) == ("", "", False)

    def test_the_plan_runs_on_past_the_last_value(self) -> None:
        plan: list[float | None] = [32, 48, 64, 80]
        chart = drawn(weeks(30, 40, None, None, plan=plan))
        assert chart.plan == "M0 68L33.3 52L66.7 36L100 20"
        assert chart.actual == "M0 70L33.3 60"
        assert chart.today_x == "33.3%"
        assert chart.has_plan
        assert chart.aria_label == "Value delivered per week from 30% on w0 to 40% on w1, plan 48%"

    def test_gaps_break_the_line_and_the_area(self) -> None:
        chart = drawn(weeks(None, 20, 30, None, 40))
        assert chart.actual == "M25 80L50 70M87.5 60L100 60"
        assert chart.area == "M25 80L50 70L50 100L25 100ZM87.5 60L100 60L100 100L87.5 100Z"

    def test_below_zero_the_zero_line_is_the_axis_and_there_is_no_area(self) -> None:
        chart = drawn(weeks(-20, 50))
        assert chart.grid[0] == GridLine("100%", "\u221225%", "grid")
        assert chart.grid[1] == GridLine("80%", "0%", "axis")
        assert chart.area == ""

    def test_zoomed_there_is_no_area_even_from_zero(self) -> None:
        chart = drawn(weeks(65, 71), zoom=True)
        assert [(line.y, line.label) for line in chart.grid] == [
            ("100%", "50%"),
            ("66.7%", "60%"),
            ("33.3%", "70%"),
            ("0%", "80%"),
        ]
        assert chart.grid[0].css == "axis"
        assert chart.area == drawn(weeks(3, 8), zoom=True).area == ""

    @pytest.mark.parametrize(
        ("points", "plan", "point"),
        [
            ([38, 66], None, LastPoint("100%", "34%", "66%", "-8", "-12", "end")),
            ([38, 66], [40, 70], LastPoint("100%", "34%", "66%", "-8", "20", "end")),
            ([38, 66], [40, 60], LastPoint("100%", "34%", "66%", "-8", "-12", "end")),
            ([38, 99], None, LastPoint("100%", "1%", "99%", "-8", "20", "end")),
            ([38, 4], [40, 70], LastPoint("100%", "96%", "4%", "-8", "-12", "end")),
            ([38, None], [40, 70], LastPoint("0%", "62%", "38%", "8", "20", "start")),
            ([38], None, LastPoint("100%", "62%", "38%", "-8", "-12", "end")),
        ],
    )
    def test_the_last_value_is_marked_clear_of_the_lines(
        self, points: list[float | None], plan: list[float | None] | None, point: LastPoint
    ) -> None:
        assert drawn(weeks(*points, plan=plan)).last == point

    def test_six_months_are_labelled_every_five_weeks_and_half_of_that_on_phones(self) -> None:
        labels = drawn(weeks(*range(26))).labels
        assert [(label.label, label.x, label.minor) for label in labels] == [
            ("w0", "0%", False),
            ("w5", "20%", True),
            ("w10", "40%", False),
            ("w15", "60%", True),
            ("w20", "80%", True),
            ("w25", "100%", False),
        ]
        assert [label.anchor for label in labels] == ["start", "middle", "middle", "middle", "middle", "end"]

    def test_with_weeks_ahead_the_last_value_and_the_end_are_labelled(self) -> None:
        points = [*(float(number) for number in range(26)), *[None] * 8]
        labels = {label.label: label.minor for label in drawn(weeks(*points, plan=[50.0] * 34)).labels}
        assert labels["w25"] is labels["w33"] is labels["w0"] is False

    @pytest.mark.parametrize(
        ("count", "picked"),
        [(1, [0]), (2, [0, 1]), (6, [0, 1, 2, 3, 4, 5]), (13, [0, 3, 6, 9, 12]), (53, [0, 11, 22, 33, 44, 52])],
    )
    def test_labels_thin_out(self, count: int, picked: list[int]) -> None:
        labels = drawn(weeks(*[50] * count)).labels
        assert [label.label for label in labels] == [f"w{number}" for number in picked]

    def test_a_lone_week_stands_at_the_end(self) -> None:
        chart = drawn(weeks(5))
        assert chart.labels == (AxisLabel("100%", "w0", "end", minor=False),)
        assert chart.hits == (Hit("0%", "100%", "w0: 5%", "w0", "5%", ""),)
        assert chart.aria_label == "Value delivered per week: 5% on w0"

    def test_every_week_has_a_strip_with_its_numbers(self) -> None:
        chart = drawn(weeks(10, None, 30, None, plan=[20, 30, 40, 50]))
        assert [(hit.x, hit.width, hit.title) for hit in chart.hits] == [
            ("0%", "16.7%", "w0: 10%, plan 20%"),
            ("16.7%", "33.3%", "w1: no score, plan 30%"),
            ("50%", "33.3%", "w2: 30%, plan 40%"),
            ("83.3%", "16.7%", "w3: plan 50%"),
        ]
        assert drawn(weeks(10, None)).hits[1].title == "w1"

    def test_the_subject_opens_the_sentence(self) -> None:
        chart = line_chart(weeks(65, 71), subject="Average value delivered per week", zoom=True)
        assert chart is not None
        assert chart.aria_label == "Average value delivered per week from 65% on w0 to 71% on w1"

    def test_the_callers_context_does_not_matter(self) -> None:
        points = weeks(33.3, 66.6, 71.5, plan=[10, 20, 30])
        with localcontext() as context:
            context.prec = 2
            coarse = drawn(points)
        assert coarse == drawn(points)

    @given(series, st.booleans())
    def test_every_position_is_ready_to_print(self, points: list[Decimal | None], zoom: bool) -> None:
        chart = line_chart([ChartWeek(f"w{number}", value) for number, value in enumerate(points)], zoom=zoom)
        if chart is None:
            assert all(value is None for value in points)
            return
        assert all(0 <= number <= 100 for number in numbers(chart.actual))
        printed = [
            chart.last.x,
            chart.last.y,
            *(line.y for line in chart.grid),
            *(label.x for label in chart.labels),
            *(text for hit in chart.hits for text in (hit.x, hit.width)),
        ]
        assert all(POSITION.fullmatch(text) for text in printed)
        assert len(chart.hits) == len(points)
        assert sum(line.css == "axis" for line in chart.grid) == 1
        across = [D(label.x.rstrip("%")) for label in chart.labels]
        assert all(right - left >= D("9.9") for left, right in pairwise(across))


class TestDistribution:
    PARTS = (
        ("stalled", "Stalled", 5),
        ("at-risk", "At risk", 6),
        ("on-track", "On track", 26),
        ("exceeded", "Exceeded", 7),
        ("all-met", "All goals met", 4),
    )

    def test_counts_shares_and_positions(self) -> None:
        bar = distribution(self.PARTS)
        assert [(row.key, row.x, row.width, row.share) for row in bar.segments] == [
            ("stalled", "0%", "10.4%", "10%"),
            ("at-risk", "10.4%", "12.5%", "13%"),
            ("on-track", "22.9%", "54.2%", "54%"),
            ("exceeded", "77.1%", "14.6%", "15%"),
            ("all-met", "91.7%", "8.3%", "8%"),
        ]
        assert bar.total == 48
        assert bar.rows == bar.segments
        assert bar.aria_label == "Stalled 5, At risk 6, On track 26, Exceeded 7, All goals met 4"

    def test_an_empty_part_is_listed_but_not_drawn(self) -> None:
        bar = distribution([("stalled", "Stalled", 0), ("on-track", "On track", 3)])
        assert bar.segments == (Segment("on-track", "On track", 3, "100%", "0%", "100%"),)
        assert bar.rows[0] == Segment("stalled", "Stalled", 0, "0%", "0%", "0%")

    def test_nothing_at_all(self) -> None:
        bar = distribution([("stalled", "Stalled", 0)])
        assert (bar.segments, bar.total, bar.rows[0].share) == ((), 0, "0%")

    def test_a_sliver_is_not_called_nothing(self) -> None:
        bar = distribution([("stalled", "Stalled", 1), ("on-track", "On track", 12_000)])
        assert [row.share for row in bar.rows] == ["<1%", "100%"]
        assert bar.aria_label == "Stalled 1, On track 12,000"


class TestProgressRule:
    @pytest.mark.parametrize(
        ("completion", "rule"),
        [
            (None, Rule("empty", "0%")),
            ("-28.571428571429", Rule("back", "0%")),
            ("-0.4", Rule("part", "0%")),
            ("0", Rule("part", "0%")),
            ("71.428571428571", Rule("part", "71%")),
            ("99.99", Rule("part", "99%")),
            ("100", Rule("full", "100%")),
            ("123", Rule("full", "100%")),
        ],
    )
    def test_the_bar_stops_at_both_ends(self, completion: str | None, rule: Rule) -> None:
        assert progress_rule(None if completion is None else D(completion)) == rule

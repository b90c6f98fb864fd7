from datetime import date, timedelta
from decimal import Decimal, getcontext, localcontext
from fractions import Fraction
from random import Random

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from objectives.progress import (
    BaselineEqualsTarget,
    GoalsMet,
    bar_pct,
    capped_pct,
    completion_pct,
    display_pct,
    goals_met,
    is_met,
    is_progress,
    plan_mean,
    plan_pct,
    weighted_mean,
)

D = Decimal
ONE = D(1)

stored = st.decimals(min_value=D("-1e13"), max_value=D("1e13"), places=6, allow_nan=False, allow_infinity=False)
near = st.decimals(min_value=D(-200), max_value=D(200), places=6, allow_nan=False, allow_infinity=False)
weights = st.decimals(min_value=D("0.000001"), max_value=D(100), places=6)
completions = st.decimals(min_value=D(-1000), max_value=D(1000), places=12)
days = st.dates(min_value=date(2020, 1, 1), max_value=date(2035, 12, 31))


def rounded(value: Fraction, places: int) -> Decimal:
    """Round half away from zero in whole numbers alone: an arithmetic unlike the one under test."""
    scaled = abs(value) * 10**places
    digits = int(scaled) + (1 if scaled - int(scaled) >= Fraction(1, 2) else 0)
    return D((0 if value >= 0 else 1, tuple(int(digit) for digit in str(digits)), -places))


class TestCompletion:
    @pytest.mark.parametrize(
        ("baseline", "target", "current", "completion", "shown", "bar"),
        [
            ("14", "7", "9", "71.428571428571", 71, 71),
            ("0", "200", "246", "123", 123, 100),
            ("14", "7", "16", "-28.571428571429", -29, 0),
            ("10", "20", "10", "0", 0, 0),
            ("0", "1000", "999.9", "99.99", 99, 99),
        ],
    )
    def test_every_measured_row_of_the_table(
        self, baseline: str, target: str, current: str, completion: str, shown: int, bar: int
    ) -> None:
        value = completion_pct(baseline=D(baseline), current=D(current), target=D(target))
        assert value == D(completion)
        assert display_pct(D(completion)) == shown
        assert bar_pct(value) == bar

    def test_not_measured_yet_is_no_completion_and_an_empty_bar(self) -> None:
        assert completion_pct(baseline=D(10), current=None, target=D(20)) is None
        assert bar_pct(None) == 0

    @pytest.mark.parametrize("current", [None, D(10), D(12)])
    def test_a_target_equal_to_the_baseline_is_refused(self, current: Decimal | None) -> None:
        with pytest.raises(BaselineEqualsTarget, match="different from the baseline"):
            completion_pct(baseline=D(10), current=current, target=D("10.000000"))
        with pytest.raises(BaselineEqualsTarget):
            is_met(baseline=D(10), current=current, target=D(10))

    def test_twelve_decimals_are_stored_and_a_zero_has_no_sign(self) -> None:
        third = completion_pct(baseline=D(0), current=D(1), target=D(3))
        nothing = completion_pct(baseline=D(0), current=D("-0.000001"), target=D("99999999999999"))
        assert str(third) == "33.333333333333"
        assert nothing == 0
        assert nothing is not None
        assert not nothing.is_signed()

    @given(baseline=stored, current=stored, target=stored)
    @example(baseline=D(0), current=D("0.0000005"), target=D(100000000))
    @example(baseline=D(0), current=D("-0.0000005"), target=D(100000000))
    def test_it_equals_exact_arithmetic_rounded_half_away_from_zero(
        self, baseline: Decimal, current: Decimal, target: Decimal
    ) -> None:
        assume(baseline != target)
        exact = 100 * (Fraction(current) - Fraction(baseline)) / (Fraction(target) - Fraction(baseline))
        assert completion_pct(baseline=baseline, current=current, target=target) == rounded(exact, 12)

    @given(baseline=stored, current=stored, target=stored)
    def test_rising_and_falling_goals_are_mirror_images(
        self, baseline: Decimal, current: Decimal, target: Decimal
    ) -> None:
        assume(baseline != target)
        assert completion_pct(baseline=baseline, current=current, target=target) == completion_pct(
            baseline=-baseline, current=-current, target=-target
        )

    @given(baseline=near, target=near, one=near, other=near)
    def test_moving_towards_the_target_never_lowers_it(
        self, baseline: Decimal, target: Decimal, one: Decimal, other: Decimal
    ) -> None:
        assume(baseline != target)
        behind, ahead = sorted((one, other), reverse=target < baseline)
        first = completion_pct(baseline=baseline, current=behind, target=target)
        second = completion_pct(baseline=baseline, current=ahead, target=target)
        assert first is not None
        assert second is not None
        assert first <= second

    @given(baseline=stored, target=stored)
    def test_the_ends_are_exactly_0_and_100(self, baseline: Decimal, target: Decimal) -> None:
        assume(baseline != target)
        assert completion_pct(baseline=baseline, current=baseline, target=target) == 0
        assert completion_pct(baseline=baseline, current=target, target=target) == 100

    @pytest.mark.parametrize("precision", [1, 6, 28])
    def test_the_callers_context_neither_matters_nor_changes(self, precision: int) -> None:
        with localcontext() as context:
            context.prec = precision
            context.rounding = "ROUND_DOWN"
            assert completion_pct(baseline=D(14), current=D(9), target=D(7)) == D("71.428571428571")
            assert weighted_mean([(ONE, D("33.333333333333")), (ONE, D("66.666666666667"))]) == 50
            assert plan_pct(started_on=date(2026, 1, 1), due_on=date(2026, 1, 4), on=date(2026, 1, 2)) == D(
                "33.333333333333"
            )
            assert getcontext().prec == precision
            assert getcontext().rounding == "ROUND_DOWN"


class TestMet:
    @pytest.mark.parametrize(
        ("baseline", "target", "current", "met"),
        [
            ("10", "20", "20", True),
            ("10", "20", "20.000001", True),
            ("10", "20", "19.999999", False),
            ("14", "7", "7", True),
            ("14", "7", "6", True),
            ("14", "7", "7.000001", False),
            ("-5", "-1", "-1", True),
            ("-1", "-5", "-4", False),
        ],
    )
    def test_current_has_reached_the_target_in_its_direction(
        self, baseline: str, target: str, current: str, met: bool
    ) -> None:
        assert is_met(baseline=D(baseline), current=D(current), target=D(target)) is met

    def test_an_unmeasured_goal_is_not_met(self) -> None:
        assert is_met(baseline=D(10), current=None, target=D(20)) is False

    def test_a_goal_a_hair_short_is_open_though_its_completion_rounds_to_100(self) -> None:
        baseline, target = D("-99999999999999"), D("99999999999999.999999")
        current = D("99999999999999.999998")
        assert completion_pct(baseline=baseline, current=current, target=target) == 100
        assert is_met(baseline=baseline, current=current, target=target) is False

    @given(baseline=stored, current=stored, target=stored)
    def test_a_met_goal_stands_at_100_or_more(self, baseline: Decimal, current: Decimal, target: Decimal) -> None:
        assume(baseline != target)
        completion = completion_pct(baseline=baseline, current=current, target=target)
        assert completion is not None
        if is_met(baseline=baseline, current=current, target=target):
            assert completion >= 100
        if completion > 100:
            assert is_met(baseline=baseline, current=current, target=target)

    def test_goals_met_counts_the_open_ones_too(self) -> None:
        counted = goals_met([True, False, True])
        assert counted == GoalsMet(met=2, total=3)
        assert counted.still_open == 1
        assert not counted.all_met
        assert goals_met([True]).all_met

    def test_no_goals_are_not_all_goals_met(self) -> None:
        assert goals_met([]) == GoalsMet(met=0, total=0)
        assert not goals_met([]).all_met


class TestProgressOfAReading:
    @pytest.mark.parametrize(
        ("before", "after", "progress"),
        [
            (None, D("0.000000000001"), True),
            (None, D(0), False),
            (None, D(-5), False),
            (D(40), D(41), True),
            (D(40), D(40), False),
            (D(41), D(40), False),
            (D(-20), D(-10), True),
            (D(40), None, False),
            (None, None, False),
        ],
    )
    def test_only_a_rise_or_a_first_value_above_0_is_progress(
        self, before: Decimal | None, after: Decimal | None, progress: bool
    ) -> None:
        assert is_progress(before=before, after=after) is progress


class TestMean:
    def test_it_is_not_capped(self) -> None:
        assert weighted_mean([(ONE, D(123)), (ONE, D(77))]) == 100

    def test_a_third_a_third_and_five_sixths_make_exactly_50(self) -> None:
        parts = [completion_pct(baseline=D(0), current=D(done), target=D(6)) for done in (2, 2, 5)]
        assert [str(part) for part in parts] == ["33.333333333333", "33.333333333333", "83.333333333333"]
        mean = weighted_mean((ONE, part) for part in parts)
        assert str(mean) == "50.000000"

    def test_objectives_without_a_completion_are_left_out(self) -> None:
        assert weighted_mean([(ONE, D(40)), (D(100), None)]) == 40

    @pytest.mark.parametrize("items", [[], [(ONE, None)], [(ONE, None), (D(3), None)]])
    def test_without_any_completion_there_is_no_mean(self, items: list[tuple[Decimal, Decimal | None]]) -> None:
        assert weighted_mean(items) is None

    def test_weights_count(self) -> None:
        assert weighted_mean([(D(3), D(100)), (ONE, D(0))]) == 75
        assert weighted_mean([(D("0.5"), D(10)), (D("1.5"), D(20))]) == D("17.5")

    @pytest.mark.parametrize(
        ("values", "mean"), [(("0.000001", "0"), "0.000001"), (("-0.000001", "0"), "-0.000001"), (("0", "0"), "0")]
    )
    def test_halves_go_away_from_zero_at_the_sixth_decimal(self, values: tuple[str, str], mean: str) -> None:
        assert weighted_mean((ONE, D(value)) for value in values) == D(mean)

    def test_the_capped_reading_holds_each_goal_between_0_and_100(self) -> None:
        items = [(ONE, D(300)), (ONE, D(-100)), (ONE, D(50)), (ONE, None)]
        assert weighted_mean((w, None if v is None else capped_pct(v)) for w, v in items) == 50
        assert weighted_mean(items) == D("83.333333")

    @given(st.lists(st.tuples(weights, completions), min_size=1, max_size=30))
    def test_it_equals_exact_arithmetic_rounded_half_away_from_zero(self, items: list[tuple[Decimal, Decimal]]) -> None:
        total = sum((Fraction(weight) * Fraction(value) for weight, value in items), Fraction(0))
        exact = total / sum((Fraction(weight) for weight, _ in items), Fraction(0))
        assert weighted_mean(items) == rounded(exact, 6)

    @given(st.lists(st.tuples(weights, completions), min_size=1, max_size=30), st.randoms(use_true_random=False))
    def test_it_lies_within_its_parts_in_any_order(self, items: list[tuple[Decimal, Decimal]], random: Random) -> None:
        mean = weighted_mean(items)
        values = [value for _, value in items]
        assert mean is not None
        assert min(values) - D("0.000001") <= mean <= max(values) + D("0.000001")
        random.shuffle(items)
        assert weighted_mean(items) == mean

    @given(st.lists(st.tuples(weights, completions), min_size=1, max_size=30))
    def test_capping_only_ever_pulls_towards_the_scale(self, items: list[tuple[Decimal, Decimal]]) -> None:
        capped = weighted_mean((weight, capped_pct(value)) for weight, value in items)
        assert capped is not None
        assert 0 <= capped <= 100


class TestDisplay:
    @pytest.mark.parametrize(
        ("value", "shown"),
        [
            ("99.6", 99),
            ("49.5", 49),
            ("49.999999", 49),
            ("24.5", 24),
            ("24.999", 24),
            ("25", 25),
            ("50", 50),
            ("100", 100),
            ("99.999999999999", 99),
            ("-0.4", 0),
            ("-0.5", -1),
            ("-28.571428571429", -29),
            ("0.5", 1),
            ("71.428571428571", 71),
            ("74.5", 75),
            ("123.5", 124),
            ("100.4", 100),
            ("12345.5", 12346),
        ],
    )
    def test_whole_percent_that_never_claims_a_band_too_early(self, value: str, shown: int) -> None:
        assert display_pct(D(value)) == shown

    @given(st.decimals(min_value=D(-1000), max_value=D(1000), places=12))
    def test_what_is_shown_lies_in_the_same_band_and_less_than_a_point_away(self, value: Decimal) -> None:
        shown = display_pct(value)
        assert abs(shown - value) < 1
        for edge in (25, 50, 100):
            assert (value < edge) == (shown < edge)

    @given(one=completions, other=completions)
    def test_a_higher_value_never_shows_less(self, one: Decimal, other: Decimal) -> None:
        low, high = sorted((one, other))
        assert display_pct(low) <= display_pct(high)

    @given(st.none() | completions)
    def test_the_bar_is_the_shown_number_within_its_ends(self, value: Decimal | None) -> None:
        assert bar_pct(value) == (0 if value is None else min(max(display_pct(value), 0), 100))


class TestPlanLine:
    START, DUE = date(2026, 1, 1), date(2026, 1, 11)

    @pytest.mark.parametrize(
        ("on", "plan"),
        [
            (date(2025, 6, 1), 0),
            (date(2026, 1, 1), 0),
            (date(2026, 1, 2), 10),
            (date(2026, 1, 6), 50),
            (date(2026, 1, 11), 100),
            (date(2026, 3, 1), 100),
        ],
    )
    def test_straight_from_the_start_to_the_due_date(self, on: date, plan: int) -> None:
        assert plan_pct(started_on=self.START, due_on=self.DUE, on=on) == plan

    def test_without_both_dates_there_is_no_line(self) -> None:
        assert plan_pct(started_on=self.START, due_on=None, on=self.START) is None
        assert plan_pct(started_on=None, due_on=self.DUE, on=self.START) is None

    def test_the_account_has_the_same_weighted_mean(self) -> None:
        items = [
            (D(3), self.START, self.DUE),
            (ONE, date(2025, 12, 1), date(2026, 1, 6)),
            (D(100), self.START, None),
        ]
        assert plan_mean(items, on=date(2026, 1, 6)) == D("62.5")

    def test_no_due_date_at_all_is_no_line_for_the_account(self) -> None:
        assert plan_mean([(ONE, self.START, None)], on=self.DUE) is None
        assert plan_mean([], on=self.DUE) is None

    @given(
        items=st.lists(st.tuples(weights, days, st.integers(1, 2000)), min_size=1, max_size=8),
        first=days,
        later=st.integers(0, 2000),
    )
    def test_the_line_only_rises_and_stays_on_the_scale(
        self, items: list[tuple[Decimal, date, int]], first: date, later: int
    ) -> None:
        lines = [(weight, start, start + timedelta(days=length)) for weight, start, length in items]
        before, after = plan_mean(lines, on=first), plan_mean(lines, on=first + timedelta(days=later))
        assert before is not None
        assert after is not None
        assert 0 <= before <= after <= 100

"""Every reason not to save a definition, and every definition that is fine."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest

from objectives.definitions import Draft, refusals

D = Decimal
TODAY = date(2026, 11, 17)

VALUE = Draft(
    completion_type="value",
    baseline=D(14),
    current=D(9),
    target=D(7),
    has_metric=False,
    weight=D(1),
    unit="days",
    unit_label="",
    started_on=TODAY,
    due_on=TODAY + timedelta(days=28),
)
ATTRIBUTE = replace(VALUE, completion_type="attribute", current=None, has_metric=True)
MANUAL = replace(VALUE, completion_type="manual", baseline=None, current=None, target=None, unit="")


def codes(draft: Draft, **changes: object) -> list[tuple[str, str]]:
    """List the refusals of a draft with some fields changed, as (field, code)."""
    is_history = bool(changes.pop("is_history", False))
    changed = replace(draft, **changes)  # type: ignore[arg-type]
    return [(each.field, each.code) for each in refusals(changed, today=TODAY, is_history=is_history)]


class TestAccepted:
    @pytest.mark.parametrize(
        "draft",
        [
            VALUE,
            ATTRIBUTE,
            MANUAL,
            replace(VALUE, current=None),
            replace(VALUE, due_on=None),
            replace(VALUE, current=D(14), has_measurement=True),
            replace(VALUE, unit="custom", unit_label="disputes"),
            replace(VALUE, weight=D(100)),
            replace(VALUE, weight=D("0.000001")),
            replace(MANUAL, done=True),
        ],
    )
    def test_nothing_to_say(self, draft: Draft) -> None:
        assert codes(draft) == []


class TestDistance:
    def test_a_target_equal_to_the_baseline_is_refused(self) -> None:
        assert codes(VALUE, target=D(14)) == [("target", "baseline_equals_target")]

    def test_numbers_are_compared_by_value_not_by_their_digits(self) -> None:
        assert codes(VALUE, target=D("14.000000")) == [("target", "baseline_equals_target")]

    def test_for_attribute_based_ones_too(self) -> None:
        assert codes(ATTRIBUTE, target=D(14)) == [("target", "baseline_equals_target")]

    def test_says_what_to_do(self) -> None:
        (reason,) = refusals(replace(VALUE, target=D(14)), today=TODAY)
        assert reason.message == "Pick a target different from the baseline."

    def test_current_equal_to_the_baseline_is_refused_before_the_first_measurement(self) -> None:
        assert codes(VALUE, current=D("14.0")) == [("current", "no_progress_yet")]

    def test_says_to_leave_current_empty(self) -> None:
        (reason,) = refusals(replace(VALUE, current=D(14)), today=TODAY)
        assert reason.message == "No progress to measure yet: leave current empty until the first measurement."

    def test_all_three_equal_is_one_problem(self) -> None:
        assert codes(VALUE, target=D(14), current=D(14)) == [("target", "baseline_equals_target")]

    @pytest.mark.parametrize("draft", [VALUE, ATTRIBUTE])
    @pytest.mark.parametrize("field", ["baseline", "target"])
    def test_both_ends_are_needed(self, draft: Draft, field: str) -> None:
        assert codes(draft, **{field: None}) == [(field, "required")]

    def test_nothing_given_names_both_ends(self) -> None:
        assert codes(VALUE, baseline=None, target=None, current=None) == [
            ("baseline", "required"),
            ("target", "required"),
        ]


class TestTypes:
    @pytest.mark.parametrize("field", ["baseline", "current", "target"])
    def test_a_manual_objective_takes_no_number(self, field: str) -> None:
        assert codes(MANUAL, **{field: D(0)}) == [(field, "not_for_manual")]

    def test_a_manual_objective_follows_no_metric(self) -> None:
        assert codes(MANUAL, has_metric=True) == [("metric", "not_for_manual")]

    @pytest.mark.parametrize("draft", [VALUE, ATTRIBUTE])
    def test_a_measured_objective_is_not_marked_done(self, draft: Draft) -> None:
        assert codes(draft, done=True) == [("done", "only_for_manual")]

    def test_an_attribute_based_objective_needs_its_metric(self) -> None:
        assert codes(ATTRIBUTE, has_metric=False) == [("metric", "required")]

    def test_the_current_value_of_an_attribute_based_objective_is_not_typed_in(self) -> None:
        assert codes(ATTRIBUTE, current=D(9)) == [("current", "synced")]

    def test_a_value_based_objective_follows_no_metric(self) -> None:
        assert codes(VALUE, has_metric=True) == [("metric", "only_for_attribute")]


class TestWeight:
    @pytest.mark.parametrize("weight", ["0", "-1", "100.000001", "1000"])
    @pytest.mark.parametrize("draft", [VALUE, ATTRIBUTE, MANUAL])
    def test_above_0_up_to_100(self, draft: Draft, weight: str) -> None:
        assert codes(draft, weight=D(weight)) == [("weight", "weight_out_of_range")]


class TestUnit:
    def test_a_custom_unit_needs_its_label(self) -> None:
        assert codes(VALUE, unit="custom") == [("unit_label", "required")]


class TestDates:
    @pytest.mark.parametrize("day", [date(1, 1, 1), date(1969, 12, 31), date(2200, 1, 1), date.max])
    def test_a_mistyped_year(self, day: date) -> None:
        assert codes(VALUE, started_on=day) == [("started_on", "out_of_range")]
        assert codes(VALUE, due_on=day) == [("due_on", "out_of_range")]

    @pytest.mark.parametrize("day", [date(1970, 1, 1), date(2199, 12, 31)])
    def test_the_first_and_the_last_year(self, day: date) -> None:
        assert codes(VALUE, started_on=day, due_on=None) == []

    def test_the_start_is_needed(self) -> None:
        assert codes(VALUE, started_on=None) == [("started_on", "required")]

    @pytest.mark.parametrize("days", [0, 1, 400])
    def test_due_after_the_start(self, days: int) -> None:
        assert codes(VALUE, due_on=TODAY - timedelta(days=days)) == [("due_on", "due_before_start")]

    def test_a_new_due_date_is_not_in_the_past(self) -> None:
        long_ago = TODAY - timedelta(days=90)
        assert codes(VALUE, started_on=long_ago, due_on=TODAY - timedelta(days=1)) == [("due_on", "due_in_past")]

    def test_today_is_not_the_past(self) -> None:
        assert codes(VALUE, started_on=TODAY - timedelta(days=90), due_on=TODAY) == []

    def test_a_changed_due_date_is_not_in_the_past(self) -> None:
        passed = TODAY - timedelta(days=10)
        assert codes(
            VALUE, started_on=TODAY - timedelta(days=90), due_on=passed, former_due_on=passed - timedelta(days=1)
        ) == [("due_on", "due_in_past")]

    def test_an_unchanged_due_date_may_have_passed(self) -> None:
        passed = TODAY - timedelta(days=10)
        assert codes(VALUE, started_on=TODAY - timedelta(days=90), due_on=passed, former_due_on=passed) == []

    def test_an_unchanged_due_date_still_lies_after_the_start(self) -> None:
        passed = TODAY - timedelta(days=10)
        assert codes(VALUE, started_on=TODAY, due_on=passed, former_due_on=passed) == [("due_on", "due_before_start")]

    def test_an_import_of_past_goals_may_be_due_in_the_past(self) -> None:
        passed = TODAY - timedelta(days=10)
        assert codes(VALUE, started_on=TODAY - timedelta(days=90), due_on=passed, is_history=True) == []


def test_every_problem_is_named_at_once() -> None:
    assert codes(VALUE, target=D(14), done=True, weight=D(0), unit="custom", due_on=TODAY, has_metric=True) == [
        ("done", "only_for_manual"),
        ("metric", "only_for_attribute"),
        ("target", "baseline_equals_target"),
        ("weight", "weight_out_of_range"),
        ("unit_label", "required"),
        ("due_on", "due_before_start"),
    ]

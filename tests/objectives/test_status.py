from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from objectives.progress import display_pct
from objectives.status import (
    LEGEND_NOTE,
    STATUS_ORDER,
    Status,
    is_new,
    label_of,
    legend,
    objective_tone,
    rank_of,
    reason,
    slug_of,
    status_of,
)

D = Decimal
scores = st.decimals(min_value=D(-300), max_value=D(300), places=6)
day_counts = st.decimals(min_value=D(0), max_value=D(90), places=6)


def label(score: str, days: str = "0", *, all_met: bool = False) -> Status | None:
    return status_of(score=D(score), all_met=all_met, days_without_progress=D(days))


class TestRules:
    @pytest.mark.parametrize(
        ("score", "days", "status"),
        [
            ("-40", "0", Status.STALLED),
            ("0", "0", Status.STALLED),
            ("24.999", "0", Status.STALLED),
            ("24.999999", "0", Status.STALLED),
            ("25", "0", Status.AT_RISK),
            ("49.999999", "0", Status.AT_RISK),
            ("50", "0", Status.ON_TRACK),
            ("75", "13.99", Status.ON_TRACK),
            ("75", "13.999999", Status.ON_TRACK),
            ("75", "14", Status.AT_RISK),
            ("75", "29.999999", Status.AT_RISK),
            ("75", "30", Status.STALLED),
            ("30", "30", Status.STALLED),
            ("30", "14", Status.AT_RISK),
            ("10", "14", Status.STALLED),
            ("99.999", "0", Status.ON_TRACK),
            ("99.999999", "0", Status.ON_TRACK),
            ("99.999999", "14", Status.AT_RISK),
            ("100", "0", Status.EXCEEDED),
            ("123", "0", Status.EXCEEDED),
        ],
    )
    def test_bounds_are_half_open(self, score: str, days: str, status: Status) -> None:
        assert label(score, days) is status

    @pytest.mark.parametrize("days", ["0", "14", "30", "400"])
    def test_exceeded_and_all_goals_met_ignore_recency(self, days: str) -> None:
        assert label("100", days) is Status.EXCEEDED
        assert label("100", days, all_met=True) is Status.ALL_GOALS_MET
        assert label("180", days, all_met=True) is Status.ALL_GOALS_MET

    def test_the_first_rule_that_fits_wins(self) -> None:
        # Weights and rounding aside, a score below 100 cannot come with all goals met; the order still decides.
        assert label("10", "90", all_met=True) is Status.ALL_GOALS_MET

    @pytest.mark.parametrize("all_met", [True, False])
    def test_without_a_score_there_is_no_status(self, all_met: bool) -> None:
        assert status_of(score=None, all_met=all_met, days_without_progress=D(99)) is None

    @given(score=scores, days=day_counts, more=day_counts)
    def test_a_longer_standstill_never_improves_it(self, score: Decimal, days: Decimal, more: Decimal) -> None:
        earlier = status_of(score=score, all_met=False, days_without_progress=days)
        later = status_of(score=score, all_met=False, days_without_progress=days + more)
        assert rank_of(later) <= rank_of(earlier)

    @given(one=scores, other=scores, days=day_counts)
    def test_a_higher_score_never_worsens_it(self, one: Decimal, other: Decimal, days: Decimal) -> None:
        low, high = sorted((one, other))
        worse = status_of(score=low, all_met=False, days_without_progress=days)
        better = status_of(score=high, all_met=False, days_without_progress=days)
        assert rank_of(worse) <= rank_of(better)

    @given(score=scores, days=day_counts)
    def test_the_number_shown_never_contradicts_the_status(self, score: Decimal, days: Decimal) -> None:
        by_value = status_of(score=score, all_met=False, days_without_progress=days)
        by_display = status_of(score=D(display_pct(score)), all_met=False, days_without_progress=days)
        assert by_value is by_display


class TestNames:
    def test_machine_names_labels_and_html_spellings(self) -> None:
        assert [(status.value, status.label, status.slug) for status in Status] == [
            ("all_goals_met", "All goals met", "all-met"),
            ("exceeded", "Exceeded", "exceeded"),
            ("stalled", "Stalled", "stalled"),
            ("at_risk", "At risk", "at-risk"),
            ("on_track", "On track", "on-track"),
        ]

    def test_worst_first(self) -> None:
        assert [status.value for status in STATUS_ORDER] == [
            "stalled",
            "at_risk",
            "on_track",
            "exceeded",
            "all_goals_met",
        ]
        assert [status.rank for status in STATUS_ORDER] == [0, 1, 2, 3, 4]
        assert sorted([None, *reversed(STATUS_ORDER)], key=rank_of) == [*STATUS_ORDER, None]

    def test_no_score_has_a_spelling_too(self) -> None:
        assert (slug_of(None), label_of(None), rank_of(None)) == ("none", "No score", 5)
        assert (slug_of(Status.ALL_GOALS_MET), label_of(Status.AT_RISK)) == ("all-met", "At risk")

    @pytest.mark.parametrize(
        ("completion", "tone"),
        [
            (None, "none"),
            ("-14", "stalled"),
            ("5", "stalled"),
            ("39.1", "at-risk"),
            ("71", "on-track"),
            ("99.999999999999", "on-track"),
            ("100", "exceeded"),
            ("123", "exceeded"),
        ],
    )
    def test_an_objectives_bar_takes_the_tone_of_its_own_completion(self, completion: str | None, tone: str) -> None:
        assert objective_tone(None if completion is None else D(completion)) == tone


def why(score: str, days: str = "0", **facts: int | None) -> str:
    status = label(score, days)
    return reason(status=status, score=D(score), days_without_progress=D(days), **facts).text  # type: ignore[arg-type]


class TestReason:
    @pytest.mark.parametrize(
        ("score", "days", "text"),
        [
            ("12", "41", "No progress for 41 days"),
            ("17", "3", "Below 25%"),
            ("22", "20", "Below 25%"),
            ("48", "33.9", "No progress for 33 days"),
            ("61", "36", "No progress for 36 days"),
            ("28", "0", "25 to 49%"),
            ("46", "13.99", "25 to 49%"),
            ("58", "19", "No progress for 19 days"),
            ("58", "14", "No progress for 14 days"),
        ],
    )
    def test_it_says_what_decided(self, score: str, days: str, text: str) -> None:
        assert why(score, days) == text

    @pytest.mark.parametrize(
        ("ago", "text"),
        [
            (0, "Progress today"),
            (1, "Progress yesterday"),
            (2, "Progress 2 days ago"),
            (None, "50 to 99%, no progress yet"),
        ],
    )
    def test_on_track_says_when_the_last_progress_was(self, ago: int | None, text: str) -> None:
        assert why("52", days_since_progress=ago) == text

    @pytest.mark.parametrize(
        ("still_open", "text"),
        [
            (None, "100% or more, one goal still below 100"),
            (1, "100% or more, one goal still below 100"),
            (3, "100% or more, 3 goals still below 100"),
        ],
    )
    def test_exceeded_says_how_many_goals_are_open(self, still_open: int | None, text: str) -> None:
        assert why("104", goals_open=still_open) == text

    def test_all_goals_met(self) -> None:
        met = reason(status=Status.ALL_GOALS_MET, score=D(140), days_without_progress=D(50))
        assert str(met) == met.text == met.full == "Every objective at 100% or more"

    def test_without_a_score_it_says_what_is_missing(self) -> None:
        def text(objectives: int) -> str:
            return reason(status=None, score=None, days_without_progress=D(0), objectives=objectives).text

        assert text(0) == "No numeric objectives"
        assert text(3) == "No objective measured yet"

    def test_the_full_reason_names_every_cause(self) -> None:
        stalled = reason(status=Status.STALLED, score=D(12), days_without_progress=D(41))
        at_risk = reason(status=Status.AT_RISK, score=D(30), days_without_progress=D(19))
        assert stalled.full == "No progress for 41 days, below 25%"
        assert at_risk.full == "No progress for 19 days, 25 to 49%"

    def test_a_stored_status_beside_newer_numbers_falls_back_to_its_rule(self) -> None:
        stale = reason(status=Status.STALLED, score=D(80), days_without_progress=D(0))
        assert stale.text == "Below 25%, or no progress for 30 days or more"

    @given(score=scores, days=day_counts, all_met=st.booleans())
    def test_every_status_has_a_reason(self, score: Decimal, days: Decimal, all_met: bool) -> None:
        status = status_of(score=score, all_met=all_met, days_without_progress=days)
        assert reason(status=status, score=score, days_without_progress=days).text


class TestLegend:
    def test_the_thresholds_in_words(self) -> None:
        assert [(row.slug, row.label, row.text) for row in legend()] == [
            ("on-track", "On track", "50 to 99%, progress within 14 days"),
            ("at-risk", "At risk", "25 to 49%, or no progress for 14 to 29 days"),
            ("stalled", "Stalled", "Below 25%, or no progress for 30 days or more"),
            ("exceeded", "Exceeded", "100% or more, one goal still below 100"),
            ("all-met", "All goals met", "Every objective at 100% or more"),
            ("none", "No score", "No numeric objectives"),
        ]

    def test_it_lists_every_status_once_and_says_how_days_are_counted(self) -> None:
        assert {row.status for row in legend()} == {*Status, None}
        assert "Sunday 02:00" in LEGEND_NOTE


class TestNewBadge:
    @pytest.mark.parametrize(("age", "new"), [(0, True), (29, True), (30, False), (400, False)])
    def test_younger_than_30_days(self, age: int, new: bool) -> None:
        created = date(2026, 10, 1)
        assert is_new(created_on=created, on=created + timedelta(days=age)) is new

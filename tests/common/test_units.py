from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from valuerealization.common.units import (
    Unit,
    change_tone,
    format_ago,
    format_day,
    format_in_days,
    format_moment,
    format_money,
    format_pct,
    format_points,
    format_value,
    is_soon,
    points_between,
)

D = Decimal
TODAY = date(2026, 11, 17)
storable = st.decimals(min_value=D("-99999999999999.999999"), max_value=D("99999999999999.999999"), places=6)


class TestValues:
    @pytest.mark.parametrize(
        ("value", "unit", "options", "text"),
        [
            # The examples the formats are defined by.
            ("9", "days", {}, "9 days"),
            ("1", "days", {}, "1 day"),
            ("1250000", "currency", {}, "$1,250,000"),
            ("42", "percentage", {}, "42%"),
            ("1204", "users", {}, "1,204 users"),
            ("8.1", "score", {}, "8.1"),
            ("58", "custom", {"unit_label": "disputes"}, "58 disputes"),
            ("412000", "currency", {}, "$412,000"),
            ("1180", "users", {}, "1,180 users"),
            # Percentages: a decimal when baseline and target lie less than 10 apart.
            ("68.4", "percentage", {"span": D(58)}, "68%"),
            ("4.8", "percentage", {"span": D("9.999999")}, "4.8%"),
            ("4.8", "percentage", {"span": D(-3)}, "4.8%"),
            ("4.8", "percentage", {"span": D(10)}, "5%"),
            ("5", "percentage", {"span": D(2)}, "5.0%"),
            ("-2.5", "percentage", {}, "\u22123%"),
            # Days: a decimal when the source has one.
            ("9.5", "days", {}, "9.5 days"),
            ("9.25", "days", {}, "9.3 days"),
            ("9.000000", "days", {}, "9 days"),
            ("1.04", "days", {}, "1.0 days"),
            ("0", "days", {}, "0 days"),
            ("-1", "days", {}, "\u22121 day"),
            ("1500", "days", {}, "1,500 days"),
            # Users are whole.
            ("1", "users", {}, "1 user"),
            ("117.5", "users", {}, "118 users"),
            # A score always has its decimal.
            ("8", "score", {}, "8.0"),
            ("8.05", "score", {}, "8.1"),
            # Custom units and plain numbers keep their own decimals.
            ("58.000000", "custom", {"unit_label": "disputes"}, "58 disputes"),
            ("1.250000", "custom", {"unit_label": "t CO\u2082"}, "1.25 t CO\u2082"),
            ("1200", "custom", {"unit_label": ""}, "1,200"),
            ("1204.500000", "", {}, "1,204.5"),
            ("120000", "", {"unit_label": "ignored"}, "120,000"),
            ("0.000001", "", {}, "0.000001"),
            ("-7", "", {}, "\u22127"),
        ],
    )
    def test_each_unit_in_its_format(self, value: str, unit: str, options: dict[str, Any], text: str) -> None:
        assert format_value(D(value), unit=unit, **options) == text

    @pytest.mark.parametrize("unit", list(Unit))
    def test_a_missing_value(self, unit: Unit) -> None:
        assert format_value(None, unit=unit, compact=True) == "n/a"

    @pytest.mark.parametrize(
        ("unit", "page", "sheet"),
        [
            ("days", "\u22124 days", "-4 days"),
            ("currency", "\u2212$4", "-$4"),
            ("percentage", "\u22124%", "-4%"),
            ("users", "\u22124 users", "-4 users"),
            ("score", "\u22124.0", "-4.0"),
            ("custom", "\u22124 kg", "-4 kg"),
            ("", "\u22124", "-4"),
        ],
    )
    def test_a_true_minus_on_pages_and_ascii_in_sheets(self, unit: str, page: str, sheet: str) -> None:
        assert format_value(D(-4), unit=unit, unit_label="kg") == page
        assert format_value(D(-4), unit=unit, unit_label="kg", ascii_minus=True) == sheet

    @pytest.mark.parametrize("unit", ["percentage", "users", "currency"])
    def test_what_rounds_to_nothing_has_no_sign(self, unit: str) -> None:
        assert format_value(D("-0.0000001"), unit=unit).lstrip("$").startswith("0")

    def test_only_money_is_shortened(self) -> None:
        assert format_value(D(1204000), unit="currency", compact=True) == "$1.2M"
        assert format_value(D(1204000), unit="users", compact=True) == "1,204,000 users"

    def test_an_unknown_unit_is_an_error(self) -> None:
        with pytest.raises(ValueError, match="furlongs"):
            format_value(D(1), unit="furlongs")

    @settings(deadline=None)
    @given(value=storable, unit=st.sampled_from(list(Unit)), compact=st.booleans())
    def test_both_minus_signs_give_the_same_number(self, value: Decimal, unit: Unit, compact: bool) -> None:
        page = format_value(value, unit=unit, unit_label="kg", compact=compact)
        sheet = format_value(value, unit=unit, unit_label="kg", compact=compact, ascii_minus=True)
        assert page.replace("\u2212", "-") == sheet
        assert "E" not in sheet

    @given(value=storable)
    def test_a_plain_number_loses_nothing(self, value: Decimal) -> None:
        text = format_value(value, unit="", ascii_minus=True)
        assert D(text.replace(",", "")) == value


class TestMoney:
    @pytest.mark.parametrize(
        ("amount", "text"),
        [
            ("0", "$0"),
            ("1", "$1"),
            ("184000", "$184,000"),
            ("1250.5", "$1,250.50"),
            ("1250.05", "$1,250.05"),
            ("1.005", "$1"),
            ("1.015", "$1.02"),
            ("1249.999", "$1,250"),
            ("-931760", "\u2212$931,760"),
            # Under 1: three significant digits, and at least cents.
            ("0.5", "$0.50"),
            ("0.123456", "$0.123"),
            ("0.0425", "$0.0425"),
            ("0.00123456", "$0.00123"),
            ("0.000001", "$0.000001"),
            ("-0.0425", "\u2212$0.0425"),
            ("0.9996", "$1"),
        ],
    )
    def test_full(self, amount: str, text: str) -> None:
        assert format_money(D(amount)) == text

    @pytest.mark.parametrize(
        ("amount", "text"),
        [
            ("0", "$0"),
            ("950", "$950"),
            ("999.5", "$999.50"),
            ("1000", "$1k"),
            ("1400", "$1.4k"),
            ("9960", "$10k"),
            ("88040", "$88k"),
            ("612000", "$612k"),
            ("904499", "$904k"),
            ("999499", "$999k"),
            ("999500", "$1M"),
            ("1200000", "$1.2M"),
            ("4100000", "$4.1M"),
            ("41800000", "$41.8M"),
            ("40000000", "$40M"),
            ("412300000", "$412M"),
            ("1250000000", "$1.3B"),
            ("99999999999999", "$100,000B"),
            ("-612000", "\u2212$612k"),
        ],
    )
    def test_short(self, amount: str, text: str) -> None:
        assert format_money(D(amount), compact=True) == text

    @pytest.mark.parametrize(
        ("currency", "text"),
        [
            ("USD", "$1,250.50"),
            ("EUR", "\u20ac1,250.50"),
            ("GBP", "\u00a31,250.50"),
            ("JPY", "\u00a51,250"),
            ("CAD", "CA$1,250.50"),
            ("CHF", "CHF\u00a01,250.50"),
            ("", "1,250.50"),
        ],
    )
    def test_the_accounts_currency(self, currency: str, text: str) -> None:
        assert format_money(D("1250.5"), currency=currency) == text

    def test_a_sheet_has_a_plain_space_after_a_code(self) -> None:
        assert format_money(D(-1250), currency="CHF", ascii_minus=True) == "-CHF 1,250"

    def test_a_missing_amount(self) -> None:
        assert format_money(None) == "n/a"


class TestPercent:
    @pytest.mark.parametrize(
        ("value", "text"),
        [
            ("71.428571428571", "71%"),
            ("123", "123%"),
            ("-28.571428571429", "\u221229%"),
            ("99.99", "99%"),
            ("49.5", "49%"),
            ("-0.4", "0%"),
            ("12345", "12,345%"),
        ],
    )
    def test_completions_and_scores(self, value: str, text: str) -> None:
        assert format_pct(D(value)) == text

    def test_missing_ascii_and_decimals(self) -> None:
        assert format_pct(None) == "n/a"
        assert format_pct(D(-29), ascii_minus=True) == "-29%"
        assert format_pct(D("66.75"), decimals=1) == "66.8%"
        assert format_pct(D("99.97"), decimals=1) == "99.9%"


class TestChange:
    @pytest.mark.parametrize(
        ("delta", "text"),
        [
            (6, "+6 pts"),
            (D("-4.5"), "\u22125 pts"),
            (1200, "+1,200 pts"),
            (0, "0"),
            (D("0.4"), "0"),
            (D("-0.4"), "0"),
            (None, "n/a"),
        ],
    )
    def test_points(self, delta: Decimal | int | None, text: str) -> None:
        assert format_points(delta) == text

    def test_points_bare_and_in_ascii(self) -> None:
        assert format_points(5, suffix="") == "+5"
        assert format_points(-4, suffix="") == "\u22124"
        assert format_points(-4, ascii_minus=True) == "-4 pts"

    def test_a_change_is_the_difference_of_what_is_shown(self) -> None:
        assert points_between(D("65.4"), D("70.6")) == 6
        assert points_between(D("99.6"), D(100)) == 1
        assert points_between(None, D(3)) is None
        assert points_between(D(3), None) is None

    @pytest.mark.parametrize(
        ("delta", "up_is_good", "tone"),
        [(6, True, "up"), (-6, True, "down"), (6, False, "down"), (-6, False, "up"), (0, True, ""), (None, True, "")],
    )
    def test_good_or_bad_follows_the_objective(self, delta: int | None, up_is_good: bool, tone: str) -> None:
        assert change_tone(delta, up_is_good=up_is_good) == tone

    def test_a_change_that_shows_as_0_has_no_tone(self) -> None:
        assert change_tone(D("0.49")) == ""


class TestDates:
    @pytest.mark.parametrize(
        ("day", "options", "text"),
        [
            ("2026-11-15", {}, "15 Nov"),
            ("2025-11-15", {}, "15 Nov 2025"),
            ("2027-02-28", {}, "28 Feb 2027"),
            ("2026-01-01", {"with_year": True}, "1 Jan 2026"),
            ("2026-11-15", {"weekday": "short"}, "Sun 15 Nov"),
            ("2026-11-29", {"weekday": "long"}, "Sunday 29 Nov"),
            ("2026-11-15", {"weekday": "long", "with_year": True}, "Sunday 15 Nov 2026"),
        ],
    )
    def test_a_day(self, day: str, options: dict[str, Any], text: str) -> None:
        assert format_day(date.fromisoformat(day), TODAY, **options) == text

    def test_an_instant_on_the_accounts_clock(self) -> None:
        instant = datetime(2026, 11, 15, 7, 5, tzinfo=UTC)
        assert format_moment(instant, timezone="America/New_York", today=TODAY) == "15 Nov, 02:05"
        assert format_moment(instant, timezone="Asia/Kathmandu", today=TODAY) == "15 Nov, 12:50"
        late = datetime(2025, 12, 31, 23, 30, tzinfo=UTC)
        assert format_moment(late, timezone="UTC", today=TODAY) == "31 Dec 2025, 23:30"
        assert format_moment(late, timezone="Asia/Kolkata", today=TODAY, weekday="short") == "Thu 1 Jan, 05:00"

    @pytest.mark.parametrize(
        ("day", "text"),
        [
            ("2027-01-14", "in 58 days"),
            ("2026-11-18", "in 1 day"),
            ("2026-11-17", "today"),
            ("2026-11-16", "1 day late"),
            ("2026-11-14", "3 days late"),
            ("2030-11-17", "in 1,461 days"),
        ],
    )
    def test_how_far_ahead(self, day: str, text: str) -> None:
        assert format_in_days(date.fromisoformat(day), TODAY) == text

    @pytest.mark.parametrize(("days", "text"), [(-1, "today"), (0, "today"), (1, "yesterday"), (2, "2 days ago")])
    def test_how_long_ago(self, days: int, text: str) -> None:
        assert format_ago(days) == text

    @pytest.mark.parametrize(
        ("day", "soon"), [("2026-11-01", True), ("2026-11-17", True), ("2027-01-16", True), ("2027-01-17", False)]
    )
    def test_sixty_days_or_fewer_is_soon(self, day: str, soon: bool) -> None:
        assert is_soon(date.fromisoformat(day), TODAY) is soon

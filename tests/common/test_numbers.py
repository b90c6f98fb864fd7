from decimal import Decimal, localcontext
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from valuerealization.common.numbers import (
    NumberRefused,
    display_pct,
    parse_decimal,
    round_half_even_6,
    round_half_up,
    shown_pct,
    to_plain,
)

D = Decimal
storable = st.decimals(min_value=D("-99999999999999.999999"), max_value=D("99999999999999.999999"), places=6)


def refusal(value: object) -> NumberRefused:
    with pytest.raises(NumberRefused) as caught:
        parse_decimal(cast("str", value))
    return caught.value


class TestParsing:
    @pytest.mark.parametrize(
        ("text", "value"),
        [
            ("0", "0"),
            ("42", "42"),
            ("+42", "42"),
            ("-42.5", "-42.5"),
            ("007", "7"),
            (".5", "0.5"),
            ("1250.500000", "1250.5"),
            ("  9 \r\n", "9"),
            ("99999999999999.999999", "99999999999999.999999"),
            ("-99999999999999.999999", "-99999999999999.999999"),
        ],
    )
    def test_plain_text(self, text: str, value: str) -> None:
        assert parse_decimal(text) == D(value)

    @pytest.mark.parametrize(
        ("value", "plain"), [(0, "0"), (-12, "-12"), (10**14 - 1, "99999999999999"), (D("2.50"), "2.5")]
    )
    def test_ints_and_decimals(self, value: int | Decimal, plain: str) -> None:
        assert to_plain(parse_decimal(value)) == plain

    def test_an_exact_decimal_with_an_exponent_is_written_out(self) -> None:
        assert str(parse_decimal(D("1E+3"))) == "1000"

    @pytest.mark.parametrize("zero", ["-0", "-0.000", D("-0"), D("0E+40")])
    def test_zero_has_no_sign(self, zero: str | Decimal) -> None:
        assert str(parse_decimal(zero)) == "0"

    @pytest.mark.parametrize(
        ("value", "code"),
        [
            ("", "empty"),
            (" \t", "empty"),
            ("abc", "not_a_number"),
            ("12 days", "not_a_number"),
            ("$12", "not_a_number"),
            ("12%", "not_a_number"),
            ("--1", "not_a_number"),
            ("1-", "not_a_number"),
            ("+", "not_a_number"),
            (".", "not_a_number"),
            ("5.", "not_a_number"),
            ("1.2.3", "separator"),
            ("0x1F", "not_a_number"),
            ("=1+1", "not_a_number"),
            ("nan", "not_finite"),
            ("-NaN", "not_finite"),
            ("sNaN123", "not_finite"),
            ("Infinity", "not_finite"),
            ("+inf", "not_finite"),
            ("1e3", "exponent"),
            ("1.5E-3", "exponent"),
            ("1,000", "separator"),
            ("1,5", "separator"),
            ("1.000,50", "separator"),
            ("1 000", "separator"),
            ("1_000", "separator"),
            ("1'000", "separator"),
            ("\u0661\u0662", "not_ascii"),
            ("\uff11\uff12", "not_ascii"),
            ("\u22124", "not_ascii"),
            ("1\u00a0000", "not_ascii"),
            ("\ufeff12", "not_ascii"),
            ("12\u00b2", "not_ascii"),
            ("\ud800", "not_ascii"),
            ("1\x002", "control_character"),
            ("\x0012", "control_character"),
            ("1\t2", "control_character"),
            ("1\n2", "control_character"),
            ("\x0b12", "control_character"),
            ("0.0000001", "too_many_decimals"),
            ("1.0000000", "too_many_decimals"),
            ("0.0000000", "too_many_decimals"),
            ("100000000000000", "too_many_digits"),
            ("-100000000000000", "too_many_digits"),
        ],
    )
    def test_refused_text(self, value: str, code: str) -> None:
        assert refusal(value).code == code

    @pytest.mark.parametrize(
        ("value", "code"),
        [
            (True, "not_a_number"),
            (False, "not_a_number"),
            (1.5, "not_a_number"),
            (None, "not_a_number"),
            (b"12", "not_a_number"),
            ([1], "not_a_number"),
            (10**14, "too_many_digits"),
            (-(10**14), "too_many_digits"),
            (D("NaN"), "not_finite"),
            (D("sNaN"), "not_finite"),
            (D("-Infinity"), "not_finite"),
            (D("1E+14"), "too_many_digits"),
            (D("1E+999999"), "too_many_digits"),
            (D("1E-7"), "too_many_decimals"),
            (D("1E-999999"), "too_many_decimals"),
            (D("1.2345678"), "too_many_decimals"),
        ],
    )
    def test_refused_values(self, value: object, code: str) -> None:
        assert refusal(value).code == code

    def test_endless_input_is_refused_without_being_computed(self) -> None:
        assert refusal("9" * 5000).code == "too_many_digits"
        assert refusal("0" * 5000).code == "too_many_digits"
        assert refusal("x" * 5000).code == "not_a_number"
        assert refusal(10**5000).code == "too_many_digits"

    def test_messages_say_what_to_do_and_repeat_nothing(self) -> None:
        error = refusal("<script>1</script>")
        assert error.message == str(error)
        assert error.message.startswith("Enter a number")
        assert "script" not in error.message
        assert refusal("1,5").message.endswith("with a point before the decimals: 1250.5.")
        assert refusal("1.2345678").message == "Use at most 6 decimals."

    def test_a_caller_may_word_its_own_message(self) -> None:
        error = NumberRefused("empty", "Enter the current value.")
        assert (error.code, error.message) == ("empty", "Enter the current value.")

    @given(storable)
    def test_what_is_written_plainly_reads_back_as_it_was(self, value: Decimal) -> None:
        assert parse_decimal(to_plain(value)) == value
        assert parse_decimal(value) == value

    @given(st.text(max_size=30))
    def test_any_text_is_read_exactly_or_refused(self, text: str) -> None:
        try:
            value = parse_decimal(text)
        except NumberRefused:
            return
        assert value == D(text.strip())
        assert abs(value) < 10**14


class TestPlain:
    @pytest.mark.parametrize(
        ("value", "plain"),
        [
            ("71.428571000000", "71.428571"),
            ("1250.00", "1250"),
            ("1200", "1200"),
            ("1E+3", "1000"),
            ("1E-6", "0.000001"),
            ("0E-12", "0"),
            ("-0.000", "0"),
            ("-28.50", "-28.5"),
        ],
    )
    def test_no_exponent_and_no_trailing_zeros(self, value: str, plain: str) -> None:
        assert to_plain(D(value)) == plain

    @pytest.mark.parametrize(
        ("value", "plain"),
        [("71.428571428571", "71.428571"), ("-28.571428571429", "-28.571429"), ("-0.0000001", "0"), ("5", "5")],
    )
    def test_percentages_with_at_most_six_decimals(self, value: str, plain: str) -> None:
        assert to_plain(D(value), places=6) == plain


class TestRounding:
    @pytest.mark.parametrize(
        ("value", "rounded"),
        [
            ("0.0000005", "0.000000"),
            ("0.0000015", "0.000002"),
            ("0.0000025", "0.000002"),
            ("-0.0000015", "-0.000002"),
            ("0.00000250000000000000000000000001", "0.000003"),
            ("12", "12.000000"),
        ],
    )
    def test_a_connectors_sum_is_rounded_half_to_even(self, value: str, rounded: str) -> None:
        assert round_half_even_6(D(value)) == D(rounded)

    @pytest.mark.parametrize(
        ("value", "places", "rounded"), [("0.5", 0, "1"), ("-0.5", 0, "-1"), ("2.5", 0, "3"), ("0.25", 1, "0.3")]
    )
    def test_half_up_goes_away_from_zero(self, value: str, places: int, rounded: str) -> None:
        assert round_half_up(D(value), places) == D(rounded)

    def test_the_callers_context_does_not_matter(self) -> None:
        with localcontext() as context:
            context.prec = 2
            assert str(round_half_even_6(D("123456.7654321"))) == "123456.765432"
            assert str(parse_decimal("123456.7")) == "123456.7"
            assert to_plain(D("123456.7654321"), places=3) == "123456.765"
            assert display_pct(D("99.6")) == 99


class TestShown:
    @pytest.mark.parametrize(
        ("value", "shown"),
        [
            ("99.96", "99.9"),
            ("99.94", "99.9"),
            ("100", "100.0"),
            ("49.95", "49.9"),
            ("24.99", "24.9"),
            ("66.75", "66.8"),
        ],
    )
    def test_with_a_decimal_too_a_band_is_never_claimed_early(self, value: str, shown: str) -> None:
        assert str(shown_pct(D(value), places=1)) == shown

    @given(value=st.decimals(min_value=D(-300), max_value=D(300), places=12), places=st.integers(0, 6))
    def test_in_any_number_of_decimals_it_stays_in_its_band(self, value: Decimal, places: int) -> None:
        shown = shown_pct(value, places=places)
        for edge in (25, 50, 100):
            assert (value < edge) == (shown < edge)

"""Decimals in and out: one strict parser, one plain form, one rule for showing a percentage."""

import re
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Context, Decimal, localcontext
from typing import Final

# Wide enough for every product and quotient of NUMERIC(20,6) values, and independent of the
# precision, rounding and traps a caller may have set on its own context.
WIDE: Final = Context(prec=100, rounding=ROUND_HALF_UP)

MAX_DECIMALS: Final = 6
LIMIT: Final = Decimal(10) ** 14
SHOWN_EDGES: Final = (25, 50, 100)

_LONGEST_TEXT: Final = 100
_NUMBER: Final = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)", re.ASCII)
_SCIENTIFIC: Final = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)[eE][+-]?[0-9]+", re.ASCII)
_NOT_FINITE: Final = re.compile(r"[+-]?(?:s?nan[0-9]*|inf(?:inity)?)", re.ASCII | re.IGNORECASE)
_GROUPED: Final = re.compile(r"[+-]?[0-9]+(?:[ ,.'_][0-9]+)+", re.ASCII)
_ASCII_SPACE: Final = " \t\r\n"

_MESSAGES: Final = {
    "empty": "Enter a number.",
    "not_a_number": "Enter a number in plain digits, for example 1250.5, without a unit or currency sign.",
    "not_finite": "Enter a finite number; NaN and infinity have no place on a scale.",
    "exponent": "Write the number out in full, without an exponent: 1200, not 1.2e3.",
    "separator": "Write the number without thousands separators, with a point before the decimals: 1250.5.",
    "not_ascii": "Use the digits 0 to 9, a plain minus sign and a point; other characters are not read.",
    "control_character": "Remove the invisible control characters from the number.",
    "too_many_decimals": "Use at most 6 decimals.",
    "too_many_digits": "Use at most 14 digits before the decimal point.",
}


class NumberRefused(ValueError):
    """Say why a value is not a number that can be stored, and what to do about it.

    Shape:  code is a stable machine name, message a sentence for the person who typed the value;
            neither repeats the input.
    """

    def __init__(self, code: str, message: str | None = None) -> None:
        self.code: Final = code
        self.message: Final = _MESSAGES[code] if message is None else message
        super().__init__(self.message)


def parse_decimal(value: str | int | Decimal) -> Decimal:
    """Read a number that fits NUMERIC(20,6), or refuse it.

    Shape:  the value unchanged, never rounded; minus zero becomes zero. Text may carry blanks
            around the number and a sign; ints and Decimals are taken at their value.
    Raises: NumberRefused for anything else: other types (bool and float too), text that is no plain
            number, NaN and infinity, more than 6 decimals, 10^14 and beyond.
    """
    if isinstance(value, bool):
        raise NumberRefused("not_a_number")
    if isinstance(value, int):
        # Compared before conversion, so that a number of a million digits costs nothing.
        if abs(value) >= LIMIT:
            raise NumberRefused("too_many_digits")
        return Decimal(value)
    if isinstance(value, Decimal):
        return _check_fits(value)
    if isinstance(value, str):
        return _check_fits(_read_text(value))
    raise NumberRefused("not_a_number")


def to_plain(value: Decimal, *, places: int | None = None) -> str:
    """Write a number as the API does: plain digits, no exponent, no trailing zeros.

    Units:  with `places`, rounded half away from zero to that many decimals first.
    """
    if places is not None:
        value = round_half_up(value, places)
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def round_half_up(value: Decimal, places: int) -> Decimal:
    """Round half away from zero to a number of decimals."""
    return value.quantize(Decimal((0, (1,), -places)), rounding=ROUND_HALF_UP, context=WIDE)


def round_half_even_6(value: Decimal) -> Decimal:
    """Round a connector's sum half to even, to the six decimals that are stored.

    Source: docs/formulas.md#numbers
    """
    return value.quantize(Decimal("0.000001"), rounding=ROUND_HALF_EVEN, context=WIDE)


def display_pct(value: Decimal) -> int:
    """Round a percentage to the whole number that is shown.

    Shape:  an integer that stands in the same status band as the value: below 25, 50 or 100 it
            never shows 25, 50 or 100.
    Units:  percent, half away from zero otherwise; -0.4 shows 0.
    Source: docs/formulas.md#display
    """
    return int(shown_pct(value, places=0))


def shown_pct(value: Decimal, *, places: int) -> Decimal:
    """Round a percentage for display with a number of decimals, by the rule of display_pct.

    Source: docs/formulas.md#display
    """
    rounded = round_half_up(value, places)
    for edge in SHOWN_EDGES:
        if value < edge <= rounded:
            with localcontext(WIDE):
                return Decimal(edge) - Decimal((0, (1,), -places))
    return rounded


def _read_text(text: str) -> Decimal:
    stripped = text.strip(_ASCII_SPACE)
    if not stripped:
        raise NumberRefused("empty")
    if any(ord(character) < 32 or ord(character) == 127 for character in stripped):
        raise NumberRefused("control_character")
    if not stripped.isascii():
        raise NumberRefused("not_ascii")
    if len(stripped) > _LONGEST_TEXT:
        raise NumberRefused("too_many_digits" if _NUMBER.fullmatch(stripped) else "not_a_number")
    if _NUMBER.fullmatch(stripped):
        return Decimal(stripped)
    if _NOT_FINITE.fullmatch(stripped):
        raise NumberRefused("not_finite")
    if _SCIENTIFIC.fullmatch(stripped):
        raise NumberRefused("exponent")
    if _GROUPED.fullmatch(stripped):
        raise NumberRefused("separator")
    raise NumberRefused("not_a_number")


def _check_fits(value: Decimal) -> Decimal:
    exponent = value.as_tuple().exponent
    if not isinstance(exponent, int):
        raise NumberRefused("not_finite")
    if value.is_zero():
        if exponent < -MAX_DECIMALS:
            raise NumberRefused("too_many_decimals")
        return Decimal(0)
    if value.adjusted() >= LIMIT.adjusted():
        raise NumberRefused("too_many_digits")
    if exponent < -MAX_DECIMALS:
        raise NumberRefused("too_many_decimals")
    # 1E+3 is exact, but the plain form is what is stored, compared and shown.
    return Decimal(int(value)) if exponent > 0 else value

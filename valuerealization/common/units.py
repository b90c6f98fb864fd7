"""The one formatter: how values, money, percentages, changes and dates are written."""

from datetime import date, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from enum import StrEnum
from typing import Final, Literal
from zoneinfo import ZoneInfo

from babel.numbers import get_currency_precision, get_currency_symbol

from valuerealization.common import formats
from valuerealization.common.numbers import MAX_DECIMALS, WIDE, display_pct, round_half_up, shown_pct

MISSING: Final = "n/a"
MINUS: Final = "\u2212"
SOON_DAYS: Final = 60

_NO_BREAK_SPACE: Final = "\u00a0"
_SMALL_MONEY_DIGITS: Final = 3
_NARROW_SPAN: Final = Decimal(10)
_WEEKDAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
# Each with the size from which its decimal is dropped.
_SHORT_SCALES: Final = (
    (Decimal(10) ** 3, "k", Decimal(10)),
    (Decimal(10) ** 6, "M", Decimal(100)),
    (Decimal(10) ** 9, "B", Decimal(100)),
)


class Unit(StrEnum):
    """Name the units of objectives and metrics; the empty one is plain numbers."""

    NONE = ""
    PERCENTAGE = "percentage"
    CURRENCY = "currency"
    DAYS = "days"
    USERS = "users"
    SCORE = "score"
    CUSTOM = "custom"


def format_value(
    value: Decimal | None,
    *,
    unit: str,
    unit_label: str = "",
    currency: str = "USD",
    span: Decimal | None = None,
    ascii_minus: bool = False,
    compact: bool = False,
) -> str:
    """Write a value in its unit, the same on every page, document, export and API display field.

    Shape:  "n/a" without a value; a true minus (U+2212), or "-" with `ascii_minus` (CSV, XLSX).
            `compact` shortens money to k, M and B (tiles, tags) and leaves other units alone.
    Units:  `span` is the distance from baseline to target, either sign: under 10 a percentage shows
            one decimal. `unit_label` belongs to custom units, `currency` (ISO 4217) to money.
    Source: docs/formulas.md#display
    """
    if value is None:
        return MISSING
    match Unit(unit):
        case Unit.PERCENTAGE:
            narrow = span is not None and span.copy_abs() < _NARROW_SPAN
            return _signed(round_half_up(value, 1 if narrow else 0), suffix="%", ascii_minus=ascii_minus)
        case Unit.CURRENCY:
            return format_money(value, currency=currency, ascii_minus=ascii_minus, compact=compact)
        case Unit.DAYS:
            days = round_half_up(value, 0 if _is_whole(value) else 1)
            word = " day" if value.copy_abs() == 1 else " days"
            return _signed(days, suffix=word, ascii_minus=ascii_minus)
        case Unit.USERS:
            users = round_half_up(value, 0)
            return _signed(users, suffix=" user" if users.copy_abs() == 1 else " users", ascii_minus=ascii_minus)
        case Unit.SCORE:
            return _signed(round_half_up(value, 1), ascii_minus=ascii_minus)
        case _:
            label = unit_label if unit == Unit.CUSTOM else ""
            return _signed(_trimmed(value), suffix=f" {label}" if label else "", ascii_minus=ascii_minus)


def format_exact(value: Decimal | None, *, unit: str, unit_label: str = "", currency: str = "USD") -> str:
    """Write a value in its unit with every digit it has, so that a calculation can be followed.

    Shape:  "n/a" without a value; nothing is rounded.
    """
    if value is None:
        return MISSING
    prefix = suffix = ""
    match Unit(unit):
        case Unit.PERCENTAGE:
            suffix = "%"
        case Unit.CURRENCY:
            prefix = _symbol(currency, space=_NO_BREAK_SPACE)
        case Unit.DAYS:
            suffix = " day" if value.copy_abs() == 1 else " days"
        case Unit.USERS:
            suffix = " user" if value.copy_abs() == 1 else " users"
        case Unit.CUSTOM if unit_label:
            suffix = f" {unit_label}"
    return _signed(_trimmed(value), prefix=prefix, suffix=suffix)


def format_money(
    amount: Decimal | None, *, currency: str = "USD", ascii_minus: bool = False, compact: bool = False
) -> str:
    """Write an amount of money with its currency's symbol.

    Shape:  full by default: cents only when not whole; under 1 three significant digits, at least
            cents. With `compact`, from 1,000 up: $1.4k, $612k, $4.1M.
    Units:  rounded half to even to the currency's own decimals.
    Source: docs/formulas.md#display
    """
    if amount is None:
        return MISSING
    symbol = _symbol(currency, space=" " if ascii_minus else _NO_BREAK_SPACE)
    if compact:
        scaled = _short(amount)
        if scaled is not None:
            number, letter = scaled
            return _signed(number, prefix=symbol, suffix=letter, ascii_minus=ascii_minus)
    places = get_currency_precision(currency) if currency else 2
    return _signed(_money_digits(amount, places), prefix=symbol, ascii_minus=ascii_minus)


def format_count(number: int | None, noun: str) -> str:
    """Count things: `1 account`, `1,204 accounts`; an irregular plural as `person,people`."""
    singular, _, plural = noun.partition(",")
    number = number or 0
    return f"{formats.grouped(number)} {singular if number == 1 else plural or singular + 's'}"


def format_pct(value: Decimal | None, *, decimals: int = 0, ascii_minus: bool = False) -> str:
    """Write a completion or a score as a percentage: 71%, 123%.

    Shape:  "n/a" without a value; never shows 25, 50 or 100 for a value below it, whatever the decimals.
    Source: docs/formulas.md#display
    """
    if value is None:
        return MISSING
    return _signed(shown_pct(value, places=decimals), suffix="%", ascii_minus=ascii_minus)


def format_points(delta: Decimal | int | None, *, suffix: str = " pts", ascii_minus: bool = False) -> str:
    """Write a change between two percentages: +6 pts, and 0 for no change.

    Shape:  "n/a" without a change; a true minus before a fall; pass an empty suffix where the column
            head names the unit.
    Source: docs/formulas.md#display
    """
    if delta is None:
        return MISSING
    points = round_half_up(Decimal(delta), 0)
    if points.is_zero():
        return "0"
    return ("+" if points > 0 else "") + _signed(points, suffix=suffix, ascii_minus=ascii_minus)


def points_between(before: Decimal | None, after: Decimal | None) -> int | None:
    """Count the points between two percentages as shown, so that a page's numbers add up.

    Shape:  None when either is missing.
    Units:  whole percent points.
    Source: docs/formulas.md#display
    """
    if before is None or after is None:
        return None
    return display_pct(after) - display_pct(before)


def change_tone(delta: Decimal | int | None, *, up_is_good: bool = True) -> Literal["up", "down", ""]:
    """Choose the tone of a change: "up" for good, "down" for bad, nothing for none.

    Shape:  good or bad follows the objective, not the sign; a change that shows as 0 has no tone.
    """
    if delta is None:
        return ""
    points = round_half_up(Decimal(delta), 0)
    if points.is_zero():
        return ""
    return "up" if (points > 0) == up_is_good else "down"


def format_day(
    day: date,
    today: date,
    *,
    with_year: bool = False,
    weekday: Literal["", "short", "long"] = "",
) -> str:
    """Write a date: 15 Nov, or 15 Nov 2025 when the year is not the current one.

    Shape:  `with_year` always names the year (renewals); `weekday` puts Sun or Sunday in front.
    """
    text = formats.current().day(day, with_year=with_year or day.year != today.year)
    if not weekday:
        return text
    name = _WEEKDAYS[day.weekday()]
    return f"{name if weekday == 'long' else name[:3]} {text}"


def format_moment(
    instant: datetime,
    *,
    timezone: str,
    today: date,
    with_year: bool = False,
    weekday: Literal["", "short", "long"] = "",
) -> str:
    """Write an instant on a timezone's clock: 15 Nov, 09:12.

    Raises: zoneinfo.ZoneInfoNotFoundError for an unknown timezone.
    """
    local = instant.astimezone(ZoneInfo(timezone))
    return f"{format_day(local.date(), today, with_year=with_year, weekday=weekday)}, {formats.current().time(local)}"


def format_in_days(day: date, today: date) -> str:
    """Write how far ahead a date is: in 58 days, today, 3 days late."""
    ahead = (day - today).days
    if ahead == 0:
        return "today"
    return f"in {_count_days(ahead)}" if ahead > 0 else f"{_count_days(-ahead)} late"


def format_ago(days: int) -> str:
    """Write how long ago something happened: today, yesterday, 2 days ago.

    Shape:  anything ahead of today reads as today.
    """
    if days <= 0:
        return "today"
    return "yesterday" if days == 1 else f"{days} days ago"


def is_soon(day: date, today: date, *, within: int = SOON_DAYS) -> bool:
    """Tell whether a date is near enough to be set in bold; a date that has passed is."""
    return (day - today).days <= within


def _signed(number: Decimal, *, prefix: str = "", suffix: str = "", ascii_minus: bool = False) -> str:
    digits = f"{number.copy_abs():,f}"
    if not ascii_minus:  # files keep the default marks, whoever asks for them
        digits = formats.current().digits(digits)
    sign = "" if number.is_zero() or not number.is_signed() else ("-" if ascii_minus else MINUS)
    return f"{sign}{prefix}{digits}{suffix}"


def _symbol(currency: str, *, space: str) -> str:
    """Give the sign to put before an amount; one made of letters is set off by a space."""
    symbol: str = get_currency_symbol(currency, locale="en") if currency else ""
    return symbol + space if symbol[-1:].isalpha() else symbol


def _count_days(days: int) -> str:
    return "1 day" if days == 1 else f"{formats.grouped(days)} days"


def _is_whole(value: Decimal) -> bool:
    return value == value.to_integral_value()


def _trimmed(value: Decimal) -> Decimal:
    """Drop the zeros that a NUMERIC column adds behind a value's own decimals."""
    if _is_whole(value):
        return round_half_up(value, 0)
    return value.normalize(WIDE)


def _money_digits(amount: Decimal, places: int) -> Decimal:
    size = amount.copy_abs()
    if size >= 1 or size.is_zero():
        rounded = amount.quantize(Decimal((0, (1,), -places)), rounding=ROUND_HALF_EVEN, context=WIDE)
        return round_half_up(rounded, 0) if _is_whole(rounded) else rounded
    digits = min(_SMALL_MONEY_DIGITS - 1 - size.adjusted(), MAX_DECIMALS)
    rounded = amount.quantize(Decimal((0, (1,), -digits)), rounding=ROUND_HALF_EVEN, context=WIDE)
    if _is_whole(rounded):
        return round_half_up(rounded, 0)
    # 0.5 is 50 cents, not 500 mills: trailing zeros go, down to the two decimals money is read with.
    decimals = max(-int(rounded.normalize(WIDE).as_tuple().exponent), 2)
    return round_half_up(rounded, decimals)


def _short(amount: Decimal) -> tuple[Decimal, str] | None:
    """Scale an amount to k, M or B; None when it is too small to shorten."""
    if amount.copy_abs() < 1000:
        return None
    scaled = [(_in_scale(amount, scale, whole_from), letter) for scale, letter, whole_from in _SHORT_SCALES]
    # Judged after rounding, so that 999,950 is 1M and not 1,000k.
    return next((pair for pair in scaled if pair[0].copy_abs() < 1000), scaled[-1])


def _in_scale(amount: Decimal, scale: Decimal, whole_from: Decimal) -> Decimal:
    scaled = WIDE.divide(amount, scale)
    number = round_half_up(scaled, 1)
    return round_half_up(scaled, 0) if _is_whole(number) or number.copy_abs() >= whole_from else number

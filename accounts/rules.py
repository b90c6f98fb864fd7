"""Rules over accounts: what a saved segment is made of.

Pure: JSON in, frozen dataclasses out, and back. A rule is a group, `{"all": […]}` or `{"any": […]}`, of conditions
`{"field", "op", "value"}` and of further groups. Which fields there are, and of what kind, the caller says.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

from accounts.attributes import FIRST_DAY, LAST_DAY, Kind
from valuerealization.common.numbers import NumberRefused, parse_decimal, to_plain

MAX_DEPTH: Final = 3
MAX_CONDITIONS: Final = 30
MAX_CHOICES: Final = 50
MAX_DAYS: Final = 3650
LONGEST_TEXT: Final = 200

_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_DAYS: Final = re.compile(r"[0-9]{1,4}", re.ASCII)


class Match(StrEnum):
    """How the parts of a group go together."""

    ALL = "all"
    ANY = "any"


class Op(StrEnum):
    """How a field is compared.

    A field without a value answers to `is_empty`, and to `is_not`, which is everything that `is` is not.
    """

    IS = "is"
    IS_NOT = "is_not"
    IS_ANY_OF = "is_any_of"
    CONTAINS = "contains"
    STARTS_WITH = "starts_with"
    AT_LEAST = "at_least"
    AT_MOST = "at_most"
    ABOVE = "above"
    BELOW = "below"
    BEFORE = "before"
    AFTER = "after"
    IN_NEXT_DAYS = "in_next_days"
    IN_LAST_DAYS = "in_last_days"
    MORE_THAN_DAYS_AGO = "more_than_days_ago"
    IS_EMPTY = "is_empty"
    IS_NOT_EMPTY = "is_not_empty"


RELATIVE: Final = frozenset({Op.IN_NEXT_DAYS, Op.IN_LAST_DAYS, Op.MORE_THAN_DAYS_AGO})
WITHOUT_VALUE: Final = frozenset({Op.IS_EMPTY, Op.IS_NOT_EMPTY})
OPS: Final = MappingProxyType(
    {
        Kind.TEXT: (Op.IS, Op.IS_NOT, Op.CONTAINS, Op.STARTS_WITH, Op.IS_EMPTY, Op.IS_NOT_EMPTY),
        Kind.CHOICE: (Op.IS, Op.IS_NOT, Op.IS_ANY_OF, Op.IS_EMPTY, Op.IS_NOT_EMPTY),
        Kind.NUMBER: (Op.IS, Op.AT_LEAST, Op.AT_MOST, Op.ABOVE, Op.BELOW, Op.IS_EMPTY, Op.IS_NOT_EMPTY),
        Kind.DATE: (
            Op.IS, Op.BEFORE, Op.AFTER, Op.IN_NEXT_DAYS, Op.IN_LAST_DAYS, Op.MORE_THAN_DAYS_AGO,
            Op.IS_EMPTY, Op.IS_NOT_EMPTY,
        ),
        Kind.FLAG: (Op.IS, Op.IS_EMPTY, Op.IS_NOT_EMPTY),
    }
)  # fmt: skip

Value = str | bool | int | Decimal | date | tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class Field:
    """Something a rule may ask about.

    Shape: `choices` pairs values with labels; None means that any text is a choice.
    """

    name: str
    label: str
    kind: Kind
    choices: tuple[tuple[str, str], ...] | None = None


@dataclass(frozen=True, slots=True)
class Condition:
    """One comparison of a field that is of a kind.

    Shape: `value` is of that kind, a number of days with a relative operator, or None with one that takes none.
    """

    field: str
    kind: Kind
    op: Op
    value: Value = None


@dataclass(frozen=True, slots=True)
class Group:
    """Conditions and groups that hold all together, or of which any does."""

    match: Match
    items: tuple["Condition | Group", ...]


@dataclass(frozen=True, slots=True)
class RuleError:
    """What is wrong where: `position` reads like `all[1].any[0].value`; empty is the rule itself."""

    position: str
    code: str
    message: str


class RuleRefused(ValueError):
    """A rule can't be taken; `errors` says why, each with its position."""

    def __init__(self, errors: list[RuleError]) -> None:
        super().__init__("; ".join(f"{error.position or 'rule'}: {error.message}" for error in errors[:3]))
        self.errors = tuple(errors)


class _Wrong(ValueError):
    def __init__(self, part: str, code: str, message: str) -> None:
        super().__init__(message)
        self.part, self.code, self.message = part, code, message


def parse_rule(raw: Any, *, fields: Mapping[str, Field], is_stored: bool = False) -> Group:
    """Read a rule from what JSON holds.

    Shape:  `is_stored` takes a choice that is none any more: what was saved once stays readable.
    Raises: RuleRefused with every error; nothing else, whatever is given.
    """
    reader = _Reader(fields, is_stored)
    group = reader.group(raw, "", 1)
    if not reader.errors and reader.conditions > MAX_CONDITIONS:
        reader.refuse("", "too_many", f"Use at most {MAX_CONDITIONS} conditions.")
    if reader.errors or group is None:
        raise RuleRefused(reader.errors)
    return group


def to_json(rule: Group) -> dict[str, Any]:
    """Write a rule as JSON; `parse_rule` reads it back as it was."""
    return {rule.match.value: [to_json(item) if isinstance(item, Group) else _written(item) for item in rule.items]}


def conditions(rule: Group) -> Iterator[Condition]:
    """Give every condition of a rule, in reading order."""
    for item in rule.items:
        if isinstance(item, Group):
            yield from conditions(item)
        else:
            yield item


def _written(condition: Condition) -> dict[str, Any]:
    value: Any = condition.value
    if isinstance(value, Decimal):
        value = to_plain(value)
    elif isinstance(value, date):
        value = value.isoformat()
    elif isinstance(value, tuple):
        value = list(value)
    written = {"field": condition.field, "op": condition.op.value}
    return written if condition.op in WITHOUT_VALUE else {**written, "value": value}


class _Reader:
    """Reads a rule part by part and collects what is wrong with it."""

    def __init__(self, fields: Mapping[str, Field], is_stored: bool) -> None:
        self.fields, self.is_stored = fields, is_stored
        self.errors: list[RuleError] = []
        self.conditions = 0

    def refuse(self, position: str, code: str, message: str) -> None:
        self.errors.append(RuleError(position, code, message))

    def group(self, raw: Any, position: str, depth: int) -> Group | None:
        if depth > MAX_DEPTH:
            self.refuse(position, "too_deep", f"Put groups into one another at most {MAX_DEPTH} deep.")
            return None
        names = list(raw) if isinstance(raw, Mapping) else []
        if len(names) != 1 or names[0] not in tuple(Match):
            self.refuse(position, "invalid_group", 'Give an object with one member, "all" or "any".')
            return None
        match = Match(names[0])
        here = f"{position}.{match}" if position else match.value
        given = raw[names[0]]
        if not isinstance(given, list | tuple):
            self.refuse(here, "not_a_list", "Give a list of conditions.")
            return None
        if not given:
            self.refuse(here, "required", "Add at least one condition.")
            return None
        if len(given) > MAX_CONDITIONS:
            self.refuse(here, "too_many", f"Use at most {MAX_CONDITIONS} conditions.")
            return None
        items = [self.item(each, f"{here}[{index}]", depth) for index, each in enumerate(given)]
        return Group(match, tuple(item for item in items if item is not None))

    def item(self, raw: Any, position: str, depth: int) -> "Condition | Group | None":
        if not isinstance(raw, Mapping):
            self.refuse(position, "not_an_object", "Give a condition or a group as a JSON object.")
            return None
        if "field" not in raw and "op" not in raw:
            return self.group(raw, position, depth + 1)
        self.conditions += 1
        try:
            return self.condition(raw)
        except _Wrong as wrong:
            self.refuse(f"{position}.{wrong.part}" if wrong.part else position, wrong.code, wrong.message)
            return None

    def condition(self, raw: Mapping[Any, Any]) -> Condition:
        for name in raw:
            if name not in ("field", "op", "value"):
                raise _Wrong("", "unknown_field", "A condition has field, op and value, and nothing else.")
        name, op = raw.get("field"), raw.get("op")
        field = self.fields.get(name) if isinstance(name, str) else None
        if field is None:
            raise _Wrong("field", "unknown_field", "There is no such field.")
        known = OPS[field.kind]
        if not isinstance(op, str) or op not in tuple(known):
            raise _Wrong("op", "invalid_choice", f"Compare {field.label} by one of {', '.join(known)}.")
        op = Op(op)
        given = raw.get("value")
        if op in WITHOUT_VALUE:
            if given is not None and given != "":
                raise _Wrong("value", "not_taken", f"{op.value} takes no value.")
            return Condition(field.name, field.kind, op)
        if given is None or given == "" or given == []:
            raise _Wrong("value", "required", "Give a value to compare with.")
        return Condition(field.name, field.kind, op, self.value(given, op, field))

    def value(self, given: Any, op: Op, field: Field) -> Value:
        if op in RELATIVE:
            return _days(given)
        match field.kind:
            case Kind.NUMBER:
                return _number(given)
            case Kind.DATE:
                return _date(given)
            case Kind.FLAG:
                if not isinstance(given, bool):
                    raise _Wrong("value", "not_a_boolean", "Give true or false.")
                return given
            case Kind.CHOICE if op is Op.IS_ANY_OF:
                if not isinstance(given, list | tuple) or len(given) > MAX_CHOICES:
                    raise _Wrong("value", "not_a_list", f"Give a list of 1 to {MAX_CHOICES} values.")
                return tuple(dict.fromkeys(self.choice(each, field) for each in given))
            case Kind.CHOICE:
                return self.choice(given, field)
            case _:
                return _text(given)

    def choice(self, given: Any, field: Field) -> str:
        text = _text(given)
        known = field.choices
        if known is not None and not self.is_stored and text not in {value for value, _label in known}:
            named = ", ".join(value for value, _label in known[:12])
            raise _Wrong("value", "invalid_choice", f"Choose from {named or 'what there is'}.")
        return text


def _text(given: Any) -> str:
    text = given.strip() if isinstance(given, str) else ""
    if not text:
        raise _Wrong("value", "not_text", "Give some text.")
    if len(text) > LONGEST_TEXT:
        raise _Wrong("value", "max_length", f"Use at most {LONGEST_TEXT} characters.")
    if _CONTROL.search(text):
        raise _Wrong("value", "control_character", "Remove the invisible control characters.")
    return text


def _number(given: Any) -> Decimal:
    try:
        return parse_decimal(given)
    except NumberRefused as error:
        raise _Wrong("value", error.code, error.message) from None


def _date(given: Any) -> date:
    try:
        day = date.fromisoformat(given) if isinstance(given, str) and _DAY.fullmatch(given) else None
    except ValueError:
        day = None
    if day is None:
        raise _Wrong("value", "invalid_date", "Write the date as year, month and day: 2026-11-15.")
    if not FIRST_DAY <= day <= LAST_DAY:
        raise _Wrong("value", "out_of_range", f"Give a date from {FIRST_DAY} to {LAST_DAY}.")
    return day


def _days(given: Any) -> int:
    days = int(given) if isinstance(given, str) and _DAYS.fullmatch(given) else given
    if isinstance(days, Decimal) and days.is_finite() and days == days.to_integral_value() and abs(days) <= MAX_DAYS:
        days = int(days)
    if not isinstance(days, int) or isinstance(days, bool) or not 0 <= days <= MAX_DAYS:
        raise _Wrong("value", "invalid_days", f"Give a number of days from 0 to {MAX_DAYS:,}.")
    return days

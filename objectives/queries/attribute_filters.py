"""Custom attributes as filters of lists: `attributes.tier=gold`, `attributes.seats.min=100`."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final, Protocol

from accounts.attributes import Kind, show_value
from accounts.rules import Condition, Group, Match, Op
from objectives.queries.parameters import NONE, ParameterReader
from objectives.queries.segments import ATTRIBUTE
from valuerealization.common.numbers import to_plain
from valuerealization.common.units import format_day

LEAST: Final = "min"
MOST: Final = "max"

_RANGED: Final = (Kind.NUMBER, Kind.DATE)
_FLAGS: Final = {"true": True, "false": False}
_ONE_DAY: Final = timedelta(days=1)


class FilterableAttribute(Protocol):
    """What has to be known of an attribute to filter by it."""

    @property
    def key(self) -> str:
        """Its key."""
        ...

    @property
    def name(self) -> str:
        """What people call it."""
        ...

    @property
    def type(self) -> str:
        """The kind of its values."""
        ...

    @property
    def choices(self) -> Sequence[str]:
        """What a choice is made from."""
        ...


@dataclass(frozen=True, slots=True)
class AttributeFilter:
    """One parameter about an attribute: what it was given, and the rule that this is.

    Shape:  `parameter` reads `attributes.<key>`, with `.min` or `.max` for an end of a range; `values` are
            alternatives, as the address spells them; `label` says it to people.
    """

    parameter: str
    values: tuple[str, ...]
    label: str
    rule: Group


def names_attribute(parameter: str) -> bool:
    """Tell whether a parameter of an address is about an attribute."""
    return parameter.startswith(ATTRIBUTE)


def attribute_filters(
    reader: ParameterReader, attributes: Iterable[FilterableAttribute]
) -> tuple[AttributeFilter, ...]:
    """Read every parameter about attributes; what is wrong with one is refused by the reader.

    Shape:  in the order of the attributes. A choice may be repeated; `none` is being without a value, unless that is
            a choice itself.
    """
    known = {each.key: each for each in attributes}
    asked: dict[str, dict[str, str]] = {}
    for name in reader.parameters:
        if not names_attribute(name):
            continue
        key, _, end = name.removeprefix(ATTRIBUTE).partition(".")
        if key not in known:
            reader.refuse(name, "unknown_attribute", "There is no such attribute, or it is archived.")
        elif end and (end not in (LEAST, MOST) or known[key].type not in _RANGED):
            reader.refuse(name, "unknown_parameter", "Only numbers and dates have a .min and a .max.")
        else:
            asked.setdefault(key, {})[end] = name
    return tuple(each for key, attribute in known.items() for each in _of_one(reader, attribute, asked.get(key, {})))


def _of_one(reader: ParameterReader, attribute: FilterableAttribute, ends: dict[str, str]) -> Iterable[AttributeFilter]:
    read = {end: _read(reader, attribute, name, end) for end, name in sorted(ends.items())}
    least, most = (_value(read.get(end)) for end in (LEAST, MOST))
    if least is not None and most is not None and least > most:
        message = "The upper end of the range lies below its lower end."
        reader.refuse(ends[MOST], "range_reversed", message)
        read = {"": read.get("")}
    return [each[0] for each in read.values() if each is not None]


def _value(read: tuple[AttributeFilter, Any] | None) -> Any:
    return read[1] if read else None


def _read(
    reader: ParameterReader, attribute: FilterableAttribute, name: str, end: str
) -> tuple[AttributeFilter, Any] | None:
    """Read one parameter, with the value that ranges are compared by; nothing when it is empty or refused."""
    kind = Kind(attribute.type)
    values, wanted = _choices(reader, attribute, name) if kind is Kind.CHOICE else _single(reader, kind, name, end)
    if not values:
        return None
    found = AttributeFilter(
        parameter=name,
        values=values,
        label=f"{attribute.name}: {_said(wanted, end)}",
        rule=Group(Match.ANY, tuple(_condition(attribute, kind, value, end) for value in wanted)),
    )
    return found, wanted[0]


def _choices(
    reader: ParameterReader, attribute: FilterableAttribute, name: str
) -> tuple[tuple[str, ...], list[str | None]]:
    values = reader.several(name, list(dict.fromkeys([*attribute.choices, NONE])))
    return values, [None if value == NONE and NONE not in attribute.choices else value for value in values]


def _single(reader: ParameterReader, kind: Kind, name: str, end: str) -> tuple[tuple[str, ...], list[Any]]:
    text = reader.text(name)
    if not end and text.lower() == NONE:
        return (NONE,), [None]
    value = _one(reader, kind, name, text) if text else None
    return ((), []) if value is None else ((text,), [value])


def _one(reader: ParameterReader, kind: Kind, name: str, text: str) -> Any:
    match kind:
        case Kind.NUMBER:
            return reader.number(name)
        case Kind.DATE:
            return reader.day(name)
        case Kind.FLAG:
            return _FLAGS.get(reader.choice(name, (*_FLAGS, NONE)))
        case _:
            return text


def _condition(attribute: FilterableAttribute, kind: Kind, value: Any, end: str) -> Condition:
    field = f"{ATTRIBUTE}{attribute.key}"
    if value is None:
        return Condition(field, kind, Op.IS_EMPTY)
    if end and kind is Kind.DATE:
        return Condition(field, kind, Op.AFTER if end == LEAST else Op.BEFORE, _beside(value, end))
    return Condition(field, kind, {"": Op.IS, LEAST: Op.AT_LEAST, MOST: Op.AT_MOST}[end], value)


def _beside(day: date, end: str) -> date:
    """Give the day beside an end that is inclusive; the calendar's own ends are far beyond any value."""
    if day in (date.min, date.max):
        return day
    return day - _ONE_DAY if end == LEAST else day + _ONE_DAY


def _said(values: Sequence[Any], end: str) -> str:
    texts = " or ".join(_shown(value) for value in values)
    return {"": texts, LEAST: f"{texts} or more", MOST: f"up to {texts}"}[end]


def _shown(value: Any) -> str:
    if value is None:
        return "not set"
    if isinstance(value, bool):
        return show_value(value).lower()
    if isinstance(value, date):
        return format_day(value, value, with_year=True)
    return value if isinstance(value, str) else to_plain(value)

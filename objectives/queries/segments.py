"""Which accounts a rule lets in: a rule becomes one condition on standings, whatever it asks about.

Status and value are those of the list that the rule narrows: live, or what the portfolio shows.
Source: docs/formulas.md#segments
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import reduce
from operator import and_, or_
from types import MappingProxyType
from typing import Any, Final

from django.db.models import (
    DateField,
    DateTimeField,
    DecimalField,
    Exists,
    F,
    Func,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Value,
)
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast, NullIf
from django.db.models.lookups import (
    Exact,
    GreaterThan,
    GreaterThanOrEqual,
    IContains,
    IExact,
    IsNull,
    IStartsWith,
    LessThan,
    LessThanOrEqual,
)

from accounts.attributes import Kind
from accounts.models import Attribute, Contact, ContactRole, SavedSegment, Segment, User
from accounts.rules import Condition, Field, Group, Match, Op, RuleRefused, conditions, parse_rule
from accounts.stages import Stage
from objectives.models import Metric, Reading, Standing
from objectives.queries.stages import in_stage
from objectives.status import STATUS_ORDER

ATTRIBUTE: Final = "attributes."
METRIC: Final = "metrics."
_NUMBER: Final = DecimalField(max_digits=40, decimal_places=6)


def _field(name: str, label: str, kind: Kind, choices: Iterable[tuple[str, Any]] | None = None) -> Field:
    return Field(name, label, kind, None if choices is None else tuple((value, str(text)) for value, text in choices))


# What every account has; attributes and metrics come to it as they are defined.
FIXED: Final = MappingProxyType(
    {
        each.name: each
        for each in (
            _field("status", "Status", Kind.CHOICE, [(status.value, status.label) for status in STATUS_ORDER]),
            _field("value_delivered", "Value delivered, %", Kind.NUMBER),
            _field("objectives", "Number of objectives", Kind.NUMBER),
            _field("last_progress_on", "Last progress", Kind.DATE),
            _field("name", "Name", Kind.TEXT),
            _field("external_id", "External id", Kind.TEXT),
            _field("owner", "Owner", Kind.CHOICE),
            _field("segment", "Size class", Kind.CHOICE, Segment.choices),
            _field("industry", "Industry", Kind.TEXT),
            _field("stage", "Stage", Kind.CHOICE, [(stage.value, stage.value.title()) for stage in Stage]),
            _field("arr", "ARR", Kind.NUMBER),
            _field("currency", "Currency", Kind.TEXT),
            _field("timezone", "Timezone", Kind.TEXT),
            _field("contract_signed_on", "Contract signed", Kind.DATE),
            _field("went_live_on", "Go-live", Kind.DATE),
            _field("renewal_on", "Renewal", Kind.DATE),
            _field("created_on", "Added", Kind.DATE),
            _field("contact_role", "Contact with the role", Kind.CHOICE, ContactRole.choices),
        )
    }
)


@dataclass(frozen=True, slots=True)
class ChosenSegment:
    """A saved segment as a filter holds it: its rule, read. Two are the same when their ids are."""

    pk: int
    name: str
    rule: Group


def rule_fields() -> dict[str, Field]:
    """List what a rule may ask about, with the choices of today: three queries."""
    owners = User.objects.filter(is_active=True).order_by("name", "pk").values_list("email", "name")
    found = dict(FIXED)
    found["owner"] = _field("owner", "Owner", Kind.CHOICE, owners)
    found |= attribute_fields(Attribute.objects.active().in_order())
    for key, name in Metric.objects.order_by("name", "pk").values_list("key", "name"):
        found[f"{METRIC}{key}"] = _field(f"{METRIC}{key}", name, Kind.NUMBER)
    return found


def fields_for(segment: SavedSegment | None) -> dict[str, Field]:
    """List what a rule may ask about, and what this segment's rule asks about already, be it archived by now."""
    found = rule_fields()
    if segment is not None:
        stored = StoredFields()
        try:
            used = {each.field for each in conditions(read_stored(segment.rule, fields=stored))}
        except RuleRefused:
            used = set()
        found |= {name: stored[name] for name in sorted(used - found.keys())}
    return found


def attribute_fields(attributes: Iterable[Attribute]) -> dict[str, Field]:
    """Make the fields that attributes are in rules."""
    return {
        f"{ATTRIBUTE}{each.key}": _field(
            f"{ATTRIBUTE}{each.key}", each.name, Kind(each.type),
            [(choice, choice) for choice in each.choices] if each.type == Kind.CHOICE else None,
        )
        for each in attributes
    }  # fmt: skip


def read_stored(stored: Mapping[str, Any], *, fields: Mapping[str, Field] | None = None) -> Group:
    """Read a rule that was saved: one query if it asks about attributes, else none; `fields` is shared among several.

    Raises: RuleRefused, when a field it asks about is no longer there.
    """
    return parse_rule(stored, fields=StoredFields() if fields is None else fields, is_stored=True)


def find_segment(pk: int) -> ChosenSegment | None:
    """Find a segment in use, with its rule: two queries at most; None if there is none or its rule can't be read."""
    segment = SavedSegment.objects.active().filter(pk=pk).first()
    if segment is None:
        return None
    try:
        return ChosenSegment(segment.pk, segment.name, read_stored(segment.rule))
    except RuleRefused:
        return None


def matching(rule: Group, *, on: date, live: bool = True) -> QuerySet[Standing]:
    """Pick the standings of accounts in use that a rule lets in, in no order.

    Shape: stages and relative dates count from the day `on`; `live` as in `objectives.queries.lists.standings`.
    Source: docs/formulas.md#segments
    """
    return Standing.objects.active().filter(condition(rule, on=on, live=live))


def condition(rule: Group, *, on: date, live: bool = True) -> Q:
    """Write a rule as one condition on standings.

    Source: docs/formulas.md#segments
    """
    parts = [
        condition(item, on=on, live=live) if isinstance(item, Group) else _compare(item, on=on, live=live)
        for item in rule.items
    ]
    return reduce(and_ if rule.match is Match.ALL else or_, parts)


class StoredFields(Mapping[str, Field]):
    """The fields that a saved rule may name: fixed ones, any metric, and attributes, read when first asked for."""

    def __init__(self) -> None:
        self._attributes: dict[str, Field] | None = None

    def __getitem__(self, name: str) -> Field:
        if name.startswith(METRIC):
            return _field(name, name.removeprefix(METRIC), Kind.NUMBER)
        if name.startswith(ATTRIBUTE):
            if self._attributes is None:
                self._attributes = attribute_fields(Attribute.objects.in_order())
            return self._attributes[name]
        return FIXED[name]

    def __iter__(self) -> Any:
        return iter(FIXED)

    def __len__(self) -> int:
        return len(FIXED)


def _compare(asked: Condition, *, on: date, live: bool) -> Q:
    if asked.field == "stage":
        return _member(asked, lambda value: in_stage(Stage(value), on=on), any_at_all=Q(pk__isnull=False))
    if asked.field == "contact_role":
        return _member(asked, _has_contact, any_at_all=Q(Exists(_contacts())))
    if asked.field.startswith(ATTRIBUTE) and asked.kind in (Kind.CHOICE, Kind.FLAG):
        # Containment and presence, which the index on attributes serves.
        key = asked.field.removeprefix(ATTRIBUTE)
        return _member(
            asked,
            lambda value: Q(account__attributes__contains={key: value}),
            any_at_all=Q(account__attributes__has_key=key),
        )
    expression = _expression(asked, live=live)
    present = Q(IsNull(expression, False))
    match asked.op:
        case Op.IS_EMPTY:
            return Q(IsNull(expression, True))
        case Op.IS_NOT_EMPTY:
            return present
        case Op.IS_NOT:
            return Q(IsNull(expression, True)) | ~Q(_is(asked, expression, asked.value))
        case Op.IS_ANY_OF:
            return present & _any_of(asked, lambda value: Q(_is(asked, expression, value)))
        case _:
            return present & _comparison(asked, expression, on=on)


def _member(asked: Condition, holds: Callable[[Any], Q], *, any_at_all: Q) -> Q:
    """Compare what is in or out, never unknown: `holds` tells it for one value, `any_at_all` that there is a value."""
    match asked.op:
        case Op.IS:
            return holds(asked.value)
        case Op.IS_NOT:
            return ~holds(asked.value)
        case Op.IS_ANY_OF:
            return _any_of(asked, holds)
        case Op.IS_EMPTY:
            return ~any_at_all
        case _:
            return any_at_all


def _any_of(asked: Condition, holds: Callable[[Any], Q]) -> Q:
    values = asked.value if isinstance(asked.value, tuple) else (asked.value,)
    return reduce(or_, map(holds, values))


def _comparison(asked: Condition, expression: Any, *, on: date) -> Q:
    value: Any = asked.value
    match asked.op:
        case Op.IS:
            return Q(_is(asked, expression, value))
        case Op.IN_NEXT_DAYS:
            return Q(GreaterThanOrEqual(expression, on)) & Q(LessThanOrEqual(expression, on + timedelta(days=value)))
        case Op.IN_LAST_DAYS:
            return Q(GreaterThanOrEqual(expression, on - timedelta(days=value))) & Q(LessThanOrEqual(expression, on))
        case Op.MORE_THAN_DAYS_AGO:
            return Q(LessThan(expression, on - timedelta(days=value)))
        case _:
            return Q(_LOOKUPS[asked.op](expression, value))


def _is(asked: Condition, expression: Any, value: Any) -> Any:
    return IExact(expression, value) if asked.kind is Kind.TEXT else Exact(expression, value)


_LOOKUPS: Final[Mapping[Op, Callable[[Any, Any], Any]]] = MappingProxyType(
    {
        Op.CONTAINS: IContains,
        Op.STARTS_WITH: IStartsWith,
        Op.AT_LEAST: GreaterThanOrEqual,
        Op.AT_MOST: LessThanOrEqual,
        Op.ABOVE: GreaterThan,
        Op.BELOW: LessThan,
        Op.BEFORE: LessThan,
        Op.AFTER: GreaterThan,
    }
)

_COLUMNS: Final = MappingProxyType({"owner": "owner__email", "arr": "arr", "objectives": "objectives_total"})
_BY_THE_LIST: Final = MappingProxyType({"status": "shown_status", "value_delivered": "shown_value"})
_LOCAL_DAYS: Final = MappingProxyType({"created_on": "account__created_at", "last_progress_on": "last_progress_at"})


def _expression(asked: Condition, *, live: bool) -> Any:
    """Give what a field is in SQL; without a value it is null."""
    name = asked.field
    if name.startswith(ATTRIBUTE) and asked.kind is not Kind.NUMBER:
        text = KeyTextTransform(name.removeprefix(ATTRIBUTE), "account__attributes")
        return Cast(text, DateField()) if asked.kind is Kind.DATE else text
    if asked.field.startswith((ATTRIBUTE, METRIC)):
        return _latest(name.removeprefix(ATTRIBUTE).removeprefix(METRIC))
    if name in _BY_THE_LIST:
        return F(name if live else _BY_THE_LIST[name])
    if name in _LOCAL_DAYS:
        return _local_day(_LOCAL_DAYS[name])
    column = F(_COLUMNS.get(name, f"account__{name}"))
    return NullIf(column, Value("")) if asked.kind is Kind.TEXT or name == "segment" else column


def _latest(key: str) -> Subquery:
    """Give the value of an account's newest reading of a metric."""
    metric = Metric.objects.filter(key=key).values("pk")[:1]
    readings = Reading.objects.filter(account=OuterRef("pk"), metric=Subquery(metric))
    newest = readings.order_by("-observed_at", "-recorded_at", "-pk").values("value")[:1]
    return Subquery(newest, output_field=_NUMBER)


def _local_day(column: str) -> Cast:
    """Give the day of an instant on the account's clock."""
    local = Func(F("account__timezone"), F(column), function="timezone", output_field=DateTimeField())
    return Cast(local, DateField())


def _contacts() -> QuerySet[Contact]:
    return Contact.objects.active().filter(account=OuterRef("pk"))


def _has_contact(role: str) -> Q:
    return Q(Exists(_contacts().in_role(role)))  # type: ignore[attr-defined]

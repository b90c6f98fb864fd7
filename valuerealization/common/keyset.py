"""Pages of a long list by the keys of their edge rows: the last page costs what the first does.

An order is one or more regions, read one after the other (rows with a value, then rows without). Inside a region every
key runs the same way, so one row comparison, `(a, b, c) > (x, y, z)`, finds where a page begins; an index on the keys
serves both the comparison and the sort.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.core.exceptions import ValidationError
from django.core.signing import BadSignature, Signer
from django.db import models
from django.db.models import F, Func, Q, QuerySet, Value
from django.db.models.expressions import Case, OrderBy, When

Row = TypeVar("Row", bound=models.Model)

_SIGNER = Signer(salt="valuerealization.common.keyset")
_REGION = "keyset_region"


class InvalidCursor(ValueError):
    """The cursor is forged, cut short, or belongs to another order."""


@dataclass(frozen=True, slots=True)
class Region:
    """Rows of an order that are sorted among themselves.

    Shape: `constant` counts the leading keys that hold one value, null included, throughout the region; the other keys
    are never null in it.
    """

    where: Q
    constant: int = 0


@dataclass(frozen=True, slots=True)
class Ordering:
    """A total order: field names, the last of them unique, all ascending or all descending.

    Shape: the regions come in this sequence in either direction, and each row is in exactly one.
    """

    name: str
    keys: tuple[str, ...]
    regions: tuple[Region, ...] = (Region(Q()),)
    is_descending: bool = False

    def terms(self) -> list[OrderBy]:
        """Give the whole order as arguments of `order_by`, for reading a list from end to end."""
        whens = [When(region.where, then=number) for number, region in enumerate(self.regions[:-1])]
        last = Value(len(whens))
        by_region = [Case(*whens, default=last).asc()] if whens else []
        return [*by_region, *self._key_terms(backward=False)]

    def _key_terms(self, *, backward: bool) -> list[OrderBy]:
        descending = self.is_descending != backward
        return [F(key).desc() if descending else F(key).asc() for key in self.keys]


@dataclass(frozen=True, slots=True)
class KeysetPage(Generic[Row]):
    """The rows of one page, and the cursors of its neighbours; None where there is no neighbour."""

    rows: list[Row]
    next_cursor: str | None
    previous_cursor: str | None


@dataclass(frozen=True, slots=True)
class _Edge:
    """A place between two rows: just past the row with these keys, looking forward or backward."""

    region: int
    values: tuple[Any, ...]
    backward: bool


def page(queryset: QuerySet[Row], ordering: Ordering, cursor: str | None = None, *, size: int) -> KeysetPage[Row]:
    """Read one page of a list.

    Shape:  two queries, whatever the regions: the places by their keys alone, then the rows with all that the queryset
            adds to them. Rows that appear or vanish meanwhile never repeat or hide another one. A page that ran out of
            rows in front gives way to the first one, behind to the last one.
    Raises: InvalidCursor.
    """
    if size < 1:
        raise ValueError("a page holds at least one row")
    edge = None if cursor is None else _open(cursor, queryset.model, ordering)
    backward = edge is not None and edge.backward
    places = _read(queryset, ordering, edge, backward=backward, limit=size + 1)
    if backward and len(places) < size:
        edge, backward = None, False
        places = _read(queryset, ordering, None, backward=False, limit=size + 1)
    elif edge is not None and not places:
        edge, backward = None, True
        places = _read(queryset, ordering, None, backward=True, limit=size + 1)
    has_more = len(places) > size
    places = places[:size]
    if backward:
        places.reverse()
        has_previous, has_next = has_more, edge is not None
    else:
        has_previous, has_next = edge is not None, has_more
    by_pk = {row.pk: row for row in queryset.filter(pk__in=[place["pk"] for place in places])}
    return KeysetPage(
        rows=[by_pk[place["pk"]] for place in places if place["pk"] in by_pk],
        next_cursor=_seal(places[-1], queryset.model, ordering, backward=False) if places and has_next else None,
        previous_cursor=_seal(places[0], queryset.model, ordering, backward=True) if places and has_previous else None,
    )


@dataclass(frozen=True, slots=True)
class _Key:
    """A key as the database holds it: its column's attribute, and the type of its values."""

    attribute: str
    type: models.Field[Any, Any]


def _compare(keys: Sequence[_Key], values: Sequence[Any], *, operator: str) -> Func:
    """Write SQL's `(a, b) > (x, y)`: what an index on (a, b) can start from."""
    columns = [F(key.attribute) for key in keys]
    constants = [Value(value, output_field=key.type) for key, value in zip(keys, values, strict=True)]
    sides = [
        Func(*side, template="(%(expressions)s)", output_field=models.BooleanField()) for side in (columns, constants)
    ]
    return Func(*sides, template="%(expressions)s", arg_joiner=f" {operator} ", output_field=models.BooleanField())


def _read(
    queryset: QuerySet[Any], ordering: Ordering, edge: _Edge | None, *, backward: bool, limit: int
) -> list[dict[str, Any]]:
    """Read primary keys and sort keys from an edge, or from the list's end, in reading direction."""
    step = -1 if backward else 1
    numbers = list(range(len(ordering.regions)))[::step]
    if edge is not None:
        numbers = numbers[numbers.index(edge.region) :]
    key_terms = ordering._key_terms(backward=backward)
    wanted = dict.fromkeys(["pk", _REGION, *(key.attribute for key in _keys(queryset.model, ordering))])
    parts = []
    for number in numbers:
        region = ordering.regions[number]
        part = queryset.filter(region.where)
        if edge is not None and number == edge.region:
            keys = _keys(queryset.model, ordering, region)
            operator = "<" if ordering.is_descending != backward else ">"
            part = part.filter(_compare(keys, edge.values, operator=operator))
        part = part.annotate(**{_REGION: Value(number, output_field=models.SmallIntegerField())})
        parts.append(part.order_by(*key_terms).values(*wanted)[:limit])
    if len(parts) == 1:
        return list(parts[0])
    by_region = F(_REGION).desc() if backward else F(_REGION).asc()
    return list(parts[0].union(*parts[1:], all=True).order_by(by_region, *key_terms)[:limit])


def _keys(model: type[models.Model], ordering: Ordering, region: Region | None = None) -> list[_Key]:
    """List the keys of an order, or those that tell the rows of a region apart."""
    keys = []
    for name in ordering.keys[region.constant if region else 0 :]:
        field: Any = model._meta.get_field(name)
        kind = field.target_field if field.is_relation else field
        keys.append(_Key(field.attname, getattr(kind, "output_field", kind)))
    return keys


def _seal(place: dict[str, Any], model: type[models.Model], ordering: Ordering, *, backward: bool) -> str:
    number = place[_REGION]
    values = [str(place[key.attribute]) for key in _keys(model, ordering, ordering.regions[number])]
    return _SIGNER.sign_object([ordering.name, int(backward), number, values], compress=True)


def _open(cursor: str, model: type[models.Model], ordering: Ordering) -> _Edge:
    try:
        name, backward, number, texts = _SIGNER.unsign_object(cursor)
        if name != ordering.name:
            raise InvalidCursor("The cursor belongs to a list in another order.")
        keys = _keys(model, ordering, ordering.regions[number])
        values = tuple(key.type.to_python(text) for key, text in zip(keys, texts, strict=True))
    except InvalidCursor:
        raise
    except (BadSignature, ValidationError, ValueError, TypeError, IndexError) as error:
        raise InvalidCursor("The cursor is not one that this list gave out.") from error
    return _Edge(region=number, values=values, backward=bool(backward))

"""Lists of accounts: one set of filters and orders for pages, API and exports.

Names and spelling are those of the API, so that an address of one is an address of the other.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final, Self

from django.db.models import Q, QuerySet

from accounts.models import Account, Attribute, Segment
from accounts.stages import Stage
from objectives.models import Standing
from objectives.queries.attribute_filters import (
    AttributeFilter,
    FilterableAttribute,
    attribute_filters,
    names_attribute,
)
from objectives.queries.parameters import NONE, ParameterError, ParameterReader
from objectives.queries.segments import ChosenSegment, condition, find_segment
from objectives.queries.stages import in_stage
from objectives.status import STATUS_ORDER, Status
from valuerealization.common.keyset import Ordering, Region
from valuerealization.common.numbers import to_plain

UNSCORED_RANK: Final = 9  # as value_status_rank() gives it
NO_RENEWAL: Final = date(9999, 12, 31)  # as the standing's trigger writes it
DEFAULT_ORDERING: Final = "worst"

_STATUSES: Final = (*(status.value for status in STATUS_ORDER), NONE)
_ID: Final = re.compile(r"[0-9]{1,18}", re.ASCII)


class Column(StrEnum):
    """What a list of accounts can be sorted by; a leading `-` turns it around."""

    WORST = "worst"
    NAME = "name"
    VALUE_DELIVERED = "value_delivered"
    RENEWAL_ON = "renewal_on"
    ARR = "arr"


ORDERINGS: Final = tuple(f"{sign}{column}" for column in Column for sign in ("", "-"))


@dataclass(frozen=True, slots=True)
class AccountFilter:
    """Which accounts a list shows; without arguments every one that is not archived.

    Shape: values within one field are alternatives, fields narrow each other down. `value_min` and `value_max` are
           inclusive; `renewal_before` is not. `in_segment` is a saved segment, `segment` the size class; `attributes`
           are custom ones.
    Units: value in percent, compared as stored.
    """

    status: tuple[str, ...] = ()
    search: str = ""
    owner: str = ""
    segment: str = ""
    industry: str = ""
    stage: str = ""
    value_min: Decimal | None = None
    value_max: Decimal | None = None
    renewal_before: date | None = None
    in_segment: ChosenSegment | None = None
    attributes: tuple[AttributeFilter, ...] = ()
    archived: bool = False

    @classmethod
    def parse(
        cls, parameters: Mapping[str, Any], *, attributes: Iterable[FilterableAttribute] | None = None
    ) -> tuple[Self, tuple[ParameterError, ...]]:
        """Read a filter from the parameters of an address: no query, or two with a saved segment.

        Shape: the filter of every parameter that can be read, and an error for each that cannot: a page shows both,
               the API refuses. Parameters of other names are not looked at; `status` may be repeated or hold commas.
               `attributes` are the custom ones in use; unless given, a parameter about one costs a query.
        """
        reader = ParameterReader(parameters)
        if attributes is None:
            is_asked = any(map(names_attribute, parameters))
            attributes = Attribute.objects.active().in_order() if is_asked else ()
        found = cls(
            status=reader.choices("status", _STATUSES),
            search=reader.text("search"),
            owner=reader.text("owner").lower(),
            segment=reader.choice("segment", (*Segment.values, NONE)),
            industry=reader.text("industry"),
            stage=reader.choice("stage", list(Stage)),
            value_min=reader.number("value_min"),
            value_max=reader.number("value_max"),
            renewal_before=reader.day("renewal_before"),
            in_segment=_segment(reader, "in_segment"),
            attributes=attribute_filters(reader, attributes),
            archived=reader.choice("archived", ("true", "false")) == "true",
        )
        if found.value_min is not None and found.value_max is not None and found.value_min > found.value_max:
            reader.refuse("value_max", "range_reversed", "The upper end of the range lies below its lower end.")
            found = replace(found, value_min=None, value_max=None)
        return found, tuple(reader.errors)

    @property
    def is_empty(self) -> bool:
        """Tell whether nothing is filtered."""
        return self == type(self)()

    def as_parameters(self) -> dict[str, list[str]]:
        """Write the filter as the parameters of an address, only those that are set."""
        written = {
            "status": list(self.status),
            "search": [self.search],
            "owner": [self.owner],
            "segment": [self.segment],
            "industry": [self.industry],
            "stage": [self.stage],
            "value_min": [_plain(self.value_min)],
            "value_max": [_plain(self.value_max)],
            "renewal_before": [self.renewal_before.isoformat() if self.renewal_before else ""],
            "in_segment": [str(self.in_segment.pk) if self.in_segment else ""],
            **{each.parameter: list(each.values) for each in self.attributes},
            "archived": ["true" if self.archived else ""],
        }
        return {name: values for name, values in written.items() if any(values)}


def parse_ordering(text: str) -> tuple[str, tuple[ParameterError, ...]]:
    """Read the `ordering` of an address; an unknown one gives the default and an error."""
    if not text or text in ORDERINGS:
        return text or DEFAULT_ORDERING, ()
    message = f"Sort by one of {', '.join(ORDERINGS)}."
    return DEFAULT_ORDERING, (ParameterError("ordering", "invalid_choice", message),)


def standings(wanted: AccountFilter, *, live: bool, on: date) -> QuerySet[Standing]:
    """Pick the standings of the accounts that a filter lets through, in no order.

    Shape: `live` compares the score as it is now, otherwise what the portfolio shows. Stages count from the day `on`.
    Source: docs/formulas.md#portfolio
    """
    value, rank = ("value_delivered", "status_rank") if live else ("shown_value", "shown_rank")
    rows = Standing.objects.filter(is_archived=wanted.archived)
    if wanted.status:
        ranks = sorted({UNSCORED_RANK if status == NONE else Status(status).rank for status in wanted.status})
        rows = rows.filter(**{rank: ranks[0]} if len(ranks) == 1 else {f"{rank}__in": ranks})
    if wanted.search:
        rows = rows.filter(account__in=Account.objects.search(wanted.search).values("id"))
    if wanted.owner:
        rows = rows.filter(owner=None) if wanted.owner == NONE else rows.filter(owner__email=wanted.owner)
    if wanted.segment:
        rows = rows.filter(segment="" if wanted.segment == NONE else wanted.segment)
    if wanted.industry:
        rows = rows.filter(account__industry__iexact=wanted.industry)
    if wanted.stage:
        rows = rows.filter(in_stage(Stage(wanted.stage), on=on))
    if wanted.value_min is not None:
        rows = rows.filter(**{f"{value}__gte": wanted.value_min})
    if wanted.value_max is not None:
        rows = rows.filter(**{f"{value}__lte": wanted.value_max})
    if wanted.renewal_before is not None:
        rows = rows.filter(renewal_key__lt=wanted.renewal_before)
    if wanted.in_segment is not None:
        rows = rows.filter(condition(wanted.in_segment.rule, on=on, live=live))
    for asked in wanted.attributes:
        rows = rows.filter(condition(asked.rule, on=on, live=live))
    return rows


def ordering(name: str, *, live: bool) -> Ordering:
    """Build the order of a list of standings.

    Shape: worst first sorts by status, value, renewal, name and id; any other column by itself, then name and id.
           What a row lacks puts it last in either direction; a `-` turns everything else around.
    Raises: KeyError for an unknown name.
    Source: docs/formulas.md#portfolio
    """
    return _ORDERINGS[live, name]


def _build_ordering(name: str, *, live: bool) -> Ordering:
    value, rank = ("value_delivered", "status_rank") if live else ("shown_value", "shown_rank")
    ties = ("name_key", "account")
    keys: tuple[str, ...]
    regions: tuple[Region, ...]
    match Column(name.removeprefix("-")):
        case Column.WORST:
            keys = (rank, value, "renewal_key", *ties)
            unscored = Q(**{rank: UNSCORED_RANK, f"{value}__isnull": True})
            regions = (Region(Q(**{f"{rank}__lt": UNSCORED_RANK})), Region(unscored, constant=2))
        case Column.VALUE_DELIVERED:
            keys, regions = (value, *ties), _present_first(value)
        case Column.ARR:
            keys, regions = ("arr", *ties), _present_first("arr")
        case Column.RENEWAL_ON:
            keys = ("renewal_key", *ties)
            regions = (Region(Q(renewal_key__lt=NO_RENEWAL)), Region(Q(renewal_key=NO_RENEWAL), constant=1))
        case Column.NAME:
            keys, regions = ties, (Region(Q()),)
    return Ordering(f"{'live' if live else 'shown'} {name}", keys, regions, is_descending=name.startswith("-"))


def _present_first(column: str) -> tuple[Region, ...]:
    return (Region(Q(**{f"{column}__isnull": False})), Region(Q(**{f"{column}__isnull": True}), constant=1))


_ORDERINGS: Final = MappingProxyType(
    {(live, name): _build_ordering(name, live=live) for live in (True, False) for name in ORDERINGS}
)


def _plain(value: Decimal | None) -> str:
    return "" if value is None else to_plain(value)


def _segment(reader: ParameterReader, name: str) -> ChosenSegment | None:
    text = reader.text(name)
    if not text:
        return None
    found = find_segment(int(text)) if _ID.fullmatch(text) else None
    if found is None:
        reader.refuse(name, "not_found", "There is no such segment, or it is archived.")
    return found

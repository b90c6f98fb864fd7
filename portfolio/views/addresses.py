"""The state of a list of accounts, which lives in its address: filters, order and page."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Final, Self
from urllib.parse import urlencode

from django.http import QueryDict

from accounts.models import Segment
from accounts.stages import Stage
from objectives.queries.lists import DEFAULT_ORDERING, NONE, AccountFilter, Column, ParameterError, parse_ordering
from objectives.status import Status, label_of
from valuerealization.common.numbers import to_plain
from valuerealization.common.units import MINUS, format_day

ORDER_NAMES: Final = {
    "worst": "Worst first",
    "-worst": "Best first",
    "name": "By name, A to Z",
    "-name": "By name, Z to A",
    "value_delivered": "Lowest value first",
    "-value_delivered": "Highest value first",
    "renewal_on": "Next renewal first",
    "-renewal_on": "Latest renewal first",
    "arr": "Lowest ARR first",
    "-arr": "Highest ARR first",
}
PARAMETER_NAMES: Final = {
    "value_min": "Lowest value",
    "value_max": "Highest value",
    "renewal_before": "Renewal before",
    "ordering": "Order",
}


@dataclass(frozen=True, slots=True)
class Chip:
    """A filter that is on, and the address without it."""

    label: str
    href: str


@dataclass(frozen=True, slots=True)
class Heading:
    """The sort link of a column: where it leads, and how the list is sorted by it now (empty when it is not)."""

    href: str
    direction: str


@dataclass(frozen=True, slots=True)
class ListAddress:
    """The address of a list, read from a request and written into its links.

    Shape:  `view` holds what the page shows beside the list (a period, a table); it stays when filters change. `errors`
            lists what could not be read and was left out.
    """

    path: str
    filter: AccountFilter
    ordering: str = DEFAULT_ORDERING
    cursor: str | None = None
    view: tuple[tuple[str, str], ...] = ()
    errors: tuple[ParameterError, ...] = field(default=(), compare=False)

    @classmethod
    def parse(cls, path: str, parameters: QueryDict, *, view: Iterable[tuple[str, str]] = ()) -> Self:
        """Read an address; archived accounts have no place in it."""
        wanted, errors = AccountFilter.parse(parameters)
        ordering, order_errors = parse_ordering(parameters.get("ordering", ""))
        return cls(
            path=path,
            filter=replace(wanted, archived=False),
            ordering=ordering,
            cursor=parameters.get("cursor") or None,
            view=tuple((name, value) for name, value in view if value),
            errors=tuple(error for error in (*errors, *order_errors) if error.parameter != "archived"),
        )

    @property
    def href(self) -> str:
        """Write the address as short as it can be."""
        return self._written()

    @property
    def first_page(self) -> str:
        """Write the address of the list's beginning."""
        return self.at(None)

    @property
    def cleared(self) -> str:
        """Write the address of the whole list, in the same order."""
        return replace(self, filter=AccountFilter(), cursor=None)._written()

    @property
    def export(self) -> str:
        """Write the address of the list as a file: same filters, same order."""
        return replace(self, cursor=None, view=(("export", "csv"),))._written()

    @property
    def query(self) -> str:
        """Write the filters alone, to hand them to another page."""
        return urlencode(self.filter.as_parameters(), doseq=True)

    def at(self, cursor: str | None) -> str:
        """Write the address of another page of the same list."""
        return replace(self, cursor=cursor)._written()

    def with_view(self, **view: str) -> str:
        """Write the address of the same rows with something else shown beside them."""
        kept = dict(self.view) | view
        return replace(self, view=tuple((name, value) for name, value in kept.items() if value))._written()

    def with_status(self, status: str) -> str:
        """Write the address of the accounts with one status, whatever else is filtered."""
        return replace(self, filter=replace(self.filter, status=(status,)), cursor=None)._written()

    def heading(self, column: Column) -> Heading:
        """Build the sort link of a column: by it, or the other way around if it already is."""
        current = self.ordering.removeprefix("-") == column
        flipped = current and not self.ordering.startswith("-")
        order = f"-{column}" if flipped else str(column)
        direction = ("ascending" if flipped else "descending") if current else ""
        return Heading(replace(self, ordering=order, cursor=None)._written(), direction)

    def hidden(self, *without: str) -> dict[str, list[str]]:
        """List what a form has to carry along, besides the fields it shows."""
        return {name: values for name, values in self._parameters().items() if name not in (*without, "cursor")}

    def chips(self, *, owner_name: str = "") -> list[Chip]:
        """List the filters that are on; `owner_name` is that of the owner filtered by."""
        on = self.filter
        labels: list[tuple[str, dict[str, object]]] = []
        if on.search:
            labels.append((f"Name: {on.search}", {"search": ""}))
        for status in on.status:
            rest = tuple(other for other in on.status if other != status)
            label = label_of(None if status == NONE else Status(status))
            labels.append((f"Status: {label.lower()}", {"status": rest}))
        if on.owner:
            labels.append((f"Owner: {'nobody' if on.owner == NONE else owner_name or on.owner}", {"owner": ""}))
        if on.segment:
            segment = "none" if on.segment == NONE else Segment(on.segment).label
            labels.append((f"Segment: {segment}", {"segment": ""}))
        if on.industry:
            labels.append((f"Industry: {on.industry}", {"industry": ""}))
        if on.stage:
            labels.append((f"Stage: {Stage(on.stage)}", {"stage": ""}))
        if on.value_min is not None or on.value_max is not None:
            labels.append((f"Value: {_range(on.value_min, on.value_max)}", {"value_min": None, "value_max": None}))
        if on.renewal_before:
            day = format_day(on.renewal_before, on.renewal_before, with_year=True)
            labels.append((f"Renewal before {day}", {"renewal_before": None}))
        return [
            Chip(label, replace(self, filter=replace(on, **change), cursor=None)._written())  # type: ignore[arg-type]
            for label, change in labels
        ]

    def complaints(self) -> list[str]:
        """Say what of the address could not be read."""
        return [
            f"{PARAMETER_NAMES.get(error.parameter, error.parameter.capitalize())}: {error.message}"
            for error in self.errors
        ]

    def _parameters(self) -> dict[str, list[str]]:
        order = "" if self.ordering == DEFAULT_ORDERING else self.ordering
        rest = {"ordering": order, "cursor": self.cursor or "", **dict(self.view)}
        return self.filter.as_parameters() | {name: [value] for name, value in rest.items() if value}

    def _written(self) -> str:
        query = urlencode(self._parameters(), doseq=True)
        return f"{self.path}?{query}" if query else self.path


def _range(low: Decimal | None, high: Decimal | None) -> str:
    if low is None:
        return f"up to {_pct(high)}"
    return f"{_pct(low)} or more" if high is None else f"{_pct(low)} to {_pct(high)}"


def _pct(value: Decimal | None) -> str:
    return f"{to_plain(value or Decimal(0)).replace('-', MINUS)}%"

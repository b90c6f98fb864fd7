"""The state of a list of accounts, which lives in its address: filters, order, columns and page."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, Final, Self
from urllib.parse import urlencode

from django.urls import reverse

from accounts.models import Segment
from accounts.stages import Stage
from objectives.queries.attribute_filters import names_attribute
from objectives.queries.lists import DEFAULT_ORDERING, AccountFilter, Column
from objectives.queries.parameters import NONE, ParameterError
from objectives.queries.trend import DEFAULT_MONTHS
from objectives.status import Status, label_of
from portfolio.queries.choices import AttributeChoice
from portfolio.queries.columns import ListColumn, ListKind, offered
from portfolio.queries.states import ListState, first
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
    "in_segment": "In segment",
    "ordering": "Order",
    "columns": "Columns",
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

    Shape:  `columns` are the keys chosen, empty for the usual ones; `months` is the period of the trend and of before
            and now; `view` holds what the page shows beside the list (a table, a saved view); it stays when filters
            change. With `has_default` a bare address would open the person's default view, so `view=all` is written
            instead. `errors` lists what could not be read and was left out.
    """

    kind: ListKind
    filter: AccountFilter = field(default_factory=AccountFilter)
    ordering: str = DEFAULT_ORDERING
    columns: tuple[str, ...] = ()
    months: int = DEFAULT_MONTHS
    cursor: str | None = None
    view: tuple[tuple[str, str], ...] = ()
    has_default: bool = False
    errors: tuple[ParameterError, ...] = field(default=(), compare=False)
    offered: tuple[ListColumn, ...] = field(default=(), compare=False)

    @classmethod
    def parse(
        cls,
        kind: ListKind,
        parameters: Mapping[str, Any],
        *,
        view: Iterable[tuple[str, str]] = (),
        has_default: bool = False,
        attributes: Iterable[AttributeChoice] | None = None,
    ) -> Self:
        """Read an address; what is not one of its parameters is not looked at.

        Shape:  `attributes` are the custom ones that there are columns for; unless given they cost a query.
        """
        among = offered(attributes)
        state, errors = ListState.parse(kind, parameters, among=among)
        return cls(
            kind=kind,
            filter=state.filter,
            ordering=state.ordering,
            columns=state.columns,
            months=state.months,
            cursor=first(parameters, "cursor") or None,
            view=tuple((name, value) for name, value in view if value),
            has_default=has_default,
            errors=errors,
            offered=among,
        )

    @property
    def state(self) -> ListState:
        """Give everything that makes the list what it is, but not the page it is at: what a saved view keeps."""
        return ListState(self.filter, self.ordering, self.columns, self.months)

    @property
    def order_name(self) -> str:
        """Say how the list is sorted."""
        return ORDER_NAMES[self.ordering]

    @property
    def path(self) -> str:
        """Give the address of the list without any state."""
        return reverse(self.kind.url_name)

    @property
    def shown(self) -> tuple[ListColumn, ...]:
        """List the columns that are shown, in their order."""
        wanted = self.columns or self.kind.usual
        return tuple(column for column in self.offered if column.key in wanted)

    @property
    def shown_keys(self) -> tuple[str, ...]:
        """List the keys of the columns that are shown."""
        return tuple(column.key for column in self.shown)

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
    def usual_columns(self) -> str:
        """Write the address of the same rows in the usual columns."""
        return replace(self, columns=(), cursor=None)._written()

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

    def with_months(self, months: int) -> str:
        """Write the address of the same rows over another period."""
        return replace(self, months=months)._written()

    def with_owner(self, owner: str) -> str:
        """Write the address of the accounts of one owner, or of everybody's, whatever else is filtered."""
        return replace(self, filter=replace(self.filter, owner=owner), cursor=None)._written()

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
        for asked in on.attributes:
            rest_of = tuple(other for other in on.attributes if other != asked)
            labels.append((asked.label, {"attributes": rest_of}))
        if on.archived:
            labels.append(("Archived", {"archived": False}))
        if on.in_segment is not None:
            labels.append((f"In segment: {on.in_segment.name}", {"in_segment": None}))
        return [
            Chip(label, replace(self, filter=replace(on, **change), cursor=None)._written())  # type: ignore[arg-type]
            for label, change in labels
        ]

    def complaints(self) -> list[str]:
        """Say what of the address could not be read."""
        return [f"{self._name_of(error.parameter)}: {error.message}" for error in self.errors]

    def _name_of(self, parameter: str) -> str:
        if names_attribute(parameter):
            key = parameter.split(".")[1]
            return next((each.name for each in self.offered if each.attribute and each.attribute.key == key), key[:40])
        return PARAMETER_NAMES.get(parameter, parameter.capitalize())

    def _parameters(self) -> dict[str, list[str]]:
        rest = {"cursor": self.cursor or "", **dict(self.view)}
        return self.state.as_parameters() | {name: [value] for name, value in rest.items() if value}

    def _written(self) -> str:
        query = urlencode(self._parameters(), doseq=True) or ("view=all" if self.has_default else "")
        return f"{self.path}?{query}" if query else self.path


def _range(low: Decimal | None, high: Decimal | None) -> str:
    if low is None:
        return f"up to {_pct(high)}"
    return f"{_pct(low)} or more" if high is None else f"{_pct(low)} to {_pct(high)}"


def _pct(value: Decimal | None) -> str:
    return f"{to_plain(value or Decimal(0)).replace('-', MINUS)}%"

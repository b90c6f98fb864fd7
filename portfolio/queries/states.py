"""The state of a list of accounts, apart from any page: read from parameters, kept in a saved view, written again."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Self

from objectives.queries.lists import DEFAULT_ORDERING, AccountFilter, parse_ordering
from objectives.queries.parameters import ParameterError
from objectives.queries.trend import DEFAULT_MONTHS, PERIODS
from portfolio.queries.columns import ListColumn, ListKind, offered

PARAMETERS: Final = ("ordering", "columns", "months")


@dataclass(frozen=True, slots=True)
class ListState:
    """What makes a list what it is, but not the page it is at.

    Shape:  `columns` are the keys chosen, empty for the usual ones; `months` is the period of the trend and of before
            and now.
    """

    filter: AccountFilter
    ordering: str = DEFAULT_ORDERING
    columns: tuple[str, ...] = ()
    months: int = DEFAULT_MONTHS

    @classmethod
    def parse(
        cls, kind: ListKind, parameters: Mapping[str, Any], *, among: Iterable[ListColumn] | None = None
    ) -> tuple[Self, tuple[ParameterError, ...]]:
        """Read a state from the parameters of an address, and say what of it could not be read.

        Shape:  parameters of other names are not looked at.
        """
        columns_there = tuple(offered() if among is None else among)
        attributes = [column.attribute for column in columns_there if column.attribute]
        wanted, errors = AccountFilter.parse(parameters, attributes=attributes)
        ordering, order_errors = parse_ordering(first(parameters, "ordering"))
        columns, column_errors = parse_columns(values(parameters, "columns"), among=columns_there, kind=kind)
        if not kind.has_archived:
            wanted = replace(wanted, archived=False)
            errors = tuple(error for error in errors if error.parameter != "archived")
        state = cls(wanted, ordering, columns, parse_months(first(parameters, "months")))
        return state, (*errors, *order_errors, *column_errors)

    def as_parameters(self) -> dict[str, list[str]]:
        """Write the state as the parameters of an address, only what is not the usual."""
        rest = {
            "ordering": "" if self.ordering == DEFAULT_ORDERING else self.ordering,
            "columns": ",".join(self.columns),
            "months": "" if self.months == DEFAULT_MONTHS else str(self.months),
        }
        return self.filter.as_parameters() | {name: [value] for name, value in rest.items() if value}

    def as_json(self) -> dict[str, Any]:
        """Write the state as a saved view keeps it."""
        found: dict[str, Any] = {"filter": self.filter.as_parameters()}
        if self.ordering != DEFAULT_ORDERING:
            found["ordering"] = self.ordering
        if self.columns:
            found["columns"] = list(self.columns)
        if self.months != DEFAULT_MONTHS:
            found["months"] = self.months
        return found


def parameters_of(state: Mapping[str, Any]) -> dict[str, list[str]]:
    """Write what a saved view keeps as the parameters of an address, without asking whether it still makes sense."""
    found = {str(name): [str(each) for each in given] for name, given in dict(state.get("filter") or {}).items()}
    rest = {
        "ordering": str(state.get("ordering") or ""),
        "columns": ",".join(str(key) for key in state.get("columns") or ()),
        "months": str(state.get("months") or ""),
    }
    return found | {name: [value] for name, value in rest.items() if value}


def parse_columns(
    given: Iterable[str], *, among: Iterable[ListColumn], kind: ListKind
) -> tuple[tuple[str, ...], tuple[ParameterError, ...]]:
    """Read the columns of an address, repeated or with commas; the usual ones are no choice.

    Shape:  in the order in which columns stand; an unknown one is left out with an error.
    """
    asked = {part.strip() for text in given for part in text.split(",") if part.strip()}
    known = tuple(column.key for column in among)
    unknown = sorted(asked - set(known))
    errors: tuple[ParameterError, ...] = ()
    if unknown:
        names = ", ".join(name[:40] for name in unknown[:5])
        text = f"There is no column {names} any more; the others are shown."
        errors = (ParameterError("columns", "unknown_column", text),)
    found = tuple(key for key in known if key in asked)
    return (() if set(found) == set(kind.usual) else found), errors


def parse_months(text: str) -> int:
    """Read the period of an address; one that isn't offered is the usual one."""
    return next((months for months in PERIODS if str(months) == text), DEFAULT_MONTHS)


def values(parameters: Mapping[str, Any], name: str) -> list[str]:
    """List every value of a parameter, whatever kind of mapping it comes in."""
    getlist = getattr(parameters, "getlist", None)
    found = getlist(name) if getlist else parameters.get(name, [])
    return [found] if isinstance(found, str) else [str(each) for each in found]


def first(parameters: Mapping[str, Any], name: str) -> str:
    """Give the last value of a parameter, as Django does; empty without one."""
    found = values(parameters, name)
    return found[-1] if found else ""

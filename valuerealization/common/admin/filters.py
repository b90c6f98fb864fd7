"""Filters of lists that stay quick on long tables and take no harm from odd input."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.http import HttpRequest
from unfold.contrib.filters.admin import (
    AutocompleteSelectFilter,
    BooleanRadioFilter,
    ChoicesDropdownFilter,
    DropdownFilter,
    RangeDateFilter,
    RangeDateTimeFilter,
)
from unfold.contrib.filters.admin.mixins import RangeNumericMixin

from valuerealization.common.numbers import NumberRefused, parse_decimal

if TYPE_CHECKING:
    from django.contrib.admin import FieldListFilter, SimpleListFilter

    class _NumberFilter(FieldListFilter):
        parameter_name: str

        def init_used_parameters(self, params: dict[str, Any]) -> None: ...

    class _Dropdown(SimpleListFilter): ...

else:
    _Dropdown = DropdownFilter

    class _NumberFilter(RangeNumericMixin, admin.FieldListFilter):
        pass


__all__ = [
    "AutocompleteSelectFilter",
    "BooleanRadioFilter",
    "ChoicesDropdownFilter",
    "NumberRange",
    "RangeDateFilter",
    "RangeDateTimeFilter",
    "Whether",
    "number_range",
]


class NumberRange(_NumberFilter):
    """From and to, both inclusive, of any column with numbers; what is no number narrows nothing."""

    def __init__(self, field: Any, request: HttpRequest, params: Any, model: Any, site: Any, field_path: str) -> None:
        super().__init__(field, request, params, model, site, field_path)
        self.request = request
        self.parameter_name = field_path
        self.init_used_parameters(params)

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:  # noqa: ARG002
        """Keep the rows within the range."""
        for end, lookup in (("from", "gte"), ("to", "lte")):
            typed = str(self.used_parameters.get(f"{self.parameter_name}_{end}") or "").strip()
            if not typed:
                continue
            try:
                queryset = queryset.filter(**{f"{self.parameter_name}__{lookup}": parse_decimal(typed)})
            except NumberRefused:
                continue
        return queryset


def number_range(title: str) -> type[NumberRange]:
    """Make a range with a heading of its own, for columns whose name says too little."""

    def headed(self: Any, *arguments: Any, **named: Any) -> None:
        NumberRange.__init__(self, *arguments, **named)
        self.title = title

    return type("TitledNumberRange", (NumberRange,), {"__init__": headed})


class Whether(_Dropdown):
    """One of two answers; a subclass names the column that is empty, and both."""

    column: str
    filled: str
    empty: str

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:  # noqa: ARG002
        """Offer both."""
        return [("no", self.empty), ("yes", self.filled)]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:  # noqa: ARG002
        """Keep the rows whose column is filled, or empty."""
        answer = self.value()
        if answer not in {"yes", "no"}:
            return queryset
        return queryset.filter(**{f"{self.column}__isnull": answer == "no"})

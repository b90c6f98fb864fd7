"""Scores and statuses as the admin shows them, and a filter by status."""

from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from django.http import HttpRequest

from objectives.status import STATUS_ORDER, Status
from valuerealization.common.admin import NOTHING, pill
from valuerealization.common.units import format_pct

if TYPE_CHECKING:
    from django.contrib.admin import SimpleListFilter as DropdownFilter
else:
    from unfold.contrib.filters.admin import DropdownFilter

SCORE: Final = "standing__shown_value"
_NONE: Final = "none"


def percent(value: Decimal | None) -> str:
    """Write a percentage as pages do."""
    return NOTHING if value is None else format_pct(value)


def status_pill(status: str | None) -> str:
    """Show a status, or that there is none."""
    return pill(Status(status).label, status=Status(status).slug) if status else pill("No score")


class StatusFilter(DropdownFilter):
    """By the status that the portfolio shows; a subclass names another column."""

    title = "status"
    parameter_name = "status"
    column = "standing__shown_status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:  # noqa: ARG002
        """Offer the statuses, worst first."""
        return [*((status.value, status.label) for status in STATUS_ORDER), (_NONE, "No score")]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:  # noqa: ARG002
        """Keep the chosen status."""
        chosen = self.value()
        if chosen == _NONE:
            return queryset.filter(**{f"{self.column}__isnull": True})
        return queryset.filter(**{self.column: chosen}) if chosen in set(Status) else queryset

"""The audit log in the admin: to read and to search."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.http import HttpRequest

from valuerealization.common.admin.base import LedgerAdmin
from valuerealization.common.admin.exports import ExportMixin, columns_of
from valuerealization.common.admin.filters import ChoicesDropdownFilter, RangeDateTimeFilter
from valuerealization.common.models import AuditEntry

if TYPE_CHECKING:
    from django.contrib.admin import SimpleListFilter as DropdownFilter
else:
    from unfold.contrib.filters.admin import DropdownFilter


class SubjectFilter(DropdownFilter):
    """Narrow the audit log to one kind of record, without reading it for the choices."""

    title = "subject"
    parameter_name = "subject"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:  # noqa: ARG002
        """List the kinds of records whose changes are written down."""
        audited = [model for model, site in admin.site._registry.items() if getattr(site, "is_audited", False)]
        choices = [(model._meta.label_lower, str(model._meta.verbose_name)) for model in audited]
        return sorted(choices, key=lambda choice: choice[1].lower())

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:  # noqa: ARG002
        """Keep entries about the chosen kind."""
        return queryset.filter(subject_type=self.value()) if self.value() else queryset


@admin.register(AuditEntry)
class AuditEntryAdmin(ExportMixin, LedgerAdmin[AuditEntry]):
    """Who did what."""

    section = "System"
    icon = "history_edu"
    list_display = ("at", "actor_name", "actor_kind", "action", "subject_label", "account_id", "request_id")
    exported = columns_of(
        AuditEntry, "id", "at", "actor_kind", "actor_id", "actor_name", "request_id", "action", "account_id",
        "subject_type", "subject_id", "subject_label", "details",
    )  # fmt: skip
    list_filter = (("actor_kind", ChoicesDropdownFilter), SubjectFilter, ("at", RangeDateTimeFilter))
    search_fields = ("=action", "=request_id", "=account_id", "=subject_id", "actor_name", "subject_label")
    search_help_text = "An action (account.updated), a request id, the id of an account or record, or a name."

"""What each role may do in the admin: made from the table in `accounts.services.roles`, shown here."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.models import Group
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from accounts.models import Role
from valuerealization.common.admin import ExportMixin, ModelAdmin, ReadOnlyMixin, columns_of


@admin.register(Group)
class RoleAdmin(ExportMixin, ReadOnlyMixin, ModelAdmin[Group]):
    """The roles, read only."""

    section = "People and access"
    icon = "verified_user"
    menu_title = "Roles"
    menu_order = 20
    list_display = ("name", "rights")
    search_fields = ("name",)
    ordering = ("name",)
    fields = ("name", "may")
    readonly_fields = ("may",)
    exported = columns_of(Group, "name")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Group]:
        """Count what each role may do, with the list."""
        known = [role.label for role in Role]
        rows: Any = super().get_queryset(request).filter(name__in=known).annotate(number=Count("permissions"))
        return rows  # type: ignore[no-any-return]

    @admin.display(description="rights in the admin", ordering="number")
    def rights(self, obj: Any) -> str:
        """Say how much the role may do here."""
        return f"{obj.number} permissions" if obj.number else "Does not open the admin"

    @admin.display(description="may")
    def may(self, obj: Group) -> SafeString | str:
        """List what the role may do, by kind of record."""
        rights: dict[str, list[str]] = {}
        for permission in obj.permissions.select_related("content_type").order_by("content_type__model", "pk"):
            kind = permission.content_type.name
            rights.setdefault(kind, []).append(permission.codename.split("_")[0])
        if not rights:
            return "Nothing here. What this role does on the product's pages follows from the role itself."
        return format_html(
            "<ul>{}</ul>",
            format_html_join(
                "", "<li>{}: {}</li>", ((kind, ", ".join(sorted(set(may)))) for kind, may in rights.items())
            ),
        )

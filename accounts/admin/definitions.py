"""Custom attributes, segments and contacts in the admin: to look at and to see their history.

They are made and changed on the product's own pages, where what depends on them is at hand.
"""

from typing import Any

from django.contrib import admin
from django.db.models import F
from django.http import HttpRequest

from accounts.admin.erasure import erasure_link
from accounts.models import Attribute, Contact, SavedSegment
from valuerealization.common.admin import ExportMixin, ReadOnlyMixin, ServiceAdmin, columns_of
from valuerealization.common.admin.filters import AutocompleteSelectFilter, ChoicesDropdownFilter, Whether
from valuerealization.common.exports import Column


class Archived(Whether):
    """Archived records, or the others."""

    title = "archived"
    parameter_name = "archived"
    column = "archived_at"
    filled = "Archived"
    empty = "Active"


@admin.register(Attribute)
class AttributeAdmin(ExportMixin, ReadOnlyMixin, ServiceAdmin[Attribute]):
    """What is known about accounts beyond the fields that every account has."""

    section = "Customers"
    icon = "list_alt"
    menu_title = "Attributes"
    menu_order = 110
    note = "Attributes are defined on the product's own pages. Their history is here."
    list_display = ("name", "key", "type", "position", "archived_at")
    list_filter = (Archived, ("type", ChoicesDropdownFilter))
    search_fields = ("name", "key")
    search_help_text = "Part of a name or of a key."
    ordering = ("position", "name", "pk")
    exported = columns_of(Attribute, "key", "name", "type", "choices", "help_text", "position", "archived_at")


@admin.register(SavedSegment)
class SavedSegmentAdmin(ExportMixin, ReadOnlyMixin, ServiceAdmin[SavedSegment]):
    """Rules over accounts that have a name."""

    section = "Customers"
    icon = "filter_alt"
    menu_title = "Segments"
    menu_order = 120
    note = "Segments are made on the product's own pages. Their history is here."
    list_display = ("name", "description", "created_by", "archived_at")
    list_filter = (Archived, ("created_by", AutocompleteSelectFilter))
    list_select_related = ("created_by",)
    search_fields = ("name", "description")
    search_help_text = "Part of a name or of a description."
    ordering = ("name", "pk")
    exported = columns_of(SavedSegment, "name", "description", "rule", "created_by__email", "archived_at")


@admin.register(Contact)
class ContactAdmin(ExportMixin, ReadOnlyMixin, ServiceAdmin[Contact]):
    """People at customers."""

    section = "Customers"
    icon = "contacts"
    menu_order = 105
    note = "Contacts are kept on the pages of their accounts."
    readonly_fields = ("forgotten",)
    list_display = ("name", "email", "account", "title", "parts", "archived_at")
    list_filter = (Archived, ("account", AutocompleteSelectFilter))
    list_select_related = ("account",)
    search_fields = ("name", "email", "account__name", "=external_id")
    search_help_text = "Part of a name, an address or an account's name, or an external id."
    ordering = ("name", "pk")
    exported = (
        Column("external_id", F("external_id"), is_text=True),
        Column("account", F("account__name"), is_text=True),
        Column("name", F("name"), is_text=True),
        Column("email", F("email"), is_text=True),
        Column("title", F("title"), is_text=True),
        Column("phone", F("phone"), is_text=True),
        Column("archived_at", F("archived_at")),
    )

    def view_on_site(self, obj: Contact) -> str:
        """Link to the account's page."""
        return obj.account.get_absolute_url()

    def get_queryset(self, request: HttpRequest) -> Any:
        """Read the account with the contact, on its own page too."""
        return super().get_queryset(request).select_related("account")

    @admin.display(description="erasure")
    def forgotten(self, obj: Contact) -> str:
        """Link to the page that erases a person for good."""
        return erasure_link("contact_erase", obj.pk)

    @admin.display(description="roles")
    def parts(self, obj: Contact) -> str:
        """Name the parts that the contact plays."""
        return ", ".join(obj.role_labels) or "-"

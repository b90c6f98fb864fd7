"""Customer accounts in the admin."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.db.models import F, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from unfold.widgets import UnfoldAdminSelect2Widget, UnfoldAdminSelectWidget

from accounts.admin.definitions import Archived
from accounts.models import Account, User, timezones
from accounts.services import accounts
from valuerealization.common.admin import (
    NOTHING,
    ExportMixin,
    ReasonForm,
    RefusableForm,
    ServiceAdmin,
    actor,
    confirmed,
    import_address,
    money,
)
from valuerealization.common.admin.filters import (
    AutocompleteSelectFilter,
    BooleanRadioFilter,
    ChoicesDropdownFilter,
    NumberRange,
    RangeDateFilter,
)
from valuerealization.common.exports import Column
from valuerealization.common.units import format_in_days


class AccountForm(RefusableForm):
    """An account's fields, with the timezones to choose from."""

    timezone = forms.ChoiceField(
        choices=lambda: [(name, name) for name in sorted(timezones())], initial="UTC", widget=UnfoldAdminSelect2Widget
    )

    class Meta:
        model = Account
        fields = accounts.FIELDS


class OwnerForm(ReasonForm):
    """Who looks after the chosen accounts from now on."""

    owner = forms.ModelChoiceField(
        User.objects.filter(is_active=True).order_by("name", "pk"), label="New owner", widget=UnfoldAdminSelectWidget
    )
    field_order = ("owner", "reason")


class AccountAdmin(ExportMixin, ServiceAdmin[Account]):
    """Customer accounts. They are archived, never deleted. Registered by `objectives.admin`, which adds the score."""

    section = "Customers"
    icon = "domain"
    form = AccountForm
    list_display: Any = ("name", "external_id", "owner", "segment", "yearly", "renewal", "archived_at")
    list_filter: ClassVar[Any] = (
        Archived,
        ("segment", ChoicesDropdownFilter),
        ("owner", AutocompleteSelectFilter),
        ("arr", NumberRange),
        ("renewal_on", RangeDateFilter),
        ("is_demo", BooleanRadioFilter),
    )
    list_select_related: ClassVar[Any] = ("owner",)
    search_fields = ("name", "=external_id")
    search_help_text = "Part of a name, or an external id."
    ordering = ("name", "pk")
    autocomplete_fields = ("owner",)
    fieldsets = (
        (None, {"fields": ("name", "external_id", "owner", "timezone", "segment", "industry")}),
        ("Contract", {"fields": ("currency", "arr", "contract_signed_on", "went_live_on", "renewal_on")}),
    )
    kept: tuple[str, ...] = ("is_demo", "archived_at", "created_at", "updated_at")
    actions = ("change_owner", "archive", "restore")
    exported: ClassVar[tuple[Column, ...]] = (
        Column("id", F("pk")),
        Column("external_id", F("external_id"), is_text=True),
        Column("name", F("name"), is_text=True),
        Column("owner", F("owner__email"), is_text=True),
        Column("timezone", F("timezone"), is_text=True),
        Column("segment", F("segment"), is_text=True),
        Column("industry", F("industry"), is_text=True),
        Column("currency", F("currency"), is_text=True),
        Column("arr", F("arr")),
        Column("contract_signed_on", F("contract_signed_on")),
        Column("went_live_on", F("went_live_on")),
        Column("renewal_on", F("renewal_on")),
        Column("archived_at", F("archived_at")),
    )

    def view_on_site(self, obj: Account) -> str:
        """Link to the account's page."""
        return obj.get_absolute_url()

    def save_model(self, request: HttpRequest, obj: Account, form: Any, change: bool) -> None:
        """Save by the services."""
        by, values = actor(request), form.typed(change=change)
        if change:
            self.follow(obj, accounts.update_account(account=obj, by=by, at=timezone.now(), **values))
        else:
            self.follow(obj, accounts.create_account(by=by, **values))

    @property
    def import_url(self) -> str:
        """Link to the import of files."""
        return import_address("accounts")

    @admin.display(description="ARR", ordering="arr")
    def yearly(self, obj: Account) -> str:
        """Write the ARR in the account's currency."""
        return money(obj.arr, obj.currency)

    @admin.display(description="renewal", ordering="renewal_on")
    def renewal(self, obj: Account) -> str:
        """Say in how many days the contract renews."""
        words = NOTHING if obj.renewal_on is None else format_in_days(obj.renewal_on, timezone.localdate())
        return words.replace(" ", "\u00a0")

    @confirmed(
        description="Change the owner of selected accounts",
        question="Hand these accounts to somebody else? The new owner may change them from their next request on.",
        button="Change the owner",
        form=OwnerForm,
    )
    def change_owner(self, request: HttpRequest, queryset: QuerySet[Account], owner: User, reason: str) -> None:  # noqa: ARG002
        """Assign the chosen accounts."""
        at = timezone.now()
        for account in queryset:
            accounts.update_account(account=account, by=actor(request), at=at, owner=owner)
        self.message_user(request, f"{owner} looks after what you chose.")

    @confirmed(
        description="Archive selected accounts",
        question="Archive these accounts? They leave snapshots, averages and the portal at once; their history stays.",
        button="Archive",
    )
    def archive(self, request: HttpRequest, queryset: QuerySet[Account], reason: str) -> None:  # noqa: ARG002
        """Take the chosen accounts out of snapshots, averages and the portal."""
        at = timezone.now()
        for account in queryset.active():  # type: ignore[attr-defined]
            accounts.archive_account(account=account, by=actor(request), at=at)

    @confirmed(
        description="Restore selected accounts",
        question="Restore these accounts? They count again at once; weeks they were archived in get no snapshot.",
        button="Restore",
    )
    def restore(self, request: HttpRequest, queryset: QuerySet[Account], reason: str) -> None:  # noqa: ARG002
        """Bring the chosen accounts back from the archive."""
        at = timezone.now()
        for account in queryset.exclude(archived_at=None):
            accounts.restore_account(account=account, by=actor(request), at=at)

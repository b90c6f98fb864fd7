"""Customer accounts in the admin."""

from typing import Any

from django import forms
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from unfold.widgets import UnfoldAdminSelect2Widget

from accounts.models import Account, timezones
from accounts.services import accounts
from valuerealization.common.admin import RefusableForm, ServiceAdmin, actor, confirmed


class AccountForm(RefusableForm):
    """An account's fields, with the timezones to choose from."""

    timezone = forms.ChoiceField(
        choices=lambda: [(name, name) for name in sorted(timezones())], initial="UTC", widget=UnfoldAdminSelect2Widget
    )

    class Meta:
        model = Account
        fields = accounts.FIELDS


class AccountAdmin(ServiceAdmin[Account]):
    """Customer accounts. They are archived, never deleted. Registered by `objectives.admin`, which adds the score."""

    section = "Customers"
    icon = "domain"
    form = AccountForm
    list_display = ("name", "external_id", "owner", "segment", "currency", "arr", "renewal_on", "archived_at")
    list_filter = ("segment", "owner", "is_demo")
    list_select_related = ("owner",)
    search_fields = ("name", "=external_id")
    search_help_text = "Part of a name, or an external id."
    ordering = ("name", "pk")
    autocomplete_fields = ("owner",)
    fieldsets = (
        (None, {"fields": ("name", "external_id", "owner", "timezone", "segment", "industry")}),
        ("Contract", {"fields": ("currency", "arr", "contract_signed_on", "went_live_on", "renewal_on")}),
    )
    kept = ("is_demo", "archived_at", "created_at", "updated_at")
    actions = ("archive", "restore")

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

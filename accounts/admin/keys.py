"""Keys of integrators in the admin: shown once when they are made, revoked for good."""

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone

from accounts.models import ApiKey, User
from accounts.services import keys
from valuerealization.common.admin import (
    ExportMixin,
    ReadOnlyMixin,
    ServiceAdmin,
    TabularInline,
    actor,
    ago,
    columns_of,
    confirmed,
    pill,
)
from valuerealization.common.admin.filters import BooleanRadioFilter, ChoicesDropdownFilter, RangeDateTimeFilter

SOON_DAYS = 30


class ApiKeyInline(ReadOnlyMixin, TabularInline[ApiKey, User]):
    """The keys that somebody made, each a click away."""

    model = ApiKey
    fields = ("name", "prefix", "scope", "expiry_date", "last_used_at", "revoked")
    readonly_fields = fields
    ordering = ("-created",)
    show_change_link = True
    extra = 0
    per_page = 20
    verbose_name_plural = "API keys made by this person"


@admin.register(ApiKey)
class ApiKeyAdmin(ExportMixin, ServiceAdmin[ApiKey]):
    """Keys of integrators: shown once when they are made, revoked for good."""

    section = "People and access"
    icon = "key"
    menu_order = 30
    list_display = ("name", "prefix", "scope", "state", "expiry_date", "used", "created_by", "created")
    list_filter = (
        ("scope", ChoicesDropdownFilter),
        ("revoked", BooleanRadioFilter),
        ("expiry_date", RangeDateTimeFilter),
        ("last_used_at", RangeDateTimeFilter),
    )
    list_select_related = ("created_by",)
    search_fields = ("name", "=prefix")
    search_help_text = "Part of a name, or the prefix that logs show."
    ordering = ("-created", "pk")
    kept = ("prefix", "last_used_at", "created_by", "created")
    actions = ("revoke",)
    exported = columns_of(
        ApiKey, "name", "prefix", "scope", "revoked", "expiry_date", "last_used_at", "created_by__email", "created"
    )

    def get_fields(self, request: HttpRequest, obj: ApiKey | None = None) -> tuple[str, ...]:  # noqa: ARG002
        """Ask for the least when a key is made."""
        asked = ("name", "scope", "expiry_date")
        return asked if obj is None else (*asked, "revoked")

    def has_change_permission(self, request: HttpRequest, obj: ApiKey | None = None) -> bool:
        """Show a revoked key as it was."""
        return super().has_change_permission(request, obj) and not (obj is not None and obj.revoked)

    @admin.display(description="state")
    def state(self, obj: ApiKey) -> str:
        """Say whether the key is good, and whether it soon won't be."""
        now = timezone.now()
        if obj.revoked:
            return pill("Revoked")
        if obj.expiry_date is not None and obj.expiry_date < now:
            return pill("Expired", tone="bad")
        if obj.expiry_date is not None and obj.expiry_date < now + timedelta(days=SOON_DAYS):
            return pill(f"Expires in {(obj.expiry_date - now).days} days", tone="warn")
        return pill("Active", tone="good")

    @admin.display(description="last used", ordering="last_used_at")
    def used(self, obj: ApiKey) -> str:
        """Say how long ago the key was used."""
        return ago(obj.last_used_at) if obj.last_used_at else "Never"

    def save_model(self, request: HttpRequest, obj: ApiKey, form: Any, change: bool) -> None:
        """Save by the services; the secret of a new key stays in this request."""
        by, values = actor(request), form.typed(change=change)
        if change:
            self.follow(obj, keys.update_api_key(key=obj, by=by, **values))
            return
        key, secret = keys.create_api_key(
            name=values["name"], scope=values["scope"], expires_at=values["expiry_date"], by=by,
            created_by=request.user,  # type: ignore[arg-type]
        )  # fmt: skip
        self.follow(obj, key)
        request.secret = secret  # type: ignore[attr-defined]

    def response_add(self, request: HttpRequest, obj: ApiKey, post_url_continue: str | None = None) -> HttpResponse:  # noqa: ARG002
        """Show the key in the answer itself: a message would keep it in the session."""
        context = {
            **self.admin_site.each_context(request),
            "title": "API key created",
            "opts": self.opts,
            "key": obj,
            "secret": request.secret,  # type: ignore[attr-defined]
            "prefix": ApiKey.PREFIX,
        }
        return TemplateResponse(request, "admin/accounts/apikey/created.html", context)

    @confirmed(
        description="Revoke selected keys",
        question="Revoke these keys? Whoever uses one is refused from the next call on. It can't be undone.",
        button="Revoke",
        form=forms.Form,
    )
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        """Refuse the chosen keys from now on."""
        for key in queryset.filter(revoked=False):
            keys.update_api_key(key=key, by=actor(request), revoked=True)

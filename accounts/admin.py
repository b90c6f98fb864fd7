"""People, accounts and keys in the admin. Everything is saved by `accounts.services`."""

from datetime import datetime
from smtplib import SMTPException
from typing import Any

import structlog
from allauth.account.forms import ResetPasswordForm
from django import forms
from django.contrib import admin, messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone

from accounts.models import Account, ApiKey, User, timezones
from accounts.services import accounts, keys, people
from valuerealization.common.admin import RefusableForm, ServiceAdmin, actor

logger = structlog.get_logger(__name__)


@admin.register(User)
class UserAdmin(ServiceAdmin[User]):
    """The team. Nobody types a password for somebody else: a link is sent on which they choose their own."""

    list_display = ("email", "name", "role", "is_active", "last_login")
    list_filter = ("role", "is_active")
    search_fields = ("email", "name")
    ordering = ("email",)
    fields = ("email", "name", "role", "is_active")
    kept = ("last_login", "created_at")
    actions = ("send_password_links",)

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        """Save; somebody new is sent a link."""
        values = form.typed(change=change)
        if change:
            self.follow(obj, people.update_user(user=obj, by=actor(request), **values))
            return
        self.follow(obj, people.create_user(by=actor(request), **values))
        if obj.is_active:
            transaction.on_commit(lambda: self._send_link(request, obj))

    @admin.action(description="Send a link to choose a password")
    def send_password_links(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """Send each of the chosen people a link, unless they may not sign in."""
        for user in queryset:
            if user.is_active:
                self._send_link(request, user)
            else:
                self.message_user(request, f"{user.email} is not active: nothing was sent.", messages.WARNING)

    def _send_link(self, request: HttpRequest, user: User) -> None:
        form = ResetPasswordForm({"email": user.email})
        form.is_valid()
        try:
            form.save(request)
        except (SMTPException, OSError):
            logger.exception("password_link_not_sent", user=user.pk)
            self.message_user(request, f"The mail to {user.email} could not be sent.", messages.ERROR)
        else:
            self.message_user(request, f"{user.email} was sent a link to choose a password.", messages.SUCCESS)


class AccountForm(RefusableForm):
    """An account's fields, with the timezones to choose from."""

    timezone = forms.ChoiceField(choices=lambda: [(name, name) for name in sorted(timezones())], initial="UTC")

    class Meta:
        model = Account
        fields = accounts.FIELDS


@admin.register(Account)
class AccountAdmin(ServiceAdmin[Account]):
    """Customer accounts. They are archived, never deleted."""

    form = AccountForm
    list_display = ("name", "external_id", "owner", "segment", "currency", "arr", "renewal_on", "archived_at")
    list_filter = ("segment", "owner", ("archived_at", admin.EmptyFieldListFilter), "is_demo")
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

    @admin.action(description="Archive selected accounts")
    def archive(self, request: HttpRequest, queryset: QuerySet[Account]) -> None:
        """Take the chosen accounts out of snapshots, averages and the portal."""
        at = timezone.now()
        for account in queryset.active():  # type: ignore[attr-defined]
            accounts.archive_account(account=account, by=actor(request), at=at)

    @admin.action(description="Restore selected accounts")
    def restore(self, request: HttpRequest, queryset: QuerySet[Account]) -> None:
        """Bring the chosen accounts back from the archive."""
        at = timezone.now()
        for account in queryset.exclude(archived_at=None):
            accounts.restore_account(account=account, by=actor(request), at=at)


@admin.register(ApiKey)
class ApiKeyAdmin(ServiceAdmin[ApiKey]):
    """Keys of integrators: shown once when they are made, revoked for good."""

    list_display = ("name", "prefix", "scope", "state", "expiry_date", "last_used_at", "created_by", "created")
    list_filter = ("scope", "revoked")
    list_select_related = ("created_by",)
    search_fields = ("name", "=prefix")
    ordering = ("-created", "pk")
    kept = ("prefix", "last_used_at", "created_by", "created")
    actions = ("revoke",)

    def get_fields(self, request: HttpRequest, obj: ApiKey | None = None) -> tuple[str, ...]:  # noqa: ARG002
        """Ask for the least when a key is made."""
        asked = ("name", "scope", "expiry_date")
        return asked if obj is None else (*asked, "revoked")

    def has_change_permission(self, request: HttpRequest, obj: ApiKey | None = None) -> bool:
        """Show a revoked key as it was."""
        return super().has_change_permission(request, obj) and not (obj is not None and obj.revoked)

    @admin.display(description="state")
    def state(self, obj: ApiKey) -> str:
        """Say whether the key is good."""
        if obj.revoked:
            return "Revoked"
        return "Expired" if _is_past(obj.expiry_date) else "Active"

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

    @admin.action(description="Revoke selected keys")
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        """Refuse the chosen keys from now on."""
        for key in queryset.filter(revoked=False):
            keys.update_api_key(key=key, by=actor(request), revoked=True)


def _is_past(at: datetime | None) -> bool:
    return at is not None and at < timezone.now()

"""The team in the admin."""

from smtplib import SMTPException
from typing import Any

import structlog
from allauth.account.forms import ResetPasswordForm
from django import forms
from django.contrib import admin, messages
from django.db import transaction
from django.db.models import Count, F, Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html

from accounts.admin.erasure import erasure_link
from accounts.admin.keys import ApiKeyInline
from accounts.models import Role, User
from accounts.services import people
from valuerealization.common.admin import ExportMixin, ServiceAdmin, actor, ago, confirmed, pill
from valuerealization.common.admin.filters import (
    BooleanRadioFilter,
    ChoicesDropdownFilter,
    RangeDateTimeFilter,
    Whether,
)
from valuerealization.common.exports import Column

logger = structlog.get_logger(__name__)


class SignedIn(Whether):
    """People who never came, or the others."""

    title = "signed in"
    parameter_name = "signed_in"
    column = "last_login"
    filled = "At least once"
    empty = "Never"


@admin.register(User)
class UserAdmin(ExportMixin, ServiceAdmin[User]):
    """The team. Nobody types a password for somebody else: a link is sent on which they choose their own."""

    section = "People and access"
    icon = "group"
    menu_title = "Team"
    menu_order = 10
    list_display = ("email", "name", "may", "is_active", "looks_after", "seen")
    list_filter = (
        ("role", ChoicesDropdownFilter),
        ("is_active", BooleanRadioFilter),
        SignedIn,
        ("last_login", RangeDateTimeFilter),
    )
    search_fields = ("email", "name")
    search_help_text = "Part of a name or of an address."
    ordering = ("email",)
    fields = ("email", "name", "role", "is_active")
    kept = ("looks_after", "last_login", "created_at", "forgotten")
    inlines = (ApiKeyInline,)
    actions = ("send_password_links",)
    exported = (
        Column("email", F("email"), is_text=True),
        Column("name", F("name"), is_text=True),
        Column("role", F("role"), is_text=True),
        Column("is_active", F("is_active")),
        Column("accounts", F("owned")),
        Column("last_login", F("last_login")),
        Column("created_at", F("created_at")),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        """Count the accounts that each looks after, with the list."""
        active = Q(accounts__isnull=False, accounts__archived_at=None)
        rows: QuerySet[User] = super().get_queryset(request).annotate(owned=Count("accounts", filter=active))
        return rows

    @admin.display(description="role", ordering="role")
    def may(self, obj: User) -> str:
        """Name the role."""
        return Role(obj.role).label

    @admin.display(description="accounts", ordering="owned")
    def looks_after(self, obj: Any) -> str:
        """Link to the accounts that somebody looks after."""
        if not obj.owned:
            return "None"
        address = reverse("admin:accounts_account_changelist")
        words = f"{obj.owned} account{'s' if obj.owned > 1 else ''}"
        return format_html(
            '<a class="vr-go" href="{}?owner__id__exact={}&amp;archived=no">{}</a>', address, obj.pk, words
        )

    @admin.display(description="last sign-in", ordering="last_login")
    def seen(self, obj: User) -> str:
        """Say how long ago somebody signed in."""
        return ago(obj.last_login) if obj.last_login else pill("Never", tone="warn" if obj.is_active else "")

    @admin.display(description="erasure")
    def forgotten(self, obj: User) -> str:
        """Link to the page that erases a person for good."""
        return erasure_link("user_erase", obj.pk)

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        """Save; somebody new is sent a link."""
        values = form.typed(change=change)
        if change:
            self.follow(obj, people.update_user(user=obj, by=actor(request), **values))
            return
        self.follow(obj, people.create_user(by=actor(request), **values))
        if obj.is_active:
            transaction.on_commit(lambda: self._send_link(request, obj))

    @confirmed(
        description="Send a link to choose a password",
        question="Send these people a link to choose a password? Their present password stays good until they do.",
        button="Send the links",
        form=forms.Form,
    )
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

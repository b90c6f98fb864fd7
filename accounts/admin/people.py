"""The team in the admin."""

from smtplib import SMTPException
from typing import Any

import structlog
from allauth.account.forms import ResetPasswordForm
from django import forms
from django.contrib import admin, messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts.models import User
from accounts.services import people
from valuerealization.common.admin import ServiceAdmin, actor, confirmed

logger = structlog.get_logger(__name__)


@admin.register(User)
class UserAdmin(ServiceAdmin[User]):
    """The team. Nobody types a password for somebody else: a link is sent on which they choose their own."""

    section = "People and access"
    icon = "group"
    menu_title = "Team"
    menu_order = 10
    list_display = ("email", "name", "role", "is_active", "last_login")
    list_filter = ("role", "is_active")
    search_fields = ("email", "name")
    search_help_text = "Part of a name or of an address."
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

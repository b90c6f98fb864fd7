"""Who may do what, and who tried to sign in: roles and failed sign-ins, to look at."""

import allauth.account.admin
import allauth.mfa.admin
import allauth.usersessions.admin  # noqa: F401
import axes.admin
import django.contrib.auth.admin  # noqa: F401
import rest_framework_api_key.admin  # noqa: F401
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.contrib import admin
from django.contrib.auth.models import Group
from rest_framework_api_key.models import APIKey

from valuerealization.common.admin.base import LedgerAdmin, ModelAdmin
from valuerealization.common.admin.exports import ExportMixin, columns_of

# Roles are made by the product, not by hand; people sign in with the address on their own page, and keep second factors
# and sessions to themselves; our keys are `accounts.ApiKey`.
admin.site.unregister(
    [Group, EmailAddress, Authenticator, UserSession, APIKey, AccessAttempt, AccessFailureLog, AccessLog]
)


@admin.register(AccessAttempt)
class AccessAttemptAdmin(ExportMixin, axes.admin.AccessAttemptAdmin, ModelAdmin[AccessAttempt]):  # type: ignore[misc]
    """Failed sign-ins that are counted; deleting one lets its address try again at once."""

    section = "People and access"
    icon = "lock_clock"
    menu_title = "Failed sign-ins"
    menu_order = 40
    actions = ()
    date_hierarchy = None
    ordering = ("-attempt_time",)
    exported = columns_of(AccessAttempt, "attempt_time", "username", "ip_address", "user_agent", "failures_since_start")


@admin.register(AccessFailureLog)
class AccessFailureLogAdmin(ExportMixin, LedgerAdmin[AccessFailureLog]):
    """Each failed sign-in by itself."""

    section = None
    list_display = ("attempt_time", "username", "ip_address", "path_info", "locked_out")
    exported = columns_of(AccessFailureLog, "attempt_time", "username", "ip_address", "user_agent", "locked_out")
    list_filter = ("locked_out", "attempt_time")
    search_fields = ("username", "=ip_address")


@admin.register(AccessLog)
class AccessLogAdmin(ExportMixin, LedgerAdmin[AccessLog]):
    """Sign-ins and sign-outs, where they are logged."""

    section = None
    list_display = ("attempt_time", "logout_time", "username", "ip_address")
    exported = columns_of(AccessLog, "attempt_time", "logout_time", "username", "ip_address", "user_agent")
    list_filter = ("attempt_time",)
    search_fields = ("username", "=ip_address")

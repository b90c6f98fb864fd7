"""Customer accounts in the admin, with what their objectives come to."""

from django.contrib import admin

from accounts.admin import AccountAdmin
from accounts.models import Account


@admin.register(Account)
class ScoredAccountAdmin(AccountAdmin):
    """Customer accounts with their score."""

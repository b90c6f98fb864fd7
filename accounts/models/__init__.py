"""Tables of the accounts app, one module per subject."""

from accounts.models.accounts import Account, AccountQuerySet, Segment, check_timezone, timezones
from accounts.models.keys import ApiKey, ApiKeyManager, ApiKeyScope
from accounts.models.people import Role, Theme, User, UserManager

__all__ = [
    "Account",
    "AccountQuerySet",
    "ApiKey",
    "ApiKeyManager",
    "ApiKeyScope",
    "Role",
    "Segment",
    "Theme",
    "User",
    "UserManager",
    "check_timezone",
    "timezones",
]

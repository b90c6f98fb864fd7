"""Tables of the accounts app, one module per subject."""

from accounts.models.accounts import Account, AccountQuerySet, Segment, check_timezone, timezones
from accounts.models.attributes import Attribute, AttributeQuerySet, AttributeType
from accounts.models.contacts import Contact, ContactQuerySet, ContactRole, TeamMember, TeamRole
from accounts.models.history import (
    AccountHistory,
    ApiKeyHistory,
    AttributeHistory,
    SavedSegmentHistory,
    UserHistory,
)
from accounts.models.keys import ApiKey, ApiKeyManager, ApiKeyScope
from accounts.models.organisation import Organisation, Weekday
from accounts.models.people import Clock, Locale, Role, Theme, User, UserManager
from accounts.models.segments import SavedSegment, SavedSegmentQuerySet

__all__ = [
    "Account",
    "AccountHistory",
    "AccountQuerySet",
    "ApiKey",
    "ApiKeyHistory",
    "ApiKeyManager",
    "ApiKeyScope",
    "Attribute",
    "AttributeHistory",
    "AttributeQuerySet",
    "AttributeType",
    "Clock",
    "Contact",
    "ContactQuerySet",
    "ContactRole",
    "Locale",
    "Organisation",
    "Role",
    "SavedSegment",
    "SavedSegmentHistory",
    "SavedSegmentQuerySet",
    "Segment",
    "TeamMember",
    "TeamRole",
    "Theme",
    "User",
    "UserHistory",
    "UserManager",
    "Weekday",
    "check_timezone",
    "timezones",
]

"""Tables of the accounts app, one module per subject."""

from accounts.models.accounts import Account, AccountQuerySet, Segment, check_timezone, timezones
from accounts.models.attachments import Attachment, AttachmentQuerySet
from accounts.models.attributes import Attribute, AttributeQuerySet, AttributeType
from accounts.models.contacts import Contact, ContactQuerySet, ContactRole, TeamMember, TeamRole
from accounts.models.feeds import CalendarFeed, token_digest
from accounts.models.history import (
    AccountHistory,
    ApiKeyHistory,
    AttributeHistory,
    SavedSegmentHistory,
    UserHistory,
)
from accounts.models.keys import ApiKey, ApiKeyManager, ApiKeyScope
from accounts.models.meetings import Meeting, MeetingQuerySet
from accounts.models.notes import Note, NoteQuerySet
from accounts.models.notifications import (
    DEFAULT_WAYS,
    Notification,
    NotificationChoice,
    NotificationKind,
    NotificationMail,
    NotificationQuerySet,
    Ways,
)
from accounts.models.organisation import Organisation, Weekday
from accounts.models.people import Clock, Locale, Role, Theme, User, UserManager
from accounts.models.segments import SavedSegment, SavedSegmentQuerySet
from accounts.models.tasks import ChecklistItem, Priority, Task, TaskComment, TaskQuerySet, TaskState

__all__ = [
    "DEFAULT_WAYS",
    "Account",
    "AccountHistory",
    "AccountQuerySet",
    "ApiKey",
    "ApiKeyHistory",
    "ApiKeyManager",
    "ApiKeyScope",
    "Attachment",
    "AttachmentQuerySet",
    "Attribute",
    "AttributeHistory",
    "AttributeQuerySet",
    "AttributeType",
    "CalendarFeed",
    "ChecklistItem",
    "Clock",
    "Contact",
    "ContactQuerySet",
    "ContactRole",
    "Locale",
    "Meeting",
    "MeetingQuerySet",
    "Note",
    "NoteQuerySet",
    "Notification",
    "NotificationChoice",
    "NotificationKind",
    "NotificationMail",
    "NotificationQuerySet",
    "Organisation",
    "Priority",
    "Role",
    "SavedSegment",
    "SavedSegmentHistory",
    "SavedSegmentQuerySet",
    "Segment",
    "Task",
    "TaskComment",
    "TaskQuerySet",
    "TaskState",
    "TeamMember",
    "TeamRole",
    "Theme",
    "User",
    "UserHistory",
    "UserManager",
    "Ways",
    "Weekday",
    "check_timezone",
    "timezones",
    "token_digest",
]

"""Notes, tasks, meetings and mails in the admin: to look at, to find and to take along.

They are written and changed on the product's own pages, where their rules are.
"""

from typing import Any, ClassVar

from django.contrib import admin
from django.http import HttpRequest

from accounts.models import Meeting, Note, NotificationMail, Task
from valuerealization.common.admin import ExportMixin, LedgerAdmin, ReadOnlyMixin, ServiceAdmin, columns_of, pill
from valuerealization.common.admin.filters import (
    AutocompleteSelectFilter,
    BooleanRadioFilter,
    ChoicesDropdownFilter,
    RangeDateFilter,
    RangeDateTimeFilter,
    Whether,
)

_TONES = {"sent": "good", "failed": "bad", "dropped": "", "waiting": "warn"}


class Deleted(Whether):
    """What was deleted, or the rest."""

    title = "deleted"
    parameter_name = "deleted"
    column = "deleted_at"
    filled = "Deleted"
    empty = "Shown"


class Cancelled(Whether):
    """What was called off, or the rest."""

    title = "cancelled"
    parameter_name = "cancelled"
    column = "cancelled_at"
    filled = "Cancelled"
    empty = "Takes place"


class OfAccount(ExportMixin, ReadOnlyMixin, ServiceAdmin[Any]):
    """What the team writes down about an account, newest first, linked to its page."""

    section = "Customers"
    list_select_related: ClassVar[Any] = ("account", "created_by")
    ordering: ClassVar[Any] = ("-pk",)

    def view_on_site(self, obj: Any) -> str:
        """Link to its page."""
        return str(obj.get_absolute_url())

    def get_queryset(self, request: HttpRequest) -> Any:
        """Read what a row names with it, on its own page too."""
        return super().get_queryset(request).select_related(*self.list_select_related)


@admin.register(Note)
class NoteAdmin(OfAccount):
    """Notes, deleted ones too."""

    icon = "sticky_note_2"
    menu_order = 130
    note = "Notes are written on the pages of their accounts. Every version of one is in the audit log."
    list_display = ("text", "account", "created_by", "is_pinned", "created_at", "deleted_at")
    list_filter = (
        Deleted,
        ("is_pinned", BooleanRadioFilter),
        ("account", AutocompleteSelectFilter),
        ("created_by", AutocompleteSelectFilter),
        ("created_at", RangeDateTimeFilter),
    )
    search_fields = ("body", "account__name", "=account__external_id")
    search_help_text = "Part of a text or of an account's name, or an external id."
    exported = columns_of(
        Note, "id", "account__name", "body", "created_by__email", "source", "is_pinned", "created_at", "edited_at",
        "deleted_at",
    )  # fmt: skip

    @admin.display(description="note")
    def text(self, obj: Note) -> str:
        """Show how the text begins."""
        return str(obj)


@admin.register(Task)
class TaskAdmin(OfAccount):
    """Tasks in every state."""

    icon = "task_alt"
    menu_order = 132
    note = "Tasks are kept on the pages of their accounts."
    list_display = ("title", "account", "assignee", "due_on", "priority", "state", "source", "created_at")
    list_select_related: ClassVar[Any] = ("account", "assignee", "created_by", "done_by", "meeting")
    list_filter = (
        ("state", ChoicesDropdownFilter),
        ("priority", ChoicesDropdownFilter),
        ("account", AutocompleteSelectFilter),
        ("assignee", AutocompleteSelectFilter),
        ("due_on", RangeDateFilter),
        ("show_in_portal", BooleanRadioFilter),
    )
    search_fields = ("title", "account__name", "=external_id")
    search_help_text = "Part of a title or of an account's name, or an external id."
    exported = columns_of(
        Task, "id", "external_id", "account__name", "title", "details", "assignee__email", "due_on", "priority",
        "state", "snoozed_until", "show_in_portal", "source", "created_by__email", "done_at", "done_by__email",
        "cancelled_at", "created_at",
    )  # fmt: skip


@admin.register(Meeting)
class MeetingAdmin(OfAccount):
    """Meetings, over and ahead."""

    icon = "event"
    menu_order = 134
    note = "Meetings are planned on the pages of their accounts. Times here are UTC."
    list_display = ("title", "account", "starts_at", "duration_minutes", "place", "created_by", "cancelled_at")
    list_filter = (
        Cancelled,
        ("account", AutocompleteSelectFilter),
        ("starts_at", RangeDateTimeFilter),
        ("created_by", AutocompleteSelectFilter),
    )
    search_fields = ("title", "account__name", "=account__external_id")
    search_help_text = "Part of a title or of an account's name, or an external id."
    exported = columns_of(
        Meeting, "id", "account__name", "title", "starts_at", "duration_minutes", "place", "other_attendees", "agenda",
        "minutes", "created_by__email", "cancelled_at", "created_at",
    )  # fmt: skip


@admin.register(NotificationMail)
class NotificationMailAdmin(ExportMixin, LedgerAdmin[NotificationMail]):
    """Mails about notifications, and what became of them."""

    section = "System"
    icon = "mail"
    menu_title = "Mails"
    menu_order = 30
    note = "What is waiting is tried again by itself, later each time. Rows leave 90 days after the mail ended."
    list_display = ("created_at", "person", "kind", "became", "attempts", "trouble", "next_try_at", "ended_at")
    list_filter = (
        ("state", ChoicesDropdownFilter),
        ("created_at", RangeDateTimeFilter),
        ("notification__person", AutocompleteSelectFilter),
    )
    list_select_related = ("notification__person",)
    search_fields = ("notification__person__email", "notification__person__name", "=trouble")
    search_help_text = "Part of a name or of an address, or what went wrong."
    fields = ("person", "kind", "state", "attempts", "trouble", "next_try_at", "ended_at", "uid", "created_at")
    readonly_fields = fields
    exported = columns_of(
        NotificationMail, "created_at", "notification__person__email", "notification__kind", "state", "attempts",
        "trouble", "next_try_at", "ended_at",
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> Any:
        """Read whom it goes to with it."""
        return super().get_queryset(request).select_related("notification__person")

    @admin.display(description="to")
    def person(self, obj: NotificationMail) -> str:
        """Name whom it goes to."""
        return str(obj.notification.person)

    @admin.display(description="about")
    def kind(self, obj: NotificationMail) -> str:
        """Say what it is about."""
        return obj.notification.get_kind_display()

    @admin.display(description="state")
    def became(self, obj: NotificationMail) -> str:
        """Show what became of it."""
        return pill(obj.get_state_display(), tone=_TONES[obj.state])

"""What a person has not looked at yet."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from accounts.models import Notification, User

ROWS: Final = 50


@dataclass(frozen=True, slots=True)
class NotificationRow:
    """One reason to look at something."""

    pk: int
    who: str
    text: str
    subject: str
    account: str
    at: datetime


def unseen(person: User) -> list[NotificationRow]:
    """List a person's unseen notifications, newest first; one query."""
    found = (
        Notification.objects.unseen_by(person.pk)
        .select_related("account", "note", "task", "comment", "meeting")
        .order_by("-pk")[:ROWS]
    )
    return [
        NotificationRow(each.pk, each.by_name, _text(each), _subject(each), each.account.name, each.created_at)
        for each in found
    ]


def target_of(notification: Notification) -> str:
    """Give the address of what a notification is about."""
    subject = notification.note or notification.task or notification.meeting
    anchor = f"#comment-{notification.comment_id}" if notification.comment_id else ""
    return f"{subject.get_absolute_url()}{anchor}" if subject else "/"


def _text(each: Notification) -> str:
    if each.kind == "assigned":
        return "gave you the task"
    if each.comment_id:
        return "mentioned you in a comment on"
    return "mentioned you in the note" if each.note_id else "mentioned you in"


def _subject(each: Notification) -> str:
    return str(each.note or each.task or each.meeting)

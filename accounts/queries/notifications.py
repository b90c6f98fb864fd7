"""What a person has not looked at yet, and what they want to be told of."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from accounts.models import DEFAULT_WAYS, Notification, NotificationChoice, NotificationKind, User, Ways
from valuerealization.common.formats import current

ROWS: Final = 50


@dataclass(frozen=True, slots=True)
class NotificationRow:
    """One reason to look at something; `who` is empty where nobody caused it."""

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
        NotificationRow(each.pk, each.by_name, text_of(each), subject_of(each), each.account.name, each.created_at)
        for each in found
    ]


def target_of(notification: Notification) -> str:
    """Give the address of what a notification is about."""
    if notification.kind == NotificationKind.HELD:
        return f"{notification.account.get_absolute_url()}quality/"
    subject = notification.note or notification.task or notification.meeting
    anchor = f"#comment-{notification.comment_id}" if notification.comment_id else ""
    return f"{subject.get_absolute_url()}{anchor}" if subject else "/"


def text_of(each: Notification) -> str:
    """Say what happened, between who did it and what it is about."""
    match each.kind:
        case NotificationKind.ASSIGNED:
            return "gave you the task"
        case NotificationKind.COMMENT:
            return "commented on"
        case NotificationKind.DUE if each.due_on:
            return f"Due {current().day(each.due_on, with_year=False)}:"
        case NotificationKind.OVERDUE if each.due_on:
            return f"Late, it was due {current().day(each.due_on, with_year=False)}:"
        case NotificationKind.HELD:
            return "sent values that are"
    if each.comment_id:
        return "mentioned you in a comment on"
    return "mentioned you in the note" if each.note_id else "mentioned you in"


def subject_of(each: Notification) -> str:
    """Name what a notification is about."""
    if each.kind == NotificationKind.HELD:
        return "held for your decision"
    return str(each.note or each.task or each.meeting)


def ways_of(person: User) -> dict[NotificationKind, Ways]:
    """Tell how a person wants to be told of each kind of thing."""
    chosen = {
        NotificationKind(each.kind): Ways(each.in_bell, each.by_mail)
        for each in NotificationChoice.objects.filter(person=person)
    }
    return {**DEFAULT_WAYS, **chosen}


def wishes(kind: NotificationKind, people: Collection[int]) -> dict[int, Ways]:
    """Tell how each of some people wants to be told of one kind of thing; one query."""
    rows = NotificationChoice.objects.filter(kind=kind, person_id__in=people)
    chosen = {each.person_id: Ways(each.in_bell, each.by_mail) for each in rows}
    return {person: chosen.get(person, DEFAULT_WAYS[kind]) for person in people}

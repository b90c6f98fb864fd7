"""Tell people that they were mentioned or got a task, and remember what they have seen."""

from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError

from accounts.models import Meeting, Note, Notification, NotificationKind, Task, TaskComment, User
from accounts.prose import AmbiguousMention, mentions
from accounts.services.refusals import WorkRefused
from valuerealization.common.audit import Actor
from valuerealization.common.models import AuditEntry

_ENGLISH_LIST_END = " or "


def person_id(*, by: Actor) -> int | None:
    """Give the id of whoever acts, if it is a person."""
    return int(by.id) if by.kind == AuditEntry.Actor.USER else None


def maker(*, by: Actor) -> dict[str, Any]:
    """Give the fields that say who made something: a person, or the name of what did."""
    person = person_id(by=by)
    return {"created_by_id": person, "source": "" if person else by.name[:200]}


def mentioned(*, texts: dict[str, str]) -> set[int]:
    """Find whom texts mention, by field.

    Raises: WorkRefused for a first name that several people have, naming the field.
    """
    if not any("@" in text for text in texts.values()):
        return set()
    people = dict(User.objects.filter(is_active=True).exclude(name="").values_list("pk", "name"))
    found = set()
    for field, text in texts.items():
        try:
            found |= {each.person for each in mentions(text, people)}
        except AmbiguousMention as error:
            if len(set(error.names)) == 1:
                continue  # two people of one name: nobody can tell them apart in writing
            full = _ENGLISH_LIST_END.join(f"@{name}" for name in error.names)
            message = f"Several people are called {error.given}. Write {full}."
            raise WorkRefused({field: ValidationError(message, code="ambiguous_mention")}) from error
    return found


def tell_mentioned(
    *,
    people: set[int],
    by: Actor,
    at: datetime,
    note: Note | None = None,
    task: Task | None = None,
    comment: TaskComment | None = None,
    meeting: Meeting | None = None,
) -> None:
    """Tell each mentioned person once, and take back what is no longer said to those who haven't seen it."""
    account_id = next(each.account_id for each in (note, task, meeting) if each is not None)
    where = {"note": note, "task": task, "comment": comment, "meeting": meeting}
    stored = Notification.objects.filter(kind=NotificationKind.MENTION, **where)
    stored.filter(seen_at=None).exclude(person_id__in=people).delete()
    told = [
        Notification(
            person_id=person, kind=NotificationKind.MENTION, account_id=account_id, by_name=by.name[:200],
            created_at=at, **where,
        )
        for person in sorted(people - {person_id(by=by)})
    ]  # fmt: skip
    Notification.objects.bulk_create(told, ignore_conflicts=True)


def tell_assignee(*, task: Task, former_id: int | None, by: Actor, at: datetime) -> None:
    """Tell whoever got a task, unless they took it themselves; whoever lost it needn't look any more."""
    if task.assignee_id == former_id:
        return
    mine = Notification.objects.filter(kind=NotificationKind.ASSIGNED, task=task)
    mine.filter(seen_at=None).exclude(person_id=task.assignee_id).delete()
    if task.assignee_id is None or task.assignee_id == person_id(by=by):
        return
    if not mine.filter(person_id=task.assignee_id).update(seen_at=None, created_at=at, by_name=by.name[:200]):
        Notification.objects.create(
            person_id=task.assignee_id, kind=NotificationKind.ASSIGNED, account_id=task.account_id, task=task,
            by_name=by.name[:200], created_at=at,
        )  # fmt: skip


def mark_seen(*, person: User, at: datetime, notification_id: int | None = None) -> int:
    """Mark one of a person's notifications as seen, or all of them; returns how many were not."""
    waiting = Notification.objects.filter(person=person, seen_at=None)
    if notification_id is not None:
        waiting = waiting.filter(pk=notification_id)
    return waiting.update(seen_at=at)

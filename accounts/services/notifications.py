"""Tell people what waits for them, in the bell and by mail as each wants it, and remember what they have seen."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError

from accounts.models import Meeting, Note, Notification, NotificationKind, Task, TaskComment, User
from accounts.prose import AmbiguousMention, mentions
from accounts.queries.notifications import wishes
from accounts.services.mails import queue_mails
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
    known = set(stored.values_list("person_id", flat=True))
    told = people - {person_id(by=by)} - known
    _tell(kind=NotificationKind.MENTION, people=told, by=by, at=at, account_id=account_id, **where)


def tell_assignee(*, task: Task, former_id: int | None, by: Actor, at: datetime) -> None:
    """Tell whoever got a task, unless they took it themselves; whoever lost it needn't look any more."""
    if task.assignee_id == former_id:
        return
    mine = Notification.objects.filter(kind=NotificationKind.ASSIGNED, task=task)
    mine.exclude(person_id=task.assignee_id).filter(seen_at=None).delete()
    if task.assignee_id is None or task.assignee_id == person_id(by=by):
        return
    mine.filter(person_id=task.assignee_id).delete()  # it came back: told anew
    _tell(
        kind=NotificationKind.ASSIGNED, people=[task.assignee_id], by=by, at=at, account_id=task.account_id, task=task
    )


def tell_commented(*, comment: TaskComment, mentioned: Collection[int], by: Actor, at: datetime) -> None:
    """Tell whoever has a task, and whoever made it, what was said about it, unless the text names them anyway."""
    task = comment.task
    people = {task.assignee_id, task.created_by_id} - {None, person_id(by=by)} - set(mentioned)
    _tell(
        kind=NotificationKind.COMMENT, people=[each for each in people if each is not None], by=by, at=at,
        account_id=task.account_id, task=task, comment=comment,
    )  # fmt: skip


def _tell(
    *, kind: NotificationKind, people: Collection[int], by: Actor, at: datetime, account_id: int, **subject: Any
) -> None:
    """Write a row for each person who wants to be told, and one for each mail, in the transaction of the cause."""
    if not people:
        return
    wanted = {person: ways for person, ways in wishes(kind, people).items() if ways.in_bell or ways.by_mail}
    told = Notification.objects.bulk_create(
        Notification(
            person_id=person, kind=kind, account_id=account_id, by_name=by.name[:200], in_bell=ways.in_bell,
            created_at=at, **subject,
        )
        for person, ways in sorted(wanted.items(), key=lambda each: each[0])
    )  # fmt: skip
    queue_mails(notifications=[each.pk for each in told if wanted[each.person_id].by_mail], at=at)


def mark_seen(*, person: User, at: datetime, notification_id: int | None = None) -> int:
    """Mark one of a person's notifications as seen, or all of them; returns how many were not."""
    waiting = Notification.objects.filter(person=person, seen_at=None)
    if notification_id is not None:
        waiting = waiting.filter(pk=notification_id)
    return waiting.update(seen_at=at)

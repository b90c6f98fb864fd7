"""What happened to notes, tasks and meetings, in words."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from accounts.models import Account, Meeting, Note, Priority, Task, TaskState, User
from valuerealization.common.models import AuditEntry
from valuerealization.common.units import format_day, format_moment

ENTRIES: Final = 50
LONGEST: Final = 120
NOTHING: Final = "nothing"

VERBS: Final = {
    "attachment.added": "attached a file to",
    "attachment.removed": "removed a file from",
    "attachment.restored": "brought back a file of",
    "meeting.cancelled": "cancelled the meeting",
    "meeting.created": "planned the meeting",
    "meeting.restored": "reinstated the meeting",
    "meeting.updated": "changed the meeting",
    "note.created": "wrote",
    "note.deleted": "deleted the note",
    "note.pinned": "pinned the note",
    "note.restored": "restored the note",
    "note.unpinned": "unpinned the note",
    "note.updated": "edited the note",
    "task.cancelled": "cancelled the task",
    "task.comment_deleted": "deleted a comment on",
    "task.comment_restored": "restored a comment on",
    "task.commented": "commented on",
    "task.created": "added the task",
    "task.done": "finished the task",
    "task.item_added": "added a step to",
    "task.item_done": "ticked a step of",
    "task.item_moved": "moved a step of",
    "task.item_removed": "removed a step of",
    "task.item_reopened": "reopened a step of",
    "task.reopened": "reopened the task",
    "task.updated": "changed the task",
}
# Of interest on the task's own page, too small for the account's.
QUIET: Final = tuple(action for action in VERBS if action.startswith("task.item_"))
LABELS: Final = {
    "assignee": "assigned to",
    "due_on": "due",
    "duration_minutes": "duration",
    "other_attendees": "other attendees",
    "snoozed_until": "put off until",
    "show_in_portal": "shared with the customer",
    "starts_at": "starts",
}
SUBJECTS: Final = {model._meta.label_lower: model for model in (Task, Note, Meeting)}
_PEOPLE: Final = ("assignee", "attendees")
_QUIET_FIELDS: Final = {"state", "comment"}


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that was done: who, what, and the fields it changed, as (label, before, after)."""

    at: datetime
    who: str
    verb: str
    changes: tuple[tuple[str, str, str], ...]
    note: str


def history(*, subject: Task | Meeting, account: Account, today: date) -> list[Event]:
    """Tell what happened to a task or a meeting, newest first; two queries."""
    entries = list(
        AuditEntry.objects.filter(subject_type=subject._meta.label_lower, subject_id=subject.pk).order_by("-pk")[
            :ENTRIES
        ]
    )
    people = people_named(entries)
    return [
        Event(
            at=entry.at,
            who=entry.actor_name,
            verb=_short(entry.action),
            changes=tuple(changes_of(entry, people=people, account=account, today=today)),
            note=note_of(entry),
        )
        for entry in entries
    ]


def href_of(entry: AuditEntry) -> str:
    """Give the address of what an entry is about; empty for anything but notes, tasks and meetings."""
    model = SUBJECTS.get(entry.subject_type)
    return model(pk=entry.subject_id).get_absolute_url() if model and entry.subject_id else ""


def note_of(entry: AuditEntry) -> str:
    """Say which step, file or comment an entry is about."""
    found = (entry.details.get(field) for field in ("item", "file", "body"))
    return shorten(next((text for text in found if isinstance(text, str)), ""))


def people_named(entries: Iterable[AuditEntry]) -> dict[int, str]:
    """Look up, once for a page, the people that entries name by number."""
    ids = people_ids(entries)
    return {person.pk: str(person) for person in User.objects.filter(pk__in=ids)} if ids else {}


def people_ids(entries: Iterable[AuditEntry]) -> set[int]:
    """List the people that entries about notes, tasks and meetings name by number."""
    ids = set()
    for entry in entries:
        for field in _PEOPLE if is_work(entry) else ():
            pair = entry.details.get(field)
            for value in pair if isinstance(pair, list) else ():
                ids |= {each for each in (value if isinstance(value, list) else [value]) if isinstance(each, int)}
    return ids


def is_work(entry: AuditEntry) -> bool:
    """Tell whether an entry is about a note, a task or a meeting."""
    return entry.subject_type in SUBJECTS


def changes_of(
    entry: AuditEntry, *, people: dict[int, str], account: Account, today: date
) -> Iterable[tuple[str, str, str]]:
    """List what an entry changed, as (label, before, after); of a new thing nothing, since it says it all itself."""
    if entry.action.endswith(".created"):
        return
    for field, pair in entry.details.items():
        if isinstance(pair, list) and len(pair) == 2 and field not in _QUIET_FIELDS:
            before, after = (_shown(field, value, people, account, today) for value in pair)
            yield LABELS.get(field, field.replace("_", " ")), before, after


def shorten(text: str) -> str:
    """Cut a text that is too long for a line."""
    line = " ".join(text.split())
    return line if len(line) <= LONGEST else f"{line[:LONGEST].rstrip()}…"


def _shown(field: str, value: Any, people: dict[int, str], account: Account, today: date) -> str:
    if value in (None, "", []):
        return NOTHING
    match field:
        case "assignee":
            return people.get(value, "somebody")
        case "attendees":
            return _listed([people.get(each, "somebody") for each in value])
        case "contacts":
            return f"{len(value)} {'person' if len(value) == 1 else 'people'}"
        case "checklist":
            return shorten(_listed(value))
        case "priority":
            return str(Priority(value).label) if value in Priority.values else str(value)
        case "state":
            return str(TaskState(value).label) if value in TaskState.values else str(value)
        case "duration_minutes":
            return f"{value} minutes"
        case "starts_at":
            return format_moment(datetime.fromisoformat(value), timezone=account.timezone, today=today)
        case "due_on" | "snoozed_until":
            return format_day(date.fromisoformat(value), today)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return shorten(str(value))


def _listed(values: Sequence[str]) -> str:
    return ", ".join(values)


def _short(action: str) -> str:
    """Leave out of a verb what the page of one thing says already."""
    verb = VERBS.get(action, action.replace(".", " ").replace("_", " "))
    for ending in (" the task", " the meeting", " on", " of", " to", " from"):
        verb = verb.removesuffix(ending)
    return verb

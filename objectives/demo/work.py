"""What the team of the demo writes down and plans: notes, tasks and meetings, some of them late or over."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Final

from accounts.models import Account, ChecklistItem, Meeting, Note, Notification, Priority, Task, TaskComment, User
from accounts.moments import local_day, local_instant
from valuerealization.common.models import AuditEntry

_MORNING: Final = time(10, 0)
_AFTERNOON: Final = time(14, 30)


@dataclass(frozen=True, slots=True)
class _Plan:
    """A task to be made: due so many days from today (None: no date); what is done was done the day before."""

    title: str
    due: int | None
    priority: str = Priority.NORMAL
    source: str = ""
    steps: tuple[str, ...] = ()
    is_done: bool = False


# The account of the design, and then what the others take turns with.
_BRIGHTWATER: Final = (
    _Plan("Send renewal value summary to Helen Strand", -17, Priority.HIGH, steps=("Draft", "Figures checked", "Sent")),
    _Plan("Agree fix date for the ERP dispute feed", 3, source="playbook: objective slipping"),
    _Plan("Get finance sign-off on ROI version 7", 7),
)
_TURNS: Final = (
    (_Plan("Ask for the baseline of the new goal", 4), _Plan("Share the quarter's results", -2, is_done=True)),
    (_Plan("Plan training for the second team", 12, steps=("Date", "Trainer", "Invitations")),),
    (_Plan("Clear up why the number fell", -5, Priority.URGENT), _Plan("Collect two quotes", None)),
    (),
    (_Plan("Confirm the sponsor for next year", 20, Priority.HIGH), _Plan("Send the survey", 1)),
)
_NOTES: Final = (
    "Spoke to the project lead: the team is happy with the pace, and wants the next goal to be about quality.",
    "Their new finance contact asks how the figures are measured. Sent the method; a call may follow.",
    "The rollout to the second site starts after the holidays. Expect the numbers to dip first.",
    "Asked for a reference. They agreed in principle, and want to see the value report before that.",
)
_AGENDA: Final = "1. Goals: where they stand\n2. What is in the way\n3. Next steps and dates"
_MINUTES: Final = "Walked through the goals. They confirm the figures and ask for the same page every quarter."


def make_work(accounts: Sequence[Account], people: dict[str, User], *, at: datetime) -> int:
    """Add notes, tasks and meetings to the demo's accounts, as of an instant; returns how many things.

    Shape:  a handful of statements, however many accounts.
    """
    tasks = [pair for number, account in enumerate(accounts) for pair in _tasks(account, number, at)]
    notes = [note for number, account in enumerate(accounts) for note in _notes(account, number, at)]
    meetings = [meeting for number, account in enumerate(accounts) for meeting in _meetings(account, number, at)]
    Task.objects.bulk_create(task for task, _plan in tasks)
    ChecklistItem.objects.bulk_create(
        ChecklistItem(task=task, position=position, text=text, is_done=position == 0)
        for task, plan in tasks
        for position, text in enumerate(plan.steps)
    )
    Note.objects.bulk_create(notes)
    Meeting.objects.bulk_create(meetings)
    Meeting.attendees.through.objects.bulk_create(
        Meeting.attendees.through(meeting_id=meeting.pk, user_id=meeting.account.owner_id)
        for meeting in meetings
        if meeting.account.owner_id
    )
    _tell(accounts[0], people, at)
    AuditEntry.objects.bulk_create(
        [
            *(_entry(task.created_at, task.account.owner, "task.created", task) for task, _plan in tasks),
            *(
                _entry(task.done_at, task.done_by, "task.done", task, state=["open", "done"])
                for task, _plan in tasks
                if task.done_at
            ),
            *(_entry(note.created_at, note.created_by, "note.created", note, body=[None, note.body]) for note in notes),
            *(_entry(each.created_at, each.created_by, "meeting.created", each) for each in meetings),
        ]
    )
    return len(tasks) + len(notes) + len(meetings)


def _tasks(account: Account, number: int, at: datetime) -> Iterable[tuple[Task, _Plan]]:
    today = local_day(at, account.timezone)
    for plan in _BRIGHTWATER if number == 0 else _TURNS[number % len(_TURNS)]:
        made = _moment(account, today - timedelta(days=max(3, 2 - (plan.due or 0))), _MORNING)
        done_at = _moment(account, today - timedelta(days=1), _AFTERNOON) if plan.is_done else None
        task = Task(
            account=account, title=plan.title, assignee=account.owner, priority=plan.priority, source=plan.source,
            due_on=None if plan.due is None else today + timedelta(days=plan.due),
            created_by=None if plan.source else account.owner, created_at=made, updated_at=done_at or made,
            state="done" if plan.is_done else "open", done_at=done_at, done_by=account.owner if plan.is_done else None,
            sequence=int(plan.is_done),
        )  # fmt: skip
        yield task, plan


def _notes(account: Account, number: int, at: datetime) -> Iterable[Note]:
    today = local_day(at, account.timezone)
    for turn in range(1 + number % 2):
        made = _moment(account, today - timedelta(days=2 + 9 * turn + number % 5), _AFTERNOON)
        yield Note(
            account=account, body=_NOTES[(number + turn) % len(_NOTES)], is_pinned=turn == 1, created_by=account.owner,
            created_at=made, updated_at=made,
        )  # fmt: skip


def _meetings(account: Account, number: int, at: datetime) -> Iterable[Meeting]:
    today = local_day(at, account.timezone)
    for title, days, minutes in (
        ("Value review", -20 - number % 7, _MINUTES),
        ("Value review", 15 + number % 11, ""),
    ):
        made = _moment(account, today - timedelta(days=30 + number % 7), _MORNING)
        yield Meeting(
            account=account, title=title, starts_at=_moment(account, today + timedelta(days=days), _AFTERNOON),
            duration_minutes=45, place="Online", agenda=_AGENDA, minutes=minutes, created_by=account.owner,
            created_at=made, updated_at=made,
        )  # fmt: skip


def _tell(account: Account, people: dict[str, User], at: datetime) -> None:
    """Let somebody mention the account's owner, so that the bell has something to say."""
    colleague, owner = people["JL"], account.owner
    if owner is None:
        return
    made = at - timedelta(hours=3)
    task = Task.objects.filter(account=account).order_by("pk")[1]
    note = Note.objects.create(
        account=account, body=f"@{owner.name}: their ERP team answered, the dispute feed is fixed next week.",
        created_by=colleague, created_at=made, updated_at=made,
    )  # fmt: skip
    comment = TaskComment.objects.create(
        task=task, body=f"@{owner.name}, can you ask for the date?", created_by=colleague, created_at=made
    )
    common: dict[str, Any] = {"person": owner, "account": account, "by_name": colleague.name, "created_at": made}
    Notification.objects.bulk_create(
        [
            Notification(kind="mention", note=note, **common),
            Notification(kind="mention", task=task, comment=comment, **common),
        ]
    )


def _moment(account: Account, day: date, clock: time) -> datetime:
    return local_instant(day=day, clock=clock, timezone=account.timezone)


def _entry(
    at: datetime, by: User | None, action: str, subject: Task | Note | Meeting, **details: list[Any]
) -> AuditEntry:
    return AuditEntry(
        at=at, actor_kind=AuditEntry.Actor.USER if by else AuditEntry.Actor.SYSTEM, actor_id=str(by.pk) if by else "",
        actor_name=by.name if by else "System", action=action, account_id=subject.account_id,
        subject_type=subject._meta.label_lower, subject_id=subject.pk, subject_label=str(subject), details=details,
    )  # fmt: skip

"""Tasks as lists and cards show them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Final

from django.db.models import Count, Q, Window

from accounts.models import Account, Priority, Task, TaskState
from accounts.moments import local_day
from valuerealization.common.keyset import KeysetPage, Ordering, Region, page
from valuerealization.common.units import format_day, format_in_days

CARD_ROWS: Final = 5
PAGE_ROWS: Final = 30

_DATED: Final = Region(Q(due_on__isnull=False))
_UNDATED: Final = Region(Q(due_on=None), constant=1)
ORDERINGS: Final = {
    TaskState.OPEN: Ordering("task urgency", ("due_on", "priority_rank", "id"), (_DATED, _UNDATED)),
    TaskState.DONE: Ordering("task done", ("done_at", "id"), is_descending=True),
    TaskState.CANCELLED: Ordering("task cancelled", ("cancelled_at", "id"), is_descending=True),
}


@dataclass(frozen=True, slots=True)
class TaskRow:
    """A task as lists show it.

    Shape:  `due` reads “31 Oct”, `late` “17 days late” or nothing; `asleep` the day it comes back, `origin` what made
            it when that was no person; `assignee` is empty when that is the account's owner, whom nobody needs to name.
    """

    pk: int
    title: str
    due: str
    late: str
    is_urgent: bool
    priority: str
    asleep: str
    origin: str
    assignee: str
    state: str
    closed: str
    may_tick: bool

    @property
    def is_open(self) -> bool:
        """Tell whether it still has to be done."""
        return self.state == TaskState.OPEN


@dataclass(frozen=True, slots=True)
class NextActions:
    """What to do next for an account, and how many more are open."""

    rows: tuple[TaskRow, ...]
    open: int

    @property
    def more(self) -> int:
        """Count the open tasks that are not shown."""
        return self.open - len(self.rows)


def next_actions(*, account: Account, on: date, person_id: int | None, may_edit: bool) -> NextActions:
    """Find the most urgent open tasks, without those put off; one query."""
    found = (
        Task.objects.filter(account=account)
        .open()
        .awake(on)
        .select_related("assignee")
        .annotate(total=Window(Count("*")))
        .by_urgency()[:CARD_ROWS]
    )
    tasks = list(found)
    rows = task_rows(tasks, account=account, on=on, person_id=person_id, may_edit=may_edit)
    return NextActions(rows=rows, open=getattr(tasks[0], "total", 0) if tasks else 0)


def task_rows(
    tasks: Iterable[Task], *, account: Account, on: date, person_id: int | None, may_edit: bool
) -> tuple[TaskRow, ...]:
    """Write tasks of one account as rows; their assignees are read with them."""
    return tuple(_row(task, account, on, may_edit or task.assignee_id == person_id) for task in tasks)


def task_page(*, account: Account, state: str, cursor: str | None) -> KeysetPage[Task]:
    """Read one page of an account's tasks in one state.

    Raises: InvalidCursor.
    """
    rows = Task.objects.filter(account=account, state=state).select_related("assignee")
    return page(rows, ORDERINGS[TaskState(state)], cursor, size=PAGE_ROWS)


def task_counts(*, account: Account) -> dict[str, int]:
    """Count an account's tasks by state."""
    found = Task.objects.filter(account=account).values_list("state").annotate(number=Count("pk"))
    return {**dict.fromkeys(TaskState.values, 0), **dict(found)}


def _row(task: Task, account: Account, on: date, may_tick: bool) -> TaskRow:
    late = task.due_on is not None and task.due_on < on and task.is_open
    closed_at = task.done_at or task.cancelled_at
    return TaskRow(
        pk=task.pk,
        title=task.title,
        due="today" if task.due_on == on else format_day(task.due_on, on) if task.due_on else "",
        late=format_in_days(task.due_on, on) if task.due_on and late else "",
        is_urgent=task.priority in (Priority.HIGH, Priority.URGENT),
        priority=str(Priority(task.priority).label),
        asleep=format_day(task.snoozed_until, on) if task.snoozed_until and task.snoozed_until > on else "",
        origin=task.source,
        assignee=str(task.assignee) if task.assignee and task.assignee_id != account.owner_id else "",
        state=task.state,
        closed=format_day(local_day(closed_at, account.timezone), on) if closed_at else "",
        may_tick=may_tick,
    )

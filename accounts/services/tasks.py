"""Make tasks and change them; each change in one transaction with its audit entry."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from accounts.models import Account, ChecklistItem, Meeting, Task, TaskState
from accounts.services.notifications import maker, mentioned, person_id, tell_assignee, tell_mentioned
from accounts.services.refusals import WorkRefused, check_account, save_checked
from valuerealization.common import audit
from valuerealization.common.audit import Actor

# What a person, an integrator or a playbook writes.
FIELDS = (
    "title", "details", "assignee", "due_on", "priority", "snoozed_until", "show_in_portal", "source", "external_id",
)  # fmt: skip
MOST_ITEMS = 100
_ACTIONS = {TaskState.DONE: "task.done", TaskState.OPEN: "task.reopened", TaskState.CANCELLED: "task.cancelled"}


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a checklist as it is written."""

    text: str
    is_done: bool = False


def create_task(
    *,
    account: Account,
    by: Actor,
    at: datetime,
    checklist: Sequence[Step] = (),
    meeting: Meeting | None = None,
    **fields: Any,
) -> Task:
    """Add a task to an account, with its steps.

    Raises: WorkRefused with the reasons by field.
    """
    made = maker(by=by)
    task = Task(
        account=account, meeting=meeting, **{**made, **_given(fields), "source": fields.get("source") or made["source"]}
    )
    with transaction.atomic():
        check_account(account=account)
        people = mentioned(texts={"details": task.details})
        save_checked(record=task)
        _replace_items(task, checklist)
        audit.record(
            by=by,
            action="task.created",
            subject=task,
            account_id=account.pk,
            details={name: [None, value] for name, value in _values(task).items() if value not in (None, "", False)},
        )
        tell_mentioned(people=people, by=by, at=at, task=task)
        tell_assignee(task=task, former_id=None, by=by, at=at)
    task.refresh_from_db()
    return task


def update_task(*, task: Task, by: Actor, at: datetime, checklist: Sequence[Step] | None = None, **fields: Any) -> Task:
    """Change fields of a task; what is not given stays. A checklist that is given replaces the one there was.

    Raises: WorkRefused with the reasons by field.
    """
    with transaction.atomic():
        locked = Task.objects.lock().select_related("account", "assignee").get(pk=task.pk)
        before, former_id = _values(locked), locked.assignee_id
        for name, value in _given(fields).items():
            setattr(locked, name, value)
        changed = audit.changes(before, _values(locked))
        steps = None if checklist is None else _changed_steps(locked, checklist)
        if changed or steps is not None:
            people = mentioned(texts={"details": locked.details})
            _bump(locked, at)
            save_checked(record=locked)
            if steps is not None:
                changed["checklist"] = steps
                _replace_items(locked, checklist or ())
            audit.record(by=by, action="task.updated", subject=locked, account_id=locked.account_id, details=changed)
            tell_mentioned(people=people, by=by, at=at, task=locked)
            tell_assignee(task=locked, former_id=former_id, by=by, at=at)
    return locked


def set_task_state(*, task: Task, state: str, by: Actor, at: datetime) -> Task:
    """Finish, cancel or reopen a task; each undoes the others, and the same state again changes nothing."""
    with transaction.atomic():
        locked = Task.objects.lock().select_related("account", "assignee").get(pk=task.pk)
        before = locked.state
        if before != state:
            locked.state = TaskState(state)
            locked.done_at = at if state == TaskState.DONE else None
            locked.done_by_id = person_id(by=by) if state == TaskState.DONE else None
            locked.cancelled_at = at if state == TaskState.CANCELLED else None
            _bump(locked, at)
            locked.save()
            audit.record(
                by=by, action=_ACTIONS[TaskState(state)], subject=locked, account_id=locked.account_id,
                details={"state": [before, state]},
            )  # fmt: skip
    return locked


def snooze_task(*, task: Task, until: date | None, by: Actor, at: datetime) -> Task:
    """Put a task off until a day, or bring it back with None: it leaves the next actions meanwhile."""
    return update_task(task=task, by=by, at=at, snoozed_until=until)


def add_item(*, task: Task, text: str, by: Actor, at: datetime) -> ChecklistItem:
    """Add a step at the end of a checklist.

    Raises: WorkRefused.
    """
    with transaction.atomic():
        locked = Task.objects.lock().get(pk=task.pk)
        positions = list(locked.items.order_by("position").values_list("position", flat=True))
        if len(positions) >= MOST_ITEMS:
            raise WorkRefused({"text": ValidationError(f"A task has at most {MOST_ITEMS} steps.", "too_many")})
        item = ChecklistItem(task=locked, position=positions[-1] + 1 if positions else 0, text=text.strip())
        save_checked(record=item)
        _record_item(locked, item, "task.item_added", by=by, at=at)
    return item


def set_item_done(*, item: ChecklistItem, is_done: bool, by: Actor, at: datetime) -> ChecklistItem:
    """Tick a step or take the tick away."""
    with transaction.atomic():
        locked = Task.objects.lock().get(pk=item.task_id)
        stored = locked.items.get(pk=item.pk)
        if stored.is_done != is_done:
            stored.is_done = is_done
            stored.save(update_fields=["is_done"])
            _record_item(locked, stored, "task.item_done" if is_done else "task.item_reopened", by=by, at=at)
    return stored


def move_item(*, item: ChecklistItem, up: bool, by: Actor, at: datetime) -> ChecklistItem:
    """Let a step change places with its neighbour; at the end of the list nothing happens."""
    with transaction.atomic():
        locked = Task.objects.lock().get(pk=item.task_id)
        items = list(locked.items.order_by("position"))
        place = next(number for number, each in enumerate(items) if each.pk == item.pk)
        other = place - 1 if up else place + 1
        stored = items[place]
        if 0 <= other < len(items):
            neighbour = items[other]
            stored.position, neighbour.position = neighbour.position, stored.position
            ChecklistItem.objects.bulk_update([stored, neighbour], ["position"])
            _record_item(locked, stored, "task.item_moved", by=by, at=at)
    return stored


def remove_item(*, item: ChecklistItem, by: Actor, at: datetime) -> None:
    """Take a step off the list."""
    with transaction.atomic():
        locked = Task.objects.lock().get(pk=item.task_id)
        stored = locked.items.get(pk=item.pk)
        _record_item(locked, stored, "task.item_removed", by=by, at=at)
        stored.delete()


def _record_item(task: Task, item: ChecklistItem, action: str, *, by: Actor, at: datetime) -> None:
    Task.objects.filter(pk=task.pk).update(updated_at=at)
    audit.record(by=by, action=action, subject=task, account_id=task.account_id, details={"item": item.text})


def _given(fields: dict[str, Any]) -> dict[str, Any]:
    unknown = set(fields) - set(FIELDS)
    if unknown:
        raise TypeError(f"a task has no {sorted(unknown)}")
    if "external_id" in fields:
        fields = {**fields, "external_id": fields["external_id"] or None}
    return fields


def _replace_items(task: Task, steps: Sequence[Step]) -> None:
    if len(steps) > MOST_ITEMS:
        raise WorkRefused({"checklist": ValidationError(f"A task has at most {MOST_ITEMS} steps.", "too_many")})
    items = [
        ChecklistItem(task=task, position=position, text=step.text.strip(), is_done=step.is_done)
        for position, step in enumerate(steps)
    ]
    for item in items:
        try:
            item.clean_fields(exclude=["task"])
        except ValidationError as error:
            raise WorkRefused({"checklist": error.messages}) from error
    task.items.all().delete()
    ChecklistItem.objects.bulk_create(items)


def _changed_steps(task: Task, steps: Sequence[Step]) -> list[list[str]] | None:
    """Give the checklist before and after, or None where nothing changes."""
    before = [Step(item.text, item.is_done) for item in task.items.order_by("position")]
    after = [Step(step.text.strip(), step.is_done) for step in steps]
    if before == after:
        return None
    return [[f"{'✓ ' if step.is_done else ''}{step.text}" for step in several] for several in (before, after)]


def _bump(task: Task, at: datetime) -> None:
    task.sequence += 1
    task.updated_at = at


def _values(task: Task) -> dict[str, Any]:
    return {name: getattr(task, f"{name}_id" if name == "assignee" else name) for name in FIELDS}

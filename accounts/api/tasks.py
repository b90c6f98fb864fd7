"""`/api/tasks`: what there is to do for customers."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from typing import Any, Final

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api import shapes
from accounts.api.people import person
from accounts.models import Account, Priority, Task, TaskState
from accounts.services.refusals import WorkRefused
from accounts.services.tasks import Step, create_task, set_task_state, update_task
from valuerealization.common.api.etags import check_match, one
from valuerealization.common.api.fields import ChoiceField, DateField, QueryFlagField, ReferenceField, TextField
from valuerealization.common.api.idempotency import idempotent
from valuerealization.common.api.pages import page, page_of
from valuerealization.common.api.problems import FieldError, from_fields, refuse
from valuerealization.common.api.queries import ListQuery
from valuerealization.common.api.values import write_instant
from valuerealization.common.api.views import ApiView, by_reference
from valuerealization.common.keyset import Ordering, Region

_DATED: Final = Region(Q(due_on__isnull=False))
_UNDATED: Final = Region(Q(due_on=None), constant=1)
_ORDERINGS: Final = {
    "id": Ordering("task id", ("id",)),
    "-id": Ordering("task -id", ("id",), is_descending=True),
    "due_on": Ordering("task due_on", ("due_on", "priority_rank", "id"), (_DATED, _UNDATED)),
}


class TaskQuery(ListQuery):
    """Filters of tasks."""

    ordering = ChoiceField(
        list(_ORDERINGS), required=False, help_text="`id` unless given; `due_on` has the undated ones last."
    )
    customer = ReferenceField(required=False)
    state = ChoiceField(TaskState.values, required=False)
    assignee = TextField(max_length=254, required=False, help_text="E-mail address.")
    priority = ChoiceField(Priority.values, required=False)
    due_before = DateField(required=False, help_text="Due on an earlier day.")
    search = TextField(max_length=200, required=False, help_text="Part of the title.")
    show_in_portal = QueryFlagField(required=False)


class Tasks(ApiView):
    """List and add tasks."""

    queries = {"GET": TaskQuery}

    @extend_schema(
        operation_id="list_tasks", summary="List tasks", parameters=[TaskQuery], responses=page_of(shapes.Task)
    )
    def get(self, request: Request) -> Response:
        """List tasks, oldest first unless ordered otherwise."""

        def write(rows: Sequence[Task]) -> list[dict[str, Any]]:
            return [write_task(row) for row in rows]

        order = _ORDERINGS[self.query.get("ordering", "id")]
        return page(request, _filtered(self.query), order, query=self.query, write=write)

    @extend_schema(operation_id="create_task", summary="Add a task", request=shapes.Task, responses={201: shapes.Task})
    @idempotent
    def post(self, request: Request) -> Response:
        """Add a task to a customer."""
        fields = _fields(self.body(shapes.Task), stored=None)
        account, state = find_customer(fields.pop("customer")), fields.pop("state", TaskState.OPEN)
        with transaction.atomic(), _refusals():
            at = timezone.now()
            saved = create_task(account=account, by=self.actor, at=at, **fields)
            set_task_state(task=saved, state=state, by=self.actor, at=at)
        return one(request, write_task(_find(saved.pk)), status=201, location=f"/api/tasks/{saved.pk}")


class OneTask(ApiView):
    """Read and change a task."""

    @extend_schema(operation_id="read_task", summary="Read a task", responses=shapes.Task)
    def get(self, request: Request, reference: int | str) -> Response:
        """Read a task, whatever its state."""
        return one(request, write_task(_find(reference)))

    @extend_schema(operation_id="update_task", summary="Change a task", request=shapes.Task, responses=shapes.Task)
    def patch(self, request: Request, reference: int | str) -> Response:
        """Change what is given: fields, the checklist as a whole, the state."""
        data = self.body(shapes.Task, partial=True)
        with transaction.atomic(), _refusals():
            found = _find(reference)
            Task.objects.lock().get(pk=found.pk)
            stored = _find(found.pk)
            check_match(self.request, lambda: write_task(stored))
            fields = _fields(data, stored=stored)
            customer, state = fields.pop("customer", stored.account_id), fields.pop("state", stored.state)
            if customer not in (stored.account_id, stored.account.external_id):
                raise refuse("customer", "immutable", "A task stays with its customer.")
            at = timezone.now()
            update_task(task=stored, by=self.actor, at=at, **fields)
            set_task_state(task=stored, state=state, by=self.actor, at=at)
        return one(request, write_task(_find(stored.pk)))


def write_task(row: Task) -> dict[str, Any]:
    """Write a task; its people and its checklist are read with it."""
    return {
        "id": row.pk,
        "customer": row.account_id,
        "external_id": row.external_id,
        "title": row.title,
        "details": row.details,
        "assignee": row.assignee.email if row.assignee else None,
        "due_on": _day(row.due_on),
        "priority": row.priority,
        "state": row.state,
        "snoozed_until": _day(row.snoozed_until),
        "show_in_portal": row.show_in_portal,
        "checklist": [
            {"text": item.text, "done": item.is_done}
            for item in sorted(row.items.all(), key=lambda item: item.position)
        ],
        "source": row.source,
        "created_by": row.created_by.email if row.created_by else None,
        "done_at": _instant(row.done_at),
        "done_by": row.done_by.email if row.done_by else None,
        "created_at": _instant(row.created_at),
        "updated_at": _instant(row.updated_at),
    }


def _tasks() -> QuerySet[Task]:
    found = Task.objects.select_related("account", "assignee", "created_by", "done_by")
    return found.prefetch_related("items")


def _find(reference: int | str) -> Task:
    task: Task = by_reference(_tasks(), reference)
    return task


def _filtered(query: dict[str, Any]) -> QuerySet[Task]:
    rows = of_customer(_tasks(), query)
    if query.get("search"):
        rows = rows.filter(title__icontains=query["search"])
    if query.get("assignee"):
        rows = rows.filter(assignee__email=query["assignee"].lower())
    if query.get("due_before"):
        rows = rows.filter(due_on__lt=query["due_before"])
    plain = {name: query[name] for name in ("state", "priority", "show_in_portal") if name in query}
    return rows.filter(**plain)


def of_customer(rows: QuerySet[Any], query: dict[str, Any]) -> QuerySet[Any]:
    """Keep the rows of the customer that a query names, if it names one."""
    reference = query.get("customer")
    if isinstance(reference, int):
        return rows.filter(account_id=reference)
    return rows.filter(account__external_id=reference) if reference else rows


def find_customer(reference: int | str) -> Account:
    """Find the customer that a body names.

    Raises: Invalid, naming the field.
    """
    named = {"pk": reference} if isinstance(reference, int) else {"external_id": reference}
    account = Account.objects.filter(**named).first()
    if account is None:
        raise refuse("customer", "not_found", "There is no such customer.")
    return account


def _fields(data: dict[str, Any], *, stored: Task | None) -> dict[str, Any]:
    """Turn a request into the fields of the service.

    Raises: Invalid, naming the field.
    """
    if "assignee" in data:
        data["assignee"] = person(data["assignee"], now=stored.assignee if stored else None, field="assignee")
    if "checklist" in data:
        data["checklist"] = [Step(step["text"], step.get("done", False)) for step in data["checklist"]]
    return data


@contextmanager
def _refusals() -> Generator[None]:
    """Turn what the service refuses into a problem that names the fields.

    Raises: Invalid, Conflict.
    """
    try:
        yield
    except WorkRefused as error:
        raise from_fields(
            FieldError("customer" if field == "__all__" else field, item.code or "invalid", " ".join(item.messages))
            for field, items in error.error_dict.items()
            for item in items
        ) from error


def _day(day: date | None) -> str | None:
    return day.isoformat() if day else None


def _instant(instant: datetime | None) -> str | None:
    return write_instant(instant) if instant else None

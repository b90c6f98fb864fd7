"""`/api/objectives`: what customers want to reach."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.people import person
from accounts.models import Account
from objectives.api import shapes, writers
from objectives.models import CompletionType, Metric, Objective
from objectives.services.objectives import ObjectiveRefused, archive_objective, create_objective, update_objective
from valuerealization.common.api.etags import check_match, one
from valuerealization.common.api.fields import ChoiceField, QueryFlagField, ReferenceField, TextField
from valuerealization.common.api.idempotency import idempotent
from valuerealization.common.api.pages import page, page_of
from valuerealization.common.api.problems import FieldError, from_fields, refuse
from valuerealization.common.api.queries import ListQuery
from valuerealization.common.api.views import ApiView, by_reference
from valuerealization.common.keyset import Ordering

_ORDERINGS: Final = {
    "id": Ordering("objective id", ("id",)),
    "-id": Ordering("objective -id", ("id",), is_descending=True),
}


class ObjectiveQuery(ListQuery):
    """Filters of objectives."""

    ordering = ChoiceField(list(_ORDERINGS), required=False, help_text="`id` unless given.")
    customer = ReferenceField(required=False)
    completion_type = ChoiceField(CompletionType.values, required=False)
    metric = TextField(max_length=64, required=False, help_text="Key.")
    owner = TextField(max_length=254, required=False, help_text="E-mail address.")
    search = TextField(max_length=200, required=False, help_text="Part of the title.")
    show_in_portal = QueryFlagField(required=False)
    archived = QueryFlagField(required=False, help_text="The archived ones instead.")


class Objectives(ApiView):
    """List and add objectives."""

    queries = {"GET": ObjectiveQuery}

    @extend_schema(
        operation_id="list_objectives",
        summary="List objectives",
        parameters=[ObjectiveQuery],
        responses=page_of(shapes.Objective),
    )
    def get(self, request: Request) -> Response:
        """List objectives, oldest first."""

        def write(rows: Sequence[Objective]) -> list[dict[str, Any]]:
            return [writers.objective(row) for row in rows]

        order = _ORDERINGS[self.query.get("ordering", "id")]
        return page(request, _filtered(self.query), order, query=self.query, write=write)

    @extend_schema(
        operation_id="create_objective",
        summary="Add an objective",
        request=shapes.Objective,
        responses={201: shapes.Objective},
    )
    @idempotent
    def post(self, request: Request) -> Response:
        """Add an objective; a current value given with it is its first reading."""
        fields = _fields(self.body(shapes.Objective), stored=None)
        account = _customer(fields.pop("customer"))
        with refusals():
            saved = create_objective(account=account, by=self.actor, at=timezone.now(), **fields)
        return one(request, writers.objective(saved), status=201, location=f"/api/objectives/{saved.pk}")


class OneObjective(ApiView):
    """Read, change and archive an objective."""

    @extend_schema(operation_id="read_objective", summary="Read an objective", responses=shapes.Objective)
    def get(self, request: Request, reference: int | str) -> Response:
        """Read an objective, archived or not."""
        return one(request, writers.objective(find_objective(reference)))

    @extend_schema(
        operation_id="update_objective",
        summary="Change an objective",
        request=shapes.Objective,
        responses=shapes.Objective,
    )
    def patch(self, request: Request, reference: int | str) -> Response:
        """Change what is given; a current value is a reading observed now, an unchanged one writes nothing."""
        data = self.body(shapes.Objective, partial=True)
        with transaction.atomic(), refusals():
            stored = self._locked(reference)
            fields = _fields(data, stored=stored)
            _check_customer(fields, stored)
            _check_current(fields, stored)
            saved = update_objective(objective=stored, by=self.actor, at=timezone.now(), **fields)
        return one(request, writers.objective(saved))

    @extend_schema(operation_id="archive_objective", summary="Archive an objective", responses={204: None})
    def delete(self, _request: Request, reference: int | str) -> Response:
        """Take an objective out of the mean at once; its history stays."""
        with transaction.atomic():
            archive_objective(objective=self._locked(reference), by=self.actor, at=timezone.now())
        return Response(status=204)

    def _locked(self, reference: int | str) -> Objective:
        found = find_objective(reference)
        Account.objects.lock().get(pk=found.account_id)
        stored = find_objective(found.pk)
        check_match(self.request, lambda: writers.objective(stored))
        return stored


def find_objective(reference: int | str) -> Objective:
    """Find the objective that a path names.

    Raises: Http404.
    """
    objective: Objective = by_reference(Objective.objects.select_related("owner", "metric"), reference)
    return objective


@contextmanager
def refusals() -> Generator[None]:
    """Turn what the service refuses into a problem that names the fields.

    Raises: Invalid, Conflict.
    """
    try:
        yield
    except ObjectiveRefused as error:
        # What is wrong with the objective itself is wrong with the value that was typed in for it.
        raise from_fields(
            FieldError("current" if each.field == "objective" else each.field, each.code, each.message)
            for each in error.refusals
        ) from error


def _filtered(query: dict[str, Any]) -> QuerySet[Objective]:
    rows = Objective.objects.select_related("owner", "metric").filter(archived_at__isnull=not query.get("archived"))
    reference = query.get("customer")
    if isinstance(reference, int):
        rows = rows.filter(account_id=reference)
    elif reference:
        rows = rows.filter(account__external_id=reference)
    if query.get("search"):
        rows = rows.search(query["search"])
    if query.get("owner"):
        rows = rows.filter(owner__email=query["owner"].lower())
    if query.get("metric"):
        rows = rows.filter(metric__key=query["metric"])
    plain = {name: query[name] for name in ("completion_type", "show_in_portal") if name in query}
    return rows.filter(**plain)


def _customer(reference: int | str) -> Account:
    named = {"pk": reference} if isinstance(reference, int) else {"external_id": reference}
    account = Account.objects.filter(**named).first()
    if account is None:
        raise refuse("customer", "not_found", "There is no such customer.")
    return account


def _fields(data: dict[str, Any], *, stored: Objective | None) -> dict[str, Any]:
    """Turn a request into the fields of the service.

    Raises: Invalid, naming the field.
    """
    if "owner" in data:
        data["owner"] = person(data["owner"], now=stored.owner if stored else None)
    metric = stored.metric if stored else None
    if "metric" in data:
        metric = _metric(data["metric"])
        data["metric"] = metric
    if data.get("unit_label"):
        unit = data.get("unit", stored.unit if stored else "") or (metric.unit if metric else "")
        check_unit_label(unit)
    return data


def check_unit_label(unit: str) -> None:
    """Refuse a label that would be dropped.

    Raises: Invalid.
    """
    if unit != "custom":
        raise refuse("unit_label", "only_for_custom", "Only the unit custom has a label; leave this empty.")


def _metric(key: str | None) -> Metric | None:
    if not key:
        return None
    metric = Metric.objects.filter(key=key).first()
    if metric is None:
        raise refuse("metric", "not_found", "There is no such metric.")
    return metric


def _check_customer(fields: dict[str, Any], stored: Objective) -> None:
    reference = fields.pop("customer", stored.account_id)
    if reference not in (stored.account_id, stored.account.external_id):
        raise refuse("customer", "immutable", "An objective stays with its customer.")


def _check_current(fields: dict[str, Any], stored: Objective) -> None:
    """Take a current value that changes nothing for none, and refuse to lose one."""
    if "current" not in fields:
        return
    current, kind = fields["current"], fields.get("completion_type", stored.completion_type)
    if current is None and stored.current is not None and kind == stored.completion_type:
        raise refuse("current", "not_clearable", "What was measured stays; record another value instead.")
    if current is None or (current == stored.current and kind != CompletionType.MANUAL):
        del fields["current"]

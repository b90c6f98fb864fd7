"""`/api/attributes`: what custom attributes customers have. Their values are part of a customer."""

from collections.abc import Sequence
from typing import Any, Final

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.models import Attribute, AttributeType
from accounts.services.attributes import archive_attribute, restore_attribute, update_attribute
from objectives.api import shapes, writers
from objectives.models import Metric
from objectives.services.attributes import define_attribute
from valuerealization.common.api.etags import check_match, one
from valuerealization.common.api.fields import ChoiceField, QueryFlagField, TextField
from valuerealization.common.api.idempotency import idempotent
from valuerealization.common.api.pages import page, page_of
from valuerealization.common.api.problems import refuse
from valuerealization.common.api.queries import ListQuery
from valuerealization.common.api.views import ApiView, by_reference
from valuerealization.common.keyset import Ordering
from valuerealization.common.units import Unit

_ORDERINGS: Final = {
    "position": Ordering("attribute position", ("position", "name", "id")),
    "-position": Ordering("attribute -position", ("position", "name", "id"), is_descending=True),
    "key": Ordering("attribute key", ("key",)),
    "-key": Ordering("attribute -key", ("key",), is_descending=True),
}
_GIVEN: Final = {
    "key": "tier",
    "name": "Support tier",
    "type": "choice",
    "choices": ["gold", "silver"],
    "help_text": "From the contract",
}
_ATTRIBUTE: Final = OpenApiExample(
    "An attribute",
    {
        "id": 3, **_GIVEN, "unit": None, "position": 0, "archived": False, "archived_at": None,
        "created_at": "2026-11-02T09:30:00Z", "updated_at": "2026-11-02T09:30:00Z",
    },
    response_only=True,
)  # fmt: skip
_EXAMPLES: Final = [
    OpenApiExample("A choice", _GIVEN, request_only=True),
    OpenApiExample("A number", {"key": "seats", "name": "Seats", "type": "number", "unit": "users"}, request_only=True),
    _ATTRIBUTE,
]
_CHANGES: Final = [
    OpenApiExample("More choices", {"choices": ["gold", "silver", "bronze"]}, request_only=True),
    OpenApiExample("Archive", {"archived": True}, request_only=True),
    _ATTRIBUTE,
]


class AttributeQuery(ListQuery):
    """Filters of attributes."""

    ordering = ChoiceField(list(_ORDERINGS), required=False, help_text="`position` unless given.")
    type = ChoiceField(AttributeType.values, required=False)
    search = TextField(max_length=200, required=False, help_text="Part of the name or the key.")
    archived = QueryFlagField(required=False, help_text="The archived ones instead.")


class Attributes(ApiView):
    """List and define attributes."""

    queries = {"GET": AttributeQuery}

    @extend_schema(
        operation_id="list_attributes",
        summary="List custom attributes",
        parameters=[AttributeQuery],
        responses=page_of(shapes.Attribute),
    )
    def get(self, request: Request) -> Response:
        """List the attributes in use, in the order in which pages show them unless told otherwise."""
        rows = Attribute.objects.filter(archived_at__isnull=not self.query.get("archived", False))
        if "type" in self.query:
            rows = rows.filter(type=self.query["type"])
        if self.query.get("search"):
            rows = rows.filter(Q(name__icontains=self.query["search"]) | Q(key__icontains=self.query["search"]))
        order = _ORDERINGS[self.query.get("ordering", "position")]
        return page(request, rows, order, query=self.query, write=_write_all)

    @extend_schema(
        operation_id="create_attribute",
        summary="Define a custom attribute",
        request=shapes.Attribute,
        responses={201: shapes.Attribute},
        examples=_EXAMPLES,
    )
    @idempotent
    def post(self, request: Request) -> Response:
        """Define an attribute that every customer can have a value of. A number gets the metric of its key."""
        fields = self.body(shapes.Attribute)
        is_archived = fields.pop("archived", False)
        _check(fields, kind=fields["type"])
        with transaction.atomic():
            if fields.get("unit"):
                _check_unit(fields["unit"], Metric.objects.filter(key=fields["key"]).first())
            saved = define_attribute(by=self.actor, **fields)
            if is_archived:
                archive_attribute(attribute=saved, by=self.actor, at=timezone.now())
        return one(request, _written(saved.pk), status=201, location=f"/api/attributes/{saved.pk}")


class OneAttribute(ApiView):
    """Read and change an attribute."""

    @extend_schema(
        operation_id="read_attribute",
        summary="Read a custom attribute",
        responses=shapes.Attribute,
        examples=[_ATTRIBUTE],
    )
    def get(self, request: Request, pk: int) -> Response:
        """Read the definition of an attribute, archived or not."""
        return one(request, _written(by_reference(Attribute.objects.all(), pk).pk))

    @extend_schema(
        operation_id="update_attribute",
        summary="Change a custom attribute",
        request=shapes.Attribute,
        responses=shapes.Attribute,
        examples=_CHANGES,
    )
    def patch(self, request: Request, pk: int) -> Response:
        """Change what is given; key and type stay, and so do values that were choices once."""
        fields = self.body(shapes.Attribute, partial=True)
        with transaction.atomic():
            stored = by_reference(Attribute.objects.select_for_update(), pk)
            check_match(request, lambda: _written(pk))
            _check(fields, kind=stored.type)
            if unit := fields.pop("unit", ""):
                _check_unit(unit, Metric.objects.filter(key=stored.key).first())
            at, is_archived = timezone.now(), fields.pop("archived", stored.archived_at is not None)
            update_attribute(attribute=stored, by=self.actor, at=at, **fields)
            (archive_attribute if is_archived else restore_attribute)(attribute=stored, by=self.actor, at=at)
        return one(request, _written(pk))


def _check(fields: dict[str, Any], *, kind: str) -> None:
    """Refuse what an attribute of another type has.

    Raises: Invalid, naming the field.
    """
    if fields.get("choices") and kind != AttributeType.CHOICE:
        raise refuse("choices", "only_for_choice", "Only an attribute of the type choice has choices.")
    if fields.get("unit") and kind != AttributeType.NUMBER:
        raise refuse("unit", "only_for_number", "Only an attribute of the type number has a unit.")


def _check_unit(unit: str, metric: Metric | None) -> None:
    """Refuse a unit that the metric with the attribute's key does not have.

    Raises: Invalid.
    """
    if metric is not None and metric.unit != unit:
        detail = (
            f"The metric {metric.key} has {f'the unit {metric.unit}' if metric.unit else 'no unit'}. Change it there."
        )
        raise refuse("unit", "other_unit", detail)
    if metric is None and unit == Unit.CUSTOM:
        raise refuse("unit", "label_needed", "A unit of your own needs a label: define the metric with this key first.")


def _write_all(rows: Sequence[Attribute]) -> list[dict[str, Any]]:
    keys = [row.key for row in rows if row.is_number]
    metrics = Metric.objects.in_bulk(keys, field_name="key") if keys else {}
    return [writers.attribute(row, metric=metrics.get(row.key) if row.is_number else None) for row in rows]


def _written(pk: int) -> dict[str, Any]:
    return _write_all([Attribute.objects.get(pk=pk)])[0]

"""`/api/segments`: saved rules over customers."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from django.db import transaction
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.models import SavedSegment
from accounts.rules import Field, Group, RuleRefused, parse_rule
from accounts.services.segments import archive_segment, create_segment, restore_segment, update_segment
from objectives.api import shapes, writers
from objectives.queries.segment_pages import live_counts
from objectives.queries.segments import fields_for, rule_fields
from valuerealization.common.api.etags import check_match, one
from valuerealization.common.api.fields import ChoiceField, QueryFlagField, TextField
from valuerealization.common.api.idempotency import idempotent
from valuerealization.common.api.pages import page, page_of
from valuerealization.common.api.problems import FieldError, from_fields
from valuerealization.common.api.queries import ListQuery
from valuerealization.common.api.views import ApiView, by_reference
from valuerealization.common.keyset import Ordering

_ORDERINGS: Final = {
    "name": Ordering("segment name", ("name", "id")),
    "-name": Ordering("segment -name", ("name", "id"), is_descending=True),
    "id": Ordering("segment id", ("id",)),
    "-id": Ordering("segment -id", ("id",), is_descending=True),
}
_GIVEN: Final = {
    "name": "Large renewals at risk",
    "description": "For the Monday call",
    "rule": {
        "all": [
            {"field": "arr", "op": "at_least", "value": "100000"},
            {"field": "renewal_on", "op": "in_next_days", "value": 90},
            {"any": [
                {"field": "status", "op": "is_any_of", "value": ["stalled", "at_risk"]},
                {"field": "attributes.tier", "op": "is", "value": "gold"},
            ]},
        ]
    },
}  # fmt: skip
_SEGMENT: Final = OpenApiExample(
    "A segment",
    {
        "id": 5, **_GIVEN, "customers": 7, "created_by": None, "archived": False, "archived_at": None,
        "created_at": "2026-11-02T09:30:00Z", "updated_at": "2026-11-02T09:30:00Z",
    },
    response_only=True,
)  # fmt: skip
_EXAMPLES: Final = [OpenApiExample("A segment to save", _GIVEN, request_only=True), _SEGMENT]
_CHANGES: Final = [
    OpenApiExample(
        "Another rule", {"rule": {"all": [{"field": "segment", "op": "is", "value": "enterprise"}]}}, request_only=True
    ),
    OpenApiExample("Archive", {"archived": True}, request_only=True),
    _SEGMENT,
]


class SegmentQuery(ListQuery):
    """Filters of segments."""

    ordering = ChoiceField(list(_ORDERINGS), required=False, help_text="`name` unless given.")
    search = TextField(max_length=200, required=False, help_text="Part of the name.")
    archived = QueryFlagField(required=False, help_text="The archived ones instead.")


class Segments(ApiView):
    """List and save segments."""

    queries = {"GET": SegmentQuery}

    @extend_schema(
        operation_id="list_segments",
        summary="List saved segments",
        parameters=[SegmentQuery],
        responses=page_of(shapes.Segment),
    )
    def get(self, request: Request) -> Response:
        """List the segments in use by name, each with how many customers are in it now."""
        rows = SavedSegment.objects.filter(archived_at__isnull=not self.query.get("archived", False))
        if self.query.get("search"):
            rows = rows.filter(name__icontains=self.query["search"])
        order = _ORDERINGS[self.query.get("ordering", "name")]
        return page(request, rows.select_related("created_by"), order, query=self.query, write=_write_all)

    @extend_schema(
        operation_id="create_segment",
        summary="Save a segment",
        request=shapes.Segment,
        responses={201: shapes.Segment},
        examples=_EXAMPLES,
    )
    @idempotent
    def post(self, request: Request) -> Response:
        """Save a rule under a name of its own; errors name the place in the rule: `rule.all[1].value`."""
        fields = self.body(shapes.Segment)
        is_archived, rule = fields.pop("archived", False), _rule(fields.pop("rule"), rule_fields())
        with transaction.atomic():
            saved = create_segment(by=self.actor, rule=rule, **fields)
            if is_archived:
                archive_segment(segment=saved, by=self.actor, at=timezone.now())
        return one(request, _written(saved.pk), status=201, location=f"/api/segments/{saved.pk}")


class OneSegment(ApiView):
    """Read and change a segment."""

    @extend_schema(operation_id="read_segment", summary="Read a segment", responses=shapes.Segment, examples=[_SEGMENT])
    def get(self, request: Request, pk: int) -> Response:
        """Read a segment, archived or not, with its rule and how many customers are in it now."""
        return one(request, _written(by_reference(SavedSegment.objects.all(), pk).pk))

    @extend_schema(
        operation_id="update_segment",
        summary="Change a segment",
        request=shapes.Segment,
        responses=shapes.Segment,
        examples=_CHANGES,
    )
    def patch(self, request: Request, pk: int) -> Response:
        """Change what is given; a rule given replaces the whole one."""
        fields = self.body(shapes.Segment, partial=True)
        with transaction.atomic():
            stored = by_reference(SavedSegment.objects.select_for_update(), pk)
            check_match(request, lambda: _written(pk))
            if "rule" in fields:
                fields["rule"] = _rule(fields["rule"], fields_for(stored))
            at, is_archived = timezone.now(), fields.pop("archived", stored.archived_at is not None)
            update_segment(segment=stored, by=self.actor, at=at, **fields)
            (archive_segment if is_archived else restore_segment)(segment=stored, by=self.actor, at=at)
        return one(request, _written(pk))


def _rule(given: Any, known: Mapping[str, Field]) -> Group:
    """Read a rule.

    Raises: Invalid, with every error at its place.
    """
    try:
        return parse_rule(given, fields=known)
    except RuleRefused as refused:
        raise from_fields(
            FieldError(f"rule.{each.position}" if each.position else "rule", each.code, each.message)
            for each in refused.errors
        ) from refused


def _write_all(rows: Sequence[SavedSegment]) -> list[dict[str, Any]]:
    counts = live_counts(rows, on=timezone.now().date())
    return [writers.segment(row, customers=counts.get(row.pk)) for row in rows]


def _written(pk: int) -> dict[str, Any]:
    return _write_all([SavedSegment.objects.select_related("created_by").get(pk=pk)])[0]

"""`/api/metrics`: the quantities that customers are measured by."""

from collections.abc import Sequence
from typing import Any, Final

from django.db import transaction
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from objectives.api import shapes, writers
from objectives.api.objectives import check_unit_label
from objectives.models import Kind, Metric
from objectives.services.metrics import create_metric, update_metric
from valuerealization.common.api.etags import check_match, one
from valuerealization.common.api.fields import ChoiceField
from valuerealization.common.api.idempotency import idempotent
from valuerealization.common.api.pages import page, page_of
from valuerealization.common.api.queries import ListQuery
from valuerealization.common.api.views import ApiView, by_reference
from valuerealization.common.keyset import Ordering

_ORDERINGS: Final = {
    "key": Ordering("metric key", ("key",)),
    "-key": Ordering("metric -key", ("key",), is_descending=True),
}


class MetricQuery(ListQuery):
    """Filters of metrics."""

    ordering = ChoiceField(list(_ORDERINGS), required=False, help_text="`key` unless given.")
    kind = ChoiceField(Kind.values, required=False)


class Metrics(ApiView):
    """List and define metrics."""

    queries = {"GET": MetricQuery}

    @extend_schema(
        operation_id="list_metrics", summary="List metrics", parameters=[MetricQuery], responses=page_of(shapes.Metric)
    )
    def get(self, request: Request) -> Response:
        """List metrics by key."""

        def write(rows: Sequence[Metric]) -> list[dict[str, Any]]:
            return [writers.metric(row) for row in rows]

        rows = Metric.objects.filter(**{name: self.query[name] for name in ("kind",) if name in self.query})
        return page(request, rows, _ORDERINGS[self.query.get("ordering", "key")], query=self.query, write=write)

    @extend_schema(
        operation_id="create_metric", summary="Define a metric", request=shapes.Metric, responses={201: shapes.Metric}
    )
    @idempotent
    def post(self, request: Request) -> Response:
        """Define a metric."""
        data = self.body(shapes.Metric)
        if data.get("unit_label"):
            check_unit_label(data.get("unit", ""))
        saved = Metric.objects.get(pk=create_metric(by=self.actor, **data).pk)
        return one(request, writers.metric(saved), status=201, location=f"/api/metrics/{saved.pk}")


class OneMetric(ApiView):
    """Read and change a metric."""

    @extend_schema(operation_id="read_metric", summary="Read a metric", responses=shapes.Metric)
    def get(self, request: Request, pk: int) -> Response:
        """Read a metric."""
        return one(request, writers.metric(by_reference(Metric.objects.all(), pk)))

    @extend_schema(
        operation_id="update_metric", summary="Change a metric", request=shapes.Metric, responses=shapes.Metric
    )
    def patch(self, request: Request, pk: int) -> Response:
        """Change what is given; a new methodology or formula is a new version, and readings keep theirs."""
        data = self.body(shapes.Metric, partial=True)
        with transaction.atomic():
            stored = by_reference(Metric.objects.select_for_update(), pk)
            check_match(request, lambda: writers.metric(stored))
            if data.get("unit_label"):
                check_unit_label(data.get("unit", stored.unit))
            saved = update_metric(metric=stored, by=self.actor, at=timezone.now(), **data)
        return one(request, writers.metric(saved))

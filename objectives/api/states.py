"""`/api/customers/{id}/…`: what is measured of one customer, its weeks, and their restatement."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Final

from django.db.models import OuterRef, Subquery
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from objectives.api import shapes, writers
from objectives.api.customers import find_customer
from objectives.evidence import verified_mean
from objectives.models import Metric, Reading, Snapshot, SnapshotObjective
from objectives.queries.live import active_objectives, live_score, numeric
from objectives.services.restatements import rebuild
from objectives.weeks import sunday_on_or_after
from valuerealization.common.api.fields import ChoiceField, DateField
from valuerealization.common.api.idempotency import idempotent
from valuerealization.common.api.pages import page, page_of
from valuerealization.common.api.problems import Conflict, refuse
from valuerealization.common.api.queries import ListQuery
from valuerealization.common.api.values import write_instant
from valuerealization.common.api.views import ApiView
from valuerealization.common.keyset import Ordering

_ORDERINGS: Final = {
    "-week": Ordering("snapshot -week", ("week",), is_descending=True),
    "week": Ordering("snapshot week", ("week",)),
}


class ValueMetrics(ApiView):
    """The current state of everything that is measured of a customer."""

    @extend_schema(
        operation_id="read_value_metrics", summary="Read a customer's value metrics", responses=shapes.ValueMetrics
    )
    def get(self, _request: Request, reference: int | str) -> Response:
        """Compute the live score and list objectives, and all metrics with their latest reading."""
        account = find_customer(reference)
        at = timezone.now()
        objectives = active_objectives(account)
        verified = verified_mean((each.weight, each.completion, each.grade) for each in numeric(objectives))
        score = live_score(numeric(objectives), timezone=account.timezone, at=at)
        return Response(
            {
                "customer": account.pk,
                "as_of": write_instant(at),
                "value_delivered": writers.live_value(score, verified=verified),
                "objectives": [writers.objective(each) for each in objectives],
                "metrics": _metrics(account.pk),
            }
        )


def _metrics(account_id: int) -> list[dict[str, Any]]:
    newest = Reading.objects.filter(account=account_id, metric=OuterRef("pk"))
    latest = newest.order_by("-observed_at", "-recorded_at", "-id").values("pk")[:1]
    metrics = list(Metric.objects.annotate(latest=Subquery(latest)).order_by("key"))
    readings = Reading.objects.in_bulk([metric.latest for metric in metrics if metric.latest])
    return [
        {
            "metric": writers.metric(metric),
            "latest": writers.reading(readings[metric.latest], metric_key=metric.key, is_superseded=False)
            if metric.latest
            else None,
        }
        for metric in metrics
    ]


SnapshotQuery = type(
    "SnapshotQuery",
    (ListQuery,),
    {
        "__doc__": "Which weeks, and how much of them.",
        "__module__": __name__,
        "from": DateField(required=False, help_text="The first week, by the date of its Sunday."),
        "to": DateField(required=False, help_text="The last week."),
        "include": ChoiceField(["objectives"], required=False),
        "ordering": ChoiceField(list(_ORDERINGS), required=False, help_text="`-week` unless given: newest first."),
    },
)


class Snapshots(ApiView):
    """The weeks of a customer."""

    queries = {"GET": SnapshotQuery}

    @extend_schema(
        operation_id="list_snapshots",
        summary="List a customer's weekly snapshots",
        parameters=[SnapshotQuery],
        responses=page_of(shapes.Snapshot),
    )
    def get(self, request: Request, reference: int | str) -> Response:
        """List snapshots, newest first unless asked otherwise."""
        account = find_customer(reference)
        rows = Snapshot.objects.filter(account=account)
        if "from" in self.query:
            rows = rows.filter(week__gte=self.query["from"])
        if "to" in self.query:
            rows = rows.filter(week__lte=self.query["to"])

        def write(found: Sequence[Snapshot]) -> list[dict[str, Any]]:
            if "include" not in self.query:
                return [writers.snapshot(row, None) for row in found]
            parts = _objectives_of(found)
            return [writers.snapshot(row, parts[row.pk]) for row in found]

        return page(request, rows, _ORDERINGS[self.query.get("ordering", "-week")], query=self.query, write=write)


def _objectives_of(snapshots: Sequence[Snapshot]) -> dict[int, list[SnapshotObjective]]:
    parts: dict[int, list[SnapshotObjective]] = defaultdict(list)
    rows = SnapshotObjective.objects.filter(snapshot__in=[row.pk for row in snapshots]).select_related("objective")
    for part in rows.order_by("snapshot", "objective"):
        parts[part.snapshot_id].append(part)
    return parts


class Restatements(ApiView):
    """Rebuild a customer's past weeks."""

    @extend_schema(
        operation_id="restate_snapshots",
        summary="Rebuild past snapshots",
        request=shapes.Restatement,
        responses=shapes.Restated,
    )
    @idempotent
    def post(self, _request: Request, reference: int | str) -> Response:
        """Take history that arrived late into past weeks, audited; weeks that come out the same stay untouched."""
        data = self.body(shapes.Restatement)
        account = find_customer(reference)
        first, last = data.get("from"), data.get("to")
        if first and last and last < first:
            raise refuse("to", "range_reversed", "The last week lies before the first.")
        if account.archived_at is not None:
            raise Conflict("This customer is archived. Restore it first.", code="archived")
        done = rebuild(
            account_ids=[account.pk],
            by=self.actor,
            reason=data["reason"],
            from_week=sunday_on_or_after(first) if first else None,
            to_week=last,
        )
        return Response({"customer": account.pk, "weeks_added": done.added, "weeks_changed": done.changed})

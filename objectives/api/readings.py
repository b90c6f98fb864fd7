"""`/api/readings` and `/api/objectives/{id}/readings`: measurements, one or many."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from objectives.api import shapes, writers
from objectives.api.objectives import find_objective
from objectives.api.rows import Batch, read_rows
from objectives.models import CompletionType, Objective, Reading
from objectives.services.checks import SET_ASIDE
from objectives.services.readings import RecordResult, RowError, record_readings
from valuerealization.common.api.fields import QueryFlagField
from valuerealization.common.api.idempotency import idempotent
from valuerealization.common.api.pages import page, page_of
from valuerealization.common.api.parsers import JsonParser, Lines, NdjsonParser
from valuerealization.common.api.problems import FieldError, Invalid, Problem, TooLarge, from_fields, join
from valuerealization.common.api.queries import ListQuery, Query
from valuerealization.common.api.views import ApiView
from valuerealization.common.audit import Actor
from valuerealization.common.keyset import Ordering

MOST_ROWS: Final = 5_000

_NEWEST: Final = Ordering("newest reading", ("observed_at", "recorded_at", "id"), is_descending=True)


class BulkQuery(Query):
    """How a batch is taken."""

    atomic = QueryFlagField(required=False, help_text="All rows or none.")


class Readings(ApiView):
    """Record readings."""

    queries = {"POST": BulkQuery}
    parser_classes = [JsonParser, NdjsonParser]
    max_body = settings.DATA_UPLOAD_MAX_MEMORY_SIZE

    @extend_schema(
        operation_id="record_readings",
        summary="Record readings",
        parameters=[BulkQuery],
        request={"application/json": shapes.Reading(many=True), "application/x-ndjson": shapes.Reading},
        responses=shapes.Recorded,
    )
    @idempotent
    def post(self, request: Request) -> Response:
        """Record one reading (an object) or many (an array, or a line each): good rows are kept, bad ones listed.

        One that is sent alone is refused as a whole, and so are many with `atomic=true`.
        """
        self.require_body()
        given, is_alone = request.data, False
        if not isinstance(given, list | Lines):
            given, is_alone = [given], True
        if len(given) > MOST_ROWS:
            raise TooLarge(f"Send at most {MOST_ROWS:,} rows at once; these are {len(given):,}.", code="too_many_rows")
        batch = read_rows(given)
        is_atomic = is_alone or self.query.get("atomic", False)
        with transaction.atomic():
            result, errors = _record(batch, by=self.actor, at=timezone.now())
            if is_atomic and any(error.code not in SET_ASIDE for error in errors):
                raise _problem(errors, is_alone=is_alone)
        counts = {name: getattr(result, name) for name in ("created", "unchanged", "superseded")}
        return Response({**counts, "errors": [asdict(error) for error in errors]})


class ReadingQuery(ListQuery):
    """A list of readings."""


class ObjectiveReadings(ApiView):
    """The measurement log of an objective."""

    queries = {"GET": ReadingQuery}

    @extend_schema(
        operation_id="list_objective_readings",
        summary="List an objective's readings",
        parameters=[ReadingQuery],
        responses=page_of(shapes.Reading),
    )
    def get(self, request: Request, reference: int | str) -> Response:
        """List readings, the latest observed first; of an attribute-based objective those of its metric."""
        objective = find_objective(reference)
        key = objective.metric.key if objective.metric else None

        def write(rows: Sequence[Any]) -> list[dict[str, Any]]:
            return [writers.reading(row, metric_key=key, is_superseded=row.is_superseded) for row in rows]

        return page(request, _readings_of(objective), _NEWEST, query=self.query, write=write)

    @extend_schema(
        operation_id="record_objective_reading",
        summary="Record a reading of an objective",
        request=shapes.ObjectiveReading,
        responses={201: shapes.Reading, 200: shapes.Reading},
    )
    @idempotent
    def post(self, request: Request, reference: int | str) -> Response:
        """Record a reading; the same value at the same time from the same source again is 200 and writes nothing."""
        self.require_body()
        objective = find_objective(reference)
        batch = read_rows([request.data], objective_id=objective.pk)
        at = timezone.now()
        with transaction.atomic():
            result, errors = _record(batch, by=self.actor, at=at)
            if errors:
                raise _problem(errors, is_alone=True)
        row = batch.rows[0]
        stored = Reading.objects.filter(objective=objective, observed_at=row.observed_at or at, source=row.source)
        found = stored.order_by("-recorded_at", "-id")[:1].get()
        is_new = bool(result.reading_ids)
        return Response(writers.reading(found, metric_key=None, is_superseded=False), status=201 if is_new else 200)


def _record(batch: Batch, *, by: Actor, at: datetime) -> tuple[RecordResult, list[RowError]]:
    result = record_readings(rows=batch.rows, by=by, at=at) if batch.rows else RecordResult()
    return result, sorted([*batch.errors, *result.errors])


def _problem(errors: Sequence[RowError], *, is_alone: bool) -> Problem:
    told = [
        FieldError(error.field if is_alone else join(f"[{error.index}]", error.field), error.code, error.detail)
        for error in errors
    ]
    return from_fields(told) if is_alone else Invalid("Nothing was recorded: some rows can't be taken.", errors=told)


def _readings_of(objective: Objective) -> QuerySet[Reading]:
    if objective.completion_type == CompletionType.ATTRIBUTE:
        subject: dict[str, Any] = {"account": objective.account_id, "metric": objective.metric_id}
    else:
        subject = {"objective": objective.pk}
    later = Reading.objects.filter(
        Q(recorded_at__gt=OuterRef("recorded_at")) | Q(recorded_at=OuterRef("recorded_at"), id__gt=OuterRef("id")),
        observed_at=OuterRef("observed_at"),
        source=OuterRef("source"),
        **subject,
    )
    return Reading.objects.filter(**subject).annotate(is_superseded=Exists(later))

"""Readings from a file: checked row by row, recorded in one go."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from typing import Any, Final

from django.db import connection

from accounts.models import Account
from objectives.imports import cells
from objectives.imports.files import Row
from objectives.imports.report import Import, Saved
from objectives.models import Confidence, Objective
from objectives.moments import instant_of
from objectives.services.readings import ReadingRow, ReadingsRefused, record_readings
from objectives.weeks import local_day

COLUMNS: Final[dict[str, cells.Reader]] = {
    "customer": cells.reference,
    "metric": cells.line_of_text(64),
    "objective": cells.reference,
    "value": cells.number,
    "observed_at": cells.moment,
    "source": cells.line_of_text(120),
    "confidence": cells.choice(Confidence.values),
    "note": cells.paragraphs,
    "external_id": cells.external_id,
}
REQUIRED: Final = ("value",)

# What the same file recorded earlier today for a row that says "today", or nothing: the newest such reading.
_EARLIER: Final = """
SELECT w.line, r.observed_at
FROM unnest(%(lines)s::bigint[], %(customers)s::text[], %(metrics)s::text[], %(objectives)s::text[],
  %(values)s::numeric[], %(sources)s::text[], %(since)s::timestamptz[])
  AS w (line, customer, metric, objective, value, source, since)
LEFT JOIN objectives_objective o ON o.external_id = w.objective
LEFT JOIN accounts_account a ON a.external_id = w.customer
LEFT JOIN objectives_metric m ON m.key = w.metric
CROSS JOIN LATERAL (
  (SELECT v.observed_at, v.value FROM objectives_reading v
   WHERE v.objective_id = o.id AND v.source = w.source AND v.observed_at BETWEEN w.since AND %(at)s
   ORDER BY v.observed_at DESC, v.recorded_at DESC, v.id DESC LIMIT 1)
  UNION ALL
  (SELECT v.observed_at, v.value FROM objectives_reading v
   WHERE w.objective IS NULL AND v.account_id = a.id AND v.metric_id = m.id AND v.source = w.source
     AND v.observed_at BETWEEN w.since AND %(at)s
   ORDER BY v.observed_at DESC, v.recorded_at DESC, v.id DESC LIMIT 1)
) r
WHERE r.value = w.value
"""


@dataclass(frozen=True, slots=True)
class _Pending:
    """A row whose time depends on where the account is."""

    reading: ReadingRow
    day: date | None


def save(running: Import) -> Saved:
    """Record every row, or none.

    Shape:  a date alone is its local noon, or now if that is earlier; no date is now. A row of today whose value is
            already there is the same reading again.
    Raises: FileRefused.
    """
    rows = list(_read(running))
    running.check()
    dated = _dated(rows, running.at)
    _check_contradictions(running, dated)
    running.check()
    try:
        recorded = record_readings(rows=dated, by=running.by, at=running.at, atomic=True)
    except ReadingsRefused as error:
        for each in error.errors:
            running.refuse(each.index, each.field, each.detail)
        running.check()
        raise
    return Saved(len(dated), recorded.created, recorded.superseded, recorded.unchanged)


def _read(running: Import) -> Iterator[ReadingRow | _Pending]:
    lines: dict[str, int] = {}
    for row in running.table.rows:
        values, errors = cells.read_cells(row, COLUMNS)
        running.table.errors.extend(errors)
        known = {error.field for error in errors}
        for name, message in _missing(values):
            if not known & {name, "objective"}:
                running.refuse(row.line, name, message)
                known.add(name)
        if external_id := values.get("external_id"):
            first = lines.setdefault(external_id, row.line)
            if first != row.line:
                message = f"Line {first} has “{external_id}” already. Keep one of the two."
                running.refuse(row.line, "external_id", message)
        if not known:
            yield _row(row, values)


def _missing(values: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Say what a row lacks."""
    if values.get("value") is None:
        yield "value", "Give the value that was measured."
    if values.get("objective"):
        if values.get("metric"):
            yield "metric", "A reading is of a metric or of an objective, not of both. Leave one of the two empty."
        return
    for name in ("customer", "metric"):
        if not values.get(name):
            yield name, "Name customer and metric, or an objective."


def _row(row: Row, values: dict[str, Any]) -> ReadingRow | _Pending:
    observed: datetime | date | None = values.get("observed_at")
    reading = ReadingRow(
        index=row.line,
        value=values["value"],
        customer_external_id=values.get("customer"),
        metric_key=values.get("metric"),
        objective_external_id=values.get("objective"),
        observed_at=observed if isinstance(observed, datetime) else None,
        source=values.get("source") or "",
        confidence=values.get("confidence") or Confidence.HIGH.value,
        note=values.get("note") or "",
        external_id=values.get("external_id") or "",
    )
    return reading if isinstance(observed, datetime) else _Pending(reading, observed)


def _zones(readings: list[ReadingRow]) -> dict[tuple[str, str], str]:
    """Find the timezones of the customers and objectives that rows name; what there is none of is refused later."""
    customers = {reading.customer_external_id for reading in readings if not reading.objective_external_id}
    objectives = {reading.objective_external_id for reading in readings if reading.objective_external_id}
    accounts = Account.objects.filter(external_id__in=customers - {None})
    goals = Objective.objects.filter(external_id__in=objectives)
    return {
        **{("customer", str(ref)): zone for ref, zone in accounts.values_list("external_id", "timezone")},
        **{("objective", str(ref)): zone for ref, zone in goals.values_list("external_id", "account__timezone")},
    }


def _zone(reading: ReadingRow, zones: dict[tuple[str, str], str]) -> str:
    if reading.objective_external_id:
        return zones.get(("objective", reading.objective_external_id), "UTC")
    return zones.get(("customer", reading.customer_external_id or ""), "UTC")


def _dated(rows: list[ReadingRow | _Pending], at: datetime) -> list[ReadingRow]:
    """Give every row its instant."""
    pending = [row for row in rows if isinstance(row, _Pending)]
    zones = _zones([row.reading for row in pending])
    instants = {
        row.reading.index: instant_of(day=row.day, clock=None, timezone=_zone(row.reading, zones), at=at)
        for row in pending
    }
    now = [row.reading for row in pending if instants[row.reading.index] == at]
    instants |= _repeated(now, zones, at)
    return [
        replace(row.reading, observed_at=instants[row.reading.index]) if isinstance(row, _Pending) else row
        for row in rows
    ]


def _check_contradictions(running: Import, rows: list[ReadingRow]) -> None:
    """Refuse two values for one thing at one time from one source: whichever came last would win."""
    seen: dict[tuple[Any, ...], ReadingRow] = {}
    for row in rows:
        key = (row.customer_external_id, row.metric_key, row.objective_external_id, row.observed_at, row.source)
        first = seen.setdefault(key, row)
        if first.value != row.value:
            running.refuse(
                row.index, "value", f"Line {first.index} gives another value for the same time. Keep one of the two."
            )


def _repeated(readings: list[ReadingRow], zones: dict[tuple[str, str], str], at: datetime) -> dict[int, datetime]:
    """Find, by line, when a row's value was already observed today: importing a file twice records nothing twice."""
    if not readings:
        return {}
    midnights = {
        zone: instant_of(day=local_day(at, zone), clock=time(0), timezone=zone, at=at)
        for zone in {_zone(reading, zones) for reading in readings}
    }
    with connection.cursor() as cursor:
        cursor.execute(
            _EARLIER,
            {
                "lines": [reading.index for reading in readings],
                "customers": [reading.customer_external_id for reading in readings],
                "metrics": [reading.metric_key for reading in readings],
                "objectives": [reading.objective_external_id for reading in readings],
                "values": [reading.value for reading in readings],
                "sources": [reading.source for reading in readings],
                "since": [midnights[_zone(reading, zones)] for reading in readings],
                "at": at,
            },
        )
        return dict(cursor.fetchall())

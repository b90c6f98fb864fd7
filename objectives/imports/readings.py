"""Readings from a file: checked row by row, recorded in one go."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any, Final

from django.db import connection

from accounts.models import Account
from objectives.imports import cells
from objectives.imports.report import Import, Saved
from objectives.imports.tables import BadCell, LineError, Row
from objectives.models import Confidence, Objective
from objectives.moments import instant_of
from objectives.services.batches import reading_changes
from objectives.services.readings import ReadingsRefused, StagedRow, record_staged, staged_row
from objectives.weeks import local_day
from valuerealization.common.api.values import ValueRefused

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
SYNONYMS: Final = {
    "customer": ("account", "account id", "customer id", "company", "company id"),
    "metric": ("metric key", "kpi", "measure", "indicator"),
    "objective": ("objective id", "goal", "goal id"),
    "value": ("reading", "amount", "number", "measurement", "result"),
    "observed_at": ("date", "day", "time", "timestamp", "observed", "observed on", "measured at", "as of"),
    "source": ("data source", "system", "origin"),
    "confidence": ("certainty", "quality"),
    "note": ("notes", "comment", "comments", "remark"),
    "external_id": ("id", "reading id"),
}

# Most numbers look like this, and PostgreSQL reads them as they are; the rest is read with care.
_PLAIN_NUMBER: Final = re.compile(r"-?[0-9]{1,14}(?:\.[0-9]{1,6})?", re.ASCII)
_REMEMBERED: Final = 50_000  # different cells of a column; the same customer, day and source come again and again

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


@dataclass(slots=True)
class _Reading:
    """A row that was read: instants are given, or follow from the day and the place."""

    line: int
    customer: str | None
    metric: str | None
    objective: str | None
    value: str | Any
    observed: datetime | date | None
    source: str
    confidence: str
    note: str
    external_id: str

    @property
    def staged(self) -> StagedRow:
        return staged_row(
            index=self.line,
            value=self.value,
            customer_external_id=self.customer,
            metric_key=self.metric,
            objective_external_id=self.objective,
            observed_at=self.observed,  # type: ignore[arg-type]
            source=self.source,
            confidence=self.confidence,
            note=self.note,
            external_id=self.external_id,
        )


def save(running: Import) -> Saved:
    """Record every good row, and note what is wrong with the others.

    Shape:  a date alone is its local noon, or now if that is earlier; no date is now. A row of today whose value is
            already there is the same reading again.
    """
    rows = list(_read(running))
    _date(rows, running.at)
    editor_id = None if running.editor is None else running.editor.pk
    while True:
        bad = {error.line for error in running.table.errors}
        good = [row for row in rows if row.line not in bad] if bad else rows
        try:
            recorded = record_staged(
                rows=(row.staged for row in good), by=running.by, at=running.at, atomic=True, editor_id=editor_id,
                refuse_contradictions=True,
            )  # fmt: skip
        except ReadingsRefused as error:
            running.note(LineError(each.index, each.field, each.detail) for each in error.errors)
            continue
        running.changes.extend(reading_changes(reading_ids=recorded.reading_ids))
        return Saved(len(good), recorded.created, recorded.superseded, recorded.unchanged)


def _remembering(reader: cells.Reader) -> cells.Reader:
    """Read a cell that was read before from memory."""
    seen: dict[str, Any] = {}

    def read(text: str) -> Any:
        if (found := seen.get(text)) is None:
            found = reader(text)
            if len(seen) < _REMEMBERED:
                seen[text] = found
        return found

    return read


def _number(text: str) -> Any:
    return text if _PLAIN_NUMBER.fullmatch(text) else cells.number(text)


def _read(running: Import) -> Iterator[_Reading]:
    readers = {name: _remembering(reader) for name, reader in COLUMNS.items()}
    readers |= {"value": _number, "external_id": COLUMNS["external_id"], "note": COLUMNS["note"]}
    lines: dict[str, int] = {}
    for row in running.table.rows:
        values, errors = _cells(row, readers)
        known = {error.field for error in errors}
        for name, message in _missing(values):
            if not known & {name, "objective"}:
                errors.append(LineError(row.line, name, message))
                known.add(name)
        if external_id := values.get("external_id"):
            first = lines.setdefault(external_id, row.line)
            if first != row.line:
                message = f"Line {first} has “{external_id}” already. Keep one of the two."
                errors.append(LineError(row.line, "external_id", message))
        if errors:
            running.note(errors)
            continue
        yield _Reading(
            row.line,
            values.get("customer"),
            values.get("metric"),
            values.get("objective"),
            values["value"],
            values.get("observed_at"),
            values.get("source") or "",
            values.get("confidence") or Confidence.HIGH.value,
            values.get("note") or "",
            values.get("external_id") or "",
        )


def _cells(row: Row, readers: Mapping[str, cells.Reader]) -> tuple[dict[str, Any], list[LineError]]:
    """Read a row's cells; what is wrong is read once more, in the words that all imports use."""
    values: dict[str, Any] = {}
    try:
        for name, cell in row.cells.items():
            if type(cell) is BadCell:
                return cells.read_cells(row, COLUMNS)
            text = cell.strip()
            values[name] = readers[name](text) if text else None
    except ValueRefused:
        return cells.read_cells(row, COLUMNS)
    return values, []


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


def _zones(readings: Iterable[_Reading]) -> dict[tuple[str, str], str]:
    """Find the timezones of the customers and objectives that rows name; what there is none of is refused later."""
    customers = {reading.customer for reading in readings if not reading.objective}
    objectives = {reading.objective for reading in readings if reading.objective}
    accounts = Account.objects.filter(external_id__in=customers - {None})
    goals = Objective.objects.filter(external_id__in=objectives)
    return {
        **{("customer", str(ref)): zone for ref, zone in accounts.values_list("external_id", "timezone")},
        **{("objective", str(ref)): zone for ref, zone in goals.values_list("external_id", "account__timezone")},
    }


def _zone(reading: _Reading, zones: dict[tuple[str, str], str]) -> str:
    if reading.objective:
        return zones.get(("objective", reading.objective), "UTC")
    return zones.get(("customer", reading.customer or ""), "UTC")


def _date(rows: list[_Reading], at: datetime) -> None:
    """Give every row its instant."""
    pending = [row for row in rows if not isinstance(row.observed, datetime)]
    zones = _zones(pending)
    instants: dict[tuple[date | None, str], datetime] = {}
    now: list[_Reading] = []
    for row in pending:
        key = (row.observed, _zone(row, zones))
        if (instant := instants.get(key)) is None:
            instant = instants[key] = instant_of(day=row.observed, clock=None, timezone=key[1], at=at)
        row.observed = instant
        if instant == at:
            now.append(row)
    earlier = _repeated(now, zones, at)
    for row in now:
        row.observed = earlier.get(row.line, at)


def _repeated(readings: list[_Reading], zones: dict[tuple[str, str], str], at: datetime) -> dict[int, datetime]:
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
                "lines": [reading.line for reading in readings],
                "customers": [reading.customer for reading in readings],
                "metrics": [reading.metric for reading in readings],
                "objectives": [reading.objective for reading in readings],
                "values": [str(reading.value) for reading in readings],
                "sources": [reading.source for reading in readings],
                "since": [midnights[_zone(reading, zones)] for reading in readings],
                "at": at,
            },
        )
        return dict(cursor.fetchall())

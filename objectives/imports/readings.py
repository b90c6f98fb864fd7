"""Readings from a file: checked row by row, recorded in one go."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any, Final

from django.db import connection

from accounts.models import Account
from objectives.imports import cells
from objectives.imports.report import Import, Saved, changes_of
from objectives.imports.tables import BadCell, LineError
from objectives.models import Confidence, ImportSubject, Objective
from objectives.moments import instant_of
from objectives.services.batches import HELD, REJECTED, Change
from objectives.services.checks import SET_ASIDE
from objectives.services.readings import StagedRow, record_staged, staged_row
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
_REMEMBERED: Final = 50_000  # different cells of a column
_ALL_DIFFERENT: Final = ("value", "note", "external_id")
_HIGH: Final = Confidence.HIGH.value

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
class _Undated:
    """A row whose instant follows from its day, if it has one, and the place."""

    line: int
    day: date | None
    values: dict[str, Any]

    @property
    def place(self) -> tuple[str, str]:
        """Name what tells the timezone."""
        if self.values.get("objective"):
            return "objective", self.values["objective"]
        return "customer", self.values["customer"]


def save(running: Import) -> Saved:
    """Record every good row, and note what is wrong with the others.

    Shape:  a date alone is its local noon, or now if that is earlier; no date is now. A row of today whose value is
            already there is the same reading again.
    """
    recorded = record_staged(
        parts=_parts(running),
        by=running.by,
        at=running.at,
        editor_id=None if running.editor is None else running.editor.pk,
        refuse_contradictions=True,
        may_hold=True,
    )
    # Held values wait for a person on their own page; they are no fault of the file.
    bad = (each for each in recorded.errors if each.code not in SET_ASIDE)
    running.note(LineError(each.index, each.field, each.detail) for each in bad)
    running.changes.extend(
        Change(ImportSubject.READING, first, last_id=last) for first, last in recorded.reading_ranges
    )
    running.changes.extend(changes_of(ImportSubject.HELD, recorded.held))
    good = recorded.created + recorded.superseded + recorded.unchanged
    aside = Counter(each.code for each in recorded.errors)
    return Saved(
        good, recorded.created, recorded.superseded, recorded.unchanged, held=aside[HELD], rejected=aside[REJECTED]
    )


def _parts(running: Import) -> Iterator[Iterator[StagedRow]]:
    """Give first the rows with an instant, as they are read, then those whose accounts had to be looked up."""
    undated: list[_Undated] = []
    yield _read(running, undated)
    if undated:
        yield _dated(undated, running.at)


class _Memory(dict[str, Any]):
    """What a column's cells were read as: the same customer, day and source come again and again."""

    def __init__(self, reader: cells.Reader, *, is_kept: bool) -> None:
        super().__init__()
        self._reader, self._most = reader, _REMEMBERED if is_kept else 0

    def __missing__(self, cell: str) -> Any:
        if type(cell) is BadCell:
            raise ValueRefused("bad_cell", cell.message)
        text = cell.strip()
        found = self._reader(text) if text else None
        if len(self) < self._most:
            self[cell] = found
        return found


def _number(text: str) -> Any:
    return text if _PLAIN_NUMBER.fullmatch(text) else cells.number(text)


def _read(running: Import, undated: list[_Undated]) -> Iterator[StagedRow]:
    readers = {name: _number if name == "value" else reader for name, reader in COLUMNS.items()}
    memories = {name: _Memory(reader, is_kept=name not in _ALL_DIFFERENT) for name, reader in readers.items()}
    lines: dict[str, int] = {}
    for row in running.table.rows:
        errors: list[LineError] = []
        try:
            values = {name: memories[name][cell] for name, cell in row.cells.items()}
        except ValueRefused:
            values, errors = cells.read_cells(row, COLUMNS)  # once more, in the words that all imports use
        customer, metric, objective = values.get("customer"), values.get("metric"), values.get("objective")
        value, external_id = values.get("value"), values.get("external_id")
        if errors or value is None or (not (customer and metric) if objective is None else metric):
            known = {error.field for error in errors}
            for name, message in _missing(values):
                if not known & {name, "objective"}:
                    errors.append(LineError(row.line, name, message))
                    known.add(name)
        if external_id:
            first = lines.setdefault(external_id, row.line)
            if first != row.line:
                message = f"Line {first} has “{external_id}” already. Keep one of the two."
                errors.append(LineError(row.line, "external_id", message))
        if errors:
            running.note(errors)
            continue
        observed = values.get("observed_at")
        if type(observed) is datetime:
            yield _staged(row.line, values, observed)
        else:
            undated.append(_Undated(row.line, observed, values))


def _staged(line: int, values: Mapping[str, Any], observed_at: datetime) -> StagedRow:
    given = values.get
    return staged_row(
        index=line,
        value=values["value"],
        customer_external_id=given("customer"),
        metric_key=given("metric"),
        objective_external_id=given("objective"),
        observed_at=observed_at,
        source=given("source") or "",
        confidence=given("confidence") or _HIGH,
        note=given("note") or "",
        external_id=given("external_id") or "",
    )


def _missing(values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
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


def _zones(rows: Iterable[_Undated]) -> dict[tuple[str, str], str]:
    """Find the timezones of the customers and objectives that rows name; what there is none of is refused later."""
    places = {row.place for row in rows}
    accounts = Account.objects.filter(external_id__in=[name for kind, name in places if kind == "customer"])
    goals = Objective.objects.filter(external_id__in=[name for kind, name in places if kind == "objective"])
    return {
        **{("customer", str(ref)): zone for ref, zone in accounts.values_list("external_id", "timezone")},
        **{("objective", str(ref)): zone for ref, zone in goals.values_list("external_id", "account__timezone")},
    }


def _dated(rows: list[_Undated], at: datetime) -> Iterator[StagedRow]:
    """Give every row its instant, all questions first: they can't be asked while rows are staged."""
    zones = _zones(rows)
    instants: dict[tuple[date | None, str], datetime] = {}
    observed: dict[int, datetime] = {}
    for row in rows:
        key = (row.day, zones.get(row.place, "UTC"))
        if (instant := instants.get(key)) is None:
            instant = instants[key] = instant_of(day=row.day, clock=None, timezone=key[1], at=at)
        observed[row.line] = instant
    observed |= _repeated([row for row in rows if observed[row.line] == at], zones, at)
    return (_staged(row.line, row.values, observed[row.line]) for row in rows)


def _repeated(rows: list[_Undated], zones: Mapping[tuple[str, str], str], at: datetime) -> dict[int, datetime]:
    """Find, by line, when a row's value was already observed today: importing a file twice records nothing twice."""
    if not rows:
        return {}
    zone_of = {row.line: zones.get(row.place, "UTC") for row in rows}
    midnights = {
        zone: instant_of(day=local_day(at, zone), clock=time(0), timezone=zone, at=at) for zone in zone_of.values()
    }
    with connection.cursor() as cursor:
        cursor.execute(
            _EARLIER,
            {
                "lines": [row.line for row in rows],
                "customers": [row.values.get("customer") for row in rows],
                "metrics": [row.values.get("metric") for row in rows],
                "objectives": [row.values.get("objective") for row in rows],
                "values": [str(row.values["value"]) for row in rows],
                "sources": [row.values.get("source") or "" for row in rows],
                "since": [midnights[zone_of[row.line]] for row in rows],
                "at": at,
            },
        )
        return dict(cursor.fetchall())

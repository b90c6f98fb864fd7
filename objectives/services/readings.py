"""Record readings: one or many, all through the same set-based path.

Rows are staged, resolved and checked in the database; accounts are locked; what is new is inserted with the time of
that statement, and everything that follows from it moves in the same transaction.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import connection, transaction

from objectives.evidence import Origin, origin_of
from objectives.services.standings import follow_readings, refresh_standings
from valuerealization.common import audit
from valuerealization.common.audit import Actor
from valuerealization.common.numbers import NumberRefused, parse_decimal

FUTURE_TOLERANCE = "5 minutes"
EARLIEST = "1970-01-01"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingRow:
    """One reading to record. The subject is a metric of a customer, or an objective.

    Shape: `index` names the row in errors; `observed_at` None means now.
    """

    index: int
    value: Decimal
    customer_id: int | None = None
    customer_external_id: str | None = None
    metric_key: str | None = None
    objective_id: int | None = None
    objective_external_id: str | None = None
    observed_at: datetime | None = None
    source: str = ""
    confidence: str = "high"
    note: str = ""
    external_id: str = ""


@dataclass(frozen=True, slots=True, order=True)
class RowError:
    """Why a row was refused: which one, which field, a code for machines and the fix in words."""

    index: int
    field: str
    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class RecordResult:
    """What became of a batch of readings."""

    created: int = 0
    unchanged: int = 0
    superseded: int = 0
    errors: Sequence[RowError] = field(default_factory=tuple)
    reading_ids: Sequence[int] = field(default_factory=tuple)
    account_ids: Sequence[int] = field(default_factory=tuple)


class ReadingsRefused(ValueError):
    """Rows of an all-or-nothing batch were refused; nothing was recorded."""

    def __init__(self, errors: Sequence[RowError]) -> None:
        super().__init__("; ".join(error.detail for error in errors[:3]))
        self.errors = errors


_STAGING = """
CREATE TEMPORARY TABLE IF NOT EXISTS reading_staging (
  idx bigint PRIMARY KEY, customer_id bigint, customer_external_id text, metric_key text, objective_id bigint,
  objective_external_id text, value numeric(20, 6), observed_at timestamptz, source text, confidence text, note text,
  external_id text, account_id bigint, metric_id bigint, metric_version int, field text, code text
) ON COMMIT DELETE ROWS
"""
_COLUMNS = (
    "idx", "customer_id", "customer_external_id", "metric_key", "objective_id", "objective_external_id", "value",
    "observed_at", "source", "confidence", "note", "external_id", "field", "code",
)  # fmt: skip

_RESOLVE = [
    (
        "UPDATE reading_staging s SET account_id = a.id FROM accounts_account a"
        " WHERE a.id = s.customer_id OR a.external_id = s.customer_external_id"
    ),
    (
        "UPDATE reading_staging s SET field = 'customer', code = 'not_found'"
        " WHERE account_id IS NULL AND (customer_id IS NOT NULL OR customer_external_id IS NOT NULL)"
    ),
    (
        "UPDATE reading_staging s SET objective_id = o.id FROM objectives_objective o"
        " WHERE o.external_id = s.objective_external_id"
    ),
    """
UPDATE reading_staging s SET
  account_id = o.account_id,
  field = COALESCE(s.field, CASE WHEN o.id IS NULL OR s.account_id <> o.account_id THEN 'objective' END),
  code = COALESCE(s.code, CASE WHEN o.id IS NULL THEN 'not_found' WHEN s.account_id <> o.account_id
    THEN 'other_customer' END)
FROM reading_staging x LEFT JOIN objectives_objective o ON o.id = x.objective_id
WHERE x.idx = s.idx AND (s.objective_id IS NOT NULL OR s.objective_external_id IS NOT NULL)""",
    (
        "UPDATE reading_staging s SET metric_id = m.id, metric_version = m.version FROM objectives_metric m"
        " WHERE m.key = s.metric_key"
    ),
    (
        "UPDATE reading_staging s SET field = 'metric', code = 'not_found'"
        " WHERE code IS NULL AND metric_id IS NULL AND metric_key IS NOT NULL"
    ),
]

_LOCK = """
SELECT a.id FROM accounts_account a
WHERE a.id IN (SELECT account_id FROM reading_staging WHERE code IS NULL)
ORDER BY a.id FOR NO KEY UPDATE
"""

# With the locks held, so that nothing changes between check and insert.
_CHECK = [
    (
        "UPDATE reading_staging s SET field = 'customer', code = 'archived' FROM accounts_account a"
        " WHERE s.code IS NULL AND a.id = s.account_id AND a.archived_at IS NOT NULL"
    ),
    """
UPDATE reading_staging s SET field = 'objective',
  code = CASE WHEN o.archived_at IS NOT NULL THEN 'archived' ELSE 'not_value_based' END
FROM objectives_objective o
WHERE s.code IS NULL AND o.id = s.objective_id AND (o.archived_at IS NOT NULL OR o.completion_type <> 'value')""",
    "UPDATE reading_staging SET observed_at = %(at)s WHERE observed_at IS NULL",
    (
        "UPDATE reading_staging SET field = 'observed_at', code = 'in_future' WHERE code IS NULL"
        f" AND observed_at > greatest(value_now(), %(at)s) + interval '{FUTURE_TOLERANCE}'"
    ),
    (
        "UPDATE reading_staging SET field = 'observed_at', code = 'out_of_range' WHERE code IS NULL"
        f" AND observed_at < '{EARLIEST}'"
    ),
    """
UPDATE reading_staging s SET field = 'value', code = 'no_progress_yet'
FROM objectives_objective o
WHERE s.code IS NULL AND o.id = s.objective_id AND o.measured_at IS NULL AND s.value = o.baseline
  AND NOT EXISTS (SELECT FROM reading_staging earlier WHERE earlier.objective_id = s.objective_id
    AND earlier.idx < s.idx AND earlier.code IS NULL AND earlier.value <> o.baseline)""",
]

# Within one key (subject, observed_at, source) a row is new only if its value differs from the one before it.
_INSERT = """
WITH chained AS (
  SELECT s.*, lag(s.value) OVER (
    PARTITION BY s.account_id, s.metric_id, s.objective_id, s.observed_at, s.source ORDER BY s.idx) AS before
  FROM reading_staging s WHERE s.code IS NULL
), compared AS (
  SELECT c.*, COALESCE(c.before, stored.value) AS standing
  FROM chained c LEFT JOIN LATERAL (
    SELECT x.value FROM (
      (SELECT v.value FROM objectives_reading v
       WHERE c.metric_id IS NULL AND v.objective_id = c.objective_id
         AND v.observed_at = c.observed_at AND v.source = c.source
       ORDER BY v.recorded_at DESC, v.id DESC LIMIT 1)
      UNION ALL
      (SELECT v.value FROM objectives_reading v
       WHERE v.account_id = c.account_id AND v.metric_id = c.metric_id
         AND v.observed_at = c.observed_at AND v.source = c.source
       ORDER BY v.recorded_at DESC, v.id DESC LIMIT 1)
    ) x
  ) stored ON true
), inserted AS (
  INSERT INTO objectives_reading (account_id, metric_id, metric_version, objective_id, value, observed_at, recorded_at,
    source, confidence, origin, note, external_id, recorded_by)
  SELECT account_id, metric_id, metric_version, objective_id, value, observed_at, (SELECT value_now()), source,
    confidence, %(origin)s, note, external_id, %(by)s
  FROM compared WHERE standing IS DISTINCT FROM value ORDER BY idx
  RETURNING id, account_id, metric_id, objective_id, observed_at
), counts AS (
  SELECT count(*) FILTER (WHERE standing IS NULL) AS created,
    count(*) FILTER (WHERE standing = value) AS unchanged,
    count(*) FILTER (WHERE standing <> value) AS superseded FROM compared
), touched AS (
  SELECT o.id, min(i.observed_at) AS first_observed_at
  FROM inserted i JOIN objectives_objective o
    ON o.id = i.objective_id OR (o.account_id = i.account_id AND o.metric_id = i.metric_id AND o.archived_at IS NULL)
  GROUP BY o.id
)
SELECT counts.created, counts.unchanged, counts.superseded,
  COALESCE((SELECT array_agg(id ORDER BY id) FROM touched), '{}'),
  COALESCE((SELECT array_agg(first_observed_at ORDER BY id) FROM touched), '{}'),
  COALESCE((SELECT array_agg(DISTINCT account_id) FROM inserted), '{}'),
  COALESCE((SELECT array_agg(id ORDER BY id) FROM inserted), '{}')
FROM counts
"""

_AUDIT = """
INSERT INTO common_auditentry (actor_kind, actor_id, actor_name, request_id, action, account_id, subject_type,
  subject_id, subject_label, details)
SELECT %(kind)s, %(id)s, %(name)s, %(request)s, 'readings.recorded', r.account_id, 'accounts.account', r.account_id,
  a.name, jsonb_build_object('count', count(*), 'first_reading', min(r.id), 'last_reading', max(r.id))
FROM objectives_reading r JOIN accounts_account a ON a.id = r.account_id
WHERE r.id = ANY(%(readings)s)
GROUP BY r.account_id, a.name ORDER BY r.account_id
"""

_MESSAGES = {
    ("customer", "not_found"): "There is no such customer.",
    ("customer", "archived"): "This account is archived. Restore it first.",
    ("objective", "not_found"): "There is no such objective.",
    ("objective", "other_customer"): "This objective belongs to another customer.",
    ("objective", "archived"): "This objective is archived. Restore it first.",
    ("objective", "not_value_based"): "Readings are recorded for value-based objectives. "
    "An attribute-based one follows its metric, a manual one is done or not done.",
    ("metric", "not_found"): "There is no such metric.",
    ("observed_at", "in_future"): "A reading can't be observed in the future.",
    ("observed_at", "out_of_range"): "Check the year: readings are kept from 1970 on.",
    ("value", "no_progress_yet"): "No progress to measure yet: this equals the baseline. "
    "Record the first value that differs from it.",
}


def record_readings(
    *, rows: Iterable[ReadingRow], by: Actor, at: datetime, atomic: bool = False, origin: Origin | None = None
) -> RecordResult:
    """Record measurements and move everything that follows from them: objectives, scores, statuses.

    Shape: good rows are kept and bad ones listed; with `atomic`, all or none. `origin` says who measured; unless
           given it follows from the actor: an API key is a system, whoever types or uploads is a person.
    Raises: ReadingsRefused, with `atomic` and a bad row.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        _stage(cursor, rows)
        for statement in _RESOLVE:
            cursor.execute(statement)
        cursor.execute(_LOCK)
        for statement in _CHECK:
            cursor.execute(statement, {"at": at} if "%(at)s" in statement else None)
        errors = _errors(cursor)
        if errors and atomic:
            raise ReadingsRefused(errors)
        cursor.execute(_INSERT, {"by": by.name, "origin": origin or origin_of(actor_kind=by.kind)})
        created, unchanged, superseded, objectives, first_observed, accounts, readings = cursor.fetchone()
        follow_readings(objective_ids=objectives, first_observed_at=first_observed)
        refresh_standings(account_ids=accounts, at=at)
        _audit(cursor, by=by, readings=readings)
    return RecordResult(created, unchanged, superseded, errors, readings, accounts)


def _stage(cursor: Any, rows: Iterable[ReadingRow]) -> None:
    cursor.execute(_STAGING)
    cursor.execute("DELETE FROM reading_staging")
    with cursor.copy(f"COPY reading_staging ({', '.join(_COLUMNS)}) FROM STDIN") as copy:
        for row in rows:
            value, refused = _fitting(row.value)
            copy.write_row(
                (
                    row.index,
                    row.customer_id,
                    row.customer_external_id,
                    row.metric_key,
                    row.objective_id,
                    row.objective_external_id,
                    value,
                    row.observed_at,
                    row.source,
                    row.confidence,
                    row.note,
                    row.external_id,
                    refused and "value",
                    refused,
                )
            )


def _fitting(value: Decimal) -> tuple[Decimal | None, str | None]:
    """Keep a value that the column takes as it is; of any other say why not."""
    try:
        return parse_decimal(value), None
    except NumberRefused as error:
        return None, error.code


def _errors(cursor: Any) -> list[RowError]:
    cursor.execute("SELECT idx, field, code FROM reading_staging WHERE code IS NOT NULL ORDER BY idx")
    return [RowError(index, name, code, _message(name, code)) for index, name, code in cursor.fetchall()]


def _message(name: str, code: str) -> str:
    return _MESSAGES.get((name, code)) or NumberRefused(code).message


def _audit(cursor: Any, *, by: Actor, readings: Sequence[int]) -> None:
    if readings:
        cursor.execute(
            _AUDIT,
            {"kind": by.kind, "id": by.id, "name": by.name, "request": audit.request_id(), "readings": list(readings)},
        )

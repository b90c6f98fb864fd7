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
from objectives.services.checks import SET_ASIDE, HeldChanges, hold_outliers, refresh_disagreements
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
    reading_ranges: Sequence[tuple[int, int]] = field(default_factory=tuple)
    account_ids: Sequence[int] = field(default_factory=tuple)
    held: HeldChanges = field(default_factory=dict)

    @property
    def reading_ids(self) -> list[int]:
        """List what was recorded; many of a file are better taken as ranges, first and last of each."""
        return [number for first, last in self.reading_ranges for number in range(first, last + 1)]


class ReadingsRefused(ValueError):
    """Rows of an all-or-nothing batch were refused; nothing was recorded."""

    def __init__(self, errors: Sequence[RowError]) -> None:
        super().__init__("; ".join(error.detail for error in errors[:3]))
        self.errors = errors


# Staged as it comes, then resolved into a table of its own in one go: rewriting staged rows would cost more.
_STAGING = [
    """
CREATE TEMPORARY TABLE IF NOT EXISTS reading_staging (
  idx bigint, customer_id bigint, customer_external_id text, metric_key text, objective_id bigint,
  objective_external_id text, value numeric(20, 6), observed_at timestamptz, source text, confidence text, note text,
  external_id text, code text
) ON COMMIT DELETE ROWS""",
    """
CREATE TEMPORARY TABLE IF NOT EXISTS reading_resolved (
  idx bigint, account_id bigint, metric_id bigint, metric_version int, objective_id bigint, value numeric(20, 6),
  observed_at timestamptz, source text, confidence text, note text, external_id text, field text, code text
) ON COMMIT DELETE ROWS""",
    "DELETE FROM reading_staging",
    "DELETE FROM reading_resolved",
]
_COLUMNS = (
    "idx", "customer_id", "customer_external_id", "metric_key", "objective_id", "objective_external_id", "value",
    "observed_at", "source", "confidence", "note", "external_id", "code",
)  # fmt: skip

_RESOLVE = f"""
INSERT INTO reading_resolved
SELECT idx, account_id, metric_id, metric_version, objective_id, value, observed_at, source, confidence, note,
  external_id, split_part(reason, ' ', 1), NULLIF(split_part(reason, ' ', 2), '')
FROM (
  SELECT s.idx, COALESCE(o.account_id, a.id) AS account_id, m.id AS metric_id, m.version AS metric_version,
    o.id AS objective_id, s.value, COALESCE(s.observed_at, %(at)s) AS observed_at, s.source, s.confidence, s.note,
    s.external_id, CASE
      WHEN a.id IS NULL AND (s.customer_id IS NOT NULL OR s.customer_external_id IS NOT NULL) THEN 'customer not_found'
      WHEN s.code IS NOT NULL THEN 'value ' || s.code
      WHEN o.id IS NULL AND (s.objective_id IS NOT NULL OR s.objective_external_id IS NOT NULL)
        THEN 'objective not_found'
      WHEN o.account_id <> a.id THEN 'objective other_customer'
      WHEN m.id IS NULL AND s.metric_key IS NOT NULL THEN 'metric not_found'
      WHEN s.observed_at > greatest(value_now(), %(at)s) + interval '{FUTURE_TOLERANCE}' THEN 'observed_at in_future'
      WHEN s.observed_at < '{EARLIEST}' THEN 'observed_at out_of_range'
    END AS reason
  FROM reading_staging s
  {{joins}}
  LEFT JOIN objectives_metric m ON m.key = s.metric_key
) resolved
"""
# One table found by two kinds of names: only the kind that is used is looked for.
_BY_ID = """
  LEFT JOIN accounts_account a ON a.id = s.customer_id
  LEFT JOIN objectives_objective o ON o.id = s.objective_id"""
_BY_EXTERNAL_ID = """
  LEFT JOIN accounts_account a ON a.external_id = s.customer_external_id
  LEFT JOIN objectives_objective o ON o.external_id = s.objective_external_id"""
_BY_EITHER = """
  LEFT JOIN accounts_account ai ON ai.id = s.customer_id
  LEFT JOIN accounts_account ax ON ax.external_id = s.customer_external_id
  LEFT JOIN objectives_objective oi ON oi.id = s.objective_id
  LEFT JOIN objectives_objective ox ON ox.external_id = s.objective_external_id
  CROSS JOIN LATERAL (SELECT COALESCE(ai.id, ax.id) AS id) a
  CROSS JOIN LATERAL (SELECT COALESCE(oi.id, ox.id) AS id, COALESCE(oi.account_id, ox.account_id) AS account_id) o"""

_NAMED_BY = """
SELECT count(customer_id) + count(objective_id), count(customer_external_id) + count(objective_external_id)
FROM reading_staging
"""

_LOCK = """
SELECT a.id FROM accounts_account a
WHERE a.id IN (SELECT account_id FROM reading_resolved WHERE code IS NULL)
ORDER BY a.id FOR NO KEY UPDATE
"""

# With the locks held, so that nothing changes between check and insert.
_CHECK = [
    """
UPDATE reading_resolved s SET field = 'customer',
  code = CASE WHEN a.archived_at IS NOT NULL THEN 'archived' ELSE 'not_yours' END
FROM accounts_account a
WHERE s.code IS NULL AND a.id = s.account_id
  AND (a.archived_at IS NOT NULL OR (%(editor)s::bigint IS NOT NULL AND a.owner_id IS DISTINCT FROM %(editor)s))""",
    """
UPDATE reading_resolved s SET field = 'objective',
  code = CASE WHEN o.archived_at IS NOT NULL THEN 'archived' ELSE 'not_value_based' END
FROM objectives_objective o
WHERE s.code IS NULL AND o.id = s.objective_id AND (o.archived_at IS NOT NULL OR o.completion_type <> 'value')""",
    """
UPDATE reading_resolved s SET field = 'value', code = 'no_progress_yet'
FROM objectives_objective o
WHERE s.code IS NULL AND o.id = s.objective_id AND o.measured_at IS NULL AND s.value = o.baseline
  AND NOT EXISTS (SELECT FROM reading_resolved earlier WHERE earlier.objective_id = s.objective_id
    AND earlier.idx < s.idx AND earlier.code IS NULL AND earlier.value <> o.baseline)""",
]
# Most batches say each thing once: the work for those that don't is left out.
_HAS_REPEATS = """
SELECT EXISTS (SELECT FROM reading_resolved WHERE code IS NULL
  GROUP BY account_id, metric_id, objective_id, observed_at, source HAVING count(*) > 1)
"""
_CONTRADICTIONS = """
UPDATE reading_resolved s SET field = 'value', code = 'contradiction:' || x.first
FROM (
  SELECT idx, value, first_value(idx) OVER same AS first, first_value(value) OVER same AS first_value
  FROM reading_resolved WHERE code IS NULL
  WINDOW same AS (PARTITION BY account_id, metric_id, objective_id, observed_at, source ORDER BY idx)
) x
WHERE x.idx = s.idx AND x.value <> x.first_value
"""

_BEFORE = """lag(s.value) OVER (
    PARTITION BY s.account_id, s.metric_id, s.objective_id, s.observed_at, s.source ORDER BY s.idx)"""

# Most files continue what is there: then no row has to look for an earlier one.
_HAS_STORED = """
SELECT EXISTS (
  SELECT FROM (
    SELECT account_id, metric_id, objective_id, min(observed_at) AS first, max(observed_at) AS last
    FROM reading_resolved WHERE code IS NULL GROUP BY account_id, metric_id, objective_id
  ) s
  WHERE EXISTS (SELECT FROM objectives_reading v
      WHERE s.metric_id IS NULL AND v.objective_id = s.objective_id AND v.observed_at BETWEEN s.first AND s.last)
    OR EXISTS (SELECT FROM objectives_reading v
      WHERE v.account_id = s.account_id AND v.metric_id = s.metric_id AND v.observed_at BETWEEN s.first AND s.last)
)
"""
_STORED = """ LEFT JOIN LATERAL (
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
  ) stored ON true"""
_NONE_STORED = " CROSS JOIN (SELECT NULL::numeric AS value) stored"

# Within one key (subject, observed_at, source) a row is new only if its value differs from the one before it.
_INSERT = """
WITH chained AS (
  SELECT s.*, {before} AS before FROM reading_resolved s WHERE s.code IS NULL
), compared AS (
  SELECT c.*, COALESCE(c.before, stored.value) AS standing
  FROM chained c{stored}
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
), subjects AS (
  SELECT account_id, metric_id, objective_id, min(observed_at) AS first_observed_at, count(*) AS readings,
    min(id) AS first_id, max(id) AS last_id
  FROM inserted GROUP BY account_id, metric_id, objective_id
), runs AS (
  SELECT min(id) AS first, max(id) AS last
  FROM (SELECT id, id - row_number() OVER (ORDER BY id) AS run FROM inserted) numbered GROUP BY run
), touched AS (
  SELECT id, min(first_observed_at) AS first_observed_at FROM (
    SELECT objective_id AS id, first_observed_at FROM subjects WHERE objective_id IS NOT NULL
    UNION ALL
    SELECT o.id, s.first_observed_at FROM subjects s JOIN objectives_objective o
      ON o.account_id = s.account_id AND o.metric_id = s.metric_id AND o.archived_at IS NULL
  ) each GROUP BY id
), logged AS (
  INSERT INTO common_auditentry (actor_kind, actor_id, actor_name, request_id, action, account_id, subject_type,
    subject_id, subject_label, details)
  SELECT %(kind)s, %(actor)s, %(by)s, %(request)s, 'readings.recorded', s.account_id, 'accounts.account', s.account_id,
    a.name, jsonb_build_object('count', s.readings, 'first_reading', s.first_id, 'last_reading', s.last_id)
  FROM (
    SELECT account_id, sum(readings) AS readings, min(first_id) AS first_id, max(last_id) AS last_id
    FROM subjects GROUP BY account_id
  ) s JOIN accounts_account a ON a.id = s.account_id
  ORDER BY s.account_id
)
SELECT counts.created, counts.unchanged, counts.superseded,
  COALESCE((SELECT array_agg(id ORDER BY id) FROM touched), '{}'),
  COALESCE((SELECT array_agg(first_observed_at ORDER BY id) FROM touched), '{}'),
  COALESCE((SELECT array_agg(DISTINCT account_id) FROM subjects), '{}'),
  COALESCE((SELECT array_agg(first ORDER BY first) FROM runs), '{}'),
  COALESCE((SELECT array_agg(last ORDER BY first) FROM runs), '{}'),
  COALESCE((SELECT array_agg(account_id ORDER BY account_id, metric_id) FILTER (WHERE metric_id IS NOT NULL)
    FROM subjects), '{}'),
  COALESCE((SELECT array_agg(metric_id ORDER BY account_id, metric_id) FILTER (WHERE metric_id IS NOT NULL)
    FROM subjects), '{}')
FROM counts
"""

_MESSAGES = {
    ("customer", "not_found"): "There is no such customer.",
    ("customer", "archived"): "This account is archived. Restore it first.",
    ("customer", "not_yours"): "This account is assigned to somebody else. Ask its owner or a leader to change it.",
    ("objective", "not_found"): "There is no such objective.",
    ("objective", "other_customer"): "This objective belongs to another customer.",
    ("objective", "archived"): "This objective is archived. Restore it first.",
    ("objective", "not_value_based"): "Readings are recorded for value-based objectives. "
    "An attribute-based one follows its metric, a manual one is done or not done.",
    ("metric", "not_found"): "There is no such metric.",
    ("observed_at", "in_future"): "A reading can't be observed in the future.",
    ("observed_at", "out_of_range"): "Check the year: readings are kept from 1970 on.",
    ("value", "held"): "Far outside what was measured before: held until a person accepts or rejects it.",
    ("value", "rejected"): "A person has rejected this value: it is not recorded.",
    ("value", "no_progress_yet"): "No progress to measure yet: this equals the baseline. "
    "Record the first value that differs from it.",
}


# A reading as it is staged: the columns of `_COLUMNS`, numbers and instants also as text that PostgreSQL reads.
StagedRow = tuple[Any, ...]


def record_readings(
    *,
    rows: Iterable[ReadingRow],
    by: Actor,
    at: datetime,
    atomic: bool = False,
    origin: Origin | None = None,
    may_hold: bool | None = None,
) -> RecordResult:
    """Record measurements and move everything that follows from them: objectives, scores, statuses.

    Shape: good rows are kept and bad ones listed; with `atomic`, all or none. `origin` says who measured; unless
           given it follows from the actor: an API key is a system, whoever types or uploads is a person. `may_hold`
           lets outliers of metrics that ask for it be held for a person: everything but what a person types, unless
           given. Held rows are among the errors, and stop no other row.
    Raises: ReadingsRefused, with `atomic` and a bad row.
    """
    return record_staged(
        parts=[(_staged(row) for row in rows)], by=by, at=at, atomic=atomic, origin=origin, may_hold=may_hold
    )


def record_staged(
    *,
    parts: Iterable[Iterable[StagedRow]],
    by: Actor,
    at: datetime,
    atomic: bool = False,
    origin: Origin | None = None,
    may_hold: bool | None = None,
    editor_id: int | None = None,
    refuse_contradictions: bool = False,
) -> RecordResult:
    """Record rows that were written out for staging, as `record_readings` does.

    Shape: a part is staged while it is read; only between two parts the database can be asked something. With
           `editor_id` only on accounts assigned to that person; with `refuse_contradictions` two values for one
           subject, time and source are refused instead of the later one superseding the earlier.
    Raises: ReadingsRefused, with `atomic` and a bad row.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        for statement in _STAGING:
            cursor.execute(statement)
        for part in parts:
            with cursor.copy(f"COPY reading_staging ({', '.join(_COLUMNS)}) FROM STDIN") as copy:
                for row in part:
                    copy.write_row(row)
        cursor.execute(_NAMED_BY)
        by_id, by_external_id = cursor.fetchone()
        joins = _BY_EITHER if by_id and by_external_id else _BY_ID if by_id else _BY_EXTERNAL_ID
        cursor.execute(_RESOLVE.format(joins=joins), {"at": at})
        cursor.execute(_LOCK)
        for statement in _CHECK:
            cursor.execute(statement, {"editor": editor_id} if "%(" in statement else None)
        cursor.execute(_HAS_REPEATS)
        has_repeats = cursor.fetchone()[0]
        if has_repeats and refuse_contradictions:
            cursor.execute(_CONTRADICTIONS)
        origin = origin or origin_of(actor_kind=by.kind)
        held: HeldChanges = {}
        if by.kind != "user" if may_hold is None else may_hold:
            held = hold_outliers(by=by, origin=origin, at=at)
        errors = _errors(cursor)
        if atomic and any(error.code not in SET_ASIDE for error in errors):
            raise ReadingsRefused(errors)
        logged = {"kind": by.kind, "actor": by.id, "by": by.name, "request": audit.request_id()}
        cursor.execute(_HAS_STORED)
        has_stored = cursor.fetchone()[0]
        insert = _INSERT.replace("{before}", _BEFORE if has_repeats else "NULL::numeric")
        insert = insert.replace("{stored}", _STORED if has_stored else _NONE_STORED)
        cursor.execute(insert, {**logged, "origin": origin})
        created, unchanged, superseded, objectives, first_observed, accounts, first, last, *pairs = cursor.fetchone()
        follow_readings(objective_ids=objectives, first_observed_at=first_observed)
        refresh_standings(account_ids=accounts, at=at)
        refresh_disagreements(pairs=list(zip(*pairs, strict=True)))
    return RecordResult(created, unchanged, superseded, errors, list(zip(first, last, strict=True)), accounts, held)


def staged_row(
    *,
    index: int,
    value: Decimal | str,
    customer_external_id: str | None,
    metric_key: str | None,
    objective_external_id: str | None,
    observed_at: datetime | str | None,
    source: str,
    confidence: str,
    note: str,
    external_id: str,
) -> StagedRow:
    """Write out a row that names its subject by external ids and was read by the rules already."""
    return (
        index, None, customer_external_id, metric_key, None, objective_external_id, value, observed_at, source,
        confidence, note, external_id, None,
    )  # fmt: skip


def _staged(row: ReadingRow) -> StagedRow:
    value, refused = _fitting(row.value)
    return (
        row.index, row.customer_id, row.customer_external_id, row.metric_key, row.objective_id,
        row.objective_external_id, value, row.observed_at, row.source, row.confidence, row.note, row.external_id,
        refused,
    )  # fmt: skip


def _fitting(value: Decimal) -> tuple[Decimal | None, str | None]:
    """Keep a value that the column takes as it is; of any other say why not."""
    try:
        return parse_decimal(value), None
    except NumberRefused as error:
        return None, error.code


def _errors(cursor: Any) -> list[RowError]:
    cursor.execute("SELECT idx, field, code FROM reading_resolved WHERE code IS NOT NULL ORDER BY idx")
    return [_error(index, name, code) for index, name, code in cursor.fetchall()]


def _error(index: int, name: str, code: str) -> RowError:
    code, _, first = code.partition(":")
    if first:
        detail = f"Line {first} gives another value for the same time. Keep one of the two."
        return RowError(index, name, code, detail)
    return RowError(index, name, code, _MESSAGES.get((name, code)) or NumberRefused(code).message)

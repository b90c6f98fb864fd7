"""Rebuild past weeks after history arrived, and verify that stored weeks follow from readings and definitions.

Both compute weeks anew with the SQL that takes snapshots, and compare row by row with what is stored.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from django.db import connection, transaction

from accounts.models import Account
from objectives.asof import ACCOUNTS
from objectives.models import Restatement
from objectives.services.snapshots import (
    OBJECTIVE_COLUMNS,
    OBJECTIVE_STATE,
    ROLLUP_COLUMNS,
    ROLLUP_COUNTS,
    SNAPSHOT_COLUMNS,
)
from objectives.weeks import WEEK
from valuerealization.common import audit
from valuerealization.common.audit import Actor

_BATCH = 200

# An account's weeks from the first reading that any of its objectives can count, to the last one already due.
_REBUILT_WEEKS = """
due AS MATERIALIZED (
  SELECT a.id AS account_id, a.timezone, w.week::date AS week,
    value_boundary_at(w.week::date, a.timezone) AS boundary_at, %(known_at)s::timestamptz AS known_at, true AS rebuilt
  FROM accounts_account a
  JOIN objectives_standing s ON s.account_id = a.id
  JOIN LATERAL (
    SELECT min(greatest(r.observed_at, o.started_on::timestamp AT TIME ZONE a.timezone)) AS since
    FROM objectives_objective o CROSS JOIN LATERAL (
      SELECT min(v.observed_at) AS observed_at FROM objectives_reading v
      WHERE v.objective_id = o.id OR (o.metric_id IS NOT NULL AND v.account_id = a.id AND v.metric_id = o.metric_id)
    ) r
    WHERE o.account_id = a.id AND o.completion_type <> 'manual' AND r.observed_at IS NOT NULL
  ) evidence ON evidence.since IS NOT NULL
  CROSS JOIN LATERAL generate_series(
    greatest(value_week_at_or_after(evidence.since, a.timezone), COALESCE(%(from_week)s::date, '-infinity'))::timestamp,
    least(s.next_week - 7, COALESCE(%(to_week)s::date, 'infinity'))::timestamp, interval '7 days') AS w (week)
  WHERE a.id = ANY(%(accounts)s) AND a.archived_at IS NULL
)"""

_STORED_WEEKS = """
due AS MATERIALIZED (
  SELECT account_id, timezone, week, boundary_at, known_at, known_at > boundary_at AS rebuilt
  FROM objectives_snapshot WHERE account_id = ANY(%(accounts)s)
)"""

_FACTS = "value_delivered, verified, outcomes, status, days, last_progress_at, total, measured, met"
_STORED_FACTS = (
    "x.value_delivered, x.verified, x.outcomes, x.status, x.days_without_progress, x.last_progress_at,"
    " x.objectives_total, x.objectives_measured, x.objectives_met"
)

# Stored beside computed, week by week; objectives as one JSON array in id order.
_COMPARED = f"""
computed AS MATERIALIZED (
  SELECT account_state.*, COALESCE(d.objectives, '[]') AS objectives
  FROM account_state LEFT JOIN (
    SELECT account_id, week, jsonb_agg(to_jsonb(o) ORDER BY o.objective_id) AS objectives
    FROM objective_state JOIN LATERAL (SELECT {
    ", ".join("objective_state." + name for name in OBJECTIVE_COLUMNS.split(", "))
}) o ON true GROUP BY account_id, week
  ) d USING (account_id, week)
), compared AS MATERIALIZED (
  SELECT c.*, x.id AS stored_id, COALESCE(d.objectives, '[]') AS stored_objectives,
    to_jsonb(x) AS stored,
    x.id IS NOT NULL AND (c.objectives <> COALESCE(d.objectives, '[]')
      OR (c.{", c.".join(_FACTS.split(", "))}) IS DISTINCT FROM ({_STORED_FACTS})) AS differs
  FROM computed c
  LEFT JOIN objectives_snapshot x ON x.account_id = c.account_id AND x.week = c.week
  LEFT JOIN LATERAL (
    SELECT jsonb_agg(to_jsonb(o) ORDER BY o.objective_id) AS objectives FROM (
      SELECT {OBJECTIVE_COLUMNS} FROM objectives_snapshotobjective WHERE snapshot_id = x.id) o
  ) d ON x.id IS NOT NULL
)"""

_COMPARE = f"""
CREATE TEMPORARY TABLE restated_week ON COMMIT DROP AS
WITH {_REBUILT_WEEKS}, {OBJECTIVE_STATE}, {ACCOUNTS}, {_COMPARED}
SELECT * FROM compared WHERE (stored_id IS NULL AND total > 0) OR differs
"""

_STORE = [
    """
INSERT INTO objectives_replacedsnapshot (restatement_id, account_id, week, snapshot, objectives)
SELECT r.id, w.account_id, w.week, w.stored, w.stored_objectives
FROM restated_week w JOIN objectives_restatement r ON r.id = ANY(%(restatements)s) AND r.account_id = w.account_id
WHERE w.stored_id IS NOT NULL""",
    "DELETE FROM objectives_snapshotobjective WHERE snapshot_id IN (SELECT stored_id FROM restated_week)",
    """
UPDATE objectives_snapshot s SET value_delivered = w.value_delivered, verified = w.verified, outcomes = w.outcomes,
  status = w.status, days_without_progress = w.days,
  last_progress_at = w.last_progress_at, objectives_total = w.total, objectives_measured = w.measured,
  objectives_met = w.met, known_at = w.known_at, timezone = w.timezone, boundary_at = w.boundary_at,
  taken_at = w.known_at, restated = true
FROM restated_week w WHERE s.id = w.stored_id""",
    f"""
INSERT INTO objectives_snapshot ({SNAPSHOT_COLUMNS})
SELECT account_id, week, boundary_at, known_at, timezone, known_at, value_delivered, verified, outcomes, status, days,
  last_progress_at, total, measured, met, true, false
FROM restated_week WHERE stored_id IS NULL ORDER BY account_id, week""",
    f"""
INSERT INTO objectives_snapshotobjective (snapshot_id, {OBJECTIVE_COLUMNS})
SELECT s.id, {", ".join("o." + name for name in OBJECTIVE_COLUMNS.split(", "))}
FROM restated_week w
JOIN objectives_snapshot s ON s.account_id = w.account_id AND s.week = w.week
CROSS JOIN LATERAL jsonb_populate_recordset(NULL::objectives_snapshotobjective, w.objectives) o""",
]

_RESTATED = """
SELECT account_id, min(week) AS from_week, max(week) AS to_week, count(*) FILTER (WHERE stored_id IS NULL) AS added,
  count(*) FILTER (WHERE stored_id IS NOT NULL) AS changed
FROM restated_week GROUP BY account_id
"""

# Rebuilds share this lock, the clean-up takes it alone while it removes rows: no rollup is counted over half of a week.
WEEKS_LOCK = 7_237_001
_NOT_WHILE_REMOVING = f"SELECT pg_advisory_xact_lock_shared({WEEKS_LOCK})"

# Weeks up to here lie in archive files: what is computed for them now would stand beside what was removed.
_ARCHIVED_UNTIL = "SELECT max(last_week) FROM objectives_snapshotarchive WHERE removed_at IS NOT NULL"

# Locks the weeks first, so that a snapshot stored meanwhile is either counted here or adds itself afterwards.
_ROLLUP = [
    f"""
INSERT INTO objectives_weekrollup ({ROLLUP_COLUMNS})
SELECT DISTINCT week, 0, 0, 0, 0, 0, 0, 0, 0 FROM restated_week ORDER BY week ON CONFLICT DO NOTHING""",
    "SELECT week FROM objectives_weekrollup WHERE week IN (SELECT week FROM restated_week) ORDER BY week FOR UPDATE",
    f"""
UPDATE objectives_weekrollup w SET ({ROLLUP_COLUMNS.removeprefix("week, ")}) =
  (SELECT {ROLLUP_COUNTS.removeprefix("week, ")} FROM objectives_snapshot s WHERE s.week = w.week)
WHERE w.week IN (SELECT week FROM restated_week)""",
]

_STANDING = """
UPDATE objectives_standing s SET snapshot_week = n.week, snapshot_value = n.value_delivered,
  snapshot_verified = n.verified, snapshot_outcomes = n.outcomes, snapshot_total = n.objectives_total,
  snapshot_met = n.objectives_met, snapshot_status = n.status,
  snapshot_days = n.days_without_progress, previous_status = n.before, is_scored = n.is_scored
FROM (
  SELECT DISTINCT ON (account_id) account_id, week, value_delivered, verified, outcomes, status, days_without_progress,
    objectives_total, objectives_met, lag(status) OVER (PARTITION BY account_id ORDER BY week) AS before,
    bool_or(value_delivered IS NOT NULL) OVER (PARTITION BY account_id) AS is_scored
  FROM objectives_snapshot WHERE account_id IN (SELECT account_id FROM restated_week)
  ORDER BY account_id, week DESC
) n
WHERE s.account_id = n.account_id
"""

# Weeks that were replaced, and those that were added: the latter bear the time of the rebuild.
_REVERTED = """
CREATE TEMPORARY TABLE restated_week ON COMMIT DROP AS
SELECT r.id AS restatement_id, s.id AS stored_id, s.account_id, s.week, p.snapshot AS stored,
  p.objectives AS stored_objectives
FROM unnest(%(restatements)s::bigint[], %(known)s::timestamptz[]) AS made (id, known_at)
JOIN objectives_restatement r ON r.id = made.id
JOIN objectives_snapshot s ON s.account_id = r.account_id AND s.known_at = made.known_at
LEFT JOIN objectives_replacedsnapshot p ON p.restatement_id = r.id AND p.week = s.week
"""

_REVERT = [
    "DELETE FROM objectives_snapshotobjective WHERE snapshot_id IN (SELECT stored_id FROM restated_week)",
    "DELETE FROM objectives_snapshot WHERE id IN (SELECT stored_id FROM restated_week)",
    """
INSERT INTO objectives_snapshot
SELECT (jsonb_populate_record(NULL::objectives_snapshot, stored)).* FROM restated_week WHERE stored IS NOT NULL""",
    f"""
INSERT INTO objectives_snapshotobjective (snapshot_id, {OBJECTIVE_COLUMNS})
SELECT w.stored_id, {", ".join("o." + name for name in OBJECTIVE_COLUMNS.split(", "))}
FROM restated_week w CROSS JOIN LATERAL
  jsonb_populate_recordset(NULL::objectives_snapshotobjective, w.stored_objectives) o
WHERE w.stored IS NOT NULL""",
    "DELETE FROM objectives_replacedsnapshot WHERE restatement_id = ANY(%(restatements)s)",
    "DELETE FROM objectives_restatement WHERE id = ANY(%(restatements)s)",
]

_NO_SNAPSHOT_LEFT = """
UPDATE objectives_standing s SET snapshot_week = NULL, snapshot_value = NULL, snapshot_status = NULL,
  snapshot_days = NULL, previous_status = NULL, is_scored = false
WHERE s.account_id IN (SELECT account_id FROM restated_week)
  AND NOT EXISTS (SELECT FROM objectives_snapshot x WHERE x.account_id = s.account_id)
"""
_NO_ROLLUP_LEFT = "DELETE FROM objectives_weekrollup WHERE accounts = 0 AND week IN (SELECT week FROM restated_week)"

_VERIFY = f"""
WITH {_STORED_WEEKS}, {OBJECTIVE_STATE}, {ACCOUNTS}, {_COMPARED}
SELECT c.account_id, c.week, concat_ws(', ', {
    ", ".join(
        f"CASE WHEN c.{computed} IS DISTINCT FROM {stored} THEN format('%%s: stored %%s, computed %%s', "
        f"'{stored.removeprefix('x.')}', COALESCE({stored}::text, 'none'), COALESCE(c.{computed}::text, 'none')) END"
        for computed, stored in zip(_FACTS.split(", "), _STORED_FACTS.split(", "), strict=True)
    )
}, CASE WHEN c.objectives <> c.stored_objectives THEN 'objectives differ' END)
FROM compared c JOIN objectives_snapshot x ON x.id = c.stored_id
WHERE c.differs ORDER BY 1, 2
"""

_VERIFY_ROLLUP = f"""
WITH computed AS (SELECT {ROLLUP_COUNTS} FROM objectives_snapshot GROUP BY week)
SELECT week FROM (
  SELECT {ROLLUP_COLUMNS} FROM objectives_weekrollup w WHERE accounts > 0 AND (
    week IN (SELECT week FROM computed) OR NOT EXISTS (
      SELECT FROM objectives_snapshotarchive a
      WHERE a.removed_at IS NOT NULL AND w.week BETWEEN a.first_week AND a.last_week))
  EXCEPT SELECT * FROM computed) missing
UNION SELECT week FROM (
  SELECT * FROM computed EXCEPT SELECT {ROLLUP_COLUMNS} FROM objectives_weekrollup) extra
ORDER BY 1
"""


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """How many weeks a rebuild added and changed; `restatements` tells, by id, what was known when each was made."""

    added: int = 0
    changed: int = 0
    restatements: Mapping[int, datetime] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Difference:
    """A stored week that no longer follows from readings and definitions; account None is the portfolio's rollup."""

    account_id: int | None
    week: date
    detail: str


def rebuild(
    *,
    account_ids: list[int],
    by: Actor,
    reason: str,
    from_week: date | None = None,
    to_week: date | None = None,
) -> Rebuilt:
    """Take history into past weeks: by `observed_at` alone, from the first reading on.

    Changed weeks are marked restated and kept as they were beside; weeks that come out the same stay untouched, and so
    do weeks that lie in archive files.
    Units:  weeks are dates of local Sundays.
    """
    total = Rebuilt()
    for start in range(0, len(account_ids), _BATCH):
        batch = _rebuild_batch(account_ids[start : start + _BATCH], by, reason, from_week, to_week)
        made = {**total.restatements, **batch.restatements}
        total = Rebuilt(total.added + batch.added, total.changed + batch.changed, made)
    return total


def revert(*, restatements: Mapping[int, datetime]) -> int:
    """Take rebuilds back: replaced weeks are as they were, added ones go; returns how many weeks.

    Shape:  each restatement with what was known when it was made, as `rebuild` gave it. Callers hold the accounts'
            locks and know that nothing came after.
    """
    if not restatements:
        return 0
    made: dict[str, Any] = {"restatements": list(restatements), "known": list(restatements.values())}
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS restated_week")
        cursor.execute(_REVERTED, made)
        weeks = int(cursor.rowcount)
        for statement in (*_REVERT, *_ROLLUP, _STANDING, _NO_SNAPSHOT_LEFT, _NO_ROLLUP_LEFT):
            cursor.execute(statement, made if "%(" in statement else None)
    return weeks


def verify(*, account_ids: list[int] | None = None) -> list[Difference]:
    """Compute every stored week anew and list those that differ, the portfolio's rollup included when all are asked."""
    everything = account_ids is None
    ids = list(Account.objects.order_by("pk").values_list("pk", flat=True)) if account_ids is None else account_ids
    found: list[Difference] = []
    with connection.cursor() as cursor:
        for start in range(0, len(ids), _BATCH):
            cursor.execute(_VERIFY, {"accounts": ids[start : start + _BATCH]})
            found += [Difference(*row) for row in cursor.fetchall()]
        if everything:
            cursor.execute(_VERIFY_ROLLUP)
            found += [Difference(None, week, "the weekly rollup differs from the snapshots") for (week,) in cursor]
    return found


def _rebuild_batch(
    account_ids: list[int], by: Actor, reason: str, from_week: date | None, to_week: date | None
) -> Rebuilt:
    with transaction.atomic(), connection.cursor() as cursor:
        accounts = list(Account.objects.filter(pk__in=account_ids).lock())
        cursor.execute("SELECT value_now()")
        known_at = cursor.fetchone()[0]
        cursor.execute(_NOT_WHILE_REMOVING)
        cursor.execute(_ARCHIVED_UNTIL)
        archived_until = cursor.fetchone()[0]
        if archived_until is not None:
            from_week = max(from_week or date.min, archived_until + WEEK)
        span: dict[str, Any] = {"from_week": from_week, "to_week": to_week}
        cursor.execute("DROP TABLE IF EXISTS restated_week")
        cursor.execute(_COMPARE, {**span, "accounts": account_ids, "known_at": known_at})
        cursor.execute(_RESTATED)
        restated = {account_id: facts for account_id, *facts in cursor.fetchall()}
        restatements = Restatement.objects.bulk_create(
            [
                Restatement(
                    account=account,
                    from_week=restated[account.pk][0],
                    to_week=restated[account.pk][1],
                    reason=reason[:300],
                    requested_by=by.name[:200],
                    weeks_added=restated[account.pk][2],
                    weeks_changed=restated[account.pk][3],
                )
                for account in accounts
                if account.pk in restated
            ]
        )
        if not restatements:
            return Rebuilt()
        for statement in (*_STORE, *_ROLLUP, _STANDING):
            cursor.execute(statement, {"restatements": [row.pk for row in restatements]} if "%(" in statement else None)
        for restatement in restatements:
            audit.record(
                by=by, action="snapshots.restated", subject=restatement, account_id=restatement.account_id,
                details={
                    "reason": reason, "from": restatement.from_week, "to": restatement.to_week,
                    "added": restatement.weeks_added, "changed": restatement.weeks_changed,
                },
            )  # fmt: skip
    return Rebuilt(
        sum(row.weeks_added for row in restatements),
        sum(row.weeks_changed for row in restatements),
        {row.pk: known_at for row in restatements},
    )

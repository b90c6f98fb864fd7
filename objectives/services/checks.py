"""What is checked of readings as they arrive: outliers are held back, sources that disagree are flagged."""

import json
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from django.db import connection

from accounts.services.reminders import tell_held
from objectives.outliers import RECENT
from objectives.tolerance import DEFAULT_PCT
from valuerealization.common import audit
from valuerealization.common.audit import Actor

# Not recorded, yet no mistake of the sender's: the rows beside them are recorded all the same.
SET_ASIDE: Final = frozenset({"held", "rejected"})

# What was written to held values, by primary key: each column as [before, after].
HeldChanges = dict[int, dict[str, list[Any]]]

# A value recorded already is not held again, and one that a person rejected stays rejected.
_OUTLIERS = f"""
UPDATE reading_resolved s SET field = 'value',
  code = CASE WHEN EXISTS (SELECT FROM objectives_heldreading h WHERE h.account_id = s.account_id
    AND h.metric_id = s.metric_id AND h.observed_at = s.observed_at AND h.source = s.source AND h.value = s.value
    AND h.state = 'rejected') THEN 'rejected' ELSE 'held' END
FROM objectives_metric m
WHERE s.code IS NULL AND m.id = s.metric_id AND m.hold_outliers
  AND value_outlier(s.value, ARRAY(
      SELECT v.value FROM objectives_reading v
      WHERE v.account_id = s.account_id AND v.metric_id = s.metric_id AND v.observed_at < s.observed_at
      ORDER BY v.observed_at DESC, v.recorded_at DESC, v.id DESC LIMIT {RECENT}),
    COALESCE((SELECT max(abs(o.target - o.baseline)) FROM objectives_objective o
      WHERE o.account_id = s.account_id AND o.metric_id = s.metric_id AND o.archived_at IS NULL), 0))
  AND NOT EXISTS (SELECT FROM objectives_reading v WHERE v.account_id = s.account_id AND v.metric_id = s.metric_id
    AND v.observed_at = s.observed_at AND v.source = s.source AND v.value = s.value)
"""

_HOLD = f"""
WITH wanted AS (
  SELECT DISTINCT ON (s.account_id, s.metric_id, s.observed_at, s.source) s.account_id, s.metric_id, s.value,
    (SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY r.value) FROM (
      SELECT v.value FROM objectives_reading v
      WHERE v.account_id = s.account_id AND v.metric_id = s.metric_id AND v.observed_at < s.observed_at
      ORDER BY v.observed_at DESC, v.recorded_at DESC, v.id DESC LIMIT {RECENT}) r),
    s.observed_at, s.source, s.confidence, %(origin)s, s.note, s.external_id, %(by)s
  FROM reading_resolved s WHERE s.code = 'held'
  ORDER BY s.account_id, s.metric_id, s.observed_at, s.source, s.idx DESC
), before AS (
  SELECT h.id, to_jsonb(h) AS columns FROM objectives_heldreading h
  JOIN wanted w USING (account_id, metric_id, observed_at, source)
), held AS (
  INSERT INTO objectives_heldreading AS h (account_id, metric_id, value, usual, observed_at, source, confidence, origin,
    note, external_id, recorded_by)
  SELECT * FROM wanted
  ON CONFLICT (account_id, metric_id, observed_at, source) DO UPDATE SET value = excluded.value,
    usual = excluded.usual, confidence = excluded.confidence, origin = excluded.origin, note = excluded.note,
    external_id = excluded.external_id, recorded_by = excluded.recorded_by, held_at = value_now(), state = 'held',
    decided_at = NULL, decided_by = '', reason = '', reading_id = NULL
  WHERE h.value <> excluded.value
  RETURNING h.id, h.account_id, to_jsonb(h) AS columns
), logged AS (
  INSERT INTO common_auditentry (actor_kind, actor_id, actor_name, request_id, action, account_id, subject_type,
    subject_id, subject_label, details)
  SELECT %(kind)s, %(id)s, %(by)s, %(request)s, 'readings.held', held.account_id, 'accounts.account', held.account_id,
    a.name, jsonb_build_object('count', count(*), 'first_held', min(held.id), 'last_held', max(held.id))
  FROM held JOIN accounts_account a ON a.id = held.account_id
  GROUP BY held.account_id, a.name ORDER BY held.account_id
)
SELECT held.id, held.account_id, before.columns::text, held.columns::text
FROM held LEFT JOIN before USING (id) ORDER BY held.id
"""

# The latest value of each source, as far as it is about the time of the one that counts.
_DISAGREE = """
WITH pair AS MATERIALIZED ({pairs}), counting AS (
  SELECT p.account_id, p.metric_id, c.id, c.value, c.observed_at, c.source,
    COALESCE(m.tolerance, %(default)s) AS tolerance,
    CASE WHEN m.tolerance IS NULL THEN 'percent' ELSE m.tolerance_unit END AS tolerance_unit,
    make_interval(days => value_window_days(m.cadence)) AS near
  FROM pair p JOIN objectives_metric m ON m.id = p.metric_id
  CROSS JOIN LATERAL (
    SELECT v.id, v.value, v.observed_at, v.source FROM objectives_reading v
    WHERE v.account_id = p.account_id AND v.metric_id = p.metric_id
    ORDER BY v.observed_at DESC, v.recorded_at DESC, v.id DESC LIMIT 1) c
), latest AS (
  SELECT DISTINCT ON (c.account_id, c.metric_id, v.source) c.account_id, c.metric_id, v.id, v.value
  FROM counting c JOIN objectives_reading v ON v.account_id = c.account_id AND v.metric_id = c.metric_id
    AND v.observed_at >= c.observed_at - c.near
  WHERE v.source <> c.source
  ORDER BY c.account_id, c.metric_id, v.source, v.observed_at DESC, v.recorded_at DESC, v.id DESC
), furthest AS (
  SELECT DISTINCT ON (c.account_id, c.metric_id) c.account_id, c.metric_id, c.id AS counting_id, l.id AS other_id,
    abs(c.value - l.value) AS difference
  FROM counting c JOIN latest l USING (account_id, metric_id)
  WHERE value_differs(c.value, l.value, c.tolerance, c.tolerance_unit)
  ORDER BY c.account_id, c.metric_id, abs(c.value - l.value) DESC, l.id DESC
), settled AS (
  DELETE FROM objectives_disagreement d USING pair p
  WHERE d.account_id = p.account_id AND d.metric_id = p.metric_id
    AND NOT EXISTS (SELECT FROM furthest f WHERE f.account_id = p.account_id AND f.metric_id = p.metric_id)
)
INSERT INTO objectives_disagreement AS d (account_id, metric_id, counting_id, other_id, difference)
SELECT account_id, metric_id, counting_id, other_id, difference FROM furthest
ON CONFLICT (account_id, metric_id) DO UPDATE SET counting_id = excluded.counting_id, other_id = excluded.other_id,
  difference = excluded.difference
WHERE (d.counting_id, d.other_id) IS DISTINCT FROM (excluded.counting_id, excluded.other_id)
"""

_PAIRS = "SELECT * FROM unnest(%(accounts)s::bigint[], %(metrics)s::bigint[]) AS p (account_id, metric_id)"
_PAIRS_OF_METRIC = """SELECT account_id, metric_id FROM objectives_objective WHERE metric_id = ANY(%(ids)s)
  UNION SELECT account_id, metric_id FROM objectives_disagreement WHERE metric_id = ANY(%(ids)s)"""


def hold_outliers(*, by: Actor, origin: str, at: datetime) -> HeldChanges:
    """Set staged rows aside whose value is far from what was measured before, and keep them for a person, who is told.

    Shape:  by held value, the columns that were written, each as [before, after]; of a new one when it was held, from
            None.
    Source: docs/formulas.md#outliers
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT FROM objectives_metric WHERE hold_outliers)")
        if not cursor.fetchone()[0]:
            return {}
        cursor.execute(_OUTLIERS)
        if not cursor.rowcount:
            return {}
        cursor.execute(
            _HOLD, {"origin": origin, "by": by.name[:200], "kind": by.kind, "id": by.id, "request": audit.request_id()}
        )
        held = cursor.fetchall()
    tell_held(account_ids=sorted({account for _pk, account, _before, _after in held}), by=by, at=at)
    # JSON as text: numbers would come back as floats.
    return {pk: _written(before, after) for pk, _account, before, after in held}


def _written(before: str | None, after: str) -> dict[str, list[Any]]:
    """Compare two rows in JSON, read without the loss that binary numbers would bring."""
    new = json.loads(after, parse_float=Decimal)
    old = {} if before is None else json.loads(before, parse_float=Decimal)
    held_at = {"held_at": [old.get("held_at"), new["held_at"]]}  # also when the clock stood still
    return audit.changes(old, new) | held_at if old else held_at


def refresh_disagreements(*, pairs: Sequence[tuple[int, int]] = (), metric_ids: Sequence[int] = ()) -> None:
    """Compare the sources of pairs of account and metric, or of whole metrics, and keep the flags in line.

    Source: docs/formulas.md#sources
    """
    with connection.cursor() as cursor:
        if pairs:
            accounts, metrics = zip(*pairs, strict=True)
            statement: Any = _DISAGREE.format(pairs=_PAIRS)
            cursor.execute(statement, {"accounts": list(accounts), "metrics": list(metrics), "default": DEFAULT_PCT})
        if metric_ids:
            statement = _DISAGREE.format(pairs=_PAIRS_OF_METRIC)
            cursor.execute(statement, {"ids": list(metric_ids), "default": DEFAULT_PCT})

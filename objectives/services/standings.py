"""Keep what follows from readings and definitions: objectives' current state and accounts' standings.

Callers hold the accounts' locks (`Account.objects.lock()`): one writer per score.
"""

from collections.abc import Sequence
from datetime import datetime

from django.db import connection, transaction

from objectives.asof import PROGRESS

# When the next value of an objective is due: counted from the last one, else from its start, on the account's calendar.
DUE = """CASE WHEN o.completion_type <> 'manual' THEN value_next_due(
    COALESCE(({measured_at} AT TIME ZONE a.timezone)::date, o.started_on),
    COALESCE(NULLIF(o.cadence, ''), m.cadence, 'none')) END"""

_REFRESH_DUE = f"""
UPDATE objectives_objective o SET next_due_on = d.next_due_on
FROM (
  SELECT o.id, {DUE.format(measured_at="o.measured_at")} AS next_due_on
  FROM objectives_objective o JOIN accounts_account a ON a.id = o.account_id
  LEFT JOIN objectives_metric m ON m.id = o.metric_id
  WHERE {{subject}} = ANY(%(ids)s)
) d WHERE d.id = o.id AND o.next_due_on IS DISTINCT FROM d.next_due_on
"""

# Only readings later than the last measurement arrived: the older history need not be read again.
_FOLLOW_READINGS = f"""
WITH touched AS (
  SELECT t.objective_id, CASE WHEN t.first_observed_at > o.measured_at THEN o.measured_at END AS since
  FROM unnest(%(objectives)s::bigint[], %(first_observed)s::timestamptz[]) AS t (objective_id, first_observed_at)
  JOIN objectives_objective o ON o.id = t.objective_id
), state AS (
  SELECT o.id, r.id AS reading_id, r.value, r.observed_at, value_grade(r.origin, r.confidence, false) AS grade,
    {DUE.format(measured_at="r.observed_at")} AS next_due_on,
    greatest(p.last_progress_at, CASE WHEN touched.since IS NOT NULL THEN o.last_progress_at END) AS last_progress_at
  FROM touched
  JOIN objectives_objective o ON o.id = touched.objective_id
  JOIN accounts_account a ON a.id = o.account_id
  LEFT JOIN objectives_metric m ON m.id = o.metric_id
  LEFT JOIN LATERAL (
    SELECT x.* FROM (
      (SELECT v.id, v.value, v.observed_at, v.origin, v.confidence FROM objectives_reading v
       WHERE o.completion_type = 'value' AND v.objective_id = o.id
       ORDER BY v.observed_at DESC, v.recorded_at DESC, v.id DESC LIMIT 1)
      UNION ALL
      (SELECT v.id, v.value, v.observed_at, v.origin, v.confidence FROM objectives_reading v
       WHERE o.completion_type = 'attribute' AND v.account_id = o.account_id AND v.metric_id = o.metric_id
       ORDER BY v.observed_at DESC, v.recorded_at DESC, v.id DESC LIMIT 1)
    ) x
  ) r ON true
  LEFT JOIN LATERAL ({
    PROGRESS.format(
        series='''v.observed_at >= COALESCE(touched.since, '-infinity') AND (
          (o.completion_type = 'value' AND v.objective_id = o.id)
          OR (o.completion_type = 'attribute' AND v.account_id = o.account_id AND v.metric_id = o.metric_id))''',
        until="'infinity'",
        known="'infinity'",
        since="COALESCE(touched.since, '-infinity')",
        timezone="a.timezone",
        started_on="o.started_on",
    )
}
  ) p ON true
)
UPDATE objectives_objective o
SET current = state.value, reading_id = state.reading_id, measured_at = state.observed_at, grade = state.grade,
  next_due_on = state.next_due_on,
  last_progress_at = state.last_progress_at, state_changed_at = value_now(), updated_at = value_now()
FROM state WHERE o.id = state.id
"""

_STANDINGS = """
WITH aggregate AS (
  SELECT a.id AS account_id, a.timezone,
    count(o.id) FILTER (WHERE o.completion_type <> 'manual') AS total,
    count(o.completion) AS measured,
    count(*) FILTER (WHERE o.completion_type <> 'manual' AND o.is_met) AS met,
    count(*) FILTER (WHERE o.completion_type = 'manual') AS manual,
    value_average(sum(o.weight * o.completion), sum(o.weight) FILTER (WHERE o.completion IS NOT NULL)) AS score,
    value_average(sum(o.weight * o.completion) FILTER (WHERE o.grade = 'verified'),
      sum(o.weight) FILTER (WHERE o.grade = 'verified')) AS verified,
    value_average(sum(o.weight * o.completion) FILTER (WHERE o.kind <> 'activity'),
      sum(o.weight) FILTER (WHERE o.kind <> 'activity' AND o.completion IS NOT NULL)) AS outcomes,
    max(o.last_progress_at) FILTER (WHERE o.completion_type <> 'manual') AS last_progress_at,
    min(o.started_on) FILTER (WHERE o.completion_type <> 'manual') AS started_on
  FROM accounts_account a
  LEFT JOIN objectives_objective o ON o.account_id = a.id AND o.archived_at IS NULL
  WHERE {accounts}
  GROUP BY a.id
), anchored AS (
  SELECT aggregate.*, CASE
    WHEN last_progress_at IS NOT NULL THEN value_week_at_or_after(last_progress_at, timezone)
    ELSE started_on + mod(7 - extract(dow FROM started_on)::int, 7) END AS anchor_week
  FROM aggregate
), dated AS (
  SELECT anchored.*, value_days_since(anchor_week, %(at)s, timezone) AS days FROM anchored
), live AS (
  SELECT dated.*, value_status(score, total > 0 AND met = total, days) AS status FROM dated
)
UPDATE objectives_standing s
SET value_delivered = live.score, verified = live.verified, outcomes = live.outcomes, status = live.status,
  anchor_week = live.anchor_week,
  last_progress_at = live.last_progress_at, objectives_total = live.total, objectives_measured = live.measured,
  objectives_met = live.met, objectives_manual = live.manual,
  recheck_at = CASE
    WHEN live.status NOT IN ('on_track', 'at_risk') THEN NULL
    WHEN live.days < 14 THEN value_boundary_at(live.anchor_week + 14, live.timezone)
    ELSE value_boundary_at(live.anchor_week + 30, live.timezone) END,
  changed_at = CASE WHEN (s.value_delivered, s.status) IS DISTINCT FROM (live.score, live.status)
    THEN value_now() ELSE s.changed_at END
FROM live WHERE s.account_id = live.account_id
"""


def follow_readings(
    *, objective_ids: Sequence[int], first_observed_at: Sequence[datetime | None] | None = None
) -> None:
    """Bring current value, time of measurement and last progress of objectives in line with their readings.

    Shape: `first_observed_at` names, per objective, the earliest reading that arrived; None reads the whole history.
    """
    if not objective_ids:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            _FOLLOW_READINGS,
            {
                "objectives": list(objective_ids),
                "first_observed": list(first_observed_at or [None] * len(objective_ids)),
            },
        )


def refresh_standings(*, account_ids: Sequence[int], at: datetime) -> int:
    """Compute live score, status and sort keys of accounts anew; returns how many rows were written."""
    if not account_ids:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(
            _STANDINGS.format(accounts="a.id = ANY(%(accounts)s)"), {"accounts": list(account_ids), "at": at}
        )
        return int(cursor.rowcount)


def refresh_due(*, account_ids: Sequence[int] = (), metric_ids: Sequence[int] = ()) -> int:
    """Work out anew when the next values of accounts, or of metrics, are due; returns how many days moved.

    Source: docs/formulas.md#cadence
    """
    moved = 0
    with connection.cursor() as cursor:
        for subject, ids in (("o.account_id", account_ids), ("o.metric_id", metric_ids)):
            if ids:
                cursor.execute(_REFRESH_DUE.format(subject=subject), {"ids": list(ids)})
                moved += int(cursor.rowcount)
    return moved


def sweep_standings(*, at: datetime) -> int:
    """Compute anew every standing whose status changes with the clock by `at`; returns how many."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT a.id FROM accounts_account a JOIN objectives_standing s ON s.account_id = a.id"
            " WHERE s.recheck_at <= %s ORDER BY a.id FOR NO KEY UPDATE OF a",
            [at],
        )
        ids = [row[0] for row in cursor.fetchall()]
        refresh_due(account_ids=ids)  # an account that moved to another timezone is among them
        return refresh_standings(account_ids=ids, at=at)

"""What was true of accounts at given instants: one SQL definition for snapshots, rebuilds and verification.

Each statement starts with `WITH due AS (…)`, a relation of

    account_id, timezone, week, boundary_at, known_at, rebuilt

one row per account and week. `known_at` is what had been recorded by then: the boundary itself for a snapshot, the time
of the restatement for a rebuilt week. `rebuilt` also lets an objective stand from its `started_on`, under its first
definition, in weeks before it was entered.
"""

# An objective that has not changed since the boundary stands there as it stands now; any other is looked up.
OBJECTIVES = """
objective_state AS MATERIALIZED (
  SELECT due.account_id, due.week, o.id AS objective_id, o.revision, o.completion_type, o.kind, o.baseline, o.target,
    o.current, o.completion, o.weight, o.unit, o.unit_label, o.show_in_portal, o.measured_at, o.grade,
    o.last_progress_at, o.started_on
  FROM due JOIN objectives_objective o ON o.account_id = due.account_id
  WHERE o.state_changed_at <= due.known_at AND o.revised_at <= due.boundary_at
    AND (o.measured_at IS NULL OR o.measured_at <= due.boundary_at)
    AND o.archived_at IS NULL AND o.completion_type <> 'manual'
  UNION ALL
  SELECT due.account_id, due.week, o.id, d.number, d.completion_type, d.kind, d.baseline, d.target,
    r.value, value_completion(d.baseline, r.value, d.target), d.weight, d.unit, d.unit_label, d.show_in_portal,
    r.observed_at, value_grade(r.origin, r.confidence, false), p.last_progress_at, d.started_on
  FROM due JOIN objectives_objective o ON o.account_id = due.account_id
  CROSS JOIN LATERAL (
    SELECT v.* FROM objectives_objectiverevision v
    WHERE v.objective_id = o.id AND v.valid_from <= due.known_at
      AND (v.valid_from <= due.boundary_at OR (due.rebuilt AND v.number = 1 AND v.started_on <= due.week))
    ORDER BY v.number DESC LIMIT 1
  ) d
  LEFT JOIN LATERAL (
    SELECT x.value, x.observed_at, x.origin, x.confidence FROM (
      (SELECT v.value, v.observed_at, v.origin, v.confidence, v.recorded_at, v.id FROM objectives_reading v
       WHERE d.metric_id IS NULL AND v.objective_id = o.id
         AND v.observed_at <= due.boundary_at AND v.recorded_at <= due.known_at
       ORDER BY v.observed_at DESC, v.recorded_at DESC, v.id DESC LIMIT 1)
      UNION ALL
      (SELECT v.value, v.observed_at, v.origin, v.confidence, v.recorded_at, v.id FROM objectives_reading v
       WHERE v.account_id = o.account_id AND v.metric_id = d.metric_id
         AND v.observed_at <= due.boundary_at AND v.recorded_at <= due.known_at
       ORDER BY v.observed_at DESC, v.recorded_at DESC, v.id DESC LIMIT 1)
    ) x
  ) r ON true
  LEFT JOIN LATERAL (
    {progress}
  ) p ON true
  WHERE (o.state_changed_at > due.known_at OR o.revised_at > due.boundary_at OR o.measured_at > due.boundary_at)
    AND NOT d.archived AND d.completion_type <> 'manual'
)"""

# The last reading that raised completion over the one before it, superseded ones aside. Two values are compared under
# the definition in force when the later one was observed; a first one counts when it stands above the baseline.
PROGRESS = """
    SELECT max(c.observed_at) AS last_progress_at
    FROM (
      SELECT s.observed_at, s.value, lag(s.value) OVER (ORDER BY s.observed_at, s.recorded_at, s.id) AS before
      FROM (
        SELECT v.id, v.value, v.observed_at, v.recorded_at, row_number() OVER (
          PARTITION BY v.observed_at, v.source ORDER BY v.recorded_at DESC, v.id DESC) AS version
        FROM objectives_reading v
        WHERE {series} AND v.observed_at <= {until} AND v.recorded_at <= {known}
      ) s
      WHERE s.version = 1
    ) c
    CROSS JOIN LATERAL (
      SELECT w.baseline, w.target FROM objectives_objectiverevision w
      WHERE w.objective_id = o.id AND (w.valid_from <= c.observed_at OR w.number = 1) AND w.valid_from <= {known}
      ORDER BY w.number DESC LIMIT 1
    ) f
    WHERE value_completion(f.baseline, c.value, f.target)
        > COALESCE(value_completion(f.baseline, c.before, f.target), 0)
      AND c.observed_at > {since}
      AND (c.observed_at AT TIME ZONE {timezone})::date >= {started_on}"""

SERIES = """((d.metric_id IS NULL AND v.objective_id = o.id)
          OR (d.metric_id IS NOT NULL AND v.account_id = o.account_id AND v.metric_id = d.metric_id))"""

ACCOUNTS = """
account_state AS MATERIALIZED (
  SELECT m.*, value_status(m.value_delivered, m.total > 0 AND m.met = m.total, m.days) AS status
  FROM (
    SELECT due.account_id, due.timezone, due.week, due.boundary_at, due.known_at, due.rebuilt, a.value_delivered,
      a.verified, a.outcomes, COALESCE(a.total, 0) AS total, COALESCE(a.measured, 0) AS measured,
      COALESCE(a.met, 0) AS met,
      a.last_progress_at,
      CASE WHEN a.value_delivered IS NOT NULL THEN greatest(0, due.week - CASE
        WHEN a.last_progress_at IS NOT NULL THEN value_week_at_or_after(a.last_progress_at, due.timezone)
        ELSE a.started_on + mod(7 - extract(dow FROM a.started_on)::int, 7) END)::numeric END AS days
    FROM due LEFT JOIN (
      SELECT account_id, week, count(*) AS total, count(completion) AS measured,
        count(*) FILTER (WHERE value_met(baseline, current, target)) AS met,
        value_average(sum(weight * completion), sum(weight) FILTER (WHERE completion IS NOT NULL)) AS value_delivered,
        value_average(sum(weight * completion) FILTER (WHERE grade = 'verified'),
          sum(weight) FILTER (WHERE grade = 'verified')) AS verified,
        value_average(sum(weight * completion) FILTER (WHERE kind <> 'activity'),
          sum(weight) FILTER (WHERE kind <> 'activity' AND completion IS NOT NULL)) AS outcomes,
        max(last_progress_at) AS last_progress_at, min(started_on) AS started_on
      FROM objective_state GROUP BY account_id, week
    ) a USING (account_id, week)
  ) m
)"""

"""A portfolio of any size, made by the database alone: accounts, objectives and their weekly readings."""

from datetime import datetime, timedelta

from django.db import connection

# Thirty zones spread the boundaries of one Sunday over a day and more.
_ACCOUNTS = """
INSERT INTO accounts_account (name, timezone, segment, industry, currency, arr, renewal_on, is_demo, created_at,
  updated_at)
SELECT 'Account ' || n,
  (ARRAY['UTC', 'Europe/Berlin', 'America/New_York', 'Asia/Kolkata', 'Australia/Sydney',
    'America/Los_Angeles', 'Asia/Kathmandu', 'Asia/Tokyo', 'Europe/London', 'America/Sao_Paulo'])[1 + n %% 10],
  (ARRAY['enterprise', 'mid_market', 'small_business'])[1 + n %% 3], '', 'USD', 1000 * (1 + n %% 400),
  %(at)s::date + (n %% 400)::int, false, %(at)s, %(at)s
FROM generate_series(1, %(accounts)s) n
"""

_OBJECTIVES = """
INSERT INTO objectives_objective (account_id, title, completion_type, kind, baseline, target, unit, unit_label,
  weight, started_on, show_in_portal, methodology, details, source, done, revision, revised_at,
  state_changed_at, created_at, updated_at)
SELECT a.id, 'Objective ' || g, 'value', 'value', 0, 100, '', '', 1, %(at)s::date, g %% 2 = 0, '', '', '', false, 1,
  %(at)s, %(at)s, %(at)s, %(at)s
FROM accounts_account a CROSS JOIN generate_series(1, %(objectives)s) g
ORDER BY a.id, g
"""

_REVISIONS = """
INSERT INTO objectives_objectiverevision (objective_id, number, valid_from, archived, changed_by, reason, title,
  completion_type, kind, baseline, target, unit, unit_label, weight, started_on, show_in_portal, methodology)
SELECT id, 1, %(at)s, false, '', '', title, completion_type, kind, baseline, target, unit, unit_label, weight,
  started_on, show_in_portal, methodology
FROM objectives_objective ORDER BY id
"""

_READINGS = """
INSERT INTO objectives_reading (account_id, objective_id, value, observed_at, recorded_at, source, confidence, note,
  external_id, recorded_by)
SELECT o.account_id, o.id, 10 + (o.id * 7 + w * 13) %% 60 + w, r.at, r.at, '', 'high', '', '', ''
FROM generate_series(1, %(weeks)s) w
CROSS JOIN objectives_objective o
CROSS JOIN LATERAL (SELECT %(at)s + w * interval '7 days' + (o.id %% 86400) * interval '1 second' AS at) r
"""

_STATE = """
UPDATE objectives_objective o SET current = r.value, reading_id = r.id, measured_at = r.observed_at,
  last_progress_at = r.observed_at, grade = value_grade(r.origin, r.confidence, false), state_changed_at = r.recorded_at
FROM (SELECT DISTINCT ON (objective_id) * FROM objectives_reading ORDER BY objective_id, observed_at DESC) r
WHERE r.objective_id = o.id
"""

_NEXT = """
UPDATE objectives_standing s SET next_week = w.week, next_boundary_at = value_boundary_at(w.week, a.timezone)
FROM accounts_account a CROSS JOIN LATERAL (SELECT value_week_at_or_after(%(until)s, a.timezone) AS week) w
WHERE a.id = s.account_id
"""


def load(*, accounts: int, objectives: int, weeks: int, until: datetime) -> None:
    """Fill an empty database.

    Shape: each objective has `weeks` weekly readings, the last within the week before `until`; no snapshot is due
    before `until`.
    """
    at = until - timedelta(weeks=weeks + 1)
    numbers = {"accounts": accounts, "objectives": objectives, "weeks": weeks, "at": at, "until": until}
    with connection.cursor() as cursor:
        for statement in (_ACCOUNTS, _OBJECTIVES, _REVISIONS, _READINGS, _STATE, _NEXT):
            cursor.execute(statement, numbers)


def analyze() -> None:
    """Let the planner know what is there (as the owner: the application's role may not)."""
    from django.db import connections

    with connections["owner"].cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")

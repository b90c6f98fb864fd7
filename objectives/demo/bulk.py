"""Generated accounts by the thousand, for measuring: plain numbers, made in the database."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from django.db import connection, connections, transaction
from django.db.models import Model

from accounts.models import Account, Role, User
from objectives.demo.calendar import Calendar
from objectives.demo.load import Loaded, Say, check_empty, make_metrics, make_people, take_snapshots
from objectives.demo.world import TEAM, ZONES
from objectives.models import Objective, Reading, Snapshot, SnapshotObjective, Standing
from objectives.services.standings import refresh_due, refresh_standings

OBJECTIVES: Final = 5
METRIC: Final = "daily_active_users"
BATCH: Final = 5_000

_FIRST = [
    "Amber", "Birch", "Cedar", "Dale", "Elder", "Fallow", "Garnet", "Hazel", "Indigo", "Juniper", "Keel", "Linden",
    "Moss", "North", "Opal", "Pewter",
]  # fmt: skip
_SECOND = [
    "Freight", "Foods", "Mutual", "Clinics", "Retail", "Media", "Energy", "Staffing", "Mills", "Harbour", "Supply",
    "Housing", "Press", "Steel",
]  # fmt: skip

_ACCOUNTS = """
INSERT INTO accounts_account (external_id, name, timezone, owner_id, segment, industry, currency, arr, is_demo,
  contract_signed_on, went_live_on, renewal_on, created_at, updated_at)
SELECT 'LOAD-' || lpad(i::text, 7, '0'),
  (%(first)s::text[])[1 + i %% 16] || ' ' || (%(second)s::text[])[1 + i / 16 %% 14] || ' ' || i,
  z.timezone, (%(owners)s::bigint[])[1 + i %% cardinality(%(owners)s::bigint[])],
  (ARRAY['enterprise', 'mid_market', 'small_business'])[1 + i %% 3],
  (%(second)s::text[])[1 + i / 16 %% 14], 'USD', 5000 + i::bigint * 7919 %% 400 * 1000, true,
  %(today)s::date - (60 + i %% 700), %(today)s::date - (30 + i %% 700),
  CASE WHEN i %% 20 > 0 THEN %(today)s::date + 7 + i %% 358 END, z.created_at, z.created_at
FROM generate_series(1, %(accounts)s) AS i
JOIN unnest(%(zones)s::text[], %(created_at)s::timestamptz[]) WITH ORDINALITY AS z (timezone, created_at, number)
  ON z.number = 1 + i %% cardinality(%(zones)s::text[])
ORDER BY i
"""

# The last of the five follows a metric; each has a way of a hundred steps to go.
_OBJECTIVES = """
INSERT INTO objectives_objective (account_id, title, details, completion_type, metric_id, kind, baseline, target, unit,
  unit_label, weight, started_on, due_on, show_in_portal, methodology, source, owner_id, done, revision, revised_at,
  state_changed_at, created_at, updated_at)
SELECT a.id, (ARRAY['Shorten onboarding', 'Raise satisfaction', 'Match invoices', 'Save cost', 'Get teams working'])[j],
  '', CASE WHEN j = 5 THEN 'attribute' ELSE 'value' END, m.id, COALESCE(m.kind, 'value'),
  CASE WHEN j = 1 THEN 120 ELSE 20 END, CASE WHEN j = 1 THEN 20 ELSE 120 END,
  (ARRAY['days', 'score', 'percentage', 'currency', 'users'])[j], '', 1, a.created_at::date,
  %(today)s::date + 90 + j * 30, j < 4, '', '', a.owner_id, false, 1, t.at, t.at, t.at, t.at
FROM accounts_account a
CROSS JOIN generate_series(1, %(objectives)s) AS j
CROSS JOIN LATERAL (SELECT a.created_at + interval '10 minutes' AS at) t
LEFT JOIN objectives_metric m ON m.key = %(metric)s AND j = 5
WHERE a.is_demo ORDER BY a.id, j
"""

_REVISIONS = """
INSERT INTO objectives_objectiverevision (objective_id, number, valid_from, archived, changed_by, reason, {fields})
SELECT id, 1, created_at, false, 'System', 'Created', {fields} FROM objectives_objective ORDER BY id
"""

# A score of its own for each account, from 0 to 119, reached in equal weekly steps; one in ten stands still at first.
_READINGS = """
INSERT INTO objectives_reading (account_id, metric_id, metric_version, objective_id, value, observed_at, recorded_at,
  source, confidence, origin, note, external_id, recorded_by)
SELECT o.account_id, o.metric_id, m.version,
  CASE WHEN o.metric_id IS NULL THEN o.id END, v.value,
  a.created_at + interval '1 day' + %(week)s * interval '7 days',
  a.created_at + interval '1 day' + %(week)s * interval '7 days', '', 'high',
  CASE WHEN o.metric_id IS NULL THEN 'person' ELSE 'system' END, '', '', 'System'
FROM objectives_objective o JOIN accounts_account a ON a.id = o.account_id
LEFT JOIN objectives_metric m ON m.id = o.metric_id
CROSS JOIN LATERAL (SELECT substr(a.external_id, 6)::int AS number) n
CROSS JOIN LATERAL (
  SELECT o.baseline + sign(o.target - o.baseline)
    * round((1 + n.number::bigint * 37 %% 120 + o.id %% 5 * 2) * (%(week)s + 1.0) / %(weeks)s, 2) AS value) v
WHERE %(week)s = 0 OR n.number %% 10 > 0
ORDER BY o.id
"""

_STATE = """
UPDATE objectives_objective o SET current = r.value, reading_id = r.id, measured_at = r.observed_at,
  last_progress_at = r.observed_at, grade = value_grade(r.origin, r.confidence, false),
  state_changed_at = r.recorded_at, updated_at = r.recorded_at
FROM objectives_reading r WHERE r.id > %(after)s AND """
_OF_OBJECTIVES = "r.objective_id = o.id"
_OF_METRICS = "r.objective_id IS NULL AND r.account_id = o.account_id AND r.metric_id = o.metric_id"


def load_many(accounts: int, *, weeks: int, at: datetime, can_sign_in: bool, say: Say) -> Loaded:
    """Load generated accounts of five objectives each, with a reading and a snapshot for each of some weeks.

    Shape:  committed step by step, with fresh statistics before each: the planner has to know how many rows there are.
    Raises: AlreadyLoaded, NotEmpty.
    """
    calendars = [Calendar.of(zone, at) for zone in ZONES.values()]
    by_time = sorted(calendars, key=lambda calendar: calendar.tick(0))
    with transaction.atomic():
        check_empty()
        people = make_people(can_sign_in=can_sign_in)
        _make_accounts(accounts, weeks, at, calendars, people)
        say(f"{accounts} accounts")
    _analyze(Account)
    with transaction.atomic():
        objectives = _make_objectives(at)
        say(f"{objectives} objectives")
    readings = stored = 0
    for week in range(weeks):
        _analyze(Objective, Reading)
        with transaction.atomic():
            added, after = _make_readings(week, weeks)
        _analyze(Reading)
        with transaction.atomic():
            _follow(after)
        readings += added
        say(f"{readings} readings")
        _analyze(Objective, Standing)
        stored += sum(take_snapshots(calendar.tick(weeks - 1 - week)) for calendar in by_time)
        say(f"{stored} weekly snapshots")
    ids = list(Account.objects.order_by("pk").values_list("pk", flat=True))
    for start in range(0, len(ids), BATCH):
        refresh_due(account_ids=ids[start : start + BATCH])
        refresh_standings(account_ids=ids[start : start + BATCH], at=at)
    _analyze(Standing, Snapshot, SnapshotObjective)
    return Loaded(len(ids), objectives, readings, stored)


def _make_accounts(
    accounts: int, weeks: int, at: datetime, calendars: Sequence[Calendar], people: Mapping[str, User]
) -> None:
    created_at = [calendar.moment(weeks - 1, 1, 9 * 60) for calendar in calendars]
    make_metrics(min(created_at))
    values: dict[str, Any] = {
        "accounts": accounts,
        "today": at.date(),
        "first": _FIRST,
        "second": _SECOND,
        "owners": [people[person.initials].pk for person in TEAM if person.role == Role.CSM],
        "zones": [calendar.timezone for calendar in calendars],
        "created_at": created_at,
    }
    with connection.cursor() as cursor:
        cursor.execute(_ACCOUNTS, values)


def _make_objectives(at: datetime) -> int:
    with connection.cursor() as cursor:
        cursor.execute(_OBJECTIVES, {"objectives": OBJECTIVES, "metric": METRIC, "today": at.date()})
        count: int = cursor.rowcount
        cursor.execute(_REVISIONS.format(fields=", ".join(Objective.definition_fields())))
    return count


def _make_readings(week: int, weeks: int) -> tuple[int, int]:
    """Measure every objective once; returns how many readings, and the last id before them."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT COALESCE(max(id), 0) FROM objectives_reading")
        after: int = cursor.fetchone()[0]
        cursor.execute(_READINGS, {"week": week, "weeks": weeks})
        return cursor.rowcount, after


def _follow(after: int) -> None:
    with connection.cursor() as cursor:
        for subject in (_OF_OBJECTIVES, _OF_METRICS):
            cursor.execute(_STATE + subject, {"after": after})


def _analyze(*models: type[Model]) -> None:
    """Bring the planner's statistics up to date, which only a table's owner may."""
    with connections["owner"].cursor() as cursor:
        for model in models:
            cursor.execute(f"ANALYZE {model._meta.db_table}")
    connections["owner"].close()

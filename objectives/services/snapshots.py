"""Take weekly snapshots: exactly one per account and week, whatever happens.

`Standing.next_boundary_at` is the queue: the next week of each account that has no snapshot yet. One statement stores
the snapshot, its objectives, the portfolio's rollup and the account's step to the following week.
"""

from dataclasses import dataclass
from datetime import datetime

import structlog
from django.db import DatabaseError, OperationalError, connection, transaction

from accounts.models import Account
from objectives.asof import ACCOUNTS, OBJECTIVES, PROGRESS, SERIES
from objectives.models import Standing, TickRun
from valuerealization.common import audit
from valuerealization.common.audit import Actor

log = structlog.get_logger(__name__)

# A transaction recorded just before a boundary has committed by then.
SETTLE = "1 minute"
# Older than this when taken: the week was missed and is reconstructed.
LATE = "24 hours"
# Accounts in one transaction: a second of work, so that little is lost with a killed worker.
CHUNK = 4000

OBJECTIVE_STATE = OBJECTIVES.format(
    progress=PROGRESS.format(
        series=SERIES,
        until="due.boundary_at",
        known="due.known_at",
        since="'-infinity'::timestamptz",
        timezone="due.timezone",
        started_on="d.started_on",
    )
)

SNAPSHOT_COLUMNS = (
    "account_id, week, boundary_at, known_at, timezone, taken_at, value_delivered, verified, outcomes, status,"
    " days_without_progress, last_progress_at, objectives_total, objectives_measured, objectives_met, reconstructed,"
    " restated"
)
OBJECTIVE_COLUMNS = (
    "objective_id, revision, completion_type, kind, baseline, target, current, completion, weight, unit, unit_label,"
    " show_in_portal, measured_at, grade"
)
ROLLUP_COLUMNS = "week, accounts, scored, score_sum, stalled, at_risk, on_track, exceeded, all_goals_met"
ROLLUP_COUNTS = """week, count(*), count(value_delivered), COALESCE(sum(value_delivered), 0),
    count(*) FILTER (WHERE status = 'stalled'), count(*) FILTER (WHERE status = 'at_risk'),
    count(*) FILTER (WHERE status = 'on_track'), count(*) FILTER (WHERE status = 'exceeded'),
    count(*) FILTER (WHERE status = 'all_goals_met')"""

_DUE = f"NOT s.is_archived AND s.next_boundary_at <= %(at)s::timestamptz - interval '{SETTLE}'"

_DUE_CHUNKS = f"""
SELECT min(account_id), max(account_id), count(*) FROM (
  SELECT s.account_id, (row_number() OVER (ORDER BY s.account_id) - 1) / %(size)s AS chunk
  FROM objectives_standing s WHERE {_DUE}
) numbered GROUP BY chunk ORDER BY 1
"""

_LOCK = f"""
SELECT a.id FROM accounts_account a JOIN objectives_standing s ON s.account_id = a.id
WHERE s.account_id BETWEEN %(first)s AND %(last)s AND {_DUE}
ORDER BY a.id FOR NO KEY UPDATE OF a
"""

TAKE = f"""
WITH due AS MATERIALIZED (
  SELECT s.account_id, a.timezone, s.next_week AS week, s.next_boundary_at AS boundary_at,
    s.next_boundary_at AS known_at, false AS rebuilt
  FROM objectives_standing s JOIN accounts_account a ON a.id = s.account_id
  WHERE s.account_id BETWEEN %(first)s AND %(last)s AND {_DUE}
), {OBJECTIVE_STATE}, {ACCOUNTS},
inserted AS (
  INSERT INTO objectives_snapshot ({SNAPSHOT_COLUMNS})
  SELECT account_id, week, boundary_at, known_at, timezone, %(at)s, value_delivered, verified, outcomes, status, days,
    last_progress_at, total, measured, met, %(at)s - boundary_at >= interval '{LATE}', false
  FROM account_state
  ON CONFLICT (account_id, week) DO NOTHING
  RETURNING id, account_id, week, value_delivered, verified, outcomes, status, days_without_progress,
    objectives_total, objectives_met
), detail AS (
  INSERT INTO objectives_snapshotobjective (snapshot_id, {OBJECTIVE_COLUMNS})
  SELECT i.id, {OBJECTIVE_COLUMNS} FROM inserted i JOIN objective_state USING (account_id, week)
), rollup AS (
  INSERT INTO objectives_weekrollup AS w ({ROLLUP_COLUMNS})
  SELECT {ROLLUP_COUNTS} FROM inserted GROUP BY week ORDER BY week
  ON CONFLICT (week) DO UPDATE SET accounts = w.accounts + excluded.accounts, scored = w.scored + excluded.scored,
    score_sum = w.score_sum + excluded.score_sum, stalled = w.stalled + excluded.stalled,
    at_risk = w.at_risk + excluded.at_risk, on_track = w.on_track + excluded.on_track,
    exceeded = w.exceeded + excluded.exceeded, all_goals_met = w.all_goals_met + excluded.all_goals_met
), following AS (
  SELECT timezone, week, value_boundary_at(week + 7, timezone) AS boundary_at
  FROM (SELECT DISTINCT timezone, week FROM due) d
), stepped AS (
  UPDATE objectives_standing s
  SET next_week = due.week + 7, next_boundary_at = following.boundary_at,
    snapshot_week = CASE WHEN i.id IS NULL THEN s.snapshot_week ELSE i.week END,
    snapshot_value = CASE WHEN i.id IS NULL THEN s.snapshot_value ELSE i.value_delivered END,
    snapshot_verified = CASE WHEN i.id IS NULL THEN s.snapshot_verified ELSE i.verified END,
    snapshot_outcomes = CASE WHEN i.id IS NULL THEN s.snapshot_outcomes ELSE i.outcomes END,
    snapshot_total = CASE WHEN i.id IS NULL THEN s.snapshot_total ELSE i.objectives_total END,
    snapshot_met = CASE WHEN i.id IS NULL THEN s.snapshot_met ELSE i.objectives_met END,
    snapshot_status = CASE WHEN i.id IS NULL THEN s.snapshot_status ELSE i.status END,
    snapshot_days = CASE WHEN i.id IS NULL THEN s.snapshot_days ELSE i.days_without_progress END,
    previous_status = CASE WHEN i.id IS NULL THEN s.previous_status ELSE s.snapshot_status END,
    is_scored = s.is_scored OR i.value_delivered IS NOT NULL,
    failed_at = NULL, failure = '', attempts = 0
  FROM due JOIN following USING (timezone, week) LEFT JOIN inserted i USING (account_id, week)
  WHERE s.account_id = due.account_id
)
SELECT (SELECT count(*) FROM inserted), (SELECT count(*) FROM due),
  (SELECT greatest(0, extract(epoch FROM value_now() - min(due.boundary_at)))
   FROM inserted i JOIN due USING (account_id, week))::int
"""

# The run's own figures, in the transaction that stores what they count: a message that comes twice adds nothing.
_REPORT_TAKEN = """
UPDATE objectives_tickrun SET taken = taken + %(stored)s,
  late_seconds = greatest(late_seconds, %(late)s) WHERE id = %(run)s
"""
_REPORT_FAILED = "UPDATE objectives_tickrun SET failed = failed + 1 WHERE id = %(run)s"

_FAILED = """
UPDATE objectives_standing SET failed_at = %(at)s, failure = %(failure)s, attempts = attempts + 1
WHERE account_id = %(account)s AND failed_at IS DISTINCT FROM %(at)s
"""

_CLOCKS = "SELECT extract(epoch FROM value_now())"


class ClockHeld(RuntimeError):
    """The clocks of application and database disagree, or the instant lies in the future: nothing is taken."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """A range of account ids with `due` accounts that wait for a snapshot."""

    first: int
    last: int
    due: int


@dataclass(frozen=True, slots=True)
class Taken:
    """How many snapshots were stored, how many accounts failed, how many went a week on."""

    stored: int = 0
    failed: int = 0
    stepped: int = 0

    def __add__(self, other: "Taken") -> "Taken":
        return Taken(self.stored + other.stored, self.failed + other.failed, self.stepped + other.stepped)


def check_clock(*, at: datetime, tolerance_s: int = 60, allow_future: bool = False) -> None:
    """Refuse to act on an instant that the database's clock has not reached, give or take a minute.

    Units:  tolerance in seconds.
    Raises: ClockHeld.
    """
    with connection.cursor() as cursor:
        cursor.execute(_CLOCKS)
        ahead_s = at.timestamp() - float(cursor.fetchone()[0])
    if ahead_s > tolerance_s and not allow_future:
        raise ClockHeld(
            f"The instant {at.isoformat()} is {ahead_s:.0f} s ahead of the database's clock: no snapshot is taken."
            " Check the clocks of both machines."
        )


def check_clocks_agree(*, at: datetime, tolerance_s: int = 60) -> None:
    """Refuse to work by a clock that is more than a minute off the database's, either way.

    Raises: ClockHeld.
    """
    check_clock(at=at, tolerance_s=tolerance_s)
    with connection.cursor() as cursor:
        cursor.execute(_CLOCKS)
        behind_s = float(cursor.fetchone()[0]) - at.timestamp()
    if behind_s > tolerance_s:
        raise ClockHeld(
            f"This machine's clock is {behind_s:.0f} s behind the database's: no snapshot is taken."
            " Check the clocks of both machines."
        )


def due_chunks(*, at: datetime, size: int = CHUNK) -> list[Chunk]:
    """List the accounts whose week has ended without a snapshot, as ranges of at most `size` accounts."""
    with connection.cursor() as cursor:
        cursor.execute(_DUE_CHUNKS, {"at": at, "size": size})
        return [Chunk(*row) for row in cursor.fetchall()]


def take_chunk(*, first: int, last: int, at: datetime, run_id: int | None = None) -> Taken:
    """Snapshot the due accounts of a range, oldest week first, until none of their weeks is missing.

    An account that fails is set aside with its reason; the others of its chunk go on.
    Shape: `run_id` names the tick's run that asked, for its figures.
    """
    total = Taken()
    while True:
        taken = _take_week(first, last, at, run_id)
        # Who failed fails again in each round, so the last round's number is the number of accounts.
        total = Taken(total.stored + taken.stored, taken.failed, total.stepped + taken.stepped)
        if taken.stepped == 0:
            return total


def take_due(*, at: datetime, account_id: int | None = None) -> Taken:
    """Snapshot everything that is due, here and now; the command line's way."""
    total = Taken()
    for chunk in due_chunks(at=at):
        if account_id is None:
            total += take_chunk(first=chunk.first, last=chunk.last, at=at)
        elif chunk.first <= account_id <= chunk.last:
            total += take_chunk(first=account_id, last=account_id, at=at)
    return total


def try_again(*, account: Account, by: Actor, at: datetime) -> Taken:
    """Take the due snapshots of one account now, without waiting for the next tick.

    Raises: ClockHeld.
    """
    check_clock(at=at)
    failure = Standing.objects.values_list("failure", flat=True).get(account=account)
    taken = take_chunk(first=account.pk, last=account.pk, at=at)
    audit.record(
        by=by, action="snapshots.retried", subject=account, account_id=account.pk,
        details={"failure": failure, "taken": taken.stored, "failed": taken.failed},
    )  # fmt: skip
    return taken


def forget_runs(*, before: datetime) -> int:
    """Remove the tick's runs that started before an instant; returns how many."""
    return TickRun.objects.filter(started_at__lt=before).delete()[0]


def _take_week(first: int, last: int, at: datetime, run_id: int | None) -> Taken:
    """Take one week of every due account in a range, splitting the range around accounts that fail."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            span: dict[str, int | datetime] = {"first": first, "last": last, "at": at}
            cursor.execute(_LOCK, span)
            accounts = [row[0] for row in cursor.fetchall()]
            if not accounts:
                return Taken()
            cursor.execute(TAKE, span)
            stored, stepped, late = cursor.fetchone()
            if run_id is not None and stored:
                cursor.execute(_REPORT_TAKEN, {"run": run_id, "stored": stored, "late": late})
            return Taken(stored=stored, stepped=stepped)
    except OperationalError:
        raise  # the connection or a lock: the task is retried as a whole
    except DatabaseError as error:
        if len(accounts) == 1:
            return _set_aside(accounts[0], error, at, run_id)
        middle = accounts[len(accounts) // 2]
        return _take_week(first, middle - 1, at, run_id) + _take_week(middle, last, at, run_id)


def _set_aside(account_id: int, error: DatabaseError, at: datetime, run_id: int | None) -> Taken:
    reason = str(error).splitlines()[0][:500]
    log.error("snapshot_failed", account_id=account_id, reason=reason)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_FAILED, {"account": account_id, "failure": reason, "at": at})
        if cursor.rowcount and run_id is not None:
            cursor.execute(_REPORT_FAILED, {"run": run_id})
    return Taken(failed=1)

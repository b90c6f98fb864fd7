"""How the product's own work goes: what is due, what ran, what failed, and whether everything that works is there."""

import hashlib
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Final

from django.db.models import Count, Min
from django_celery_beat.models import PeriodicTask

from objectives.models import SnapshotArchive, Standing, TickRun
from valuerealization.common import health
from valuerealization.common.keyset import KeysetPage, Ordering, page

TICK: Final = "objectives.tick"
CLEAN_UP: Final = "objectives.clean_up"
FAILURES_SHOWN: Final = 50
ARCHIVES_SHOWN: Final = 24
RUNS_A_PAGE: Final = 25
# Two ticks that did not come.
SILENT_AFTER: Final = timedelta(minutes=11)

_RUNS: Final = Ordering("runs", ("started_at", "id"), is_descending=True)


@dataclass(frozen=True, slots=True)
class Waiting:
    """What the next tick will find.

    Shape:  accounts without the snapshot of a week that has ended, the oldest such boundary; standings whose status
            changes with the clock; accounts whose last attempt failed.
    """

    due: int
    due_since: datetime | None
    recheck: int
    failed: int

    def late_seconds(self, at: datetime) -> int:
        """Tell how long the longest waiting account has been due."""
        return int((at - self.due_since).total_seconds()) if self.due_since else 0


@dataclass(frozen=True, slots=True)
class Failure:
    """An account whose snapshot failed, and why."""

    account_id: int
    name: str
    week: date
    failed_at: datetime | None
    reason: str
    attempts: int


@dataclass(frozen=True, slots=True)
class Part:
    """Something that has to be there: its name, whether it is, and what is known about it."""

    name: str
    is_well: bool
    note: str


@dataclass(frozen=True, slots=True)
class Schedule:
    """When something runs next; None while it is switched off."""

    name: str
    next_at: datetime | None


@dataclass(frozen=True, slots=True)
class Operations:
    """The state of the product's own work.

    Shape:  `version` changes with everything else in it, and with the runs that are shown beside it.
    """

    waiting: Waiting
    parts: tuple[Part, ...]
    last_tick: datetime | None
    queue: int | None
    schedules: tuple[Schedule, ...]
    failures: tuple[Failure, ...]
    archives: tuple[SnapshotArchive, ...]
    version: str = ""

    @property
    def is_well(self) -> bool:
        """Tell whether everything is there."""
        return all(part.is_well for part in self.parts)


def waiting(*, at: datetime) -> Waiting:
    """Count what is due: three statements, each served by an index that holds little else."""
    due = Standing.objects.due(at).aggregate(number=Count("pk"), since=Min("next_boundary_at"))
    return Waiting(
        due=due["number"],
        due_since=due["since"],
        recheck=Standing.objects.filter(recheck_at__lte=at).count(),
        failed=Standing.objects.active().filter(failed_at__isnull=False).count(),
    )


def operations(*, at: datetime, runs: KeysetPage[TickRun]) -> Operations:
    """Read the state of the product's own work: seven statements, and a few questions to the broker."""
    last_tick = health.last_tick()
    found = Operations(
        waiting=waiting(at=at),
        parts=(*_parts(), _worker(last_tick, at)),
        last_tick=last_tick,
        queue=health.queue_length(),
        schedules=_schedules(at),
        failures=_failures(),
        archives=tuple(SnapshotArchive.objects.order_by("-last_week", "-pk")[:ARCHIVES_SHOWN]),
    )
    shown = [(run.pk, run.due, run.taken, run.failed, run.late_seconds, run.moved, run.held) for run in runs.rows]
    return replace(found, version=hashlib.sha256(repr((found, shown)).encode()).hexdigest()[:16])


def runs(*, cursor: str | None = None) -> KeysetPage[TickRun]:
    """Read a page of the tick's runs that had something to do, newest first.

    Raises: InvalidCursor.
    """
    return page(TickRun.objects.all(), _RUNS, cursor, size=RUNS_A_PAGE)


_WORDS: Final = {"database": "Database", "broker": "Broker", "beat": "Scheduler"}


def _parts() -> tuple[Part, ...]:
    checks = {name: check() for name, check in health.CHECKS.items()}
    return tuple(
        Part(_WORDS.get(name, name), word == "ok", "" if word == "ok" else word) for name, word in checks.items()
    )


def _worker(last_tick: datetime | None, at: datetime) -> Part:
    """A worker is there if it has ended a tick lately; nothing else tells that one not only listens but works."""
    if last_tick is None:
        return Part("Worker", is_well=True, note="waits for its first tick")
    if at - last_tick > SILENT_AFTER:
        return Part("Worker", is_well=False, note="has not ended a tick lately")
    return Part("Worker", is_well=True, note="")


def _schedules(at: datetime) -> tuple[Schedule, ...]:
    labels = {TICK: "Next tick", CLEAN_UP: "Next clean-up"}
    found = PeriodicTask.objects.filter(task__in=labels).select_related("interval", "crontab").order_by("pk")
    by_task = {entry.task: entry for entry in found}
    return tuple(Schedule(label, _next(by_task.get(task), at)) for task, label in labels.items())


def _next(entry: PeriodicTask | None, at: datetime) -> datetime | None:
    if entry is None or not entry.enabled:
        return None
    last: datetime = entry.last_run_at or at
    if entry.interval_id is not None:
        following: datetime = last + entry.schedule.run_every
        return following
    # Told as a span from a clock of its own, a moment after `at`: the minute that is meant is the nearest.
    nearest: datetime = at + max(entry.schedule.remaining_estimate(last), timedelta(0)) + timedelta(seconds=30)
    return nearest.replace(second=0, microsecond=0)


def _failures() -> tuple[Failure, ...]:
    rows = Standing.objects.active().filter(failed_at__isnull=False).select_related("account")
    return tuple(
        Failure(row.account_id, row.account.name, row.next_week, row.failed_at, row.failure, row.attempts)
        for row in rows.order_by("failed_at", "pk")[:FAILURES_SHOWN]
    )

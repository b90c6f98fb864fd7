"""Background work of the objectives app. The database says what is due; the broker is only the doorbell."""

from datetime import datetime, timedelta

import structlog
from celery import shared_task
from django.db import InterfaceError, OperationalError
from django.utils import timezone

from objectives.imports.jobs import run_batch
from objectives.models import TickRun
from objectives.services import archives, batches, snapshots
from objectives.services.standings import sweep_standings
from valuerealization.common.audit import SYSTEM
from valuerealization.common.health import record_tick

log = structlog.get_logger(__name__)

# What is still due then, a later tick hands out again: messages don't pile up while no worker listens.
CHUNK_EXPIRES_S = 600
# How long the tick's runs can be looked up.
RUNS_KEPT = timedelta(days=400)
# A file is one transaction, and rows are limited so that it ends long before; what doesn't ends with words to go by.
IMPORT_LIMIT_S = 240


@shared_task(name="objectives.tick")
def tick(**_future: object) -> None:
    """Every five minutes: hand out the snapshots that are due, and move the standings that the clock moves."""
    at = timezone.now()
    run = TickRun(started_at=at)
    try:
        snapshots.check_clocks_agree(at=at)
    except snapshots.ClockHeld as error:
        log.error("tick_held", reason=str(error))
        run.held = str(error)[:300]
        run.save()
        return
    chunks = snapshots.due_chunks(at=at)
    run.due = sum(chunk.due for chunk in chunks)
    if chunks:
        run.save()  # before the messages: the chunks add their figures to it
    for chunk in chunks:
        message = {"first": chunk.first, "last": chunk.last, "at": at.isoformat(), "run_id": run.pk}
        take_chunk.apply_async(kwargs=message, expires=CHUNK_EXPIRES_S)
    for batch in batches.waiting_batches():
        run_import.apply_async(kwargs={"batch": batch}, expires=CHUNK_EXPIRES_S)
    batches.clean_up(at=at)
    run.moved = sweep_standings(at=at)
    if run.pk is not None:
        run.save(update_fields=["moved"])
    elif run.moved:
        run.save()
    record_tick(at=timezone.now())


@shared_task(
    name="objectives.take_chunk",
    autoretry_for=(OperationalError, InterfaceError),
    retry_backoff=2,
    retry_backoff_max=60,
    retry_jitter=True,
    max_retries=5,
)
def take_chunk(*, first: int, last: int, at: str, run_id: int | None = None, **_future: object) -> None:
    """Snapshot the due accounts of a range of ids (safe to deliver twice)."""
    taken = snapshots.take_chunk(first=first, last=last, at=datetime.fromisoformat(at), run_id=run_id)
    if taken.stored or taken.failed:
        log.info("snapshots_taken", first=first, last=last, stored=taken.stored, failed=taken.failed)


@shared_task(
    name="objectives.clean_up",
    autoretry_for=(OperationalError, InterfaceError),
    retry_backoff=60,
    max_retries=5,
    soft_time_limit=540,
    time_limit=580,
)
def clean_up(**_future: object) -> None:
    """On the 1st of the month: one file of old snapshots at a time, until none is older than the retention window."""
    at = timezone.now()
    try:
        snapshots.check_clocks_agree(at=at)
        archive = archives.archive_next(at=at, by=SYSTEM)
    except (snapshots.ClockHeld, archives.ArchiveBusy) as reason:
        log.warning("clean_up_held", reason=str(reason))
        return
    if archive is None:
        snapshots.forget_runs(before=at - RUNS_KEPT)
        return
    log.info("snapshots_archived", file=archive.file, snapshots=archive.snapshots)
    clean_up.apply_async()


@shared_task(
    name="objectives.run_import",
    autoretry_for=(OperationalError, InterfaceError),
    retry_backoff=2,
    retry_backoff_max=60,
    retry_jitter=True,
    max_retries=3,
    soft_time_limit=IMPORT_LIMIT_S,
    time_limit=IMPORT_LIMIT_S + 60,
)
def run_import(*, batch: int, **_future: object) -> None:
    """Check, import or undo a file, whichever it waits for (safe to deliver twice)."""
    if run_batch(batch_id=batch, at=timezone.now()):
        log.info("import_worked_on", batch=batch)

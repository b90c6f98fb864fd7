"""Background work of the objectives app. The database says what is due; the broker is only the doorbell."""

from datetime import datetime

import structlog
from celery import shared_task
from django.db import InterfaceError, OperationalError
from django.utils import timezone

from objectives.imports.jobs import run_batch
from objectives.models import TickRun
from objectives.services import batches, snapshots
from objectives.services.standings import sweep_standings

log = structlog.get_logger(__name__)

# What is still due then, a later tick hands out again: messages don't pile up while no worker listens.
CHUNK_EXPIRES_S = 600
# A file is one transaction, so it may take longer than other tasks; a message that comes twice finds it taken.
IMPORT_LIMIT_S = 1500


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
    for chunk in snapshots.due_chunks(at=at):
        run.due += chunk.due
        message = {"first": chunk.first, "last": chunk.last, "at": at.isoformat()}
        take_chunk.apply_async(kwargs=message, expires=CHUNK_EXPIRES_S)
    for batch in batches.waiting_batches():
        run_import.apply_async(kwargs={"batch": batch}, expires=CHUNK_EXPIRES_S)
    batches.clean_up(at=at)
    run.moved = sweep_standings(at=at)
    if run.due or run.moved:
        run.save()


@shared_task(
    name="objectives.take_chunk",
    autoretry_for=(OperationalError, InterfaceError),
    retry_backoff=2,
    retry_backoff_max=60,
    retry_jitter=True,
    max_retries=5,
)
def take_chunk(*, first: int, last: int, at: str, **_future: object) -> None:
    """Snapshot the due accounts of a range of ids (safe to deliver twice)."""
    taken = snapshots.take_chunk(first=first, last=last, at=datetime.fromisoformat(at))
    if taken.stored or taken.failed:
        log.info("snapshots_taken", first=first, last=last, stored=taken.stored, failed=taken.failed)


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

"""Background work of the objectives app. The database says what is due; the broker is only the doorbell."""

from datetime import datetime

import structlog
from celery import shared_task
from django.db import InterfaceError, OperationalError
from django.utils import timezone

from objectives.models import TickRun
from objectives.services import snapshots
from objectives.services.standings import sweep_standings

log = structlog.get_logger(__name__)

# What is still due then, a later tick hands out again: messages don't pile up while no worker listens.
CHUNK_EXPIRES_S = 600


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

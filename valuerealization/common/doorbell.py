"""Ring for a worker. The row in the database is the queue; without the bell the next tick finds it."""

from typing import Any

import structlog
from celery import current_app
from django.db import transaction
from kombu.exceptions import OperationalError

log = structlog.get_logger(__name__)


def ring_after_commit(task: str, **message: Any) -> None:
    """Send a task once what it works on is committed; a broker that is away delays it, and fails nothing."""

    def ring() -> None:
        try:
            current_app.send_task(task, kwargs=message)
        except (OperationalError, OSError) as error:
            log.warning("doorbell_unheard", task=task, reason=str(error)[:200])

    transaction.on_commit(ring)

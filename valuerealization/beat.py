"""The scheduler: entries in the database, and a heartbeat that `/readyz` looks for."""

from typing import Any

from django_celery_beat.schedulers import DatabaseScheduler

from valuerealization.common.health import record_beat


class Scheduler(DatabaseScheduler):
    """django-celery-beat's scheduler, which says at every turn (five seconds at most) that it is alive."""

    def tick(self, *args: Any, **kwargs: Any) -> float:
        """Take one turn."""
        record_beat()
        seconds: float = super().tick(*args, **kwargs)
        return seconds

"""Is the process up, and is everything it needs in order?"""

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from typing import Any

import structlog
from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

logger = structlog.get_logger(__name__)

BEAT_KEY = "vr:beat"
TICK_KEY = "vr:tick"
QUEUE = "celery"  # the task library's own name for the only queue
BEAT_SECONDS = 30  # six turns of the scheduler


@cache
def broker() -> Redis:
    """Connect to the broker for a question: answered at once or not at all."""
    return Redis.from_url(settings.REDIS_URL, socket_connect_timeout=1, socket_timeout=1, retry=Retry(NoBackoff(), 0))


def record_beat() -> None:
    """Leave a sign of life of the scheduler; it fades by itself, so no two clocks are compared."""
    try:
        broker().set(BEAT_KEY, 1, ex=BEAT_SECONDS)
    except RedisError as error:
        logger.warning("beat_not_recorded", error=str(error))


def record_tick(*, at: datetime) -> None:
    """Note in the broker when the five-minute tick last came to its end: a worker works."""
    try:
        broker().set(TICK_KEY, int(at.timestamp()))
    except RedisError as error:
        logger.warning("tick_not_recorded", error=str(error))


def last_tick() -> datetime | None:
    """Tell when the tick last came to its end; None while nobody knows."""
    try:
        seconds: Any = broker().get(TICK_KEY)
    except RedisError:
        return None
    return datetime.fromtimestamp(int(seconds), UTC) if seconds else None


def queue_length() -> int | None:
    """Count the messages that wait for a worker; None while the broker doesn't answer."""
    try:
        return int(broker().llen(QUEUE))
    except RedisError:
        return None


@require_safe
@never_cache
def healthz(_request: HttpRequest) -> HttpResponse:
    """Answer as long as the process serves requests."""
    return JsonResponse({"status": "up"})


@require_safe
@never_cache
def readyz(_request: HttpRequest) -> HttpResponse:
    """Answer 200 when database, broker and scheduler are in order, and 503 naming what isn't."""
    checks = {name: check() for name, check in CHECKS.items()}
    ready = all(word == "ok" for word in checks.values())
    if _last_seen.get("checks") != checks:
        _last_seen["checks"] = checks
        logger.log(logging.INFO if ready else logging.WARNING, "ready" if ready else "not_ready", **checks)
    return JsonResponse({"status": "ready" if ready else "not ready", "checks": checks}, status=200 if ready else 503)


def _database() -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return "no connection"
    return "ok"


def _broker() -> str:
    try:
        broker().ping()
    except RedisError:
        return "no connection"
    return "ok"


def _beat() -> str:
    try:
        return "ok" if broker().exists(BEAT_KEY) else f"no heartbeat for {BEAT_SECONDS} seconds"
    except RedisError:
        return "unknown without the broker"


_last_seen: dict[str, dict[str, str]] = {}
CHECKS: dict[str, Callable[[], str]] = {"database": _database, "broker": _broker, "beat": _beat}

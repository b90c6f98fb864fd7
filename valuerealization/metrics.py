"""`/metrics` for Prometheus: what was counted, and how the product's own work stands at this moment."""

import hmac
import os
from collections.abc import Iterator
from ipaddress import ip_address
from typing import Final

import structlog
from django.apps import apps
from django.conf import settings
from django.db import DatabaseError
from django.db.models import Count
from django.http import HttpRequest, HttpResponse, HttpResponseNotFound
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, Metric, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from objectives.queries.operations import waiting
from valuerealization.common import health

logger = structlog.get_logger(__name__)

# What a proxy adds: then the address beside us is the proxy's, not that of whoever asks.
_FORWARDED: Final = ("X-Forwarded-For", "X-Forwarded-Proto", "X-Real-Ip", "Forwarded", "Via")


@require_safe
@never_cache
def show(request: HttpRequest) -> HttpResponse:
    """Answer this machine, or whoever knows the token when there is one; to anybody else the page does not exist."""
    if not _may_read(request):
        return HttpResponseNotFound("Not found.\n", content_type="text/plain")
    return HttpResponse(generate_latest(_registry()) + generate_latest(_Now()), content_type=CONTENT_TYPE_LATEST)


class _Now(CollectorRegistry):
    """Figures that are asked for when somebody looks, by one process for all."""

    def __init__(self) -> None:
        super().__init__(auto_describe=False)
        self.register(Work())


class Work(Collector):
    """The work that waits: read from the database and the broker at every scrape, by a few cheap statements."""

    def describe(self) -> Iterator[Metric]:
        """Name nothing beforehand: being registered asks no question."""
        yield from ()

    def collect(self) -> Iterator[Metric]:
        """Ask, and leave out what can't be known at this moment."""
        at = timezone.now()
        try:
            found = waiting(at=at)
            yield _gauge("vr_snapshots_due", "Accounts whose week has ended without a snapshot.", found.due)
            yield _gauge("vr_snapshots_late_seconds", "How long the longest has waited.", found.late_seconds(at))
            yield _gauge("vr_accounts_failed", "Accounts whose last snapshot attempt failed.", found.failed)
            yield _gauge("vr_standings_to_recheck", "Statuses that the clock has moved.", found.recheck)
            yield _batches()
            is_up = True
        except DatabaseError as error:
            logger.warning("metrics_without_database", error=str(error))
            is_up = False
        yield _gauge("vr_database_up", "1 while the database answers.", int(is_up))
        queue = health.queue_length()
        yield _gauge("vr_broker_up", "1 while the broker answers.", int(queue is not None))
        if queue is not None:
            yield _gauge("vr_queue_messages", "Messages that wait for a worker.", queue)
            yield _gauge("vr_beat_up", "1 while the scheduler is alive.", int(health.CHECKS["beat"]() == "ok"))
        if (tick := health.last_tick()) is not None:
            yield _gauge("vr_tick_age_seconds", "How long ago a tick last ended.", (at - tick).total_seconds())


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, text, value=value)


def _batches() -> Metric:
    family = GaugeMetricFamily("vr_import_batches", "Imports by state.", labels=["state"])
    batches = apps.get_model("objectives", "ImportBatch").objects.values_list("state").annotate(Count("pk"))
    for state, number in batches.order_by("state"):
        family.add_metric([state], number)
    return family


def _registry() -> CollectorRegistry:
    """Give what this process counted, or what all of them did."""
    if not os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        return REGISTRY
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return registry


def _may_read(request: HttpRequest) -> bool:
    if settings.METRICS_TOKEN:
        given = request.headers.get("Authorization", "")
        return hmac.compare_digest(given.encode(), f"Bearer {settings.METRICS_TOKEN}".encode())
    if any(name in request.headers for name in _FORWARDED):
        return False
    try:
        return ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        return False

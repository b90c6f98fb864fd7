"""Figures about ourselves, counted in memory while requests and tasks run; `/metrics` shows them.

Counting costs no statement. In a server of several processes `PROMETHEUS_MULTIPROC_DIR` names the directory that they
count into together.
"""

import time
from collections.abc import Callable
from typing import Any, Final

from django.db.backends.base.base import BaseDatabaseWrapper
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from prometheus_client import Counter, Histogram

_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

REQUESTS: Final = Histogram(
    "vr_request_seconds",
    "Requests, from the first middleware to the first byte of the answer.",
    ["view", "method", "status"],
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
STATEMENTS: Final = Histogram(
    "vr_database_statement_seconds",
    "Statements to the database, but for streamed files.",
    ["alias"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5, 30),
)
STATEMENT_ERRORS: Final = Counter("vr_database_errors", "Statements that ended in an error.", ["alias", "error"])
CONNECTIONS: Final = Counter("vr_database_connections", "Connections opened to the database.", ["alias"])
CACHE: Final = Counter("vr_cache", "Questions to the cache: hit, miss, or away.", ["result"])


class MeasureRequests:
    """Middleware in front of the others: how long each view takes, and how it answers."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        """Wrap the rest of the stack."""
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer, and count."""
        start = time.perf_counter()
        response = self.get_response(request)
        match = getattr(request, "resolver_match", None)  # what was asked for is never a label: it may be anything
        REQUESTS.labels(
            view=match.view_name if match else "none",
            method=request.method if request.method in _METHODS else "other",
            status=f"{response.status_code // 100}xx",
        ).observe(time.perf_counter() - start)
        return response


def measure_statements(connection: BaseDatabaseWrapper, **_signal: object) -> None:
    """Count the statements of a new connection; called when it is made."""
    CONNECTIONS.labels(connection.alias).inc()
    if _measured not in connection.execute_wrappers:
        # Outermost: a connection may be opened inside somebody else's wrapper, who takes the last one off again.
        connection.execute_wrappers.insert(0, _measured)


def _measured(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
    alias = context["connection"].alias
    start = time.perf_counter()
    try:
        return execute(sql, params, many, context)
    except Exception as error:
        STATEMENT_ERRORS.labels(alias, type(error).__name__).inc()
        raise
    finally:
        STATEMENTS.labels(alias).observe(time.perf_counter() - start)

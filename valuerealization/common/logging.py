"""Log lines: the request's id in each (taken from whoever calls us, and given back), and none for probes."""

import logging
import re
import uuid
from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase

HEADER = "X-Request-ID"
WELL_FORMED = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/+=-]{0,63}\Z")


class RequestId:
    """Middleware in front of all others: one id for each request, the caller's if it is well formed."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        """Wrap the rest of the stack."""
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer with the id in the header."""
        given = request.headers.get(HEADER, "")
        request_id = given if WELL_FORMED.match(given) else str(uuid.uuid4())
        request.META["HTTP_X_REQUEST_ID"] = request_id
        # `headers` was computed from META for the line above; readers further in get the checked value.
        request.__dict__.pop("headers", None)
        response = self.get_response(request)
        response.headers[HEADER] = request_id
        return response


class QuietProbes(logging.Filter):
    """Leave out requests for health checks; those log a change of health themselves."""

    PATHS = frozenset({"/healthz", "/readyz", "/metrics"})

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether the line is worth keeping."""
        request = getattr(record, "request", None)
        if isinstance(request, HttpRequest):
            return request.path not in self.PATHS
        asked = record.msg.get("request", "") if isinstance(record.msg, dict) else ""
        return asked.rpartition(" ")[2] not in self.PATHS

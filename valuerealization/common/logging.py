"""Log lines: the request's id in each (taken from whoever calls us, and given back), no secret in any, none for probes.

Some addresses are keys: whoever reads one in a log could open what it opens. They are taken out of the finished line,
whoever wrote it and wherever in it they stand: request, referrer, message, traceback.
"""

import logging
import re
import uuid
from collections.abc import Callable
from typing import Final

import structlog
from django.http import HttpRequest, HttpResponseBase

HEADER = "X-Request-ID"
WELL_FORMED = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/+=-]{0,63}\Z")

# Secrets that stand in addresses, behind what says so: calendar feeds, links that end mails, keys of password links.
_SLASH: Final = r"(?:/|%2[Ff])"
_SECRETS: Final = re.compile(
    rf"((?:\b|%2[Ff])(?:calendar|notifications{_SLASH}off){_SLASH})(?!(?:new|end){_SLASH})[^/\s\"'?#&<>]+"
    rf"|((?:\b|%2[Ff])password{_SLASH})[0-9A-Za-z]+-[^/\s\"'?#&<>]+"
)
REDACTED: Final = "[secret]"


def redact(text: str) -> str:
    """Take the secrets out of the addresses in a text."""
    return _SECRETS.sub(lambda found: f"{found[1] or found[2]}{REDACTED}", text)


class Lines(structlog.stdlib.ProcessorFormatter):
    """Finished lines without secrets."""

    def format(self, record: logging.LogRecord) -> str:
        """Write one line, with its traceback if there is one."""
        return redact(super().format(record))


class RedactSecrets(logging.Filter):
    """The same for a logger with handlers of its own, such as the web server's access log."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Replace the message where it held a secret; keep every line."""
        said = record.getMessage()
        if (clean := redact(said)) != said:
            record.msg, record.args = clean, None
        return True


def guard_web_server() -> None:
    """Let the web server's own lines, if it writes any, hold no secrets either."""
    for name in ("gunicorn.access", "gunicorn.error"):
        logging.getLogger(name).addFilter(RedactSecrets())


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

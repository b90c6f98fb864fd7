"""Request ids and log lines."""

import logging
import uuid

import pytest
import structlog
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory

from valuerealization.common.logging import QuietProbes, RequestId


def ids(rf: RequestFactory, **headers: str) -> tuple[str, str]:
    """Give the id that the rest of the stack sees, and the one that goes back."""
    seen: list[str] = []

    def rest(inner: HttpRequest) -> HttpResponse:
        seen.append(inner.headers["X-Request-ID"])
        return HttpResponse()

    response = RequestId(rest)(rf.get("/", **headers))
    return seen[0], response.headers["X-Request-ID"]


@pytest.mark.parametrize("given", ["abc-1", "a" * 64, "0af7651916cd43dd8448eb211c80319c", "node.3:7/x_y+z="])
def test_the_callers_id_is_kept(rf: RequestFactory, given: str) -> None:
    assert ids(rf, HTTP_X_REQUEST_ID=given) == (given, given)


@pytest.mark.parametrize("given", ["", "a" * 65, "with space", "line\nbreak", "-starts", 'quo"te', "\x1b[31m", "ünï"])
def test_anything_else_is_replaced(rf: RequestFactory, given: str) -> None:
    inner, outer = ids(rf, HTTP_X_REQUEST_ID=given)
    assert inner == outer
    assert str(uuid.UUID(outer)) == outer


def test_without_one_each_request_gets_its_own(rf: RequestFactory) -> None:
    assert len({ids(rf) for _ in range(3)}) == 3


def test_the_id_is_in_every_log_line_of_the_request(client: Client) -> None:
    with structlog.testing.capture_logs(processors=[structlog.contextvars.merge_contextvars]) as lines:
        answer = client.get("/no-such-page", HTTP_X_REQUEST_ID="trace-7")
    assert answer["X-Request-ID"] == "trace-7"
    assert {line["request_id"] for line in lines} == {"trace-7"}
    assert structlog.contextvars.get_contextvars() == {}


def record(message: object, **extra: object) -> logging.LogRecord:
    made = logging.LogRecord("name", logging.INFO, "path", 1, message, None, None)
    made.__dict__.update(extra)
    return made


def test_probes_leave_no_line(rf: RequestFactory) -> None:
    quiet = QuietProbes()
    assert not quiet.filter(record({"event": "request_finished", "request": "GET /readyz"}))
    assert not quiet.filter(record("Service Unavailable: %s", request=rf.get("/readyz")))
    assert quiet.filter(record({"event": "request_finished", "request": "GET /accounts/"}))
    assert quiet.filter(record({"event": "ready"}))
    assert quiet.filter(record("Service Unavailable: %s", request=rf.get("/accounts/")))
    assert quiet.filter(record("plain"))

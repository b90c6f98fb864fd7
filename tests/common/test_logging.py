"""Request ids and log lines."""

import logging
import uuid

import pytest
import structlog
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory

from valuerealization.common.logging import QuietProbes, RedactSecrets, RequestId, redact


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


@pytest.mark.parametrize(
    ("line", "clean"),
    [
        ("GET /calendar/aB-_9.ics 200", "GET /calendar/[secret] 200"),
        ('"GET /calendar/aB-_9.ics?x=1 HTTP/1.1"', '"GET /calendar/[secret]?x=1 HTTP/1.1"'),
        ("GET /calendar%2FaB-_9.ics", "GET /calendar%2F[secret]"),
        ("<WSGIRequest: GET '/calendar/aB.ics'>", "<WSGIRequest: GET '/calendar/[secret]'>"),
        ("POST /notifications/off/7.mention:a-B_c/", "POST /notifications/off/[secret]/"),
        ("/notifications%2foff%2f7.mention:x/", "/notifications%2foff%2f[secret]/"),
        ("/password/1a-cx3-5f0b/ and /calendar/x.ics", "/password/[secret]/ and /calendar/[secret]"),
        ("'path': 'notifications/off/7.mention:x'", "'path': 'notifications/off/[secret]'"),
        ("GET /password/1-set-password/", "GET /password/[secret]/"),
    ],
)
def test_secrets_in_addresses_are_taken_out(line: str, clean: str) -> None:
    assert redact(line) == clean


@pytest.mark.parametrize(
    "line",
    [
        "GET /calendar/", "POST /calendar/new/", "POST /calendar/end/", "GET /password/", "GET /password/sent/",
        "GET /notifications/7/open/", "GET /settings/password/choose/", "GET /accounts/7/",
        "GET /quality/calendar/?page=2", "accounts/documents/calendar.py", "/static/js/calendar.js",
    ],
)  # fmt: skip
def test_other_addresses_stay(line: str) -> None:
    assert redact(line) == line


def test_a_logger_of_somebody_elses_is_guarded() -> None:
    held = record("%(h)s %(r)s")
    held.args = {"h": "::1", "r": "GET /calendar/x.ics"}
    assert RedactSecrets().filter(held)
    assert held.getMessage() == "::1 GET /calendar/[secret]"
    plain = record(
        "Booting worker %s",
    )
    plain.args = (7,)
    assert RedactSecrets().filter(plain)
    assert (plain.msg, plain.args) == ("Booting worker %s", (7,))

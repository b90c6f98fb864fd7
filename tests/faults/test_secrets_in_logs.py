"""Secrets that stand in addresses are in no line that a real web server writes, its access log and crashes included."""

import re
import sys
from collections.abc import Generator
from contextlib import closing
from http.client import HTTPConnection
from typing import Any

import psycopg
import pytest
import redis
from allauth.account.forms import default_token_generator
from allauth.account.utils import user_pk_to_url_str

from accounts.models import NotificationKind, User
from accounts.queries.mails import off_token
from accounts.services.feeds import make_feed
from tests.factories import make_user
from tests.processes import Running, free_port, wait_for

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

KEY = "x" * 60


@pytest.fixture(params=["text", "json"])
def site(
    request: pytest.FixtureRequest, broker: redis.Redis, broker_url: str, process_environment: dict[str, str]
) -> Generator[tuple[Running, int]]:
    """Start the web server with its access log on."""
    port = free_port()
    environment = {
        **process_environment, "DJANGO_SETTINGS_MODULE": "tests.settings", "REDIS_URL": broker_url, "SECRET_KEY": KEY,
        "VR_HTTPS": "0", "VR_LOG_LEVEL": "DEBUG", "VR_LOG_JSON": str(int(request.param == "json")),
        "ALLOWED_HOSTS": "127.0.0.1", "PYTHONUNBUFFERED": "1",
    }  # fmt: skip
    options = ["--bind", f"127.0.0.1:{port}", "--access-logfile", "-", "--no-control-socket"]
    running = Running([sys.executable, "-m", "gunicorn", "valuerealization.wsgi", *options], environment=environment)
    running.wait_for_line("Booting worker")
    yield running, port
    running.kill()


def ask(port: int, method: str, path: str, **headers: str) -> int:
    with closing(HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        answer.read()
        return answer.status


def test_no_line_holds_a_secret(
    site: tuple[Running, int], settings: Any, owner_connection: psycopg.Connection[Any]
) -> None:
    running, port = site
    settings.SECRET_KEY = KEY
    jonas: User = make_user(password="before it")
    feed = make_feed(person=jonas)
    off = off_token(person_id=jonas.pk, kind=NotificationKind.MENTION)
    key = default_token_generator.make_token(jonas)
    reset = f"/password/{user_pk_to_url_str(jonas)}-{key}/"
    assert ask(port, "GET", f"/calendar/{feed}.ics") == 200
    assert ask(port, "HEAD", f"/calendar/{feed}.ics?again=1") == 200
    assert ask(port, "GET", f"/calendar/{feed}x.ics") == 404
    assert ask(port, "POST", f"/calendar/{feed}.ics") == 403
    assert ask(port, "GET", f"/calendar%2F{feed}.ics") == 200
    assert ask(port, "GET", f"/notifications/off/{off}/") == 200
    assert ask(port, "POST", f"/notifications/off/{off}/") == 200
    assert ask(port, "GET", f"/notifications/off/{off}") == 301
    assert ask(port, "GET", reset) == 302
    assert ask(port, "GET", "/sign-in/", Referer=f"http://127.0.0.1:{port}{reset}") == 200
    assert ask(port, "GET", f"/elsewhere/{off}/") == 404  # not where secrets are: says that the search works
    owner_connection.execute("ALTER TABLE accounts_calendarfeed RENAME TO gone")
    assert ask(port, "GET", f"/calendar/{feed}.ics") == 500
    wait_for(lambda: "UndefinedTable" in running.text, "the traceback")

    text = running.text
    assert text.count(off) == text.count(f"elsewhere/{off}") > 0
    assert feed not in text
    assert feed[:20] not in text
    assert key not in text
    lines = re.findall(r"/calendar(?:/|%2F)\[secret\]", text)
    assert len(lines) > 10
    assert "/notifications/off/[secret]/" in text
    assert "/password/[secret]/" in text

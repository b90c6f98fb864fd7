"""A real Chromium against the real product on its own database; every page keeps to the content policy."""

import shutil
from collections.abc import Callable, Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from playwright.sync_api import Browser, Page, sync_playwright

from accounts.models import Account, User
from tests.factories import make_account, make_objective, make_user, record, sql_now, take_weeks
from tests.processes import wait_for

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
PASSWORD = "correct horse battery"
WEEK = timedelta(weeks=1)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Start Chromium for a module's tests.

    Its driver keeps an event loop in this thread; the database is used between its calls, never inside one.
    """
    if CHROMIUM is None:
        pytest.skip("Chromium is missing; install it with: apt-get install chromium")
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser: Browser, live_server: Any) -> Iterator[Callable[..., Page]]:
    """Open a window; nothing that its pages do may break the content policy or fail in a script."""
    complaints: list[str] = []
    contexts = []

    def open_window(*, width: int = 1440, theme: str = "light", scripts: bool = True) -> Page:
        context = browser.new_context(
            base_url=live_server.url,
            viewport={"width": width, "height": 900},
            color_scheme=theme,  # type: ignore[arg-type]
            java_script_enabled=scripts,
            accept_downloads=True,
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.on("console", lambda m: complaints.append(m.text) if m.type in {"error", "warning"} else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        return page

    yield open_window
    for context in contexts:
        context.close()
    # A card may have asked for news just then: let the server finish before its database goes away.
    wait_for(lambda: _busy() == 0, "requests under way to end")
    assert [text for text in complaints if "422" not in text] == []  # a refused form is reported as a failed request


def _busy() -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            " AND state <> 'idle'"
        )
        return int(cursor.fetchone()[0])


class World:
    """A CSM, a leader, and accounts in every status."""

    csm: User
    leader: User
    main: Account


@pytest.fixture
def world(transactional_db: None) -> World:
    """Make fourteen accounts with eight weeks behind them; the first has two goals of the CSM's."""
    world = World()
    world.csm = make_user(role="csm", email="csm@example.com", name="Casey Morgan", password=PASSWORD)
    world.leader = make_user(role="leader", email="leader@example.com", name="Lee Ader", password=PASSWORD)
    now = sql_now()
    born = now - 8 * WEEK
    world.main = make_account(at=born, name="Brightwater Logistics", owner=world.csm, segment="enterprise", arr=184000)
    scores = [None, 8, 12, 30, 35, 45, 55, 60, 70, 80, 95, 110, 120]
    others = [
        make_account(at=born, name=f"Company {number:02}", owner=world.leader, segment="mid_market", arr=1000 * number)
        for number in range(len(scores))
    ]
    goal = make_objective(
        world.main, title="Reduce onboarding time", baseline=14, target=7, unit="days", owner=world.csm, at=born
    )
    make_objective(world.main, title="Automate matching", baseline=0, target=100, unit="percentage", at=born)
    record(goal, 12, at=now - 3 * WEEK)
    record(goal, 11, at=now - timedelta(days=2))
    for account, score in zip(others, scores, strict=True):
        first = make_objective(account, at=born)
        make_objective(account, at=born, weight=Decimal("0.000001"))
        if score is not None:
            record(first, score - 5, at=now - 3 * WEEK)
            record(first, score, at=now - timedelta(hours=30) - WEEK)
    take_weeks(until=now)
    return world


def sign_in(page: Page, address: str) -> None:
    """Sign in as a person does."""
    page.goto("/sign-in/")
    page.get_by_label("Work email").fill(address)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(lambda url: "sign-in" not in url)

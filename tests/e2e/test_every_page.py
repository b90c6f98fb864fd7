"""Every page that links lead to: accessible, inside its content policy, and no wider than a phone.

Pages are found as a person finds them, from the start page on; the table of addresses says which there have to be.
"""

from collections import deque
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.urls import Resolver404, resolve
from django.utils import timezone
from playwright.sync_api import Browser, Page

from accounts.models import Contact, NotificationKind, User
from accounts.queries.mails import off_token
from objectives.demo.load import load
from tests.architecture.matrix import MATRIX
from tests.factories import make_user

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
CONTRAST = ["wcag2aa"]
GRAVE = {"serious", "critical"}
# Where no link of a page leads, or only one that is told apart by its filters.
START = (
    "/search/?q=ship",
    "/quality/?kind=disagreement",
    "/quality/?kind=outlier",
)
# What no link leads to, and why.
NOT_REACHED = {
    **dict.fromkeys(("healthz", "readyz", "organisation_logo"), "no pages"),
    **dict.fromkeys(("account_recent", "value_card", "value_trend"), "parts of a page"),
    **dict.fromkeys(
        ("audit_export", "attachment", "calendar_feed", "import_problems", "meeting_ics", "metrics"), "files"
    ),
    **dict.fromkeys(("next_actions", "mentions", "note_create", "note_history"), "parts of a page"),
    "import_columns": "of files that wait, of which the demo has none",
    **dict.fromkeys(
        (
            "account_inactive", "account_reset_password_done",
            "account_reset_password_from_key", "account_reset_password_from_key_done", "mfa_authenticate",
        ),
        "before sign-in",
    ),
    **dict.fromkeys(
        (
            "account_set_password", "mfa_deactivate_totp", "mfa_download_recovery_codes",
            "mfa_generate_recovery_codes", "mfa_reauthenticate", "mfa_view_recovery_codes",
        ),
        "for people with a second factor, or without a password",
    ),
    "notification_off": "by a link in a mail",
    **dict.fromkeys(("account_logout", "objective_restore", "view_restore", "view_update"), "by a form"),
}  # fmt: skip


@pytest.fixture
def demo(transactional_db: None) -> None:
    """Load the demo portfolio, whose people can sign in."""
    load(at=timezone.now(), can_sign_in=True, say=lambda _text: None)


@pytest.fixture
def examined(browser: Browser, live_server: Any) -> Iterator[Page]:
    """Open a window for the examination, which draws into the page what the content policy would not let it."""
    context = browser.new_context(base_url=live_server.url, bypass_csp=True)
    yield context.new_page()
    context.close()


def enter(page: Page) -> None:
    page.goto("/sign-in/")
    page.get_by_label("Work email").fill("admin@example.com")
    page.get_by_label("Password", exact=True).fill("demo")
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(lambda url: "sign-in" not in url)


def route_of(path: str) -> str:
    """Name the route of an address; empty when it is none of ours, or no page."""
    try:
        name = resolve(urlsplit(path).path).url_name or ""
    except Resolver404:
        return ""
    return name if "GET" in MATRIX.get(name, {}) else ""


def by_form() -> list[str]:
    """List pages that forms lead to, and no link."""
    user, contact = User.objects.earliest("pk"), Contact.objects.earliest("pk")
    return [f"/people/{user.pk}/erase/", f"/contacts/{contact.pk}/erase/"]


def links(page: Page) -> Iterator[str]:
    """List the addresses that a page leads to, without what they were filtered by."""
    here = urlsplit(page.url).netloc
    for href in page.eval_on_selector_all("a[href]:not([download])", "all => all.map(each => each.href)"):
        parts = urlsplit(href)
        if parts.netloc == here and "export" not in parts.query:
            yield parts.path


def findings(page: Page, rules: list[str]) -> list[str]:
    """Name what is gravely wrong with a page for people who don't see it as others do."""
    results = Axe().run(page, options={"resultTypes": ["violations"], "runOnly": rules, "preload": False})
    return [
        f"{each['id']}: {node['target']} {node['failureSummary'].splitlines()[-1].strip()}"
        for each in results.response["violations"]
        if each["impact"] in GRAVE
        for node in each["nodes"]
    ]


def look(page: Page, name: str) -> dict[str, list[str]]:
    """Look at a page on a desk and on a phone, in both themes; of those, only the colours differ."""
    wrong = {}
    for width, theme, rules in ((1440, "light", RULES), (1440, "dark", CONTRAST), (390, "dark", RULES)):
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=theme, reduced_motion="reduce")  # type: ignore[arg-type]
        found = findings(page, rules)
        if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            found.append("wider than the window")
        if found:
            wrong[f"{name} {width} {theme}"] = found
    return wrong


def test_every_page_is_accessible_in_both_themes_at_both_widths(
    demo: None, open_page: Callable[..., Page], examined: Page
) -> None:
    page = open_page()
    enter(page)
    enter(examined)
    paths = {"home": "/"} | {route_of(address): address for address in by_form()}
    waiting, wrong = deque([*paths.values(), *START]), {}
    while waiting:
        address = waiting.popleft()
        answer = page.goto(address)
        assert answer is not None
        assert answer.status == 200, answer.url
        for path in links(page):
            name = route_of(path)
            if name and name not in paths:
                paths[name] = path
                waiting.append(path)
        examined.goto(address)
        wrong |= look(examined, address)
    expected = {name for name, row in MATRIX.items() if "GET" in row and not name.startswith("api")}
    assert wrong == {}
    assert sorted(expected - set(paths) - set(NOT_REACHED)) == []
    assert sorted(set(NOT_REACHED) & set(paths)) == []


def test_pages_before_sign_in_are_accessible(examined: Page, transactional_db: None) -> None:
    wrong = {}
    off = f"/notifications/off/{off_token(person_id=make_user().pk, kind=NotificationKind.DUE)}/"
    for address in ("/sign-in/", "/password/", "/password/sent/", "/password/changed/", "/sign-in/inactive/", off):
        answer = examined.goto(address)
        assert answer is not None
        assert answer.status == 200, answer.url
        wrong |= look(examined, address)
    assert wrong == {}

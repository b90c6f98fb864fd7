"""What `app.js` adds, in a real browser: answers are canned, no server and no database are involved."""

import mimetypes
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.contrib.staticfiles import finders
from django.template import Context, engines
from django.test import RequestFactory
from playwright.sync_api import Browser, Page, Route, expect, sync_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
ORIGIN = "http://vr.test"
POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; object-src 'none'; "
    "base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
)
DRAWER = '{% include "ui/drawer.html" with title="How 67% is calculated" body="ui/kv.html" %}'
RESULTS = '<ul><li><a href="/a">Brightwater</a></li><li><a href="/b">Bright &amp; Co</a></li></ul>'

pytestmark = [
    pytest.mark.urls("tests.ui.urls"),
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is missing; install it with: apt-get install chromium"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


def shell_page(content: str) -> str:
    request = RequestFactory().get("/portfolio/")
    request.user = SimpleNamespace(name="Amara Okafor", email="amara@example.com", theme="", is_staff=False, role="csm")
    shell = SimpleNamespace(accounts_count=52, has_demo_data=False)
    source = '{% extends "base.html" %}{% load vr %}{% block content %}<h1>Page</h1>' + content + "{% endblock %}"
    template = engines["django"].from_string(source)
    return str(template.template.render(Context({"request": request, "csrf_token": "token", "shell": shell})))


class Site:
    """A browser page, every request of which is answered here: `answers` maps a path to (status, body), or None."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.answers: dict[str, tuple[int, str] | None] = {"/search/": (200, RESULTS)}
        self.requests: list[tuple[str, str]] = []
        self.violations: list[str] = []
        page.on("console", lambda message: "Content Security" in message.text and self.violations.append(message.text))
        page.on("pageerror", lambda error: self.violations.append(str(error)))
        page.route("**/*", self._answer)

    def _answer(self, route: Route) -> None:
        path = urlsplit(route.request.url).path
        if path.startswith("/static/"):
            found = finders.find(path.removeprefix("/static/"))
            kind = mimetypes.guess_type(path)[0] or "application/octet-stream"
            route.fulfill(body=Path(str(found)).read_bytes(), content_type=kind)
            return
        self.requests.append((route.request.method, path))
        answer = self.answers.get(path)
        if path not in self.answers:
            route.fulfill(status=404, body="")
        elif answer is None:
            route.abort()
        else:
            route.fulfill(
                status=answer[0], body=answer[1], content_type="text/html", headers={"Content-Security-Policy": POLICY}
            )

    def open(self, content: str = "") -> Page:
        self.answers["/"] = (200, shell_page(content))
        self.page.goto(f"{ORIGIN}/")
        self.page.wait_for_function("window.htmx")
        return self.page

    def count(self, path: str) -> int:
        return len([asked for _, asked in self.requests if asked == path])


@pytest.fixture
def make_site(browser: Browser) -> Iterator[Callable[..., Site]]:
    contexts, sites = [], []

    def make(**options: Any) -> Site:
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 800}, **options})
        contexts.append(context)
        sites.append(Site(context.new_page()))
        return sites[-1]

    yield make
    for context in contexts:
        context.close()
    assert [text for site in sites for text in site.violations] == []


@pytest.fixture
def site(make_site: Callable[..., Site]) -> Site:
    return make_site()


def focus(page: Page) -> str:
    return str(page.evaluate("document.activeElement.id || document.activeElement.textContent.trim()"))


# ---- search --------------------------------------------------------------------------------------------------------


def test_slash_opens_the_search_and_escape_closes_it(site: Site) -> None:
    page = site.open('<button id="here">here</button>')
    page.focus("#here")
    page.keyboard.press("/")
    page.keyboard.type("bri")

    expect(page.locator("#search-results a")).to_have_count(2)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    assert focus(page) == "Bright & Co"
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    assert focus(page) == "jump"

    page.keyboard.press("Escape")
    expect(page.locator("#search-dialog")).not_to_be_visible()
    assert focus(page) == "here"


def test_slash_is_a_letter_while_typing(site: Site) -> None:
    page = site.open('<input id="note">')
    page.focus("#note")
    page.keyboard.type("24/7")

    assert page.input_value("#note") == "24/7"
    expect(page.locator("#search-dialog")).not_to_be_visible()


# ---- drawer --------------------------------------------------------------------------------------------------------


EXPLAIN = '{% include "ui/explain_button.html" with href="/explain/" only %}'


def test_drawer_takes_focus_and_gives_it_back(site: Site) -> None:
    page = site.open(EXPLAIN)
    site.answers["/explain/"] = (200, engines["django"].from_string(DRAWER).render())
    page.click(".vr-explain")

    expect(page.locator("#drawer")).to_be_visible()
    assert focus(page) == "drawer-title"
    page.keyboard.press("Escape")
    expect(page.locator("#drawer")).not_to_be_visible()
    assert page.evaluate("document.activeElement.className") == "vr-explain"
    assert page.locator("#drawer > *").count() == 0

    page.click(".vr-explain")
    page.click("#drawer [data-close]")
    expect(page.locator("#drawer")).not_to_be_visible()
    page.click(".vr-explain")
    expect(page.locator("#drawer")).to_be_visible()
    page.mouse.click(300, 400)
    expect(page.locator("#drawer")).not_to_be_visible()


def test_drawer_tells_when_it_could_not_be_loaded(site: Site) -> None:
    page = site.open(EXPLAIN)
    site.answers["/explain/"] = None
    page.click(".vr-explain")

    expect(page.locator("#drawer [data-retry-banner]")).to_contain_text("The server cannot be reached.")
    site.answers["/explain/"] = (200, engines["django"].from_string(DRAWER).render())
    page.click("#drawer [data-retry]")
    expect(page.locator("#drawer-title")).to_have_text("How 67% is calculated")
    expect(page.locator("[data-retry-banner]")).to_have_count(0)


# ---- polling -------------------------------------------------------------------------------------------------------

POLL = """
<section id="card" data-poll hx-get="/card/" hx-trigger="every 100ms" hx-target="#number">
  <form><input id="value" name="value"></form><b id="number">67%</b>
</section>
"""


def test_a_part_never_refreshes_under_somebodys_hands(site: Site) -> None:
    site.answers["/card/"] = (200, "71%")
    page = site.open(POLL)
    expect(page.locator("#number")).to_have_text("71%")

    page.focus("#value")
    page.wait_for_timeout(50)
    before = site.count("/card/")
    page.wait_for_timeout(400)
    assert site.count("/card/") == before  # the caret is in it

    page.fill("#value", "9")
    page.evaluate("document.activeElement.blur()")
    page.wait_for_timeout(400)
    assert site.count("/card/") == before  # what was typed is not saved

    page.evaluate("delete document.querySelector('#card form').dataset.dirty")
    page.keyboard.press("/")
    page.wait_for_timeout(400)
    assert site.count("/card/") == before  # a dialog is open

    page.keyboard.press("Escape")
    page.wait_for_timeout(400)
    assert site.count("/card/") > before


def test_an_unchanged_part_is_left_alone(site: Site) -> None:
    site.answers["/card/"] = (204, "")
    page = site.open(POLL)
    page.wait_for_timeout(400)

    assert site.count("/card/") > 1
    expect(page.locator("#number")).to_have_text("67%")


# ---- forms ---------------------------------------------------------------------------------------------------------

FORM = """
<form id="form" method="post" action="/save/" hx-post="/save/" hx-target="#answer">
  <input id="value" name="value" value="9"><button id="save" class="btn" type="submit" data-busy="Saving…">Save</button>
</form><div id="answer" class="card"><p>before</p></div>
"""


def test_submitting_says_what_happens_and_cannot_be_done_twice(site: Site) -> None:
    page = site.open(FORM)
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/save/", hold)
    page.click("#save")

    expect(page.locator("#save")).to_have_text("Saving…")
    expect(page.locator("#save")).to_be_disabled()
    held[0].fulfill(status=200, body="saved", content_type="text/html")
    expect(page.locator("#save")).to_have_text("Save")
    expect(page.locator("#save")).to_be_enabled()
    expect(page.locator("#answer")).to_have_text("saved")
    assert len(held) == 1


def test_a_refused_form_is_shown_and_its_summary_takes_focus(site: Site) -> None:
    site.answers["/save/"] = (422, '<div id="summary" tabindex="-1" data-error-summary>One thing to fix.</div>')
    page = site.open(FORM)
    page.click("#save")

    expect(page.locator("#summary")).to_be_focused()


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ((500, ""), "This could not be saved."),
        (None, "This could not be saved."),
        ((403, ""), "You are signed out or may not do this."),
        ((404, ""), "This is not there any more."),
        ((429, ""), "Too many requests."),
    ],
)
def test_a_failure_keeps_what_is_there(site: Site, answer: tuple[int, str] | None, text: str) -> None:
    site.answers["/save/"] = answer
    page = site.open(FORM)
    page.click("#save")

    expect(page.locator("#answer [data-retry-banner]")).to_contain_text(text)
    expect(page.locator("#answer")).to_contain_text("before")
    expect(page.locator("#save")).to_be_enabled()
    page.click("#save")
    expect(page.locator("[data-retry-banner]")).to_have_count(1)


def test_trying_again_sends_the_same_again(site: Site) -> None:
    site.answers["/save/"] = (503, "")
    page = site.open(FORM)
    page.click("#save")
    page.fill("#value", "8")
    with page.expect_request("**/save/") as sent:
        page.click("[data-retry]")

    assert (sent.value.method, sent.value.post_data) == ("POST", "value=9")


def test_errors_on_a_page_that_was_loaded_take_focus(site: Site) -> None:
    page = site.open('<div id="summary" tabindex="-1" data-error-summary>Two things to fix.</div>')

    expect(page.locator("#summary")).to_be_focused()


def test_a_status_button_filters_with_the_state_of_the_url(site: Site) -> None:
    page = site.open(
        '<form id="kpi" method="get" hx-get="/list/" hx-target="#rows" hx-push-url="true">'
        '<input type="hidden" name="owner" value="3"></form>'
        '{% include "ui/kpi_card.html" with status="at_risk" value=6 form="kpi" only %}<div id="rows"></div>'
    )
    site.answers["/list/"] = (200, '<p data-announce="6 accounts">rows</p>')
    page.click("#kpi-at-risk")

    expect(page.locator("#rows")).to_have_text("rows")
    assert page.url == f"{ORIGIN}/list/?owner=3&status=at_risk"
    expect(page.locator("#live")).to_have_text("6 accounts")


def test_show_more_moves_focus_to_the_first_new_row(site: Site) -> None:
    page = site.open(
        '<a id="more" href="/more/" hx-get="/more/" hx-target="#list" data-focus-after="#new">More</a>'
        '<div id="list"></div>'
    )
    site.answers["/more/"] = (200, '<a id="new" href="/x/">Sixth</a>')
    page.click("#more")

    expect(page.locator("#new")).to_be_focused()


# ---- folds, toasts, menus ------------------------------------------------------------------------------------------


def test_a_folded_card_stays_folded(site: Site) -> None:
    fold = '<details id="fold" data-fold="value" open><summary>Value</summary>67%</details>'
    page = site.open(
        f'{fold}<a id="again" href="/again/" hx-get="/again/" hx-target="#fold" hx-swap="outerHTML">Again</a>'
    )
    site.answers["/again/"] = (200, fold)
    page.click("#fold summary")
    page.click("#again")  # drawn by a server that has not heard of it yet
    page.wait_for_timeout(200)

    assert page.evaluate("document.getElementById('fold').open") is False


TOAST = '{% include "ui/toast.html" with level="success" title="Saved" only %}'


def toast() -> str:
    return engines["django"].from_string(TOAST).render()


def test_toasts_leave_by_themselves_but_not_from_under_the_pointer(site: Site) -> None:
    page = site.page
    page.clock.install()
    site.open('<a id="go" href="/go/" hx-get="/go/">Go</a>')
    site.answers["/go/"] = (200, f'gone<div hx-swap-oob="beforeend:#toasts">{toast()}</div>')
    page.click("#go")
    expect(page.locator("[data-toast]")).to_be_visible()
    page.clock.run_for(7000)
    expect(page.locator("[data-toast]")).to_be_visible()
    page.hover("[data-toast]")
    page.clock.run_for(9000)
    expect(page.locator("[data-toast]")).to_be_visible()
    page.mouse.move(5, 5)
    page.clock.run_for(2000)
    expect(page.locator("[data-toast]")).to_have_count(0)


def test_one_toast_at_a_time_and_a_button_to_dismiss_it(site: Site) -> None:
    page = site.open('<a id="go" href="/go/" hx-get="/go/" hx-target="#t">Go</a><p id="t"></p>')
    site.answers["/go/"] = (200, f'gone<div hx-swap-oob="beforeend:#toasts">{toast()}</div>')
    page.click("#go")
    expect(page.locator("[data-toast]")).to_have_count(1)
    page.click("#go")
    page.wait_for_timeout(200)
    expect(page.locator("[data-toast]")).to_have_count(1)
    page.click("[data-dismiss]")
    expect(page.locator("[data-toast]")).to_have_count(0)
    assert focus(page).startswith("main")


def test_account_menu_is_a_popover(site: Site) -> None:
    page = site.open()
    page.click("[popovertarget=user-menu]")

    expect(page.locator("#user-menu")).to_contain_text("amara@example.com")
    page.keyboard.press("Escape")
    expect(page.locator("#user-menu")).not_to_be_visible()


@pytest.mark.parametrize("scripts", [True, False])
def test_navigation_on_a_phone(make_site: Callable[..., Site], scripts: bool) -> None:
    site = make_site(viewport={"width": 390, "height": 844}, java_script_enabled=scripts)
    site.answers["/"] = (200, shell_page(""))
    page = site.page
    page.goto(f"{ORIGIN}/")
    expect(page.locator(".vr-side")).not_to_be_visible()
    page.click(".vr-menu")

    expect(page.locator("#nav-drawer")).to_contain_text("Value realization")
    if scripts:
        assert page.evaluate("document.getElementById('nav-drawer').matches(':modal')") is True
        assert page.evaluate("document.documentElement.scrollWidth") == 390


def test_search_without_scripts_is_a_form(make_site: Callable[..., Site]) -> None:
    site = make_site(java_script_enabled=False)
    site.answers |= {"/": (200, shell_page("")), "/search/": (200, "found")}
    page = site.page
    page.goto(f"{ORIGIN}/")
    page.click(".vr-jump")
    page.fill("#jump", "bri")
    page.keyboard.press("Enter")

    expect(page).to_have_url(f"{ORIGIN}/search/?q=bri")

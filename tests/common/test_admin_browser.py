"""The admin in a real browser: its own content security policy holds, and nothing comes from anywhere else."""

import re
import shutil
from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings
from django.contrib import admin
from django.test import Client
from django.urls import reverse
from playwright.sync_api import Page, expect, sync_playwright

from tests.architecture.world import World, make_world

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is missing; install it with: apt-get install chromium"),
]


@pytest.fixture
def world() -> World:
    return make_world()


@pytest.fixture
def visit(world: World, live_server: object) -> Iterator[Page]:
    """Open a page as an administrator; at its end nothing may have been blocked, missing or broken."""
    client = Client()
    client.force_login(world.admin, backend="django.contrib.auth.backends.ModelBackend")
    session = client.cookies[settings.SESSION_COOKIE_NAME].value
    origin, faults = str(live_server), []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        context = browser.new_context(base_url=origin)
        context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": session, "url": origin}])
        page = context.new_page()
        page.on("console", lambda message: message.type in {"error", "warning"} and faults.append(message.text))
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("request", lambda sent: sent.url.startswith((origin, "data:")) or faults.append(f"outside: {sent.url}"))
        page.on("response", lambda answer: answer.status >= 400 and faults.append(f"{answer.status} {answer.url}"))
        yield page
        browser.close()
    assert faults == []


def test_every_page_keeps_to_the_policy(visit: Page) -> None:
    for model, site in admin.site._registry.items():
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        answer = visit.goto(reverse(f"{name}_changelist"))
        assert answer is not None
        policy = answer.headers["content-security-policy"]
        assert "script-src 'self' 'unsafe-eval'" in policy
        if (row := visit.locator("#result_list tbody a").first).count():
            row.click()
            expect(visit.locator("h1")).to_be_visible()
        if site.__class__.has_add_permission is admin.ModelAdmin.has_add_permission:
            visit.goto(reverse(f"{name}_add"))
            expect(visit.locator("h1")).to_be_visible()


def test_an_account_is_changed_with_the_admins_own_widgets(visit: Page, world: World) -> None:
    visit.goto(reverse("admin:accounts_account_change", args=[world.account.pk]))
    visit.locator(".field-owner .select2-selection").click()
    visit.locator(".select2-search__field").fill("Oth")
    visit.get_by_role("option", name="Oth Er").click()
    visit.locator(".field-went_live_on .date-icon").click()
    visit.locator(".calendarbox:visible a", has_text="15").first.click()
    expect(visit.locator("#id_went_live_on")).not_to_have_value("")
    visit.get_by_label("Reason").fill("Handed over")
    visit.get_by_role("button", name="Save", exact=True).click()
    expect(visit.get_by_text("was changed successfully")).to_be_visible()
    visit.goto(reverse("admin:accounts_account_change", args=[world.account.pk]))
    with visit.expect_popup() as opened:
        visit.get_by_role("link", name="View on site").click()
    expect(opened.value).to_have_url(re.compile(r"/accounts/\d+/$"))


def test_a_bulk_action_asks_first(visit: Page, world: World) -> None:
    visit.goto(reverse("admin:accounts_account_changelist"))
    visit.locator("#result_list tbody tr", has_text="Contoso").locator("input.action-select").check()
    visit.locator("select[name=action]").select_option("archive")
    visit.get_by_role("button", name="Run").click()
    expect(visit.get_by_role("heading", name="Archive these accounts?")).to_be_visible()
    expect(visit.locator("form.vr-panel li")).to_have_text(["Contoso"])
    visit.get_by_label("Reason").fill("Left us")
    visit.get_by_role("button", name="Archive", exact=True).click()
    row = visit.locator("#result_list tbody tr", has_text="Contoso")
    expect(row.locator(".field-archived_at")).not_to_have_text("-")


def test_a_new_key_is_shown_once(visit: Page) -> None:
    visit.goto(reverse("admin:accounts_apikey_add"))
    visit.get_by_label("Name").fill("CRM sync")
    visit.get_by_label("Scope").select_option("write")
    visit.get_by_role("button", name="Save", exact=True).click()
    secret = visit.get_by_label("Key").input_value()
    assert secret.startswith("vr_")
    visit.get_by_role("link", name="All API keys").click()
    expect(visit.locator("#result_list")).to_contain_text("CRM sync")
    assert secret not in visit.content()


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (1440, "dark"), (390, "light"), (390, "dark")])
def test_pages_can_be_read_by_everybody_at_every_width(visit: Page, width: int, scheme: str) -> None:
    visit.set_viewport_size({"width": width, "height": 900})
    visit.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    grave = {}
    for name in ("index", "accounts_account_changelist", "objectives_objective_changelist"):
        visit.goto(reverse(f"admin:{name}"))
        expect(visit.get_by_role("main")).to_be_visible()
        found = Axe().run(visit).response["violations"]
        grave[name] = [
            (each["id"], each["nodes"][0]["html"]) for each in found if each["impact"] in {"serious", "critical"}
        ]
        assert visit.evaluate("document.documentElement.scrollWidth") <= width, name
    assert {name: findings for name, findings in grave.items() if findings} == {}


def test_navigation_opens_by_keyboard_on_a_phone(visit: Page) -> None:
    visit.set_viewport_size({"width": 390, "height": 900})
    visit.goto(reverse("admin:index"))
    menu = visit.get_by_role("link", name="Schedules")
    expect(menu).to_be_hidden()
    visit.get_by_role("button", name="Show or hide the navigation").press("Enter")
    expect(menu).to_be_visible()


def test_a_list_is_filtered_by_range(visit: Page) -> None:
    visit.goto(reverse("admin:accounts_account_changelist"))
    visit.get_by_role("button", name="Filters", exact=True).press("Enter")
    visit.locator("[name=standing__shown_value_from]").fill("10")
    visit.get_by_role("button", name="Apply Filters").click()
    expect(visit.locator("#result_list tbody tr")).to_have_count(1)
    expect(visit.locator("#result_list")).to_contain_text("Northwind")

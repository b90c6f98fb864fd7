"""Mentioning somebody: names suggested while typing @, chosen by key or mouse, and typed in full without scripts."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page, expect

from accounts.models import Account, Note, Notification, User
from accounts.services.notes import create_note
from tests.e2e.conftest import PASSWORD, sign_in
from tests.factories import make_account, make_user

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

Open = Callable[..., Page]


@pytest.fixture
def team(transactional_db: None) -> dict[str, User]:
    """Make a CSM with an account, and colleagues, two of them with one first name."""
    names = {"berg": "Jonas Berg", "lind": "Jonas Lindqvist", "zoe": "Zoë O’Hara"}
    people = {key: make_user(name=name) for key, name in names.items()}
    people["csm"] = make_user(email="csm@example.com", name="Casey Morgan", password=PASSWORD)
    make_account(name="Brightwater", owner=people["csm"])
    return people


def note_form(page: Page) -> Locator:
    """Open the notes of the account, and give the text field of a new one."""
    sign_in(page, "csm@example.com")
    page.goto(f"/accounts/{Account.objects.get().pk}/notes/")
    return page.get_by_role("textbox", name="New note")


def suggestions(page: Page) -> Locator:
    return page.get_by_role("listbox", name="People to mention")


def names(page: Page) -> list[str]:
    return suggestions(page).get_by_role("option").all_inner_texts()


def chosen(page: Page, area: Locator) -> str:
    """Give the option that a screen reader says while the field keeps the focus."""
    active = area.get_attribute("aria-activedescendant") or ""
    option = page.locator(f"#{active}")
    expect(option).to_have_attribute("aria-selected", "true")
    assert suggestions(page).locator("[aria-selected=true]").count() == 1
    return option.inner_text()


def test_a_name_is_chosen_by_keyboard(open_page: Open, team: dict[str, User]) -> None:
    page = open_page()
    area = note_form(page)
    area.press_sequentially("Please ask @jo")
    expect(suggestions(page)).to_be_visible()
    assert names(page) == ["Jonas Berg", "Jonas Lindqvist"]
    expect(area).to_be_focused()
    expect(area).to_have_attribute("aria-autocomplete", "list")
    expect(area).to_have_attribute("aria-controls", suggestions(page).get_attribute("id") or "")
    expect(page.locator("[data-mentions-said]")).to_have_text("2 people. Up and down to choose, Enter to take one.")
    assert chosen(page, area) == "Jonas Berg"
    area.press("ArrowDown")
    assert chosen(page, area) == "Jonas Lindqvist"
    area.press("ArrowDown")
    assert chosen(page, area) == "Jonas Berg"
    area.press("ArrowUp")
    assert chosen(page, area) == "Jonas Lindqvist"
    area.press("Enter")
    expect(suggestions(page)).to_have_count(0)
    expect(area).to_have_value("Please ask @Jonas Lindqvist ")
    for attribute in ("aria-activedescendant", "aria-controls"):
        assert area.get_attribute(attribute) is None
    area.press_sequentially("about it")
    area.press("Enter")  # a line, now that no list is open
    expect(area).to_have_value("Please ask @Jonas Lindqvist about it\n")
    page.get_by_role("button", name="Save note").click()
    expect(page.locator(".vr-mention").first).to_have_text("@Jonas Lindqvist")
    assert [each.person for each in Notification.objects.all()] == [team["lind"]]


def test_typing_on_narrows_and_what_names_nobody_closes(open_page: Open, team: dict[str, User]) -> None:
    page = open_page()
    area = note_form(page)
    area.press_sequentially("@Jonas L")
    expect(suggestions(page).get_by_role("option")).to_have_text(["Jonas Lindqvist"])
    area.press("Backspace")
    expect(suggestions(page).get_by_role("option")).to_have_count(2)
    area.press_sequentially("xyz")
    expect(suggestions(page)).to_have_count(0)
    area.fill("")
    area.press_sequentially("Mail casey@jo")  # no mention: an address
    page.wait_for_timeout(500)
    expect(suggestions(page)).to_have_count(0)
    area.fill("")
    area.press_sequentially("(@zoë o")
    expect(suggestions(page).get_by_role("option")).to_have_text(["Zoë O’Hara"])
    area.press("Tab")
    expect(area).to_have_value("(@Zoë O’Hara ")
    expect(area).to_be_focused()


def test_escape_closes_the_list_and_then_the_drawer(open_page: Open, team: dict[str, User]) -> None:
    page = open_page()
    create_note(
        account=Account.objects.get(), body="First", by=team["csm"].as_actor(), at=datetime(2026, 1, 1, tzinfo=UTC)
    )
    note_form(page)
    page.get_by_role("link", name="Edit the note of Casey Morgan").click()
    area = page.locator("#drawer textarea")
    expect(area).to_be_focused()
    area.fill("")
    area.press_sequentially("@jo")
    expect(suggestions(page)).to_be_visible()
    area.press("Escape")
    expect(suggestions(page)).to_have_count(0)
    expect(area).to_be_visible()
    expect(area).to_have_value("@jo")
    expect(area).to_be_focused()
    area.press("Escape")
    expect(area).to_be_hidden()


def test_a_name_is_chosen_with_the_mouse_and_leaving_closes(open_page: Open, team: dict[str, User]) -> None:
    page = open_page()
    area = note_form(page)
    area.press_sequentially("@jo")
    suggestions(page).get_by_role("option", name="Jonas Lindqvist").click()
    expect(area).to_have_value("@Jonas Lindqvist ")
    expect(area).to_be_focused()
    area.press_sequentially("and @jo")
    expect(suggestions(page)).to_be_visible()
    page.get_by_role("button", name="Save note").focus()
    expect(suggestions(page)).to_have_count(0)


@pytest.mark.parametrize(("width", "theme"), [(1440, "light"), (390, "dark")])
def test_the_open_list_is_accessible_and_inside_the_page(
    browser: Browser, live_server: Any, team: dict[str, User], width: int, theme: Any
) -> None:
    context = browser.new_context(  # the examination draws into the page what the content policy would not let it
        base_url=live_server.url, bypass_csp=True, color_scheme=theme, viewport={"width": width, "height": 900}
    )
    page = context.new_page()
    area = note_form(page)
    area.press_sequentially("@jo")
    expect(suggestions(page)).to_be_visible()
    box = suggestions(page).bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= width
    assert not page.evaluate("document.documentElement.scrollWidth > innerWidth")
    found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    context.close()
    assert [each["id"] for each in found if each["impact"] in {"serious", "critical"}] == []


def test_without_scripts_the_name_is_typed_in_full(open_page: Open, team: dict[str, User]) -> None:
    page = open_page(scripts=False)
    note_form(page).fill("Please ask @Jonas")
    page.get_by_role("button", name="Save note").click()
    expect(page.get_by_text("Several people are called Jonas.").first).to_be_visible()
    page.locator("textarea").first.fill("Please ask @jonas lindqvist, soon")
    page.get_by_role("button", name="Save note").click()
    expect(page.locator(".vr-mention").first).to_have_text("@jonas lindqvist")
    assert Note.objects.get().body == "Please ask @jonas lindqvist, soon"
    assert [each.person for each in Notification.objects.all()] == [team["lind"]]

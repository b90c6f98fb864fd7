"""Photograph every page of a running demo for the documentation: `python -m tests.e2e.screenshots URL`."""

import shutil
import sys
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "screenshots"
PAGES = {
    "portfolio": "/portfolio/",
    "accounts": "/accounts/",
    "account": "/accounts/1/",
    "account-objectives": "/accounts/1/objectives/",
    "account-people": "/accounts/1/people/",
    "account-quality": "/accounts/1/quality/",
    "account-portal": "/accounts/1/portal/",
    "account-notes": "/accounts/1/notes/",
    "account-activity": "/accounts/1/activity/",
    "account-edit": "/accounts/1/edit/",
    "account-new": "/accounts/new/",
    "account-explain": "/accounts/1/explain/",
    "update-values": "/accounts/1/values/",
    "objective-form": "/objectives/1/edit/",
    "objective-history": "/objectives/1/history/",
    "objective-new": "/accounts/1/objectives/new/",
    "objective-archive": "/objectives/1/archive/",
    "metric-new": "/metrics/new/",
    "portfolio-explain": "/portfolio/explain/",
    "status-changes": "/portfolio/changes/",
    "compare": "/compare/",
    "segments": "/segments/",
    "quality": "/quality/",
    "quality-calendar": "/quality/calendar/",
    "imports": "/imports/",
    "import-new": "/imports/new/",
    "settings": "/settings/",
    "settings-notifications": "/settings/notifications/",
    "search": "/search/?q=dis",
}
BOTH = {"portfolio", "account"}  # also in dark, and as on a phone


def main(origin: str) -> None:
    """Take one picture a page at 1440 px in light; the two main pages also in dark and at 390 px."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        for suffix, width, theme in (("", 1440, "light"), ("-dark", 1440, "dark"), ("-390", 390, "light")):
            context = browser.new_context(
                base_url=origin,
                viewport={"width": width, "height": 900},
                color_scheme="dark" if theme == "dark" else "light",
            )
            page = context.new_page()
            if not suffix:
                page.goto("/sign-in/")
                _shoot(page, "sign-in")
            _sign_in(page)
            for name, path in PAGES.items():
                if not suffix or name in BOTH:
                    page.goto(path)
                    _shoot(page, f"{name}{suffix}")
            context.close()
        browser.close()


def _sign_in(page: Page) -> None:
    page.goto("/sign-in/")
    page.get_by_label("Work email").fill("csm@example.com")
    page.get_by_label("Password", exact=True).fill("demo")
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(lambda url: "sign-in" not in url)


def _shoot(page: Page, name: str) -> None:
    page.wait_for_load_state("networkidle")
    page.screenshot(path=FOLDER / f"{name}.png", full_page=True)


if __name__ == "__main__":
    main(sys.argv[1])

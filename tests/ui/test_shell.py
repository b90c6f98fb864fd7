"""The frame of every page: navigation by role, the account menu, the theme, error pages, what templates may hold."""

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.staticfiles import finders
from django.core.management import call_command
from django.db import connection
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext

from accounts.models import Account, User
from tests.ui.page import Page

pytestmark = pytest.mark.urls("tests.ui.urls")

TEMPLATES = sorted(Path(settings.BASE_DIR, "templates").rglob("*.html"))


def signed_in(role: str, **fields: str) -> Client:
    user = User.objects.create_user(f"{role}@example.com", name="Amara Okafor", role=role, **fields)
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def get(client: Client, url: str = "/accounts/") -> Page:
    return Page(client.get(url).content.decode())


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("role", "entries"),
    [
        ("csm", ["Accounts2", "Value realization"]),
        ("leader", ["Accounts2", "Value realization"]),
        ("admin", ["Accounts2", "Value realization", "Admin"]),
    ],
)
def test_navigation_by_role(role: str, entries: list[str]) -> None:
    for name in ("Ostrava Freight", "Calder & Rowe"):
        Account.objects.create(name=name)
    page = get(signed_in(role))

    side, drawer = page.texts("nav")[0], page.texts("nav")[2]
    assert side == drawer
    assert [text for text in page.texts("a") if text in entries] == entries * 2
    current = [attrs["href"] for attrs in page.find("a") if attrs.get("aria-current") == "page"]
    assert current == ["/accounts/", "/accounts/"]


@pytest.mark.django_db
def test_the_shell_costs_one_query_beside_the_session() -> None:
    client = signed_in("csm")
    with CaptureQueriesContext(
        connection,
    ) as queries:
        client.get("/accounts/")

    assert len([query for query in queries if "accounts_account" in query["sql"]]) == 1
    assert len(queries) == 3  # session, person, shell


@pytest.mark.django_db
@pytest.mark.parametrize("is_demo", [True, False])
def test_demo_data_is_marked(is_demo: bool) -> None:
    Account.objects.create(name="Ostrava Freight", is_demo=is_demo)

    assert get(signed_in("csm")).texts("span", "vr-demo") == (["Demo data"] if is_demo else [])


@pytest.mark.django_db
def test_ids_are_unique_and_labels_point_somewhere() -> None:
    page = get(signed_in("admin"))

    ids = [attrs["id"] for _, attrs, _ in page.elements if "id" in attrs]
    assert len(ids) == len(set(ids))
    for _, attrs, _ in page.elements:
        for name in ("popovertarget", "data-open", "aria-controls", "for"):
            if name in attrs:
                assert attrs[name] in ids


@pytest.mark.django_db
@pytest.mark.parametrize("theme", ["", "light", "dark"])
def test_theme_is_written_by_the_server(theme: str) -> None:
    page = get(signed_in("csm", theme=theme))

    assert page.find("html")[0] == {"lang": "en"} | ({"data-bs-theme": theme} if theme else {})
    pressed = [attrs["value"] for attrs in page.find("button") if attrs.get("aria-pressed") == "true"]
    assert pressed == [theme, theme]


@pytest.mark.django_db
def test_account_menu_posts_with_a_token() -> None:
    page = get(signed_in("csm"))

    posts = [attrs["action"] for attrs in page.find("form") if attrs.get("method") == "post"]
    assert posts == ["/theme/", "/sign-out/"] * 2
    tokens = [attrs["value"] for attrs in page.find("input") if attrs.get("name") == "csrfmiddlewaretoken"]
    assert len(tokens) == 4
    assert all(tokens)


@pytest.mark.django_db
def test_htmx_is_told_to_evaluate_nothing() -> None:
    config = next(
        attrs["content"] for attrs in get(signed_in("csm")).find("meta") if attrs.get("name") == "htmx-config"
    )

    assert '"allowEval":false' in str(config)
    assert '"includeIndicatorStyles":false' in str(config)
    assert '{"code":"422","swap":true}' in str(config)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("status", "heading"),
    [
        (400, "This request can't be read"),
        (403, "You may not do this"),
        (404, "There is nothing at this address"),
        (500, "Something went wrong on our side"),
    ],
)
def test_error_pages(status: int, heading: str) -> None:
    client = Client(raise_request_exception=False)
    response = client.get(f"/{status}/")

    page = Page(response.content.decode())
    assert response.status_code == status
    assert page.texts("h1") == [heading]
    assert page.find("a", "btn")[0]["href"] == "/"


def test_a_refusal_says_why() -> None:
    page = Page(Client().get("/403/").content.decode())

    assert "Calder & Rowe is assigned to Priya Raman." in page.texts("p")


@pytest.mark.django_db
def test_an_expired_form_says_so() -> None:
    response = Client(enforce_csrf_checks=True).post("/sign-in/", {})

    assert response.status_code == 403
    assert Page(response.content.decode()).texts("h1") == ["This form has expired"]


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_templates_hold_no_inline_code(path: Path) -> None:
    source = path.read_text()

    assert (
        re.findall(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+=|javascript:|hx-on|hx-vals=.js:", source) == []
    )
    assert re.findall(r"hx-trigger=\"[^\"]*\[", source) == []  # a filter in brackets needs eval
    assert re.findall(r"(?:src|href)=\"(?:https?:)?//", source) == []


def test_every_icon_is_in_the_sprite() -> None:
    sprite = set(re.findall(r'<symbol id="([^"]+)"', Path(settings.BASE_DIR, "templates/ui/sprite.html").read_text()))
    used = {name for path in TEMPLATES for name in re.findall(r'href="#([ig]-[a-z-]+)"', path.read_text())}

    assert used <= sprite
    assert {f"g-{slug}" for slug in ("on-track", "at-risk", "stalled", "exceeded", "all-met", "none")} <= sprite


def test_every_static_file_exists() -> None:
    used = {name for path in TEMPLATES for name in re.findall(r"{% static '([^']+)' %}", path.read_text())}

    assert {name for name in used if not finders.find(name)} == set()


@pytest.mark.slow
def test_static_files_can_be_hashed(tmp_path: Path) -> None:
    """No stylesheet points at a file that is not shipped; fonts and Tabler keep their place after renaming."""
    storages = settings.STORAGES | {
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"}
    }
    with override_settings(STORAGES=storages, STATIC_ROOT=tmp_path):
        call_command("collectstatic", interactive=False, verbosity=0)

    sheet = next(path for path in (tmp_path / "css").glob("app.*.css")).read_text()
    assert re.search(r'@import url\("\.\./vendor/tabler/tabler\.min\.[0-9a-f]{12}\.css"\) layer\(tabler\)', sheet)
    assert len(re.findall(r'url\("\.\./vendor/inter/inter-latin[a-z-]*\.[0-9a-f]{12}\.woff2"\)', sheet)) == 2

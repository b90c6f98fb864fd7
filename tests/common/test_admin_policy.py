"""The content security policy: relaxed for the admin's own views as far as its theme needs, and nowhere else."""

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse

from tests.architecture.test_matrix import OURS, ask, client_of
from tests.architecture.world import make_world

pytestmark = pytest.mark.django_db


def policy(header: str) -> dict[str, list[str]]:
    """Read a policy: directive → sources."""
    return {words[0]: words[1:] for part in header.split(";") if (words := part.split())}


@pytest.fixture
def admin(client: Client) -> Client:
    return client_of(make_world(), "D")


def test_admin_may_compile_attributes_and_style_inline_and_no_more(admin: Client) -> None:
    strict = settings.CONTENT_SECURITY_POLICY["DIRECTIVES"]
    for page in ("admin:index", "admin:accounts_account_changelist", "admin:jsi18n"):
        found = policy(admin.get(reverse(page))["Content-Security-Policy"])
        assert found.pop("script-src") == ["'self'", "'unsafe-eval'"]
        assert found.pop("style-src") == ["'self'", "'unsafe-inline'"]
        assert found == {name: value for name, value in strict.items() if name not in {"script-src", "style-src"}}


def test_every_other_page_keeps_the_strict_policy(admin: Client) -> None:
    relaxed = {}
    checked = 0
    for route in OURS:
        if "<" in route.pattern:
            continue
        answer = ask(admin, "GET", f"/{route.pattern}")
        checked += 1
        if "unsafe" in answer.get("Content-Security-Policy", ""):
            relaxed[route.key] = answer["Content-Security-Policy"]
    assert relaxed == {}
    assert checked > 10


def test_what_goes_wrong_below_the_admin_is_strict_too(admin: Client) -> None:
    for path in ("/admin/no/such/page/", "/admin"):
        assert "unsafe" not in admin.get(path).get("Content-Security-Policy", ""), path
    world_client = Client()
    refused = world_client.get("/admin/login/", follow=True)
    assert "unsafe" not in refused["Content-Security-Policy"]

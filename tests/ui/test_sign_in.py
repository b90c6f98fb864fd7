"""Signing in and out, setting a new password, and being kept out for a while."""

import re

import pytest
from django.core import mail
from django.test import Client, override_settings

from accounts.models import User
from tests.ui.page import Page

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.ui.urls")]

PASSWORD = "a long enough secret"


@pytest.fixture
def amara() -> User:
    return User.objects.create_user("amara@example.com", PASSWORD, name="Amara Okafor")


def sign_in(client: Client, email: str, password: str, **more: str) -> tuple[int, Page]:
    response = client.post("/sign-in/", {"login": email, "password": password, **more})
    return response.status_code, Page(response.content.decode())


def test_the_form_is_made_for_password_managers() -> None:
    page = Page(Client().get("/sign-in/?next=/portfolio/").content.decode())

    email, password = (next(a for a in page.find("input") if a.get("name") == name) for name in ("login", "password"))
    assert (email["type"], email["autocomplete"]) == ("email", "username")
    assert (password["type"], password["autocomplete"]) == ("password", "current-password")
    assert [attrs["for"] for attrs in page.find("label")][:2] == ["id_login", "id_password"]
    assert {"type": "hidden", "name": "next", "value": "/portfolio/"} in page.find("input")
    assert page.texts("h1") == ["Sign in to Value Realization"]
    assert page.texts("a", "btn") == []  # no single sign-on unless one is set up


@pytest.mark.parametrize(("email", "password"), [("amara@example.com", "wrong"), ("nobody@example.com", PASSWORD)])
def test_an_error_never_says_which_was_wrong(amara: User, email: str, password: str) -> None:
    _, page = sign_in(Client(), email, password)

    banner = page.find("div", "vr-banner")[0]
    assert (banner["role"], banner["id"], "data-error-summary" in banner) == ("alert", "login-error", True)
    assert page.texts("p")[0] == (
        "You are not signed in. This email and password don't go together. Check both, then try again."
    )
    fields = [attrs for attrs in page.find("input") if attrs.get("name") in {"login", "password"}]
    assert [(attrs["aria-invalid"], attrs["aria-describedby"]) for attrs in fields] == [("true", "login-error")] * 2
    assert fields[0]["value"] == email
    assert "value" not in fields[1]


def test_signing_in_leads_on(amara: User) -> None:
    status, _ = sign_in(Client(), "Amara@example.com", PASSWORD, next="/portfolio/")

    assert status == 302


@pytest.mark.parametrize(("more", "days"), [({}, 0), ({"remember": "on"}, 14)])
def test_staying_signed_in_is_asked_for(amara: User, more: dict[str, str], days: int) -> None:
    client = Client()
    sign_in(client, "amara@example.com", PASSWORD, **more)

    assert client.cookies["sessionid"]["max-age"] == (days * 86_400 or "")


@override_settings(AXES_FAILURE_LIMIT=3)
def test_too_many_attempts_say_when_to_come_back(amara: User) -> None:
    client = Client()
    statuses = [sign_in(client, "amara@example.com", "wrong")[0] for _ in range(3)]
    status, page = sign_in(client, "amara@example.com", PASSWORD)

    assert statuses[:2] == [200, 200]
    assert (status, page.texts("h1")) == (429, ["Sign-in is paused"])
    assert page.texts("b")[0] == "Try again in 15 minutes."


def test_signing_out_asks_first(amara: User) -> None:
    client = Client()
    client.force_login(amara, backend="django.contrib.auth.backends.ModelBackend")
    page = Page(client.get("/sign-out/").content.decode())

    assert page.texts("h1") == ["Sign out?"]
    assert "amara@example.com" in page.text
    assert client.post("/sign-out/").status_code == 302


def test_a_new_password_by_mail(amara: User) -> None:
    client = Client()
    assert client.post("/password/", {"email": "amara@example.com"})["Location"] == "/password/sent/"
    assert Page(client.get("/password/sent/").content.decode()).texts("h1") == ["Look in your mailbox"]

    message = mail.outbox[0]
    assert message.subject == "Choose a new password"
    link = re.search(r"http://testserver(\S+)", str(message.body))
    assert link

    address = client.get(link[1])["Location"]
    form = Page(client.get(address).content.decode())
    assert form.texts("h1") == ["Choose a new password"]
    assert [a["autocomplete"] for a in form.find("input") if a.get("type") == "password"] == ["new-password"] * 2

    short = client.post(address, {"password1": "short", "password2": "short"})
    assert Page(short.content.decode()).texts("b")[0] == "One thing to fix."

    done = client.post(address, {"password1": "another long secret", "password2": "another long secret"})
    assert Page(client.get(done["Location"]).content.decode()).texts("h1") == ["Password changed"]
    assert sign_in(Client(), "amara@example.com", "another long secret")[0] == 302


def test_a_used_link_says_so(amara: User) -> None:
    page = Page(Client().get("/password/1-abc-def/").content.decode())

    assert page.texts("h1") == ["This link no longer works"]
    assert page.find("a", "btn")[0]["href"] == "/password/"


def test_an_unknown_address_gets_the_same_answer(amara: User) -> None:
    response = Client().post("/password/", {"email": "nobody@example.com"})

    assert response["Location"] == "/password/sent/"
    assert [message.to for message in mail.outbox] in ([], [["nobody@example.com"]])
    assert "sign up" not in "".join(str(message.body) for message in mail.outbox)


def test_somebody_switched_off_is_told_nothing_about_the_password(amara: User) -> None:
    User.objects.filter(pk=amara.pk).update(is_active=False)
    _, page = sign_in(Client(), "amara@example.com", "wrong")

    assert page.texts("b")[0] == "You are not signed in."
    assert Page(Client().get("/inactive/").content.decode()).texts("h1") == ["Your sign-in is switched off"]

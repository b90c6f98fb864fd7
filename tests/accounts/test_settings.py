"""A person's settings, their sessions and second factor, and the organisation's settings."""

import re
from datetime import UTC, datetime
from decimal import Decimal
from io import BytesIO
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import (
    TOTP,
    format_hotp_value,
    generate_totp_secret,
    hotp_value,
    yield_hotp_counters_from_time,
)
from allauth.usersessions.models import UserSession
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from PIL import Image

from accounts.models import Organisation, User
from accounts.services.settings import LOGO_BYTES, MAX_FOLDS, SettingsRefused, remember_fold, update_organisation
from objectives.queries.value_card import value_card
from tests.factories import make_account, make_objective, make_user, record
from valuerealization.common.audit import SYSTEM
from valuerealization.common.formats import DEFAULT, LOCALES, reading_as
from valuerealization.common.models import AuditEntry
from valuerealization.common.units import format_day, format_moment, format_money

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 17, 14, 5, tzinfo=UTC)
PASSWORD = "a long enough password"
FACTORS = {"factor_high": "1.00", "factor_medium": "0.85", "factor_low": "0.60"}


@pytest.fixture
def user() -> User:
    user = make_user(role="csm", name="Amara Okafor")
    user.set_password(PASSWORD)
    user.save()
    return user


def signed_in(user: User, agent: str = "Firefox") -> Client:
    client = Client(headers={"User-Agent": agent})
    answer = client.post("/sign-in/", {"login": user.email, "password": PASSWORD})
    assert answer.status_code == 302
    return client


def picture(size: int = 8, kind: str = "PNG") -> bytes:
    file = BytesIO()
    Image.new("RGB", (size, size), "teal").save(file, kind)
    return file.getvalue()


# ---- how pages look and read -----------------------------------------------------------------------------------------


def test_preferences_are_kept(client: Client, user: User) -> None:
    client.force_login(user)
    typed = {"theme": "dark", "locale": "de-de", "clock": "12h"}
    assert client.post("/settings/", typed).status_code == 302
    user.refresh_from_db()
    assert (user.theme, user.locale, user.clock, user.has_shortcuts) == ("dark", "de-de", "12h", False)
    html = client.get("/settings/").content.decode()
    assert 'data-bs-theme="dark"' in html
    assert 'data-shortcuts="off"' in html
    assert client.post("/settings/", {**typed, "clock": "25h"}).status_code == 422


def test_every_choice_of_locale_has_its_formats() -> None:
    assert set(User._meta.get_field("locale").flatchoices) == {
        (name, label) for name, label in User._meta.get_field("locale").flatchoices if name in LOCALES
    }
    assert set(LOCALES) == {name for name, _ in User._meta.get_field("locale").flatchoices}


@pytest.mark.parametrize(
    ("locale", "clock", "money", "day", "moment"),
    [
        ("", "24h", "$1,250,000.50", "15 Nov 2025", "17 Nov, 14:05"),
        ("en-us", "12h", "$1,250,000.50", "Nov 15, 2025", "Nov 17, 2:05 pm"),
        ("de-de", "24h", "$1.250.000,50", "15 Nov 2025", "17 Nov, 14:05"),
        ("fr-fr", "24h", "$1\u202f250\u202f000,50", "15 Nov 2025", "17 Nov, 14:05"),
    ],
)
def test_formats(locale: str, clock: str, money: str, day: str, moment: str) -> None:
    reader = User(locale=locale, clock=clock)
    with reading_as(lambda: reader.formats):
        assert format_money(Decimal("1250000.5")) == money
        assert format_money(Decimal("1250000.5"), ascii_minus=True) == "$1,250,000.50"  # files
        assert format_day(datetime(2025, 11, 15, tzinfo=UTC).date(), NOW.date()) == day
        assert format_moment(NOW, timezone="UTC", today=NOW.date()) == moment
    assert format_money(Decimal(1250)) == "$1,250"


@pytest.mark.parametrize(("hour", "shown"), [(0, "12:05 am"), (11, "11:05 am"), (12, "12:05 pm"), (23, "11:05 pm")])
def test_twelve_hours(hour: int, shown: str) -> None:
    assert User(clock="12h").formats.time(NOW.replace(hour=hour)) == shown
    assert User().formats == DEFAULT


def test_a_page_is_written_for_its_reader_and_drawn_the_same_for_all(client: Client, user: User) -> None:
    account = make_account(owner=user, currency="USD")
    record(make_objective(account, unit="currency", baseline=0, target=600000), 412000)
    client.force_login(user)
    plain = client.get(f"/accounts/{account.pk}/").content.decode()
    User.objects.filter(pk=user.pk).update(locale="de-de")
    german = client.get(f"/accounts/{account.pk}/").content.decode()
    assert ("$412,000" in plain, "$412.000" in german, "$412,000" in german) == (True, True, False)
    drawn = re.compile(r' (?:x|y|x1|x2|cx|width|points|d)="[^"]*"')
    assert drawn.findall(plain) == drawn.findall(german)
    assert "$412,000" in value_card(account=account, at=NOW).rows[0].current


def test_the_api_writes_one_way_for_all(client: Client, user: User) -> None:
    account = make_account(owner=user, name="Big", arr=Decimal(1250000))
    record(make_objective(account, baseline=0, target=1), 12345)
    User.objects.filter(pk=user.pk).update(locale="de-de")
    client.force_login(user)
    found = client.get(f"/api/customers/{account.pk}/value-metrics").json()
    assert found["value_delivered"]["display"] == "1,234,500%"


def test_folds_are_kept_by_the_server(client: Client, user: User) -> None:
    account = make_account(owner=user)
    record(make_objective(account), 40)
    client.force_login(user)
    path = f"/accounts/{account.pk}/"
    assert 'data-fold="value" open' in client.get(path).content.decode()
    assert client.post("/settings/fold/", {"name": "value", "open": "0"}).status_code == 204
    html = client.get(path).content.decode()
    assert 'data-fold="value"' in html
    assert 'data-fold="value" open' not in html
    client.post("/settings/fold/", {"name": "value", "open": "1"})
    assert 'data-fold="value" open' in client.get(path).content.decode()


def test_folds_take_no_more_than_there_can_be(user: User) -> None:
    for number in range(MAX_FOLDS + 5):
        remember_fold(user=user, name=f"card-{number}", is_open=True)
    for name in ("", "Card", "x" * 41, "a b", "ä"):
        remember_fold(user=user, name=name, is_open=True)
    user.refresh_from_db()
    assert len(user.folds) == MAX_FOLDS


# ---- sessions --------------------------------------------------------------------------------------------------------


def test_other_sessions_can_be_ended(user: User) -> None:
    here, there, elsewhere = (signed_in(user, agent) for agent in ("Here", "There", "Elsewhere"))
    html = here.get("/settings/sessions/").content.decode()
    assert all(agent in html for agent in ("Here", "There", "Elsewhere"))
    assert html.count("This session") == 1
    of_there = UserSession.objects.get(user=user, user_agent="There")
    assert here.post("/settings/sessions/end/", {"session": of_there.pk}).status_code == 302
    assert there.get("/accounts/").status_code == 302
    assert elsewhere.get("/accounts/").status_code == 200
    here.post("/settings/sessions/end/")
    assert elsewhere.get("/accounts/").status_code == 302
    assert here.get("/accounts/").status_code == 200


def test_nobody_ends_somebody_elses_session(user: User) -> None:
    here, other = signed_in(user), make_user(role="csm")
    other.set_password(PASSWORD)
    other.save()
    theirs = signed_in(other)
    session = UserSession.objects.get(user=other)
    assert here.post("/settings/sessions/end/", {"session": session.pk}).status_code == 404
    assert here.post("/settings/sessions/end/").status_code == 302
    assert theirs.get("/accounts/").status_code == 200


# ---- second factor ---------------------------------------------------------------------------------------------------


def code_for(secret: str) -> str:
    return format_hotp_value(hotp_value(secret, next(iter(yield_hotp_counters_from_time()))))


def test_a_second_factor_is_set_up_and_asked_for(user: User, django_capture_on_commit_callbacks: Any) -> None:
    client = signed_in(user)
    asked = client.get("/settings/second-factor/app/")
    assert asked.headers["Location"].startswith("/settings/confirm/")
    assert client.post("/settings/confirm/", {"password": "not that"}).status_code == 200
    assert client.post(asked.headers["Location"], {"password": PASSWORD}).status_code == 302
    html = client.get("/settings/second-factor/app/").content.decode()
    secret = re.search(r'value="([A-Z2-7]{32})"', html)
    assert secret is not None
    with django_capture_on_commit_callbacks(execute=True):
        answer = client.post("/settings/second-factor/app/", {"code": code_for(secret[1])})
    assert answer.status_code == 302
    stored = Authenticator.objects.get(user=user, type="totp")
    assert secret[1] not in str(stored.data)

    again = Client()
    answer = again.post("/sign-in/", {"login": user.email, "password": PASSWORD})
    assert answer.headers["Location"].startswith("/sign-in/second-factor/")
    assert again.get("/accounts/").status_code == 302
    assert again.post("/sign-in/second-factor/", {"code": "000000"}).status_code == 200
    assert again.get("/accounts/").status_code == 302
    recovery = Authenticator.objects.get(user=user, type="recovery_codes").wrap().get_unused_codes()[0]
    assert again.post("/sign-in/second-factor/", {"code": recovery}).status_code == 302
    assert again.get("/accounts/").status_code == 200
    actions = AuditEntry.objects.filter(action__startswith="second_factor.").values_list("action", flat=True)
    assert set(actions) == {"second_factor.set_up"}


def test_codes_of_a_second_factor_cannot_be_tried_without_end(user: User) -> None:
    TOTP.activate(user, generate_totp_secret())
    good = RecoveryCodes.activate(user).get_unused_codes()[0]
    for _ in range(3):  # from wherever: each is a browser of its own
        client = Client()
        assert client.post("/sign-in/", {"login": user.email, "password": PASSWORD}).status_code == 302
        for number in range(4):
            answer = client.post("/sign-in/second-factor/", {"code": f"{number:06}"})
            assert answer.status_code == 200
    assert "Too many" in answer.content.decode()
    assert client.post("/sign-in/second-factor/", {"code": good}).status_code == 200
    assert client.get("/accounts/").status_code == 302


def test_the_admin_asks_for_a_second_factor_where_the_settings_do(client: Client, settings: Any) -> None:
    admin = make_user(role="admin")
    client.force_login(admin)
    assert client.get("/admin/").status_code == 200
    settings.VR_ADMIN_SECOND_FACTOR = True
    answer = client.get("/admin/")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/settings/second-factor/")
    assert (
        "The admin opens once you have set up a second factor."
        in client.get("/settings/second-factor/").content.decode()
    )
    assert client.get("/accounts/").status_code == 200
    other = make_user()
    for path in ("/people/erase/", f"/people/{other.pk}/erase/"):
        assert client.post(path, {"confirm": other.email}).headers.get("Location") == "/settings/second-factor/"
    other.refresh_from_db()
    assert other.is_active
    TOTP.activate(admin, generate_totp_secret())
    assert client.get("/admin/").status_code == client.get("/people/erase/").status_code == 200


def test_the_admin_has_no_sign_in_of_its_own(client: Client) -> None:
    answer = client.get("/admin/login/", {"next": "/admin/accounts/"})
    assert answer.headers["Location"] == "/sign-in/?next=%2Fadmin%2Faccounts%2F"


# ---- the organisation ------------------------------------------------------------------------------------------------


def typed(**changes: Any) -> dict[str, Any]:
    return {
        "name": "Larkfield", "working_days": ["1", "2", "3", "4"], "default_currency": "EUR",
        "currencies": ["USD", "EUR"], **FACTORS, **changes,
    }  # fmt: skip


def test_the_organisation_is_changed_shown_and_audited(client: Client) -> None:
    admin = make_user(role="admin")
    client.force_login(admin)
    logo = SimpleUploadedFile("evil.html", picture(), content_type="text/html")
    assert client.post("/settings/organisation/", typed(logo=logo)).status_code == 302
    found = Organisation.objects.current()
    assert (found.name, found.currencies, found.working_days) == ("Larkfield", ["EUR", "USD"], [1, 2, 3, 4])
    assert (found.default_currency, found.logo_type) == ("EUR", "image/png")
    page = client.get("/accounts/").content.decode()
    assert "<small>Larkfield</small>" in page
    assert f"/settings/organisation/logo/?v={found.logo_digest[:12]}" in page
    sent = Client().get("/settings/organisation/logo/")
    assert (sent.status_code, sent.headers["Content-Type"], sent.content) == (200, "image/png", picture())
    assert 'value="EUR" selected' in client.get("/accounts/new/").content.decode()
    entry = AuditEntry.objects.get(action="organisation.updated")
    assert entry.details["name"] == ["", "Larkfield"]
    client.post("/settings/organisation/", typed(remove_logo="on"))
    assert Client().get("/settings/organisation/logo/").status_code == 404
    assert "Sign in to Larkfield" in Client().get("/sign-in/").content.decode()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"factor_low": "0.9"}, "The factors must fall from high over medium to low."),
        ({"factor_high": "1.5"}, "less than or equal to 1"),
        ({"factor_high": "NaN"}, "Enter a number."),
        ({"working_days": []}, "This field is required."),
        ({"working_days": ["9"]}, "9 is not one of the available choices"),
        ({"default_currency": "XXXX"}, "XXXX is not one of the available choices"),
        ({"logo": SimpleUploadedFile("x.png", b"<svg onload=alert(1)>")}, "Choose a PNG, JPEG or WebP picture."),
        ({"logo": SimpleUploadedFile("x.png", picture() + b"\0" * LOGO_BYTES)}, "at most 256 kB"),
    ],
)
def test_what_the_organisation_cannot_be(client: Client, change: dict[str, Any], message: str) -> None:
    client.force_login(make_user(role="admin"))
    answer = client.post("/settings/organisation/", typed(**change))
    assert answer.status_code == 422
    assert message in answer.content.decode()
    assert Organisation.objects.current().name == ""


def test_the_service_refuses_by_field() -> None:
    with pytest.raises(SettingsRefused) as refused:
        update_organisation(by=SYSTEM, at=NOW, currencies=[])
    assert list(refused.value.message_dict) == ["currencies"]


def test_the_shell_costs_one_query(client: Client, user: User, django_assert_num_queries: Any) -> None:
    client.force_login(user)
    with django_assert_num_queries(3):  # session, person, shell
        client.get("/settings/")

"""The start page, an account's own details, and a person's settings."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from accounts.models import Account, User
from accounts.services.accounts import archive_account
from tests.factories import make_account, make_user
from valuerealization.common.audit import SYSTEM
from valuerealization.common.models import AuditEntry

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 17, 14, 0, tzinfo=UTC)
FILLED = {
    "name": "Brightwater Logistics",
    "external_id": "CRM-0042",
    "segment": "enterprise",
    "industry": "Logistics",
    "timezone": "America/New_York",
    "currency": "EUR",
    "arr": "184000.50",
    "contract_signed_on": "2025-03-01",
    "went_live_on": "2025-05-01",
    "renewal_on": "2027-02-28",
}


@pytest.fixture(autouse=True)
def today(clock: Callable[[datetime], None]) -> None:
    clock(NOW)


@pytest.fixture
def csm(client: Client) -> User:
    user = make_user(role="csm", name="Amara Okafor", email="amara@example.com")
    client.force_login(user)
    return user


@pytest.fixture
def leader(client: Client) -> User:
    user = make_user(role="leader")
    client.force_login(user)
    return user


def values(account: Account) -> dict[str, Any]:
    return {name: getattr(account, name) for name in (*FILLED, "owner")}


# ---- the start page --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("role", "start"),
    [("csm", "/accounts/?owner=me%2Btest%40example.com"), ("leader", "/portfolio/"), ("admin", "/portfolio/")],
)
def test_everybody_starts_where_their_work_is(client: Client, role: str, start: str) -> None:
    client.force_login(make_user(role=role, email="me+test@example.com"))
    response = client.get("/")
    assert (response.status_code, response.headers["Location"]) == (302, start)


def test_visitors_start_with_signing_in(client: Client) -> None:
    assert client.get("/").headers["Location"] == "/sign-in/?next=/"


# ---- the theme -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("theme", "kept"), [("dark", "dark"), ("light", "light"), ("", ""), ("pink", "light")])
def test_the_theme_is_remembered(client: Client, csm: User, theme: str, kept: str) -> None:
    User.objects.filter(pk=csm.pk).update(theme="light")
    response = client.post("/theme/", {"theme": theme, "next": "/accounts/?owner=none"})
    csm.refresh_from_db()
    assert (csm.theme, response.headers["Location"]) == (kept, "/accounts/?owner=none")


def test_the_page_is_drawn_in_it(client: Client, csm: User) -> None:
    client.post("/theme/", {"theme": "dark"})
    assert '<html lang="en" data-bs-theme="dark">' in client.get("/accounts/").content.decode()


@pytest.mark.parametrize(
    "following", ["", "https://evil.example/", "//evil.example/", "javascript:alert(1)", "\\\\evil"]
)
def test_setting_the_theme_leads_nowhere_else(client: Client, csm: User, following: str) -> None:
    assert client.post("/theme/", {"theme": "dark", "next": following}).headers["Location"] == "/"


def test_the_theme_is_only_posted(client: Client, csm: User) -> None:
    assert client.get("/theme/").status_code == 405


# ---- a new account ---------------------------------------------------------------------------------------------------


def test_a_csm_adds_an_account_of_their_own(client: Client, csm: User) -> None:
    page = client.get("/accounts/new/").content.decode()
    assert 'name="owner"' not in page
    assert '<datalist id="timezones">' in page
    assert '<option value="Europe/Berlin">' in page
    response = client.post("/accounts/new/", FILLED | {"owner": str(make_user().pk)})
    account = Account.objects.get()
    assert (response.status_code, response.headers["Location"]) == (302, f"/accounts/{account.pk}/")
    assert values(account) == {
        "name": "Brightwater Logistics",
        "external_id": "CRM-0042",
        "segment": "enterprise",
        "industry": "Logistics",
        "timezone": "America/New_York",
        "currency": "EUR",
        "arr": Decimal("184000.50"),
        "contract_signed_on": date(2025, 3, 1),
        "went_live_on": date(2025, 5, 1),
        "renewal_on": date(2027, 2, 28),
        "owner": csm,
    }
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.actor_name) == ("account.created", "Amara Okafor")
    assert "Brightwater Logistics is added" in client.get(f"/accounts/{account.pk}/").content.decode()


def test_a_name_is_enough(client: Client, csm: User) -> None:
    client.post("/accounts/new/", {"name": "Calder", "timezone": "UTC", "currency": "USD"})
    account = Account.objects.get()
    assert (account.external_id, account.arr, account.segment, account.owner) == (None, None, "", csm)


def test_a_leader_chooses_the_owner(client: Client, leader: User) -> None:
    csm, gone = make_user(name="Jonas"), make_user(name="Left", is_active=False)
    page = client.get("/accounts/new/").content.decode()
    assert "Jonas" in page
    assert "Left" not in page
    client.post("/accounts/new/", FILLED | {"owner": str(csm.pk)})
    assert Account.objects.get().owner == csm
    client.post("/accounts/new/", FILLED | {"owner": "", "external_id": ""})
    assert Account.objects.latest("pk").owner is None
    refused = client.post("/accounts/new/", FILLED | {"owner": str(gone.pk), "external_id": ""})
    assert (refused.status_code, list(refused.context["form"].errors)) == (422, ["owner"])


@pytest.mark.parametrize(
    ("typed", "field", "message"),
    [
        ({"name": ""}, "name", "This field is required."),
        ({"name": "   "}, "name", "This field is required."),
        ({"name": "x" * 201}, "name", "at most 200 characters"),
        ({"name": "a\x00b"}, "name", "Null characters are not allowed."),
        ({"timezone": "Mars/Olympus"}, "timezone", "Choose an IANA timezone"),
        ({"timezone": "../etc/passwd"}, "timezone", "Choose an IANA timezone"),
        ({"timezone": ""}, "timezone", "This field is required."),
        ({"currency": "XXL"}, "currency", "Select a valid choice."),
        ({"segment": "huge"}, "segment", "Select a valid choice."),
        ({"arr": "1,000"}, "arr", "without thousands separators"),
        ({"arr": "1e9"}, "arr", "without an exponent"),
        ({"arr": "NaN"}, "arr", "Enter a finite number"),
        ({"arr": "-1"}, "arr", "greater than or equal to 0"),
        ({"arr": "0.001"}, "arr", "Use at most 2 decimals."),
        ({"arr": "١٢"}, "arr", "Use the digits 0 to 9"),
        ({"renewal_on": "28.02.2027"}, "renewal_on", "Write the date as year, month and day"),
        ({"renewal_on": "2025-03-01"}, "renewal_on", "after the day the contract was signed"),
        ({"went_live_on": "2025-13-01"}, "went_live_on", "Write the date as year, month and day"),
        ({"external_id": "TAKEN"}, "external_id", "already exists"),
    ],
)
def test_what_is_wrong_is_said_beside_its_field(
    client: Client, csm: User, typed: dict[str, str], field: str, message: str
) -> None:
    make_account(external_id="TAKEN")
    response = client.post("/accounts/new/", FILLED | typed)
    assert response.status_code == 422
    assert list(response.context["form"].errors) == [field]
    assert message in str(response.context["form"].errors[field])
    html = response.content.decode()
    assert "One thing to fix." in html
    assert f'id="id_{field}_error"' in html
    assert f'href="#id_{field}"' in html
    assert Account.objects.count() == 1


# ---- changing one ----------------------------------------------------------------------------------------------------


def test_an_account_is_changed(client: Client, csm: User) -> None:
    account = make_account(owner=csm, name="Old", arr=Decimal("10.00"))
    page = client.get(f"/accounts/{account.pk}/edit/").content.decode()
    assert 'value="Old"' in page
    assert re.search(r'name="arr"[^>]*value="10"|value="10"[^>]*name="arr"', page)
    response = client.post(f"/accounts/{account.pk}/edit/", FILLED)
    account.refresh_from_db()
    assert (response.status_code, account.name, account.owner) == (302, "Brightwater Logistics", csm)
    entry = AuditEntry.objects.get(action="account.updated")
    assert entry.details["name"] == ["Old", "Brightwater Logistics"]


def test_an_unchanged_account_leaves_no_trace(client: Client, csm: User) -> None:
    account = make_account(owner=csm, name="Same", timezone="UTC")
    client.post(f"/accounts/{account.pk}/edit/", {"name": "Same", "timezone": "UTC", "currency": "USD"})
    assert AuditEntry.objects.filter(action="account.updated").count() == 0


def test_an_owner_who_left_stays_until_changed(client: Client, leader: User) -> None:
    gone = make_user(name="Left", is_active=False)
    account = make_account(owner=gone)
    response = client.post(f"/accounts/{account.pk}/edit/", FILLED | {"owner": str(gone.pk)})
    account.refresh_from_db()
    assert (response.status_code, account.owner) == (302, gone)


def test_refused_changes_come_back_as_typed(client: Client, csm: User) -> None:
    account = make_account(owner=csm, name="Old")
    response = client.post(f"/accounts/{account.pk}/edit/", FILLED | {"timezone": "Nowhere", "name": "<b>New</b>"})
    html = response.content.decode()
    assert response.status_code == 422
    assert 'value="&lt;b&gt;New&lt;/b&gt;"' in html
    assert "<b>New" not in html
    account.refresh_from_db()
    assert account.name == "Old"


@pytest.mark.parametrize("page", ["edit", "archive", "restore"])
def test_only_who_may_edit_changes(client: Client, csm: User, page: str) -> None:
    account = make_account(name="Calder & Rowe", owner=make_user(name="Priya Raman"))
    response = client.post(f"/accounts/{account.pk}/{page}/", FILLED)
    assert response.status_code == 403
    assert "Calder &amp; Rowe is assigned to Priya Raman." in response.content.decode()
    account.refresh_from_db()
    assert (account.name, account.archived_at) == ("Calder & Rowe", None)
    assert client.post(f"/accounts/999999/{page}/").status_code == 404
    client.logout()
    path = f"/accounts/{account.pk}/{page}/"
    assert client.post(path, FILLED).headers["Location"] == f"/sign-in/?next={path}"


def test_archiving_asks_first_and_restoring_undoes_it(client: Client, csm: User) -> None:
    account = make_account(owner=csm, name="Calder")
    question = client.get(f"/accounts/{account.pk}/archive/").content.decode()
    assert "Archive Calder?" in question
    account.refresh_from_db()
    assert account.archived_at is None
    assert client.post(f"/accounts/{account.pk}/archive/").headers["Location"] == f"/accounts/{account.pk}/"
    account.refresh_from_db()
    assert account.archived_at == NOW
    assert client.get(f"/accounts/{account.pk}/restore/").status_code == 405
    client.post(f"/accounts/{account.pk}/restore/")
    account.refresh_from_db()
    assert account.archived_at is None
    assert list(AuditEntry.objects.order_by("id").values_list("action", flat=True)) == [
        "account.created", "account.archived", "account.restored",
    ]  # fmt: skip


def test_an_archived_account_can_be_edited_but_not_archived_again(client: Client, csm: User) -> None:
    account = archive_account(account=make_account(owner=csm), by=SYSTEM, at=NOW)
    assert "Archive account" not in client.get(f"/accounts/{account.pk}/edit/").content.decode()
    client.post(f"/accounts/{account.pk}/archive/")
    assert AuditEntry.objects.filter(action="account.archived").count() == 1

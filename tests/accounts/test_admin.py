"""People, accounts and keys in the admin: saved by the services, refused beside the field."""

import smtplib
from datetime import timedelta
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.db import transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django.utils.html import strip_tags

from accounts.models import Account, ApiKey, User
from accounts.services.keys import create_api_key
from tests.factories import make_account, make_user
from valuerealization.common.audit import SYSTEM
from valuerealization.common.models import AuditEntry

pytestmark = pytest.mark.django_db

INLINE = {
    f"{name}-{count}_FORMS": "0" for name in ("objectives", "apikey_set") for count in ("TOTAL", "INITIAL")
}  # fmt: skip
ACCOUNT = {
    "name": "Northwind", "external_id": "", "owner": "", "timezone": "Europe/Berlin", "segment": "enterprise",
    "industry": "", "currency": "EUR", "arr": "1250000", "contract_signed_on": "2026-01-05", "went_live_on": "",
    "renewal_on": "2027-01-05", **INLINE,
}  # fmt: skip


@pytest.fixture
def admin(client: Client) -> User:
    user = make_user(role="admin", name="Ada Admin")
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return user


def address(name: str, page: str, *arguments: Any) -> str:
    return reverse(f"admin:accounts_{name}_{page}", args=arguments)


def test_account_is_added_by_the_services(client: Client, admin: User) -> None:
    response = client.post(address("account", "add"), ACCOUNT)
    account = Account.objects.select_related("standing").get()
    assert (response.status_code, response["Location"]) == (302, address("account", "changelist"))
    assert (account.name, account.external_id, account.timezone) == ("Northwind", None, "Europe/Berlin")
    assert account.standing.name_key == "northwind"
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.actor_id, entry.account_id) == ("account.created", str(admin.pk), account.pk)
    assert entry.details["currency"] == [None, "EUR"]


def test_account_changes_only_where_it_was_touched(client: Client, admin: User) -> None:
    owner = make_user()
    given = {name: value for name, value in ACCOUNT.items() if name not in INLINE}
    account = make_account(**{**given, "owner": owner, "arr": None, "renewal_on": None, "went_live_on": None,
                              "contract_signed_on": None, "external_id": "CRM-1"})  # fmt: skip
    form = {**ACCOUNT, "owner": owner.pk, "arr": "", "renewal_on": "", "contract_signed_on": "", "external_id": "CRM-1"}
    assert client.post(address("account", "change", account.pk), {**form, "industry": "Trade"}).status_code == 302
    account.refresh_from_db()
    assert (account.industry, account.owner, account.external_id) == ("Trade", owner, "CRM-1")
    entry = AuditEntry.objects.get(action="account.updated")
    assert entry.details == {"industry": ["", "Trade"]}
    # The same form again says nothing new, so nothing is written.
    assert client.post(address("account", "change", account.pk), {**form, "industry": "Trade"}).status_code == 302
    assert AuditEntry.objects.filter(action="account.updated").count() == 1


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"name": ""}, "name"),
        ({"timezone": "Mars/Olympus"}, "timezone"),
        ({"currency": "eur"}, "currency"),
        ({"arr": "-1"}, "arr"),
        ({"external_id": "taken"}, "external_id"),
        ({"renewal_on": "2025-01-01"}, "__all__"),
    ],
)
def test_account_is_refused_beside_the_field(client: Client, admin: User, typed: dict[str, str], field: str) -> None:
    make_account(external_id="taken")
    before = AuditEntry.objects.count()
    response = client.post(address("account", "add"), {**ACCOUNT, **typed})
    assert response.status_code == 200
    assert list(response.context["adminform"].form.errors) == [field]
    assert (Account.objects.count(), AuditEntry.objects.count()) == (1, before)


def test_accounts_are_archived_and_restored_from_the_list(client: Client, admin: User) -> None:
    account = make_account()
    for action, is_archived in (("archive", True), ("archive", True), ("restore", False)):
        client.post(
            address("account", "changelist"), {"action": action, "_selected_action": account.pk, "confirmed": "yes"}
        )
        account.refresh_from_db()
        assert (account.archived_at is not None) == is_archived
    actions = AuditEntry.objects.filter(account_id=account.pk).order_by("pk").values_list("action", flat=True)
    assert list(actions) == ["account.created", "account.archived", "account.restored"]


def test_bulk_actions_ask_first_and_take_no_for_an_answer(client: Client, admin: User) -> None:
    account, other = make_account(name="Zephyr"), make_account(name="Elm")
    url, chosen = address("account", "changelist"), {"action": "archive", "_selected_action": [account.pk, other.pk]}
    asked = client.post(url, chosen)
    assert asked.status_code == 200
    page = asked.content.decode()
    assert "Archive these accounts?" in page
    assert [str(row) for row in asked.context["chosen"]] == ["Zephyr", "Elm"]
    assert page.count('name="_selected_action"') == 2
    assert not Account.objects.exclude(archived_at=None).exists()


def test_owner_changes_for_many_with_an_audit_entry_each(client: Client, admin: User) -> None:
    new, gone = make_user(name="Nia New"), make_user(is_active=False)
    chosen = [make_account().pk for _ in range(3)]
    data = {"action": "change_owner", "_selected_action": chosen, "confirmed": "yes", "reason": "Territories"}
    refused = client.post(address("account", "changelist"), {**data, "owner": gone.pk})
    assert (refused.status_code, list(refused.context["form"].errors)) == (422, ["owner"])
    assert client.post(address("account", "changelist"), {**data, "owner": new.pk}).status_code == 302
    assert set(Account.objects.values_list("owner", flat=True)) == {new.pk}
    entries = AuditEntry.objects.filter(action="account.updated")
    assert [entry.details["owner"] for entry in entries] == [[None, new.pk]] * 3


def test_too_many_at_once_are_refused(client: Client, admin: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("valuerealization.common.admin.bulk.MOST", 2)
    for _ in range(3):
        make_account()
    data = {"action": "archive", "_selected_action": "1", "select_across": "1", "confirmed": "yes"}
    response = client.post(address("account", "changelist"), data, follow=True)
    assert "Choose at most 2 at a time" in response.content.decode()
    assert not Account.objects.exclude(archived_at=None).exists()


def test_accounts_are_found_and_linked_to_their_page(client: Client, admin: User) -> None:
    account = make_account(name="Zephyr Mills", external_id="CRM-7")
    make_account(name="Other")
    for text in ("phyr", "CRM-7"):
        response = client.get(address("account", "changelist"), {"q": text})
        assert [row.name for row in response.context["cl"].result_list] == ["Zephyr Mills"]
    page = client.get(address("account", "change", account.pk)).content.decode()
    assert f'href="{account.get_absolute_url()}"' in page
    # Other pages choose accounts by typing.
    url = reverse("admin:autocomplete")
    asked = {"app_label": "objectives", "model_name": "objective", "field_name": "account", "term": "zeph"}
    assert client.get(url, asked).json()["results"] == [{"id": str(account.pk), "text": "Zephyr Mills"}]


@pytest.mark.django_db(transaction=True)
def test_somebody_new_is_sent_a_link(client: Client, admin: User) -> None:
    response = client.post(
        address("user", "add"), {"email": "New@Example.com", "name": "Nia New", "role": "leader", "is_active": "on"}
    )
    assert response.status_code == 302
    user = User.objects.get(email="new@example.com")
    assert (user.role, user.has_usable_password(), user.is_superuser) == ("leader", False, False)
    assert AuditEntry.objects.get(action="user.created").details["role"] == [None, "leader"]
    (message,) = mail.outbox
    assert message.to == ["new@example.com"]
    assert "You can sign in as new@example.com" in message.body

    link = next(line for line in message.body.splitlines() if "/password/" in line or "reset" in line)
    visitor = Client()
    page = visitor.get(link.removeprefix("http://testserver"), follow=True)
    assert page.status_code == 200
    password = "violet-harbour-lantern"
    visitor.post(page.request["PATH_INFO"], {"password1": password, "password2": password})
    user.refresh_from_db()
    assert user.check_password(password)


def test_link_is_sent_again_from_the_list_to_active_people_only(client: Client, admin: User) -> None:
    active = make_user(password="violet-harbour-lantern")
    gone = make_user(is_active=False)
    chosen = {"action": "send_password_links", "_selected_action": [active.pk, gone.pk], "confirmed": "yes"}
    response = client.post(address("user", "changelist"), chosen, follow=True)
    assert [message.to for message in mail.outbox] == [[active.email]]
    assert "Somebody, probably you, asked for a new password" in mail.outbox[0].body
    assert {str(message) for message in response.context["messages"]} == {
        f"{active.email} was sent a link to choose a password.",
        f"{gone.email} is not active: nothing was sent.",
    }


@pytest.mark.django_db(transaction=True)
def test_a_mail_server_that_is_away_is_said_and_loses_nobody(
    client: Client, admin: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_arguments: Any) -> int:
        raise smtplib.SMTPServerDisconnected

    monkeypatch.setattr(EmailBackend, "send_messages", refuse)
    client.post(address("user", "add"), {"email": "new@example.com", "name": "Nia", "role": "csm", "is_active": "on"})
    assert User.objects.filter(email="new@example.com").exists()
    response = client.get(address("user", "changelist"))
    assert "The mail to new@example.com could not be sent." in {str(m) for m in response.context["messages"]}


def test_person_changes_address_and_role(client: Client, admin: User) -> None:
    user = make_user(email="old@example.com", name="Olga")
    EmailAddress.objects.create(user=user, email="old@example.com", verified=True, primary=True)
    data = {"email": "new@example.com", "name": "Olga", "role": "leader", "is_active": "on", **INLINE}
    assert client.post(address("user", "change", user.pk), data).status_code == 302
    user.refresh_from_db()
    assert (user.email, user.role) == ("new@example.com", "leader")
    assert AuditEntry.objects.get(action="user.updated").details == {
        "email": ["old@example.com", "new@example.com"], "role": ["csm", "leader"],
    }  # fmt: skip
    assert EmailAddress.objects.filter(user=user).count() == 0  # the old address would still sign in


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"email": "taken@example.com"}, "email"),
        ({"email": "TAKEN@example.com"}, "email"),
        ({"email": "no address"}, "email"),
        ({"name": ""}, "name"),
        ({"role": "owner"}, "role"),
    ],
)
def test_person_is_refused_beside_the_field(client: Client, admin: User, typed: dict[str, str], field: str) -> None:
    make_user(email="taken@example.com")
    data = {"email": "new@example.com", "name": "Nia", "role": "csm", "is_active": "on", **typed}
    response = client.post(address("user", "add"), data)
    assert (response.status_code, list(response.context["adminform"].form.errors)) == (200, [field])
    assert User.objects.count() == 2
    assert AuditEntry.objects.count() == 0


@pytest.mark.parametrize(("typed", "field"), [({"role": "leader"}, "role"), ({"is_active": ""}, "is_active")])
def test_the_last_administrator_stays_one(client: Client, admin: User, typed: dict[str, str], field: str) -> None:
    make_user(role="admin", is_active=False)
    data = {"email": admin.email, "name": admin.name, "role": "admin", "is_active": "on", **INLINE, **typed}
    data = {name: value for name, value in data.items() if value}
    response = client.post(address("user", "change", admin.pk), data)
    assert list(response.context["adminform"].form.errors) == [field]
    admin.refresh_from_db()
    assert admin.is_staff

    make_user(role="admin")
    assert client.post(address("user", "change", admin.pk), data).status_code == 302
    admin.refresh_from_db()
    assert not admin.is_staff


def test_key_is_shown_once_and_stored_hashed(client: Client, admin: User) -> None:
    response = client.post(
        address("apikey", "add"), {"name": "CRM sync", "scope": "write", "expiry_date_0": "", "expiry_date_1": ""}
    )
    key = ApiKey.objects.get()
    assert response.status_code == 200
    assert "no-store" in response["Cache-Control"]
    secret = response.context["secret"]
    assert secret.startswith("vr_")
    assert response.content.decode().count(secret) == 1
    assert key.is_valid(secret.removeprefix("vr_"))
    assert (key.scope, key.created_by) == ("write", admin)
    proper = secret.split(".")[1]
    stored = {str(value) for value in ApiKey.objects.values_list().get()}
    assert not any(proper in value for value in stored)
    assert proper not in str(list(AuditEntry.objects.values_list()))
    assert proper not in str(dict(client.session))
    for page in (address("apikey", "changelist"), address("apikey", "change", key.pk)):
        assert proper not in client.get(page).content.decode()
    entry = AuditEntry.objects.get(action="api_key.created")
    assert (entry.actor_id, entry.details["scope"]) == (str(admin.pk), [None, "write"])


def test_key_without_a_name_is_refused(client: Client, admin: User) -> None:
    response = client.post(address("apikey", "add"), {"name": "", "scope": "admin"})
    assert sorted(response.context["adminform"].form.errors) == ["name", "scope"]
    assert not ApiKey.objects.exists()


def test_key_is_limited_and_revoked_for_good(client: Client, admin: User) -> None:
    key, secret = create_api_key(name="CRM", scope="write", by=SYSTEM)
    url = address("apikey", "change", key.pk)
    client.post(url, {"name": "CRM", "scope": "read", "expiry_date_0": "2030-01-01", "expiry_date_1": "00:00"})
    key.refresh_from_db()
    assert (key.scope, str(key.expiry_date)) == ("read", "2030-01-01 00:00:00+00:00")
    assert AuditEntry.objects.get(action="api_key.updated").details["scope"] == ["write", "read"]

    client.post(address("apikey", "changelist"), {"action": "revoke", "_selected_action": key.pk, "confirmed": "yes"})
    assert not ApiKey.objects.is_valid(secret.removeprefix("vr_"))
    assert AuditEntry.objects.get(action="api_key.revoked").details == {"revoked": [False, True]}
    assert client.post(url, {"name": "CRM", "scope": "read"}).status_code == 403
    key.refresh_from_db()
    assert key.revoked


def test_list_says_which_keys_are_good(client: Client, admin: User) -> None:
    now = timezone.now()
    for name, fields in {
        "a": {},
        "b": {"revoked": True},
        "c": {"expiry_date": now},
        "d": {"expiry_date": now + timedelta(days=8, hours=1)},
    }.items():
        key, _ = create_api_key(name=name, scope="read", by=SYSTEM)
        ApiKey.objects.filter(pk=key.pk).update(**fields)
    page = client.get(address("apikey", "changelist"))
    site = page.context["cl"].model_admin
    assert {row.name: strip_tags(site.state(row)) for row in page.context["cl"].result_list} == {
        "a": "Active", "b": "Revoked", "c": "Expired", "d": "Expires in 8 days",
    }  # fmt: skip


def test_a_refusal_leaves_nothing_half_done(client: Client, admin: User) -> None:
    """The form comes again in the same request, after the rollback."""
    account = make_account(external_id="one")
    make_account(external_id="two")
    url = address("account", "change", account.pk)
    response = client.post(url, {**ACCOUNT, "name": "Renamed", "external_id": "two"})
    assert list(response.context["adminform"].form.errors) == ["external_id"]
    assert response.context["adminform"].form["name"].value() == "Renamed"
    account.refresh_from_db()
    assert account.name != "Renamed"
    assert transaction.get_connection().needs_rollback is False

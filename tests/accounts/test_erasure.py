"""Forgetting a person: nothing of them is left anywhere, and every number is as it was."""

import io
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from axes.models import AccessAttempt
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import Group
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.models import Session
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction
from django.test import Client

from accounts.models import Account, ApiKey, Contact, User
from accounts.services.contacts import update_contact
from accounts.services.erasure import ErasureRefused, erase_contact, erase_user
from accounts.services.keys import create_api_key
from accounts.services.notes import create_note
from accounts.services.people import update_user
from accounts.services.tasks import create_task
from objectives.models import ImportBatch, ImportChange, ImportFailure, Objective, ObjectiveRevision, Reading
from objectives.services.objectives import update_objective
from portfolio.models import SavedView
from tests.factories import make_account, make_contact, make_objective, make_user, record, settle
from valuerealization.common import audit
from valuerealization.common.audit import SYSTEM
from valuerealization.common.audit_checking import verify_chain
from valuerealization.common.audit_sealing import seal_entries
from valuerealization.common.models import AuditEntry

pytestmark = pytest.mark.django_db

AT = datetime(2026, 11, 22, 12, tzinfo=UTC)
TRACES = (b"ada", b"lovelace", b"byron", b"engine@example.com")


@pytest.fixture
def admin() -> User:
    return make_user(role="admin", name="Adm In", email="boss@example.com")


@pytest.fixture
def ada(admin: User) -> User:
    """Somebody who has left traces everywhere, under two names and two addresses."""
    user = make_user(name="Ada Byron", email="ada@example.com", password="secret")
    account = make_account(name="Northwind", owner=user, by=user.as_actor())
    objective = make_objective(account, title="Goal", owner=user, by=user.as_actor())
    record(objective, 10, by=user.as_actor(), at=AT - timedelta(days=2))
    update_user(user=user, by=admin.as_actor(), name="Ada Lovelace", email="engine@example.com")
    user.refresh_from_db()
    EmailAddress.objects.create(user=user, email="ada@example.com")
    record(objective, 20, by=user.as_actor(), at=AT - timedelta(days=1))
    update_objective(objective=objective, by=user.as_actor(), at=AT, title="Goal, renamed")
    create_api_key(name="Sync", scope="read", by=user.as_actor(), created_by=user)
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    Authenticator.objects.create(user=user, type=Authenticator.Type.TOTP, data={"secret": "engine@example.com"})
    AccessAttempt.objects.create(username="ada@example.com", ip_address="192.0.2.7", failures_since_start=3)
    LogEntry.objects.create(
        user=user, content_type=ContentType.objects.get_for_model(User), object_id=str(user.pk),
        object_repr="Ada Lovelace", action_flag=CHANGE,
    )  # fmt: skip
    audit.record(by=admin.as_actor(), action="x.done", subject=account, details={"mail": ["to ENGINE@example.com", 1]})
    audit.record(by=admin.as_actor(), action="x.done", subject=account, details={"asked": ["Ada Byron", None]})
    audit.record(by=admin.as_actor(), action="x.done", subject=account, label="Team: Ada Lovelace (architect)")
    batch = ImportBatch.objects.create(
        kind="accounts", file_name="accounts.csv", file_format="csv", size_bytes=1, created_by=user,
        samples=[["Northwind", "Ada@Example.com"]],
    )  # fmt: skip
    SavedView.objects.create(owner=admin, list_name="portfolio", name="A list", state={"owner": ["ada@example.com"]})
    ImportFailure.objects.create(batch=batch, line=2, cells=["Contoso", "ada lovelace"], problems=[])
    ImportChange.objects.create(
        batch=batch, subject="held", subject_id=1, changes={"value": ["1", "2"], "decided_by": ["Ada Byron", ""]}
    )
    ImportChange.objects.create(
        batch=batch, subject="metric", subject_id=1, changes={"measured_by": ["Ada Lovelace", "Ada Byron"]}
    )
    user.groups.add(Group.objects.first() or Group.objects.create(name="A group"))
    return user


def everything() -> bytes:
    """Read all rows of all tables as text."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace")
        tables = [name for (name,) in cursor.fetchall()]
        text = b""
        for table in tables:
            cursor.execute(f'SELECT string_agg(t::text, chr(10)) FROM "{table}" t')
            text += (cursor.fetchone()[0] or "").lower().encode()
    return text


def numbers() -> list[Any]:
    """Read what has to stay as it is."""
    return [
        list(Reading.objects.order_by("pk").values_list("pk", "value", "observed_at", "recorded_at", "account_id")),
        list(Objective.objects.order_by("pk").values_list("pk", "current", "completion", "owner_id", "reading_id")),
        list(ObjectiveRevision.objects.order_by("pk").values_list("pk", "title", "number", "target")),
        list(Account.objects.order_by("pk").values_list("pk", "name", "owner_id")),
        list(AuditEntry.objects.exclude(action="person.erased").order_by("pk").values_list("pk", "at", "actor_id")),
    ]


def test_no_trace_is_left_and_the_numbers_stay(ada: User, admin: User) -> None:
    assert all(trace in everything() for trace in TRACES)
    before = numbers()
    erased = erase_user(user=ada, by=admin.as_actor())
    left = everything()
    assert [trace for trace in TRACES if trace in left] == []
    assert numbers() == before
    assert SavedView.objects.get().state == {"owner": [f"erased-{ada.pk}@erased.invalid"]}
    assert erased.placeholder == f"Erased person {ada.pk}"
    held, metric = ImportChange.objects.order_by("pk")
    assert held.changes == {"value": ["1", "2"], "decided_by": [erased.placeholder, ""]}
    assert metric.changes == {"measured_by": [erased.placeholder] * 2}
    found = {what: number for what, number in erased.counts.items() if number}
    assert found == {
        "team members": 1, "sign-in addresses": 1, "sessions": 1, "second factors": 1, "failed sign-ins": 1,
        "revoked API keys": 1, "filters of saved views": 1,
        "lines of the admin’s history": 1, "names beside readings, definitions, rebuilds and imports": 7,
        "lines of imported files": 2, "earlier states of team members": 2,
    }  # fmt: skip


def test_the_person_can_do_nothing_any_more(ada: User, admin: User, client: Client) -> None:
    client.force_login(ada, backend="django.contrib.auth.backends.ModelBackend")
    erase_user(user=ada, by=admin.as_actor())
    ada.refresh_from_db()
    assert (ada.name, ada.email) == (f"Erased person {ada.pk}", f"erased-{ada.pk}@erased.invalid")
    assert (ada.is_active, ada.is_superuser, ada.has_usable_password(), ada.last_login) == (False, False, False, None)
    assert not ada.groups.exists()
    assert not ApiKey.objects.filter(revoked=False).exists()
    assert client.get("/accounts/").status_code == 302
    assert [
        session for session in Session.objects.all() if session.get_decoded().get("_auth_user_id") == str(ada.pk)
    ] == []


def test_other_people_stay(ada: User, admin: User) -> None:
    other = make_user(name="Ada", email="ada@example.org")
    account = make_account(by=other.as_actor())
    record(make_objective(account), 5, by=other.as_actor())
    contact = make_contact(account, name="Ad Alovelace")
    erase_user(user=ada, by=admin.as_actor())
    other.refresh_from_db()
    contact.refresh_from_db()
    assert (other.name, other.email, contact.name) == ("Ada", "ada@example.org", "Ad Alovelace")
    assert Reading.objects.get(account=account).recorded_by == "Ada"
    assert AuditEntry.objects.filter(actor_name="Ada").exists()
    assert AuditEntry.objects.get(action="account.created", account_id=account.pk).details != {}


def test_whose_name_or_address_only_holds_theirs_keeps_it(admin: User) -> None:
    lee = make_user(name="Ann Lee", email="lee@example.com")
    others = make_user(name="Joann Leeson", email="ann.lee@example.com")
    account = make_account(owner=others)
    said = "Call Joann Leeson, ann.lee@example.com, or lee@example.com.au, o+lee@example.com, lee@example.com-pany"
    gone = "Ask Ann Lee's mate.\nLEE@Example.com:\nAnn Lee, mailto:lee@example.com."
    note = create_note(account=account, body=f"{said}. {gone}", by=SYSTEM, at=AT)
    view = SavedView.objects.create(
        owner=admin, list_name="accounts", name="Theirs", state={"filter": {"owner": ["ann.lee@example.com"]}}
    )
    kept = audit.record(by=SYSTEM, action="x.done", subject=account, label="Joann Leeson", details={"said": said})
    taken = [
        audit.record(by=SYSTEM, action="x.done", subject=account, label=label, details={"said": said, "text": text})
        for label, text in (("", "Hello\nlee@example.com"), ("", "Hello\nAnn Lee\n"), ("to Ann Lee, there", ""))
    ]
    erase_user(user=lee, by=admin.as_actor())
    note.refresh_from_db()
    view.refresh_from_db()
    kept.refresh_from_db()
    who = f"Erased person {lee.pk}"
    assert note.body == f"{said}. Ask {who}'s mate.\n{who}:\n{who}, mailto:{who}."
    assert view.state == {"filter": {"owner": ["ann.lee@example.com"]}}
    assert (kept.subject_label, kept.details) == ("Joann Leeson", {"said": said})
    for entry in taken:
        entry.refresh_from_db()
    assert [(entry.subject_label, entry.details) for entry in taken] == [("", {})] * 3


def test_a_text_as_long_as_it_may_be_stops_no_erasure(admin: User) -> None:
    jo = make_user(name="Jo Li")
    task = create_task(account=make_account(), title=f"Jo Li {'x' * 194}", by=SYSTEM, at=AT)
    erase_user(user=jo, by=admin.as_actor())
    task.refresh_from_db()
    assert task.title.startswith(f"Erased person {jo.pk} xxx")
    assert len(task.title) == 200


def test_it_is_written_down_without_what_was_erased(ada: User, admin: User) -> None:
    erase_user(user=ada, by=admin.as_actor())
    entry = AuditEntry.objects.get(action="person.erased")
    assert (entry.actor_name, entry.subject_type, entry.subject_id) == ("Adm In", "accounts.user", ada.pk)
    assert entry.subject_label == f"Erased person {ada.pk}"
    assert entry.details["erased"]["sessions"] == 1
    assert entry.details["entries"] == {"who": 6, "what": 4}
    assert entry.details["sealed"] == {"who": 0, "what": 0}


def test_entries_about_them_lose_label_and_details(ada: User, admin: User) -> None:
    erase_user(user=ada, by=admin.as_actor())
    about = AuditEntry.objects.filter(subject_type="accounts.user", subject_id=ada.pk).exclude(action="person.erased")
    assert {(entry.subject_label, str(entry.details)) for entry in about} == {(f"Erased person {ada.pk}", "{}")}
    mentions = AuditEntry.objects.filter(action="x.done")
    assert [(entry.subject_label, entry.details) for entry in mentions] == [("", {})] * 3
    own = AuditEntry.objects.filter(actor_id=str(ada.pk), action="objective.updated").get()
    assert own.actor_name == f"Erased person {ada.pk}"
    assert own.details["title"] == ["Goal", "Goal, renamed"]


def test_an_account_is_still_told_of_once_its_entries_are_erased(ada: User, admin: User, client: Client) -> None:
    account = Account.objects.get()
    rebuilt = {"reason": "Asked by Ada Lovelace", "from": "2026-01-04", "to": "2026-02-01", "added": 1, "changed": 2}
    audit.record(
        by=admin.as_actor(), action="snapshots.restated", subject=account, account_id=account.pk, details=rebuilt
    )
    erase_user(user=ada, by=admin.as_actor())
    client.force_login(admin, backend="django.contrib.auth.backends.ModelBackend")
    page = client.get(f"/accounts/{account.pk}/activity/").content.decode()
    assert "rebuilt past weeks" in page
    assert "Lovelace" not in page


@pytest.mark.django_db(transaction=True)
def test_the_chain_still_verifies(ada: User, admin: User) -> None:
    settle()
    seal_entries(at=AT)
    sealed = AuditEntry.objects.count()
    record(Objective.objects.get(), 30, by=ada.as_actor(), at=AT)  # not sealed when it is erased
    erase_user(user=ada, by=admin.as_actor())
    assert verify_chain().problems == ()
    details = AuditEntry.objects.get(action="person.erased").details
    assert details["sealed"]["who"] == details["entries"]["who"] - 1 > 0
    assert details["sealed"]["what"] == details["entries"]["what"] > 0
    settle()
    seal_entries(at=AT)
    found = verify_chain()
    assert (found.problems, found.entries) == ((), sealed + 2)


@pytest.mark.django_db(transaction=True)
def test_what_was_erased_cannot_be_filled_in_again(ada: User, admin: User, owner_connection: Any) -> None:
    settle()
    seal_entries(at=AT)
    erase_user(user=ada, by=admin.as_actor())
    settle()
    seal_entries(at=AT)
    entry = AuditEntry.objects.filter(subject_type="accounts.user", subject_id=ada.pk).earliest("pk")
    owner_connection.execute(f"UPDATE common_auditentry SET details = '{{\"x\": 1}}' WHERE id = {entry.pk}")
    assert verify_chain().problems[0].entry_id == entry.pk
    owner_connection.execute(f"UPDATE common_auditentry SET details = '{{}}' WHERE id = {entry.pk}")
    assert verify_chain().problems == ()
    kept = AuditEntry.objects.filter(action="account.created").earliest("pk")
    erasure = AuditEntry.objects.get(action="person.erased")
    owner_connection.execute(
        "UPDATE common_auditproof SET what_salt = NULL, what_erasure = %s WHERE entry_id = %s", [erasure.pk, kept.pk]
    )
    owner_connection.execute("UPDATE common_auditentry SET details = '{}', subject_label = '' WHERE id = %s", [kept.pk])
    assert "erased another number of entries" in str(verify_chain().problems[0])


@pytest.mark.django_db(transaction=True)
def test_two_people_of_one_entry(admin: User) -> None:
    one, other = make_user(name="First Person"), make_user(name="Second Person")
    account = make_account(by=one.as_actor())
    audit.record(by=one.as_actor(), action="x.done", subject=account, details={"to": [one.email, other.email]})
    audit.record(by=one.as_actor(), action="x.done", subject=other)
    settle()
    seal_entries(at=AT)
    erase_user(user=one, by=admin.as_actor())
    assert verify_chain().problems == ()
    erase_user(user=other, by=admin.as_actor())
    assert verify_chain().problems == ()
    erase_user(user=admin, by=make_user(role="admin").as_actor())
    settle()
    seal_entries(at=AT)
    assert verify_chain().problems == ()


# --- Contacts ---


def test_a_contact_is_erased_at_every_account(admin: User) -> None:
    first, second, third = make_account(), make_account(), make_account()
    fields = {"name": "Grace Hopper", "email": "grace@example.org", "phone": "+1 555 0100", "title": "Rear admiral"}
    contact = make_contact(first, **fields)
    make_contact(second, **fields, external_id="C-7")
    other = make_contact(third, name="Somebody Else")
    update_contact(contact=contact, by=SYSTEM, at=AT, name="Grace M. Hopper")
    contact.refresh_from_db()
    erase_contact(contact=contact, by=admin.as_actor())
    left = everything()
    words = (b"grace", b"hopper", b"0100", b"rear admiral", b"c-7")
    assert [word for word in words if word in left] == []
    assert {each.name for each in Contact.objects.all()} == {
        "Somebody Else", *(f"Erased contact {each.pk}" for each in Contact.objects.exclude(pk=other.pk)),
    }  # fmt: skip
    entries = AuditEntry.objects.filter(action="person.erased").order_by("pk")
    assert [entry.account_id for entry in entries] == [first.pk, second.pk]
    with pytest.raises(ErasureRefused, match="erased before"):
        erase_contact(contact=Contact.objects.get(pk=contact.pk), by=admin.as_actor())


def test_contacts_without_an_address_are_not_one_person(admin: User) -> None:
    account = make_account()
    one, other = make_contact(account, email=""), make_contact(account, email="")
    erase_contact(contact=one, by=admin.as_actor())
    other.refresh_from_db()
    assert other.name.startswith("Contact ")


# --- Refusals ---


def test_the_last_administrator_stays(admin: User) -> None:
    make_user(role="admin", is_active=False)
    with pytest.raises(ErasureRefused, match="only active administrator"):
        erase_user(user=admin, by=SYSTEM)
    make_user(role="admin")
    erase_user(user=admin, by=SYSTEM)
    assert User.objects.get(pk=admin.pk).name == f"Erased person {admin.pk}"


def test_nobody_erases_themselves_or_somebody_twice(ada: User, admin: User) -> None:
    make_user(role="admin")
    with pytest.raises(ErasureRefused, match="erase yourself"):
        erase_user(user=admin, by=admin.as_actor())
    erase_user(user=ada, by=admin.as_actor())
    with pytest.raises(ErasureRefused, match="erased before"):
        erase_user(user=ada, by=admin.as_actor())
    assert AuditEntry.objects.filter(action="person.erased").count() == 1


CALL = "SELECT common_audit_erase(%s, %s, %s, %s::text[], '{}', NULL, 'user', '1', 'Eve', '', '{}')"


@pytest.mark.parametrize(
    "arguments",
    [
        ["accounts.account", 1, "Erased person 1", ["Northwind"]],
        ["accounts.user", 1, "Nobody", ["Northwind"]],
        ["accounts.user", 1, "Erased person 1 and more", ["Northwind"]],
        ["accounts.user", 1, "Erased person 1", ['"']],
    ],
)
def test_the_function_behind_it_does_nothing_else(arguments: list[Any]) -> None:
    make_account(name="Northwind")
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(CALL, arguments)
    assert AuditEntry.objects.get(action="account.created").details != {}


def test_names_in_readings_become_placeholders_only() -> None:
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT common_erase_name('{System}', 'Eve')")
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT objectives_erase_name_in_changes('{Adm In}', 'Eve')")
    record(make_objective(make_account()), 5)
    with connection.cursor() as cursor:
        cursor.execute("SELECT common_erase_name('{System,\"\"}', 'Erased person 1')")
        assert cursor.fetchone() == (0,)


def test_nobody_but_the_application_may_call_them() -> None:
    with connection.cursor() as cursor:
        for name in ("common_audit_erase", "common_erase_name", "objectives_erase_name_in_changes"):
            cursor.execute(
                "SELECT prosecdef, proconfig, has_function_privilege('vr_app', oid, 'EXECUTE'),"
                " has_function_privilege('vr_portal', oid, 'EXECUTE') FROM pg_proc WHERE proname = %s",
                [name],
            )
            assert cursor.fetchone() == (True, ["search_path=pg_catalog, public, pg_temp"], True, False)


def test_mails_kept_as_files(ada: User, admin: User, settings: Any, tmp_path: Path) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    settings.EMAIL_FILE_PATH = str(tmp_path)
    (tmp_path / "one.log").write_text("To: Engine@Example.com\n\nHello")
    (tmp_path / "two.log").write_text("To: boss@example.com\n\nHello")
    assert erase_user(user=ada, by=admin.as_actor()).counts["mails kept as files"] == 1


# --- The pages ---


def test_pages_are_for_administrators(client: Client, ada: User) -> None:
    contact = make_contact(Account.objects.get())
    paths = ("/people/erase/", f"/people/{ada.pk}/erase/", f"/contacts/{contact.pk}/erase/")
    for role, status in (("csm", 403), ("leader", 403), ("admin", 200)):
        client.force_login(make_user(role=role))
        assert [client.get(path).status_code for path in paths] == [status] * 3


def test_finding_leads_to_the_question(client: Client, ada: User, admin: User) -> None:
    client.force_login(admin)
    contact = make_contact(Account.objects.get(), email="grace@example.org")
    found = client.post("/people/erase/", {"email": " ENGINE@example.com "})
    assert found["Location"] == f"/people/{ada.pk}/erase/"
    assert client.post("/people/erase/", {"email": "grace@example.org"})["Location"] == f"/contacts/{contact.pk}/erase/"
    nobody = client.post("/people/erase/", {"email": "x@example.com"})
    assert (nobody.status_code, "Nobody has this address" in nobody.content.decode()) == (422, True)
    assert client.post("/people/erase/", {"email": ""}).status_code == 422
    # In an address it would stay in logs and histories.
    assert "Location" not in client.get("/people/erase/", {"email": "engine@example.com"})


def test_the_question_says_what_it_means_and_wants_the_address(client: Client, ada: User, admin: User) -> None:
    client.force_login(admin)
    path = f"/people/{ada.pk}/erase/"
    body = client.get(path).content.decode()
    assert "1 API key they made is revoked" in body
    assert "Sync" in body
    assert "1 account stays theirs" in body
    refused = client.post(path, {"confirm": "ada"})
    assert refused.status_code == 422
    assert "Nobody was erased" in refused.content.decode()
    assert User.objects.filter(name="Ada Lovelace").exists()
    done = client.post(path, {"confirm": "Engine@example.com"}, follow=True)
    assert f"Done: only “Erased person {ada.pk}” is left" in done.content.decode()
    assert "Lovelace" not in done.content.decode()
    again = client.post(path, {"confirm": f"erased-{ada.pk}@erased.invalid"})
    assert again.status_code == 422
    assert "erased before" in again.content.decode()


def test_the_question_about_a_contact(client: Client, admin: User) -> None:
    client.force_login(admin)
    contact = make_contact(make_account(), name="Grace Hopper", email="")
    path = f"/contacts/{contact.pk}/erase/"
    assert "1 contact has this address" in client.get(path).content.decode()
    assert client.post(path, {"confirm": "grace hopper"}).status_code == 302
    contact.refresh_from_db()
    assert contact.name == f"Erased contact {contact.pk}"


# --- The command ---


def run(*arguments: str) -> str:
    out = io.StringIO()
    call_command("erase_person", *arguments, stdout=out)
    return out.getvalue()


def test_command(ada: User, admin: User) -> None:
    assert run("engine@example.com") == (
        "Ada Lovelace: 1 API keys would be revoked, and 1 accounts stay theirs, under the name"
        f" “Erased person {ada.pk}”. Nothing was done: add --yes to erase for good.\n"
    )
    assert User.objects.filter(name="Ada Lovelace").exists()
    assert f"Only “Erased person {ada.pk}” is left." in run(f"user:{ada.pk}", "--yes")
    contact = make_contact(Account.objects.get())
    assert "1 with this address" in run(f"contact:{contact.pk}")
    assert f"Only “Erased contact {contact.pk}” is left." in run(contact.email, "--yes")
    with pytest.raises(CommandError, match="only active administrator"):
        run("boss@example.com", "--yes")


@pytest.mark.parametrize("text", ["", "nobody@example.com", "user:0", "user:x", "contact:", "17"])
def test_command_refuses_who_is_not_there(ada: User, text: str) -> None:
    with pytest.raises(CommandError, match="there is nobody"):
        run(text)

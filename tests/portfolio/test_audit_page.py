"""The audit log's page: who reads it, its filters, its file."""

import csv
import io
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils.html import escape

from accounts.models import Account, User
from accounts.services.accounts import update_account
from accounts.services.keys import create_api_key
from objectives.models import Reading
from tests.factories import make_account, make_metric, make_objective, make_user, record, settle
from valuerealization.common import audit
from valuerealization.common.audit import SYSTEM
from valuerealization.common.audit_sealing import seal_entries
from valuerealization.common.models import AuditEntry, AuditProof, AuditSeal

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 18, 9, tzinfo=UTC)


@pytest.fixture(autouse=True)
def now(clock: Callable[[datetime], None]) -> None:
    clock(NOW)


@pytest.fixture
def leader(client: Client) -> User:
    user = make_user(role="leader", name="Ingrid Solheim", email="ingrid@example.com")
    client.force_login(user)
    return user


def text(response: Any) -> str:
    assert response.status_code == 200
    return str(response.content.decode())


def shown(client: Client, **parameters: Any) -> list[int]:
    """Give the ids of the entries on a page."""
    return [item.id for item in get(client, **parameters).context["page"].items]


def get(client: Client, **parameters: Any) -> Any:
    return client.get("/audit/", parameters)


def only(**fields: Any) -> list[int]:
    return list(AuditEntry.objects.filter(**fields).order_by("-pk").values_list("pk", flat=True))


@pytest.mark.parametrize(("role", "status"), [("csm", 403), ("leader", 200), ("admin", 200)])
def test_leaders_and_administrators_read_it(client: Client, role: str, status: int) -> None:
    client.force_login(make_user(role=role))
    assert client.get("/audit/").status_code == status
    assert client.get("/audit/export.csv").status_code == status
    home = client.get("/accounts/").content.decode()
    assert ('href="/audit/"' in home) == (status == 200)


def test_an_empty_log_says_so(client: Client, leader: User) -> None:
    body = text(get(client))
    assert "Nothing has been done yet" in body
    assert "No entry is sealed yet" in body


def test_an_entry_says_who_what_and_from_what_to_what(client: Client, leader: User) -> None:
    other = make_user(name="Kenji Mori")
    account = make_account(name="North <& wind>", arr="1000")
    update_account(account=account, by=leader.as_actor(), at=NOW, arr="2000.50", owner=other)
    item = get(client).context["page"].items[0]
    assert (item.who, item.verb, item.title, item.href) == (
        "Ingrid Solheim", "changed the account", "North <& wind>", f"/accounts/{account.pk}/",
    )  # fmt: skip
    assert {(change.label, change.before, change.after) for change in item.changes} == {
        ("owner", "nothing", "Kenji Mori"),
        ("ARR", "1000.00", "2000.50"),
    }
    body = text(get(client))
    assert escape("North <& wind>") in body
    assert "North <&" not in body
    assert "<del>1000.00</del>" in body
    assert "<ins>2000.50</ins>" in body
    assert "not sealed yet" in body


def test_machines_and_entries_without_an_account(client: Client, leader: User) -> None:
    create_api_key(name="Sync", scope="read", by=leader.as_actor())
    metric = make_metric(key="tickets", name="Tickets")
    account = make_account(name="Northwind")
    record(metric, 5, account=account)
    recorded, _account, _metric, made = get(client).context["page"].items
    assert (recorded.who, recorded.icon, recorded.account) == ("System", "refresh", "")
    assert (recorded.verb, recorded.facts) == ("recorded 1 reading of", (("reading", str(Reading.objects.get().pk)),))
    assert (made.who, made.icon, made.verb, made.account_id) == ("Ingrid Solheim", "", "made the API key", None)


def test_what_was_erased_is_marked(client: Client, leader: User) -> None:
    make_account()
    entry = AuditEntry.objects.latest("pk")
    link = AuditSeal.objects.create(
        number=1, sealed_at=NOW, entries=1, after_id=0, from_transaction="0", from_id=0, to_transaction="1", to_id=0,
        last_id=1, root=b"1", previous_hash=b"", hash=b"\xab" * 32,
    )  # fmt: skip
    AuditProof.objects.create(
        entry=entry, seal=link, who_erasure=9, who_digest=b"1", what_erasure=9, what_digest=b"1", hash=b"1"
    )
    body = text(get(client))
    assert "seal 1, name and details erased" in body
    assert "ab" * 32 in body


# --- Filters ---


@pytest.fixture
def log(leader: User) -> dict[str, Any]:
    """Write entries of three kinds of actors about two accounts, over two days."""
    csm = make_user(name="Kenji Mori", email="kenji@example.com")
    first = make_account(name="Northwind", by=csm.as_actor(), at=datetime(2026, 11, 16, 23, 59, tzinfo=UTC))
    second = make_account(name="Contoso", by=leader.as_actor(), at=datetime(2026, 11, 17, 0, 0, tzinfo=UTC))
    objective = make_objective(first, title="Faster onboarding", by=csm.as_actor())
    key, _secret = create_api_key(name="Sync", scope="write", by=SYSTEM)
    record(objective, 5, by=key.as_actor())
    return {"csm": csm, "first": first, "second": second, "objective": objective}


def test_filters(client: Client, log: dict[str, Any]) -> None:
    everything = only()
    assert shown(client) == everything
    cases: list[tuple[dict[str, Any], list[int]]] = [
        ({"who": "kenji@example.com"}, only(actor_id=str(log["csm"].pk))),
        ({"who": "KENJI@example.com"}, only(actor_id=str(log["csm"].pk))),
        ({"who": "system"}, only(actor_kind="system")),
        ({"who": "api_key"}, only(actor_kind="api_key")),
        ({"who": "nobody@example.com"}, []),
        ({"action": "account.created"}, only(action="account.created")),
        ({"subject": "objectives.objective"}, only(subject_type="objectives.objective")),
        ({"subject": "objectives.objective", "record": log["objective"].pk}, only(action="objective.created")),
        ({"account": log["second"].pk}, only(account_id=log["second"].pk)),
        ({"since": "2026-11-17"}, [pk for pk in everything if pk not in only(subject_label="Northwind")[-1:]]),
        ({"until": "2026-11-16"}, only(action="account.created", account_id=log["first"].pk)),
        ({"since": "2026-11-17", "until": "2026-11-17"}, only(subject_label="Contoso")),
        ({"search": "NORTH"}, only(subject_label="Northwind")),
        ({"search": "mori"}, only(actor_name="Kenji Mori")),
        ({"search": "objective.cre"}, only(action="objective.created")),
        ({"search": "100%"}, []),
    ]
    for parameters, expected in cases:
        assert shown(client, **parameters) == expected, parameters
    assert all(
        expected for parameters, expected in cases if "nobody" not in str(parameters) and "%" not in str(parameters)
    )


def test_filters_stay_in_the_address(client: Client, log: dict[str, Any]) -> None:
    response = get(client, who="kenji@example.com", account=log["first"].pk, search="North")
    chips = {chip["label"]: chip["href"] for chip in response.context["chips"]}
    assert list(chips) == ["By Kenji Mori", "Account: Northwind", "Holds “North”"]
    assert chips["By Kenji Mori"] == f"/audit/?account={log['first'].pk}&search=North"
    assert f'<input type="hidden" name="account" value="{log["first"].pk}">' in text(response)
    assert response.context["export_href"].startswith("/audit/export.csv?who=kenji%40example.com&")


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"since": "yesterday"}, "Write the date as year, month and day"),
        ({"since": "2026-02-30"}, "Write the date as year, month and day"),
        ({"since": "2026-11-18", "until": "2026-11-17"}, "The first day lies after the last one."),
        ({"account": "Northwind"}, "is the id of a record"),
        ({"record": "٣"}, "is the id of a record"),
        ({"record": "9" * 30}, "is the id of a record"),
        ({"search": "x" * 201}, "can&#x27;t be read"),
        ({"search": "a\x00b"}, "can&#x27;t be read"),
    ],
)
def test_what_cannot_be_read_is_said_and_left_out(
    client: Client, log: dict[str, Any], parameters: dict[str, str], words: str
) -> None:
    response = get(client, **parameters)
    assert words in text(response)
    assert shown(client, **parameters) == only()
    assert client.get("/audit/export.csv", parameters).status_code == 400


def test_no_match_says_what_to_do(client: Client, log: dict[str, Any]) -> None:
    assert "No entries match these filters" in text(get(client, search="zzz"))


def test_the_filter_form_swaps_the_list_and_the_pager_the_card(client: Client, log: dict[str, Any]) -> None:
    part = client.get("/audit/", {"search": "North"}, headers={"HX-Request": "true", "HX-Target": "audit-list"})
    assert part.content.decode().strip().startswith('<div id="audit-list"')
    assert part["HX-Push-Url"] == "/audit/?search=North"
    card = client.get("/audit/", headers={"HX-Request": "true", "HX-Target": "audit"})
    assert card.content.decode().strip().startswith('<section class="card" id="audit"')


# --- Pages ---


def many(number: int) -> Account:
    account = make_account()
    audit.record_many(
        audit.entry(by=SYSTEM, action="x.done", subject=account, account_id=account.pk, details={"n": [n, n + 1]})
        for n in range(number)
    )
    return account


def test_pages_by_keyset(client: Client, leader: User) -> None:
    many(70)
    seen: list[int] = []
    response = get(client)
    while True:
        seen += [item.id for item in response.context["page"].items]
        if not response.context["older_href"]:
            break
        response = client.get(f"/audit/{response.context['older_href']}")
    assert seen == only()
    back = client.get(f"/audit/{response.context['newer_href']}")
    assert [item.id for item in back.context["page"].items] == only()[30:60]
    assert get(client, cursor="forged").status_code == 404


def test_the_same_queries_at_1_and_at_30_entries(client: Client, leader: User) -> None:
    counts = []
    for number in (1, 30):
        many(number - 1)
        for person in range(min(number, 5)):
            update_account(account=make_account(), by=leader.as_actor(), at=NOW, owner=make_user(name=f"P{person}"))
        client.get("/audit/")
        with CaptureQueriesContext(connection) as queries:
            client.get("/audit/")
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 12


# --- The file ---


def rows(response: HttpResponse) -> list[dict[str, str]]:
    assert response.status_code == 200
    return list(csv.DictReader(io.StringIO(response.getvalue().decode("utf-8-sig"))))  # type: ignore[attr-defined]


def test_the_file_has_the_same_entries(client: Client, log: dict[str, Any]) -> None:
    assert [int(row["id"]) for row in rows(client.get("/audit/export.csv"))] == only()  # type: ignore[arg-type]
    response = client.get("/audit/export.csv", {"action": "account.created", "account": log["first"].pk})
    assert response["Content-Disposition"] == 'attachment; filename="audit-log-2026-11-18.csv"'
    (row,) = rows(response)  # type: ignore[arg-type]
    assert row == {
        "id": str(only(action="account.created")[-1]), "at": "2026-11-16 23:59:00+00", "actor_kind": "user",
        "actor_id": str(log["csm"].pk), "actor_name": "Kenji Mori", "action": "account.created",
        "account_id": str(log["first"].pk), "account_name": "Northwind", "subject_type": "accounts.account",
        "subject_id": str(log["first"].pk), "subject_label": "Northwind",
        "details": '{"name": [null, "Northwind"], "currency": [null, "USD"], "timezone": [null, "UTC"]}',
        "request_id": "", "seal": "",
    }  # fmt: skip


def test_cells_of_the_file_are_no_formulas(client: Client, leader: User) -> None:
    make_account(name="=HYPERLINK(1)")
    (row,) = rows(client.get("/audit/export.csv", {"action": "account.created"}))  # type: ignore[arg-type]
    assert row["subject_label"] == "'=HYPERLINK(1)"


def test_the_activity_of_an_account_leads_here(client: Client, leader: User) -> None:
    account = make_account()
    link = f'href="/audit/?account={account.pk}"'
    assert link in text(client.get(f"/accounts/{account.pk}/activity/"))
    client.force_login(make_user())
    assert link not in text(client.get(f"/accounts/{account.pk}/activity/"))


@pytest.mark.django_db(transaction=True)
def test_sealed_entries_name_their_seal(client: Client) -> None:
    client.force_login(make_user(role="leader"))
    make_account()
    settle()
    head = seal_entries(at=NOW).head
    body = text(get(client))
    assert ", seal 1" in body
    assert head in body
    (row,) = rows(client.get("/audit/export.csv"))  # type: ignore[arg-type]
    assert row["seal"] == "1"

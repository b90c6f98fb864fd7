"""/api/contacts"""

from datetime import UTC, datetime

import pytest

from accounts.models import Contact
from accounts.services.contacts import archive_contact
from tests.api.conftest import Caller, errors_of
from tests.factories import make_account, make_contact
from valuerealization.common.audit import SYSTEM
from valuerealization.common.models import AuditEntry

AT = datetime(2026, 11, 15, 12, tzinfo=UTC)
FULL = {
    "customer": "external:CRM-1",
    "external_id": "P-1",
    "name": "Helen Strand",
    "email": "helen@example.com",
    "title": "Finance director",
    "phone": "+1 555 0100",
    "roles": ["executive_sponsor", "finance_approver"],
}


def test_a_contact_is_made_and_read(api: Caller) -> None:
    account = make_account(external_id="CRM-1")
    response = api.post("/api/contacts", FULL)
    assert response.status_code == 201
    made = response.json()
    assert {name: made[name] for name in FULL} == {**FULL, "customer": account.pk}
    assert list(made) == [
        "id", "customer", "external_id", "name", "email", "title", "phone", "roles", "archived", "archived_at",
        "created_at", "updated_at",
    ]  # fmt: skip
    assert response.headers["Location"] == f"http://testserver/api/contacts/{made['id']}"
    assert api.read(f"/api/contacts/{made['id']}") == api.read("/api/contacts/external:P-1") == made
    entry = AuditEntry.objects.get(action="contact.created")
    assert (entry.actor_kind, entry.account_id) == ("api_key", account.pk)


def test_customer_and_name_suffice(api: Caller) -> None:
    made = api.make("/api/contacts", customer=make_account().pk, name="Ann")
    assert [made[name] for name in ("external_id", "email", "title", "phone", "roles", "archived")] == [
        None, "", "", "", [], False,
    ]  # fmt: skip
    assert errors_of(api.post("/api/contacts", {})) == [("customer", "required"), ("name", "required")]


def test_roles_are_kept_once_and_in_order_and_addresses_small(api: Caller) -> None:
    roles = ["end_user", "champion", "end_user"]
    made = api.make("/api/contacts", customer=make_account().pk, name=" Ann ", email="ANN@Example.com", roles=roles)
    assert (made["name"], made["email"], made["roles"]) == ("Ann", "ann@example.com", ["champion", "end_user"])


def test_a_change_takes_what_is_given(api: Caller) -> None:
    account = make_account(external_id="CRM-1")
    made = api.make("/api/contacts", **FULL)
    path = f"/api/contacts/{made['id']}"
    changed = api.patch(path, {"roles": ["champion"], "phone": "", "customer": account.pk}).json()
    differing = {name for name in made if made[name] != changed[name]}
    assert differing == {"roles", "phone", "updated_at"}
    assert api.patch("/api/contacts/external:P-1", {"external_id": None}).json()["external_id"] is None
    assert api.patch(path, {}).json() == api.read(path)
    assert AuditEntry.objects.filter(action="contact.updated").count() == 2


def test_a_contact_stays_with_its_customer(api: Caller) -> None:
    contact, other = make_contact(make_account()), make_account(external_id="CRM-2")
    for reference in (other.pk, "external:CRM-2", "external:none"):
        response = api.patch(f"/api/contacts/{contact.pk}", {"customer": reference, "name": "New"})
        assert (response.status_code, errors_of(response)) == (400, [("customer", "immutable")])
    assert Contact.objects.get().name == contact.name


def test_archiving_takes_the_place_of_deleting(api: Caller) -> None:
    contact = make_contact(make_account())
    path = f"/api/contacts/{contact.pk}"
    archived = api.patch(path, {"archived": True, "title": "Left"}).json()
    assert (archived["archived"], archived["title"]) == (True, "Left")
    assert archived["archived_at"].endswith("Z")
    assert api.patch(path, {"archived": True}).json() == archived
    assert api.read("/api/contacts")["results"] == []
    assert api.read("/api/contacts?archived=true")["results"] == [archived] == [api.read(path)]
    assert api.patch(path, {"archived": False}).json()["archived_at"] is None
    assert list(AuditEntry.objects.filter(action__startswith="contact.").values_list("action", flat=True)) == [
        "contact.created", "contact.updated", "contact.archived", "contact.restored",
    ]  # fmt: skip
    made = api.make("/api/contacts", customer=contact.account_id, name="Gone", archived=True)
    assert made["archived"] is True


def test_an_address_is_taken_once_an_account(api: Caller) -> None:
    account, other = make_account(), make_account()
    contact = make_contact(account, email="ann@example.com", external_id="P-1")
    body = {"name": "Ann", "email": "Ann@example.com"}
    response = api.post("/api/contacts", {**body, "customer": account.pk})
    assert (response.status_code, errors_of(response)) == (409, [("email", "unique")])
    assert api.post("/api/contacts", {**body, "customer": other.pk}).status_code == 201
    response = api.post("/api/contacts", {"name": "Bo", "external_id": "P-1", "customer": other.pk})
    assert (response.status_code, errors_of(response)) == (409, [("external_id", "unique")])
    archive_contact(contact=contact, by=SYSTEM, at=AT)
    response = api.post("/api/contacts", {**body, "customer": account.pk})
    assert "is archived. Restore them instead." in response.json()["errors"][0]["detail"]


@pytest.mark.parametrize(
    ("field", "value", "errors"),
    [
        ("customer", 999_999, [("customer", "not_found")]),
        ("customer", "external:none", [("customer", "not_found")]),
        ("customer", "CRM-1", [("customer", "invalid_reference")]),
        ("customer", None, [("customer", "null")]),
        ("customer", True, [("customer", "invalid_reference")]),
        ("customer", [1], [("customer", "invalid_reference")]),
        ("name", "", [("name", "blank")]),
        ("name", None, [("name", "null")]),
        ("name", 7, [("name", "not_text")]),
        ("name", "x" * 121, [("name", "max_length")]),
        ("name", "two\nlines", [("name", "control_character")]),
        ("email", "nobody", [("email", "invalid")]),
        ("email", "a@b", [("email", "invalid")]),
        ("email", "a b@example.com", [("email", "invalid")]),
        ("email", None, [("email", "null")]),
        ("email", 7, [("email", "not_text")]),
        ("email", "x" * 250 + "@example.com", [("email", "max_length")]),
        ("title", "x" * 121, [("title", "max_length")]),
        ("phone", "x" * 41, [("phone", "max_length")]),
        ("phone", 5550100, [("phone", "not_text")]),
        ("roles", "champion", [("roles", "not_a_list")]),
        ("roles", {"champion": True}, [("roles", "not_a_list")]),
        ("roles", None, [("roles", "null")]),
        ("roles", ["champion", "boss"], [("roles[1]", "invalid_choice")]),
        ("roles", [None], [("roles[0]", "null")]),
        ("roles", [["champion"]], [("roles[0]", "invalid_choice")]),
        ("external_id", " P-1", [("external_id", "surrounding_blanks")]),
        ("external_id", "x" * 129, [("external_id", "max_length")]),
        ("archived", "true", [("archived", "not_a_boolean")]),
        ("archived", None, [("archived", "null")]),
        ("archived_at", "2026-01-01T00:00:00Z", [("archived_at", "read_only")]),
        ("id", 7, [("id", "read_only")]),
        ("account", 7, [("account", "unknown_field")]),
    ],
)
def test_what_cannot_be_taken_names_its_field(api: Caller, field: str, value: object, errors: list) -> None:
    account = make_account()
    response = api.post("/api/contacts", {"customer": account.pk, "name": "Ann", field: value})
    assert (response.status_code, errors_of(response)) == (400, errors)
    assert Contact.objects.count() == 0
    if field != "customer":
        contact = make_contact(account)
        patched = api.patch(f"/api/contacts/{contact.pk}", {field: value})
        assert (patched.status_code, errors_of(patched)) == (400, errors)
        assert AuditEntry.objects.filter(action="contact.updated").count() == 0


@pytest.fixture
def people(db: None) -> dict[int, str]:
    first, second = make_account(external_id="CRM-1"), make_account(external_id="CRM-2")
    made = [
        make_contact(first, name="Cy", email="cy@north.example", roles=["champion", "end_user"]),
        make_contact(first, name="ann", email="", roles=["executive_sponsor"]),
        make_contact(second, name="Bo_b", email="bob@south.example", roles=["champion"]),
    ]
    archive_contact(contact=make_contact(second, name="Gone", roles=["champion"]), by=SYSTEM, at=AT)
    return {contact.pk: contact.name for contact in made}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["Cy", "ann", "Bo_b"]),
        ("ordering=id", ["Cy", "ann", "Bo_b"]),
        ("ordering=-id", ["Bo_b", "ann", "Cy"]),
        ("customer=external:CRM-1", ["Cy", "ann"]),
        ("customer=external:none", []),
        ("customer=999999", []),
        ("role=champion", ["Cy", "Bo_b"]),
        ("role=end_user&customer=external:CRM-1", ["Cy"]),
        ("role=finance_approver", []),
        ("search=AN", ["ann"]),
        ("search=south", ["Bo_b"]),
        ("search=%25", []),
        ("search=o_", ["Bo_b"]),
        ("archived=false", ["Cy", "ann", "Bo_b"]),
    ],
)
def test_the_list_is_filtered_and_sorted(
    reader: Caller, people: dict[int, str], query: str, expected: list[str]
) -> None:
    walked, path = [], f"/api/contacts?{query}&page_size=1"
    while path:
        found = reader.read(path)
        walked += [people[each["id"]] for each in found["results"]]
        path = found["next"]
    assert walked == expected
    assert [people[each["id"]] for each in reader.read(f"/api/contacts?{query}")["results"]] == expected


def test_names_sort_both_ways_alike(reader: Caller, people: dict[int, str]) -> None:
    there, back = (
        [people[each["id"]] for each in reader.read(f"/api/contacts?ordering={name}")["results"]]
        for name in ("name", "-name")
    )
    assert there == back[::-1]
    assert sorted(there) == sorted(people.values())


@pytest.mark.parametrize(
    ("query", "errors"),
    [
        ("name=Ann", [("name", "unknown_parameter")]),
        ("ordering=email", [("ordering", "invalid_choice")]),
        ("role=boss", [("role", "invalid_choice")]),
        ("role=champion&role=end_user", [("role", "repeated")]),
        ("customer=CRM-1", [("customer", "invalid_reference")]),
        ("archived=1", [("archived", "invalid_choice")]),
        ("search=a%00b", [("search", "control_character")]),
        ("search=" + "x" * 201, [("search", "max_length")]),
        ("page_size=0", [("page_size", "min_value")]),
        ("cursor=forged", [("cursor", "invalid_cursor")]),
    ],
)
def test_a_query_that_cannot_be_taken_is_refused(reader: Caller, query: str, errors: list[tuple[str, str]]) -> None:
    response = reader.get(f"/api/contacts?{query}")
    assert (response.status_code, errors_of(response)) == (400, errors)


@pytest.mark.parametrize("path", ["7", "0", "99999999999999999999999", "external:none", "external:a%00b", "abc", "-1"])
def test_what_does_not_exist_is_404(api: Caller, path: str) -> None:
    assert api.get(f"/api/contacts/{path}").status_code == 404
    assert api.patch(f"/api/contacts/{path}", {}).status_code == 404


def test_posting_twice_creates_once(api: Caller) -> None:
    body = {"customer": make_account().pk, "name": "Ann"}
    first, again = (api.post("/api/contacts", body, idempotency_key="k") for _ in range(2))
    assert (again.status_code, again.content) == (201, first.content)
    assert Contact.objects.count() == 1
    assert api.post("/api/contacts", {**body, "name": "Bo"}, idempotency_key="k").status_code == 409

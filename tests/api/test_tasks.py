"""/api/tasks"""

from collections.abc import Callable
from datetime import UTC, date, datetime
from itertools import pairwise
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import Account, Notification, Task
from accounts.services.accounts import archive_account
from accounts.services.tasks import Step, create_task, set_task_state, update_task
from tests.api.conftest import Caller, errors_of
from tests.factories import make_account, make_user
from valuerealization.common.audit import SYSTEM
from valuerealization.common.models import AuditEntry

AT = datetime(2026, 11, 17, 14, tzinfo=UTC)
FULL = {
    "external_id": "T-1",
    "title": "Send the renewal summary",
    "details": "First line\nSecond line",
    "assignee": "ana@example.com",
    "due_on": "2026-12-01",
    "priority": "high",
    "state": "open",
    "snoozed_until": "2026-11-20",
    "show_in_portal": True,
    "checklist": [{"text": "Draft", "done": True}, {"text": "Send", "done": False}],
    "source": "playbook: renewal",
}
FIELDS = [
    "id", "customer", "external_id", "title", "details", "assignee", "due_on", "priority", "state", "snoozed_until",
    "show_in_portal", "checklist", "source", "created_by", "done_at", "done_by", "created_at", "updated_at",
]  # fmt: skip


@pytest.fixture
def customer(db: None) -> int:
    return make_account(external_id="CRM-1").pk


def make(customer: int, **fields: Any) -> Task:
    account = Account.objects.get(pk=customer)
    return create_task(account=account, by=SYSTEM, at=AT, **{"title": "Call", **fields})


def ids(api: Caller, query: str) -> list[int]:
    return [each["id"] for each in api.read(f"/api/tasks?{query}")["results"]]


# ---- one task --------------------------------------------------------------------------------------------------------


def test_a_task_is_made_and_read(api: Caller, customer: int) -> None:
    ana = make_user(email="ana@example.com")
    response = api.post("/api/tasks", {"customer": "external:CRM-1", **FULL})
    assert response.status_code == 201
    made = response.json()
    assert list(made) == FIELDS
    assert {name: made[name] for name in FULL} == FULL
    assert (made["customer"], made["created_by"], made["done_at"], made["done_by"]) == (customer, None, None, None)
    assert made["created_at"].endswith("Z")
    assert response.headers["Location"] == f"http://testserver/api/tasks/{made['id']}"
    assert api.read(f"/api/tasks/{made['id']}") == made
    assert api.read("/api/tasks/external:T-1") == made
    assert Notification.objects.get().person == ana


def test_customer_and_title_suffice(api: Caller, customer: int) -> None:
    made = api.make("/api/tasks", customer=customer, title=" Call ")
    assert {name: made[name] for name in FULL} == {
        "external_id": None, "title": "Call", "details": "", "assignee": None, "due_on": None, "priority": "normal",
        "state": "open", "snoozed_until": None, "show_in_portal": False, "checklist": [],
        "source": "API key Test write",
    }  # fmt: skip


def test_what_is_missing_is_named(api: Caller) -> None:
    response = api.post("/api/tasks", {})
    assert (response.status_code, errors_of(response)) == (400, [("customer", "required"), ("title", "required")])


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("title", "", "blank"),
        ("title", " ", "blank"),
        ("title", None, "null"),
        ("title", 7, "not_text"),
        ("title", "x" * 201, "max_length"),
        ("title", "two\nlines", "control_character"),
        ("details", "x" * 10_001, "max_length"),
        ("details", None, "null"),
        ("external_id", " T", "surrounding_blanks"),
        ("external_id", "x" * 129, "max_length"),
        ("assignee", "nobody@example.com", "not_found"),
        ("assignee", 3, "not_text"),
        ("due_on", "2026-02-30", "invalid_date"),
        ("due_on", "2026-12-01T00:00:00Z", "invalid_date"),
        ("due_on", 20261201, "invalid_date"),
        ("due_on", "0001-01-01", "out_of_range"),
        ("priority", "soon", "invalid_choice"),
        ("priority", None, "null"),
        ("state", "closed", "invalid_choice"),
        ("state", None, "null"),
        ("snoozed_until", "tomorrow", "invalid_date"),
        ("show_in_portal", "yes", "not_a_boolean"),
        ("show_in_portal", 1, "not_a_boolean"),
        ("source", "x" * 201, "max_length"),
        ("colour", "red", "unknown_field"),
        ("id", 7, "read_only"),
        ("created_by", "ana@example.com", "read_only"),
        ("done_at", "2026-01-01T00:00:00Z", "read_only"),
    ],
)
def test_what_cannot_be_taken_names_its_field(api: Caller, customer: int, field: str, value: object, code: str) -> None:
    response = api.post("/api/tasks", {"customer": customer, "title": "Call", field: value})
    assert (response.status_code, errors_of(response)) == (400, [(field, code)])
    assert Task.objects.count() == 0
    task = make(customer)
    patched = api.patch(f"/api/tasks/{task.pk}", {field: value})
    assert (patched.status_code, errors_of(patched)) == (400, [(field, code)])
    assert AuditEntry.objects.filter(action="task.updated").count() == 0


@pytest.mark.parametrize(
    ("checklist", "field", "code"),
    [
        ("x", "checklist", "not_a_list"),
        (None, "checklist", "null"),
        (["x"], "checklist[0]", "not_an_object"),
        ([{"text": "ok"}, {"text": ""}], "checklist[1].text", "blank"),
        ([{}], "checklist[0].text", "required"),
        ([{"text": "x" * 301}], "checklist[0].text", "max_length"),
        ([{"text": "x", "done": "no"}], "checklist[0].done", "not_a_boolean"),
        ([{"text": "x", "position": 1}], "checklist[0].position", "unknown_field"),
        ([{"text": "x"}] * 101, "checklist", "too_many"),
    ],
)
def test_a_checklist_that_is_none(api: Caller, customer: int, checklist: object, field: str, code: str) -> None:
    response = api.post("/api/tasks", {"customer": customer, "title": "Call", "checklist": checklist})
    assert (response.status_code, errors_of(response)) == (400, [(field, code)])
    assert Task.objects.count() == 0


@pytest.mark.parametrize("reference", [999_999, "external:none", "CRM-1", True, None, "", [], 0, -1, 2**70])
def test_a_customer_that_is_none(api: Caller, customer: int, reference: object) -> None:
    response = api.post("/api/tasks", {"customer": reference, "title": "Call"})
    assert response.status_code == 400
    assert [field for field, _code in errors_of(response)] == ["customer"]


def test_an_archived_customer_takes_no_task(api: Caller, customer: int) -> None:
    task = make(customer)
    archive_account(account=task.account, by=SYSTEM, at=timezone.now())
    response = api.post("/api/tasks", {"customer": customer, "title": "Call"})
    assert (response.status_code, errors_of(response)) == (400, [("customer", "archived")])
    assert api.read(f"/api/tasks/{task.pk}")["title"] == "Call"


def test_an_external_id_is_taken_once(api: Caller, customer: int) -> None:
    api.make("/api/tasks", customer=customer, title="A", external_id="X")
    other = api.make("/api/tasks", customer=customer, title="B")
    for response in (
        api.post("/api/tasks", {"customer": customer, "title": "C", "external_id": "X"}),
        api.patch(f"/api/tasks/{other['id']}", {"external_id": "X"}),
    ):
        assert (response.status_code, response.json()["code"]) == (409, "conflict")
        assert errors_of(response) == [("external_id", "unique")]
    assert Task.objects.count() == 2


def test_a_first_name_of_several_people_is_refused(api: Caller, customer: int) -> None:
    make_user(name="Jonas Berg")
    make_user(name="Jonas Lind")
    response = api.post("/api/tasks", {"customer": customer, "title": "Call", "details": "Ask @Jonas"})
    assert (response.status_code, errors_of(response)) == (400, [("details", "ambiguous_mention")])


@pytest.mark.parametrize("path", ["/api/tasks/999999", "/api/tasks/external:none", "/api/tasks/x", "/api/tasks/-1"])
def test_what_is_not_there_is_404(api: Caller, path: str) -> None:
    assert api.get(path).status_code == 404
    assert api.patch(path, {"title": "x"}).status_code == 404


def test_methods_that_are_none(api: Caller, customer: int) -> None:
    task = make(customer)
    assert api.delete(f"/api/tasks/{task.pk}").status_code == 405
    assert api.send("PUT", f"/api/tasks/{task.pk}", {"title": "x"}).status_code == 405
    assert api.patch("/api/tasks", {"title": "x"}).status_code == 405
    assert api.send("POST", "/api/tasks", raw=b"title=x", content_type="text/plain").status_code == 415
    for body in (b"", b"[]", b"{", b'{"title": "a", "title": "b"}'):
        assert api.send("POST", "/api/tasks", raw=body).status_code == 400


# ---- changes ---------------------------------------------------------------------------------------------------------


def test_what_is_given_changes_and_the_rest_stays(api: Caller, customer: int) -> None:
    make_user(email="ana@example.com")
    made = api.make("/api/tasks", customer=customer, **FULL)
    path = f"/api/tasks/{made['id']}"
    changed = api.patch(path, {"title": "Other", "due_on": None, "assignee": None, "checklist": [{"text": "One"}]})
    assert changed.status_code == 200
    expected = {
        **made, "title": "Other", "due_on": None, "assignee": None, "checklist": [{"text": "One", "done": False}],
    }  # fmt: skip
    found = changed.json()
    assert {**found, "updated_at": ""} == {**expected, "updated_at": ""}
    assert found["updated_at"] > made["updated_at"]
    entry = AuditEntry.objects.get(action="task.updated")
    assert (entry.actor_kind, entry.actor_name) == ("api_key", "API key Test write")
    assert sorted(entry.details) == ["assignee", "checklist", "due_on", "title"]
    assert api.patch(path, {"external_id": None}).json()["external_id"] is None


def test_what_was_read_can_be_sent_back_and_changes_nothing(api: Caller, customer: int) -> None:
    make_user(email="ana@example.com")
    made = api.make("/api/tasks", customer=customer, **FULL)
    written = {name: made[name] for name in (*FULL, "customer")}
    for body in (written, {}, {**written, "customer": "external:CRM-1"}):
        assert api.patch(f"/api/tasks/{made['id']}", body).json() == made
    assert AuditEntry.objects.filter(action__startswith="task.").count() == 1


def test_a_task_is_done_cancelled_and_reopened(api: Caller, customer: int) -> None:
    made = api.make("/api/tasks", customer=customer, title="Call", state="done")
    assert (made["state"], made["done_by"]) == ("done", None)
    assert made["done_at"]
    path = f"/api/tasks/{made['id']}"
    again = api.patch(path, {"state": "done"}).json()
    assert again["done_at"] == made["done_at"]
    for state in ("cancelled", "open"):
        found = api.patch(path, {"state": state}).json()
        assert (found["state"], found["done_at"]) == (state, None)
    actions = list(
        AuditEntry.objects.filter(action__startswith="task.").order_by("pk").values_list("action", flat=True)
    )
    assert actions == ["task.created", "task.done", "task.cancelled", "task.reopened"]


def test_fields_and_state_change_together_or_not_at_all(api: Caller, customer: int) -> None:
    task = make(customer)
    response = api.patch(f"/api/tasks/{task.pk}", {"state": "done", "assignee": "nobody@example.com"})
    assert response.status_code == 400
    task.refresh_from_db()
    assert task.state == "open"


def test_a_task_stays_with_its_customer(api: Caller, customer: int) -> None:
    task, other = make(customer), make_account(external_id="CRM-2")
    for reference in (other.pk, "external:CRM-2", "external:none"):
        response = api.patch(f"/api/tasks/{task.pk}", {"customer": reference})
        assert (response.status_code, errors_of(response)) == (400, [("customer", "immutable")])


def test_whoever_left_may_stay_and_nobody_who_left_is_taken(api: Caller, customer: int) -> None:
    ana = make_user(email="ana@example.com")
    task = make(customer, assignee=ana)
    type(ana).objects.update(is_active=False)
    path = f"/api/tasks/{task.pk}"
    assert api.patch(path, {"assignee": "ANA@example.com", "title": "x"}).json()["assignee"] == "ana@example.com"
    assert api.patch(path, {"assignee": None}).status_code == 200
    assert errors_of(api.patch(path, {"assignee": "ana@example.com"})) == [("assignee", "not_found")]


def test_people_who_made_and_finished_it_are_named(api: Caller, customer: int) -> None:
    ana = make_user(email="ana@example.com")
    task = make(customer)
    set_task_state(task=task, state="done", by=ana.as_actor(), at=AT)
    mine = create_task(account=task.account, by=ana.as_actor(), at=AT, title="Mine")
    found = api.read(f"/api/tasks/{task.pk}")
    assert (found["done_by"], found["done_at"], found["created_by"]) == (
        "ana@example.com",
        "2026-11-17T14:00:00Z",
        None,
    )
    assert api.read(f"/api/tasks/{mine.pk}")["created_by"] == "ana@example.com"


# ---- versions and repeats --------------------------------------------------------------------------------------------


def test_a_tag_changes_with_the_task(api: Caller, customer: int) -> None:
    task = make(customer, checklist=[Step("One")])
    path = f"/api/tasks/{task.pk}"
    tag = api.get(path).headers["ETag"]
    unchanged = api.get(path, if_none_match=tag)
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    changed = api.patch(path, {"checklist": [{"text": "One", "done": True}]}, if_match=tag)
    assert changed.status_code == 200
    assert changed.headers["ETag"] not in ("", tag)
    assert api.get(path).headers["ETag"] == changed.headers["ETag"]


def test_a_stale_change_is_412(api: Caller, customer: int) -> None:
    task = make(customer)
    path = f"/api/tasks/{task.pk}"
    tag = api.get(path).headers["ETag"]
    update_task(task=task, by=SYSTEM, at=AT, title="Other")
    for given in (tag, f"W/{api.get(path).headers['ETag']}", '"x"'):
        response = api.patch(path, {"state": "done"}, if_match=given)
        assert (response.status_code, response.json()["code"]) == (412, "stale")
    assert api.patch(path, {"state": "done"}, if_match="*").json()["state"] == "done"
    assert api.patch(path, {"title": "x"}, if_match="no tag").status_code == 400


def test_posting_twice_creates_once(api: Caller, customer: int) -> None:
    ana = make_user(email="ana@example.com")
    body = {"customer": customer, **FULL}
    first, again = (api.post("/api/tasks", body, idempotency_key="k-1") for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 201)
    assert (first.content, first.headers["Location"]) == (again.content, again.headers["Location"])
    other = api.post("/api/tasks", {**body, "title": "Other"}, idempotency_key="k-1")
    assert other.status_code == 409
    assert (Task.objects.count(), Notification.objects.filter(person=ana).count()) == (1, 1)
    refused = api.post("/api/tasks", {"customer": customer}, idempotency_key="k-2")
    assert refused.status_code == 400
    assert api.post("/api/tasks", {"customer": customer, "title": "x"}, idempotency_key="k-2").status_code == 201


# ---- the list --------------------------------------------------------------------------------------------------------


def test_the_list_is_filtered(reader: Caller, customer: int) -> None:
    ana, other = make_user(email="ana@example.com"), make_account(external_id="CRM-2").pk
    first = make(customer, title="Renewal call", assignee=ana, due_on=date(2026, 12, 1), priority="urgent").pk
    done = make(customer, title="Survey", show_in_portal=True)
    set_task_state(task=done, state="done", by=SYSTEM, at=AT)
    third = make(other, title="100% call", due_on=date(2026, 12, 2)).pk
    for query, expected in {
        "": [first, done.pk, third],
        "ordering=-id": [third, done.pk, first],
        "ordering=due_on": [first, third, done.pk],
        f"customer={customer}": [first, done.pk],
        "customer=external:CRM-2": [third],
        "customer=external:none": [],
        "state=open": [first, third],
        "state=done": [done.pk],
        "state=cancelled": [],
        "assignee=ANA@example.com": [first],
        "assignee=nobody@example.com": [],
        "priority=urgent": [first],
        "due_before=2026-12-02": [first],
        "search=CALL": [first, third],
        "search=0%25": [third],
        "search=_": [],
        "show_in_portal=true": [done.pk],
        "show_in_portal=false&state=open&search=ren": [first],
    }.items():
        assert ids(reader, query) == expected, query


@pytest.mark.parametrize(
    ("query", "errors"),
    [
        ("colour=red", [("colour", "unknown_parameter")]),
        ("state=closed", [("state", "invalid_choice")]),
        ("state=open&state=done", [("state", "repeated")]),
        ("priority=soon", [("priority", "invalid_choice")]),
        ("ordering=title", [("ordering", "invalid_choice")]),
        ("ordering=-due_on", [("ordering", "invalid_choice")]),
        ("due_before=today", [("due_before", "invalid_date")]),
        ("show_in_portal=1", [("show_in_portal", "invalid_choice")]),
        ("page_size=0", [("page_size", "min_value")]),
        ("page_size=ten", [("page_size", "invalid_page_size")]),
        ("page_size=201", [("page_size", "max_value")]),
        ("cursor=x", [("cursor", "invalid_cursor")]),
        ("search=%00", [("search", "control_character")]),
    ],
)
def test_a_query_that_cannot_be_taken_is_refused(reader: Caller, query: str, errors: list[tuple[str, str]]) -> None:
    response = reader.get(f"/api/tasks?{query}")
    assert (response.status_code, errors_of(response)) == (400, errors)


@pytest.mark.parametrize("ordering", ["id", "-id", "due_on"])
def test_pages_go_both_ways_and_hold_each_once(reader: Caller, customer: int, ordering: str) -> None:
    days = [date(2026, 12, 3), None, date(2026, 12, 1), None, date(2026, 12, 3), date(2026, 12, 2), None]
    made = [make(customer, due_on=day, priority="urgent" if number == 4 else "low") for number, day in enumerate(days)]
    order = {
        "id": [0, 1, 2, 3, 4, 5, 6], "-id": [6, 5, 4, 3, 2, 1, 0], "due_on": [2, 5, 4, 0, 1, 3, 6],
    }[ordering]  # fmt: skip
    expected = [made[number].pk for number in order]
    pages = [reader.read(f"/api/tasks?page_size=2&ordering={ordering}")]
    while pages[-1]["next"]:
        pages.append(reader.read(pages[-1]["next"]))
    assert [[each["id"] for each in page["results"]] for page in pages] == [
        expected[:2], expected[2:4], expected[4:6], expected[6:],
    ]  # fmt: skip
    assert pages[0]["previous"] is None
    for earlier, later in pairwise(pages):
        assert reader.read(later["previous"])["results"] == earlier["results"]


def test_a_cursor_belongs_to_its_order(reader: Caller, customer: int) -> None:
    for _ in range(3):
        make(customer)
    cursor = reader.read("/api/tasks?page_size=1")["next"].partition("cursor=")[2].partition("&")[0]
    response = reader.get(f"/api/tasks?ordering=due_on&cursor={cursor}")
    assert (response.status_code, errors_of(response)) == (400, [("cursor", "invalid_cursor")])


@pytest.mark.parametrize("count", [1, 30])
def test_the_list_costs_the_same_at_any_length(
    reader: Caller, customer: int, count: int, django_assert_num_queries: Callable[..., Any]
) -> None:
    ana = make_user(email="ana@example.com")
    reader.get("/api/tasks")  # the key's last use is written down
    for number in range(count):
        task = make(customer, title=f"Task {number}", assignee=ana, checklist=[Step("One"), Step("Two")])
        set_task_state(task=task, state="done", by=ana.as_actor(), at=AT)
    with django_assert_num_queries(4):  # the key, the page's ids, its tasks, their steps
        assert len(reader.read("/api/tasks?state=done")["results"]) == count


# ---- who may ---------------------------------------------------------------------------------------------------------


def test_a_key_that_reads_writes_nothing(reader: Caller, anonymous: Caller, customer: int) -> None:
    task = make(customer)
    for method, path in (("POST", "/api/tasks"), ("PATCH", f"/api/tasks/{task.pk}")):
        response = reader.send(method, path, {"customer": customer, "title": "Other"})
        assert (response.status_code, response.json()["code"]) == (403, "insufficient_scope")
        assert anonymous.send(method, path, {"title": "Other"}).status_code == 401
    assert anonymous.get("/api/tasks").status_code == 401
    assert Task.objects.get().title == "Call"


def test_a_session_reads_and_never_writes(anonymous: Caller, customer: int) -> None:
    task = make(customer)
    anonymous.client.force_login(make_user(role="admin"), backend="django.contrib.auth.backends.ModelBackend")
    assert anonymous.get(f"/api/tasks/{task.pk}").status_code == 200
    assert anonymous.patch(f"/api/tasks/{task.pk}", {"title": "Other"}).status_code == 403

"""/api/objectives"""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.services.accounts import archive_account
from objectives.models import Objective, ObjectiveRevision, Reading
from tests.api.conftest import Caller, errors_of
from tests.factories import make_account, make_metric, make_objective, make_user, record
from valuerealization.common.audit import SYSTEM
from valuerealization.common.models import AuditEntry

MEMBERS = [
    "id", "customer", "external_id", "title", "details", "completion_type", "done", "baseline", "current", "target",
    "unit", "unit_label", "metric", "kind", "weight", "owner", "started_on", "due_on", "show_in_portal", "cadence",
    "measured_by", "validated_by", "reported_by", "completion", "completion_display", "measured_at", "grade",
    "next_due_on", "archived_at", "created_at", "updated_at",
]  # fmt: skip


def today() -> str:
    return timezone.now().date().isoformat()


@pytest.fixture
def customer(db: None) -> int:
    return make_account(external_id="CRM-1").pk


def test_an_objective_is_made_and_read(api: Caller, customer: int) -> None:
    make_user(email="ana@example.com")
    due = (timezone.now().date() + timedelta(days=90)).isoformat()
    body = {
        "customer": "external:CRM-1", "external_id": "OBJ-7", "title": "Faster onboarding", "details": "Line\nand line",
        "completion_type": "value", "baseline": 14, "current": 9.5, "target": "7", "unit": "days", "weight": "2.50",
        "owner": "Ana@Example.com", "started_on": "2026-01-01", "due_on": due, "show_in_portal": True,
    }  # fmt: skip
    response = api.post("/api/objectives", body)
    assert response.status_code == 201, response.content
    made = response.json()
    assert list(made) == MEMBERS
    assert {name: made[name] for name in body} == {
        **body, "customer": customer, "baseline": "14", "current": "9.5", "target": "7", "weight": "2.5",
        "owner": "ana@example.com",
    }  # fmt: skip
    assert (made["completion"], made["completion_display"], made["metric"]) == ("64.285714", "64%", None)
    assert made["measured_at"].endswith("Z")
    assert (made["archived_at"], made["kind"], made["done"]) == (None, "value", False)
    assert response.headers["Location"] == f"http://testserver/api/objectives/{made['id']}"
    assert api.read("/api/objectives/external:OBJ-7") == made
    assert api.read(f"/api/objectives?customer={customer}") == {"next": None, "previous": None, "results": [made]}
    assert Reading.objects.get().value == 9.5


def test_little_suffices(api: Caller, customer: int) -> None:
    made = api.make("/api/objectives", customer=customer, title="Go live", completion_type="manual")
    assert (made["done"], made["unit"], made["weight"], made["started_on"]) == (False, None, "1", today())
    assert [made[name] for name in ("baseline", "current", "target", "completion", "measured_at")] == [None] * 5
    done = api.patch(f"/api/objectives/{made['id']}", {"done": True}).json()
    assert (done["done"], done["completion"]) == (True, None)


def test_what_is_missing_is_named(api: Caller) -> None:
    assert errors_of(api.post("/api/objectives", {})) == [
        ("customer", "required"), ("title", "required"), ("completion_type", "required"),
    ]  # fmt: skip


BASE: dict[str, Any] = {"title": "T", "completion_type": "value", "baseline": 10, "target": 20}


@pytest.mark.parametrize(
    ("change", "errors"),
    [
        ({"baseline": None}, [("baseline", "required")]),
        ({"target": None}, [("target", "required")]),
        ({"baseline": 20}, [("target", "baseline_equals_target")]),
        ({"baseline": "20.000000"}, [("target", "baseline_equals_target")]),
        ({"current": 10}, [("current", "no_progress_yet")]),
        ({"weight": 0}, [("weight", "weight_out_of_range")]),
        ({"weight": "100.000001"}, [("weight", "weight_out_of_range")]),
        ({"weight": -1}, [("weight", "weight_out_of_range")]),
        ({"weight": None}, [("weight", "null")]),
        ({"completion_type": "manual"}, [("baseline", "not_for_manual"), ("target", "not_for_manual")]),
        ({"completion_type": "attribute"}, [("metric", "required")]),
        ({"completion_type": "magic"}, [("completion_type", "invalid_choice")]),
        ({"completion_type": "attribute", "metric": "csat", "current": 12}, [("current", "synced")]),
        ({"metric": "csat"}, [("metric", "only_for_attribute")]),
        ({"metric": "nothing"}, [("metric", "not_found")]),
        ({"done": True}, [("done", "only_for_manual")]),
        ({"done": "true"}, [("done", "not_a_boolean")]),
        ({"done": 1}, [("done", "not_a_boolean")]),
        ({"show_in_portal": None}, [("show_in_portal", "null")]),
        ({"unit": "litres"}, [("unit", "invalid_choice")]),
        ({"unit": "custom"}, [("unit_label", "required")]),
        ({"unit": "custom", "unit_label": "x" * 25}, [("unit_label", "max_length")]),
        ({"unit": "days", "unit_label": "d"}, [("unit_label", "only_for_custom")]),
        ({"started_on": "2026-03-01", "due_on": "2026-03-01"}, [("due_on", "due_before_start")]),
        ({"started_on": "2020-01-01", "due_on": "2020-03-01"}, [("due_on", "due_in_past")]),
        ({"owner": "nobody@example.com"}, [("owner", "not_found")]),
        ({"customer": 99}, [("customer", "not_found")]),
        ({"customer": "external:none"}, [("customer", "not_found")]),
        ({"customer": "CRM-1"}, [("customer", "invalid_reference")]),
        ({"customer": "external:"}, [("customer", "invalid_reference")]),
        ({"customer": -1}, [("customer", "invalid_reference")]),
        ({"customer": 1.5}, [("customer", "invalid_reference")]),
        ({"customer": True}, [("customer", "invalid_reference")]),
        ({"customer": 10**30}, [("customer", "invalid_reference")]),
        ({"customer": None}, [("customer", "null")]),
        ({"title": ""}, [("title", "blank")]),
        ({"kind": "value"}, [("kind", "read_only")]),
        ({"completion": 5}, [("completion", "read_only")]),
        ({"archived_at": None}, [("archived_at", "read_only")]),
        ({"reason": "x"}, [("reason", "unknown_field")]),
    ],
)
def test_refusals_name_the_field(
    api: Caller, customer: int, change: dict[str, Any], errors: list[tuple[str, str]]
) -> None:
    make_metric(key="csat")
    response = api.post("/api/objectives", {"customer": customer, **BASE, **change})
    assert (response.status_code, errors_of(response)) == (400, errors)
    assert Objective.objects.count() == 0


@pytest.mark.parametrize("field", ["baseline", "current", "target", "weight"])
@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("", "empty"), ("twelve", "not_a_number"), ("1,5", "separator"), ("1.000,5", "separator"),
        ("1 000", "not_a_number"), (" 5", "not_a_number"), ("5\n", "not_a_number"), ("NaN", "not_finite"),
        ("-Infinity", "not_finite"),
        ("inf", "not_finite"), ("sNaN1", "not_finite"), ("1e2", "exponent"), ("0x1F", "not_a_number"),
        ("1_0", "separator"), ("\u0661\u0662", "not_ascii"), ("\uff11", "not_ascii"), ("\u22125", "not_ascii"),
        ("\u00bd", "not_ascii"), ("5%", "not_a_number"), ("$5", "not_a_number"), ("--5", "not_a_number"),
        ("1.1234567", "too_many_decimals"), (1.1234567, "too_many_decimals"), ("100000000000000", "too_many_digits"),
        (10**14, "too_many_digits"), ("9" * 5000, "too_many_digits"), (True, "not_a_number"), ([], "not_a_number"),
        ({}, "not_a_number"), ([1], "not_a_number"),
    ],
)  # fmt: skip
def test_numbers_that_are_none(api: Caller, customer: int, field: str, value: object, code: str) -> None:
    response = api.post("/api/objectives", {"customer": customer, **BASE, field: value})
    assert (response.status_code, errors_of(response)) == (400, [(field, code)])


@pytest.mark.parametrize(
    ("raw", "written"),
    [
        (b"20", "20"), (b"20.000000", "20"), (b'"20.50"', "20.5"), (b"2e1", "20"), (b"2.05E+1", "20.5"),
        (b"-0", "0"), (b"-0.0", "0"), (b'"-0.000001"', "-0.000001"),
        (b"99999999999999.999999", "99999999999999.999999"),
        (b'"-99999999999999.999999"', "-99999999999999.999999"), (b"0.1", "0.1"),
        (b"1234567.891234", "1234567.891234"),
    ],
)  # fmt: skip
def test_decimals_come_back_as_they_went(api: Caller, customer: int, raw: bytes, written: str) -> None:
    body = b'{"customer": %d, "title": "T", "completion_type": "value", "baseline": 7, "target": %s}' % (customer, raw)
    response = api.send("POST", "/api/objectives", raw=body)
    assert response.status_code == 201, response.content
    assert response.json()["target"] == written


def test_an_archived_customer_takes_no_objective(api: Caller, customer: int) -> None:
    api.delete(f"/api/customers/{customer}")
    response = api.post("/api/objectives", {"customer": customer, **BASE})
    assert (response.status_code, errors_of(response)) == (400, [("customer", "archived")])


def test_an_external_id_is_taken_once(api: Caller, customer: int) -> None:
    api.make("/api/objectives", customer=customer, **BASE, external_id="O")
    response = api.post("/api/objectives", {"customer": customer, **BASE, "external_id": "O"})
    assert (response.status_code, errors_of(response)) == (409, [("external_id", "unique")])
    other = api.make("/api/objectives", customer=customer, **BASE)
    response = api.patch(f"/api/objectives/{other['id']}", {"external_id": "O"})
    assert (response.status_code, errors_of(response)) == (409, [("external_id", "unique")])


def test_a_new_current_is_a_reading_and_an_unchanged_one_is_nothing(api: Caller, customer: int) -> None:
    made = api.make("/api/objectives", customer=customer, **BASE)
    path = f"/api/objectives/{made['id']}"
    first = api.patch(path, {"current": "12"}).json()
    assert (first["current"], first["completion"]) == ("12", "20")
    again = api.patch(path, {"current": 12.0}).json()
    assert again == first
    assert Reading.objects.count() == 1
    assert AuditEntry.objects.filter(action="readings.recorded").count() == 1
    back = api.patch(path, {"current": 10}).json()
    assert (back["current"], back["completion"], back["completion_display"]) == ("10", "0", "0%")
    assert [str(value) for value in Reading.objects.order_by("id").values_list("value", flat=True)] == [
        "12.000000", "10.000000",
    ]  # fmt: skip


def test_a_measured_current_is_not_cleared(api: Caller, customer: int) -> None:
    made = api.make("/api/objectives", customer=customer, **BASE)
    assert api.patch(f"/api/objectives/{made['id']}", {"current": None}).json() == made
    api.patch(f"/api/objectives/{made['id']}", {"current": 12})
    response = api.patch(f"/api/objectives/{made['id']}", {"current": None})
    assert (response.status_code, errors_of(response)) == (400, [("current", "not_clearable")])


def test_what_was_read_can_be_sent_back(api: Caller) -> None:
    """A client that changes one member of what it read and sends all it may write."""
    account, metric = make_account(), make_metric(unit="score")
    made = make_objective(account, metric=metric)
    record(metric, 40, account=account)
    for objective in (made, make_objective(account, current=50), make_objective(account, completion_type="manual")):
        found = api.read(f"/api/objectives/{objective.pk}")
        writable = {
            name: value for name, value in found.items()
            if name not in {
                "id", "kind", "completion", "completion_display", "measured_at", "grade", "next_due_on", "archived_at",
                "created_at", "updated_at",
            }
        }  # fmt: skip
        response = api.patch(f"/api/objectives/{objective.pk}", {**writable, "title": "New"})
        assert response.status_code == 200, response.content
        after = response.json()
        assert {name for name in after if after[name] != found[name]} == {"title", "updated_at"}
    assert Reading.objects.count() == 2


def test_every_change_of_a_definition_is_a_revision(api: Caller, customer: int) -> None:
    made = api.make("/api/objectives", customer=customer, **BASE, current=15)
    changed = api.patch(f"/api/objectives/{made['id']}", {"target": 30}).json()
    assert (made["completion"], changed["completion"]) == ("50", "25")
    assert list(ObjectiveRevision.objects.order_by("number").values_list("number", "target", "changed_by")) == [
        (1, 20, "API key Test write"), (2, 30, "API key Test write"),
    ]  # fmt: skip


def test_an_objective_stays_with_its_customer(api: Caller, customer: int) -> None:
    other = make_account()
    made = api.make("/api/objectives", customer=customer, **BASE)
    path = f"/api/objectives/{made['id']}"
    assert api.patch(path, {"customer": customer}).status_code == 200
    assert api.patch(path, {"customer": "external:CRM-1"}).status_code == 200
    response = api.patch(path, {"customer": other.pk})
    assert (response.status_code, errors_of(response)) == (400, [("customer", "immutable")])


def test_a_type_can_change(api: Caller, customer: int) -> None:
    metric = make_metric(key="csat", unit="score")
    made = api.make("/api/objectives", customer=customer, **BASE, current=15)
    synced = api.patch(f"/api/objectives/{made['id']}", {"completion_type": "attribute", "metric": "csat"}).json()
    assert (synced["metric"], synced["current"], synced["completion"]) == ("csat", None, None)
    record(metric, 18, account=Objective.objects.get().account)
    back = api.patch(f"/api/objectives/{made['id']}", {"completion_type": "value", "metric": None}).json()
    assert (back["metric"], back["current"], back["completion"]) == (None, "15", "50")
    manual = api.patch(
        f"/api/objectives/{made['id']}", {"completion_type": "manual", "baseline": None, "target": None}
    ).json()
    assert (manual["completion_type"], manual["current"], manual["completion"]) == ("manual", None, None)


def test_activity_metrics_make_activity_objectives(api: Caller, customer: int) -> None:
    make_metric(key="logins", unit="users", kind="activity")
    made = api.make("/api/objectives", customer=customer, **{**BASE, "completion_type": "attribute"}, metric="logins")
    assert (made["kind"], made["unit"]) == ("activity", "users")


def test_delete_archives_and_leaves_the_mean(api: Caller, customer: int) -> None:
    keep = api.make("/api/objectives", customer=customer, **BASE, current=18, external_id="keep")
    gone = api.make("/api/objectives", customer=customer, **BASE, current=12, external_id="gone")
    assert api.read(f"/api/customers/{customer}")["value_delivered"] == "50"
    for _ in range(2):
        assert api.delete("/api/objectives/external:gone").status_code == 204
    assert api.read(f"/api/customers/{customer}")["value_delivered"] == "80"
    assert [each["id"] for each in api.read("/api/objectives")["results"]] == [keep["id"]]
    [archived] = api.read("/api/objectives?archived=true")["results"]
    assert (archived["id"], archived["archived_at"] is not None) == (gone["id"], True)
    response = api.patch("/api/objectives/external:gone", {"current": 19})
    assert (response.status_code, errors_of(response)) == (400, [("current", "archived")])


def test_the_list_is_filtered(reader: Caller) -> None:
    ana = make_user(email="ana@example.com")
    one, two, metric = make_account(external_id="one"), make_account(), make_metric(key="csat")
    made = {
        "a": make_objective(one, title="Cut costs", owner=ana, show_in_portal=True).pk,
        "b": make_objective(one, completion_type="manual", title="Go live").pk,
        "c": make_objective(two, metric=metric, title="Satisfaction").pk,
    }
    back = {pk: name for name, pk in made.items()}
    for query, expected in [
        ("", "abc"), ("ordering=-id", "cba"), ("customer=external:one", "ab"), (f"customer={two.pk}", "c"),
        ("customer=external:none", ""), ("completion_type=manual", "b"), ("metric=csat", "c"), ("metric=none", ""),
        ("owner=Ana@example.com", "a"), ("search=CO", "a"), ("show_in_portal=true", "a"),
        ("show_in_portal=false", "bc"), ("archived=false", "abc"), ("archived=true", ""),
        ("customer=external:one&completion_type=value", "a"),
    ]:  # fmt: skip
        found = reader.read(f"/api/objectives?{query}")["results"]
        assert "".join(back[each["id"]] for each in found) == expected, query


@pytest.mark.parametrize(
    ("query", "errors"),
    [
        ("status=stalled", [("status", "unknown_parameter")]),
        ("ordering=title", [("ordering", "invalid_choice")]),
        ("completion_type=magic", [("completion_type", "invalid_choice")]),
        ("customer=CRM", [("customer", "invalid_reference")]),
        ("archived=yes", [("archived", "invalid_choice")]),
        ("archived=true&archived=false", [("archived", "repeated")]),
        ("search=%00", [("search", "control_character")]),
        ("owner=a%00", [("owner", "control_character")]),
        ("cursor=WyJ4Il0:abc", [("cursor", "invalid_cursor")]),
    ],
)
def test_a_query_that_cannot_be_taken_is_refused(reader: Caller, query: str, errors: list[tuple[str, str]]) -> None:
    response = reader.get(f"/api/objectives?{query}")
    assert (response.status_code, errors_of(response)) == (400, errors)


def test_a_cursor_belongs_to_its_order(reader: Caller) -> None:
    account = make_account()
    for _ in range(3):
        make_objective(account)
    cursor = reader.read("/api/objectives?page_size=1")["next"].partition("cursor=")[2].partition("&")[0]
    response = reader.get(f"/api/objectives?page_size=1&ordering=-id&cursor={cursor}")
    assert (response.status_code, errors_of(response)) == (400, [("cursor", "invalid_cursor")])
    assert reader.get(f"/api/customers?page_size=1&cursor={cursor}").status_code == 400


def test_pages_go_both_ways(reader: Caller) -> None:
    account = make_account()
    ids = [make_objective(account).pk for _ in range(5)]
    first = reader.read("/api/objectives?page_size=2&archived=false")
    second = reader.read(first["next"])
    third = reader.read(second["next"])
    pages = [[each["id"] for each in page["results"]] for page in (first, second, third)]
    assert pages == [ids[:2], ids[2:4], ids[4:]]
    assert (first["previous"], third["next"]) == (None, None)
    assert reader.read(third["previous"])["results"] == second["results"]
    assert reader.read(second["previous"])["results"] == first["results"]
    assert "archived=false" in third["previous"]


def test_nothing_of_an_archived_customer_is_lost(reader: Caller) -> None:
    account = make_account()
    objective = make_objective(account, current=50)
    archive_account(account=account, by=SYSTEM, at=timezone.now())
    assert reader.read(f"/api/objectives/{objective.pk}")["completion"] == "50"
    assert reader.read(f"/api/customers/{account.pk}/value-metrics")["value_delivered"]["value"] == "50"

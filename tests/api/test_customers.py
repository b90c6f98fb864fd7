"""/api/customers"""

import json
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from accounts.models import Account
from tests.api.conftest import Caller, errors_of
from tests.factories import make_account, make_objective, make_user
from valuerealization.common.models import AuditEntry

FULL = {
    "external_id": "CRM-0042",
    "name": "Northwind",
    "timezone": "Asia/Kathmandu",
    "segment": "mid_market",
    "industry": "Logistics",
    "currency": "EUR",
    "arr": {"amount": "1250.00", "currency": "EUR"},
    "owner": "ana@example.com",
    "attributes": {},
    "contract_signed_on": "2026-01-15",
    "went_live_on": "2026-03-01",
    "renewal_on": "2027-01-15",
}


def test_a_customer_is_made_and_read(api: Caller) -> None:
    make_user(email="ana@example.com")
    response = api.post("/api/customers", FULL)
    assert response.status_code == 201
    made = response.json()
    assert {name: made[name] for name in FULL} == FULL
    assert list(made) == [
        "id", "external_id", "name", "timezone", "segment", "industry", "currency", "arr", "owner", "attributes",
        "contract_signed_on", "went_live_on", "renewal_on", "stage", "value_delivered", "status", "archived_at",
        "created_at", "updated_at",
    ]  # fmt: skip
    assert (made["value_delivered"], made["status"], made["archived_at"]) == (None, None, None)
    assert made["created_at"].endswith("Z")
    assert response.headers["Location"] == f"http://testserver/api/customers/{made['id']}"
    assert api.read(f"/api/customers/{made['id']}") == made
    assert api.read("/api/customers/external:CRM-0042") == made


def test_name_and_timezone_suffice(api: Caller) -> None:
    made = api.make("/api/customers", name="Northwind", timezone="UTC")
    assert {name: made[name] for name in FULL} == {
        "external_id": None, "name": "Northwind", "timezone": "UTC", "segment": None, "industry": "", "currency": "USD",
        "arr": None, "owner": None, "attributes": {}, "contract_signed_on": None, "went_live_on": None,
        "renewal_on": None,
    }  # fmt: skip
    assert made["stage"] == "alignment"


def test_what_is_missing_is_named(api: Caller) -> None:
    response = api.post("/api/customers", {})
    assert (response.status_code, errors_of(response)) == (400, [("name", "required"), ("timezone", "required")])


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("name", "", "blank"),
        ("name", "   ", "blank"),
        ("name", None, "null"),
        ("name", 7, "not_text"),
        ("name", True, "not_text"),
        ("name", ["x"], "not_text"),
        ("name", "x" * 201, "max_length"),
        ("name", "two\nlines", "control_character"),
        ("timezone", "Mars/Olympus", "invalid_timezone"),
        ("timezone", "localtime", "invalid_timezone"),
        ("timezone", "europe/berlin", "invalid_timezone"),
        ("timezone", "../etc/passwd", "invalid_timezone"),
        ("timezone", "", "blank"),
        ("external_id", " CRM-1", "surrounding_blanks"),
        ("external_id", "x" * 129, "max_length"),
        ("external_id", 42, "not_text"),
        ("segment", "huge", "invalid_choice"),
        ("segment", 1, "invalid_choice"),
        ("currency", "usd", "invalid_currency"),
        ("currency", "ZZZ", "invalid_currency"),
        ("currency", None, "null"),
        ("arr", -1, "negative"),
        ("arr", "1.005", "too_many_decimals"),
        ("arr", "1e3", "exponent"),
        ("arr", 10**14, "too_many_digits"),
        ("arr", {"amount": "1"}, "invalid_money"),
        ("arr", {"amount": "1", "currency": "USD", "x": 1}, "invalid_money"),
        ("arr", {"amount": "one", "currency": "USD"}, "not_a_number"),
        ("arr", {"amount": "1", "currency": "usd"}, "invalid_currency"),
        ("owner", "nobody@example.com", "not_found"),
        ("owner", 3, "not_text"),
        ("attributes", [], "not_an_object"),
        ("renewal_on", "2026-02-30", "invalid_date"),
        ("renewal_on", "20260215", "invalid_date"),
        ("renewal_on", "2026-W01-1", "invalid_date"),
        ("renewal_on", "\u0662\u0660\u0662\u0666-01-01", "invalid_date"),
        ("renewal_on", "2026-01-01T00:00:00Z", "invalid_date"),
        ("renewal_on", 20260101, "invalid_date"),
        ("renewal_on", "0001-01-01", "out_of_range"),
        ("renewal_on", "9999-12-31", "out_of_range"),
        ("colour", "red", "unknown_field"),
        ("id", 7, "read_only"),
        ("status", "on_track", "read_only"),
        ("value_delivered", "100", "read_only"),
    ],
)
def test_what_cannot_be_taken_names_its_field(api: Caller, field: str, value: object, code: str) -> None:
    response = api.post("/api/customers", {"name": "Northwind", "timezone": "UTC", field: value})
    assert (response.status_code, errors_of(response)) == (400, [(field, code)])
    assert Account.objects.count() == 0
    account = make_account(name="Northwind")
    patched = api.patch(f"/api/customers/{account.pk}", {field: value})
    assert (patched.status_code, errors_of(patched)) == (400, [(field, code)])
    assert AuditEntry.objects.filter(action="account.updated").count() == 0


def test_unknown_attributes_are_named(api: Caller) -> None:
    response = api.post("/api/customers", {"name": "N", "timezone": "UTC", "attributes": {"tier": "gold"}})
    assert (response.status_code, errors_of(response)) == (400, [("attributes.tier", "unknown_attribute")])


def test_every_error_is_told_at_once(api: Caller) -> None:
    response = api.post("/api/customers", {"timezone": 3, "arr": "x", "colour": 1})
    assert sorted(errors_of(response)) == [
        ("arr", "not_a_number"), ("colour", "unknown_field"), ("name", "required"), ("timezone", "not_text"),
    ]  # fmt: skip


@pytest.mark.parametrize("body", [[], "x", 7, None, True])
def test_a_body_that_is_no_object_is_refused(api: Caller, body: object) -> None:
    response = api.send("POST", "/api/customers", raw=json.dumps(body).encode())
    assert response.status_code == 400


def test_an_external_id_is_taken_once(api: Caller) -> None:
    api.make("/api/customers", name="A", timezone="UTC", external_id="X")
    response = api.post("/api/customers", {"name": "B", "timezone": "UTC", "external_id": "X"})
    assert (response.status_code, response.json()["code"]) == (409, "conflict")
    assert errors_of(response) == [("external_id", "unique")]
    assert Account.objects.count() == 1


def test_money_has_the_customers_currency(api: Caller) -> None:
    body = {"name": "A", "timezone": "UTC", "arr": {"amount": 5, "currency": "EUR"}}
    response = api.post("/api/customers", body)
    assert (response.status_code, errors_of(response)) == (400, [("arr.currency", "other_currency")])
    made = api.make("/api/customers", **body, currency="EUR")
    assert made["arr"] == {"amount": "5.00", "currency": "EUR"}
    changed = api.patch(f"/api/customers/{made['id']}", {"arr": {"amount": "6", "currency": "USD"}})
    assert errors_of(changed) == [("arr.currency", "other_currency")]
    changed = api.patch(
        f"/api/customers/{made['id']}", {"arr": {"amount": "6.5", "currency": "USD"}, "currency": "USD"}
    )
    assert changed.json()["arr"] == {"amount": "6.50", "currency": "USD"}
    assert api.patch(f"/api/customers/{made['id']}", {"arr": "12345678901234.56"}).json()["arr"]["amount"] == (
        "12345678901234.56"
    )


def test_a_renewal_comes_after_the_signature(api: Caller) -> None:
    made = api.make("/api/customers", name="A", timezone="UTC", contract_signed_on="2026-05-01")
    response = api.patch(f"/api/customers/{made['id']}", {"renewal_on": "2026-05-01"})
    assert (response.status_code, errors_of(response)) == (400, [("renewal_on", "renewal_before_signature")])
    assert api.patch(f"/api/customers/{made['id']}", {"renewal_on": "2026-05-02"}).status_code == 200
    response = api.patch(f"/api/customers/{made['id']}", {"contract_signed_on": "2026-06-01"})
    assert errors_of(response) == [("contract_signed_on", "renewal_before_signature")]


def test_a_patch_changes_what_is_given(api: Caller) -> None:
    make_user(email="ana@example.com")
    made = api.make("/api/customers", **FULL)
    changed = api.patch("/api/customers/external:CRM-0042", {"industry": "Trade", "segment": None, "owner": None})
    assert changed.status_code == 200
    after = changed.json()
    assert {name: after[name] for name in after if after[name] != made[name]} == {
        "industry": "Trade", "segment": None, "owner": None, "updated_at": after["updated_at"],
    }  # fmt: skip
    assert api.read(f"/api/customers/{made['id']}") == after
    cleared = api.patch(
        f"/api/customers/{made['id']}",
        {"external_id": None, "arr": None, "contract_signed_on": None, "went_live_on": None, "renewal_on": None},
    ).json()
    assert [cleared[name] for name in ("external_id", "arr", "contract_signed_on", "went_live_on", "renewal_on")] == [
        None
    ] * 5
    assert api.get("/api/customers/external:CRM-0042").status_code == 404


def test_what_was_read_can_be_sent_back(api: Caller) -> None:
    """Also while the owner has left the team: nothing changes by that."""
    ana = make_user(email="ana@example.com")
    made = api.make("/api/customers", **FULL)
    ana.is_active = False
    ana.save()
    writable = {name: made[name] for name in FULL}
    assert api.patch(f"/api/customers/{made['id']}", writable).json() == made
    assert AuditEntry.objects.filter(action="account.updated").count() == 0
    response = api.post("/api/customers", {**FULL, "external_id": "other"})
    assert (response.status_code, errors_of(response)) == (400, [("owner", "not_found")])


def test_an_empty_patch_changes_nothing(api: Caller) -> None:
    made = api.make("/api/customers", name="A", timezone="UTC")
    assert api.patch(f"/api/customers/{made['id']}", {}).json() == made
    assert AuditEntry.objects.filter(action="account.updated").count() == 0


def test_delete_archives(api: Caller) -> None:
    made = api.make("/api/customers", name="A", timezone="UTC", external_id="X")
    for _ in range(2):
        response = api.delete("/api/customers/external:X")
        assert (response.status_code, response.content) == (204, b"")
    assert AuditEntry.objects.filter(action="account.archived").count() == 1
    assert api.read("/api/customers")["results"] == []
    [archived] = api.read("/api/customers?archived=true")["results"]
    assert (archived["id"], archived["archived_at"] is not None) == (made["id"], True)
    assert api.read("/api/customers/external:X") == archived


@pytest.mark.parametrize(
    "path",
    ["7", "0", "999999999999999999", "99999999999999999999999", "external:none", "external:", "abc", "-1", "1.0"],
)
@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
def test_who_does_not_exist_is_404(api: Caller, method: str, path: str) -> None:
    response = api.send(method, f"/api/customers/{path}", {} if method == "PATCH" else None)
    assert (response.status_code, response.json()["code"]) == (404, "not_found")


def test_external_ids_may_hold_anything_visible(api: Caller) -> None:
    for external_id, path in [
        ("a/b", "a/b"), ("a b", "a%20b"), ("\u00fc?#", "%C3%BC%3F%23"), ("7", "7"), ("100%", "100%25"),
    ]:  # fmt: skip
        made = api.make("/api/customers", name="A", timezone="UTC", external_id=external_id)
        assert api.read(f"/api/customers/external:{path}")["id"] == made["id"]
        assert api.read(f"/api/customers/external:{path}/value-metrics")["customer"] == made["id"]


def test_nul_in_an_external_id_is_404(api: Caller) -> None:
    assert api.get("/api/customers/external:a%00b").status_code == 404
    assert api.get("/api/customers/external:%ff%fe").status_code == 404


@pytest.fixture
def portfolio(db: None) -> dict[str, int]:
    """Four accounts with scores of 80, 40 and 10, and none."""
    ana = make_user(email="ana@example.com")
    today = timezone.now().date()
    made = {
        "good": make_account(name="Good", owner=ana, arr=100, segment="enterprise", industry="Trade"),
        "fair": make_account(name="fair", renewal_on=today + timedelta(days=30), arr=300, contract_signed_on=today),
        "poor": make_account(name="\u00c4rmel", renewal_on=today + timedelta(days=10), segment="mid_market"),
        "none": make_account(name="None", owner=ana, arr=200),
    }
    for name, current in (("good", 80), ("fair", 40), ("poor", 10)):
        make_objective(made[name], current=current)
    return {name: account.pk for name, account in made.items()}


def names(found: dict[str, object], portfolio: dict[str, int]) -> list[str]:
    back = {pk: name for name, pk in portfolio.items()}
    return [back[each["id"]] for each in found["results"]]  # type: ignore[index]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["poor", "fair", "good", "none"]),
        ("ordering=worst", ["poor", "fair", "good", "none"]),
        ("ordering=-worst", ["good", "fair", "poor", "none"]),
        ("ordering=name", ["poor", "fair", "good", "none"]),
        ("ordering=-name", ["none", "good", "fair", "poor"]),
        ("ordering=value_delivered", ["poor", "fair", "good", "none"]),
        ("ordering=-value_delivered", ["good", "fair", "poor", "none"]),
        ("ordering=renewal_on", ["poor", "fair", "good", "none"]),
        ("ordering=-renewal_on", ["fair", "poor", "none", "good"]),
        ("ordering=arr", ["good", "none", "fair", "poor"]),
        ("ordering=-arr", ["fair", "none", "good", "poor"]),
        ("status=stalled", ["poor"]),
        ("status=stalled,at_risk", ["poor", "fair"]),
        ("status=on_track&status=none", ["good", "none"]),
        ("status=exceeded", []),
        ("owner=ana@example.com", ["good", "none"]),
        ("owner=none", ["poor", "fair"]),
        ("segment=enterprise", ["good"]),
        ("industry=trade", ["good"]),
        ("stage=activation", ["fair"]),
        ("stage=alignment", ["poor", "good", "none"]),
        ("search=OO", ["good"]),
        ("value_min=40", ["fair", "good"]),
        ("value_max=40", ["poor", "fair"]),
        ("value_min=40.000001&value_max=80", ["good"]),
        ("archived=false", ["poor", "fair", "good", "none"]),
        ("archived=true", []),
        ("owner=ana@example.com&status=none", ["none"]),
    ],
)
def test_the_list_is_filtered_and_sorted(
    reader: Caller, portfolio: dict[str, int], query: str, expected: list[str]
) -> None:
    assert names(reader.read(f"/api/customers?{query}"), portfolio) == expected
    walked, path = [], f"/api/customers?{query}&page_size=1"
    while path:
        found = reader.read(path)
        walked += names(found, portfolio)
        path = found["next"]
    assert walked == expected


def test_renewals_before_a_day(reader: Caller, portfolio: dict[str, int]) -> None:
    day = timezone.now().date() + timedelta(days=30)
    assert names(reader.read(f"/api/customers?renewal_before={day}"), portfolio) == ["poor"]


@pytest.mark.parametrize(
    ("query", "errors"),
    [
        ("colour=red", [("colour", "unknown_parameter")]),
        ("Status=stalled", [("Status", "unknown_parameter")]),
        ("format=json", [("format", "unknown_parameter")]),
        ("ordering=id", [("ordering", "invalid_choice")]),
        ("ordering=name,arr", [("ordering", "invalid_choice")]),
        ("status=bad", [("status", "invalid_choice")]),
        ("segment=huge", [("segment", "invalid_choice")]),
        ("stage=verification", [("stage", "invalid_choice")]),
        ("value_min=NaN", [("value_min", "not_finite")]),
        ("value_min=\u0661", [("value_min", "not_ascii")]),
        ("value_max=1e2", [("value_max", "exponent")]),
        ("value_min=2&value_max=1", [("value_max", "range_reversed")]),
        ("renewal_before=soon", [("renewal_before", "invalid_date")]),
        ("archived=1", [("archived", "invalid_choice")]),
        ("search=a%00b", [("search", "control_character")]),
        ("search=a&search=b", [("search", "repeated")]),
        ("page_size=0", [("page_size", "min_value")]),
        ("page_size=201", [("page_size", "max_value")]),
        ("page_size=ten", [("page_size", "invalid_page_size")]),
        ("page_size=\u0661", [("page_size", "invalid_page_size")]),
        ("page_size=-1", [("page_size", "invalid_page_size")]),
        ("page_size=99999999999999999999", [("page_size", "invalid_page_size")]),
        ("cursor=forged", [("cursor", "invalid_cursor")]),
        ("cursor=%00", [("cursor", "control_character")]),
        ("cursor=" + "x" * 3000, [("cursor", "max_length")]),
    ],
)
def test_a_query_that_cannot_be_taken_is_refused(reader: Caller, query: str, errors: list[tuple[str, str]]) -> None:
    response = reader.get(f"/api/customers?{query}")
    assert (response.status_code, errors_of(response)) == (400, errors)


def test_the_live_status_counts(api: Caller, clock) -> None:
    """A score that was on track a month ago stalls by the clock alone, on the customer's own page at once."""
    start = datetime(2026, 6, 1, 12, tzinfo=UTC)
    clock(start)
    account = make_account(timezone="UTC")
    make_objective(account, current=60)
    assert api.read(f"/api/customers/{account.pk}")["status"] == "on_track"
    clock(start + timedelta(days=40))
    state = api.read(f"/api/customers/{account.pk}/value-metrics")["value_delivered"]
    assert (state["status"], state["days_without_progress"]) == ("stalled", 34)

"""Segments: the SQL of a rule lets in exactly the accounts that the rule's words mean."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from accounts.models import Account, Contact, User
from accounts.rules import OPS, RELATIVE, WITHOUT_VALUE, Condition, Group, Match, Op, parse_rule
from accounts.services.accounts import archive_account, update_account
from accounts.services.attributes import archive_attribute, create_attribute, update_attribute
from accounts.services.contacts import archive_contact
from accounts.services.segments import archive_segment
from accounts.stages import stage_of
from objectives.models import Metric, Reading, Standing
from objectives.queries.lists import AccountFilter, standings
from objectives.queries.segments import FIXED, find_segment, matching, rule_fields
from tests.factories import make_account, make_contact, make_metric, make_objective, make_segment, make_user, record
from valuerealization.common.audit import SYSTEM

ON = date(2026, 11, 15)
AT = datetime(2026, 11, 15, 12, tzinfo=UTC)


def found(raw: dict[str, Any], *, on: date = ON, live: bool = True) -> list[str]:
    rule = parse_rule(raw, fields=rule_fields())
    return sorted(matching(rule, on=on, live=live).values_list("account__name", flat=True))


def one(field: str, op: str, value: Any = None) -> dict[str, Any]:
    return {"all": [{"field": field, "op": op, "value": value}]}


# --- A world of accounts, and a second implementation in Python ---

TEXTS = ["", "Retail", "retail", "Retail & more", "50%_off", "Ärzte", "x"]
DAYS = [None, *(ON + timedelta(days=days) for days in (-400, -91, -90, -30, -1, 0, 1, 30, 90, 400))]
NUMBERS = [None, Decimal(0), Decimal("0.5"), Decimal(10), Decimal(100), Decimal(-5)]
PLANS = [None, "Basic", "Gold"]


def make_world() -> None:
    owner, other = make_user(email="a@example.com"), make_user(email="b@example.com")
    for key, kind in (("plan", "choice"), ("note", "text"), ("since", "date"), ("signed", "flag")):
        create_attribute(by=SYSTEM, key=key, name=key, type=kind, choices=["Basic", "Gold"] if kind == "choice" else [])
    make_metric(key="seats")
    for number in range(24):
        pick = lambda options, step: options[number * step % len(options)]  # noqa: B023, E731
        values = {
            "plan": pick(PLANS, 1), "note": pick(TEXTS, 3) or None, "since": pick(DAYS, 7),
            "signed": pick([None, True, False], 2),
        }  # fmt: skip
        account = make_account(
            name=f"{pick(['Alpha', 'beta', 'Gamma'], 1)} {number}", industry=pick(TEXTS, 1),
            external_id=f"X-{number}" if number % 3 else None, owner=pick([owner, other, None], 1),
            segment=pick(["", "enterprise", "mid_market"], 1), arr=pick([None, *(Decimal(n) for n in (0, 10, 100))], 1),
            contract_signed_on=pick([day for day in DAYS if day is None or day <= ON], 1),
            renewal_on=pick([day for day in DAYS if day is None or day > ON], 1), went_live_on=pick(DAYS, 3),
            currency=pick(["USD", "EUR"], 1), timezone=pick(["UTC", "Pacific/Auckland"], 1),
            attributes={key: value for key, value in values.items() if value is not None},
        )  # fmt: skip
        if number % 4:
            goal = make_objective(account, started_on=ON - timedelta(days=90))
            if number % 4 > 1:
                record(goal, 10 * number % 120 + 1, at=AT - timedelta(days=number))
        if number % 5:
            metric = Metric.objects.get(key="seats")
            record(metric, pick([1, 10, 100], 1), account=account, at=AT - timedelta(days=9))
            record(metric, pick([10, 1], 1), account=account, at=AT - timedelta(days=20))
        if number % 3:
            make_contact(account, roles=pick([["champion"], ["executive_sponsor", "end_user"], []], 1))
    Standing.objects.filter(pk__in=list(Standing.objects.values_list("pk", flat=True)[::4])).update(
        is_scored=True, snapshot_value=Decimal(60), snapshot_status="on_track"
    )


def value_of(standing: Standing, field: str, *, live: bool) -> Any:
    account = standing.account
    local = {"created_on": account.created_at, "last_progress_on": standing.last_progress_at}
    if field in local:
        with connection.cursor() as cursor:
            cursor.execute("SELECT (%s::timestamptz AT TIME ZONE %s)::date", [local[field], account.timezone])
            return cursor.fetchone()[0]
    if field.startswith("attributes."):
        stored = account.attributes.get(field.removeprefix("attributes."))
        return date.fromisoformat(stored) if field == "attributes.since" and stored else stored
    match field:
        case "metrics.seats":
            newest = Reading.objects.filter(account=account, metric__key="seats").order_by("observed_at").last()
            return newest and newest.value
        case "status":
            return standing.status if live else standing.shown_status
        case "value_delivered":
            return standing.value_delivered if live else standing.shown_value
        case "objectives":
            return standing.objectives_total
        case "owner":
            return account.owner and account.owner.email
        case "stage":
            return stage_of(contract_signed_on=account.contract_signed_on, on=ON).value
        case "contact_role":
            return [role for contact in Contact.objects.active().filter(account=account) for role in contact.roles]
    return getattr(account, field)


def holds(rule: Group | Condition, standing: Standing, *, live: bool) -> bool:
    """Evaluate a rule the slow way."""
    if isinstance(rule, Group):
        every = [holds(item, standing, live=live) for item in rule.items]
        return all(every) if rule.match is Match.ALL else any(every)
    value = value_of(standing, rule.field, live=live)
    if rule.field == "contact_role":
        is_there = Contact.objects.active().filter(account=standing.account).exists()
        among = set(value)
        asked = set(rule.value) if isinstance(rule.value, tuple) else {rule.value}
        return {
            Op.IS: bool(among & asked), Op.IS_NOT: not among & asked, Op.IS_ANY_OF: bool(among & asked),
            Op.IS_EMPTY: not is_there, Op.IS_NOT_EMPTY: is_there,
        }[rule.op]  # fmt: skip
    if value == "":
        value = None
    is_text = rule.kind == "text"
    if is_text and value is not None:
        value = value.upper()
    asked_value: Any = rule.value.upper() if is_text and isinstance(rule.value, str) else rule.value
    if rule.op is Op.IS_EMPTY:
        return value is None
    if rule.op is Op.IS_NOT_EMPTY:
        return value is not None
    if rule.op is Op.IS_NOT:
        return bool(value != asked_value)
    if value is None:
        return False
    days = timedelta(days=asked_value) if rule.op in RELATIVE else timedelta()
    return bool(
        {
            Op.IS: lambda: value == asked_value,
            Op.IS_ANY_OF: lambda: value in asked_value,
            Op.CONTAINS: lambda: asked_value in value,
            Op.STARTS_WITH: lambda: value.startswith(asked_value),
            Op.AT_LEAST: lambda: value >= asked_value,
            Op.AT_MOST: lambda: value <= asked_value,
            Op.ABOVE: lambda: value > asked_value,
            Op.BELOW: lambda: value < asked_value,
            Op.BEFORE: lambda: value < asked_value,
            Op.AFTER: lambda: value > asked_value,
            Op.IN_NEXT_DAYS: lambda: ON <= value <= ON + days,
            Op.IN_LAST_DAYS: lambda: ON - days <= value <= ON,
            Op.MORE_THAN_DAYS_AGO: lambda: value < ON - days,
        }[rule.op]()
    )


ATTRIBUTES = {"plan": "choice", "note": "text", "since": "date", "signed": "flag"}
KINDS = {name: field.kind.value for name, field in FIXED.items()}
KINDS |= {f"attributes.{key}": kind for key, kind in ATTRIBUTES.items()} | {"metrics.seats": "number"}
ASKED = {
    "text": st.sampled_from([*TEXTS[1:], "alpha", "a", "X-", "USD", "usd", "UTC", "%", "_", "\\", "'"]),
    "number": st.sampled_from(["0", "0.5", "1", "10", "60", "100", "-5", "2"]),
    "date": st.sampled_from([day.isoformat() for day in DAYS if day]),
    "flag": st.booleans(),
}
CHOICES = {
    "status": ["stalled", "at_risk", "on_track", "exceeded"],
    "owner": ["a@example.com", "b@example.com"],
    "segment": ["enterprise", "mid_market", "small_business"],
    "stage": ["alignment", "activation", "achievement", "amplification"],
    "contact_role": ["champion", "executive_sponsor", "finance_approver"],
    "attributes.plan": ["Basic", "Gold"],
}


@st.composite
def asked(draw: st.DrawFn) -> dict[str, Any]:
    field = draw(st.sampled_from(sorted(KINDS)))
    op = draw(st.sampled_from(OPS[KINDS[field]]))  # type: ignore[index]
    if op in WITHOUT_VALUE:
        return {"field": field, "op": op.value}
    one_value = st.sampled_from(CHOICES[field]) if field in CHOICES else ASKED[KINDS[field]]
    if op in RELATIVE:
        value: Any = draw(st.sampled_from([0, 1, 30, 90, 91, 400]))
    else:
        value = draw(st.lists(one_value, min_size=1, max_size=3)) if op is Op.IS_ANY_OF else draw(one_value)
    return {"field": field, "op": op.value, "value": value}


def groups(children: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    pairs = st.tuples(st.sampled_from(["all", "any"]), st.lists(children, min_size=1, max_size=3))
    return pairs.map(lambda pair: {pair[0]: pair[1]})


class Against(TestCase):
    """The database against the slow way."""

    @classmethod
    def setUpTestData(cls) -> None:
        make_world()

    def setUp(self) -> None:
        self.fields = rule_fields()
        self.all = list(Standing.objects.active().select_related("account__owner"))

    @settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
    @given(groups(asked() | groups(asked() | groups(asked()))), st.booleans())
    def test_sql_lets_in_what_the_words_mean(self, raw: Any, live: bool) -> None:
        rule = parse_rule(raw, fields=self.fields)
        expected = {each.pk for each in self.all if holds(rule, each, live=live)}
        assert set(matching(rule, on=ON, live=live).values_list("pk", flat=True)) == expected

    def test_every_field_and_operator(self) -> None:
        checked = 0
        for field, kind in KINDS.items():
            for op in OPS[kind]:  # type: ignore[index]
                value: Any = {"text": "a", "number": "10", "date": ON.isoformat(), "flag": True}.get(kind)
                value = CHOICES[field][0] if field in CHOICES else value
                value = 90 if op in RELATIVE else [value] if op is Op.IS_ANY_OF else value
                raw = one(field, op.value, None if op in WITHOUT_VALUE else value)
                rule = parse_rule(raw, fields=self.fields)
                expected = {each.pk for each in self.all if holds(rule, each, live=True)}
                with self.subTest(field=field, op=op):
                    assert set(matching(rule, on=ON).values_list("pk", flat=True)) == expected
                checked += 1
        assert checked > 100


# --- Single rules ---


@pytest.mark.django_db
def test_a_missing_value_is_not_anything_but_empty() -> None:
    make_account(name="None")
    make_account(name="Retailer", industry="Retail")
    assert found(one("industry", "is", "RETAIL")) == ["Retailer"]
    assert found(one("industry", "is_not", "Retail")) == ["None"]
    assert found(one("industry", "is_empty")) == ["None"]
    assert found(one("arr", "below", 1000)) == []


@pytest.mark.django_db
def test_renewals_of_the_next_days_count_both_ends() -> None:
    for days in (-1, 0, 30, 31):
        make_account(name=f"{days:+}", renewal_on=ON + timedelta(days=days))
    assert found(one("renewal_on", "in_next_days", 30)) == ["+0", "+30"]
    assert found(one("renewal_on", "in_last_days", 1)) == ["+0", "-1"]
    assert found(one("renewal_on", "more_than_days_ago", 0)) == ["-1"]


@pytest.mark.django_db
def test_status_is_live_or_as_the_portfolio_shows_it() -> None:
    account = make_account(name="Moved")
    record(make_objective(account, started_on=ON), 20)
    Standing.objects.update(is_scored=True, snapshot_value=60, snapshot_status="on_track")
    assert found(one("status", "is", "stalled")) == ["Moved"]
    assert found(one("status", "is", "on_track")) == []
    assert found(one("status", "is", "on_track"), live=False) == ["Moved"]
    assert found(one("value_delivered", "above", 50), live=False) == ["Moved"]


@pytest.mark.django_db
def test_the_newest_reading_of_a_metric_counts() -> None:
    account, metric = make_account(name="One"), make_metric(key="seats")
    record(metric, 90, account=account, at=AT - timedelta(days=1))
    record(metric, 5, account=account, at=AT - timedelta(days=2))
    assert found(one("metrics.seats", "is", 90)) == ["One"]
    assert found(one("metrics.seats", "is", 5)) == []
    record(metric, 7, account=account, at=AT - timedelta(days=1))  # superseded
    assert found(one("metrics.seats", "is", 7)) == ["One"]


@pytest.mark.django_db
def test_archived_contacts_hold_no_role() -> None:
    account = make_account(name="One")
    contact = make_contact(account, roles=["executive_sponsor"])
    assert found(one("contact_role", "is", "executive_sponsor")) == ["One"]
    archive_contact(contact=contact, by=SYSTEM, at=AT)
    assert found(one("contact_role", "is_not", "executive_sponsor")) == ["One"]


@pytest.mark.django_db
def test_archived_accounts_are_in_no_segment() -> None:
    account = make_account(name="Gone")
    assert found(one("name", "is", "gone")) == ["Gone"]
    archive_account(account=account, by=SYSTEM, at=AT)
    assert found(one("name", "is", "gone")) == []


@pytest.mark.django_db
def test_a_filter_by_segment_narrows_with_the_others() -> None:
    for name, industry in (("A", "Retail"), ("B", "Retail"), ("C", "Energy")):
        make_account(name=name, industry=industry)
    segment = make_segment(one("industry", "is", "retail"), name="Shops")
    wanted, errors = AccountFilter.parse({"in_segment": str(segment.pk), "search": "a"})
    assert errors == ()
    assert wanted.as_parameters() == {"search": ["a"], "in_segment": [str(segment.pk)]}
    rows = standings(wanted, live=True, on=ON)
    assert [row.account.name for row in rows] == ["A"]
    assert not wanted.is_empty


@pytest.mark.django_db
@pytest.mark.parametrize("text", ["0", "999999", "x", "-1", "9" * 19, "٣"])
def test_an_unknown_segment_is_an_error_of_the_address(text: str) -> None:
    wanted, errors = AccountFilter.parse({"in_segment": text})
    assert wanted.in_segment is None
    assert [(error.parameter, error.code) for error in errors] == [("in_segment", "not_found")]


@pytest.mark.django_db
def test_an_archived_segment_filters_no_more() -> None:
    segment = make_segment(one("industry", "is", "retail"))
    archive_segment(segment=segment, by=SYSTEM, at=AT)
    assert find_segment(segment.pk) is None


@pytest.mark.django_db
def test_a_segment_outlives_the_choice_it_asks_for() -> None:
    plan = create_attribute(by=SYSTEM, key="plan", name="Plan", type="choice", choices=["Basic", "Gold"])
    account = make_account(name="Golden", attributes={"plan": "Gold"})
    segment = make_segment(one("attributes.plan", "is", "Gold"))
    update_attribute(attribute=plan, by=SYSTEM, at=AT, choices=["Basic"])
    archive_attribute(attribute=plan, by=SYSTEM, at=AT)
    chosen = find_segment(segment.pk)
    assert chosen is not None
    assert [each.pk for each in matching(chosen.rule, on=ON)] == [account.pk]


@pytest.mark.django_db
def test_a_rule_is_one_query_whatever_it_asks() -> None:
    make_metric(key="seats")
    create_attribute(by=SYSTEM, key="plan", name="Plan", type="text")
    raw = {
        "any": [
            one("metrics.seats", "above", 5),
            one("attributes.plan", "contains", "x"),
            one("contact_role", "is", "champion"),
            one("owner", "is", make_user().email),
            one("stage", "is", "activation"),
        ]
    }
    segment = make_segment(raw)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        chosen = find_segment(segment.pk)
    assert len(queries) == 2  # the segment, and what kinds its attributes are
    assert chosen is not None
    for accounts in (1, 30):
        while Account.objects.count() < accounts:
            make_account()
        with CaptureQueriesContext(connection) as queries:
            list(matching(chosen.rule, on=ON))
        assert len(queries) == 1


@pytest.mark.django_db
def test_the_index_on_attributes_serves_choices() -> None:
    create_attribute(by=SYSTEM, key="plan", name="Plan", type="choice", choices=["Gold"])
    rule = parse_rule(one("attributes.plan", "is", "Gold"), fields=rule_fields())
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("SET LOCAL enable_indexscan = off")
    plan = Account.objects.filter(standing__in=matching(rule, on=ON)).explain()
    assert "accounts_account_attributes" in plan


@pytest.mark.django_db
def test_owners_are_offered_by_address() -> None:
    user: User = make_user(name="Own Er", email="own@example.com")
    make_user(name="Gone", is_active=False)
    assert rule_fields()["owner"].choices == ((user.email, "Own Er"),)


@pytest.mark.django_db
def test_an_update_moves_an_account_in_and_out() -> None:
    create_attribute(by=SYSTEM, key="vip", name="VIP", type="flag")
    account = make_account(name="One", attributes={"vip": True})
    assert found(one("attributes.vip", "is", True)) == ["One"]
    update_account(account=account, by=SYSTEM, at=AT, attributes={"vip": None})
    assert found(one("attributes.vip", "is_empty")) == ["One"]

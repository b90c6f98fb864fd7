"""Columns by choice: what each says, on the page and in the file, and what a choice costs."""

import csv
import io
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from html import unescape

import pytest
from django.db import connection
from django.http import QueryDict
from django.test import Client
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from accounts.models import Account, Attribute, User
from accounts.services.attributes import archive_attribute, create_attribute
from accounts.services.contacts import add_team_member
from objectives.models import Metric, Snapshot
from objectives.queries.lists import AccountFilter
from portfolio.queries.columns import ACCOUNTS, FIXED, KINDS, PORTFOLIO, Key
from portfolio.queries.rows import Row, page
from portfolio.queries.states import ListState, parameters_of, parse_columns
from portfolio.views.addresses import ListAddress
from tests.factories import make_account, make_metric, make_objective, make_segment, make_user, record, take_weeks
from valuerealization.common.audit import SYSTEM

START = datetime(2026, 6, 2, 9, tzinfo=UTC)  # a Tuesday
NOW = datetime(2026, 11, 18, 9, tzinfo=UTC)  # a Wednesday
EVERY = [column.key for column in FIXED]
Clock = Callable[[datetime], None]


def harbor(clock: Clock) -> Account:
    """Make an account with an outcome at 60% and an activity at 90%, and weekly snapshots since June."""
    clock(START)
    account = make_account(
        name="Harbor", timezone="UTC", segment="enterprise", industry="Freight", arr=Decimal(184_000),
        contract_signed_on=date(2026, 9, 1), renewal_on=date(2027, 1, 14),
    )  # fmt: skip
    outcome = make_objective(account)
    usage = make_objective(account, metric=make_metric(key="logins", kind="activity"))
    record(outcome, 20, at=START)
    record(usage.metric, 90, account=account, at=START)
    take_weeks(until=NOW - timedelta(days=20))
    record(outcome, 60, at=NOW - timedelta(days=20))
    take_weeks(until=NOW)
    clock(NOW)
    return account


def row(*columns: str, live: bool = False, months: int = 6) -> Row:
    found = page(
        AccountFilter(), order="worst", cursor=None, at=NOW, on=NOW.date(), live=live, months=months,
        columns=[column for column in FIXED if column.key in columns],
    )  # fmt: skip
    return found.rows[0]


def columns_of(html: str) -> list[str]:
    head = html[html.index("<thead>") : html.index("</thead>")]
    return [unescape(re.sub(r"<[^>]*>", "", cell)).strip() for cell in re.findall(r"<th .*?</th>", head, re.DOTALL)]


def exported(client: Client, address: str) -> list[dict[str, str]]:
    content = b"".join(client.get(address).streaming_content).decode()  # type: ignore[attr-defined]
    return list(csv.DictReader(io.StringIO(content.removeprefix("\ufeff"), newline="")))


@pytest.fixture
def leader(client: Client) -> User:
    user = make_user(role="leader")
    client.force_login(user)
    return user


# ---- what they say -------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_before_and_now_reach_back_as_far_as_the_period(clock: Clock) -> None:
    harbor(clock)
    half_a_year = row(Key.BEFORE_AFTER).before
    assert half_a_year is not None
    assert (half_a_year.value, half_a_year.change, half_a_year.day) == (Decimal(55), 20, "7 Jun")
    Snapshot.objects.filter(week=date(2026, 8, 23)).update(value_delivered=Decimal(70))
    quarter = row(Key.BEFORE_AFTER, months=3).before
    assert quarter is not None
    assert (quarter.value, quarter.change, quarter.day) == (Decimal(70), 5, "23 Aug")


@pytest.mark.django_db
def test_a_first_snapshot_has_nothing_before_it(clock: Clock) -> None:
    clock(NOW - timedelta(days=5))
    record(make_objective(make_account(timezone="UTC")), 75)
    clock(NOW)
    take_weeks(until=NOW)
    assert row(Key.BEFORE_AFTER).before is None
    live = row(Key.BEFORE_AFTER, live=True).before
    assert live is not None
    assert (live.value, live.change) == (Decimal(75), 0)


@pytest.mark.django_db
def test_outcomes_leave_activity_out_as_of_the_snapshot(clock: Clock) -> None:
    account = harbor(clock)
    assert (row().value, row().outcomes) == (Decimal(75), Decimal(60))
    record(account.objectives.get(completion_type="value"), 80, at=NOW)
    assert (row(Key.OUTCOMES).outcomes, row(Key.OUTCOMES, live=True).outcomes) == (Decimal(60), Decimal(80))


@pytest.mark.django_db
def test_outcomes_of_an_account_with_activity_alone_are_none(clock: Clock) -> None:
    clock(NOW)
    account = make_account()
    record(make_objective(account, metric=make_metric(kind="activity")).metric, 50, account=account)
    assert row(Key.OUTCOMES).value == Decimal(50)
    assert row(Key.OUTCOMES).outcomes is None


@pytest.mark.django_db
def test_a_share_of_goals_counts_the_unmeasured(clock: Clock) -> None:
    clock(NOW)
    account = make_account()
    for value in (100, 130, 40):
        record(make_objective(account), value)
    make_objective(account)
    found = row(live=True)
    assert (found.goals_met, found.goals, found.goals_share) == (2, 4, Decimal(50))


# ---- the choice ----------------------------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/portfolio/", "/accounts/"])
def test_the_address_names_the_columns_and_the_file_follows(
    clock: Clock, client: Client, leader: User, path: str
) -> None:
    harbor(clock)
    address = f"{path}?columns=value&columns=arr,outcomes&columns=stage"
    html = client.get(address).content.decode()
    assert columns_of(html) == ["Account", "Value delivered", "Outcomes only", "Stage", "ARR"]
    for text in ("60%", "Activation", "$184,000"):
        assert text in html
    (line,) = exported(client, f"{address}&export=csv")
    fields = {
        "value_delivered": "75",
        "outcomes_only": "60",
        "stage": "activation",
        "arr": "184000.00",
        "currency": "USD",
    }
    last = {"snapshot_week": "2026-11-15", "live_until": ""} if path == "/portfolio/" else {}
    pk = str(Account.objects.get().pk)
    assert line == {"id": pk, "external_id": "", "name": "Harbor", **fields, **last}
    assert list(line) == ["id", "external_id", "name", *fields, *last]


@pytest.mark.django_db
def test_every_column_has_a_cell_and_its_fields(clock: Clock, client: Client, leader: User) -> None:
    harbor(clock)
    for path in ("/portfolio/", "/accounts/"):
        html = client.get(path, {"columns": ",".join(EVERY)}).content.decode()
        assert len(columns_of(html)) == len(EVERY) + 1
        cells = re.findall(r'<td[^>]*data-label="([^"]*)">(.*?)</td>', html, re.DOTALL)
        assert [unescape(label) for label, _ in cells] == [column.head for column in FIXED]
        assert [label for label, cell in cells if not cell.strip()] == ["Team"]
        (line,) = exported(client, f"{path}?columns={','.join(EVERY)}&export=csv")
        assert (line["value_before"], line["value_before_week"]) == ("55", "2026-06-07")
        assert (line["goals_met_share"], line["objectives_met"], line["objectives_total"]) == ("0", "0", "2")
        assert (line["change_4_weeks"], line["days_without_progress"]) == (
            "20",
            {"/portfolio/": "14", "/accounts/": "17"}[path],
        )


@pytest.mark.django_db
def test_the_live_file_says_what_the_live_list_says(clock: Clock, client: Client, leader: User) -> None:
    account = harbor(clock)
    record(account.objectives.get(completion_type="value"), 100, at=NOW)
    (line,) = exported(client, "/accounts/?export=csv")
    assert (line["value_delivered"], line["status"], line["objectives_met"]) == ("95", "on_track", "1")
    assert (
        client.get("/accounts/?export=csv")["Content-Disposition"] == 'attachment; filename="accounts-2026-11-18.csv"'
    )
    (line,) = exported(client, "/portfolio/?export=csv")
    assert (line["value_delivered"], line["objectives_met"]) == ("75", "0")


@pytest.mark.django_db
def test_a_column_that_is_gone_is_said_and_the_others_stand(clock: Clock, client: Client, leader: User) -> None:
    harbor(clock)
    html = client.get("/portfolio/?columns=value,mood").content.decode()
    assert "Columns: There is no column mood any more; the others are shown." in unescape(html)
    assert columns_of(html) == ["Account", "Value delivered"]
    assert client.get("/portfolio/?columns=mood&export=csv").status_code == 400


@pytest.mark.django_db
def test_the_choice_is_kept_by_every_link_and_form(clock: Clock, client: Client, leader: User) -> None:
    harbor(clock)
    html = client.get("/portfolio/?columns=arr,value&search=har&months=3").content.decode()
    filters = html[html.index('<form class="vr-filters"') :]
    assert '<input type="hidden" name="columns" value="value,arr">' in filters[: filters.index("</form>")]
    assert '<input type="hidden" name="months" value="3">' in filters[: filters.index("</form>")]
    chooser = html[html.index('<form class="vr-pop vr-chooser"') :]
    chooser = chooser[: chooser.index("</form>")]
    assert '<input type="hidden" name="search" value="har">' in chooser
    assert re.findall(r'value="(\w+)" checked', chooser) == ["value", "arr"]
    assert '<option value="3" selected>' in chooser
    assert 'href="/portfolio/?search=har&amp;months=3"' in chooser
    for href in re.findall(r'<a id="sort-[^"]*" href="([^"]*)"', html):
        assert "columns=value%2Carr" in href


@given(st.lists(st.sampled_from([*EVERY, "mood", "", " ", "value,arr"])), st.sampled_from(list(KINDS.values())))
def test_any_choice_reads_back_as_it_is_written(given_columns: list[str], kind: object) -> None:
    assert kind in (PORTFOLIO, ACCOUNTS)
    columns, _ = parse_columns(given_columns, among=FIXED, kind=kind)
    assert columns == tuple(key for key in EVERY if key in columns)
    again, errors = parse_columns([",".join(columns)], among=FIXED, kind=kind)
    assert (again, errors) == (columns, ())


def test_the_usual_columns_are_no_choice() -> None:
    address = ListAddress.parse(PORTFOLIO, QueryDict("columns=" + ",".join(PORTFOLIO.usual)), attributes=())
    assert (address.columns, address.href) == ((), "/portfolio/")


# ---- team and custom attributes ------------------------------------------------------------------------------------


def attributed(clock: Clock) -> Account:
    account = harbor(clock)
    kinds = (("tier", "Support tier", "choice"), ("seats", "Seats", "number"), ("live", "Live", "flag"))
    for position, (key, name, kind) in enumerate((*kinds, ("kick", "Kick-off", "date"))):
        choices = ["Gold", "Silver"] if kind == "choice" else []
        create_attribute(by=SYSTEM, key=key, name=name, type=kind, choices=choices, position=position)
    Account.objects.filter(pk=account.pk).update(attributes={"tier": "Gold", "live": True, "kick": "2026-05-04"})
    seats = Metric.objects.filter(key="seats").first() or make_metric(key="seats")
    record(seats, 1200, account=account, at=NOW)
    add_team_member(account=account, user=make_user(name="Zoe Abt"), role="account_executive", by=SYSTEM)
    add_team_member(account=account, user=make_user(name="Ben Ost"), role="solutions_architect", by=SYSTEM)
    return account


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/portfolio/", "/accounts/"])
def test_team_and_attributes_are_columns_too(clock: Clock, client: Client, leader: User, path: str) -> None:
    attributed(clock)
    keys = ["team", *(f"attribute.{key}" for key in ("kick", "live", "seats", "tier"))]
    html = client.get(path, {"columns": ",".join(keys)}).content.decode()
    assert columns_of(html) == ["Account", "Team", "Support tier", "Seats", "Live", "Kick-off"]
    cells = re.findall(r'<td[^>]*data-label="[^"]*">(.*?)</td>', html, re.DOTALL)
    assert [cell.strip() for cell in cells] == ["Ben Ost, Zoe Abt", "Gold", "1,200", "Yes", "4 May 2026"]
    (line,) = exported(client, f"{path}?columns={','.join(keys)}&export=csv")
    assert {name: line[name] for name in line if name == "team" or name.startswith("attributes.")} == {
        "team": "Ben Ost, Zoe Abt", "attributes.tier": "Gold", "attributes.seats": "1200", "attributes.live": "true",
        "attributes.kick": "2026-05-04",
    }  # fmt: skip


@pytest.mark.django_db
def test_an_attribute_that_is_archived_leaves_the_choice(clock: Clock, client: Client, leader: User) -> None:
    attributed(clock)
    archive_attribute(attribute=Attribute.objects.get(key="tier"), by=SYSTEM, at=NOW)
    html = client.get("/portfolio/?columns=value,attribute.tier").content.decode()
    assert "There is no column attribute.tier any more; the others are shown." in unescape(html)
    assert columns_of(html) == ["Account", "Value delivered"]
    assert 'value="attribute.seats"' in html


@pytest.mark.django_db
def test_an_account_without_team_or_values_has_empty_cells(clock: Clock, client: Client, leader: User) -> None:
    attributed(clock)
    make_account(name="Aachen")
    html = client.get("/portfolio/?columns=team,attribute.seats,attribute.live&search=aachen").content.decode()
    cells = re.findall(r'<td[^>]*data-label="[^"]*">(.*?)</td>', html, re.DOTALL)
    assert [cell.strip() for cell in cells] == ["", "", ""]


# ---- what a choice costs -------------------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/portfolio/", "/accounts/"])
@pytest.mark.parametrize("query", [{}, {"search": "a", "value_min": "0"}])
def test_no_choice_of_columns_costs_a_query(
    clock: Clock, client: Client, leader: User, path: str, query: dict[str, str]
) -> None:
    def count(columns: str) -> int:
        with CaptureQueriesContext(connection) as queries:
            assert client.get(path, {**query, "columns": columns}).status_code == 200
        return len(queries)

    metric = attributed(clock).objectives.get(completion_type="attribute").metric
    tiered = {"field": "attributes.tier", "op": "is_not_empty"}
    segment = make_segment({"any": [tiered, {"field": "name", "op": "contains", "value": "a"}]})
    if query:
        query = {**query, "in_segment": str(segment.pk)}
        query |= {"attributes.tier": "Gold", "attributes.seats.min": "1", "attributes.live": "none"}
    client.get(path)
    every = [*EVERY, "attribute.seats", "attribute.tier"]
    choices = ["", "value", *every, ",".join(every)]
    at_one = {count(columns) for columns in choices}
    for number in range(29):
        other = make_account(name=f"Aachen {number}", owner=make_user(), at=START)
        record(make_objective(other), number + 1, at=NOW - timedelta(days=10))
        record(make_objective(other, metric=metric).metric, 5, account=other)
    take_weeks(until=NOW)
    at_thirty = {count(columns) for columns in choices}
    assert at_one == at_thirty
    assert len(at_one) == 1
    assert max(at_one) <= 12


# ---- filters by custom attributes ----------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/portfolio/", "/accounts/"])
def test_lists_and_files_are_narrowed_by_attributes(clock: Clock, client: Client, leader: User, path: str) -> None:
    name = attributed(clock).name
    make_account(name="Aachen")
    for query, expected in [
        ("attributes.tier=Gold", [name]), ("attributes.tier=none", ["Aachen"]), ("attributes.seats.min=1201", []),
        ("attributes.seats.max=1200&attributes.live=true", [name]), ("attributes.kick.min=2026-05-05", []),
    ]:  # fmt: skip
        assert [line["name"] for line in exported(client, f"{path}?{query}&export=csv")] == expected, query
        html = client.get(f"{path}?{query}").content.decode()
        assert (name in html, "Aachen" in html) == (name in expected, "Aachen" in expected), query
    refused = client.get(f"{path}?attributes.seats.min=many&export=csv")
    assert (refused.status_code, refused.content.decode()[:6]) == (400, "Seats:")


@pytest.mark.django_db
def test_filters_by_attributes_can_be_seen_changed_and_taken_off(clock: Clock, client: Client, leader: User) -> None:
    attributed(clock)
    html = client.get("/accounts/?attributes.tier=Gold&attributes.seats.min=5&search=a").content.decode()
    assert "Support tier: Gold" in html
    assert "Seats: 5 or more" in html
    assert '<option value="Gold" selected>Gold</option>' in html
    assert re.search(r'name="attributes.seats.min"[^>]* value="5"', html)
    assert '<input type="hidden" name="attributes.tier" value="Gold"' not in filters_of(html)
    assert 'href="/accounts/?search=a&amp;attributes.seats.min=5"' in html
    several = client.get("/accounts/?attributes.tier=Gold&attributes.tier=Silver").content.decode()
    assert "Support tier: Gold or Silver" in several
    assert filters_of(several).count('type="hidden" name="attributes.tier"') == 2
    wrong = unescape(client.get("/accounts/?attributes.seats.min=many&attributes.gone=1").content.decode())
    assert "Seats: Enter a number in plain digits" in wrong
    assert "gone: There is no such attribute, or it is archived." in wrong
    assert re.search(r'name="attributes.seats.min"[^>]* value="many"[^>]* aria-invalid="true"', wrong)


def filters_of(html: str) -> str:
    found = re.search(r'<form class="vr-filters".*?</form>', html, re.DOTALL)
    assert found
    return found[0]


@pytest.mark.django_db
def test_without_attributes_nothing_offers_them(client: Client, leader: User) -> None:
    assert "attribute-filters" not in client.get("/accounts/").content.decode()


@pytest.mark.django_db
def test_a_view_keeps_filters_by_attributes(clock: Clock, client: Client, leader: User) -> None:
    attributed(clock)
    parameters = QueryDict("attributes.tier=Gold&attributes.tier=none&columns=attribute.tier")
    state, errors = ListState.parse(PORTFOLIO, parameters)
    assert errors == ()
    kept = parameters_of(state.as_json())
    assert kept == {"attributes.tier": ["Gold", "none"], "columns": ["attribute.tier"]}
    assert ListState.parse(PORTFOLIO, kept) == (state, ())

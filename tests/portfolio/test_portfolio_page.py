"""The portfolio page: what it shows, its filters, its parts, its file."""

import csv
import io
import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from html import unescape
from typing import Any
from urllib.parse import quote

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import Account, User
from objectives.models import Snapshot, Standing, WeekRollup
from objectives.status import Status
from tests.factories import make_account, make_objective, make_user, record

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 18, 9, tzinfo=UTC)  # a Wednesday
SUNDAY = date(2026, 11, 15)
EXPORT = r'<a class="btn" href="([^"]*)" download>'


@pytest.fixture(autouse=True)
def now(clock: Callable[[datetime], None]) -> None:
    clock(NOW)


@pytest.fixture
def leader(client: Client) -> User:
    user = make_user(role="leader", name="Ingrid Solheim")
    client.force_login(user)
    return user


def stand(name: str, value: str | int, status: str, **account: Any) -> Account:
    """Make an account with one snapshot, of last Sunday."""
    made = make_account(name=name, at=datetime(2026, 1, 5, tzinfo=UTC), **account)
    Standing.objects.filter(account=made).update(
        snapshot_value=Decimal(value),
        snapshot_status=status,
        snapshot_week=SUNDAY,
        snapshot_days=3,
        previous_status=status,
        is_scored=True,
        objectives_total=2,
        snapshot_total=2,
        snapshot_met=1,
        snapshot_outcomes=Decimal(value),
        next_week=date(2026, 11, 22),
        next_boundary_at=datetime(2026, 11, 22, 2, tzinfo=UTC),
    )
    Snapshot.objects.create(
        account=made,
        week=SUNDAY,
        boundary_at=datetime(2026, 11, 15, 2, tzinfo=UTC),
        known_at=datetime(2026, 11, 15, 2, tzinfo=UTC),
        timezone="UTC",
        taken_at=datetime(2026, 11, 15, 2, 1, tzinfo=UTC),
        value_delivered=Decimal(value),
        status=status,
        days_without_progress=3,
        objectives_total=2,
        objectives_measured=2,
        objectives_met=1,
    )
    return made


def world() -> None:
    """Make six accounts, one of each status, and one without a score."""
    owner = make_user(name="Kenji Mori", email="kenji@example.com")
    stand("Ostrava", 12, "stalled", arr=Decimal(600_000), renewal_on=date(2027, 1, 14), owner=owner)
    stand("Harbour & Finch", 28, "at_risk", arr=Decimal(904_000), segment="small_business")
    stand("Cobalt", 52, "on_track", owner=owner, segment="enterprise")
    stand("Beyond", "123.456789", "exceeded")
    stand("Done", 100, "all_goals_met")
    make_objective(make_account(name="Talk only"), completion_type="manual")
    WeekRollup.objects.create(week=SUNDAY, accounts=6, scored=5, score_sum=Decimal("315.456789"))


def page(client: Client, query: str = "", **headers: str) -> str:
    response = client.get(f"/portfolio/{query}", headers=headers)
    assert response.status_code == 200
    return re.sub(r"\s+", " ", response.content.decode())


def part(client: Client, query: str, target: str, *, here: str = "") -> HttpResponse:
    at = f"http://testserver/portfolio/{here}"
    return client.get(f"/portfolio/{query}", headers={"HX-Request": "true", "HX-Target": target, "HX-Current-URL": at})


def names(html: str) -> list[str]:
    return [unescape(name) for name in re.findall(r'<a class="name"[^>]*>(.*?)</a>', html)]


def link(html: str, pattern: str) -> str:
    found = re.search(pattern, html)
    assert found is not None
    return unescape(found.group(1)).removeprefix("/portfolio/")


def exported(client: Client, query: str = "?export=csv") -> list[dict[str, str]]:
    response = client.get(f"/portfolio/{query}")
    assert response.status_code == 200
    content = b"".join(response.streaming_content).decode()  # type: ignore[attr-defined]
    return list(csv.DictReader(io.StringIO(content.removeprefix("\ufeff"), newline="")))


# ---- the whole page ------------------------------------------------------------------------------------------------


def test_visitors_sign_in_first(client: Client) -> None:
    response = client.get("/portfolio/?status=at_risk")
    assert (response.status_code, response["Location"]) == (302, "/sign-in/?next=/portfolio/%3Fstatus%3Dat_risk")
    assert client.get("/portfolio/?export=csv").status_code == 302
    assert client.get("/portfolio/explain/").status_code == 302


@pytest.mark.parametrize("role", ["csm", "leader", "admin"])
def test_everybody_of_the_team_sees_all_accounts(client: Client, role: str) -> None:
    world()
    client.force_login(make_user(role=role))
    assert names(page(client)) == ["Ostrava", "Harbour & Finch", "Cobalt", "Beyond", "Done", "Talk only"]


@pytest.mark.usefixtures("leader")
def test_the_page_reads_only(client: Client) -> None:
    assert client.post("/portfolio/").status_code == 405
    assert client.post("/portfolio/explain/").status_code == 405


@pytest.mark.usefixtures("leader")
def test_the_head_says_what_the_numbers_are_as_of(client: Client) -> None:
    world()
    html = page(client)
    assert "5 accounts with numeric objectives. Snapshot taken Sunday 15 Nov 2026, 02:00." in html
    assert "1 account has no score: manual objectives only" in html
    assert '<span class="v">63%</span>' in html
    assert "18% USD weighted by ARR" not in html
    assert "22% USD weighted by ARR" in html
    assert "$904k" in html


@pytest.mark.usefixtures("leader")
def test_a_row_says_why_and_links_to_its_account(client: Client) -> None:
    world()
    account = Account.objects.get(name="Ostrava")
    html = page(client, "?search=ostr")
    assert f'<a class="name" href="/accounts/{account.pk}/">Ostrava</a>' in html
    assert '<span class="why">Below 25%</span>' in html
    assert '14 Jan 2027<span class="why soon">in 57 days</span>' in html
    assert '<b class="strong">1</b><span class="faint"> of 2 met</span>' in html


@pytest.mark.usefixtures("leader")
def test_an_account_before_its_first_snapshot_is_marked(client: Client) -> None:
    record(make_objective(make_account(name="Fernhollow")), 70)
    html = page(client)
    assert "live until Sunday 22 Nov" in html
    assert '<span class="vr-tag">New</span>' in html
    assert "No snapshot yet. The first is taken Sunday 22 Nov 2026, 02:00." in html


@pytest.mark.usefixtures("leader")
def test_an_empty_portfolio_says_how_to_begin(client: Client) -> None:
    html = page(client)
    assert "No accounts yet" in html
    assert 'href="/accounts/new/"' in html
    assert 'class="vr-kpi"' not in html


@pytest.mark.usefixtures("leader")
def test_no_match_names_the_filters_and_offers_to_clear_them(client: Client) -> None:
    world()
    html = page(client, "?status=stalled&segment=enterprise&ordering=name")
    assert "No accounts match these filters" in html
    assert "None of the 6 accounts fits Status: stalled, Segment: Enterprise." in html
    assert link(html, r'<a class="btn" href="([^"]*)"[^>]*>Clear filters') == "?ordering=name"


@pytest.mark.usefixtures("leader")
def test_the_page_can_be_read_without_seeing_it(client: Client) -> None:
    world()
    html = page(client)
    assert len(re.findall(r"<h1[ >]", html)) == 1
    assert re.findall(r'<h2 class="card-title"[^>]*>([^<]*)', html) == [
        "Portfolio trend",
        "Status distribution",
        "Accounts",
    ]
    assert html.count('aria-sort="') == 1
    assert html.count("<table") == html.count("<caption") == 1
    assert re.findall(r'aria-pressed="([a-z]*)"[^>]*id="kpi-', html) == ["false"] * 5
    assert 'aria-label="Stalled 1, At risk 1, On track 1, Exceeded 1, All goals met 1"' in html
    assert len(re.findall(r'<th scope="col"', html)) == 8
    assert " style=" not in html
    assert len(re.findall(r' id="([^"]+)"', html)) == len(set(re.findall(r' id="([^"]+)"', html)))


# ---- filters, order, pages -----------------------------------------------------------------------------------------


@pytest.mark.usefixtures("leader")
def test_a_card_filters_and_pressed_again_clears(client: Client) -> None:
    world()
    html = page(client, "?owner=kenji%40example.com")
    button = re.search(r'<button class="vr-kpi"[^>]*data-status="stalled"[^>]*>', html)
    assert button is not None
    assert 'type="submit"' in button.group()
    assert 'form="kpi-filter"' in button.group()
    assert 'value="stalled"' in button.group()
    assert 'aria-pressed="false"' in button.group()
    form = re.search(r'<form id="kpi-filter".*?</form>', html, re.DOTALL)
    assert form is not None
    assert '<input type="hidden" name="owner" value="kenji@example.com">' in form.group()
    html = page(client, "?owner=kenji%40example.com&status=stalled")
    assert names(html) == ["Ostrava"]
    button = re.search(r'<button class="vr-kpi"[^>]*data-status="stalled"[^>]*>', html)
    assert button is not None
    assert 'value=""' in button.group()
    assert 'aria-pressed="true"' in button.group()
    assert "of 1 filtered account" in html
    assert '<span class="v">12%</span>' in html
    assert re.findall(r'data-status="(on-track|stalled)"[^>]*id="kpi', html) == ["on-track", "stalled"]
    assert re.findall(r'<span class="v">([^<]*)</span>', html) == ["12%", "1", "0", "1", "0", "0"]


@pytest.mark.usefixtures("leader")
@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("status=none", ["Talk only"]),
        ("status=stalled&status=exceeded", ["Ostrava", "Beyond"]),
        ("status=stalled,exceeded", ["Ostrava", "Beyond"]),
        ("search=fin", ["Harbour & Finch"]),
        ("owner=kenji@example.com", ["Ostrava", "Cobalt"]),
        ("owner=none&status=all_goals_met", ["Done"]),
        ("segment=small_business", ["Harbour & Finch"]),
        ("value_min=52&value_max=100", ["Cobalt", "Done"]),
        ("ordering=-worst", ["Done", "Beyond", "Cobalt", "Harbour & Finch", "Ostrava", "Talk only"]),
        ("ordering=name&value_max=30", ["Harbour & Finch", "Ostrava"]),
        ("archived=true&status=none", ["Talk only"]),
    ],
)
def test_the_address_decides_what_is_listed_and_exported(client: Client, query: str, expected: list[str]) -> None:
    world()
    html = page(client, f"?{query}")
    assert names(html) == expected
    assert [row["name"] for row in exported(client, link(html, EXPORT))] == expected


@pytest.mark.usefixtures("leader")
def test_each_filter_can_be_taken_off_by_itself(client: Client) -> None:
    world()
    html = page(
        client,
        "?status=stalled&status=none&search=o&owner=kenji%40example.com&segment=enterprise&industry=Retail&stage=alignment"
        "&value_min=-5&value_max=60.5&renewal_before=2027-02-01&ordering=name",
    )
    chips = dict(re.findall(r'<span class="chip">([^<]*)<a href="/portfolio/\?([^"]*)"', html))
    assert list(chips) == [
        "Name: o",
        "Status: stalled",
        "Status: no score",
        "Owner: Kenji Mori",
        "Segment: Enterprise",
        "Industry: Retail",
        "Stage: alignment",
        "Value: \u22125% to 60.5%",
        "Renewal before 1 Feb 2027",
    ]
    assert unescape(chips["Status: stalled"]).startswith("status=none&search=o&")
    assert "value_m" not in chips["Value: \u22125% to 60.5%"]
    assert all("ordering=name" in query for query in chips.values())
    html = page(client, "?owner=none&value_min=10&segment=none")
    assert re.findall(r'<span class="chip">([^<]*)', html) == ["Owner: nobody", "Segment: none", "Value: 10% or more"]
    assert 'class="chip">Value: up to 20%' in page(client, "?value_max=20")


@pytest.mark.usefixtures("leader")
def test_what_cannot_be_read_is_said_and_filters_nothing(client: Client) -> None:
    world()
    html = page(client, "?value_min=ten&status=great&ordering=id&status=stalled")
    assert names(html) == ["Ostrava"]
    assert "Lowest value: Enter a number in plain digits" in html
    assert "Status: Choose from stalled, at_risk" in html
    assert "Order: Sort by one of worst" in html
    assert 'value="ten" aria-invalid="true" aria-describedby="filter-errors"' in html


@pytest.mark.usefixtures("leader")
def test_what_a_person_types_is_shown_and_never_run(client: Client) -> None:
    world()
    html = page(client, f"?search={quote('<script>alert(1)</script>')}&value_min={quote('<b>')}")
    assert "<script>alert" not in html
    assert "<b>&quot;" not in html
    assert 'value="&lt;b&gt;"' in html


@pytest.mark.usefixtures("leader")
def test_headings_sort_and_sort_back(client: Client) -> None:
    world()
    html = page(client, "?search=o")
    heading = r'<th scope="col"[^>]*aria-sort="ascending"><a id="sort-status" href="([^"]*)"'
    assert link(html, heading) == "?search=o&ordering=-worst"
    assert link(html, r'<a id="sort-renewal" href="([^"]*)"') == "?search=o&ordering=renewal_on"
    html = page(client, "?search=o&ordering=-worst")
    assert link(html, r'aria-sort="descending"><a id="sort-status" href="([^"]*)"') == "?search=o"


@pytest.mark.usefixtures("leader")
def test_pages_lead_through_every_account_and_back(client: Client) -> None:
    for number in range(60):
        stand(f"Account {number:02}", number, "on_track")
    expected = [f"Account {number:02}" for number in range(60)]
    html, shown = page(client, "?search=account"), []
    pages = [names(html)]
    while 'rel="next"' in html:
        html = page(client, link(html, r'<a href="([^"]*)" rel="next"'))
        pages.append(names(html))
    shown = [name for each in pages for name in each]
    assert (shown, [len(each) for each in pages]) == (expected, [25, 25, 10])
    assert "10 of 60 accounts" in html
    back = link(html, r'<a href="([^"]*)" rel="prev"')
    assert "search=account" in back
    assert names(page(client, back)) == expected[25:50]
    assert [row["name"] for row in exported(client)] == expected


@pytest.mark.usefixtures("leader")
def test_a_page_that_is_not_known_starts_anew(client: Client) -> None:
    world()
    html = page(client, "?cursor=forged&ordering=name")
    assert names(html)[0] == "Beyond"
    assert "Page: This part of the list is not known. It starts anew here." in html


# ---- parts ---------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("leader")
def test_a_card_swaps_the_table_and_what_stands_beside_it(client: Client) -> None:
    world()
    response = part(client, "?status=stalled&search=&owner=&value_min=", "accounts")
    html = response.content.decode()
    assert html.strip().startswith('<section class="card" id="accounts"')
    assert re.findall(r'id="([^"]+)" hx-swap-oob="true"', html) == ["kpis", "distribution", "views"]
    assert 'data-announce="1 account of 6, worst first"' in html
    assert "<h1" not in html
    assert response["HX-Push-Url"] == "/portfolio/?status=stalled"
    assert {"HX-Request", "HX-Target"} <= {name.strip() for name in response["Vary"].split(",")}


@pytest.mark.usefixtures("leader")
def test_typing_swaps_the_list_and_leaves_the_form_alone(client: Client) -> None:
    world()
    html = part(client, "?search=fin", "account-list").content.decode()
    assert html.strip().startswith('<div id="account-list"')
    assert re.findall(r'id="([^"]+)" hx-swap-oob="true"', html) == ["accounts-head", "kpis", "distribution", "views"]
    assert 'id="account-search"' not in html
    assert link(html, EXPORT) == "?search=fin&export=csv"


@pytest.mark.usefixtures("leader")
def test_the_trend_and_the_list_keep_each_others_state(client: Client) -> None:
    world()
    response = part(client, "?months=12", "trend", here="?status=stalled&months=3")
    assert response["HX-Push-Url"] == "/portfolio/?status=stalled&months=12"
    assert response.content.decode().strip().startswith('<section class="card c7" id="trend"')
    response = part(client, "?search=o", "account-list", here="?months=12&table=1&status=stalled")
    assert response["HX-Push-Url"] == "/portfolio/?search=o&months=12&table=1"


@pytest.mark.usefixtures("leader")
def test_going_back_gets_the_whole_page(client: Client) -> None:
    world()
    html = page(client, "", **{"HX-Request": "true", "HX-Target": "accounts", "HX-History-Restore-Request": "true"})
    assert "<h1" in html


@pytest.mark.usefixtures("leader")
def test_the_trend_has_a_table_behind_it(client: Client) -> None:
    for weeks, average in enumerate([60, 62, 64]):
        WeekRollup.objects.create(
            week=date(2026, 11, 1 + 7 * weeks), accounts=2, scored=2, score_sum=Decimal(2 * average)
        )
    stand("One", 64, "on_track")
    html = page(client)
    assert 'aria-label="Average value delivered per week from 60% on 1 Nov to 64% on 15 Nov"' in html
    assert '<span class="vr-delta up">+4 pts</span> over 3 weeks' in html
    html = page(client, "?table=1&months=3")
    assert re.findall(r'<tr><th scope="row">([^<]*)</th><td class="n">([^<]*)</td></tr>', html) == [
        ("15 Nov", "64%"),
        ("8 Nov", "62%"),
        ("1 Nov", "60%"),
    ]
    assert 'aria-current="true">3 mo' in html


@pytest.mark.usefixtures("leader")
def test_an_unknown_period_is_the_usual_one(client: Client) -> None:
    world()
    assert 'aria-current="true">6 mo' in page(client, "?months=7")


@pytest.mark.usefixtures("leader")
def test_the_average_explains_itself(client: Client) -> None:
    world()
    html = client.get("/portfolio/explain/").content.decode()
    assert "Plain average of 5 account scores" in html
    assert "315.456789%" in html
    assert "63.091358%, shown as 63%" in html
    assert "<h1" in html
    drawer = client.get(
        "/portfolio/explain/?status=stalled", headers={"HX-Request": "true", "HX-Target": "drawer"}
    ).content.decode()
    assert "<h1" not in drawer
    assert "Filtered by Status: stalled." in drawer
    assert "12%, shown as 12%" in drawer


@pytest.mark.usefixtures("leader")
def test_without_a_score_there_is_nothing_to_explain(client: Client) -> None:
    make_account()
    assert "No account has a score yet, so there is nothing to average." in page(client, "explain/")
    assert "No account has a score yet" in page(client)


# ---- the file ------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("leader")
def test_the_file_holds_what_the_table_shows(client: Client) -> None:
    world()
    record(make_objective(make_account(name="Fernhollow"), target=10), -3)
    response = client.get("/portfolio/?export=csv")
    content = b"".join(response.streaming_content)  # type: ignore[attr-defined]
    assert response["Content-Disposition"] == 'attachment; filename="portfolio-2026-11-18.csv"'
    assert content.startswith(b"\xef\xbb\xbfid,external_id,name,")
    rows = {row["name"]: row for row in exported(client)}
    assert list(rows) == ["Fernhollow", "Ostrava", "Harbour & Finch", "Cobalt", "Beyond", "Done", "Talk only"]
    assert rows["Ostrava"] == {
        "id": str(Account.objects.get(name="Ostrava").pk),
        "external_id": "",
        "name": "Ostrava",
        "segment": "",
        "industry": "",
        "status": "stalled",
        "value_delivered": "12",
        "change_4_weeks": "",
        "objectives_met": "1",
        "objectives_total": "2",
        "days_without_progress": "3",
        "owner": "kenji@example.com",
        "owner_name": "Kenji Mori",
        "arr": "600000.00",
        "currency": "USD",
        "renewal_on": "2027-01-14",
        "snapshot_week": "2026-11-15",
        "live_until": "",
    }
    assert rows["Beyond"]["value_delivered"] == "123.456789"
    live = rows["Fernhollow"]
    assert (live["value_delivered"], live["status"], live["live_until"]) == ("-30", "stalled", "2026-11-22")
    assert (live["objectives_met"], live["objectives_total"], live["snapshot_week"]) == ("0", "1", "")
    assert (rows["Talk only"]["status"], rows["Talk only"]["value_delivered"]) == ("", "")


@pytest.mark.usefixtures("leader")
def test_the_file_tells_the_change_over_four_weeks(client: Client) -> None:
    account = stand("Moving", 52, "on_track")
    earlier = Snapshot.objects.get(account=account)
    earlier.pk, earlier.week, earlier.value_delivered = None, date(2026, 10, 18), Decimal("60.25")
    earlier.save()
    assert [row["change_4_weeks"] for row in exported(client)] == ["-8.25"]
    assert '<span class="vr-delta down">\u22128</span>' in page(client)


@pytest.mark.usefixtures("leader")
def test_no_cell_of_the_file_is_a_formula(client: Client) -> None:
    owner = make_user(name="@SUM(1)", email="e@example.com")
    for name in ('=HYPERLINK("http://x")', "+1", "-1", "@x", "\t=1", "\r=1", " =1", "a\nb"):
        account = stand(name, -5, "stalled", owner=owner, industry="=cmd")
        Account.objects.filter(pk=account.pk).update(external_id=f"={account.pk}")
    rows = exported(client)
    assert sorted(row["name"] for row in rows) == sorted(
        ['\'=HYPERLINK("http://x")', "'+1", "'-1", "'@x", "' =1", "' =1", "' =1", "a b"]
    )
    assert {row["owner_name"] for row in rows} == {"'@SUM(1)"}
    assert {row["industry"] for row in rows} == {"'=cmd"}
    assert {row["value_delivered"] for row in rows} == {"-5"}
    assert all(row["external_id"].startswith("'=") for row in rows)


@pytest.mark.usefixtures("leader")
@pytest.mark.parametrize("query", ["?export=csv&status=great", "?export=csv&ordering=id", "?export=xls", "?export="])
def test_a_file_is_refused_rather_than_filled_with_more_than_was_asked_for(client: Client, query: str) -> None:
    world()
    response = client.get(f"/portfolio/{query}")
    assert (response.status_code, response["Content-Type"]) == (400, "text/plain; charset=utf-8")


# ---- queries -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("query", ["", "?status=on_track", "?ordering=name&months=12"])
def test_the_number_of_queries_does_not_grow_with_the_accounts(client: Client, leader: User, query: str) -> None:
    def count() -> int:
        with CaptureQueriesContext(connection) as queries:
            page(client, query)
        assert not [each["sql"] for each in queries if "OFFSET" in each["sql"]]
        return len(queries)

    stand("First", 60, "on_track", owner=leader)
    page(client, query)
    at_one = count()
    for number in range(29):
        status = list(Status)[number % 5]
        stand(f"Account {number}", number, status, owner=make_user(), arr=Decimal(1000))
    assert count() == at_one
    assert at_one <= 12


def test_the_file_is_one_statement(client: Client, leader: User) -> None:
    world()
    response = client.get("/portfolio/?export=csv")
    with CaptureQueriesContext(connection) as queries:
        b"".join(response.streaming_content)  # type: ignore[attr-defined]
    assert len(queries) == 1
    assert queries[0]["sql"].startswith("COPY (")

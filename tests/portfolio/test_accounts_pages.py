"""The list of accounts, the page of one account with its tabs, and search."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.utils.html import escape

from accounts.models import Account, User
from accounts.services.accounts import archive_account, update_account
from objectives.services.objectives import archive_objective, update_objective
from objectives.services.readings import ReadingRow, record_readings
from objectives.services.restatements import rebuild
from portfolio.queries.activity import activity_page, recent_activity
from tests.factories import at_time, make_account, make_metric, make_objective, make_user, record, take_weeks
from valuerealization.common.audit import SYSTEM

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 17, 14, 0, tzinfo=UTC)
START = datetime(2026, 9, 1, 9, 0, tzinfo=UTC)
HTMX = {"HX-Request": "true"}


@pytest.fixture(autouse=True)
def today(clock: Callable[[datetime], None]) -> None:
    clock(NOW)


@pytest.fixture
def csm(client: Client) -> User:
    user = make_user(role="csm", name="Amara Okafor", email="amara@example.com")
    client.force_login(user)
    return user


@pytest.fixture
def account(csm: User) -> Account:
    return make_account(name="Brightwater Logistics", owner=csm, timezone="America/New_York", at=START)


def scored(name: str, value: int | None, **fields: Any) -> Account:
    """Make an account whose live score is `value`."""
    account = make_account(name=name, at=START, **fields)
    if value is not None:
        record(make_objective(account, at=START), value, at=NOW - timedelta(days=1))
    return account


def names(client: Client, query: str = "") -> list[str]:
    html = client.get(f"/accounts/{query}").content.decode()
    return re.findall(r'<a class="name" href="[^"]*">([^<]*)</a>', html)


# ---- the list --------------------------------------------------------------------------------------------------------


def test_the_worst_comes_first_and_stands_live(client: Client, csm: User) -> None:
    scored("On track", 60)
    scored("Without", None)
    scored("Stalled", 10)
    scored("Met", 100)
    scored("At risk", 40)
    assert names(client) == ["Stalled", "At risk", "On track", "Met", "Without"]
    take_weeks(until=NOW)
    record(Account.objects.get(name="Stalled").objectives.get(), 70, at=NOW)
    assert names(client) == ["At risk", "On track", "Stalled", "Met", "Without"]


def test_a_line_says_what_there_is(client: Client, csm: User) -> None:
    scored("Brightwater", 41, owner=csm, segment="mid_market", arr=Decimal("184000"), renewal_on=date(2027, 1, 14))
    html = client.get("/accounts/").content.decode()
    for text in ("Brightwater", "Mid-market", "At risk", "25 to 49%", "41%", "Amara Okafor", "$184,000", "14 Jan 2027"):
        assert text in html
    assert '<span class="why soon">in 58 days</span>' in html
    assert re.search(r'<b class="strong">0</b><span class="faint"> of 1 met</span>', html)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("?search=bRIGHT", ["Brightwater"]),
        ("?search=%25", []),
        ("?owner=amara@example.com", ["Brightwater"]),
        ("?owner=none", ["Calder", "Dorset"]),
        ("?owner=%00", ["Calder", "Brightwater", "Dorset"]),
        ("?status=stalled", ["Calder"]),
        ("?status=stalled&status=none", ["Calder", "Dorset"]),
        ("?segment=enterprise", ["Calder"]),
        ("?value_min=12&value_max=60", ["Calder", "Brightwater"]),
        ("?ordering=name", ["Brightwater", "Calder", "Dorset"]),
        ("?ordering=-value_delivered", ["Brightwater", "Calder", "Dorset"]),
        ("?archived=true", ["Gone"]),
    ],
)
def test_filters_and_orders_are_those_of_the_api(client: Client, csm: User, query: str, found: list[str]) -> None:
    scored("Brightwater", 60, owner=csm)
    scored("Calder", 12, segment="enterprise")
    scored("Dorset", None)
    archive_account(account=scored("Gone", 50), by=SYSTEM, at=NOW)
    assert names(client, query) == found


def test_what_cannot_be_read_is_said_and_ignored(client: Client, csm: User) -> None:
    scored("Brightwater", 60)
    response = client.get("/accounts/", {"status": "lost", "value_min": "abc", "ordering": "size"})
    html = response.content.decode()
    assert response.status_code == 200
    assert html.count('class="invalid-feedback') == 3
    assert "Sort by one of worst" in html
    assert "Brightwater" in html


def test_a_page_that_is_not_known_starts_anew(client: Client, csm: User) -> None:
    scored("Brightwater", 60)
    html = client.get("/accounts/", {"cursor": "forged"}).content.decode()
    assert "Page: This part of the list is not known. It starts anew here." in html
    assert "Brightwater" in html


def test_thirty_accounts_are_two_pages(client: Client, csm: User) -> None:
    for number in range(30):
        scored(f"Account {number:02}", number + 1)
    first = client.get("/accounts/", {"ordering": "name"})
    html = first.content.decode()
    assert len(names(client, "?ordering=name")) == 25
    assert "25 of 30 accounts" in html
    second = client.get(first.context["next_href"])
    assert re.findall(r'class="name" href="[^"]*">([^<]*)<', second.content.decode()) == [
        f"Account {number:02}" for number in range(25, 30)
    ]
    back = client.get(second.context["previous_href"])
    assert re.findall(r'class="name" href="[^"]*">([^<]*)<', back.content.decode())[0] == "Account 00"


def test_one_and_thirty_accounts_cost_the_same(client: Client, csm: User, django_assert_max_num_queries: Any) -> None:
    counts = []
    for number in (1, 29):
        for _ in range(number):
            scored("Account", 40, owner=make_user())
        with django_assert_max_num_queries(9) as queries:
            client.get("/accounts/", {"search": "acc", "owner": ""})
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_no_accounts_and_no_match_are_different_things(client: Client, csm: User) -> None:
    html = client.get("/accounts/").content.decode()
    assert "No accounts yet" in html
    assert 'href="/accounts/new/"' in html
    html = client.get("/accounts/", {"search": "x"}).content.decode()
    assert "No accounts match these filters" in html


def test_the_filter_form_swaps_the_list_and_leaves_itself_alone(client: Client, csm: User) -> None:
    scored("Brightwater", 60)
    target = HTMX | {"HX-Target": "account-list"}
    typed = client.get("/accounts/", {"search": "bri", "status": "", "owner": ""}, headers=target)
    assert typed.headers["HX-Push-Url"] == "/accounts/?search=bri"
    assert typed.content.decode().strip().startswith('<div id="account-list"')
    card = client.get("/accounts/", {"search": "bri"}, headers=HTMX | {"HX-Target": "accounts"}).content.decode()
    assert re.match(r'<section class="card"\s+id="accounts"', card.strip())
    assert "<html" not in card
    going_back = client.get("/accounts/", headers=HTMX | {"HX-History-Restore-Request": "true"})
    assert "<html" in going_back.content.decode()
    assert "HX-Request" in going_back.headers["Vary"]


def test_everybody_of_the_team_reads_and_nobody_else(client: Client) -> None:
    account = make_account()
    paths = ["", f"{account.pk}/", f"{account.pk}/objectives/", f"{account.pk}/activity/", f"{account.pk}/recent/"]
    for path in (*(f"/accounts/{path}" for path in paths), "/search/?q=ab"):
        client.logout()
        response = client.get(path)
        assert (response.status_code, response.headers["Location"].split("?")[0]) == (302, "/sign-in/")
        assert client.get(path, headers=HTMX).status_code == 401
        for role in ("csm", "leader", "admin"):
            client.force_login(make_user(role=role))
            assert client.get(path, headers=HTMX).status_code == 200


# ---- the page of an account ------------------------------------------------------------------------------------------


def test_an_account_that_is_not_there_is_404(client: Client, csm: User) -> None:
    for path in ("", "objectives/", "activity/", "recent/"):
        assert client.get(f"/accounts/999999/{path}").status_code == 404


def test_the_head_tells_the_facts(client: Client, csm: User, account: Account) -> None:
    update_account(
        account=account, by=SYSTEM, at=NOW, segment="enterprise", industry="Logistics", arr=Decimal(184000),
        renewal_on=date(2027, 2, 28), contract_signed_on=date(2025, 3, 1), went_live_on=date(2025, 5, 1),
    )  # fmt: skip
    facts = {
        fact["label"]: (fact["value"], fact["note"]) for fact in client.get(f"/accounts/{account.pk}/").context["facts"]
    }
    assert facts == {
        "Segment": ("Enterprise", ""),
        "Industry": ("Logistics", ""),
        "ARR": ("$184,000", ""),
        "Renewal": ("28 Feb 2027", "in 103 days"),
        "Owner": ("Amara Okafor", ""),
        "Customer since": ("1 Mar 2025", ""),
        "Go-live": ("1 May 2025", ""),
        "Timezone": ("America/New_York", ""),
        "Stage": ("Amplification", ""),
    }


def test_facts_that_are_not_known_are_left_out(client: Client, csm: User) -> None:
    account = make_account(renewal_on=date(2026, 11, 1))
    facts = client.get(f"/accounts/{account.pk}/").context["facts"]
    assert [(fact["label"], fact["value"], fact["note"], fact["tone"]) for fact in facts] == [
        ("Renewal", "1 Nov 2026", "16 days late", "bad"),
        ("Owner", "No owner", "", ""),
        ("Timezone", "UTC", "", ""),
        ("Stage", "Alignment", "no contract date yet", ""),
    ]


def test_the_overview_shows_card_trend_and_changes(client: Client, csm: User, account: Account) -> None:
    record(make_objective(account, title="Onboarding", at=START), 60, at=START + timedelta(days=1), by=csm.as_actor())
    take_weeks(until=NOW)
    html = client.get(f"/accounts/{account.pk}/").content.decode()
    for text in ("60<sup>%</sup>", "How is 60% calculated?", "Value trend, 6 months", "Recent changes"):
        assert text in html
    assert html.count("<h1>") == 1
    for absent in ("ROI", "Milestones", "Health"):
        assert absent not in html


@pytest.mark.parametrize("role", ["csm", "leader"])
def test_actions_are_shown_to_who_may_use_them(client: Client, csm: User, account: Account, role: str) -> None:
    record(make_objective(account, at=START), 60, at=NOW)
    wanted = [
        f"/accounts/{account.pk}/values/",
        f"/accounts/{account.pk}/objectives/new/",
        f"/accounts/{account.pk}/edit/",
    ]
    html = client.get(f"/accounts/{account.pk}/").content.decode()
    assert all(f'href="{path}"' in html for path in wanted)
    client.force_login(make_user(role=role))
    html = client.get(f"/accounts/{account.pk}/").content.decode()
    assert [f'href="{path}"' in html for path in wanted] == [role == "leader"] * 3


def test_the_page_costs_the_same_with_one_and_with_twenty_objectives(
    client: Client, csm: User, account: Account, django_assert_max_num_queries: Any
) -> None:
    counts = []
    for number in (1, 19):
        for _ in range(number):
            record(make_objective(account, owner=csm, at=START), 60, at=NOW)
        with django_assert_max_num_queries(17) as queries:
            client.get(f"/accounts/{account.pk}/")
        counts.append(len(queries))
    assert counts[0] >= counts[1]  # fewer when the latest six are all of one kind


def test_an_archived_account_says_so_and_can_come_back(client: Client, csm: User, account: Account) -> None:
    record(make_objective(account, at=START), 60, at=NOW)
    archive_account(account=account, by=SYSTEM, at=NOW)
    html = client.get(f"/accounts/{account.pk}/").content.decode()
    assert "This account is archived" in html
    assert f'action="/accounts/{account.pk}/restore/"' in html
    assert "New objective" not in html
    client.force_login(make_user(role="csm"))
    assert "/restore/" not in client.get(f"/accounts/{account.pk}/").content.decode()


def test_names_are_escaped_everywhere(client: Client, csm: User) -> None:
    evil = "<script>alert('x')</script>"
    account = make_account(name=evil, owner=csm, industry=evil, at=START)
    objective = make_objective(account, title=evil, at=START)
    record(objective, 60, at=NOW, by=csm.as_actor(), note=evil, source=evil)
    update_objective(objective=objective, by=csm.as_actor(), at=NOW, title=evil + "2", reason=evil)
    base = f"/accounts/{account.pk}/"
    for path in (
        "/accounts/",
        f"/accounts/?search={evil}",
        base,
        f"{base}objectives/",
        f"{base}activity/",
        "/search/?q=alert",
    ):
        html = client.get(path).content.decode()
        assert "<script>alert" not in html
        assert escape(evil) in html


# ---- objectives ------------------------------------------------------------------------------------------------------


def test_the_objectives_tab_lists_all_of_them(client: Client, csm: User, account: Account) -> None:
    record(make_objective(account, title="Onboarding", unit="days", baseline=14, target=7, at=START), 9, at=NOW)
    make_objective(account, title="Disputes", due_on=date(2026, 12, 1), show_in_portal=True, at=START)
    done = make_objective(account, title="Agree the plan", completion_type="manual", at=START)
    update_objective(objective=done, by=SYSTEM, at=NOW, done=True)
    gone = archive_objective(objective=make_objective(account, title="Old goal", at=START), by=SYSTEM, at=NOW)
    html = client.get(f"/accounts/{account.pk}/objectives/").content.decode()
    for text in (
        "Onboarding",
        "9 days",
        "71%",
        "Disputes",
        "not measured yet",
        "in 14 days",
        "Shared",
        "Agree the plan",
        "Done",
    ):
        assert text in html
    assert f'action="/objectives/{gone.pk}/restore/"' in html
    assert 'Objectives <span class="vr-count">3</span>' in html
    client.force_login(make_user(role="csm"))
    assert "/restore/" not in client.get(f"/accounts/{account.pk}/objectives/").content.decode()


def test_the_objectives_tab_costs_the_same_with_one_and_with_thirty(
    client: Client, csm: User, account: Account, django_assert_max_num_queries: Any
) -> None:
    counts = []
    for number in (1, 29):
        for _ in range(number):
            record(make_objective(account, owner=csm, at=START), 60, at=NOW)
        with django_assert_max_num_queries(12) as queries:
            client.get(f"/accounts/{account.pk}/objectives/")
        counts.append(len(queries))
    assert counts[0] == counts[1]


# ---- activity --------------------------------------------------------------------------------------------------------


def told(account: Account) -> list[tuple[str, ...]]:
    return [
        (item.who, item.verb, item.title, item.before, item.after)
        for item in recent_activity(account=account, at=NOW, size=20)
    ]


def test_values_are_told_from_before_to_after(client: Client, csm: User, account: Account) -> None:
    objective = make_objective(account, title="Onboarding", unit="days", baseline=14, target=7, at=START)
    day = timedelta(days=1)
    record(objective, 12, at=NOW - 4 * day, by=csm.as_actor(), source="log")
    record(objective, 10, at=NOW - 3 * day, by=csm.as_actor(), source="log")
    record(objective, 9, at=NOW - 3 * day, recorded_at=NOW, by=csm.as_actor(), source="log", confidence="medium")
    record(objective, 9, at=NOW - day, by=csm.as_actor(), source="log")
    assert told(account)[:4] == [
        ("Amara Okafor", "repeated", "Onboarding", "", "9 days"),
        ("Amara Okafor", "corrected", "Onboarding", "10 days", "9 days"),
        ("Amara Okafor", "changed", "Onboarding", "12 days", "10 days"),
        ("Amara Okafor", "measured", "Onboarding", "", "12 days"),
    ]
    corrected = recent_activity(account=account, at=NOW)[1]
    assert (corrected.completion_before, corrected.completion_after) == ("57%", "71%")
    assert corrected.note == "source log, estimated, recorded 17 Nov, 09:00"
    html = client.get(f"/accounts/{account.pk}/activity/").content.decode()
    text = " ".join(re.sub(r"<[^>]+>", "", html).split())
    assert "Amara Okafor corrected Onboarding 10 days to 9 days, completion 57% to 71% source log, estimated" in text
    assert "Amara Okafor recorded the first value of Onboarding 12 days, completion 29%" in text


def test_completions_are_told_under_the_definition_of_their_time(csm: User, account: Account) -> None:
    objective = make_objective(account, at=START)
    record(objective, 50, at=START + timedelta(days=1))
    with at_time(START + timedelta(days=2)):
        update_objective(objective=objective, by=SYSTEM, at=START + timedelta(days=2), target=Decimal(200))
    record(objective, 60, at=START + timedelta(days=3))
    after, _, before = recent_activity(account=account, at=NOW)[:3]
    assert (before.completion_after, after.completion_before, after.completion_after) == ("50%", "25%", "30%")


def test_a_change_too_small_to_show_is_told_exactly(csm: User, account: Account) -> None:
    objective = make_objective(account, unit="score", baseline=6, target=9, at=START)
    record(objective, "8.11", at=NOW - timedelta(days=1))
    record(objective, "8.12", at=NOW)
    (latest, *_) = told(account)
    assert latest[3:] == ("8.11", "8.12")


def test_metrics_are_synced_once_for_all_their_objectives(csm: User, account: Account) -> None:
    metric = make_metric(name="Match rate", unit="percentage")
    make_objective(account, metric=metric, at=START)
    make_objective(account, metric=metric, target=50, at=START)
    record(metric, 20, account=account, at=NOW)
    record(metric, 20, account=make_account(), at=NOW)
    items = [item for item in recent_activity(account=account, at=NOW) if item.kind == "value"]
    assert [(item.title, item.after, item.is_synced, item.icon) for item in items] == [
        ("Match rate", "20%", True, "refresh")
    ]


def test_changes_are_told_in_words(csm: User, account: Account) -> None:
    other = make_user(name="Jonas Lindqvist")
    metric = make_metric(name="Match rate")
    objective = make_objective(account, title="Onboarding", unit="days", baseline=14, target=7, at=START)
    update_account(
        account=account, by=csm.as_actor(), at=NOW, owner=other, segment="mid_market", arr=Decimal("1500.50"),
        renewal_on=date(2027, 2, 28),
    )  # fmt: skip
    objective = update_objective(
        objective=objective, by=csm.as_actor(), at=NOW, target=Decimal("6.5"), weight=Decimal(2), show_in_portal=True,
        due_on=date(2026, 12, 1), reason="Agreed in the review",
    )  # fmt: skip
    update_objective(
        objective=objective, by=csm.as_actor(), at=NOW, completion_type="attribute", metric=metric, details="x" * 300
    )
    archive_objective(objective=objective, by=csm.as_actor(), at=NOW, reason="Out of scope")
    archived, linked, changed, account_changed, *_ = recent_activity(account=account, at=NOW)
    assert (archived.verb, archived.title, archived.note) == ("archived the objective", "Onboarding", "Out of scope")
    shown = {change.label: (change.before, change.after) for change in linked.changes}
    assert shown["type"] == ("Value based", "Attribute based")
    assert shown["metric"] == ("nothing", "Match rate")
    assert shown["description"] == ("nothing", "x" * 120 + "…")
    assert (changed.verb, changed.title, changed.note) == ("changed", "Onboarding", "Agreed in the review")
    assert {change.label: (change.before, change.after) for change in changed.changes} == {
        "target": ("7 days", "6.5 days"),
        "weight": ("1", "2"),
        "target date": ("nothing", "1 Dec"),
        "shown in the portal": ("no", "yes"),
    }
    assert {change.label: (change.before, change.after) for change in account_changed.changes} == {
        "owner": ("Amara Okafor", "Jonas Lindqvist"),
        "segment": ("nothing", "Mid-market"),
        "ARR": ("nothing", "$1,500.50"),
        "renewal": ("nothing", "28 Feb 2027"),
    }


def test_a_large_batch_and_a_rebuild_are_told_as_such(client: Client, csm: User, account: Account) -> None:
    objective = make_objective(account, at=START)
    take_weeks(until=NOW)
    rows = [
        ReadingRow(index=n, objective_id=objective.pk, value=Decimal(n + 1), observed_at=START + timedelta(days=n))
        for n in range(11)
    ]
    record_readings(rows=rows, by=csm.as_actor(), at=NOW, atomic=True)
    rebuild(account_ids=[account.pk], by=csm.as_actor(), reason="Two weeks of history")
    verbs = [item.verb for item in activity_page(account=account, at=NOW).items if item.kind == "change"]
    assert verbs[:2] == ["rebuilt past weeks, 2026-09-06 to 2026-11-15: 0 added, 11 changed", "recorded 11 readings"]
    assert "recorded 11 readings" not in [item.verb for item in recent_activity(account=account, at=NOW, size=20)]
    html = client.get(f"/accounts/{account.pk}/activity/").content.decode()
    assert "recorded 11 readings" in html
    assert "Two weeks of history" in html


def test_pages_of_activity_hold_everything_once(client: Client, csm: User, account: Account) -> None:
    objective = make_objective(account, at=START)
    for number in range(70):
        record(objective, number + 1, at=START + timedelta(hours=number))
    seen, cursor, pages = [], None, []
    while True:
        page = activity_page(account=account, at=NOW, cursor=cursor)
        seen += [item.at for item in page.items]
        pages.append(page)
        cursor = page.older
        if cursor is None:
            break
    assert [len(page.items) for page in pages] == [30, 30, 12]
    assert seen == sorted(seen, reverse=True)
    assert len({(item.at, item.after, item.verb) for page in pages for item in page.items}) == 72
    assert pages[0].newer is None
    assert activity_page(account=account, at=NOW, cursor=pages[2].newer).items == pages[1].items
    assert activity_page(account=account, at=NOW, cursor=pages[1].newer).items == pages[0].items
    part = client.get(f"/accounts/{account.pk}/activity/", {"cursor": pages[0].older}, headers=HTMX).content.decode()
    assert part.strip().startswith('<section class="card" id="activity"')
    assert client.get(f"/accounts/{account.pk}/activity/", {"cursor": "forged"}).status_code == 404


def test_activity_costs_the_same_with_few_and_with_many(
    client: Client, csm: User, account: Account, django_assert_max_num_queries: Any
) -> None:
    counts = []
    for number in (1, 29):
        for _ in range(number):
            objective = make_objective(account, owner=csm, at=START)
            record(objective, 60, at=NOW)
            update_objective(objective=objective, by=SYSTEM, at=NOW, title="Another", owner=make_user())
        with django_assert_max_num_queries(14) as queries:
            client.get(f"/accounts/{account.pk}/activity/")
        counts.append(len(queries))
    assert counts[0] >= counts[1]  # fewer when the page is all of one kind


def test_the_recent_changes_are_a_part_of_their_own(client: Client, csm: User, account: Account) -> None:
    record(make_objective(account, title="Onboarding", at=START), 60, at=NOW, by=csm.as_actor())
    part = client.get(f"/accounts/{account.pk}/recent/", headers=HTMX).content.decode()
    assert re.match(r'\s*<section class="card"\s+id="recent"', part)
    assert 'hx-trigger="vr:changed from:body"' in part
    assert "Onboarding" in part
    assert client.get(f"/accounts/{account.pk}/recent/").headers["Location"] == f"/accounts/{account.pk}/activity/"


# ---- search ----------------------------------------------------------------------------------------------------------


def found(client: Client, text: str, **headers: str) -> list[tuple[str, str]]:
    html = client.get("/search/", {"q": text}, headers=headers).content.decode()
    return re.findall(r'<a href="([^"]*)">\s*<span><b>([^<]*)</b>', html)


def test_search_finds_accounts_and_objectives(client: Client, csm: User) -> None:
    first = scored("Brightwater", 60)
    second = scored("Albright", None)
    gone = archive_account(account=scored("Bright Gone", 10), by=SYSTEM, at=NOW)
    goal = make_objective(first, title="A bright idea", at=START)
    archive_objective(objective=make_objective(first, title="Bright and old", at=START), by=SYSTEM, at=NOW)
    assert found(client, "bRight") == [
        (f"/accounts/{first.pk}/", "Brightwater"),
        (f"/accounts/{second.pk}/", "Albright"),
        (f"/accounts/{gone.pk}/", "Bright Gone"),
        (f"/accounts/{first.pk}/objectives/#objective-{goal.pk}", "A bright idea"),
    ]


@pytest.mark.parametrize("text", ["%", "_", "", "x", "%%", "\\\\", "nothing of the kind", "a\x00"])
def test_search_takes_any_text(client: Client, csm: User, text: str) -> None:
    scored("Brightwater", 60)
    assert found(client, text) == []


def test_search_answers_the_dialog_and_a_page(client: Client, csm: User, django_assert_max_num_queries: Any) -> None:
    scored("Brightwater", 60)
    with django_assert_max_num_queries(4):
        part = client.get("/search/", {"q": "bri"}, headers=HTMX).content.decode()
    assert "<html" not in part
    assert "60%" in part
    page = client.get("/search/", {"q": "bri"}).content.decode()
    assert "<h1>Search</h1>" in page
    assert 'value="bri"' in page
    assert "Type at least two characters." in client.get("/search/", {"q": "b"}, headers=HTMX).content.decode()
    assert "Nothing found for" in client.get("/search/", {"q": "zz"}, headers=HTMX).content.decode()

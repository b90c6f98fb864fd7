"""Two accounts or two segments side by side: what stands there, how they are chosen, and what there is to say else."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from html import unescape
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import Account, Segment, User
from accounts.services.accounts import archive_account
from objectives.models import Metric
from portfolio.queries.compare import Comparison, compare, find_subject
from tests.factories import make_account, make_metric, make_objective, make_segment, make_user, record, take_weeks
from valuerealization.common.audit import SYSTEM

pytestmark = pytest.mark.django_db

START = datetime(2026, 9, 1, 9, tzinfo=UTC)  # a Tuesday
NOW = datetime(2026, 11, 18, 9, tzinfo=UTC)  # a Wednesday
LAST = date(2026, 11, 15)
HTMX = {"HX-Request": "true"}


@pytest.fixture
def leader(client: Client, clock: Callable[[datetime], None]) -> User:
    clock(NOW)
    user = make_user(role="leader", name="Ingrid Solheim")
    client.force_login(user)
    return user


def growing(name: str, step: int, metric: Metric, **fields: Any) -> Account:
    """Make an account whose one goal, on a metric, gains `step` a week."""
    account = make_account(name=name, at=START, timezone="UTC", **fields)
    make_objective(account, metric=metric, at=START)
    for week in range(11):
        record(metric, step * (week + 1), account=account, at=START + timedelta(weeks=week))
    return account


@pytest.fixture
def two(leader: User) -> tuple[Account, Account]:
    metric = make_metric(name="Hours saved", unit="custom", unit_label="hours")
    first = growing(
        "Brightwater", 5, metric, segment="enterprise", arr=Decimal(184_000), renewal_on=date(2027, 1, 14), owner=leader
    )
    second = growing("Calder", 3, metric, segment="mid_market", currency="EUR", arr=Decimal(90_000))
    other = make_objective(second, title="Own thing", at=START)
    record(other, 99, at=START)
    take_weeks(until=NOW)
    return first, second


def compared(a: str, b: str, months: int = 6) -> Comparison:
    one, other = find_subject(a), find_subject(b)
    assert one
    assert other
    return compare(one, other, at=NOW, months=months, until=LAST)


def facts(found: Comparison) -> dict[str, tuple[str, str, int | None]]:
    return {fact.label: (fact.a, fact.b, fact.difference) for fact in found.facts}


def text(html: str) -> str:
    main = html[html.index('<main class="vr-main"') : html.index("</main>")]
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", main)).split())


# ---- accounts ------------------------------------------------------------------------------------------------------


def test_two_accounts_stand_as_of_their_snapshots(two: tuple[Account, Account]) -> None:
    first, second = two
    record(first.objectives.get().metric, 100, account=first, at=NOW)  # since the snapshot
    found = facts(compared(f"account:{first.pk}", f"account:{second.pk}"))
    assert found["Value delivered"] == ("55%", "66%", -11)  # (33 + 99) ÷ 2 = 66
    assert found["Goals met"] == ("0 of 1", "0 of 2", None)
    assert found["ARR"] == ("$184,000", "€90,000", None)
    assert found["Renewal"] == ("14 Jan 2027, in 57 days", "Not set", None)
    assert found["Change over 4 weeks"][:2] == ("+20 pts", "+6 pts")
    assert found["Owner"][:2] == ("Ingrid Solheim", "No owner")
    assert found["Verified %"] == ("n/a", "n/a", None)


def test_goals_on_the_same_metric_are_compared_and_others_are_not(two: tuple[Account, Account]) -> None:
    found = compared(f"account:{two[0].pk}", f"account:{two[1].pk}")
    (metric,) = found.metrics
    assert (metric.name, metric.a, metric.b, metric.difference) == ("Hours saved", Decimal(55), Decimal(33), 22)
    assert (metric.detail_a, metric.detail_b) == ("55 hours", "33 hours")


def test_both_trends_are_in_one_chart_with_a_table(two: tuple[Account, Account]) -> None:
    found = compared(f"account:{two[0].pk}", f"account:{two[1].pk}", months=3)
    assert found.chart is not None
    (line,) = found.chart.lines
    assert (line.label, line.letter, line.last, found.chart.last.text) == ("Calder", "B", "66%", "55%")
    assert found.weeks[0] == ("15 Nov", "55%", "66%")
    assert len(found.weeks) == 11


def test_an_account_without_a_snapshot_has_no_line(two: tuple[Account, Account]) -> None:
    fresh = make_account(name="Fresh")
    found = compared(f"account:{two[0].pk}", f"account:{fresh.pk}")
    assert found.chart is not None
    assert found.chart.lines[0].path == ""
    assert facts(found)["Value delivered"] == ("55%", "n/a", None)
    assert {row[2] for row in found.weeks} == {"No score"}
    turned = compared(f"account:{fresh.pk}", f"account:{two[0].pk}")
    assert (turned.chart, len(turned.weeks)) == (None, 11)


# ---- segments ------------------------------------------------------------------------------------------------------


def test_size_classes_add_up_their_accounts(two: tuple[Account, Account]) -> None:
    growing("Dorset", 1, Metric.objects.get(), segment="mid_market", arr=Decimal(10_000), renewal_on=date(2026, 12, 1))
    take_weeks(until=NOW)
    found = compared("size:enterprise", "size:mid_market")
    listed = facts(found)
    assert listed["Average value delivered"] == ("55%", "39%", 16)  # (66 + 11) ÷ 2 = 38.5
    assert listed["Accounts"][:2] == ("1", "2")
    assert listed["ARR of accounts with a score"][:2] == ("$184k", "€90k + $10k")
    assert listed["Weighted by ARR"][1] == "66% EUR, 11% USD"
    assert listed["Renewing within 90 days"][:2] == ("1", "1")
    assert listed["Stalled"][:2] == ("0 (0%)", "1 (50%)")
    (metric,) = found.metrics
    assert (metric.a, metric.b, metric.detail_b) == (Decimal(55), Decimal(22), "2 accounts")
    assert found.weeks[0] == ("15 Nov", "55%", "39%")


def test_a_saved_segment_is_compared_like_a_size_class(two: tuple[Account, Account]) -> None:
    saved = make_segment({"all": [{"field": "currency", "op": "is", "value": "EUR"}]}, name="In euro")
    found = facts(compared(f"segment:{saved.pk}", "size:enterprise"))
    assert found["Average value delivered"] == ("66%", "55%", 11)


def test_weeks_that_are_not_complete_do_not_count(two: tuple[Account, Account]) -> None:
    one, other = find_subject("size:enterprise"), find_subject("size:mid_market")
    assert one
    assert other
    assert compare(one, other, at=NOW, months=6, until=date(2026, 11, 8)).weeks[0][0] == "8 Nov"
    assert compare(one, other, at=NOW, months=6, until=None).chart is None


def test_an_empty_segment_says_so(two: tuple[Account, Account]) -> None:
    found = compared("size:enterprise", "size:small_business")
    assert facts(found)["Average value delivered"] == ("55%", "n/a", None)
    assert found.metrics == ()
    assert found.chart is not None


def test_an_account_and_a_segment_are_not_compared(two: tuple[Account, Account], client: Client) -> None:
    with pytest.raises(ValueError, match="a segment with a segment"):
        compared(f"account:{two[0].pk}", "size:enterprise")
    said = text(client.get(f"/compare/?a=account:{two[0].pk}&b=size:enterprise").content.decode())
    assert "Choose two of a kind" in said


# ---- the page ------------------------------------------------------------------------------------------------------


GONE = ["account:0", "account:x", "account:", "size:huge", "segment:9", "account:²", "nonsense", "account:" + "9" * 30]


@pytest.mark.parametrize("ref", GONE)
def test_what_is_not_there_is_said(client: Client, leader: User, ref: str) -> None:
    account = make_account()
    assert find_subject(ref) is None
    said = text(client.get("/compare/", {"a": ref, "b": f"account:{account.pk}"}).content.decode())
    assert "The first side is not there any more" in said


def test_an_archived_account_is_not_there_any_more(two: tuple[Account, Account], client: Client) -> None:
    archive_account(account=two[1], by=SYSTEM, at=NOW)
    said = text(client.get(f"/compare/?a=account:{two[0].pk}&b=account:{two[1].pk}").content.decode())
    assert "The second side is not there any more" in said
    assert "Side by side" not in said


def test_the_same_thing_twice_is_no_comparison(two: tuple[Account, Account], client: Client) -> None:
    said = text(client.get(f"/compare/?a=account:{two[0].pk}&b=account:{two[0].pk}").content.decode())
    assert "Both sides are Brightwater. Choose another one to compare it with." in said


def test_nothing_chosen_says_how_to_choose(client: Client, leader: User) -> None:
    assert "Choose two accounts" in text(client.get("/compare/").content.decode())
    html = client.get("/compare/?of=segments").content.decode()
    assert "Choose two segments" in text(html)
    assert html.count('<option value="size:') == 2 * len(Segment.values)


def test_a_side_is_found_by_its_name(two: tuple[Account, Account], client: Client) -> None:
    first, second = two
    html = client.get(f"/compare/?a=account:{first.pk}&search_b=cal&months=3").content.decode()
    box = html[html.index('id="pick-b"') :]
    assert f'<a href="/compare/?a=account%3A{first.pk}&amp;b=account%3A{second.pk}&amp;months=3">' in box
    assert "No account has “zzz” in its name." in client.get("/compare/?search_a=zzz").content.decode()
    assert "Type two letters or more." in client.get("/compare/?search_a=z").content.decode()


def test_the_page_holds_its_state_in_every_link(two: tuple[Account, Account], client: Client) -> None:
    first, second = two
    html = client.get(f"/compare/?a=account:{first.pk}&b=account:{second.pk}&months=12&table=1").content.decode()
    assert "<h1>Brightwater and Calder</h1>" in html
    state = f"a=account%3A{first.pk}&amp;b=account%3A{second.pk}"
    turned = f"a=account%3A{second.pk}&amp;b=account%3A{first.pk}"
    assert f'href="/compare/?{turned}&amp;months=12&amp;table=1">Swap sides' in html
    assert f'href="/compare/?{state}&amp;months=3&amp;table=1#trend"' in html
    assert f'href="/compare/?{state}&amp;months=12#trend">View as chart' in html
    assert "<table" in html[html.index('id="trend"') :]
    assert " style=" not in html


def test_queries_do_not_grow_with_the_accounts(two: tuple[Account, Account], client: Client) -> None:
    def count(query: str) -> int:
        with CaptureQueriesContext(connection) as queries:
            assert "Side by side" in client.get(f"/compare/?{query}").content.decode()
        return len(queries)

    sizes = "a=size:enterprise&b=size:mid_market"
    count(sizes)
    at_one = count(sizes)
    for number in range(15):
        growing(f"Account {number}", 2, Metric.objects.get(), segment=["enterprise", "mid_market"][number % 2])
    take_weeks(until=NOW)
    assert count(sizes) == at_one
    assert at_one <= 18
    assert count(f"a=account:{two[0].pk}&b=account:{two[1].pk}") <= 18

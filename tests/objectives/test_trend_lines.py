"""Beside the trend: lines of single objectives, and where a definition changed its baseline or target."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from html import unescape
from typing import Any

import pytest
from django.test import Client

from accounts.models import Account
from objectives.models import Objective
from objectives.queries.trend import trend
from objectives.services.objectives import archive_objective, update_objective
from tests.factories import at_time, make_account, make_objective, make_user, record, take_weeks
from valuerealization.common.audit import SYSTEM

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 17, 14, tzinfo=UTC)  # a Tuesday; the last Sunday was the 15th
START = datetime(2026, 9, 1, 9, tzinfo=UTC)
HTMX = {"HX-Request": "true"}


@pytest.fixture
def account(clock: Callable[[datetime], None]) -> Account:
    clock(NOW)
    return make_account(timezone="UTC", at=START)


def growing(account: Account, title: str, step: int, *, since: int = 0) -> Objective:
    objective = make_objective(account, title=title, at=START + timedelta(weeks=since))
    for week in range(since, 11):
        record(objective, step * (week + 1), at=START + timedelta(weeks=week))
    return objective


def revise(objective: Objective, at: datetime, **fields: Any) -> None:
    with at_time(at):
        update_objective(objective=objective, by=SYSTEM, at=at, **fields)


def four_and_one(account: Account) -> list[Objective]:
    objectives = [growing(account, f"Goal {number}", number) for number in range(1, 6)]
    take_weeks(until=NOW)
    return objectives


# ---- lines ---------------------------------------------------------------------------------------------------------


def test_a_line_is_the_objectives_own_completion(account: Account) -> None:
    first, second = growing(account, "Onboarding", 5), growing(account, "Tickets", 3, since=6)
    take_weeks(until=NOW)
    found = trend(account=account, at=NOW, lines=[second.pk])
    assert [(each.title, each.number, each.letter) for each in found.choices] == [
        ("Onboarding", 0, ""),
        ("Tickets", 1, "A"),
    ]
    assert [week.lines for week in found.weeks][:3] == [("33%",), ("30%",), ("27%",)]
    assert {week.lines for week in found.weeks if week.week < date(2026, 10, 18)} == {("n/a",)}
    assert found.chart is not None
    (line,) = found.chart.lines
    assert (line.label, line.letter, line.last) == ("Tickets", "A", "33%")
    assert line.path.count("L") == 4  # five snapshots have it
    assert found.chart.aria_label.endswith(". Tickets from 21% to 33%")
    assert trend(account=account, at=NOW, lines=[first.pk, second.pk]).shown_lines[1].title == "Tickets"


def test_no_more_lines_than_can_be_told_apart(account: Account) -> None:
    ids = [each.pk for each in four_and_one(account)]
    found = trend(account=account, at=NOW, lines=ids)
    assert ([each.letter for each in found.shown_lines], found.is_full) == (["A", "B", "C", "D"], True)
    assert found.choices[4].number == 0


def test_a_line_of_somebody_else_or_of_long_ago_is_not_offered(account: Account) -> None:
    other = make_objective(make_account())
    old, lately = growing(account, "Old", 2), growing(account, "Lately", 3)
    growing(account, "Kept", 4)
    take_weeks(until=NOW)
    archive_objective(objective=lately, by=SYSTEM, at=NOW - timedelta(days=10))
    archive_objective(objective=old, by=SYSTEM, at=NOW - timedelta(days=200))
    found = trend(account=account, at=NOW, lines=[other.pk, old.pk, lately.pk])
    assert [(each.title, each.is_archived) for each in found.choices] == [("Lately", True), ("Kept", False)]
    assert [each.title for each in found.shown_lines] == ["Lately"]


def test_lines_cost_one_query_however_many(account: Account, django_assert_num_queries: Any) -> None:
    ids = [each.pk for each in four_and_one(account)]
    for lines, queries in (([], 3), (ids[:1], 4), (ids, 4)):
        with django_assert_num_queries(queries):
            trend(account=account, at=NOW, lines=lines)


# ---- re-baselining -------------------------------------------------------------------------------------------------


def test_a_changed_target_is_marked_at_the_first_snapshot_that_has_it(account: Account) -> None:
    objective = growing(account, "Onboarding", 5)
    revise(objective, datetime(2026, 10, 7, 12, tzinfo=UTC), target=Decimal(80))
    take_weeks(until=NOW)
    found = trend(account=account, at=NOW)
    (change,) = found.rebaselines
    assert (change.week, change.changed_by) == (date(2026, 10, 11), "System")
    assert change.sentence == "Re-baselined 7 Oct: Onboarding, target 100 to 80"
    assert {week.week: week.note for week in found.weeks}[date(2026, 10, 11)] == change.sentence
    assert found.chart is not None
    (mark,) = found.chart.marks
    assert (mark.x, mark.title) == ("50%", change.sentence)
    assert found.chart.aria_label.endswith(change.sentence)


def test_only_baseline_and_target_re_baseline(account: Account) -> None:
    objective = growing(account, "Onboarding", 5)
    at = datetime(2026, 10, 7, 12, tzinfo=UTC)
    revise(objective, at, weight=Decimal(3), title="Onboarding time", show_in_portal=True)
    assert trend(account=account, at=NOW).rebaselines == ()
    revise(objective, at + timedelta(hours=1), baseline=Decimal(-20), target=Decimal(80))
    (change,) = trend(account=account, at=NOW).rebaselines
    assert change.sentence == "Re-baselined 7 Oct: Onboarding time, baseline 0 to \u221220 and target 100 to 80"


def test_two_changes_in_a_week_are_one_mark(account: Account) -> None:
    objectives = four_and_one(account)
    for number, objective in enumerate(objectives[:2]):
        revise(objective, datetime(2026, 10, 7 + number, 12, tzinfo=UTC), target=Decimal(90))
    chart = trend(account=account, at=NOW).chart
    assert chart is not None
    (mark,) = chart.marks
    assert mark.title.count("Re-baselined") == 2


def test_a_change_since_the_last_snapshot_is_told_and_not_yet_drawn(account: Account) -> None:
    objective = growing(account, "Onboarding", 5)
    take_weeks(until=NOW)
    revise(objective, NOW - timedelta(hours=3), target=Decimal(90))
    found = trend(account=account, at=NOW)
    assert [each.week for each in found.rebaselines] == [date(2026, 11, 22)]
    assert found.chart is not None
    assert found.chart.marks == ()


def test_changes_before_the_period_are_left_out(account: Account) -> None:
    objective = growing(account, "Onboarding", 5)
    revise(objective, datetime(2026, 10, 7, 12, tzinfo=UTC), target=Decimal(90))
    take_weeks(until=NOW)
    later = NOW + timedelta(weeks=20)
    assert trend(account=account, at=later, months=3).rebaselines == ()
    assert len(trend(account=account, at=later, months=6).rebaselines) == 1


# ---- the page ------------------------------------------------------------------------------------------------------


@pytest.fixture
def page(client: Client) -> Callable[..., Any]:
    client.force_login(make_user(role="leader"))

    def get(path: str, **headers: str) -> Any:
        return client.get(path, headers=headers)

    return get


def test_the_address_holds_lines_period_and_table(account: Account, page: Callable[..., Any]) -> None:
    first, second = four_and_one(account)[:2]
    path = f"/accounts/{account.pk}/?months=3&table=1&lines={first.pk}&lines={second.pk}"
    html = page(path).content.decode()
    form = html[html.index('<form class="vr-lines"') :]
    form = form[: form.index("</form>")]
    assert re.findall(r'value="(\d+)" checked', form) == [str(first.pk), str(second.pk)]
    assert '<input type="hidden" name="months" value="3">' in form
    assert '<input type="hidden" name="table" value="1">' in form
    hrefs = [unescape(href) for href in re.findall(r'<a id="trend-[^"]*"\s+href="([^"]*)"', html)]
    kept = f"lines={first.pk}&lines={second.pk}"
    root = f"/accounts/{account.pk}/"
    assert hrefs == [
        f"{root}?{query}{kept}#trend" for query in ("months=3&table=1&", "table=1&", "months=12&table=1&", "months=3&")
    ]
    head = re.findall(r'<th scope="col"[^>]*>(.*?)</th>', html[html.index("Weekly snapshots of the last") :])
    assert [unescape(re.sub("<[^>]*>", "", cell)) for cell in head[:4]] == [
        "Week", "Value delivered", "A: Goal 1", "B: Goal 2",
    ]  # fmt: skip


def test_a_box_swaps_the_card_and_writes_the_address(account: Account, page: Callable[..., Any]) -> None:
    objective = four_and_one(account)[0]
    response = page(f"/accounts/{account.pk}/trend/?months=&lines={objective.pk}&lines=nonsense", **HTMX)
    assert response["HX-Push-Url"] == f"/accounts/{account.pk}/?lines={objective.pk}"
    html = response.content.decode()
    assert '<path class="s1" d="M' in html
    assert re.search(r'<text class="end"[^>]*>A</text>', html)
    assert page(f"/accounts/{account.pk}/trend/", **HTMX)["HX-Push-Url"] == f"/accounts/{account.pk}/"


def test_a_full_chart_takes_no_fifth_line(account: Account, page: Callable[..., Any]) -> None:
    ids = [each.pk for each in four_and_one(account)]
    query = "&".join(f"lines={each}" for each in ids)
    html = page(f"/accounts/{account.pk}/?{query}").content.decode()
    assert "Only the first 4 are shown" in unescape(html)
    assert re.search(rf'value="{ids[4]}" disabled', html)


def test_a_change_is_said_below_the_chart(account: Account, page: Callable[..., Any]) -> None:
    objective = growing(account, "Onboarding", 5)
    revise(objective, datetime(2026, 10, 7, 12, tzinfo=UTC), target=Decimal(80))
    take_weeks(until=NOW)
    html = page(f"/accounts/{account.pk}/").content.decode()
    assert "Re-baselined 7 Oct: Onboarding, target 100 to 80" in html
    assert '<line class="mark" x1="50%" x2="50%"' in html

"""The pages about data quality: flags, calendar, metrics, and decisions."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import Account, User
from accounts.services.accounts import archive_account
from objectives.cadence import DueState
from objectives.models import Disagreement, HeldReading, Metric, Reading
from objectives.queries.quality import Kind, QualityFilter, calendar_page, due_counts, figures, flags_page
from objectives.services.objectives import archive_objective
from objectives.services.readings import ReadingRow, record_readings
from tests.factories import make_account, make_metric, make_objective, make_user, record
from tests.objectives.pages import htmx, signed_in_as
from valuerealization.common.audit import SYSTEM, Actor

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 17, 14, 0, tzinfo=UTC)  # a Tuesday
START = datetime(2026, 9, 1, 9, 0, tzinfo=UTC)
DAY = timedelta(days=1)
KEY = Actor(kind="api_key", id="1", name="API key Warehouse")
EVERYTHING = QualityFilter()


@pytest.fixture(autouse=True)
def today(clock: Callable[[datetime], None]) -> None:
    clock(NOW)


@pytest.fixture
def csm() -> User:
    return make_user(role="csm", name="Amara Okafor", email="amara@example.com")


@pytest.fixture
def client(csm: User) -> Client:
    return signed_in_as(csm)


def an_account(owner: User | None = None, **fields: Any) -> Account:
    return make_account(owner=owner, at=START, **fields)


def stale(account: Account, *, days: int = 30, **fields: Any) -> Any:
    goal = make_objective(account, at=START, **{"cadence": "weekly", **fields})
    record(goal, 40, at=NOW - days * DAY)
    return goal


def disputed(account: Account, metric: Metric) -> Disagreement:
    record(metric, 100, account=account, source="CRM", at=NOW - 2 * DAY, by=KEY)
    record(metric, 80, account=account, source="Helpdesk", at=NOW - DAY)
    return Disagreement.objects.get(account=account, metric=metric)


def held(account: Account, metric: Metric, value: int = 1000) -> HeldReading:
    for day in range(8, 0, -1):
        record(metric, 10, account=account, at=NOW - day * DAY, by=KEY, source="CRM")
    row = ReadingRow(
        index=0, value=Decimal(value), customer_id=account.pk, metric_key=metric.key, observed_at=NOW, source="CRM"
    )
    assert record_readings(rows=[row], by=KEY, at=NOW).errors[0].code == "held"
    return HeldReading.objects.get(account=account)


def text(response: Any) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", response.content.decode().split("<main", 1)[-1]).split())


# ---- queries ---------------------------------------------------------------------------------------------------------


def test_stale_is_later_than_the_grace_where_the_account_is() -> None:
    """Weekly values: due after 7 days, stale from the tenth on. Early on the 8th it was the 7th in Los Angeles."""
    early = datetime(2026, 11, 8, 5, tzinfo=UTC)
    for zone, observed_at in [("UTC", early), ("UTC", early - DAY), ("America/Los_Angeles", early)]:
        goal = make_objective(an_account(name=f"{zone} {observed_at.day}", timezone=zone), at=START, cadence="weekly")
        record(goal, 40, at=observed_at)
    found = flags_page(Kind.STALE, EVERYTHING, cursor=None, at=NOW).rows
    assert [row.account.name for row in found] == ["UTC 7", "America/Los_Angeles 8"]
    assert {row.is_stale for row in found} == {True}


def test_archived_ones_carry_no_flags() -> None:
    goal = stale(an_account())
    archive_objective(objective=goal, by=SYSTEM, at=NOW)
    other = an_account(went_live_on=date(2026, 1, 1))
    stale(other)
    archive_account(account=other, by=SYSTEM, at=NOW)
    assert [figures(EVERYTHING, at=NOW).flags[kind] for kind in Kind] == [0, 0, 0, 0]


def test_retrofitted_is_a_baseline_after_go_live() -> None:
    for live, start in [(date(2026, 9, 1), date(2026, 9, 2)), (date(2026, 9, 1), date(2026, 9, 1))]:
        make_objective(an_account(went_live_on=live), at=START, started_on=start)
    make_objective(an_account(), at=START)
    make_objective(an_account(went_live_on=date(2026, 8, 1)), at=START, completion_type="manual")
    (row,) = flags_page(Kind.RETROFITTED, EVERYTHING, cursor=None, at=NOW).rows
    assert (row.days_after, row.started_on) == (1, date(2026, 9, 2))


def test_figures_count_grades_and_average_what_is_verified() -> None:
    first, second, third = an_account(), an_account(), an_account()
    record(make_objective(first, at=START), 40, at=NOW, by=KEY)
    record(make_objective(first, at=START), 80, at=NOW)
    record(make_objective(second, at=START), 60, at=NOW, by=KEY)
    record(make_objective(third, at=START), 90, at=NOW, confidence="low")
    found = figures(EVERYTHING, at=NOW)
    assert list(found.grades.values()) == [2, 1, 1]
    assert (found.verified, found.value_delivered, found.with_verified, found.scored) == (50, 70, 2, 3)


def test_the_calendar_lists_thirty_days_and_a_metric_once() -> None:
    account, metric = an_account(name="One"), make_metric(cadence="monthly", measured_by="Support lead")
    for _ in range(2):
        make_objective(account, metric=metric, at=START)
    record(metric, 10, account=account, at=NOW - 28 * DAY)
    for days in (7 + 1, 7, 0, 1):
        record(make_objective(account, at=START, cadence="weekly", title=f"{days} ago"), 10, at=NOW - days * DAY)
    record(make_objective(account, at=START, cadence="quarterly", title="Far"), 10, at=NOW)
    rows = calendar_page(EVERYTHING, state=None, cursor=None, at=NOW).rows
    assert [(row.subject, row.when) for row in rows] == [
        ("8 ago", "1 day late"), ("7 ago", "today"), (metric.name, "in 3 days"), ("1 ago", "in 6 days"),
        ("0 ago", "in 7 days"),
    ]  # fmt: skip
    counts = due_counts(EVERYTHING, at=NOW)
    assert counts == {DueState.OVERDUE: 1, DueState.WEEK: 3, DueState.MONTH: 1}
    for state, count in counts.items():
        found = calendar_page(EVERYTHING, state=state, cursor=None, at=NOW).rows
        assert [row.state for row in found] == [state] * count
    by_who = calendar_page(QualityFilter(who="support LEAD"), state=None, cursor=None, at=NOW).rows
    assert [row.subject for row in by_who] == [metric.name]


def test_a_filter_narrows_flags_and_figures(csm: User) -> None:
    mine, other = an_account(csm, name="Brightwater"), an_account(name="Northwind")
    for account in (mine, other):
        stale(account)
    for wanted, names in [
        (QualityFilter(owner="amara@example.com"), ["Brightwater"]),
        (QualityFilter(owner="none"), ["Northwind"]),
        (QualityFilter(search="north"), ["Northwind"]),
        (QualityFilter(search="west"), []),
    ]:
        found = flags_page(Kind.STALE, wanted, cursor=None, at=NOW).rows
        assert [row.account.name for row in found] == names
        assert figures(wanted, at=NOW).flags[Kind.STALE] == len(names)


# ---- pages -----------------------------------------------------------------------------------------------------------


def test_empty_pages_say_what_would_be_there(client: Client) -> None:
    for kind, title in [
        ("stale", "No value is stale"), ("retrofitted", "No baseline was taken after go-live"),
        ("disagreement", "No sources disagree"), ("outlier", "Nothing is held"), ("nonsense", "No value is stale"),
    ]:  # fmt: skip
        assert title in text(client.get(f"/quality/?kind={kind}"))
    assert "Nothing is due" in text(client.get("/quality/calendar/?due=nonsense&cursor=forged"))
    assert "No metrics yet" in text(client.get("/quality/metrics/"))
    account = an_account()
    assert "Nothing is measured here" in text(client.get(f"/accounts/{account.pk}/quality/"))


def test_each_kind_of_flag_is_listed(client: Client, csm: User) -> None:
    account = an_account(csm, name="Brightwater", went_live_on=date(2026, 8, 1))
    stale(account, title="Faster onboarding", measured_by="Process owner", validated_by="Ana", reported_by="Ben")
    disputed(account, make_metric(name="Tickets"))
    held(account, make_metric(name="Visits", hold_outliers=True))
    for kind, words in [
        ("stale", ("Faster onboarding", "23 days late, stale", "Process owner", "Ana", "Ben", "Record")),
        ("retrofitted", ("Faster onboarding", "1 Aug", "31")),
        ("disagreement", ("Tickets", "80", "Helpdesk", "100", "CRM", "20", "Decide")),
        ("outlier", ("Visits", "1,000", "10", "API key Warehouse", "Decide")),
    ]:
        seen = text(client.get(f"/quality/?kind={kind}"))
        assert [word for word in ("Brightwater", *words) if word not in seen] == []
    page = text(client.get(f"/accounts/{account.pk}/quality/"))
    assert [w for w in ("Retrofitted", "Reported", "stale", "Sources disagree", "Held values") if w not in page] == []
    assert "Retrofitted" in text(client.get(f"/accounts/{account.pk}/"))
    goal = account.objectives.get()
    assert "Retrofitted baseline." in text(client.get(f"/objectives/{goal.pk}/history/"))


def test_readers_of_other_accounts_find_no_way_to_decide(client: Client) -> None:
    account = an_account(name="Northwind")
    stale(account)
    flag = disputed(account, make_metric())
    for kind in ("stale", "disagreement"):
        page = client.get(f"/quality/?kind={kind}").content.decode()
        assert "Northwind" in page
        assert "Decide" not in page
        assert ">Record<" not in page
    assert client.post(f"/quality/sources/{flag.pk}/", {"decision": "counting"}).status_code == 403


@pytest.mark.parametrize(
    "path",
    ["/quality/", "/quality/?kind=retrofitted", "/quality/?kind=disagreement", "/quality/?kind=outlier",
     "/quality/calendar/", "/quality/metrics/"],
)  # fmt: skip
def test_more_rows_are_no_more_queries(client: Client, csm: User, path: str) -> None:
    def fill(number: int) -> None:
        account = an_account(csm, name=f"Account {number}", went_live_on=date(2026, 8, 1))
        stale(account)
        disputed(account, make_metric(cadence="weekly", hold_outliers=True))
        metric = make_metric(hold_outliers=True)
        HeldReading.objects.create(
            account=account, metric=metric, value=1000, usual=10, observed_at=NOW, confidence="high", origin="system"
        )

    def count() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert client.get(path).status_code == 200
        return len(queries)

    fill(0)
    count()
    one = count()
    for number in range(1, 31):
        fill(number)
    assert count() == one


def test_an_accounts_page_asks_no_more_for_thirty_goals(client: Client, csm: User) -> None:
    account = an_account(csm)
    path = f"/accounts/{account.pk}/quality/"
    stale(account)
    client.get(path)
    with CaptureQueriesContext(connection) as one:
        client.get(path)
    for _ in range(29):
        stale(account)
    with CaptureQueriesContext(connection) as many:
        assert client.get(path).status_code == 200
    assert len(many) == len(one)


def test_flags_are_read_page_by_page(client: Client, csm: User) -> None:
    account = an_account(csm)
    for _ in range(60):
        make_objective(account, at=START, started_on=date(2026, 9, 1))
    Account.objects.filter(pk=account.pk).update(went_live_on=date(2026, 8, 1))
    first = client.get("/quality/?kind=retrofitted")
    assert first.content.count(b"Objective ") >= 50
    (following,) = re.findall(
        r'href="(/quality/\?kind=retrofitted&amp;cursor=[^"]+)" rel="next"', first.content.decode()
    )
    second = client.get(following.replace("&amp;", "&"))
    assert len(re.findall(r"/objectives/\d+/edit/", second.content.decode())) == 10


def test_the_list_alone_answers_htmx(client: Client) -> None:
    for path in ("/quality/", "/quality/calendar/"):
        assert htmx(client, path).content.strip().startswith(b'<section class="card" id="quality-list"')


# ---- decisions -------------------------------------------------------------------------------------------------------


def seen_in(response: Any) -> dict[str, str]:
    """Give what a page says its decision is about, as its form sends it back."""
    return {"seen": re.search(r'name="seen" value="([^"]+)"', response.content.decode())[1]}  # type: ignore[index]


def test_a_held_value_is_accepted_or_rejected(client: Client, csm: User) -> None:
    account = an_account(csm)
    waiting = held(account, make_metric(name="Visits", hold_outliers=True))
    path = f"/quality/held/{waiting.pk}/"
    assert "1,000 for Visits" in text(client.get(path))
    assert client.post(path, {}).status_code == 422
    assert seen_in(client.get(path)) == {"seen": "1000"}
    refused = client.post(path, {"decision": "reject", "reason": " ", "seen": "1000"})
    assert (refused.status_code, "Say why this value is wrong" in text(refused)) == (422, True)
    assert (
        client.post(path, {"decision": "accept", "reason": "A fair", "seen": "1000"})["Location"]
        == "/quality/?kind=outlier"
    )
    assert Reading.objects.latest("pk").value == 1000
    after = client.get(path)
    assert "Amara Okafor accepted it" in text(after)
    again = client.post(path, {"decision": "accept", "seen": "1000"})
    assert (again.status_code, "Amara Okafor accepted it" in text(again)) == (422, True)


def test_nobody_decides_about_values_that_their_page_did_not_show(client: Client, csm: User) -> None:
    account = an_account(csm)
    waiting = held(account, make_metric(name="Visits", hold_outliers=True))
    flag = disputed(account, make_metric(name="Tickets"))
    for path, wanted in (
        (f"/quality/held/{waiting.pk}/", {"decision": "accept"}),
        (f"/quality/sources/{flag.pk}/", {"decision": "counting"}),
        (f"/quality/sources/{flag.pk}/", {"decision": "both", "reason": "Other queues"}),
    ):
        now = seen_in(client.get(path))
        refused = client.post(path, {**wanted, "seen": "an earlier one"})
        assert (refused.status_code, "The values have changed meanwhile" in text(refused)) == (422, True)
        assert seen_in(refused) == now, "the next decision is about what is shown now"
    assert HeldReading.objects.get().state == "held"
    assert Disagreement.objects.get().is_open


def test_sources_are_settled(client: Client, csm: User) -> None:
    account = an_account(csm)
    flag = disputed(account, make_metric(name="Tickets"))
    path = f"/quality/sources/{flag.pk}/"
    assert "the sources lie 20 apart" in text(client.get(path))
    seen = seen_in(client.get(path))
    assert client.post(path, {"decision": "both", **seen}).status_code == 422
    assert client.post(path, {"decision": "both", "reason": "Other queues", **seen}).status_code == 302
    assert not Disagreement.objects.get().is_open
    assert client.post(path, {"decision": "other", **seen}).status_code == 302
    assert not Disagreement.objects.exists()
    assert client.get(path).status_code == 404


def test_leaders_change_how_a_metric_is_collected(client: Client) -> None:
    metric = make_metric(name="Tickets")
    path = f"/quality/metrics/{metric.pk}/"
    assert client.get(path).status_code == 403
    leader = signed_in_as(make_user(role="leader"))
    assert leader.get(path).status_code == 200
    sent = {
        "cadence": "monthly", "measured_by": "Support lead", "validated_by": "", "reported_by": "CSM",
        "tolerance": "2.5", "tolerance_unit": "percent", "hold_outliers": "on",
    }  # fmt: skip
    assert leader.post(path, {**sent, "tolerance": "much"}).status_code == 422
    assert leader.post(path, sent)["Location"] == "/quality/metrics/"
    metric.refresh_from_db()
    assert (metric.cadence, metric.measured_by, metric.tolerance, metric.hold_outliers, metric.version) == (
        "monthly", "Support lead", Decimal("2.5"), True, 1,
    )  # fmt: skip
    seen = text(client.get("/quality/metrics/"))
    assert [word for word in ("Tickets", "Monthly", "Support lead", "2.5%", "Held") if word not in seen] == []

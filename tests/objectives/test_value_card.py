"""The value card: computed on read, drawn, polled, and changed from its own rows."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.utils.html import escape

from accounts.models import Account, User
from objectives.models import Objective, Standing
from objectives.queries.value_card import ValueCard, value_card
from objectives.services.objectives import archive_objective
from objectives.status import Status
from tests.factories import Number, make_account, make_metric, make_objective, make_user, record, take_weeks
from valuerealization.common.audit import SYSTEM

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 17, 14, 0, tzinfo=UTC)  # a Tuesday
START = datetime(2026, 9, 1, 9, 0, tzinfo=UTC)
HTMX = {"HX-Request": "true"}


@pytest.fixture(autouse=True)
def today(clock: Callable[[datetime], None]) -> None:
    clock(NOW)


@pytest.fixture
def csm() -> User:
    return make_user(role="csm", name="Amara Okafor")


@pytest.fixture
def account(csm: User) -> Account:
    return make_account(name="Brightwater", owner=csm, timezone="America/New_York", at=START)


def measured(account: Account, value: Number, **fields: Any) -> Objective:
    """Make an objective from 0 to 100 whose completion is `value`, measured the day before."""
    objective = make_objective(account, at=START, **fields)
    record(objective, value, at=NOW - timedelta(days=1))
    return objective


def card_of(account: Account, at: datetime = NOW) -> ValueCard:
    return value_card(account=Account.objects.get(pk=account.pk), at=at)


def part(client: Client, path: str, **query: str) -> str:
    return client.get(path, query, headers=HTMX).content.decode()


# ---- the score -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("baseline", "target", "current", "completion", "shown", "bar", "tone"),
    [
        (14, 7, 9, "71.428571428571", "71%", 71, "on-track"),
        (0, 200, 246, "123", "123%", 100, "exceeded"),
        (14, 7, 16, "-28.571428571429", "−29%", 0, "stalled"),
        (0, 1000, "999.9", "99.99", "99%", 99, "on-track"),
        (0, 1000, "495", "49.5", "49%", 49, "at-risk"),
        (0, 1000, -4, "-0.4", "0%", 0, "stalled"),
    ],
)
def test_a_row_shows_the_real_number_and_a_bar_that_stops(
    account: Account, baseline: int, target: int, current: Number, completion: str, shown: str, bar: int, tone: str
) -> None:
    record(make_objective(account, baseline=baseline, target=target, at=START), current, at=NOW)
    card = card_of(account)
    (row,) = card.rows
    assert (row.completion, row.shown, row.bar, row.tone) == (Decimal(completion), shown, bar, tone)
    assert card.shown == shown


def test_an_attribute_based_objective_may_stand_at_its_baseline(account: Account) -> None:
    metric = make_metric(name="Match rate", unit="percentage")
    make_objective(account, baseline=10, target=20, metric=metric, at=START)
    record(metric, 10, account=account, at=NOW)
    (row,) = card_of(account).rows
    assert (row.completion, row.shown, row.is_synced, row.metric, row.current) == (0, "0%", True, "Match rate", "10%")


def test_the_mean_is_not_capped(account: Account) -> None:
    measured(account, 123)
    measured(account, 77)
    card = card_of(account)
    assert (card.score, card.status, card.basis) == (100, Status.EXCEEDED, "Average of 2 numeric objectives")


def test_weights_count_and_are_mentioned(account: Account) -> None:
    measured(account, 90, weight=3)
    measured(account, 10)
    card = card_of(account)
    assert (card.score, card.basis) == (70, "Weighted average of 2 numeric objectives")
    assert [row.weight for row in card.rows] == [3, 1]


def test_thirds_and_five_sixths_make_exactly_a_half(account: Account) -> None:
    for value in (1, 1, Decimal("2.5")):
        measured(account, value, target=3)
    assert card_of(account).score == Decimal(50)


def test_what_is_not_measured_is_listed_and_left_out(account: Account) -> None:
    measured(account, 80)
    make_objective(account, title="Cut disputes", at=START)
    card = card_of(account)
    assert (card.score, card.basis) == (80, "Average of 1 numeric objective, 1 not measured yet")
    assert [(row.title, row.current, row.shown, row.is_measured) for row in card.rows[1:]] == [
        ("Cut disputes", "", "n/a", False)
    ]


def test_all_goals_met_needs_every_objective_measured(account: Account) -> None:
    measured(account, 100)
    assert card_of(account).status is Status.ALL_GOALS_MET
    make_objective(account, at=START)
    assert card_of(account).status is Status.EXCEEDED


def test_archived_objectives_leave_the_mean_at_once(account: Account) -> None:
    measured(account, 80)
    archive_objective(objective=measured(account, 20), by=SYSTEM, at=NOW)
    card = card_of(account)
    assert (card.score, len(card.rows)) == (80, 1)


def test_manual_objectives_are_counted_but_not_scored(account: Account) -> None:
    measured(account, 80)
    make_objective(account, completion_type="manual", at=START)
    card = card_of(account)
    assert (card.score, card.manual, len(card.rows), card.is_manual_only) == (80, 1, 1, False)


def test_manual_only_has_no_score(account: Account) -> None:
    make_objective(account, completion_type="manual", at=START)
    card = card_of(account)
    assert (card.score, card.status, card.is_manual_only, card.has_objectives) == (None, None, True, True)
    assert card.course.line is None


def test_without_objectives_there_is_nothing_to_show(account: Account) -> None:
    assert card_of(account).has_objectives is False


@pytest.mark.parametrize("values", [[], [None], [71], [123, 77], [24, None], [-30, 10], [100, 101], [49, 50, 51]])
def test_the_card_agrees_with_the_standing(account: Account, values: list[int | None]) -> None:
    for value in values:
        objective = make_objective(account, at=START)
        if value is not None:
            record(objective, value, at=NOW - timedelta(days=1))
    card, standing = card_of(account), Standing.objects.get(account=account)
    assert (card.score, card.status) == (standing.value_delivered, standing.status)
    assert (card.measured, len(card.rows)) == (standing.objectives_measured, standing.objectives_total)


# ---- status and recency ----------------------------------------------------------------------------------------------


def test_recency_runs_from_the_sunday_after_the_last_progress(account: Account) -> None:
    """Progress on Tuesday 3 November: the days run from Sunday the 8th, 02:00 in New York (07:00 UTC)."""
    record(make_objective(account, at=START), 60, at=datetime(2026, 11, 3, 15, 0, tzinfo=UTC))
    before, after = (card_of(account, datetime(2026, 11, 22, hour, 59, 59, tzinfo=UTC)) for hour in (6, 7))
    assert (before.status, before.recency) == (Status.ON_TRACK, "Last progress 19 days ago, on 3 Nov")
    assert (after.status, after.status_line) == (Status.AT_RISK, "No progress for 14 days")
    stalled = card_of(account, datetime(2026, 12, 8, 7, 0, tzinfo=UTC))
    assert (stalled.status, stalled.status_line) == (Status.STALLED, "No progress for 30 days")


def test_both_causes_of_a_status_are_named(account: Account) -> None:
    record(make_objective(account, at=START), 10, at=datetime(2026, 9, 3, 15, 0, tzinfo=UTC))
    assert card_of(account).status_line == "No progress for 72 days, below 25%"


@pytest.mark.parametrize(("days", "recency"), [(0, "today"), (1, "yesterday"), (2, "2 days ago")])
def test_recency_is_told_in_days_of_the_accounts_calendar(account: Account, days: int, recency: str) -> None:
    record(make_objective(account, at=START), 60, at=NOW - timedelta(days=days))
    assert card_of(account).recency == f"Last progress {recency}"


def test_an_objective_that_fell_back_has_not_progressed(account: Account) -> None:
    record(make_objective(account, at=START), -5, at=NOW)
    card = card_of(account)
    assert (card.recency, card.last_progress_at, card.status) == ("No progress yet", None, Status.STALLED)


@pytest.mark.parametrize(("age", "is_new"), [(0, True), (29, True), (30, False)])
def test_a_young_account_is_new(csm: User, age: int, is_new: bool) -> None:
    account = make_account(owner=csm, at=NOW - timedelta(days=age))
    assert card_of(account).is_new is is_new


# ---- where it came from ----------------------------------------------------------------------------------------------


def test_the_course_runs_from_the_snapshots_to_now(account: Account) -> None:
    objective = make_objective(account, at=START)
    record(objective, 38, at=START + timedelta(days=1))
    assert take_weeks(until=NOW) == 11
    record(objective, 67, at=NOW)
    course = card_of(account).course
    assert (course.start, course.points) == ("6 Sep 38%", 29)
    assert course.sentence == "From 38% on 6 Sep to 67% now, by week"
    assert course.line is not None
    assert course.line.line.count("L") == 11  # eleven Sundays, then now


def test_the_course_reaches_back_26_weeks(csm: User) -> None:
    start = NOW - timedelta(weeks=30)
    account = make_account(owner=csm, at=start)
    record(make_objective(account, at=start), 40, at=start + timedelta(days=1))
    take_weeks(until=NOW)
    course = card_of(account).course
    assert course.start == "24 May 40%"
    assert course.line is not None
    assert course.line.line.count("L") == 26


def test_one_snapshot_is_no_course_yet(account: Account) -> None:
    record(make_objective(account, at=START), 38, at=START + timedelta(days=1))
    take_weeks(until=START + timedelta(days=7))
    assert card_of(account, START + timedelta(days=8)).course.line is None


# ---- what it costs ---------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_twenty_objectives_and_a_year_of_history_take_two_queries(csm: User, django_assert_num_queries: Any) -> None:
    start = NOW - timedelta(weeks=53)
    account = make_account(owner=csm, at=start)
    for number in range(20):
        objective = make_objective(account, at=start, owner=csm)
        for week in range(1, 53, 4):
            record(objective, number + week, at=start + timedelta(weeks=week))
    assert take_weeks(until=NOW) >= 52
    account = Account.objects.select_related("standing").get(pk=account.pk)  # as the pages read it
    with django_assert_num_queries(2):
        card = value_card(account=account, at=NOW)
    assert (len(card.rows), len(card.first), len(card.rest)) == (20, 5, 15)


def test_the_fragment_costs_the_same_with_one_and_with_twenty_objectives(
    client: Client, account: Account, csm: User, django_assert_max_num_queries: Any
) -> None:
    client.force_login(csm)
    counts = []
    for number in (1, 19):
        for _ in range(number):
            measured(account, 40, owner=csm)
        with django_assert_max_num_queries(8) as queries:
            client.get(f"/accounts/{account.pk}/value-card/", {"all": "1"}, headers=HTMX)
        counts.append(len(queries))
    assert counts[0] == counts[1]


# ---- the version -----------------------------------------------------------------------------------------------------


def test_the_version_stands_until_something_shown_changes(account: Account) -> None:
    objective = measured(account, 60)
    version = card_of(account).version
    assert card_of(account, NOW + timedelta(hours=3)).version == version
    assert card_of(account, NOW + timedelta(days=1)).version != version  # "yesterday" became "2 days ago"
    record(objective, 61, at=NOW)
    assert card_of(account).version != version


def test_polling_answers_nothing_while_the_version_stands(client: Client, account: Account, csm: User) -> None:
    client.force_login(csm)
    objective = measured(account, 60)
    path = f"/accounts/{account.pk}/value-card/"
    version = card_of(account).version
    unchanged = client.get(path, {"version": version}, headers=HTMX)
    assert (unchanged.status_code, unchanged.content) == (204, b"")
    record(objective, 61, at=NOW)
    changed = client.get(path, {"version": version}, headers=HTMX)
    assert (changed.status_code, changed.headers["HX-Trigger"]) == (200, "vr:changed")
    html = changed.content.decode()
    assert f"version={card_of(account).version}" in html
    assert "61<sup>%</sup>" in html
    assert '<span id="account-status" class="row-x" hx-swap-oob="true">' in html


def test_the_card_polls_every_twenty_seconds_and_asks_the_guard_first(
    client: Client, account: Account, csm: User
) -> None:
    client.force_login(csm)
    measured(account, 60)
    root = re.search(r"<details[^>]*>", part(client, f"/accounts/{account.pk}/value-card/"))
    assert root is not None
    assert "data-poll" in root[0]
    assert 'hx-trigger="every 20s"' in root[0]
    assert 'hx-swap="outerHTML"' in root[0]


# ---- the page's part -------------------------------------------------------------------------------------------------


def test_five_rows_and_a_link_that_names_the_others(client: Client, account: Account, csm: User) -> None:
    client.force_login(csm)
    for value, title in [
        (71, "A"),
        (72, "B"),
        (73, "C"),
        (74, "D"),
        (75, "E"),
        (39, "Failed deliveries"),
        (6, "Disputes"),
    ]:
        measured(account, value, title=title)
    path = f"/accounts/{account.pk}/value-card/"
    folded, full = part(client, path), part(client, path, all="1")
    assert (folded.count('class="vr-obj"'), full.count('class="vr-obj"')) == (5, 7)
    assert "Show 2 more objectives" in folded
    assert "Failed deliveries 39%, Disputes 6%" in folded
    assert f'href="/accounts/{account.pk}/?all=1#objective-' in folded
    assert "&amp;all=1" in full  # what polls next asks for all of them again


def test_a_full_bar_shows_the_number_above_it(client: Client, account: Account, csm: User) -> None:
    client.force_login(csm)
    measured(account, 123)
    html = part(client, f"/accounts/{account.pk}/value-card/")
    assert '<rect class="fill" y="4" width="100%"' in html
    assert re.search(r'class="p" data-status="exceeded">\s*<a [^>]*>123%</a>', html)


def test_guidance_replaces_the_score_of_manual_objectives(client: Client, account: Account, csm: User) -> None:
    client.force_login(csm)
    make_objective(account, completion_type="manual", at=START)
    html = part(client, f"/accounts/{account.pk}/value-card/")
    assert "This account only has manual objectives, so there is no score." in html
    assert "1 manual objective is not scored." in html
    assert "vr-hero" not in html


def test_guidance_when_nothing_is_measured(client: Client, account: Account, csm: User) -> None:
    client.force_login(csm)
    make_objective(account, at=START)
    html = part(client, f"/accounts/{account.pk}/value-card/")
    assert "Nothing is measured yet, so there is no score." in html
    assert "not measured yet" in html
    assert "vr-hero" not in html


def test_no_objectives_is_an_empty_state(client: Client, account: Account, csm: User) -> None:
    client.force_login(csm)
    html = part(client, f"/accounts/{account.pk}/value-card/")
    assert "No objectives yet" in html
    assert f'href="/accounts/{account.pk}/objectives/new/"' in html
    assert "<details" not in html


def test_names_are_escaped(client: Client, account: Account, csm: User) -> None:
    client.force_login(csm)
    title = "<script>alert('x')</script> & \"more\""
    csm.name = "<b>Amara</b>"
    csm.save()
    measured(account, 60, title=title, owner=csm, unit="custom", unit_label="<i>units</i>")
    html = part(client, f"/accounts/{account.pk}/value-card/")
    assert escape(title) in html
    assert "<script>" not in html
    assert "<b>Amara" not in html
    assert "<i>units" not in html


def test_values_are_in_their_unit(client: Client, account: Account, csm: User) -> None:
    client.force_login(csm)
    Account.objects.filter(pk=account.pk).update(currency="EUR")
    objective = make_objective(
        account, baseline="4.8", target="2.5", unit="percentage", title="Failed deliveries", at=START
    )
    record(objective, "3.9", at=NOW, confidence="medium")
    money = make_objective(account, baseline=0, target=600000, unit="currency", at=START)
    record(money, "412000", at=NOW)
    first, second = card_of(account).rows
    assert (first.baseline, first.current, first.target, first.confidence) == ("4.8%", "3.9%", "2.5%", "medium")
    assert (second.baseline, second.current, second.target) == ("€0", "€412,000", "€600,000")
    html = part(client, f"/accounts/{account.pk}/value-card/")
    assert "Failed deliveries: 39% complete, from 4.8% to 3.9%, target 2.5%" in html
    assert "Estimated" in html


def test_an_activity_is_labelled(client: Client, account: Account, csm: User) -> None:
    client.force_login(csm)
    metric = make_metric(kind="activity", name="Active users", unit="users")
    make_objective(account, metric=metric, at=START)
    record(metric, 98, account=account, at=NOW)
    (row,) = card_of(account).rows
    assert (row.is_activity, row.measured_on) == (True, "17 Nov")
    assert "<span>Activity</span>" in part(client, f"/accounts/{account.pk}/value-card/")


def test_without_htmx_the_part_leads_to_its_page(client: Client, account: Account, csm: User) -> None:
    client.force_login(csm)
    response = client.get(f"/accounts/{account.pk}/value-card/", {"all": "1", "version": "old"})
    assert (response.status_code, response.headers["Location"]) == (302, f"/accounts/{account.pk}/?all=1")


def test_visitors_are_sent_to_sign_in_and_parts_answer_401(client: Client, account: Account) -> None:
    for name in ("value-card", "trend", "explain"):
        path = f"/accounts/{account.pk}/{name}/"
        plain = client.get(path)
        assert (plain.status_code, plain.headers["Location"]) == (302, f"/sign-in/?next={path}")
        assert client.get(path, headers=HTMX).status_code == 401


def test_an_account_that_is_not_there_is_404(client: Client, csm: User) -> None:
    client.force_login(csm)
    for name in ("value-card", "trend", "explain"):
        assert client.get(f"/accounts/999999/{name}/", headers=HTMX).status_code == 404
    assert client.get("/objectives/999999/value/").status_code == 404


def test_only_who_may_edit_sees_how(client: Client, account: Account) -> None:
    objective = measured(account, 60)
    update = f'href="/objectives/{objective.pk}/value/"'
    for role, may in [("csm", False), ("leader", True), ("admin", True)]:
        client.force_login(make_user(role=role))
        assert (update in part(client, f"/accounts/{account.pk}/value-card/")) is may


# ---- one new value ---------------------------------------------------------------------------------------------------


def test_a_new_value_moves_the_card(client: Client, account: Account, csm: User) -> None:
    client.force_login(csm)
    objective = measured(account, 60, title="Onboarding", source="Ticket log")
    path = f"/objectives/{objective.pk}/value/"
    form = part(client, path)
    assert 'name="value"' in form
    assert 'value="2026-11-17"' in form
    assert "<html" not in form
    response = client.post(
        path,
        {"value": "75", "observed_on": "2026-11-17", "confidence": "medium", "source": "Ticket log", "note": "Counted"},
        headers=HTMX,
    )
    assert response.status_code == 200
    assert json.loads(response.headers["HX-Trigger"]) == {"vr:close": "", "vr:changed": ""}
    html = response.content.decode()
    assert re.search(r'<details class="card vr-fold"\s+id="value-card"[^>]*hx-swap-oob="true"', html)
    assert "75<sup>%</sup>" in html
    assert "Onboarding: 75, 75%" in html
    reading = objective.own_readings.latest("id")
    assert (reading.value, reading.observed_at, reading.confidence) == (75, NOW, "medium")
    assert (reading.source, reading.note, reading.recorded_by) == ("Ticket log", "Counted", "Amara Okafor")


def test_an_earlier_day_counts_from_its_noon_there(client: Client, account: Account, csm: User) -> None:
    client.force_login(csm)
    objective = measured(account, 60)
    client.post(
        f"/objectives/{objective.pk}/value/", {"value": "50", "observed_on": "2026-11-10", "confidence": "high"}
    )
    reading = objective.own_readings.latest("id")
    assert reading.observed_at == datetime(2026, 11, 10, 17, 0, tzinfo=UTC)
    assert card_of(account).score == 60  # the later reading still counts


def test_without_htmx_saving_leads_back_to_the_account(client: Client, account: Account, csm: User) -> None:
    client.force_login(csm)
    objective = measured(account, 60, title="Onboarding")
    page = client.get(f"/objectives/{objective.pk}/value/")
    assert page.content.decode().count("<h1>") == 1
    response = client.post(
        f"/objectives/{objective.pk}/value/",
        {"value": "75", "observed_on": "2026-11-17", "confidence": "high"},
        follow=True,
    )
    assert response.redirect_chain == [(f"/accounts/{account.pk}/", 302)]
    assert "Onboarding: 75, 75%" in response.content.decode()


@pytest.mark.parametrize(
    ("typed", "field", "message"),
    [
        ({"value": "abc"}, "value", "Enter a number in plain digits"),
        ({"value": "1,250"}, "value", "without thousands separators"),
        ({"value": "٣"}, "value", "Use the digits 0 to 9"),
        ({"value": "NaN"}, "value", "Enter a finite number"),
        ({"value": "1e3"}, "value", "without an exponent"),
        ({"value": "0.1234567"}, "value", "at most 6 decimals"),
        ({"value": ""}, "value", "This field is required"),
        ({"value": "0"}, "value", "No progress to measure yet"),
        ({"observed_on": "2026-11-18"}, "observed_on", "in the future"),
        ({"observed_on": "17.11.2026"}, "observed_on", "Write the date as year, month and day"),
        ({"confidence": "total"}, "confidence", "Select a valid choice"),
        ({"note": "a\x00b"}, "note", "Null characters are not allowed"),
    ],
)
def test_what_is_wrong_is_said_beside_its_field(
    client: Client, account: Account, csm: User, typed: dict[str, str], field: str, message: str
) -> None:
    client.force_login(csm)
    objective = make_objective(account, at=START)
    data = {"value": "5", "observed_on": "2026-11-17", "confidence": "high"} | typed
    response = client.post(f"/objectives/{objective.pk}/value/", data, headers=HTMX)
    assert response.status_code == 422
    assert list(response.context["form"].errors) == [field]
    assert message in str(response.context["form"].errors[field])
    html = response.content.decode()
    assert "One thing to fix." in html
    assert f'id="id_{field}_error"' in html
    assert objective.own_readings.count() == 0


def test_only_who_may_edit_records(client: Client, account: Account) -> None:
    objective = measured(account, 60)
    data = {"value": "75", "observed_on": "2026-11-17", "confidence": "high"}
    path = f"/objectives/{objective.pk}/value/"
    assert client.post(path, data).headers["Location"] == f"/sign-in/?next={path}"
    client.force_login(make_user(role="csm"))
    assert (client.get(path).status_code, client.post(path, data).status_code) == (403, 403)
    assert objective.own_readings.count() == 1
    client.force_login(make_user(role="leader"))
    assert client.post(path, data).status_code == 302
    assert objective.own_readings.count() == 2


def test_a_synced_objective_takes_no_value_of_its_own(client: Client, account: Account, csm: User) -> None:
    client.force_login(csm)
    objective = make_objective(account, metric=make_metric(), at=START)
    assert client.get(f"/objectives/{objective.pk}/value/").status_code == 404
    assert f"/objectives/{objective.pk}/value/" not in part(client, f"/accounts/{account.pk}/value-card/")


def test_an_archived_objective_refuses_values_in_words(client: Client, account: Account, csm: User) -> None:
    client.force_login(csm)
    objective = archive_objective(objective=measured(account, 60), by=SYSTEM, at=NOW)
    response = client.post(
        f"/objectives/{objective.pk}/value/", {"value": "5", "observed_on": "2026-11-17", "confidence": "high"}
    )
    assert response.status_code == 422
    assert "This objective is archived. Restore it first." in response.content.decode()

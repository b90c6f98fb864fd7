"""The explanation: every number in it can be computed again from the others."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import ROUND_DOWN, Decimal, localcontext
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.test import Client
from django.utils.html import escape

from accounts.models import Account, User
from objectives.models import Objective
from objectives.queries.explain import Explanation, explain_value
from objectives.queries.value_card import value_card
from objectives.services.objectives import update_objective
from objectives.status import Status
from tests.factories import make_account, make_metric, make_objective, make_user, record
from valuerealization.common.audit import SYSTEM

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 17, 14, 0, tzinfo=UTC)
START = datetime(2026, 9, 1, 9, 0, tzinfo=UTC)
HTMX = {"HX-Request": "true"}

# Baseline, target, current, weight, whether it is an activity.
GOALS: dict[str, list[tuple[str, str, str, str, bool]]] = {
    "the mock's seven": [
        ("14", "7", "9", "1", False), ("22", "80", "68", "1", False), ("0", "600000", "412000", "1", False),
        ("35", "120", "118", "1", True), ("6.2", "8", "8.1", "1", False), ("4.8", "2.5", "3.9", "1", False),
        ("60", "27", "58", "1", False),
    ],
    "weights and a fall": [
        ("14", "7", "16", "2.5", False), ("0", "3", "1", "0.000001", True), ("-5", "5", "0", "100", False),
    ],
    "thirds": [("0", "3", "1", "1", False), ("0", "3", "1", "1", True), ("0", "3", "2.5", "1", False)],
    "all met": [("0", "10", "10", "1", False), ("10", "0", "-0.000001", "3", False)],
    "activity alone": [("0", "7", "3", "1", True)],
    "far beyond": [("0", "0.000001", "99999999999999.999999", "1", False), ("0", "10", "5", "7", False)],
}  # fmt: skip


@pytest.fixture(autouse=True)
def today(clock: Callable[[datetime], None]) -> None:
    clock(NOW)


@pytest.fixture
def csm() -> User:
    return make_user(role="csm", name="Amara Okafor")


@pytest.fixture
def account(csm: User) -> Account:
    return make_account(owner=csm, timezone="Europe/Berlin", at=START)


def add(account: Account, goals: list[tuple[str, str, str, str, bool]]) -> None:
    for baseline, target, current, weight, is_activity in goals:
        if is_activity:
            metric = make_metric(kind="activity", at=START)
            make_objective(account, baseline=baseline, target=target, weight=weight, metric=metric, at=START)
            record(metric, current, account=account, at=NOW - timedelta(days=2))
        else:
            objective = make_objective(account, baseline=baseline, target=target, weight=weight, at=START)
            record(objective, current, at=NOW - timedelta(days=2))


def explained(account: Account, at: datetime = NOW) -> Explanation:
    return explain_value(account=account, at=at)


def rounded(value: Fraction, places: int) -> Decimal:
    """Round half away from zero, by integers alone."""
    scaled = abs(value) * 10**places
    whole = (2 * scaled.numerator + scaled.denominator) // (2 * scaled.denominator)
    with localcontext(prec=100):
        return (Decimal(whole) if value >= 0 else -Decimal(whole)).scaleb(-places) + 0


def mean(pairs: list[tuple[Decimal, Decimal]]) -> Decimal | None:
    weights = sum(Fraction(weight) for weight, _ in pairs)
    return rounded(sum(Fraction(w) * Fraction(c) for w, c in pairs) / weights, 6) if weights else None


@pytest.mark.parametrize("goals", GOALS.values(), ids=GOALS)
def test_every_number_follows_from_those_beside_it(account: Account, goals: list[Any]) -> None:
    add(account, goals)
    found = explained(account)
    assert len(found.terms) == len(goals)
    for term in found.terms:
        assert term.current is not None
        assert term.completion is not None
        distance = Fraction(term.target) - Fraction(term.baseline)
        moved = Fraction(term.current) - Fraction(term.baseline)
        assert term.completion == rounded(100 * moved / distance, 12)
        assert term.is_met == (moved / distance >= 1)
        assert term.weighted is not None
        assert Fraction(term.weighted) == Fraction(term.weight) * Fraction(term.completion)
        assert term.evidence is not None
        assert term.evidence.value == term.current
    assert Fraction(found.total) == sum(Fraction(term.weighted or 0) for term in found.terms)
    assert Fraction(found.weight) == sum(Fraction(term.weight) for term in found.terms)
    assert found.score == rounded(Fraction(found.total) / Fraction(found.weight), 6)
    pairs = [(term.weight, term.completion or Decimal(0), term.is_activity) for term in found.terms]
    capped = [(weight, min(max(completion, Decimal(0)), Decimal(100))) for weight, completion, _ in pairs]
    assert found.capped == mean(capped)
    assert found.outcomes_only == mean([(weight, completion) for weight, completion, activity in pairs if not activity])
    assert (found.goals_met, found.goals) == (sum(term.is_met for term in found.terms), len(goals))


@pytest.mark.parametrize("goals", GOALS.values(), ids=GOALS)
def test_the_drawer_shows_those_very_numbers(client: Client, account: Account, csm: User, goals: list[Any]) -> None:
    """Read the drawer as a person would, and compute its sums again."""
    add(account, goals)
    client.force_login(csm)
    html = client.get(f"/accounts/{account.pk}/explain/", headers=HTMX).content.decode()
    fractions = re.findall(
        r'<span class="frac"><span>([^<]*\d[^<]*)</span><span>([^<]*)</span></span> = <b>([^<]*)%</b>', html
    )
    completions = [number(shown) for _, _, shown in fractions]
    assert len(fractions) == len(goals)
    for (above, below, _), completion in zip(fractions, completions, strict=True):
        assert completion == rounded(100 * Fraction(difference(above)) / Fraction(difference(below)), 12)
    rows = dict(re.findall(r"<dt>\s*([^<]*?)\s*</dt>\s*<dd>\s*([^<]*?)\s*</dd>", html))
    total = number(rows["Sum"].removesuffix("%"))
    weight = number(rows.get("÷ objectives") or rows["÷ sum of weights"])
    score, shown = rows["Value delivered"].split(", shown as ")
    assert number(score.removesuffix("%")) == rounded(Fraction(total) / Fraction(weight), 6)
    assert shown == value_card(account=account, at=NOW).shown
    assert f"How {shown} is calculated" in html


def number(text: str) -> Decimal:
    return Decimal(text.replace(",", "").replace("−", "-"))


def difference(text: str) -> Decimal:
    left, right = text.split(" − ")
    with localcontext(prec=60):
        return number(left) - number(right.strip("()"))


def test_the_explanation_agrees_with_the_card(account: Account) -> None:
    add(account, GOALS["the mock's seven"])
    card, found = value_card(account=account, at=NOW), explained(account)
    assert (found.score, found.shown, found.status) == (card.score, card.shown, card.status)
    assert found.shown == "67%"


def test_what_does_not_count_is_named(client: Client, account: Account, csm: User) -> None:
    add(account, GOALS["thirds"])
    make_objective(account, title="Cut disputes", at=START)
    make_objective(account, title="Agree the plan", completion_type="manual", at=START)
    found = explained(account)
    assert ([term.title for term in found.unmeasured], found.manual, found.goals) == (["Cut disputes"], 1, 4)
    client.force_login(csm)
    html = client.get(f"/accounts/{account.pk}/explain/", headers=HTMX).content.decode()
    assert "Not measured yet, so left out: Cut disputes." in html
    assert "1 manual objective is done or not done, and never counted." in html


def test_without_a_score_it_says_what_there_is(client: Client, account: Account, csm: User) -> None:
    make_objective(account, title="Cut disputes", at=START)
    found = explained(account)
    assert (found.score, found.status, found.total, found.weight, found.capped) == (None, None, 0, 0, None)
    assert {step.outcome for step in found.steps} == {"no"}
    client.force_login(csm)
    html = client.get(f"/accounts/{account.pk}/explain/", headers=HTMX).content.decode()
    assert "How value delivered is calculated" in html
    assert "Status: the first rule" not in html


# ---- status and recency ----------------------------------------------------------------------------------------------


def test_the_first_rule_that_fits_decides(account: Account) -> None:
    add(account, [("0", "100", "40", "1", False)])
    found = explained(account)
    assert [(step.status, step.outcome) for step in found.steps] == [
        (Status.ALL_GOALS_MET, "no"),
        (Status.EXCEEDED, "no"),
        (Status.STALLED, "no"),
        (Status.AT_RISK, "yes"),
        (Status.ON_TRACK, ""),
    ]
    assert [step.found for step in found.steps[:4]] == [
        "0 of 1 met", "40.00%", "40.00%, 0 days without progress", "40.00%, 0 days without progress",
    ]  # fmt: skip
    assert found.reason == "25 to 49%"


def test_the_recency_can_be_computed_again(account: Account) -> None:
    """Progress on Sunday 25 October 2026 at 02:30 in Berlin, the night the clocks go back."""
    progress = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    record(make_objective(account, title="Onboarding", at=START), 60, at=progress)
    found = explained(account)
    assert (found.last_progress_at, found.last_progress_of) == (progress, "Onboarding")
    assert str(found.anchor_week) == "2026-11-01"
    assert found.anchor_at == datetime(2026, 11, 1, 1, 0, tzinfo=UTC)
    wall = NOW.astimezone(ZoneInfo("Europe/Berlin")).replace(tzinfo=None) - datetime(2026, 11, 1, 2, 0)  # noqa: DTZ001
    days = Decimal(wall.total_seconds()) / 86400
    assert found.days_without_progress == days.quantize(Decimal("0.000001"), rounding=ROUND_DOWN)
    assert (found.status, found.reason) == (Status.AT_RISK, "No progress for 16 days")


def test_without_progress_days_run_from_the_start(client: Client, account: Account, csm: User) -> None:
    record(make_objective(account, at=START), -5, at=NOW)
    found = explained(account)
    assert (found.last_progress_at, str(found.anchor_week)) == (None, "2026-09-06")
    client.force_login(csm)
    html = client.get(f"/accounts/{account.pk}/explain/", headers=HTMX).content.decode()
    text = " ".join(re.sub(r"<[^>]+>", " ", html).split())
    assert "Last progress None yet" in text
    assert "Days run from first Sunday after the start Sunday 6 Sep 2026, 02:00" in text


# ---- where the numbers come from -------------------------------------------------------------------------------------


def test_each_number_names_its_source_time_and_person(client: Client, account: Account, csm: User) -> None:
    objective = make_objective(account, title="Onboarding", unit="days", baseline=14, target=7, at=START)
    update_objective(objective=objective, by=csm.as_actor(), at=NOW, target=Decimal(6), reason="New contract")
    observed = datetime(2026, 11, 13, 23, 30, tzinfo=UTC)  # already the 14th in Berlin
    record(
        objective, "9.125", at=observed, recorded_at=NOW, by=csm.as_actor(), source="Onboarding board",
        confidence="medium", note="Median of 12",
    )  # fmt: skip
    metric = make_metric(name="Match rate", unit="percentage")
    make_objective(account, title="Automate", metric=metric, baseline=10, target=20, at=START)
    record(metric, "14.5", account=account, at=observed, source="warehouse")
    first, second = explained(account).terms
    assert first.evidence is not None
    assert second.evidence is not None
    assert (first.revision, first.revised_by, first.evidence.recorded_by) == (2, "Amara Okafor", "Amara Okafor")
    assert (first.evidence.observed_at, first.evidence.recorded_at) == (observed, NOW)
    assert (first.evidence.metric, second.evidence.metric, second.evidence.metric_version) == ("", "Match rate", 1)
    client.force_login(csm)
    html = client.get(f"/accounts/{account.pk}/explain/", headers=HTMX).content.decode()
    for text in (
        "9.125 days − 14 days", "14 Nov 2026, 00:30", "17 Nov 2026, 15:00 by Amara Okafor", "Onboarding board",
        "Medium: estimated", "Median of 12", "Revision 2", "Match rate", "14.5% − 10%", "Europe/Berlin",
    ):  # fmt: skip
        assert text in html
    assert f'href="/objectives/{objective.pk}/history/"' in html
    assert f'href="/accounts/{account.pk}/activity/"' in html


def test_two_queries_with_one_and_with_ten_objectives(account: Account, django_assert_num_queries: Any) -> None:
    for wanted in (1, 10):
        while Objective.objects.filter(account=account).count() < wanted:
            add(account, [("0", "100", "40", "1", False)])
        with django_assert_num_queries(2):
            explained(account)


def test_the_page_and_the_drawer_say_the_same(client: Client, account: Account, csm: User) -> None:
    add(account, GOALS["thirds"])
    client.force_login(csm)
    page = client.get(f"/accounts/{account.pk}/explain/")
    drawer = client.get(f"/accounts/{account.pk}/explain/", headers=HTMX)
    assert "<html" in page.content.decode()
    assert "<html" not in drawer.content.decode()
    assert "HX-Request" in page.headers["Vary"]
    assert "50%, shown as 50%" in page.content.decode()
    assert "50%, shown as 50%" in drawer.content.decode()


def test_names_and_notes_are_escaped(client: Client, account: Account, csm: User) -> None:
    evil = "<img src=x onerror=alert(1)>"
    objective = make_objective(account, title=evil, at=START)
    record(objective, 60, at=NOW, by=SYSTEM, note=evil, source=evil)
    client.force_login(csm)
    html = client.get(f"/accounts/{account.pk}/explain/").content.decode()
    assert "<img" not in html
    assert html.count(escape(evil)) >= 5

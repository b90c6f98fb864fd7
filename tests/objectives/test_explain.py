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
from objectives.models import Objective, Snapshot
from objectives.queries.explain import FIGURES, NotExplained, NothingThere, explain
from objectives.queries.value_card import value_card
from objectives.services.objectives import archive_objective, update_objective
from objectives.status import Status
from tests.factories import make_account, make_metric, make_objective, make_user, record, take_weeks
from valuerealization.common.audit import SYSTEM, Actor
from valuerealization.common.explanations import Explanation

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 17, 14, 0, tzinfo=UTC)
START = datetime(2026, 9, 1, 9, 0, tzinfo=UTC)
HTMX = {"HX-Request": "true"}
MACHINE = Actor(kind="api_key", id="1", name="API key Warehouse")

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
    """Record every other value by a system, so that it is verified."""
    for number, (baseline, target, current, weight, is_activity) in enumerate(goals):
        by = SYSTEM if number % 2 else MACHINE
        if is_activity:
            metric = make_metric(kind="activity", at=START)
            make_objective(account, baseline=baseline, target=target, weight=weight, metric=metric, at=START)
            record(metric, current, account=account, at=NOW - timedelta(days=2), by=by)
        else:
            objective = make_objective(account, baseline=baseline, target=target, weight=weight, at=START)
            record(objective, current, at=NOW - timedelta(days=2), by=by)


def explained(account: Account, of: str = "value_delivered", at: datetime = NOW) -> Explanation:
    return explain(account=account, of=of, at=at)


def redo(found: Explanation) -> None:
    """Compute every number of an explanation of a mean again, from the numbers that stand beside it."""
    for each in found.inputs:
        baseline, current, target = (Fraction(each.number(name)) for name in ("baseline", "current", "target"))
        assert each.number("completion") == rounded(100 * (current - baseline) / (target - baseline), 12)
        assert each.value("is_met") == ((current - baseline) / (target - baseline) >= 1)
        assert each.source is not None
        assert each.source.value == each.number("current")
    parts = [taken(found.of, each.number("completion")) for each in found.inputs]
    weights = [each.number("weight") for each in found.inputs]
    if not parts:
        assert found.value is None
        return
    for each, weight, part in zip(found.inputs, weights, parts, strict=True):
        assert Fraction(decimal(found.fact(each.ref).value)) == Fraction(weight) * Fraction(part)
    total = sum(Fraction(decimal(found.fact(each.ref).value)) for each in found.inputs)
    assert Fraction(decimal(found.fact("sum").value)) == total
    assert Fraction(decimal(found.fact("weights").value)) == sum(Fraction(weight) for weight in weights)
    assert found.value == found.fact("result").value == rounded(total / sum(map(Fraction, weights)), 6)


def taken(of: str, completion: Decimal) -> Decimal:
    return min(max(completion, Decimal(0)), Decimal(100)) if of == "capped" else completion


def decimal(value: object) -> Decimal:
    assert isinstance(value, Decimal)
    return value


def rounded(value: Fraction, places: int) -> Decimal:
    """Round half away from zero, by integers alone."""
    scaled = abs(value) * 10**places
    whole = (2 * scaled.numerator + scaled.denominator) // (2 * scaled.denominator)
    with localcontext(prec=100):
        return (Decimal(whole) if value >= 0 else -Decimal(whole)).scaleb(-places) + 0


def mean(pairs: list[tuple[Decimal, Decimal]]) -> Decimal | None:
    weights = sum(Fraction(weight) for weight, _ in pairs)
    return rounded(sum(Fraction(w) * Fraction(c) for w, c in pairs) / weights, 6) if weights else None


@pytest.mark.parametrize("of", ["value_delivered", "capped", "outcomes_only", "verified"])
@pytest.mark.parametrize("goals", GOALS.values(), ids=GOALS)
def test_every_number_follows_from_those_beside_it(account: Account, goals: list[Any], of: str) -> None:
    add(account, goals)
    found = explained(account, of)
    outcomes = [goal for goal in goals if not goal[4]]
    counted = {"outcomes_only": len(outcomes), "verified": len(goals[::2])}
    assert len(found.inputs) == counted.get(of, len(goals))
    assert len(found.inputs) + len(found.left_out) == len(goals)
    redo(found)


@pytest.mark.parametrize("goals", GOALS.values(), ids=GOALS)
def test_the_readings_beside_the_score_are_explained_the_same(account: Account, goals: list[Any]) -> None:
    add(account, goals)
    found = explained(account)
    for of in ("capped", "outcomes_only", "verified", "goals_met"):
        assert found.fact(of).value == explained(account, of).value
    met = sum(each.value("is_met") is True for each in found.inputs)
    assert (found.fact("goals_met").value, found.fact("goals_met").shown) == (met, f"{met} of {len(goals)}")


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
    assert (found.value, found.shown) == (card.score, card.shown)
    assert explained(account, "status").value == card.status
    assert found.shown == "67%"


def test_what_does_not_count_is_named(client: Client, account: Account, csm: User) -> None:
    add(account, GOALS["thirds"])
    make_objective(account, title="Cut disputes", at=START)
    make_objective(account, title="Agree the plan", completion_type="manual", at=START)
    found = explained(account)
    assert [(each.label, each.why_not) for each in found.left_out] == [
        ("Cut disputes", "not_measured"), ("Agree the plan", "manual"),
    ]  # fmt: skip
    client.force_login(csm)
    html = client.get(f"/accounts/{account.pk}/explain/", headers=HTMX).content.decode()
    assert "Not measured yet, so left out: Cut disputes." in html
    assert "1 manual objective is done or not done, and never counted." in html


def test_verified_leaves_out_what_people_passed_on_and_says_so(client: Client, account: Account, csm: User) -> None:
    add(account, GOALS["thirds"])
    titles = [objective.title for objective in Objective.objects.filter(account=account).order_by("pk")]
    found = explained(account, "verified")
    assert [(each.label, each.tags, each.why_not) for each in found.left_out] == [
        (titles[1], ("activity", "reported"), "not_verified")
    ]
    assert [each.tags for each in found.inputs] == [("verified",), ("verified",)]
    card = value_card(account=account, at=NOW)
    assert (found.value, found.shown) == (card.verified, "58%")
    client.force_login(csm)
    html = client.get(f"/accounts/{account.pk}/explain/?of=verified", headers=HTMX).content.decode()
    assert f"Reported or estimated, so left out here: {titles[1]}." in html
    assert (
        f'hx-get="/accounts/{account.pk}/explain/?of=verified"'
        in client.get(f"/accounts/{account.pk}/").content.decode()
    )


def test_without_a_score_it_says_what_there_is(client: Client, account: Account, csm: User) -> None:
    make_objective(account, title="Cut disputes", at=START)
    found = explained(account)
    assert (found.value, found.shown, len(found.sections)) == (None, "n/a", 1)
    for of in FIGURES:
        assert explained(account, of).value in (None, 0)
    client.force_login(csm)
    html = client.get(f"/accounts/{account.pk}/explain/", headers=HTMX).content.decode()
    assert "How value delivered is calculated" in html
    assert "Status: the first rule" not in html


# ---- status and recency ----------------------------------------------------------------------------------------------


def test_the_first_rule_that_fits_decides(account: Account) -> None:
    add(account, [("0", "100", "40", "1", False)])
    found = explained(account)
    rules = [rule for section in found.sections for rule in section.rules]
    assert [(rule.name, rule.outcome) for rule in rules] == [
        (Status.ALL_GOALS_MET, "no"),
        (Status.EXCEEDED, "no"),
        (Status.STALLED, "no"),
        (Status.AT_RISK, "yes"),
        (Status.ON_TRACK, ""),
    ]
    assert [rule.found for rule in rules[:4]] == [
        "0 of 1 met", "40.00%", "40.00%, 0 days without progress", "40.00%, 0 days without progress",
    ]  # fmt: skip
    assert found.sections[-1].notes[0].startswith("25 to 49%. ")


def test_the_recency_can_be_computed_again(account: Account) -> None:
    """Progress on Sunday 25 October 2026 at 02:30 in Berlin, the night the clocks go back."""
    progress = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    record(make_objective(account, title="Onboarding", at=START), 60, at=progress)
    found = explained(account)
    last = found.fact("last_progress_at")
    assert (last.value, last.note) == (progress, "Onboarding")
    assert found.fact("anchor_at").value == datetime(2026, 11, 1, 1, 0, tzinfo=UTC)
    wall = NOW.astimezone(ZoneInfo("Europe/Berlin")).replace(tzinfo=None) - datetime(2026, 11, 1, 2, 0)  # noqa: DTZ001
    days = Decimal(wall.total_seconds()) / 86400
    assert found.fact("days_without_progress").value == days.quantize(Decimal("0.000001"), rounding=ROUND_DOWN)
    assert explained(account, "status").value == Status.AT_RISK
    assert explained(account, "days_without_progress").value == 16
    assert found.sections[-1].notes[0].startswith("No progress for 16 days. ")


def test_without_progress_days_run_from_the_start(client: Client, account: Account, csm: User) -> None:
    record(make_objective(account, at=START), -5, at=NOW)
    found = explained(account)
    assert found.fact("last_progress_at").value is None
    assert found.fact("anchor_at").value == datetime(2026, 9, 6, 0, 0, tzinfo=UTC)
    client.force_login(csm)
    html = client.get(f"/accounts/{account.pk}/explain/", headers=HTMX).content.decode()
    text = " ".join(re.sub(r"<[^>]+>", " ", html).split())
    assert "Last progress None yet" in text
    assert "Days run from Sunday first Sunday after the start 6 Sep 2026, 02:00" in text


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
    first, second = explained(account).inputs
    assert first.source is not None
    assert second.source is not None
    assert (first.version, first.versioned_by, first.source.recorded_by) == (2, "Amara Okafor", "Amara Okafor")
    assert (first.source.observed_at, first.source.recorded_at) == (observed, NOW)
    assert (first.source.metric, second.source.metric, second.source.metric_version) == ("", "Match rate", 1)
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


# ---- other figures ---------------------------------------------------------------------------------------------------


def test_an_objective_shows_its_fraction_readings_and_part(account: Account, django_assert_num_queries: Any) -> None:
    objective = make_objective(account, title="Onboarding", unit="days", baseline=14, target=7, weight="3", at=START)
    make_objective(account, title="Not measured", at=START)
    record(make_objective(account, at=START), 60, at=NOW - timedelta(days=3))
    for day, value in ((9, 12), (5, 11), (2, 9)):
        record(objective, value, at=NOW - timedelta(days=day))
    with django_assert_num_queries(4):
        found = explained(account, f"objective:{objective.pk}")
    (each,) = found.inputs
    assert (each.ref, found.value) == (f"objective:{objective.pk}", rounded(Fraction(500, 7), 12))
    moved, distance = decimal(found.fact("moved").value), decimal(found.fact("distance").value)
    assert (moved, distance) == (-5, -7)
    assert found.value == found.fact("completion").value == rounded(100 * Fraction(moved) / Fraction(distance), 12)
    assert [fact.value for fact in found.sections[1].facts if fact.name.startswith("reading:")] == [9, 11, 12]
    assert (found.fact("weight").value, found.fact("weights").value, found.fact("share").value) == (3, 4, 75)
    assert found.title == "How 71% of “Onboarding” is calculated"


def test_a_manual_an_unmeasured_and_an_archived_objective_say_why_they_do_not_count(account: Account) -> None:
    manual = make_objective(account, title="Agree the plan", completion_type="manual", at=START)
    waiting = make_objective(account, title="Cut disputes", at=START)
    gone = make_objective(account, title="Dropped", at=START)
    record(gone, 60, at=NOW - timedelta(days=2))
    archive_objective(objective=gone, by=SYSTEM, at=NOW)
    assert [note for section in explained(account, f"objective:{manual.pk}").sections for note in section.notes] == [
        "A manual objective is done or not done, and never counted. This one is not done yet."
    ]
    assert explained(account, f"objective:{waiting.pk}").left_out[0].why_not == "not_measured"
    assert explained(account, f"objective:{gone.pk}").sections[-1].notes == (
        "It is archived, so the score goes without it.",
    )


def test_a_week_is_computed_again_from_what_its_snapshot_holds(
    account: Account, clock: Callable[[datetime], None], django_assert_num_queries: Any
) -> None:
    add(account, GOALS["weights and a fall"])
    later = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
    take_weeks(until=later)
    clock(later)
    snapshot = Snapshot.objects.get(account=account, week="2026-11-22")
    first = Objective.objects.filter(account=account, metric=None).order_by("pk")[0]
    record(first, 13, at=datetime(2026, 11, 20, 9, 0, tzinfo=UTC), recorded_at=later)  # known later: not in it
    with django_assert_num_queries(5):
        found = explained(account, "snapshot:2026-11-22", at=later)
    assert (found.value, found.as_of) == (snapshot.value_delivered, snapshot.boundary_at)
    assert len(found.inputs) == 3
    redo(found)
    rules = [rule for section in found.sections for rule in section.rules]
    assert [rule.name for rule in rules if rule.outcome == "yes"] == [snapshot.status]
    assert found.fact("known_at").value == snapshot.known_at


@pytest.mark.parametrize(
    "of", ["", "roi", "objective:", "objective:x", "objective:٣", "snapshot:2026-13-01", "x" * 500]
)
def test_what_is_no_figure_is_refused(client: Client, account: Account, csm: User, of: str) -> None:
    with pytest.raises(NotExplained):
        explained(account, of)
    client.force_login(csm)
    assert client.get(f"/accounts/{account.pk}/explain/", {"of": of}).status_code == 404


def test_another_accounts_objective_is_not_there(account: Account) -> None:
    other = make_objective(make_account(at=START), at=START)
    for of in (f"objective:{other.pk}", "objective:999999999", "snapshot:2001-01-07"):
        with pytest.raises(NothingThere):
            explained(account, of)


def test_the_drawer_of_every_figure_opens(client: Client, account: Account, csm: User) -> None:
    add(account, GOALS["thirds"])
    client.force_login(csm)
    for of in FIGURES:
        html = client.get(f"/accounts/{account.pk}/explain/", {"of": of}, headers=HTMX).content.decode()
        assert escape(explained(account, of).title) in html
        assert "Open audit trail" in html

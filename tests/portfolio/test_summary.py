"""The numbers of the portfolio: averages, cards, distribution, what is left out."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from accounts.models import Account
from objectives.models import Standing
from objectives.queries.lists import AccountFilter
from objectives.status import Status
from portfolio.queries.averages import weekly_averages
from portfolio.queries.summary import Average, Money, Summary, WithoutScore, summary
from tests.factories import make_account, make_objective, make_user

pytestmark = pytest.mark.django_db

ON = date(2026, 11, 18)


def stand(value: str | int | None, status: str | None, *, before: str | None = None, **account: Any) -> Account:
    """Make an account that stands by its last snapshot."""
    made = make_account(**account)
    Standing.objects.filter(account=made).update(
        snapshot_value=None if value is None else Decimal(value),
        snapshot_status=status,
        snapshot_week=date(2026, 11, 15),
        previous_status=before,
        is_scored=value is not None,
    )
    return made


def read(**fields: Any) -> Summary:
    return summary(AccountFilter(**fields), on=ON)


def counts(found: Summary) -> dict[str, tuple[int, int | None]]:
    return {card.status.value: (card.count, card.change) for card in found.cards}


def test_the_average_is_a_plain_mean_beside_one_weighted_by_arr_in_each_currency() -> None:
    stand(10, "stalled", arr=Decimal(100))
    stand(40, "at_risk", arr=Decimal(300))
    stand(90, "on_track", arr=None)
    stand(60, "on_track", arr=Decimal(50), currency="EUR")
    make_account(arr=Decimal(999_999))  # no score: in no average
    found = read()
    assert found.average == Average(Decimal(50), Decimal(200), Decimal(4))
    assert [(each.currency, each.value) for each in found.by_arr] == [("USD", Decimal("32.5")), ("EUR", Decimal(60))]
    assert found.shown_by_arr == "33% USD, 60% EUR"


def test_the_average_is_rounded_once_half_away_from_zero_to_six_decimals() -> None:
    for value in (1, 1, 0):
        stand(value, "stalled")
    found = read().average
    assert found is not None
    assert found.value == Decimal("0.666667")


def test_without_a_score_there_is_no_average() -> None:
    make_account()
    found = read()
    assert (found.average, found.by_arr, found.scored, found.matched) == (None, (), 0, 1)
    assert found.bar.segments == ()
    assert {card.note for card in found.cards} == {"No change"}


def test_cards_count_statuses_and_what_changed_since_the_snapshot_before() -> None:
    stand(60, "on_track", before="on_track")
    stand(60, "on_track", before="at_risk")
    stand(30, "at_risk", before="at_risk")
    stand(10, "stalled", before="at_risk")
    stand(10, "stalled", before="stalled")
    assert counts(read()) == {
        "on_track": (2, 1),
        "at_risk": (1, -2),
        "stalled": (2, 1),
        "exceeded": (0, 0),
        "all_goals_met": (0, 0),
    }
    assert [card.note for card in read().cards] == [
        "+1 this week",
        "\u22122 this week",
        "+1 this week",
        "No change",
        "No change",
    ]


def test_in_the_first_week_nothing_changed_yet() -> None:
    stand(60, "on_track")
    assert {card.note for card in read().cards} == {"First week"}


def test_a_status_filter_moves_the_average_and_leaves_the_counts() -> None:
    stand(60, "on_track")
    stand(80, "on_track")
    stand(30, "at_risk")
    stand(None, None)
    whole, filtered = read(), read(status=("at_risk",))
    assert counts(filtered) == counts(whole)
    assert filtered.bar == whole.bar
    assert filtered.without_score == whole.without_score
    assert filtered.average is not None
    assert (filtered.average.value, filtered.scored, filtered.matched) == (Decimal(30), 1, 1)
    assert [card.status for card in filtered.cards if card.is_pressed] == [Status.AT_RISK]


def test_other_filters_narrow_the_counts_too() -> None:
    owner = make_user(email="ines@example.com")
    stand(60, "on_track", owner=owner)
    stand(80, "on_track")
    stand(30, "at_risk", owner=owner)
    found = read(owner="ines@example.com", status=("on_track",))
    assert {status: count for status, (count, _) in counts(found).items() if count} == {"on_track": 1, "at_risk": 1}
    assert found.distributed == 2


def test_the_distribution_is_worst_first_with_shares_and_arr_by_currency() -> None:
    stand(10, "stalled", arr=Decimal(600_000))
    stand(12, "stalled", arr=Decimal(12_000), currency="EUR")
    stand(60, "on_track", arr=Decimal("1250000.50"))
    stand(70, "on_track")
    found = read()
    assert [share.status for share in found.shares] == [
        Status.STALLED,
        Status.AT_RISK,
        Status.ON_TRACK,
        Status.EXCEEDED,
        Status.ALL_GOALS_MET,
    ]
    assert [(share.part.count, share.part.share) for share in found.shares] == [
        (2, "50%"),
        (0, "0%"),
        (2, "50%"),
        (0, "0%"),
        (0, "0%"),
    ]
    assert found.shares[0].arr == (Money(Decimal(600_000), "USD"), Money(Decimal(12_000), "EUR"))
    assert found.shares[0].shown_arr == "$600k + €12k"
    assert found.shares[2].shown_arr == "$1.3M"
    assert found.shares[1].shown_arr == ""


def test_accounts_without_a_score_are_counted_with_the_reason() -> None:
    make_objective(make_account(), completion_type="manual")
    found = read().without_score
    assert (found, found.reason) == (WithoutScore(1, 1, 0), "manual objectives only")
    make_objective(make_account())
    make_account()
    make_account()
    found = read().without_score
    assert found == WithoutScore(count=4, manual_only=1, unmeasured=1)
    assert found.reason == "1 manual objectives only, 1 not measured yet, 2 no objectives"


def test_archived_accounts_count_nowhere() -> None:
    stand(60, "on_track")
    Account.objects.filter(pk=stand(10, "stalled").pk).update(archived_at=datetime(2026, 11, 1, tzinfo=UTC))
    found = read()
    assert (found.matched, found.scored, found.listed) == (1, 1, 1)
    whole = weekly_averages(today=date(2026, 11, 18))
    assert (whole.accounts, whole.numeric) == (1, 0)


def test_an_account_counts_with_its_live_score_until_its_first_scored_snapshot() -> None:
    stand(60, "on_track")
    live = make_account()
    Standing.objects.filter(account=live).update(value_delivered=Decimal(20), status="stalled")
    found = read()
    assert found.average is not None
    assert (found.average.value, found.scored, found.live, found.snapshots) == (Decimal(40), 2, 1, 1)

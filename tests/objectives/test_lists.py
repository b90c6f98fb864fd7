"""Lists of accounts: the order of domain rule 7, filters, and pages that an index serves."""

import json
import random
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from django.db import connection
from django.db.models import QuerySet
from django.http import QueryDict
from django.test.utils import CaptureQueriesContext

from accounts.models import Account, User
from objectives.models import Standing
from objectives.queries.lists import NO_RENEWAL, ORDERINGS, AccountFilter, ordering, parse_ordering, standings
from objectives.queries.parameters import ParameterError
from objectives.status import Status
from tests.factories import make_user
from valuerealization.common.keyset import page

pytestmark = pytest.mark.django_db

ON = date(2026, 11, 18)
EVERYTHING = AccountFilter()


def stand(
    name: str,
    value: str | int | None = None,
    status: str | None = None,
    *,
    live: tuple[int | None, str | None] | None = None,
    **account: Any,
) -> Standing:
    """Make an account that stands where told: by its last snapshot, and live too unless told otherwise."""
    made = Account.objects.create(name=name, **account)
    score = None if value is None else Decimal(value)
    live_score, live_status = live or (score, status)
    Standing.objects.filter(account=made).update(
        snapshot_value=score,
        snapshot_status=status,
        is_scored=score is not None,
        value_delivered=live_score,
        status=live_status,
    )
    return Standing.objects.get(account=made)


def listed(name: str, wanted: AccountFilter = EVERYTHING, *, live: bool = False) -> list[str]:
    rows = standings(wanted, live=live, on=ON).order_by(*ordering(name, live=live).terms())
    return list(rows.values_list("account__name", flat=True))


def walk(queryset: QuerySet[Standing], name: str, *, live: bool, size: int) -> list[list[int]]:
    """Page to the end and back again; the way back shows the same pages."""
    read = partial(page, queryset, ordering(name, live=live), size=size)
    current = read()
    there = [[row.pk for row in current.rows]]
    while current.next_cursor:
        current = read(current.next_cursor)
        there.append([row.pk for row in current.rows])
    back = [there[-1]]
    while current.previous_cursor:
        current = read(current.previous_cursor)
        back.append([row.pk for row in current.rows])
    assert back[::-1] == there
    return there


# ---- order ---------------------------------------------------------------------------------------------------------


def test_worst_first_by_status_then_value_then_renewal_then_name_then_id() -> None:
    stand("met, low", 100, "all_goals_met")
    stand("exceeded", 140, "exceeded")
    stand("on track 80", 80, "on_track")
    stand("on track 51", 51, "on_track")
    stand("risk, recent standstill", 92, "at_risk")
    stand("risk", 30, "at_risk")
    stand("stalled 90", 90, "stalled")
    stand("stalled -10, no renewal", -10, "stalled")
    stand("Stalled -10 b", -10, "stalled", renewal_on=date(2027, 1, 1))
    stand("stalled -10 A", -10, "stalled", renewal_on=date(2027, 1, 1))
    stand("stalled -10 z", -10, "stalled", renewal_on=date(2026, 12, 1))
    stand("unscored, no renewal")
    stand("unscored", renewal_on=date(2026, 12, 1))
    worst_first = [
        "stalled -10 z",
        "stalled -10 A",
        "Stalled -10 b",
        "stalled -10, no renewal",
        "stalled 90",
        "risk",
        "risk, recent standstill",
        "on track 51",
        "on track 80",
        "exceeded",
        "met, low",
    ]
    assert listed("worst") == [*worst_first, "unscored", "unscored, no renewal"]
    assert listed("-worst") == [*worst_first[::-1], "unscored, no renewal", "unscored"]


def test_equal_rows_are_listed_by_id() -> None:
    ids = [stand("Twin", 10, "stalled").pk for _ in range(3)]
    rows = standings(EVERYTHING, live=False, on=ON)
    assert [row.pk for row in rows.order_by(*ordering("worst", live=False).terms())] == ids


def test_a_column_sorts_by_itself_alone() -> None:
    stand("b", 80, "at_risk", arr=Decimal(5), renewal_on=date(2027, 5, 1))
    stand("A", 20, "stalled", arr=None, renewal_on=None)
    stand("c", None, None, arr=Decimal(9), renewal_on=date(2027, 1, 1))
    stand("d", 60, "on_track", arr=Decimal(7), renewal_on=date(2027, 3, 1))
    assert listed("name") == ["A", "b", "c", "d"]
    assert listed("-name") == ["d", "c", "b", "A"]
    assert listed("value_delivered") == ["A", "d", "b", "c"]
    assert listed("-value_delivered") == ["b", "d", "A", "c"]
    assert listed("arr") == ["b", "d", "c", "A"]
    assert listed("-arr") == ["c", "d", "b", "A"]
    assert listed("renewal_on") == ["c", "d", "b", "A"]
    assert listed("-renewal_on") == ["b", "d", "c", "A"]


def test_the_portfolio_sorts_by_the_snapshot_and_the_api_by_the_live_score() -> None:
    stand("falls", 80, "on_track", live=(10, "stalled"))
    stand("rises", 20, "stalled", live=(90, "on_track"))
    assert listed("worst") == ["rises", "falls"]
    assert listed("worst", live=True) == ["falls", "rises"]


def test_an_account_without_a_scored_snapshot_stands_where_its_live_score_puts_it() -> None:
    stand("ten", 10, "stalled")
    stand("thirty", 30, "at_risk")
    stand("live", None, None, live=(20, "stalled"))
    assert listed("worst") == ["ten", "live", "thirty"]


def reference(rows: list[Standing], name: str, *, live: bool) -> list[int]:
    """Sort in plain Python, straight from the rule."""
    column = name.removeprefix("-")
    value_of: Callable[[Standing], Decimal | None] = lambda row: row.value_delivered if live else row.shown_value  # noqa: E731
    status_of: Callable[[Standing], str | None] = lambda row: row.status if live else row.shown_status  # noqa: E731

    def keys(row: Standing) -> list[Any]:
        status = status_of(row)
        value, ties = value_of(row), [row.name_key, row.pk]
        if column == "worst":
            return [Status(status).rank if status else 9, value or Decimal(0), row.renewal_key, *ties]
        first = {"value_delivered": value, "arr": row.arr, "renewal_on": row.renewal_key, "name": row.name_key}[column]
        return [Decimal(0) if first is None else first, *ties]

    def is_missing(row: Standing) -> bool:
        return {
            "worst": value_of(row) is None,
            "value_delivered": value_of(row) is None,
            "arr": row.arr is None,
            "renewal_on": row.renewal_key == NO_RENEWAL,
            "name": False,
        }[column]

    ordered = sorted(rows, key=keys, reverse=name.startswith("-"))
    return [row.pk for row in sorted(ordered, key=is_missing)]


@pytest.fixture
def tangle() -> list[Standing]:
    """Give accounts full of ties, gaps and twins."""
    dice = random.Random(7)
    for _ in range(60):
        status = dice.choice([None, *Status])
        stand(
            dice.choice(["Alpha", "alpha", "Árbol", "beta", "Ωmega"]),
            None if status is None else dice.choice([10, 10, Decimal("10.000001"), 60, 120]),
            status,
            live=dice.choice([None, (None, None), (50, "at_risk")]),
            arr=dice.choice([None, Decimal(0), Decimal("1000.50")]),
            renewal_on=dice.choice([None, date(2027, 1, 1), date(2026, 12, 1)]),
        )
    return list(Standing.objects.all())


@pytest.mark.parametrize("name", ORDERINGS)
@pytest.mark.parametrize("live", [False, True], ids=["shown", "live"])
def test_pages_show_every_account_once_in_the_order_of_one_sorted_list(
    tangle: list[Standing], name: str, live: bool
) -> None:
    expected = reference(tangle, name, live=live)
    rows = standings(EVERYTHING, live=live, on=ON)
    assert list(rows.order_by(*ordering(name, live=live).terms()).values_list("pk", flat=True)) == expected
    for size in (1, 7, 20, 59, 60, 61):
        pages = walk(rows, name, live=live, size=size)
        assert [pk for each in pages for pk in each] == expected
        assert [len(each) for each in pages[:-1]] == [size] * (len(pages) - 1)


# ---- plans ---------------------------------------------------------------------------------------------------------


def plan_of(name: str, cursor_at: int, *, live: bool, backward: bool = False) -> str:
    """Explain the query behind a page in the middle of 5,000 accounts, as the planner would run it at size."""
    rows = standings(EVERYTHING, live=live, on=ON)
    read = partial(page, rows, ordering(name, live=live), size=25)
    current = read()
    for _ in range(cursor_at):
        current = read(current.next_cursor)
    with CaptureQueriesContext(connection) as captured:
        read(current.previous_cursor if backward else current.next_cursor)
    assert len(captured) == 2
    sql = captured[0]["sql"]
    assert "OFFSET" not in sql.upper()
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (FORMAT JSON) {sql}")
        return json.dumps(cursor.fetchone()[0])


@pytest.fixture
def many() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO accounts_account (name, timezone, segment, industry, currency, is_demo)"
            " SELECT 'Account ' || n, 'UTC', '', '', 'USD', false FROM generate_series(1, 5000) n"
        )
        cursor.execute(
            "UPDATE objectives_standing SET value_delivered = v, status = s, snapshot_value = v, snapshot_status = s,"
            " is_scored = v IS NOT NULL FROM (SELECT account_id AS id,"
            "  CASE WHEN account_id % 5 > 0 THEN account_id % 97 END AS v,"
            "  CASE WHEN account_id % 5 > 0 THEN (ARRAY['stalled','at_risk','on_track'])[1 + account_id % 3] END AS s"
            "  FROM objectives_standing) made WHERE made.id = account_id"
        )
        cursor.execute("ANALYZE objectives_standing")


@pytest.mark.usefixtures("many")
def test_an_index_finds_the_page() -> None:
    for name, live, index in [
        ("worst", False, "objectives_standing_shown"),
        ("-worst", False, "objectives_standing_shown"),
        ("worst", True, "objectives_standing_live"),
        ("name", False, "objectives_standing_name"),
        ("-name", True, "objectives_standing_name"),
    ]:
        for deep in (1, 6):
            for backward in (False, True):
                plan = plan_of(name, deep, live=live, backward=backward)
                assert index in plan
                assert "ROW(" in plan
                assert "Seq Scan" not in plan


# ---- filters -------------------------------------------------------------------------------------------------------


def test_filters_narrow_each_other_down() -> None:
    ines, joao = make_user(name="Ines"), make_user(name="João", email="Joao@Example.com")
    stand("Harbor", 20, "stalled", owner=ines, segment="enterprise", industry="Retail", renewal_on=date(2027, 1, 1))
    stand("Meridian", 30, "at_risk", owner=joao, segment="enterprise", renewal_on=date(2027, 2, 1))
    stand("Cedarline", 60, "on_track", owner=joao, segment="small_business", industry="retail")
    stand("Café 100%_", 99, "on_track")
    stand("Manual", segment="mid_market")

    def found(**fields: Any) -> list[str]:
        return listed("name", AccountFilter(**fields))

    assert found() == ["Café 100%_", "Cedarline", "Harbor", "Manual", "Meridian"]
    assert found(status=("stalled",)) == ["Harbor"]
    assert found(status=("stalled", "none")) == ["Harbor", "Manual"]
    assert found(status=("none",)) == ["Manual"]
    assert found(search="ER") == ["Meridian"]
    assert found(search="%_") == ["Café 100%_"]
    assert found(search="café") == ["Café 100%_"]
    assert found(owner="joao@example.com") == ["Cedarline", "Meridian"]
    assert found(owner="joao@example.com", status=("at_risk",)) == ["Meridian"]
    assert found(owner="none") == ["Café 100%_", "Manual"]
    assert found(owner="nobody@example.com") == []
    assert found(segment="enterprise") == ["Harbor", "Meridian"]
    assert found(segment="none") == ["Café 100%_"]
    assert found(industry="RETAIL") == ["Cedarline", "Harbor"]
    assert found(renewal_before=date(2027, 2, 1)) == ["Harbor"]


def test_value_ranges_are_inclusive_and_compare_what_is_stored() -> None:
    stand("shown as 49", "49.999999", "at_risk")
    stand("fifty", 50, "on_track")
    stand("sixty", 60, "on_track")
    stand("Manual")
    assert listed("name", AccountFilter(value_min=Decimal(50))) == ["fifty", "sixty"]
    assert listed("name", AccountFilter(value_min=Decimal(50), value_max=Decimal(50))) == ["fifty"]
    assert listed("name", AccountFilter(value_max=Decimal("49.999999"))) == ["shown as 49"]


@pytest.mark.parametrize(
    ("days", "stage"),
    [
        (None, "alignment"), (-1, "alignment"), (0, "activation"), (90, "activation"), (91, "achievement"),
        (365, "achievement"), (366, "amplification"),
    ],
)  # fmt: skip
def test_stage_follows_the_contract_date(days: int | None, stage: str) -> None:
    stand("One", contract_signed_on=None if days is None else ON - timedelta(days=days))
    stages = ("alignment", "activation", "achievement", "amplification")
    assert [each for each in stages if listed("name", AccountFilter(stage=each))] == [stage]


def test_archived_accounts_are_a_list_of_their_own() -> None:
    stand("Gone", 10, "stalled", archived_at="2026-01-01T00:00:00Z")
    stand("Here", 10, "stalled")
    assert listed("worst") == ["Here"]
    assert listed("worst", AccountFilter(archived=True)) == ["Gone"]


# ---- addresses -----------------------------------------------------------------------------------------------------

FULL = (
    "status=at_risk&status=stalled&search=har&owner=a%40example.com&segment=mid_market&industry=Retail"
    "&stage=activation&value_min=-5&value_max=99.5&renewal_before=2027-01-31&archived=true"
)


def test_an_address_is_read_and_written_alike() -> None:
    wanted, errors = AccountFilter.parse(QueryDict(FULL))
    assert errors == ()
    assert wanted == AccountFilter(
        status=("stalled", "at_risk"),
        search="har",
        owner="a@example.com",
        segment="mid_market",
        industry="Retail",
        stage="activation",
        value_min=Decimal(-5),
        value_max=Decimal("99.5"),
        renewal_before=date(2027, 1, 31),
        archived=True,
    )
    assert AccountFilter.parse(wanted.as_parameters()) == (wanted, ())
    assert not wanted.is_empty


def test_what_is_empty_filters_nothing() -> None:
    wanted, errors = AccountFilter.parse(QueryDict("status=&search=+&value_min=&archived=false&page_size=3"))
    assert (wanted, errors) == (EVERYTHING, ())
    assert wanted.is_empty
    assert wanted.as_parameters() == {}


def test_statuses_may_be_separated_by_commas() -> None:
    assert AccountFilter.parse({"status": "none, stalled"})[0].status == ("stalled", "none")


@pytest.mark.parametrize(
    ("address", "parameter", "code"),
    [
        ("status=great", "status", "invalid_choice"),
        ("segment=huge", "segment", "invalid_choice"),
        ("segment=enterprise&segment=mid_market", "segment", "repeated"),
        ("stage=verification", "stage", "invalid_choice"),
        ("archived=yes", "archived", "invalid_choice"),
        ("value_min=ten", "value_min", "not_a_number"),
        ("value_min=NaN", "value_min", "not_finite"),
        ("value_max=1e3", "value_max", "exponent"),
        ("value_min=60&value_max=50", "value_max", "range_reversed"),
        ("renewal_before=15.11.2026", "renewal_before", "invalid_date"),
        ("renewal_before=2026-02-30", "renewal_before", "invalid_date"),
        ("search=" + "x" * 201, "search", "max_length"),
        ("search=a%00b", "search", "control_character"),
    ],
)
def test_what_cannot_be_read_is_named_and_filters_nothing(address: str, parameter: str, code: str) -> None:
    wanted, errors = AccountFilter.parse(QueryDict(f"{address}&owner=a%40example.com"))
    assert [(error.parameter, error.code) for error in errors] == [(parameter, code)]
    assert errors[0].message.endswith(".")
    assert wanted == AccountFilter(owner="a@example.com")


def test_a_known_status_beside_an_unknown_one_still_filters() -> None:
    wanted, errors = AccountFilter.parse(QueryDict("status=great&status=stalled"))
    assert (wanted.status, len(errors)) == (("stalled",), 1)


def test_orders_are_read() -> None:
    assert parse_ordering("") == ("worst", ())
    assert parse_ordering("-renewal_on") == ("-renewal_on", ())
    name, errors = parse_ordering("id")
    assert name == "worst"
    assert errors == (
        ParameterError(
            "ordering",
            "invalid_choice",
            "Sort by one of worst, -worst, name, -name, value_delivered, -value_delivered, renewal_on, -renewal_on,"
            " arr, -arr.",
        ),
    )


def test_owners_are_found_whatever_the_case_of_the_address() -> None:
    owner = User.objects.get(pk=make_user(email="Mixed@Example.com").pk)
    stand("Mine", 10, "stalled", owner=owner)
    wanted, _ = AccountFilter.parse({"owner": "MIXED@example.COM"})
    assert listed("worst", wanted) == ["Mine"]

"""Keyset pages: every row once, in order, forward and backward; forged cursors; nothing skipped by OFFSET."""

from datetime import date
from decimal import Decimal

import pytest
from django.core.signing import Signer
from django.db import connection
from django.db.models import F, Q
from django.test.utils import CaptureQueriesContext

from accounts.models import Account
from valuerealization.common.keyset import InvalidCursor, KeysetPage, Ordering, Region, page

pytestmark = pytest.mark.django_db

PRESENT = Region(Q(arr__isnull=False))
MISSING = Region(Q(arr__isnull=True), constant=1)
BY_ARR = Ordering("arr", ("arr", "name", "id"), (PRESENT, MISSING))
BY_ARR_DOWN = Ordering("-arr", ("arr", "name", "id"), (PRESENT, MISSING), is_descending=True)
BY_NAME = Ordering("name", ("name", "id"))


def fill(*rows: tuple[str, int | None]) -> None:
    Account.objects.bulk_create(
        Account(name=name, arr=None if arr is None else Decimal(arr), contract_signed_on=date(2026, 1, 1))
        for name, arr in rows
    )


def names(of: KeysetPage[Account]) -> list[str]:
    return [row.name for row in of.rows]


def walk(ordering: Ordering, size: int) -> list[list[Account]]:
    """Go to the end page by page, then back, and check that the way back is the same way."""
    queryset = Account.objects.all()
    current = page(queryset, ordering, size=size)
    assert current.previous_cursor is None
    there = [current.rows]
    while current.next_cursor:
        current = page(queryset, ordering, current.next_cursor, size=size)
        there.append(current.rows)
    back = [current.rows]
    while current.previous_cursor:
        current = page(queryset, ordering, current.previous_cursor, size=size)
        back.append(current.rows)
    assert back[::-1] == there
    return there


@pytest.mark.parametrize("size", [1, 2, 3, 4, 7, 8, 9])
@pytest.mark.parametrize("ordering", [BY_ARR, BY_ARR_DOWN, BY_NAME], ids=lambda ordering: ordering.name)
def test_pages_hold_every_row_once_in_the_order_of_the_list(ordering: Ordering, size: int) -> None:
    fill(("b", 5), ("a", 5), ("a", 5), ("c", 1), ("d", None), ("d", None), ("a", None), ("z", 9))
    pages = walk(ordering, size)
    assert [row for rows in pages for row in rows] == list(Account.objects.order_by(*ordering.terms()))
    assert [len(rows) for rows in pages[:-1]] == [size] * (len(pages) - 1)
    assert 1 <= len(pages[-1]) <= size


def test_missing_values_come_last_in_either_direction() -> None:
    fill(("b", 5), ("c", 1), ("d", None), ("a", None), ("z", 9))
    assert [row.name for row in Account.objects.order_by(*BY_ARR.terms())] == ["c", "b", "z", "a", "d"]
    assert [row.name for row in Account.objects.order_by(*BY_ARR_DOWN.terms())] == ["z", "b", "c", "d", "a"]


def test_an_empty_list_is_one_empty_page() -> None:
    assert page(Account.objects.all(), BY_ARR, size=5) == KeysetPage([], None, None)


@pytest.mark.parametrize("filled", [1, 40])
def test_a_page_is_two_queries_without_offset(filled: int) -> None:
    fill(*((f"{number:02}", None if number % 5 == 0 else number) for number in range(filled)))
    with CaptureQueriesContext(connection) as queries:
        page(Account.objects.select_related("owner"), BY_ARR, size=10)
    assert len(queries) == 2
    assert not [query for query in queries if "OFFSET" in query["sql"].upper()]


def test_what_the_queryset_adds_comes_along() -> None:
    fill(("a", 1), ("b", None))
    added = Account.objects.annotate(twice=F("arr") * 2).filter(name__in=["a", "b"])
    assert [row.twice for row in page(added, BY_ARR, size=5).rows] == [Decimal(2), None]


def test_related_rows_come_along() -> None:
    fill(("a", 1), ("b", None))
    rows = page(Account.objects.select_related("owner"), BY_ARR, size=5).rows
    with CaptureQueriesContext(connection) as queries:
        assert [row.owner for row in rows] == [None, None]
    assert len(queries) == 0


def test_rows_that_appear_or_vanish_neither_repeat_nor_hide_others() -> None:
    fill(("a", 1), ("b", 2), ("c", 3), ("d", 4), ("e", 5))
    first = page(Account.objects.all(), BY_ARR, size=2)
    fill(("aa", 1))
    Account.objects.filter(name="b").delete()
    assert names(page(Account.objects.all(), BY_ARR, first.next_cursor, size=2)) == ["c", "d"]


def test_a_page_with_nothing_left_behind_it_is_the_last_one() -> None:
    fill(("a", 1), ("b", 2), ("c", 3))
    first = page(Account.objects.all(), BY_ARR, size=2)
    Account.objects.filter(name="c").delete()
    last = page(Account.objects.all(), BY_ARR, first.next_cursor, size=2)
    assert (names(last), last.next_cursor, last.previous_cursor) == (["a", "b"], None, None)


def test_a_page_with_too_little_in_front_of_it_is_the_first_one() -> None:
    fill(("a", 1), ("b", 2), ("c", 3), ("d", 4))
    first = page(Account.objects.all(), BY_ARR, size=2)
    second = page(Account.objects.all(), BY_ARR, first.next_cursor, size=2)
    Account.objects.filter(name="a").delete()
    again = page(Account.objects.all(), BY_ARR, second.previous_cursor, size=2)
    assert (names(again), again.previous_cursor) == (["b", "c"], None)
    assert names(page(Account.objects.all(), BY_ARR, again.next_cursor, size=2)) == ["d"]


@pytest.mark.parametrize(
    "forge",
    [
        lambda cursor: "",
        lambda cursor: "nonsense",
        lambda cursor: cursor[:-1],
        lambda cursor: "x" + cursor,
        lambda cursor: Signer(salt="another").sign_object(["arr", 0, 0, ["1", "a", "1"]]),
        lambda cursor: sealed(["arr", 0, 7, ["1", "a", "1"]]),
        lambda cursor: sealed(["arr", 0, 0, ["1", "a"]]),
        lambda cursor: sealed(["arr", 0, 0, ["one", "a", "1"]]),
        lambda cursor: sealed(["arr", 0]),
        lambda cursor: sealed({"name": "arr"}),
    ],
)
def test_a_cursor_that_was_not_given_out_is_refused(forge) -> None:  # type: ignore[no-untyped-def]
    fill(("a", 1), ("b", 2))
    cursor = page(Account.objects.all(), BY_ARR, size=1).next_cursor
    with pytest.raises(InvalidCursor):
        page(Account.objects.all(), BY_ARR, forge(cursor), size=1)


def sealed(payload: object) -> str:
    return Signer(salt="valuerealization.common.keyset").sign_object(payload)


def test_a_cursor_of_another_order_is_refused() -> None:
    fill(("a", 1), ("b", 2))
    cursor = page(Account.objects.all(), BY_ARR, size=1).next_cursor
    with pytest.raises(InvalidCursor, match="another order"):
        page(Account.objects.all(), BY_NAME, cursor, size=1)


def test_a_page_holds_at_least_one_row() -> None:
    with pytest.raises(ValueError, match="at least one row"):
        page(Account.objects.all(), BY_ARR, size=0)

"""Callers at the same time, against the real database."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from threading import Barrier
from typing import Any

import pytest
from django.db import connection

from accounts.models import Account
from objectives.models import Objective, Reading, Standing
from objectives.progress import weighted_mean
from tests.api.conftest import Caller, make_key
from tests.factories import make_account, make_objective
from valuerealization.common.models import AuditEntry, IdempotencyRecord

pytestmark = pytest.mark.django_db(transaction=True)


def at_once(number: int, call: Callable[[int], Any]) -> list[Any]:
    """Call in as many threads as there are calls, all let go together."""
    barrier = Barrier(number)

    def run(index: int) -> Any:
        try:
            barrier.wait(timeout=30)
            return call(index)
        finally:
            connection.close()

    with ThreadPoolExecutor(number) as pool:
        return list(pool.map(run, range(number)))


def test_two_writers_on_one_account_leave_the_score_of_one_after_the_other() -> None:
    account = make_account()
    objectives = [make_objective(account, weight=weight) for weight in (1, 3)]
    secret = make_key()

    def write(index: int) -> list[int]:
        caller, objective = Caller(secret), objectives[index]
        return [
            caller.post(f"/api/objectives/{objective.pk}/readings", {"value": value}).status_code
            for value in range(1 + index, 40, 3)
        ]

    assert {status for statuses in at_once(2, write) for status in statuses} == {201}
    assert Reading.objects.count() == 26
    stored = Objective.objects.order_by("id").values_list("weight", "current", "completion")
    assert [current for _, current, _ in stored] == [37, 38]
    expected = weighted_mean((weight, completion) for weight, _, completion in stored)
    assert Standing.objects.get().value_delivered == expected == Decimal("37.75")


def test_one_objective_written_from_many_sides_keeps_every_reading() -> None:
    objective = make_objective(make_account())
    secret = make_key()
    rows = [
        [
            {"objective": objective.pk, "value": 1 + index, "observed_at": f"2026-05-04T09:{index:02}:{second:02}Z"}
            for second in range(20)
        ]
        for index in range(6)
    ]
    answers = at_once(6, lambda index: Caller(secret).post("/api/readings", rows[index]).json())
    assert [answer["created"] for answer in answers] == [20] * 6
    assert (Reading.objects.count(), Objective.objects.get().current) == (120, 6)
    assert Standing.objects.get().value_delivered == 6


def test_the_same_row_at_once_is_one_reading() -> None:
    objective = make_objective(make_account())
    secret = make_key()
    row = {"objective": objective.pk, "value": 5, "observed_at": "2026-05-04T09:00:00Z", "source": "CRM"}
    answers = at_once(5, lambda _: Caller(secret).post("/api/readings", row).json())
    assert sorted((answer["created"], answer["unchanged"]) for answer in answers) == [(0, 1)] * 4 + [(1, 0)]
    assert Reading.objects.count() == 1


def test_fifty_posts_with_one_key_make_one_row() -> None:
    secret = make_key()
    body = {"name": "Northwind", "timezone": "UTC", "external_id": "CRM-1"}

    def post(_: int) -> tuple[int, bytes, str]:
        answer = Caller(secret).post("/api/customers", body, idempotency_key="once")
        return answer.status_code, answer.content, answer.headers["ETag"]

    answers = [answer for _ in range(5) for answer in at_once(10, post)]
    assert len(set(answers)) == 1
    assert answers[0][0] == 201
    assert (Account.objects.count(), IdempotencyRecord.objects.count()) == (1, 1)
    assert AuditEntry.objects.filter(action="account.created").count() == 1


def test_the_same_external_id_at_once_is_a_conflict_for_all_but_one() -> None:
    secret = make_key()
    make_account(external_id="A")
    make_account(external_id="B")
    for path, body in [
        ("/api/customers", {"name": "N", "timezone": "UTC", "external_id": "X"}),
        ("/api/metrics", {"key": "x", "name": "X"}),
        ("/api/objectives", {"title": "T", "completion_type": "manual", "external_id": "X"}),
    ]:

        def post(index: int, path: str = path, body: dict[str, str] = body) -> int:
            more = {"customer": f"external:{'AB'[index % 2]}"} if "objectives" in path else {}
            return int(Caller(secret).post(path, {**body, **more}).status_code)

        assert sorted(at_once(4, post)) == [201, 409, 409, 409], path


def test_a_change_of_one_version_happens_once() -> None:
    account = make_account()
    secret = make_key()
    tag = Caller(secret).get(f"/api/customers/{account.pk}").headers["ETag"]

    def patch(index: int) -> int:
        body = {"industry": f"Industry {index}"}
        return int(Caller(secret).patch(f"/api/customers/{account.pk}", body, if_match=tag).status_code)

    assert sorted(at_once(4, patch)) == [200, 412, 412, 412]
    assert AuditEntry.objects.filter(action="account.updated").count() == 1

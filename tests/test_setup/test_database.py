"""The test database itself: what a test may rely on."""

import socket
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from django.db import ProgrammingError, connection, transaction
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from tests.plugin import OutsideWorldError


def _current_user() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        return str(cursor.fetchone()[0])


@pytest.mark.django_db
def test_tests_run_as_the_applications_role() -> None:
    assert _current_user() == "vr_app"


@pytest.mark.django_db
@pytest.mark.parametrize(
    "statement",
    ["CREATE TABLE mine (id int)", "ALTER TABLE accounts_account ADD mine int", "TRUNCATE accounts_account"],
)
def test_the_applications_role_has_no_ddl(statement: str) -> None:
    with pytest.raises(ProgrammingError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


@pytest.mark.parametrize("_time", [1, 2])
@pytest.mark.django_db(transaction=True)
def test_a_transactional_test_leaves_the_rows_of_migrations(_time: int) -> None:
    before = PeriodicTask.objects.count()
    every = IntervalSchedule.objects.create(every=7, period="minutes")
    PeriodicTask.objects.create(name="mine", task="mine", interval=every)
    assert PeriodicTask.objects.filter(name="mine").count() == 1
    assert before == PeriodicTask.objects.exclude(name="mine").count() > 0


@pytest.mark.django_db(transaction=True)
def test_the_owners_connection_sees_what_is_committed(owner_connection: psycopg.Connection[tuple[Any, ...]]) -> None:
    IntervalSchedule.objects.create(every=7, period="minutes")
    rows = owner_connection.execute(
        "SELECT current_user, count(*) FROM django_celery_beat_intervalschedule WHERE every = 7"
    )
    assert rows.fetchone() == ("vr_owner", 1)


def _sql_now() -> datetime:
    with connection.cursor() as cursor:
        cursor.execute("SELECT value_now()")
        now: datetime = cursor.fetchone()[0]
        return now


@pytest.mark.django_db
def test_the_clock_sets_both_clocks(clock: Callable[[datetime], None]) -> None:
    for year in (2031, 2019):
        at = datetime(year, 3, 1, 12, tzinfo=UTC)
        clock(at)
        assert (datetime.now(tz=UTC), _sql_now()) == (at, at)


@pytest.mark.django_db(transaction=True)
def test_the_clock_reaches_later_connections(clock: Callable[[datetime], None]) -> None:
    at = datetime(2031, 3, 1, 12, tzinfo=UTC)
    clock(at)
    connection.close()
    assert _sql_now() == at


@pytest.mark.django_db
def test_the_clock_goes_back() -> None:
    assert abs((_sql_now() - datetime.now(tz=UTC)).total_seconds()) < 60


@pytest.mark.parametrize("address", ["192.0.2.1", "2001:db8::1", "example.com"])
def test_nothing_leaves_this_machine(address: str) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as outside, pytest.raises(OutsideWorldError):
        outside.connect((address, 80))


def test_this_machine_may_be_reached() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        for host in ("127.0.0.1", "localhost"):
            socket.create_connection((host, server.getsockname()[1])).close()

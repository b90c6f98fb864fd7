"""Fixtures for every test: the database, the clock, the environment of a real process."""

import os
from collections.abc import Callable, Generator
from contextlib import ExitStack
from datetime import datetime
from typing import Any

import hypothesis
import psycopg
import pytest
import time_machine
from django.db import connection, connections
from django.db.backends.signals import connection_created
from django.test import TransactionTestCase
from pytest_django import DjangoDbBlocker

from tests import database
from valuerealization import celery  # noqa: F401 - as every entry point does
from valuerealization.embedded import Postgres

# How fast this machine is today is no property of ours.
hypothesis.settings.register_profile(
    "patient", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow], print_blob=True
)
hypothesis.settings.load_profile("patient")


@pytest.fixture(scope="session")
def database_name(worker_id: str) -> str:
    """Name the database of this test process."""
    return f"vr_test_{worker_id}"


@pytest.fixture(scope="session")
def django_db_setup(
    django_test_environment: None, django_db_blocker: DjangoDbBlocker, database_name: str
) -> Generator[None, None, None]:
    """Give this process a copy of the migrated template, and a fresh one after each transactional test.

    Truncating would take rights that the application's role doesn't have, and the rows that migrations made.
    """

    def copy_again(self: TransactionTestCase) -> None:
        connections.close_all()
        database.copy_template(database_name)

    with django_db_blocker.unblock(), pytest.MonkeyPatch.context() as patch:
        database.ensure_template()
        database.copy_template(database_name)
        with database.using_database(database_name):
            patch.setattr(TransactionTestCase, "_fixture_teardown", copy_again)
            yield
        database.drop(database_name)


@pytest.fixture
def owner_connection(django_db_setup: None, database_name: str) -> Generator[psycopg.Connection[tuple[Any, ...]]]:
    """Connect as the owner of the tables, beside Django: it sees what is committed, and commits at once."""
    with database.connect(role="vr_owner", database=database_name) as owner:
        yield owner


@pytest.fixture
def process_environment(django_db_setup: None, database_name: str) -> dict[str, str]:
    """Describe this test's database and the broker to a real process (a worker, a web server, a command)."""
    server = Postgres(database.session_dir())
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "COV"))},
        "DJANGO_SETTINGS_MODULE": "valuerealization.settings",
        "DATABASE_URL": server.url(role="vr_app", database=database_name),
        "DATABASE_OWNER_URL": server.url(role="vr_owner", database=database_name),
    }


@pytest.fixture
def clock() -> Generator[Callable[[datetime], None]]:
    """Set both clocks, Python's and SQL's `value_now()`: `clock(at)`; they stand still until set again.

    Connections of this process only; a real process takes `PGOPTIONS="-c app.now=…"`.
    """
    now = ""

    def set_on(connection: Any, **_signal: object) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('app.now', %s, false)", [now])

    with ExitStack() as travels:

        def travel(at: datetime) -> None:
            nonlocal now
            travels.close()
            travels.enter_context(time_machine.travel(at, tick=False))
            now = at.isoformat()
            if connection.connection is not None:
                set_on(connection)

        connection_created.connect(set_on, weak=False)
        try:
            yield travel  # the test's rollback, or the end of its connections, sets SQL's clock back
        finally:
            connection_created.disconnect(set_on)

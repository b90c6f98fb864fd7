"""What a session of the application is told, and that PostgreSQL holds to it."""

import os
import signal
import subprocess
import sys

import pytest
from django.db import connection

from tests import database
from tests.processes import PROJECT, wait_for


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("statement_timeout", "0"),
        ("lock_timeout", "15s"),
        ("idle_in_transaction_session_timeout", "5min"),
        ("client_connection_check_interval", "10s"),
        ("timezone", "UTC"),
    ],
)
def test_sessions_have_their_limits(name: str, value: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting(%s)", [name])
        assert cursor.fetchone() == (value,)


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_the_statement_of_a_killed_process_ends(process_environment: dict[str, str], database_name: str) -> None:
    ask = "from django.db import connection; connection.cursor().execute('SELECT pg_sleep(600)')"
    code = f"import django; django.setup(); {ask}"
    process = subprocess.Popen([sys.executable, "-c", code], cwd=PROJECT, env=process_environment)
    with database.connect() as superuser:

        def sleeping() -> bool:
            asked = "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND query LIKE 'SELECT pg_sleep%%'"
            return superuser.execute(asked, [database_name]).fetchone() == (1,)

        wait_for(sleeping, "the statement runs")
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        wait_for(lambda: not sleeping(), "the statement ends", seconds=30)

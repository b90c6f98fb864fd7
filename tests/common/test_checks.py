"""A database role that row-level security doesn't bind is reported, and refused in production by every process."""

import os
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

import pytest
from django.db import connections

from tests import database
from valuerealization.common.checks import check_application_role, dangers, owns_tables
from valuerealization.embedded import Postgres

PROJECT = Path(__file__).resolve().parents[2]


@pytest.fixture
def bypassing_role(django_db_setup: None, database_name: str) -> Generator[str]:
    """Make a role that reads past every policy."""
    role = f"{database_name}_bypass"
    with database.connect() as superuser:
        superuser.execute(f"CREATE ROLE {role} LOGIN BYPASSRLS")
        superuser.execute(f"GRANT CONNECT ON DATABASE {database_name} TO {role}")
    yield role
    with database.connect() as superuser:
        superuser.execute(f"REVOKE CONNECT ON DATABASE {database_name} FROM {role}")
        superuser.execute(f"DROP ROLE {role}")


def run(role: str, database_name: str, *command: str, **changes: str) -> tuple[int, str]:
    """Run manage.py in production's settings as a role; give exit code and output."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "COV", "VR_"))},
        "DJANGO_SETTINGS_MODULE": "valuerealization.settings",
        "DATABASE_URL": Postgres(database.session_dir()).url(role=role, database=database_name),
        "SECRET_KEY": "only-for-this-test-" * 4,
        "VR_HTTPS": "0",
        **changes,
    }
    done = subprocess.run(
        [sys.executable, "manage.py", *command],
        cwd=PROJECT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


CHECK = ("check", "--database", "default", "--fail-level", "WARNING")
ASK = ("shell", "-c", "from accounts.models import User; print('people:', User.objects.count())")


def test_the_application_role_passes(django_db_setup: None, database_name: str) -> None:
    assert run("vr_app", database_name, *CHECK) == (0, "System check identified no issues (0 silenced).\n")
    code, output = run("vr_app", database_name, *ASK)
    assert (code, output.splitlines()[-1]) == (0, "people: 0")


def test_a_superuser_is_refused_in_production(django_db_setup: None, database_name: str) -> None:
    code, output = run("postgres", database_name, *CHECK)
    assert code == 1
    assert "The database role postgres is a superuser." in output  # by our check, or by one that connects before it
    assert "Traceback" not in output
    code, output = run("postgres", database_name, *ASK)
    assert (code, "people:" in output) == (1, False)
    assert "The product doesn't start with it" in output.splitlines()[-1]


def test_a_role_that_bypasses_row_security_is_refused_in_production(bypassing_role: str, database_name: str) -> None:
    code, output = run(bypassing_role, database_name, *ASK)
    assert code == 1
    assert f"The database role {bypassing_role} has BYPASSRLS." in output.splitlines()[-1]


def test_a_developer_is_only_warned(django_db_setup: None, database_name: str) -> None:
    code, output = run("postgres", database_name, *CHECK, DEBUG="1")
    assert (code, "(common.W001) The database role postgres is a superuser." in output) == (1, True)
    code, output = run("postgres", database_name, *ASK, DEBUG="1")
    assert (code, output.splitlines()[-1]) == (0, "people: 0")


def test_the_owner_of_the_tables_is_reported(django_db_setup: None, database_name: str) -> None:
    code, output = run("vr_owner", database_name, *CHECK)
    assert (code, "(common.W002) The application connects as the owner of the tables" in output) == (1, True)


@pytest.mark.django_db
def test_this_test_run_serves_as_the_product_does() -> None:
    connection = connections["default"]
    assert (dangers(connection), owns_tables(connection)) == ([], False)
    assert check_application_role(databases=["default"]) == []


def test_nothing_is_asked_of_other_databases() -> None:
    """No mark lets this test reach a database, so a question would fail."""
    assert check_application_role(databases=["owner"]) == []
    assert check_application_role(databases=None) == []

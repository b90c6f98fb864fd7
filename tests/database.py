"""One migrated template database for a test run, and copies of it: `CREATE DATABASE … TEMPLATE` takes a moment.

Tests run as the application's role, with exactly the rights the product has.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from django.core.management import call_command
from django.db import connections
from psycopg import sql

from valuerealization.embedded import Postgres
from valuerealization.embedded.locks import locked

TEMPLATE = "vr_template"

# The product's one SQL clock, which a test can set (fixture `clock`).
TEST_CLOCK = """
CREATE OR REPLACE FUNCTION value_now() RETURNS timestamptz LANGUAGE sql VOLATILE PARALLEL SAFE AS
$$ SELECT coalesce(NULLIF(current_setting('app.now', true), '')::timestamptz, clock_timestamp()) $$
"""


def session_dir() -> Path:
    """Name the directory of this test run."""
    return Path(os.environ["VR_TEST_DIR"])


def connect(*, role: str = "postgres", database: str = "postgres") -> psycopg.Connection[tuple[Any, ...]]:
    """Connect beside Django, with every statement its own transaction."""
    return psycopg.connect(Postgres(session_dir()).url(role=role, database=database), autocommit=True)


def ensure_template() -> None:
    """Make the template database once: the first worker migrates, the others wait for it."""
    done = session_dir() / "template.done"
    with locked(session_dir() / "template.lock"):
        if done.exists():
            return
        with connect() as superuser:
            superuser.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(TEMPLATE)))
            _create(superuser, TEMPLATE, template="template0")
        with using_database(TEMPLATE):
            call_command("migrate", database="owner", verbosity=0, interactive=False)
            with connections["owner"].cursor() as cursor:
                cursor.execute("SELECT to_regprocedure('value_now()')")
                if cursor.fetchone() != (None,):
                    cursor.execute(TEST_CLOCK)
                cursor.execute("ANALYZE")
        done.touch()


@contextmanager
def using_database(name: str) -> Iterator[None]:
    """Point both of Django's aliases at a database, and back."""
    before = {alias: connections[alias].settings_dict["NAME"] for alias in connections}
    try:
        use_database(name)
        yield
    finally:
        for alias, old_name in before.items():
            connections[alias].close()
            connections[alias].settings_dict["NAME"] = old_name


def use_database(name: str) -> None:
    """Point both of Django's aliases at a database."""
    for alias in connections:
        connections[alias].close()
        connections[alias].settings_dict["NAME"] = name


def copy_template(name: str) -> None:
    """Make a database anew as a copy of the template."""
    drop(name)
    with connect() as superuser:
        _create(superuser, name, template=TEMPLATE)


def drop(name: str) -> None:
    """Drop a database and whoever is connected to it."""
    with connect() as superuser:
        superuser.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def _create(superuser: psycopg.Connection[tuple[Any, ...]], name: str, *, template: str) -> None:
    create = "CREATE DATABASE {} OWNER vr_owner TEMPLATE {} LC_COLLATE 'C.UTF-8' LC_CTYPE 'C.UTF-8'"
    superuser.execute(sql.SQL(create).format(sql.Identifier(name), sql.Identifier(template)))
    superuser.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(sql.Identifier(name)))
    superuser.execute(sql.SQL("GRANT CONNECT, TEMPORARY ON DATABASE {} TO vr_app").format(sql.Identifier(name)))

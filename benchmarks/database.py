"""Databases of a benchmark run: a fresh migrated one, and copies of it."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from django.core.management import call_command
from django.db import connections
from psycopg import sql

from valuerealization.embedded import Postgres, postgres_bin


def psql() -> Path:
    """Name the client program that came with the server."""
    return postgres_bin() / "psql"


def url(name: str, *, role: str = "vr_app") -> str:
    """Spell the address of a benchmark's database."""
    return Postgres(Path(os.environ["VAR_DIR"])).url(role=role, database=name)


@contextmanager
def fresh(name: str) -> Iterator[None]:
    """Make a database, migrate it and use it."""
    _drop(name)
    _create(name, template="template0")
    with _used(name):
        call_command("migrate", database="owner", verbosity=0, interactive=False)
        yield


@contextmanager
def copy(template: str, name: str) -> Iterator[None]:
    """Copy a database, use the copy, and drop it."""
    _drop(name)
    _create(name, template=template)
    with _used(name):
        yield
    _drop(name)


@contextmanager
def _used(name: str) -> Iterator[None]:
    before = {alias: connections[alias].settings_dict["NAME"] for alias in connections}
    for alias in before:
        connections[alias].close()
        connections[alias].settings_dict["NAME"] = name
    try:
        yield
    finally:
        for alias, old in before.items():
            connections[alias].close()
            connections[alias].settings_dict["NAME"] = old


def _create(name: str, *, template: str) -> None:
    with psycopg.connect(url("postgres", role="postgres"), autocommit=True) as superuser:
        statement = sql.SQL("CREATE DATABASE {} OWNER vr_owner TEMPLATE {} STRATEGY file_copy").format(
            sql.Identifier(name), sql.Identifier(template)
        )
        for _ in range(100):
            try:
                superuser.execute(statement)
                break
            except psycopg.errors.ObjectInUse:  # autovacuum is in it
                time.sleep(0.2)
        superuser.execute(sql.SQL("GRANT CONNECT, TEMPORARY ON DATABASE {} TO vr_app").format(sql.Identifier(name)))


def _drop(name: str) -> None:
    with psycopg.connect(url("postgres", role="postgres"), autocommit=True) as superuser:
        superuser.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

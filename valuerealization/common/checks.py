"""Is the database role that serves requests as harmless as row-level security needs it to be?

`manage.py check --database default` reports it; in production a connection of a dangerous role is refused as well,
so that no entry point (web server, worker, scheduler, command) runs with it.
"""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core import checks
from django.core.exceptions import ImproperlyConfigured
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

_ATTRIBUTES = "SELECT rolname, rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user"

# A member of the owning role can take it, so it counts as the owner.
_OWNS = "SELECT EXISTS (SELECT FROM pg_tables WHERE schemaname = 'public' AND pg_has_role(tableowner, 'MEMBER'))"

_found_safe: set[str] = set()


def is_production() -> bool:
    """Tell whether real customers' data is to be expected."""
    return not settings.EMBEDDED and not settings.DEBUG


def dangers(connection: BaseDatabaseWrapper) -> list[str]:
    """Say what lets the connected role past row-level security."""
    with connection.cursor() as cursor:
        cursor.execute(_ATTRIBUTES)
        name, is_superuser, bypasses = cursor.fetchone()
    found = {"is a superuser": is_superuser, "has BYPASSRLS": bypasses}
    return [f"The database role {name} {words}." for words, is_so in found.items() if is_so]


def owns_tables(connection: BaseDatabaseWrapper) -> bool:
    """Tell whether the connected role may change the tables, as their owner does."""
    with connection.cursor() as cursor:
        cursor.execute(_OWNS)
        return bool(cursor.fetchone()[0])


def check_application_role(*, databases: Sequence[str] | None = None, **_options: Any) -> list[checks.CheckMessage]:
    """Report an application role that row-level security doesn't bind, or that owns the tables."""
    if "default" not in (databases or ()):
        return []
    hint = "Make the roles with valuerealization/embedded/roles.sql, and let DATABASE_URL name vr_app."
    connection = connections["default"]
    try:
        found = dangers(connection)
    except ImproperlyConfigured as error:
        return [checks.Error(str(error), hint, id="common.E001")]
    if found:
        words = "Row-level security does not hold for it; in production it is refused."
        return [checks.Warning(f"{danger} {words}", hint, id="common.W001") for danger in found]
    if owns_tables(connection):
        message = "The application connects as the owner of the tables: it can change them, and rewrite the audit log."
        return [checks.Warning(message, hint, id="common.W002")]
    return []


def refuse_dangerous_role(*, connection: BaseDatabaseWrapper, **_signal: Any) -> None:
    """Close a new connection in production if row-level security doesn't bind its role; ask once per process.

    Raises: ImproperlyConfigured.
    """
    role = str(connection.settings_dict["USER"])
    if connection.alias != "default" or role in _found_safe or not is_production():
        return
    if found := dangers(connection):
        connection.close()
        raise ImproperlyConfigured(f"{' '.join(found)} The product doesn't start with it: see docs/operations.md.")
    _found_safe.add(role)

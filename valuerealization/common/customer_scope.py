"""Statements of a customer's pages: under the portal's role, for one account, or refused.

A page of the portal runs inside `guarded()`: no statement passes except inside `as_customer(account_id)`, where the
database itself shows one account's shared rows and nothing else, or inside `as_application()`, where our own services
find out who asks, and write what somebody may. Forgetting is an error, not a leak: SET LOCAL outside a transaction
only warns, and what runs after the transaction would run as the application.
"""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from enum import Enum
from typing import Any, Final

from django.db import connection, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg import sql

from valuerealization.common.database import portal_role


class _Scope(Enum):
    ANYTHING = "anything"
    NOTHING = "nothing"
    CUSTOMER = "customer"


_scope: ContextVar[_Scope] = ContextVar("customer_scope", default=_Scope.ANYTHING)
_ALIAS: Final = "default"  # the connection that serves requests


class OutsideScope(RuntimeError):
    """A statement of a customer's page came outside its scope."""


@contextmanager
def guarded() -> Generator[None]:
    """Refuse every statement of what runs inside, but for those in a scope."""
    token = _scope.set(_Scope.NOTHING)
    try:
        yield
    finally:
        _scope.reset(token)


@contextmanager
def as_customer(account_id: int) -> Generator[None]:
    """Read as the portal's role, which sees the shared rows of one account: one transaction.

    Raises: OutsideScope inside another account's scope.
    """
    if _scope.get() is _Scope.CUSTOMER:
        raise OutsideScope("A customer's scope begins outside every other.")
    token = _scope.set(_Scope.CUSTOMER)
    try:
        with transaction.atomic():
            _take(account_id)
            yield
            _give_back()
    finally:
        _scope.reset(token)


@contextmanager
def as_application() -> Generator[None]:
    """Let our own services run: they look for who asks, and check what they write.

    Raises: OutsideScope inside a customer's scope, whose role they would run under.
    """
    if _scope.get() is _Scope.CUSTOMER:
        raise OutsideScope("Leave the customer's scope before the application's begins.")
    token = _scope.set(_Scope.ANYTHING)
    try:
        yield
    finally:
        _scope.reset(token)


def guard_statements(*, connection: BaseDatabaseWrapper, **_signal: object) -> None:
    """Put the guard around a new connection; called when it is made."""
    if connection.alias == _ALIAS and _guard not in connection.execute_wrappers:
        connection.execute_wrappers.insert(0, _guard)


def _guard(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
    if _scope.get() is _Scope.NOTHING:
        raise OutsideScope("This page reads inside `as_customer`, and calls services inside `as_application`.")
    return execute(sql, params, many, context)


def _take(account_id: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('app.account_id', %s, true)", [str(int(account_id))])
        cursor.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(portal_role())))
        cursor.execute("SELECT current_user")
        (name,) = cursor.fetchone()
    if name != portal_role():  # what SET LOCAL says outside a transaction is a warning that nobody reads
        raise OutsideScope("The database did not take the portal's role.")


def _give_back() -> None:
    """Undo both inside a transaction that goes on, as in a test; a transaction that ends undoes them by itself."""
    with connection.cursor() as cursor:
        cursor.execute("RESET ROLE")
        cursor.execute("SELECT set_config('app.account_id', '', true)")

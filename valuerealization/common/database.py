"""Database roles and row-level security, as operations for migrations.

Three roles: the owner migrates and owns every table; the application's role has no DDL; the portal's role is taken with
SET LOCAL ROLE and sees one account's shared rows.
Names: the application's role is the user of DATABASE_URL; the portal's is settings.PORTAL_ROLE.
"""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.db import connection, models, transaction
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState
from psycopg import sql

# The setting that names the account a portal session may see; NULLIF because a reset setting reads as ''.
PORTAL_ACCOUNT = "NULLIF(current_setting('app.account_id', true), '')::bigint"


@contextmanager
def one_instant() -> Generator[None]:
    """Let everything that is read inside be as of one instant: REPEATABLE READ.

    Shape:  inside another transaction, whose isolation was chosen already, it is just that one.
    """
    is_outermost = not connection.in_atomic_block
    with transaction.atomic():
        if is_outermost:
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        yield


def application_role() -> str:
    """Name the role that the running product connects as."""
    return str(settings.DATABASES["default"]["USER"])


def portal_role() -> str:
    """Name the role that portal requests take for the length of one transaction."""
    return str(settings.PORTAL_ROLE)


class _RoleOperation(Operation):
    """A migration operation whose SQL names roles, so it is composed when it runs."""

    reduces_to_sql = True
    reversible = True

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        """Change no model state."""

    def forwards(self) -> list[sql.Composed | sql.SQL]:
        return []

    def backwards(self) -> list[sql.Composed | sql.SQL]:
        return []

    def database_forwards(self, _app_label: str, schema_editor: BaseDatabaseSchemaEditor, *_states: Any) -> None:
        for statement in self.forwards():
            schema_editor.execute(statement.as_string(schema_editor.connection.connection), params=None)

    def database_backwards(self, _app_label: str, schema_editor: BaseDatabaseSchemaEditor, *_states: Any) -> None:
        for statement in self.backwards():
            schema_editor.execute(statement.as_string(schema_editor.connection.connection), params=None)


class GrantApplicationRole(_RoleOperation):
    """Let the application's role read and write every table of the schema, made before or after this migration."""

    def describe(self) -> str:
        return "Grant the application's role data access without DDL"

    def forwards(self) -> list[sql.Composed | sql.SQL]:
        role = sql.Identifier(application_role())
        return [
            sql.SQL("REVOKE CREATE ON SCHEMA public FROM PUBLIC"),
            sql.SQL("GRANT USAGE ON SCHEMA public TO {}, {}").format(role, sql.Identifier(portal_role())),
            sql.SQL("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {}").format(role),
            sql.SQL("GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {}").format(role),
            sql.SQL(
                "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {}"
            ).format(role),
            sql.SQL("ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO {}").format(role),
        ]


class AppendOnly(_RoleOperation):
    """Take UPDATE and DELETE on a table away from the application's role."""

    def __init__(self, table: str) -> None:
        self.table = table

    def describe(self) -> str:
        return f"Make {self.table} append only for the application's role"

    def forwards(self) -> list[sql.Composed | sql.SQL]:
        if application_role() == settings.DATABASES["owner"]["USER"]:
            return []  # an owner always keeps its rights; the start-up check reports that set-up
        return [
            sql.SQL("REVOKE UPDATE, DELETE, TRUNCATE ON {} FROM {}").format(
                sql.Identifier(self.table), sql.Identifier(application_role())
            )
        ]

    def backwards(self) -> list[sql.Composed | sql.SQL]:
        return [
            sql.SQL("GRANT UPDATE, DELETE ON {} TO {}").format(
                sql.Identifier(self.table), sql.Identifier(application_role())
            )
        ]


class NoDelete(AppendOnly):
    """Take DELETE on a table away from the application's role: its rows change, and stay."""

    def describe(self) -> str:
        return f"Let the application's role delete nothing from {self.table}"

    def forwards(self) -> list[sql.Composed | sql.SQL]:
        if application_role() == settings.DATABASES["owner"]["USER"]:
            return []
        return [
            sql.SQL("REVOKE DELETE, TRUNCATE ON {} FROM {}").format(
                sql.Identifier(self.table), sql.Identifier(application_role())
            )
        ]

    def backwards(self) -> list[sql.Composed | sql.SQL]:
        return [
            sql.SQL("GRANT DELETE ON {} TO {}").format(sql.Identifier(self.table), sql.Identifier(application_role()))
        ]


class OwnerFunction(_RoleOperation):
    """Make a function that runs with the owner's rights, for the application's role alone.

    `definition` is what follows `CREATE FUNCTION name(arguments)`; the function looks into our schema and nowhere else.
    """

    def __init__(self, name: str, arguments: str, definition: str) -> None:
        self.name = name
        self.arguments = arguments
        self.definition = definition

    def describe(self) -> str:
        return f"Let the application's role call {self.name}"

    def forwards(self) -> list[sql.Composed | sql.SQL]:
        signature = sql.SQL(f"{self.name}({self.arguments})")
        return [
            sql.SQL("CREATE FUNCTION {} {} SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp").format(
                signature, sql.SQL(self.definition)
            ),
            sql.SQL("REVOKE ALL ON FUNCTION {} FROM PUBLIC").format(signature),
            sql.SQL("GRANT EXECUTE ON FUNCTION {} TO {}").format(signature, sql.Identifier(application_role())),
        ]

    def backwards(self) -> list[sql.Composed | sql.SQL]:
        return [sql.SQL(f"DROP FUNCTION {self.name}({self.arguments})")]


class PortalColumns(_RoleOperation):
    """Let the portal's role read some columns of a table, where it could read them all."""

    def __init__(self, table: str, columns: list[str]) -> None:
        self.table = table
        self.columns = columns

    def describe(self) -> str:
        return f"Let the portal's role read {', '.join(self.columns)} of {self.table}, and nothing else"

    def forwards(self) -> list[sql.Composed | sql.SQL]:
        table, role = sql.Identifier(self.table), sql.Identifier(portal_role())
        return [
            sql.SQL("REVOKE ALL ON {} FROM {}").format(table, role),
            sql.SQL("GRANT SELECT ({}) ON {} TO {}").format(
                sql.SQL(", ").join(map(sql.Identifier, self.columns)), table, role
            ),
        ]

    def backwards(self) -> list[sql.Composed | sql.SQL]:
        table, role = sql.Identifier(self.table), sql.Identifier(portal_role())
        return [
            sql.SQL("REVOKE ALL ON {} FROM {}").format(table, role),
            sql.SQL("GRANT SELECT ON {} TO {}").format(table, role),
        ]


class Erasable(_RoleOperation):
    """Let the application's role overwrite some columns of an append-only table: those that name a person."""

    def __init__(self, table: str, *columns: str) -> None:
        self.table = table
        self.columns = columns

    def describe(self) -> str:
        return f"Let {', '.join(self.columns)} of {self.table} be erased"

    def forwards(self) -> list[sql.Composed | sql.SQL]:
        return [self._statement("GRANT UPDATE ({}) ON {} TO {}")]

    def backwards(self) -> list[sql.Composed | sql.SQL]:
        return [self._statement("REVOKE UPDATE ({}) ON {} FROM {}")]

    def _statement(self, words: str) -> sql.Composed:
        columns = sql.SQL(", ").join(map(sql.Identifier, self.columns))
        return sql.SQL(words).format(columns, sql.Identifier(self.table), sql.Identifier(application_role()))


class PortalRows(_RoleOperation):
    """Let the portal's role read those rows of a table with row-level security that a condition lets through."""

    def __init__(self, table: str, using: str) -> None:
        self.table = table
        self.using = using

    def describe(self) -> str:
        return f"Let the portal's role read of {self.table} what is the customer's"

    def forwards(self) -> list[sql.Composed | sql.SQL]:
        table, portal = sql.Identifier(self.table), sql.Identifier(portal_role())
        condition = sql.SQL(self.using.format(account=PORTAL_ACCOUNT))
        return [
            sql.SQL("DROP POLICY IF EXISTS portal ON {}").format(table),
            sql.SQL("CREATE POLICY portal ON {} FOR SELECT TO {} USING ({})").format(table, portal, condition),
            sql.SQL("GRANT SELECT ON {} TO {}").format(table, portal),
        ]

    def backwards(self) -> list[sql.Composed | sql.SQL]:
        table, portal = sql.Identifier(self.table), sql.Identifier(portal_role())
        return [
            sql.SQL("REVOKE ALL ON {} FROM {}").format(table, portal),
            sql.SQL("DROP POLICY IF EXISTS portal ON {}").format(table),
        ]


class RowSecurity(_RoleOperation):
    """Enable and force row-level security on an account-scoped table.

    The owner and the application see every row; the portal's role sees what `portal_using` lets through, or nothing
    when it is empty.
    """

    def __init__(self, table: str, *, portal_using: str = "") -> None:
        self.table = table
        self.portal_using = portal_using

    def describe(self) -> str:
        return f"Row-level security on {self.table}"

    def forwards(self) -> list[sql.Composed | sql.SQL]:
        table = sql.Identifier(self.table)
        statements: list[sql.Composed | sql.SQL] = [
            sql.SQL("ALTER TABLE {} ENABLE ROW LEVEL SECURITY").format(table),
            sql.SQL("ALTER TABLE {} FORCE ROW LEVEL SECURITY").format(table),
            sql.SQL("CREATE POLICY staff ON {} TO CURRENT_USER, {} USING (true) WITH CHECK (true)").format(
                table, sql.Identifier(application_role())
            ),
        ]
        if self.portal_using:
            statements += PortalRows(self.table, self.portal_using).forwards()
        return statements

    def backwards(self) -> list[sql.Composed | sql.SQL]:
        table = sql.Identifier(self.table)
        return [
            sql.SQL("DROP POLICY IF EXISTS portal ON {}").format(table),
            sql.SQL("DROP POLICY IF EXISTS staff ON {}").format(table),
            sql.SQL("ALTER TABLE {} NO FORCE ROW LEVEL SECURITY").format(table),
            sql.SQL("ALTER TABLE {} DISABLE ROW LEVEL SECURITY").format(table),
        ]


class TransactionId(models.Field[Any, Any]):
    """PostgreSQL's xid8: the writing transaction, so that readers can wait for every older one to end."""

    def db_type(self, connection: Any) -> str:  # noqa: ARG002 - the name is Django's
        return "xid8"


class OnlyApplicationCalls(_RoleOperation):
    """Let the application's role, and nobody else, call a function that acts with its owner's rights."""

    def __init__(self, signature: str) -> None:
        self.signature = signature

    def describe(self) -> str:
        return f"Let only the application's role call {self.signature}"

    def forwards(self) -> list[sql.Composed | sql.SQL]:
        role = sql.Identifier(application_role())
        return [
            sql.SQL(f"REVOKE ALL ON FUNCTION {self.signature} FROM PUBLIC"),
            sql.SQL(f"GRANT EXECUTE ON FUNCTION {self.signature} TO {{}}").format(role),
        ]

"""Make what tests need, through the services that the product uses.

Each function takes `at`, the instant at which it happens by the database's clock and ours; without it, now.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

from django.db import connection
from django.db.models import Min

from accounts.models import Account, Contact, SavedSegment, User
from accounts.rules import parse_rule
from accounts.services.accounts import create_account
from accounts.services.contacts import create_contact
from accounts.services.segments import create_segment
from objectives.models import Metric, Objective, Reading, Standing
from objectives.queries.segments import rule_fields
from objectives.services.metrics import create_metric
from objectives.services.objectives import create_objective
from objectives.services.readings import ReadingRow, record_readings
from objectives.services.snapshots import take_due
from tests.processes import wait_for
from valuerealization.common.audit import SYSTEM, Actor

Number = Decimal | int | str

_numbers = count(1)


def sql_now() -> datetime:
    """Read the database's clock."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT value_now()")
        now: datetime = cursor.fetchone()[0]
        return now


@contextmanager
def at_time(at: datetime | None) -> Iterator[datetime]:
    """Let the database's clock stand at an instant, so that what is written there bears it; None changes nothing."""
    if at is None:
        yield sql_now()
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('app.now', true)")
        before = cursor.fetchone()[0] or ""
        cursor.execute("SELECT set_config('app.now', %s, false)", [at.isoformat()])
    try:
        yield at
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('app.now', %s, false)", [before])


def make_user(
    *, role: str = "csm", name: str = "", email: str = "", password: str | None = None, **fields: Any
) -> User:
    """Add a person; each has an address of their own."""
    number = next(_numbers)
    return User.objects.create_user(
        email or f"{role}{number}@example.com", password, name=name or f"{role.title()} {number}", role=role, **fields
    )


def make_account(*, by: Actor = SYSTEM, at: datetime | None = None, **fields: Any) -> Account:
    """Add an account; its name is its own unless given."""
    with at_time(at):
        account = create_account(by=by, **{"name": f"Account {next(_numbers)}", **fields})
    account.refresh_from_db()
    return account


def make_metric(*, by: Actor = SYSTEM, at: datetime | None = None, **fields: Any) -> Metric:
    """Define a metric; its key is its own unless given."""
    number = next(_numbers)
    with at_time(at):
        metric = create_metric(by=by, **{"key": f"metric_{number}", "name": f"Metric {number}", **fields})
    metric.refresh_from_db()
    return metric


def make_objective(
    account: Account,
    *,
    baseline: Number | None = 0,
    target: Number | None = 100,
    current: Number | None = None,
    weight: Number = 1,
    metric: Metric | None = None,
    by: Actor = SYSTEM,
    at: datetime | None = None,
    **fields: Any,
) -> Objective:
    """Add an objective from 0 to 100: attribute based with a metric, else value based or as `completion_type` says."""
    completion_type = fields.setdefault("completion_type", "attribute" if metric else "value")
    numbers = {} if completion_type == "manual" else {"baseline": _decimal(baseline), "target": _decimal(target)}
    with at_time(at) as now:
        return create_objective(
            account=account, by=by, at=now, current=_decimal(current),
            weight=_decimal(weight), metric=metric, **{"title": f"Objective {next(_numbers)}", **numbers, **fields},
        )  # fmt: skip


def make_contact(account: Account, *, by: Actor = SYSTEM, **fields: Any) -> Contact:
    """Add a contact; name and address are its own unless given."""
    number = next(_numbers)
    given = {"name": f"Contact {number}", "email": f"contact{number}@example.org", **fields}
    contact = create_contact(account=account, by=by, **given)
    contact.refresh_from_db()
    return contact


def make_segment(rule: Any, *, name: str = "", by: Actor = SYSTEM, **fields: Any) -> SavedSegment:
    """Save a segment from a rule as JSON has it; its name is its own unless given."""
    parsed = parse_rule(rule, fields=rule_fields())
    segment = create_segment(name=name or f"Segment {next(_numbers)}", rule=parsed, by=by, **fields)
    segment.refresh_from_db()
    return segment


def record(
    subject: Objective | Metric,
    value: Number,
    *,
    at: datetime | None = None,
    account: Account | None = None,
    by: Actor = SYSTEM,
    recorded_at: datetime | None = None,
    **fields: Any,
) -> Reading:
    """Record a value, observed at `at` and recorded then too unless told; a metric's needs the account.

    Raises: ReadingsRefused.
    """
    named: dict[str, Any] = {"objective_id": subject.pk}
    if isinstance(subject, Metric):
        assert account is not None, "say whose metric it is"
        named = {"metric_key": subject.key, "customer_id": account.pk}
    with at_time(recorded_at or at) as now:
        row = ReadingRow(index=0, value=Decimal(value), observed_at=at or now, **named, **fields)
        result = record_readings(rows=[row], by=by, at=now, atomic=True)
    if isinstance(subject, Objective):
        subject.refresh_from_db()
    return Reading.objects.get(pk=result.reading_ids[0])


def take_weeks(*, until: datetime) -> int:
    """Take every snapshot due by `until`, each on time: a minute after its boundary. Returns how many."""
    taken = 0
    while True:
        waiting = Standing.objects.active().aggregate(first=Min("next_boundary_at"))["first"]
        if waiting is None or (on_time := waiting + timedelta(minutes=1)) > until:
            return taken
        with at_time(on_time):
            taken += take_due(at=on_time).stored


def _decimal(number: Number | None) -> Decimal | None:
    return None if number is None else Decimal(number)


def settle() -> None:
    """Wait until what was under way elsewhere on this server has ended: it would hold back the sealing of entries."""

    def running() -> set[tuple[int, str]]:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pid, backend_xid::text FROM pg_stat_activity"
                " WHERE datname <> current_database() AND backend_xid IS NOT NULL"
            )
            return set(cursor.fetchall())

    before = running()
    wait_for(lambda: not before & running(), "transactions of other tests to end")

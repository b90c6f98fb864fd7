"""The admin's first page: what needs attention, what the portfolio comes to, and whether the machine runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from django.db.models import Case, Count, DecimalField, F, Q, Sum, Value, When, Window
from django_celery_beat.models import PeriodicTask

from accounts.models import ApiKey, NotificationMail, User
from objectives.models import HeldReading, Kind, Objective, Standing
from objectives.queries.lists import AccountFilter
from objectives.status import Status
from portfolio.queries.summary import Summary, summary
from valuerealization.common.numbers import round_half_up
from valuerealization.common.units import Unit, format_ago, format_in_days, format_money, format_pct

LISTED: Final = 6
STALE_DAYS: Final = 30
KEY_DAYS: Final = 30
TICK: Final = "objectives.tick"

# Twice the tick's rhythm and a little: later than this it is late.
_TICK_LATE: Final = timedelta(minutes=12)
_SNAPSHOT_LATE: Final = timedelta(hours=1)
_NO_RENEWAL: Final = date(9999, 12, 31)


@dataclass(frozen=True, slots=True)
class AccountLine:
    """An account that needs somebody."""

    pk: int
    name: str
    status: Status
    value: str
    owner: str
    renewal: str


@dataclass(frozen=True, slots=True)
class Line:
    """Something else that needs somebody: what, where it is dealt with, and why it is here."""

    title: str
    note: str
    address: str


@dataclass(frozen=True, slots=True)
class Todo:
    """The first lines of a kind, and how many there are in all."""

    lines: tuple[Line, ...]
    total: int
    address: str = ""  # where all of them are

    @property
    def more(self) -> int:
        """Count what is not listed."""
        return self.total - len(self.lines)


@dataclass(frozen=True, slots=True)
class Savings:
    """What objectives in money have moved, in one currency; currencies are never added.

    Units: `saved` is how far costs came down, `gained` how far amounts that are meant to grow went up. What went the
           wrong way counts against both. Whole amounts: cents say nothing in a sum. `short` is the total for a tile.
    """

    currency: str
    saved: str
    gained: str
    total: str
    short: str
    objectives: int
    accounts: int


@dataclass(frozen=True, slots=True)
class Machine:
    """Whether the scheduler does its work."""

    tick_sent: str
    tick_is_late: bool
    tick_is_off: bool
    overdue: int
    failing: Todo


@dataclass(frozen=True, slots=True)
class Dashboard:
    """The whole page."""

    summary: Summary
    attention: tuple[AccountLine, ...]
    savings: tuple[Savings, ...]
    held: Todo
    stale: Todo
    absent: Todo
    keys: Todo
    mails: Todo
    machine: Machine

    @property
    def in_trouble(self) -> int:
        """Count the accounts that are stalled or at risk."""
        return sum(card.count for card in self.summary.cards if card.status in {Status.STALLED, Status.AT_RISK})

    @property
    def todos(self) -> int:
        """Count the other things to do."""
        return sum(todo.total for _title, todo, _empty in self.lists)

    @property
    def lists(self) -> tuple[tuple[str, Todo, str], ...]:
        """List what else there is to do, with what is said when there is none; what has something comes first."""
        lists = (
            ("Values held for a decision", self.held, "No value waits for a decision."),
            ("Values that grow old", self.stale, "Every objective was measured in the last 30 days."),
            ("Snapshots that fail", self.machine.failing, "No account’s snapshot fails."),
            ("Mails that could not be sent", self.mails, "Every mail of the last 30 days went out."),
            ("People who never signed in", self.absent, "Everybody has signed in at least once."),
            ("Keys that expire", self.keys, "No API key expires in the next 30 days."),
        )
        return tuple(sorted(lists, key=lambda each: not each[1].total))


def dashboard(*, at: datetime) -> Dashboard:
    """Read the admin's first page: eleven queries, however many accounts there are.

    Source: docs/formulas.md#portfolio
    """
    today = at.date()
    return Dashboard(
        summary=summary(AccountFilter(), on=today),
        attention=_attention(today),
        savings=_savings(),
        held=_held(),
        stale=_stale(at),
        absent=_absent(),
        keys=_keys(at),
        mails=_mails(at),
        machine=_machine(at),
    )


def _attention(today: date) -> tuple[AccountLine, ...]:
    rows = (
        Standing.objects.active()
        .filter(shown_status__in=[Status.STALLED, Status.AT_RISK])
        .select_related("account", "owner")
        .order_by("shown_rank", "shown_value", "renewal_key", "name_key", "account")[:LISTED]
    )
    return tuple(
        AccountLine(
            pk=row.account_id,
            name=row.account.name,
            status=Status(row.shown_status),
            value=format_pct(row.shown_value),
            owner=str(row.owner) if row.owner else "Nobody",
            renewal=format_in_days(row.renewal_key, today) if row.renewal_key < _NO_RENEWAL else "No renewal date",
        )
        for row in rows
    )


def _savings() -> tuple[Savings, ...]:
    down, up = Q(target__lt=F("baseline")), Q(target__gt=F("baseline"))
    money = DecimalField(max_digits=40, decimal_places=6)
    zero = Value(Decimal(0), output_field=money)
    rows = (
        Objective.objects.active()
        .numeric()
        .filter(unit=Unit.CURRENCY, kind=Kind.VALUE, current__isnull=False, account__archived_at=None)
        .values("account__currency")
        .annotate(
            saved=Sum(Case(When(down, then=F("baseline") - F("current")), default=zero, output_field=money)),
            gained=Sum(Case(When(up, then=F("current") - F("baseline")), default=zero, output_field=money)),
            number=Count("pk"),
            accounts=Count("account", distinct=True),
        )
        .order_by("-accounts", "account__currency")
    )
    return tuple(
        Savings(
            currency=row["account__currency"],
            saved=_whole(row["saved"], row["account__currency"]),
            gained=_whole(row["gained"], row["account__currency"]),
            total=_whole(row["saved"] + row["gained"], row["account__currency"]),
            short=format_money(row["saved"] + row["gained"], currency=row["account__currency"], compact=True),
            objectives=row["number"],
            accounts=row["accounts"],
        )
        for row in rows
    )


def _whole(amount: Decimal, currency: str) -> str:
    return format_money(round_half_up(amount, 0), currency=currency)


def _held() -> Todo:
    rows = (
        HeldReading.objects.filter(state=HeldReading.State.HELD, account__archived_at=None)
        .annotate(total=Window(Count("pk")))
        .select_related("account", "metric")
        .order_by("held_at", "pk")[:LISTED]
    )
    return _todo(
        rows,
        lambda row: Line(f"{row.metric}, {row.account.name}", f"from {row.recorded_by or 'nobody we know'}",
                         f"/quality/held/{row.pk}/"),
        "/quality/",
    )  # fmt: skip


def _mails(at: datetime) -> Todo:
    rows = (
        NotificationMail.objects.filter(state=NotificationMail.State.FAILED, ended_at__gte=at - timedelta(days=30))
        .annotate(total=Window(Count("pk")))
        .select_related("notification__person")
        .order_by("-ended_at", "-pk")[:LISTED]
    )
    return _todo(
        rows,
        lambda row: Line(
            f"To {row.notification.person}",
            row.trouble or "given up",
            f"/admin/accounts/notificationmail/{row.pk}/change/",
        ),
        "/admin/accounts/notificationmail/?state__exact=failed",
    )


def _stale(at: datetime) -> Todo:
    """Find objectives that nobody measured for a month, those waiting longest first."""
    line = at - timedelta(days=STALE_DAYS)
    waiting = Q(measured_at__lt=line) | Q(measured_at=None, created_at__lt=line)
    rows = (
        Objective.objects.active()
        .numeric()
        .filter(waiting, account__archived_at=None, is_met=False)
        .annotate(total=Window(Count("pk")))
        .select_related("account")
        .order_by(F("measured_at").asc(nulls_first=True), "pk")[:LISTED]
    )
    return _todo(
        rows,
        lambda row: Line(
            f"{row.title}, {row.account.name}",
            f"last measured {format_ago((at - row.measured_at).days)}" if row.measured_at else "never measured",
            f"/objectives/{row.pk}/value/",
        ),
        "/quality/calendar/",
    )


def _absent() -> Todo:
    rows = (
        User.objects.filter(is_active=True, last_login=None)
        .annotate(total=Window(Count("pk")))
        .order_by("created_at", "pk")[:LISTED]
    )
    return _todo(
        rows,
        lambda row: Line(str(row), "has never signed in", f"/admin/accounts/user/{row.pk}/change/"),
        "/admin/accounts/user/?signed_in=no&is_active__exact=1",
    )


def _keys(at: datetime) -> Todo:
    rows = (
        ApiKey.objects.filter(revoked=False, expiry_date__lt=at + timedelta(days=KEY_DAYS))
        .annotate(total=Window(Count("pk")))
        .order_by("expiry_date", "pk")[:LISTED]
    )

    def line(row: Any) -> Line:
        left = (row.expiry_date - at).days
        note = f"expires in {left} days" if row.expiry_date > at else "has expired"
        return Line(f"API key {row.name}", note, f"/admin/accounts/apikey/{row.pk}/change/")

    return _todo(rows, line, "/admin/accounts/apikey/?revoked__exact=0")


def _machine(at: datetime) -> Machine:
    tick = PeriodicTask.objects.filter(task=TICK).order_by("-enabled", "-last_run_at").first()
    failing = (
        Standing.objects.active()
        .filter(failed_at__isnull=False)
        .annotate(total=Window(Count("pk")))
        .select_related("account")
        .order_by("failed_at", "pk")[:LISTED]
    )
    sent = tick.last_run_at if tick else None
    return Machine(
        tick_sent=_since(sent, at),
        tick_is_late=sent is not None and at - sent > _TICK_LATE,
        tick_is_off=tick is None or not tick.enabled,
        overdue=Standing.objects.active().filter(failed_at=None, next_boundary_at__lt=at - _SNAPSHOT_LATE).count(),
        failing=_todo(
            failing,
            lambda row: Line(row.account.name, row.failure or "no reason given", f"/accounts/{row.account_id}/"),
            "/operations/",
        ),
    )


def _todo(rows: Any, line: Any, address: str) -> Todo:
    found: Sequence[Any] = list(rows)
    return Todo(tuple(line(row) for row in found), found[0].total if found else 0, address)


def _since(instant: datetime | None, at: datetime) -> str:
    if instant is None:
        return ""
    minutes = max(0, int((at - instant).total_seconds() // 60))
    if minutes < 1:
        return "less than a minute ago"
    if minutes < 60:
        return f"{minutes} minute{'s' if minutes > 1 else ''} ago"
    hours = minutes // 60
    return f"{hours} hour{'s' if hours > 1 else ''} ago" if hours < 48 else f"{hours // 24} days ago"

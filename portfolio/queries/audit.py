"""The audit log as a list: its filters, which live in the address, its pages, its file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final, Self

from django.apps import apps
from django.db import connection
from django.db.models import F, OuterRef, Q, QuerySet, Subquery, TextField
from django.db.models.functions import Cast
from django.http import StreamingHttpResponse

from accounts.models import Account, User
from objectives.models import Metric, Objective
from portfolio.queries.wording import Change, label_of, shown_plainly, verb_of
from valuerealization.common.exports import Column, csv_response
from valuerealization.common.keyset import Ordering, page
from valuerealization.common.models import AuditEntry, AuditSeal
from valuerealization.common.units import format_moment

SIZE: Final = 30
MACHINES: Final = {AuditEntry.Actor.SYSTEM.value: "System", AuditEntry.Actor.API_KEY.value: "Any API key"}

_NEWEST: Final = Ordering(name="newest", keys=("id",), is_descending=True)
_LONGEST: Final = 200
_LARGEST_ID: Final = 2**63 - 1

# The values of an indexed column, found one after the other instead of by reading the whole table.
_DISTINCT = """
WITH RECURSIVE found AS (
  (SELECT {0} AS value FROM common_auditentry ORDER BY {0} LIMIT 1)
  UNION ALL
  SELECT (SELECT {0} FROM common_auditentry WHERE {0} > found.value ORDER BY {0} LIMIT 1) FROM found
  WHERE found.value IS NOT NULL
)
SELECT value FROM found WHERE value <> '' ORDER BY value
"""


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which entries are shown; without arguments all of them.

    Shape:  `who` is a person's e-mail address, `system` or `api_key`; `subject` a kind of record, `record` the id of
            one of them; days are whole ones in UTC, the last one included.
    """

    who: str = ""
    action: str = ""
    subject: str = ""
    record: int | None = None
    account: int | None = None
    since: date | None = None
    until: date | None = None
    search: str = ""

    @classmethod
    def parse(cls, parameters: Mapping[str, Any]) -> tuple[Self, tuple[str, ...]]:
        """Read the parameters of an address: what can be read, and a sentence for each that cannot."""
        errors: list[str] = []
        since, until = _day(parameters, "since", errors), _day(parameters, "until", errors)
        if since and until and since > until:
            errors.append("The first day lies after the last one.")
            since = until = None
        found = cls(
            who=_text(parameters, "who", errors).lower(),
            action=_text(parameters, "action", errors),
            subject=_text(parameters, "subject", errors),
            record=_number(parameters, "record", errors),
            account=_number(parameters, "account", errors),
            since=since,
            until=until,
            search=_text(parameters, "search", errors),
        )
        return found, tuple(errors)

    def as_parameters(self) -> dict[str, str]:
        """Write the filter as the parameters of an address, only those that are set."""
        return {name: str(value) for name in self.__slots__ if (value := getattr(self, name)) not in ("", None)}


@dataclass(frozen=True, slots=True)
class AuditItem:
    """One entry, as displayed.

    Shape:  `changes` have values as they were and are; `facts` are what else is known, as name and value. `seal` is
            None until the entry is sealed; `erased` says what was erased of it, empty when nothing was.
    """

    id: int
    at: datetime
    when: str
    who: str
    icon: str
    verb: str
    title: str
    href: str
    action: str
    account: str
    account_id: int | None
    request_id: str
    changes: tuple[Change, ...]
    facts: tuple[tuple[str, str], ...]
    seal: int | None
    erased: str


@dataclass(frozen=True, slots=True)
class AuditPage:
    """Some entries, newest first, with the cursors of the neighbouring pages."""

    items: tuple[AuditItem, ...]
    newer: str | None
    older: str | None


@dataclass(frozen=True, slots=True)
class Chain:
    """The newest seal."""

    number: int
    sealed_at: datetime
    hash: str


def entries(wanted: AuditFilter) -> QuerySet[AuditEntry]:
    """Pick the entries that a filter lets through, in no order."""
    rows = AuditEntry.objects.all()
    if wanted.who in MACHINES:
        rows = rows.filter(actor_kind=wanted.who)
    elif wanted.who:
        person = User.objects.filter(email=wanted.who).annotate(text=Cast("pk", TextField())).values("text")
        rows = rows.filter(actor_kind=AuditEntry.Actor.USER, actor_id=Subquery(person))
    if wanted.action:
        rows = rows.filter(action=wanted.action)
    if wanted.subject:
        rows = rows.filter(subject_type=wanted.subject)
    if wanted.record is not None:
        rows = rows.filter(subject_id=wanted.record)
    if wanted.account is not None:
        rows = rows.filter(account_id=wanted.account)
    if wanted.since:
        rows = rows.filter(at__gte=datetime.combine(wanted.since, time.min, UTC))
    if wanted.until:
        rows = rows.filter(at__lt=datetime.combine(wanted.until, time.min, UTC) + timedelta(days=1))
    if wanted.search:
        names = Q(actor_name__icontains=wanted.search) | Q(subject_label__icontains=wanted.search)
        rows = rows.filter(names | Q(action__icontains=wanted.search) | Q(request_id=wanted.search))
    return rows


def audit_page(*, wanted: AuditFilter, cursor: str | None, on: date, size: int = SIZE) -> AuditPage:
    """Read one page of entries, newest first; the same queries however many there are.

    Raises: InvalidCursor.
    """
    found = page(entries(wanted).select_related("proof"), _NEWEST, cursor, size=size)
    return AuditPage(_items(found.rows, on=on), found.previous_cursor, found.next_cursor)


def actions() -> list[str]:
    """List the actions that occur in the log."""
    return _distinct("action")


def subjects() -> list[tuple[str, str]]:
    """List the kinds of records that occur in the log, each with its name."""
    return [(label, subject_name(label)) for label in _distinct("subject_type")]


def subject_name(label: str) -> str:
    """Name a kind of record; one whose table is gone keeps its technical name."""
    try:
        name = str(apps.get_model(label)._meta.verbose_name)
    except (LookupError, ValueError):
        return label
    return name[:1].upper() + name[1:]


def people() -> list[User]:
    """List everybody of the team, by name, those who left included."""
    return list(User.objects.order_by("name", "email").only("name", "email"))


def newest_seal() -> Chain | None:
    """Read the newest seal of the chain; None before the first."""
    seal = AuditSeal.objects.order_by("-number").first()
    return None if seal is None else Chain(seal.number, seal.sealed_at, bytes(seal.hash).hex())


def audit_csv(wanted: AuditFilter, *, on: date) -> StreamingHttpResponse:
    """Stream the entries that a filter lets through, newest first, details as JSON."""
    account = Account.objects.filter(pk=OuterRef("account_id")).values("name")
    rows = entries(wanted).annotate(account_name=Subquery(account)).order_by("-id")
    # Made safe is what people wrote; our own words, and JSON as the database writes it, begin like no formula.
    columns = [
        Column("id", F("id")),
        Column("at", F("at")),
        Column("actor_kind", F("actor_kind")),
        Column("actor_id", F("actor_id")),
        Column("actor_name", F("actor_name"), is_text=True),
        Column("action", F("action")),
        Column("account_id", F("account_id")),
        Column("account_name", F("account_name"), is_text=True),
        Column("subject_type", F("subject_type")),
        Column("subject_id", F("subject_id")),
        Column("subject_label", F("subject_label"), is_text=True),
        Column("details", Cast("details", TextField())),
        Column("request_id", F("request_id"), is_text=True),
        Column("seal", F("proof__seal_id")),
    ]
    return csv_response(rows, columns, filename=f"audit-log-{on:%Y-%m-%d}.csv", bom=True)


def _items(rows: Sequence[AuditEntry], *, on: date) -> tuple[AuditItem, ...]:
    accounts = dict(Account.objects.filter(pk__in={row.account_id for row in rows}).values_list("pk", "name"))
    named = {
        "owner": {str(user.pk): str(user) for user in User.objects.filter(pk__in=_ids(rows, "owner"))},
        "metric": {str(metric.pk): str(metric) for metric in Metric.objects.filter(pk__in=_ids(rows, "metric"))},
    }
    return tuple(_item(row, accounts=accounts, named=named, on=on) for row in rows)


def _item(row: AuditEntry, *, accounts: dict[int, str], named: dict[str, dict[str, str]], on: date) -> AuditItem:
    proof = getattr(row, "proof", None)
    erased = [] if proof is None else [("name", proof.who_erasure), ("details", proof.what_erasure)]
    is_account = row.subject_type == Account._meta.label_lower
    account = accounts.get(row.account_id or 0, "")
    changes, facts = [], []
    verb, details = _verb(row)
    for field, value in details.items():
        names = named.get(field, {})
        if isinstance(value, list) and len(value) == 2:
            before, after = (names.get(str(each)) or shown_plainly(each) for each in value)
            changes.append(Change(label_of(field), before, after))
        else:
            facts.append((label_of(field), shown_plainly(value)))
    return AuditItem(
        id=row.pk, at=row.at, when=format_moment(row.at, timezone="UTC", today=on), who=row.actor_name,
        icon={"user": "", "api_key": "key"}.get(row.actor_kind, "refresh"), verb=verb,
        title=row.subject_label, href=_href(row, accounts), action=row.action,
        account="" if is_account else account, account_id=row.account_id if account else None,
        request_id=row.request_id, changes=tuple(changes), facts=tuple(facts),
        seal=None if proof is None else proof.seal_id,
        erased=" and ".join(what for what, erasure in erased if erasure is not None),
    )  # fmt: skip


def _verb(row: AuditEntry) -> tuple[str, dict[str, Any]]:
    """Say what was done, and which details that leaves to list."""
    if row.action == "readings.recorded" and row.details:
        count, first, last = (row.details.get(name, 0) for name in ("count", "first_reading", "last_reading"))
        readings = {"reading": first} if first == last else {"readings": f"{first} to {last}"}
        return f"recorded {count:,} reading{'' if count == 1 else 's'} of", readings
    return verb_of(row.action), row.details


def _href(row: AuditEntry, accounts: dict[int, str]) -> str:
    if row.subject_type == Account._meta.label_lower and row.subject_id in accounts:
        return f"/accounts/{row.subject_id}/"
    if row.subject_type == Objective._meta.label_lower and row.subject_id:
        return f"/objectives/{row.subject_id}/history/"
    return ""


def _ids(rows: Sequence[AuditEntry], field: str) -> set[int]:
    pairs = (row.details.get(field) for row in rows)
    return {value for pair in pairs if isinstance(pair, list) for value in pair if isinstance(value, int)}


def _distinct(column: str) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(_DISTINCT.format(column))
        return [value for (value,) in cursor.fetchall()]


def _text(parameters: Mapping[str, Any], name: str, errors: list[str]) -> str:
    text = str(parameters.get(name, "")).strip()
    if len(text) > _LONGEST or "\x00" in text:
        errors.append(f"The filter “{name}” can't be read.")
        return ""
    return text


def _number(parameters: Mapping[str, Any], name: str, errors: list[str]) -> int | None:
    text = _text(parameters, name, errors)
    if not text:
        return None
    if text.isascii() and text.isdigit() and len(text) <= 19 and int(text) <= _LARGEST_ID:
        return int(text)
    errors.append(f"The filter “{name}” is the id of a record, a whole number.")
    return None


def _day(parameters: Mapping[str, Any], name: str, errors: list[str]) -> date | None:
    text = _text(parameters, name, errors)
    if not text:
        return None
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).date()
    except ValueError:
        errors.append("Write the date as year, month and day: 2026-11-15.")
        return None

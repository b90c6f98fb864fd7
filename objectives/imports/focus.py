"""Cloud bills in the FOCUS 1.0 format: daily cost per sub-account, and a goal to cut it by a fifth.

One account per `SubAccountId`; metrics `billed_cost` and `effective_cost`, one reading a day (UTC) and metric. A second
import of the same file changes nothing.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import structlog
from django.db import connection, transaction

from accounts.models import Account, User
from accounts.services.accounts import AccountRow, save_accounts
from objectives.evidence import Origin
from objectives.imports import cells
from objectives.imports.files import open_table
from objectives.imports.report import changes_of
from objectives.imports.run import Layout
from objectives.imports.tables import FileRefused, LineError, Row
from objectives.models import CompletionType, Direction, ImportSubject, Metric, Objective
from objectives.services.batches import Change, Outcome, reading_changes
from objectives.services.bulk import ObjectiveRow, save_objectives
from objectives.services.metrics import create_metric
from objectives.services.readings import ReadingRow, ReadingsRefused, RecordResult, record_readings
from objectives.services.restatements import rebuild
from valuerealization.common.api.values import FIRST_DAY, LAST_DAY, ValueRefused
from valuerealization.common.audit import Actor
from valuerealization.common.numbers import LIMIT, round_half_even_6

log = structlog.get_logger(__name__)

SOURCE: Final = "FOCUS"
BILLED: Final = "billed_cost"
TARGET_SHARE: Final = Decimal("0.8")
TITLE: Final = "Cut billed cost by 20%"
END_OF_DAY: Final = time(23, 59, 59, tzinfo=UTC)
NULL: Final = "NULL"
METRICS: Final = {
    BILLED: ("Billed cost", "Sum of BilledCost of the charges that start on a day (UTC)."),
    "effective_cost": ("Effective cost", "Sum of EffectiveCost of the charges that start on a day (UTC)."),
}
MOST_ERRORS: Final = 1_000
OBJECTIVE_PREFIX: Final = "focus-billed-cost:"
ID_LIMIT: Final = 128 - len(OBJECTIVE_PREFIX)  # so that the objective's external id holds it whole

_AMOUNT: Final = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,2})?", re.ASCII)
_LONGEST_AMOUNT: Final = 60

_STAGE = """
CREATE TEMPORARY TABLE IF NOT EXISTS focus_charge (
  sub_account text, name text, day date, currency text, billed numeric, effective numeric) ON COMMIT DELETE ROWS
"""

_SUB_ACCOUNTS = "SELECT sub_account, min(name), min(currency), max(currency) FROM focus_charge GROUP BY 1 ORDER BY 1"
_NOT_OVER = "DELETE FROM focus_charge WHERE day >= %s"

# Half even, as domain arithmetic has it for sums; PostgreSQL's own round() goes away from zero.
_DAYS = """
SELECT sub_account, day, key, total,
  CASE WHEN abs(total * 1000000 - trunc(total * 1000000)) = 0.5
    THEN round(2 * round(total * 1000000 / 2) / 1000000, 6) ELSE round(total, 6) END AS value
FROM (
  SELECT sub_account, day, 'billed_cost' AS key, sum(billed) AS total FROM focus_charge GROUP BY 1, 2
  UNION ALL
  SELECT sub_account, day, 'effective_cost', sum(effective) FROM focus_charge GROUP BY 1, 2
) sums ORDER BY sub_account, day, key
"""

# The first day of every account whose stored daily costs differ, superseded ones aside.
_VARYING = """
SELECT account_id, (array_agg(observed_at ORDER BY observed_at))[1], (array_agg(value ORDER BY observed_at))[1]
FROM (
  SELECT DISTINCT ON (account_id, observed_at) account_id, observed_at, value FROM objectives_reading
  WHERE account_id = ANY(%(accounts)s) AND metric_id = %(metric)s AND source = %(source)s
  ORDER BY account_id, observed_at, recorded_at DESC, id DESC
) days GROUP BY account_id HAVING count(DISTINCT value) > 1 ORDER BY account_id
"""


@dataclass(frozen=True, slots=True)
class DailyCost:
    """One day's cost of a sub-account, as summed and as stored (six decimals, half even)."""

    sub_account: str
    day: date
    metric: str
    total: Decimal
    value: Decimal


@dataclass(frozen=True, slots=True)
class FocusImported:
    """What an import did."""

    charges: int
    charges_without_sub_account: int
    charges_of_days_not_over: int
    accounts: int
    accounts_created: int
    readings_created: int
    readings_unchanged: int
    readings_superseded: int
    sums_rounded: int
    objectives_created: int
    objectives_refused: int
    weeks_added: int
    weeks_restated: int


def import_bill(
    *,
    path: Path,
    name: str,
    by: Actor,
    at: datetime,
    layout: Layout,
    editor: User | None,
    dry_run: bool,
    count: Callable[[], None],
) -> Outcome:
    """Take in a bill: accounts, daily readings, goals, and the past weeks that follow from them. All or nothing.

    Shape:  with `dry_run`, does everything and keeps nothing. New, changed and unchanged are daily costs, `summary` has
            the fields of `FocusImported`; `editor` may change only accounts assigned to them. A day that is not over
            (UTC) is left out: its sum would not stay.
    Raises: FileRefused with every error by line; OSError when the file can't be read.
    """
    bill = _Bill(path, name, by, at, layout, editor, count)
    with transaction.atomic():
        done = _import(bill)
        transaction.set_rollback(dry_run)
    return Outcome(
        rows=done.charges + done.charges_without_sub_account,
        new=done.readings_created,
        changed=done.readings_superseded,
        unchanged=done.readings_unchanged,
        changes=bill.changes,
        summary=asdict(done),
    )


@dataclass(frozen=True, slots=True)
class _Bill:
    """A bill being imported."""

    path: Path
    name: str
    by: Actor
    at: datetime
    layout: Layout = field(default_factory=Layout)
    editor: User | None = None
    count: Callable[[], None] = lambda: None
    changes: list[Change] = field(default_factory=list)


def _import(bill: _Bill) -> FocusImported:
    by, at = bill.by, bill.at
    with transaction.atomic(), connection.cursor() as cursor:
        charges, nameless = _stage(cursor, bill)
        cursor.execute(_NOT_OVER, [at.astimezone(UTC).date()])
        if not_over := cursor.rowcount:
            log.warning("focus_days_not_over", charges=not_over)
        accounts, created = _accounts(cursor, bill)
        cursor.execute(_DAYS)
        days = [DailyCost(*row) for row in cursor.fetchall()]
        recorded = _record(days, accounts, bill)
        if rounded := sum(day.total != day.value for day in days):
            log.info("focus_sums_rounded", count=rounded, decimals=6, mode="half even")
        goals, refused = _goals(cursor, accounts, bill)
        touched = sorted({*recorded.account_ids, *goals})
        rebuilt = rebuild(account_ids=touched, by=by, reason=f"Imported {bill.name}")
        bill.changes.extend(
            Change(ImportSubject.RESTATEMENT, pk, {"known_at": [None, known_at.isoformat()]})
            for pk, known_at in rebuilt.restatements.items()
        )
    return FocusImported(
        charges=charges,
        charges_without_sub_account=nameless,
        charges_of_days_not_over=not_over,
        accounts=len(accounts),
        accounts_created=created,
        readings_created=recorded.created,
        readings_unchanged=recorded.unchanged,
        readings_superseded=recorded.superseded,
        sums_rounded=rounded,
        objectives_created=len(goals),
        objectives_refused=refused,
        weeks_added=rebuilt.added,
        weeks_restated=rebuilt.changed,
    )


def _stage(cursor: Any, bill: _Bill) -> tuple[int, int]:
    """Copy the charges into a staging table; returns how many, and how many name no sub-account."""
    cursor.execute(_STAGE)
    cursor.execute("DELETE FROM focus_charge")
    charges = nameless = 0
    with (
        open_table(
            bill.path, known=COLUMNS, required=COLUMNS, others=True, columns=bill.layout.columns,
            sheet=bill.layout.sheet,
        ) as table,
        cursor.copy("COPY focus_charge (sub_account, name, day, currency, billed, effective) FROM STDIN") as copy,
    ):  # fmt: skip
        for row in table.rows:
            bill.count()
            given = Row(row.line, {name: "" if cell.strip() == NULL else cell for name, cell in row.cells.items()})
            charge, errors = cells.read_cells(given, COLUMNS)
            table.errors.extend(errors)
            for name in ("ChargePeriodStart", "BillingCurrency"):
                if not given.cells[name].strip():
                    table.errors.append(LineError(row.line, name, "This can't be missing."))
            if len(table.errors) >= MOST_ERRORS:
                break
            if not charge.get("SubAccountId"):
                nameless += 1
            elif not table.errors:
                copy.write_row(_staged(charge))
                charges += 1
        if table.errors:
            raise FileRefused(table.errors)
    if nameless:
        log.warning("focus_charges_without_sub_account", count=nameless)
    return charges, nameless


def _staged(charge: Mapping[str, Any]) -> tuple[Any, ...]:
    sub_account = charge["SubAccountId"]
    return (
        sub_account,
        charge["SubAccountName"] or sub_account,
        charge["ChargePeriodStart"],
        charge["BillingCurrency"],
        charge["BilledCost"] or 0,
        charge["EffectiveCost"] or 0,
    )


def _cost(text: str) -> Decimal:
    """Read an amount with as many decimals as it has."""
    if not _AMOUNT.fullmatch(text) or len(text) > _LONGEST_AMOUNT:
        raise ValueRefused("not_a_number", f"“{text[:40]}” is no amount such as 12.50.")
    if abs(amount := Decimal(text)) >= LIMIT:
        raise ValueRefused("too_many_digits", f"{amount:.3g} is too much for one charge.")
    return Decimal(text)


def _utc_day(text: str) -> date:
    """Read the day of a time; without an offset it is UTC."""
    try:
        start = datetime.fromisoformat(text)
        day = start.astimezone(UTC).date() if start.tzinfo else start.date()
    except (ValueError, OverflowError):
        raise ValueRefused("invalid_datetime", f"“{text[:40]}” is no time such as 2024-09-18 22:00:00.") from None
    if not FIRST_DAY <= day <= LAST_DAY:
        raise ValueRefused("out_of_range", f"Give a time from {FIRST_DAY} to {LAST_DAY}.")
    return day


COLUMNS: Final[dict[str, cells.Reader]] = {
    "SubAccountId": lambda text: cells.limited_id(text, ID_LIMIT),
    "SubAccountName": cells.line_of_text(200),
    "ChargePeriodStart": _utc_day,
    "BillingCurrency": cells.currency,
    "BilledCost": _cost,
    "EffectiveCost": _cost,
}


def _accounts(cursor: Any, bill: _Bill) -> tuple[dict[str, Account], int]:
    """Find or make the account of each sub-account; returns them by id, and how many are new.

    Raises: FileRefused when currencies don't go together.
    """
    cursor.execute(_SUB_ACCOUNTS)
    found = cursor.fetchall()
    ids = [sub_account for sub_account, *_rest in found]
    accounts = Account.objects.filter(external_id__in=ids).select_related("owner")
    stored = {str(account.external_id): account for account in accounts}
    refused: list[LineError] = []
    for sub_account, _name, currency, other in found:
        if currency != other:
            message = f"It is billed in several currencies, {currency} and {other}. An account has one."
            refused.append(LineError(0, sub_account, message))
        elif sub_account in stored and stored[sub_account].currency != currency:
            message = f"It is billed in {currency}; its account has {stored[sub_account].currency}."
            refused.append(LineError(0, sub_account, message))
        elif bill.editor and sub_account in stored and stored[sub_account].owner_id != bill.editor.pk:
            account = stored[sub_account]
            owner = account.owner or "nobody"
            message = f"{account.name} is assigned to {owner}. Ask its owner or a leader to import this bill."
            refused.append(LineError(0, sub_account, message))
    if refused:
        raise FileRefused(refused)
    new = [
        AccountRow(
            0, sub_account, {"name": name, "timezone": "UTC", "currency": currency, "owner": bill.editor}
        )  # whoever may only change their own accounts adds their own
        for sub_account, name, currency, _other in found
        if sub_account not in stored
    ]
    saved = save_accounts(rows=new, by=bill.by, at=bill.at)
    bill.changes.extend(changes_of(ImportSubject.ACCOUNT, saved.changes))
    return {str(account.external_id): account for account in Account.objects.filter(external_id__in=ids)}, len(new)


def _record(days: Sequence[DailyCost], accounts: Mapping[str, Account], bill: _Bill) -> RecordResult:
    """Record one reading for each daily sum.

    Raises: FileRefused for a sum that is too large, and for an account that takes no readings.
    """
    for key, (name, methodology) in METRICS.items():
        if not Metric.objects.filter(key=key).exists():
            metric = create_metric(
                by=bill.by, key=key, name=name, unit="currency", direction=Direction.DOWN, methodology=methodology
            )
            bill.changes.append(Change(ImportSubject.METRIC, metric.pk))
    rows = (
        ReadingRow(
            index=index,
            customer_id=accounts[day.sub_account].pk,
            metric_key=day.metric,
            value=day.value,
            observed_at=datetime.combine(day.day, END_OF_DAY),
            source=SOURCE,
        )
        for index, day in enumerate(days)
    )
    try:
        recorded = record_readings(rows=rows, by=bill.by, at=bill.at, atomic=True, origin=Origin.SYSTEM)
    except ReadingsRefused as error:
        reasons = {(days[each.index].sub_account, each.detail) for each in error.errors}
        raise FileRefused([LineError(0, sub_account, detail) for sub_account, detail in reasons]) from error
    bill.changes.extend(reading_changes(reading_ids=recorded.reading_ids))
    return recorded


def _goals(cursor: Any, accounts: Mapping[str, Account], bill: _Bill) -> tuple[list[int], int]:
    """Make the goal of each account whose billed cost varies; returns which, and how many could not be made."""
    metric = Metric.objects.get(key=BILLED)
    by_id = {account.pk: str(account.external_id) for account in accounts.values()}
    references = {pk: f"{OBJECTIVE_PREFIX}{sub_account}" for pk, sub_account in by_id.items()}
    existing = set(Objective.objects.filter(external_id__in=references.values()).values_list("external_id", flat=True))
    cursor.execute(_VARYING, {"accounts": list(by_id), "metric": metric.pk, "source": SOURCE})
    rows: list[ObjectiveRow] = []
    refused = 0
    for account_id, observed_at, baseline in cursor.fetchall():
        if references[account_id] in existing:
            continue
        target = round_half_even_6(baseline * TARGET_SHARE)
        if target == baseline:
            refused += 1
            reason = "the baseline is 0" if baseline == 0 else "the rounded target equals the baseline"
            log.info("focus_no_objective", sub_account=by_id[account_id], baseline=str(baseline), reason=reason)
            continue
        fields = {
            "title": TITLE,
            "completion_type": CompletionType.ATTRIBUTE,
            "metric": metric,
            "baseline": baseline,
            "target": target,
            "started_on": observed_at.astimezone(UTC).date(),
            "source": SOURCE,
            "methodology": "Daily sum of BilledCost; the baseline is the first day's.",
        }
        rows.append(ObjectiveRow(0, references[account_id], account_id, None, fields))
    saved = save_objectives(rows=rows, by=bill.by, at=bill.at)
    bill.changes.extend(changes_of(ImportSubject.OBJECTIVE, saved.changes))
    return [row.account_id for row in rows if row.account_id is not None], refused

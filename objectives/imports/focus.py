"""Cloud bills in the FOCUS 1.0 format: daily cost per sub-account, and a goal to cut it by a fifth.

One account per `SubAccountId`; metrics `billed_cost` and `effective_cost`, one reading a day (UTC) and metric. A second
import of the same file changes nothing.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Final

import structlog
from django.db import connection, transaction

from accounts.models import Account
from accounts.services import create_account
from objectives.models import CompletionType, Direction, Metric, Objective
from objectives.services.metrics import create_metric
from objectives.services.objectives import create_objective
from objectives.services.readings import ReadingRow, record_readings
from objectives.services.restatements import rebuild
from valuerealization.common.audit import Actor
from valuerealization.common.numbers import round_half_even_6

log = structlog.get_logger(__name__)

SOURCE: Final = "FOCUS"
TARGET_SHARE: Final = Decimal("0.8")
TITLE: Final = "Cut billed cost by 20%"
END_OF_DAY: Final = time(23, 59, 59, tzinfo=UTC)
MISSING: Final = {"", "NULL"}
COLUMNS: Final = (
    "SubAccountId",
    "SubAccountName",
    "ChargePeriodStart",
    "BillingCurrency",
    "BilledCost",
    "EffectiveCost",
)
METRICS: Final = {
    "billed_cost": ("Billed cost", "Sum of BilledCost of the charges that start on a day (UTC)."),
    "effective_cost": ("Effective cost", "Sum of EffectiveCost of the charges that start on a day (UTC)."),
}
MOST_ERRORS: Final = 100
OBJECTIVE_PREFIX: Final = "focus-billed-cost:"
ID_LIMIT: Final = 128 - len(OBJECTIVE_PREFIX)  # so that the objective's external id holds it whole

_STAGE = """
CREATE TEMPORARY TABLE IF NOT EXISTS focus_charge (
  sub_account text, name text, day date, currency text, billed numeric, effective numeric) ON COMMIT DELETE ROWS
"""

_SUB_ACCOUNTS = "SELECT sub_account, min(name), min(currency), max(currency) FROM focus_charge GROUP BY 1 ORDER BY 1"

# Half even, as domain arithmetic has it for sums; PostgreSQL's own round() goes away from zero.
_DAYS = """
SELECT sub_account, day, key, total,
  CASE WHEN abs(total * 1000000 - trunc(total * 1000000)) = 0.5
    THEN 2 * round(total * 1000000 / 2) / 1000000 ELSE round(total, 6) END::numeric(20, 6)
FROM (
  SELECT sub_account, day, 'billed_cost' AS key, sum(billed) AS total FROM focus_charge GROUP BY 1, 2
  UNION ALL
  SELECT sub_account, day, 'effective_cost', sum(effective) FROM focus_charge GROUP BY 1, 2
) sums ORDER BY sub_account, day, key
"""


class FocusRefused(ValueError):
    """A file was not imported; `errors` holds (line, what is wrong and what to do)."""

    def __init__(self, errors: list[tuple[int, str]]) -> None:
        super().__init__(f"{len(errors)} lines can't be read")
        self.errors = errors


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
    skipped: int
    accounts: int
    accounts_created: int
    readings_created: int
    readings_unchanged: int
    readings_superseded: int
    rounded: int
    objectives_created: int
    objectives_refused: int
    weeks_added: int
    weeks_restated: int


def import_focus(*, path: Path, by: Actor, at: datetime) -> FocusImported:
    """Take in a bill: accounts, daily readings, goals, and the past weeks that follow from them. All or nothing.

    Raises: FocusRefused; OSError when the file can't be read.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        charges, skipped = _stage(cursor, path)
        accounts, created = _accounts(cursor, by)
        cursor.execute(_DAYS)
        days = [DailyCost(*row) for row in cursor.fetchall()]
        rounded = sum(day.total != day.value for day in days)
        if rounded:
            log.info("focus_sums_rounded", count=rounded, decimals=6, mode="half even")
        for key, (name, methodology) in METRICS.items():
            if not Metric.objects.filter(key=key).exists():
                create_metric(
                    by=by,
                    key=key,
                    name=name,
                    unit="currency",
                    direction=Direction.DOWN,
                    methodology=methodology,
                )
        rows = [
            ReadingRow(
                index=index,
                customer_id=accounts[day.sub_account].pk,
                metric_key=day.metric,
                value=day.value,
                observed_at=datetime.combine(day.day, END_OF_DAY),
                source=SOURCE,
            )
            for index, day in enumerate(days)
        ]
        recorded = record_readings(rows=rows, by=by, at=at, atomic=True)
        goals, refused = _objectives(days, accounts, by=by, at=at)
        touched = sorted({*recorded.account_ids, *(goal.account_id for goal in goals)})
        rebuilt = rebuild(account_ids=touched, by=by, reason=f"Imported {path.name}")
    return FocusImported(
        charges=charges,
        skipped=skipped,
        accounts=len(accounts),
        accounts_created=created,
        readings_created=recorded.created,
        readings_unchanged=recorded.unchanged,
        readings_superseded=recorded.superseded,
        rounded=rounded,
        objectives_created=len(goals),
        objectives_refused=refused,
        weeks_added=rebuilt.added,
        weeks_restated=rebuilt.changed,
    )


def _stage(cursor: Any, path: Path) -> tuple[int, int]:
    """Copy the charges into a staging table; returns how many, and how many name no sub-account."""
    cursor.execute(_STAGE)
    cursor.execute("DELETE FROM focus_charge")
    errors: list[tuple[int, str]] = []
    charges = skipped = 0
    with path.open(encoding="utf-8-sig", newline="") as file, cursor.copy("COPY focus_charge FROM STDIN") as copy:
        for line, row in _read(file, errors):
            if row["SubAccountId"] in MISSING:
                skipped += 1
                continue
            charge = _charge(line, row, errors)
            if charge is not None:
                copy.write_row(charge)
                charges += 1
            if len(errors) >= MOST_ERRORS:
                break
    if errors:
        raise FocusRefused(errors)
    if skipped:
        log.warning("focus_charges_without_sub_account", count=skipped)
    return charges, skipped


def _read(file: Any, errors: list[tuple[int, str]]) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield each row with its line number; a file that is no such table is an error of its first line."""
    reader = csv.reader(file, strict=True)
    try:
        header = next(reader, [])
        if missing := [name for name in COLUMNS if header.count(name) != 1]:
            errors.append((1, f"The header needs each of these columns once: {', '.join(missing)}."))
            return
        for cells in reader:
            if len(cells) != len(header):
                errors.append((reader.line_num, f"{len(cells)} cells where the header has {len(header)}."))
                continue
            yield reader.line_num, dict(zip(header, cells, strict=True))
    except csv.Error as error:
        errors.append((reader.line_num, f"This is not CSV as RFC 4180 has it: {error}."))
    except UnicodeDecodeError:
        errors.append((reader.line_num + 1, "The file is not UTF-8: save it as “CSV UTF-8”."))


def _charge(line: int, row: dict[str, str], errors: list[tuple[int, str]]) -> tuple[Any, ...] | None:
    """Read one charge; what can't be read becomes an error of its line."""
    found = len(errors)
    billed, effective = (_cost(line, row, name, errors) for name in ("BilledCost", "EffectiveCost"))
    day = None
    try:
        day = datetime.fromisoformat(row["ChargePeriodStart"])
    except ValueError:
        errors.append((line, f"ChargePeriodStart: “{row['ChargePeriodStart']}” is no time, e.g. 2024-09-18 22:00:00."))
    for name, limit in (("SubAccountId", ID_LIMIT), ("SubAccountName", 200)):
        if len(row[name]) > limit or "\0" in row[name]:
            errors.append((line, f"{name}: at most {limit} characters, none of them NUL."))
    if len(row["BillingCurrency"]) != 3 or not (row["BillingCurrency"].isascii() and row["BillingCurrency"].isupper()):
        errors.append((line, f"BillingCurrency: “{row['BillingCurrency']}” is no ISO 4217 code such as USD."))
    if len(errors) > found or day is None:
        return None
    utc_day = (day if day.tzinfo else day.replace(tzinfo=UTC)).astimezone(UTC).date()
    name = row["SubAccountName"] if row["SubAccountName"] not in MISSING else row["SubAccountId"]
    return row["SubAccountId"], name, utc_day, row["BillingCurrency"], billed, effective


def _cost(line: int, row: dict[str, str], name: str, errors: list[tuple[int, str]]) -> Decimal:
    text = row[name]
    if text in MISSING:
        return Decimal(0)
    try:
        cost = Decimal(text) if text.isascii() else Decimal("NaN")
    except InvalidOperation:
        cost = Decimal("NaN")
    if not cost.is_finite() or abs(cost) >= Decimal(10) ** 14:
        errors.append((line, f"{name}: “{text[:40]}” is no amount, e.g. 12.50."))
        return Decimal(0)
    return cost


def _accounts(cursor: Any, by: Actor) -> tuple[dict[str, Account], int]:
    """Find or make the account of each sub-account; returns them by id, and how many are new."""
    cursor.execute(_SUB_ACCOUNTS)
    found = cursor.fetchall()
    if mixed := [sub_account for sub_account, _, first, last in found if first != last]:
        raise FocusRefused([(1, f"Sub-account {mixed[0]} is billed in several currencies: import one file for each.")])
    ids = [sub_account for sub_account, *_ in found]
    accounts = {str(a.external_id): a for a in Account.objects.filter(external_id__in=ids)}
    created = 0
    for sub_account, name, currency, _ in found:
        account = accounts.get(sub_account)
        if account is None:
            accounts[sub_account] = create_account(
                by=by, external_id=sub_account, name=name, timezone="UTC", currency=currency
            )
            created += 1
        elif account.currency != currency:
            raise FocusRefused([(1, f"Sub-account {sub_account} is billed in {currency}, its account in another.")])
    return accounts, created


def _objectives(
    days: list[DailyCost], accounts: dict[str, Account], *, by: Actor, at: datetime
) -> tuple[list[Objective], int]:
    """Make the goal of each account whose billed cost varies; returns the new ones, and how many could not be made."""
    metric = Metric.objects.get(key="billed_cost")
    billed: dict[str, list[DailyCost]] = {}
    for day in days:
        if day.metric == metric.key:
            billed.setdefault(day.sub_account, []).append(day)
    references = {sub_account: f"{OBJECTIVE_PREFIX}{sub_account}" for sub_account in billed}
    existing = set(Objective.objects.filter(external_id__in=references.values()).values_list("external_id", flat=True))
    made: list[Objective] = []
    refused = 0
    for sub_account, costs in billed.items():
        if len({cost.value for cost in costs}) < 2 or references[sub_account] in existing:
            continue
        first = costs[0]
        target = round_half_even_6(first.value * TARGET_SHARE)
        if target == first.value:
            refused += 1
            reason = "the baseline is 0" if first.value == 0 else "the rounded target equals the baseline"
            log.info("focus_no_objective", sub_account=sub_account, baseline=str(first.value), reason=reason)
            continue
        made.append(
            create_objective(
                account=accounts[sub_account],
                by=by,
                at=at,
                is_history=True,
                title=TITLE,
                completion_type=CompletionType.ATTRIBUTE,
                metric=metric,
                baseline=first.value,
                target=target,
                started_on=first.day,
                external_id=references[sub_account],
                source=SOURCE,
                methodology="Daily sum of BilledCost; the baseline is the first day's.",
            )
        )
    return made, refused

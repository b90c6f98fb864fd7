"""Custom attributes of accounts with their values: stored ones, and numbers as the latest readings of their metrics."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from django.db import connection

from accounts.attributes import Kind, show_value
from accounts.models import Account, Attribute
from objectives.models import Metric
from valuerealization.common.units import format_day, format_value

Value = str | bool | Decimal | None

_NUMBERS = """
SELECT a.id, m.key, r.value
FROM unnest(%s::bigint[]) AS a (id)
CROSS JOIN objectives_metric m
CROSS JOIN LATERAL (
  SELECT value FROM objectives_reading
  WHERE account_id = a.id AND metric_id = m.id ORDER BY observed_at DESC, recorded_at DESC, id DESC LIMIT 1
) r
WHERE m.key IN (SELECT key FROM accounts_attribute WHERE type = 'number' AND archived_at IS NULL)
"""

# Each attribute in use, a number once for each account that has it.
_VALUES = """
SELECT t.key, t.type = 'number', n.account_id, n.value
FROM accounts_attribute t
LEFT JOIN LATERAL (
  SELECT a.id AS account_id, r.value
  FROM unnest(%s::bigint[]) AS a (id)
  JOIN objectives_metric m ON m.key = t.key
  CROSS JOIN LATERAL (
    SELECT value FROM objectives_reading
    WHERE account_id = a.id AND metric_id = m.id ORDER BY observed_at DESC, recorded_at DESC, id DESC LIMIT 1
  ) r
  WHERE t.type = 'number'
) n ON true
WHERE t.archived_at IS NULL
ORDER BY t.position, t.name, t.id
"""


@dataclass(frozen=True, slots=True)
class AttributeLine:
    """One attribute of an account, as its page shows it; `shown` is empty without a value."""

    key: str
    name: str
    help_text: str
    value: Value
    shown: str


def number_values(account_ids: Iterable[int]) -> dict[int, dict[str, Decimal]]:
    """Read the number attributes of accounts, by account and key: one query."""
    found: dict[int, dict[str, Decimal]] = {}
    with connection.cursor() as cursor:
        cursor.execute(_NUMBERS, [list(account_ids)])
        for account_id, key, value in cursor.fetchall():
            found.setdefault(account_id, {})[key] = value
    return found


def attribute_values(accounts: Iterable[Account]) -> dict[int, dict[str, Value]]:
    """Read the values that accounts have of the attributes in use, by id and key, in their order: one query."""
    given = {account.pk: account for account in accounts}
    found: dict[int, dict[str, Value]] = {pk: {} for pk in given}
    with connection.cursor() as cursor:
        cursor.execute(_VALUES, [list(given)])
        for key, is_number, account_id, value in cursor.fetchall():
            if account_id is not None:
                found[account_id][key] = value
            elif not is_number:
                for pk, account in given.items():
                    if key in account.attributes:
                        found[pk][key] = account.attributes[key]
    return found


def attribute_lines(*, account: Account, today: date) -> tuple[AttributeLine, ...]:
    """Read every attribute in use with the account's value of it: three queries at most, one when there is none."""
    attributes = list(Attribute.objects.active().in_order())
    keys = [each.key for each in attributes if each.is_number]
    numbers = number_values([account.pk]).get(account.pk, {}) if keys else {}
    metrics = Metric.objects.in_bulk(keys, field_name="key") if keys else {}
    return tuple(_line(each, account, numbers, metrics, today=today) for each in attributes)


def _line(
    attribute: Attribute,
    account: Account,
    numbers: Mapping[str, Decimal],
    metrics: Mapping[str, Metric],
    *,
    today: date,
) -> AttributeLine:
    value: Any = numbers.get(attribute.key) if attribute.is_number else account.attributes.get(attribute.key)
    shown = ""
    if isinstance(value, Decimal):
        metric = metrics.get(attribute.key)
        unit, label = (metric.unit, metric.unit_label) if metric else ("", "")
        shown = format_value(value, unit=unit, unit_label=label, currency=account.currency)
    elif value is not None:
        is_day = attribute.type == Kind.DATE
        shown = format_day(date.fromisoformat(value), today, with_year=True) if is_day else show_value(value)
    return AttributeLine(attribute.key, attribute.name, attribute.help_text, value, shown)

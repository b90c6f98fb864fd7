"""Custom attributes whose values are numbers: defined together with their metric, recorded as its readings."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.db import transaction

from accounts.models import Account, Attribute, AttributeType
from accounts.services.accounts import AccountRefused, update_account
from accounts.services.attributes import PREFIX, AttributeDefinitionRefused, create_attribute, definitions
from objectives.models import Metric
from objectives.queries.attributes import number_values
from objectives.services.metrics import MetricRefused, create_metric
from objectives.services.readings import ReadingRow, ReadingsRefused, record_readings
from valuerealization.common.audit import Actor
from valuerealization.common.numbers import NumberRefused, parse_decimal

SOURCE: Final = "attribute"
STAYS: Final = "A number that has been recorded can't be taken away. Give the one that is true now."


@dataclass(frozen=True, slots=True)
class NumberRow:
    """A number given for an account's attribute; `index` names its row in errors."""

    index: int
    account_id: int
    key: str
    value: Decimal


def define_attribute(*, by: Actor, unit: str = "", **fields: Any) -> Attribute:
    """Define an attribute; one of numbers gets its metric, or takes over the metric that has its key.

    Raises: AttributeDefinitionRefused with the reasons by field.
    """
    with transaction.atomic():
        attribute = create_attribute(by=by, **fields)
        if attribute.type == AttributeType.NUMBER and not Metric.objects.filter(key=attribute.key).exists():
            try:
                create_metric(by=by, key=attribute.key, name=attribute.name, unit=unit)
            except MetricRefused as refused:
                reasons = {
                    name if name in ("key", "name") else "key": errors for name, errors in refused.error_dict.items()
                }
                raise AttributeDefinitionRefused(reasons) from refused
    return attribute


def save_attributes(*, account: Account, by: Actor, at: datetime, values: Mapping[str, Any], **fields: Any) -> Account:
    """Save attributes of an account of whatever type, with other fields of it: all or nothing.

    Shape:  values by key, None takes one away; a number that is the latest already is not recorded again.
    Raises: AccountRefused with the reasons by field, those of attributes as `attributes.<key>`.
    """
    numbers, others, errors = split_numbers(values=values)
    with transaction.atomic():
        try:
            saved = update_account(account=account, by=by, at=at, attributes=others, **fields)
        except AccountRefused as refused:
            raise AccountRefused({**refused.error_dict, **errors}) from refused
        stored = number_values([saved.pk]).get(saved.pk, {}) if numbers else {}
        errors |= {
            f"{PREFIX}{key}": ValidationError(STAYS, code="number_stays")
            for key, number in numbers.items()
            if number is None and key in stored
        }
        if errors:
            raise AccountRefused(dict(errors))
        rows = [
            NumberRow(index, saved.pk, key, value)
            for index, (key, value) in enumerate(numbers.items())
            if value is not None
        ]
        try:
            record_numbers(rows=rows, by=by, at=at)
        except ReadingsRefused as refused:
            reasons = {
                f"{PREFIX}{rows[error.index].key}": ValidationError(error.detail, code=error.code)
                for error in refused.errors
            }
            raise AccountRefused(dict(reasons)) from refused
    return saved


def record_numbers(*, rows: Iterable[NumberRow], by: Actor, at: datetime) -> frozenset[int]:
    """Record numbers of attributes that differ from the latest reading; returns the accounts that have a new one.

    Raises: ReadingsRefused, and nothing is recorded.
    """
    given = list(rows)
    stored = number_values({row.account_id for row in given}) if given else {}
    new = [row for row in given if stored.get(row.account_id, {}).get(row.key) != row.value]
    if not new:
        return frozenset()
    result = record_readings(
        rows=[
            ReadingRow(index=row.index, value=row.value, customer_id=row.account_id, metric_key=row.key, source=SOURCE)
            for row in new
        ],
        by=by, at=at, atomic=True,
    )  # fmt: skip
    return frozenset(result.account_ids)


def split_numbers(
    *, values: Mapping[str, Any]
) -> tuple[dict[str, Decimal | None], dict[str, Any], dict[str, ValidationError]]:
    """Tell numbers from values that accounts store: numbers read, the others as given, and what is wrong by field."""
    known = definitions() if values else {}
    numbers: dict[str, Decimal | None] = {}
    others: dict[str, Any] = {}
    errors: dict[str, ValidationError] = {}
    for key, value in values.items():
        if key not in known or not known[key].is_number:
            others[key] = value
        elif value is None or value == "":
            numbers[key] = None
        else:
            try:
                numbers[key] = parse_decimal(value)
            except NumberRefused as error:
                errors[f"{PREFIX}{key}"] = ValidationError(error.message, code=error.code)
    return numbers, others, errors

"""Custom attributes whose values are numbers: defined together with their metric, recorded as its readings."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.db import transaction

from accounts.models import Account, Attribute, AttributeType
from accounts.services.accounts import (
    AccountRefused,
    AccountRow,
    AccountRowsRefused,
    SavedRows,
    create_account,
    save_accounts,
    update_account,
)
from accounts.services.attributes import PREFIX, AttributeDefinitionRefused, create_attribute, definitions
from objectives.models import Metric
from objectives.queries.attributes import number_values
from objectives.services.metrics import MetricRefused, create_metric
from objectives.services.readings import ReadingRow, ReadingsRefused, RecordResult, record_readings
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


def add_account(*, by: Actor, at: datetime, values: Mapping[str, Any], **fields: Any) -> Account:
    """Add an account with attributes of whatever type: all or nothing.

    Raises: AccountRefused with the reasons by field, those of attributes as `attributes.<key>`.
    """
    numbers, others, errors = split_numbers(values=values, known=definitions() if values else {})
    with transaction.atomic():
        try:
            saved = create_account(by=by, attributes=others, **fields)
        except AccountRefused as refused:
            raise AccountRefused({**refused.error_dict, **errors}) from refused
        _record(saved, numbers, errors, by=by, at=at)
    return saved


def save_attributes(*, account: Account, by: Actor, at: datetime, values: Mapping[str, Any], **fields: Any) -> Account:
    """Save attributes of an account of whatever type, with other fields of it: all or nothing.

    Shape:  values by key, None takes one away; a number that is the latest already is not recorded again.
    Raises: AccountRefused with the reasons by field, those of attributes as `attributes.<key>`.
    """
    numbers, others, errors = split_numbers(values=values, known=definitions() if values else {})
    with transaction.atomic():
        try:
            saved = update_account(account=account, by=by, at=at, attributes=others, **fields)
        except AccountRefused as refused:
            raise AccountRefused({**refused.error_dict, **errors}) from refused
        _record(saved, numbers, errors, by=by, at=at)
    return saved


def save_account_rows(*, rows: Sequence[AccountRow], by: Actor, at: datetime) -> SavedRows:
    """Add or change many accounts with attributes of whatever type, in a handful of statements; all or none.

    Shape:  an account that only has a new number counts as changed; a number that is None stays what it is.
    Raises: AccountRowsRefused with every reason.
    """
    known = definitions() if any(row.fields.get("attributes") for row in rows) else {}
    errors: list[tuple[int, str, str]] = []
    numbers: list[tuple[AccountRow, str, Decimal]] = []
    others: list[AccountRow] = []
    for row in rows:
        mine, rest, refused = split_numbers(values=row.fields.get("attributes", {}), known=known)
        errors += [(row.index, name, reason.messages[0]) for name, reason in refused.items()]
        numbers += [(row, key, value) for key, value in mine.items() if value is not None]
        others.append(replace(row, fields={**row.fields, "attributes": rest}) if rest or mine else row)
    with transaction.atomic():
        try:
            saved = save_accounts(rows=others, by=by, at=at)
        except AccountRowsRefused as error:
            raise AccountRowsRefused([*error.errors, *errors]) from error
        if errors:
            raise AccountRowsRefused(errors)
        return _record_rows(saved, numbers, by=by, at=at) if numbers else saved


def _record_rows(
    saved: SavedRows, numbers: Sequence[tuple[AccountRow, str, Decimal]], *, by: Actor, at: datetime
) -> SavedRows:
    """Record the numbers that came with rows, and count the accounts that only they changed."""
    named = {row.external_id for row, _key, _value in numbers}
    found = Account.objects.filter(external_id__in=named).values_list("external_id", "pk")
    ids = {str(external_id): pk for external_id, pk in found}
    rows = [NumberRow(place, ids[row.external_id], key, value) for place, (row, key, value) in enumerate(numbers)]
    try:
        recorded = record_numbers(rows=rows, by=by, at=at)
    except ReadingsRefused as refused:
        places = [(numbers[each.index][0].index, numbers[each.index][1], each.detail) for each in refused.errors]
        raise AccountRowsRefused([(index, f"{PREFIX}{key}", why) for index, key, why in places]) from refused
    of = {pk: external_id for external_id, pk in ids.items()}
    more = frozenset(of[pk] for pk in recorded.account_ids) - saved.touched
    return replace(
        saved, updated=saved.updated + len(more), unchanged=saved.unchanged - len(more), touched=saved.touched | more,
        reading_ids=recorded.reading_ids,
    )  # fmt: skip


def _record(
    account: Account, numbers: Mapping[str, Decimal | None], errors: dict[str, ValidationError], *, by: Actor,
    at: datetime,
) -> None:  # fmt: skip
    """Record the numbers of one account, unless something is wrong with it.

    Raises: AccountRefused.
    """
    stored = number_values([account.pk]).get(account.pk, {}) if numbers else {}
    errors |= {
        f"{PREFIX}{key}": ValidationError(STAYS, code="number_stays")
        for key, number in numbers.items()
        if number is None and key in stored
    }
    if errors:
        raise AccountRefused(dict(errors))
    rows = [
        NumberRow(index, account.pk, key, value)
        for index, (key, value) in enumerate(numbers.items())
        if value is not None
    ]
    try:
        record_numbers(rows=rows, by=by, at=at)
    except ReadingsRefused as refused:
        keys = {row.index: row.key for row in rows}
        reasons = {
            f"{PREFIX}{keys[error.index]}": ValidationError(error.detail, code=error.code) for error in refused.errors
        }
        raise AccountRefused(dict(reasons)) from refused


def record_numbers(*, rows: Iterable[NumberRow], by: Actor, at: datetime) -> RecordResult:
    """Record numbers of attributes that differ from the latest reading.

    Raises: ReadingsRefused, and nothing is recorded.
    """
    given = list(rows)
    stored = number_values({row.account_id for row in given}) if given else {}
    new = [row for row in given if stored.get(row.account_id, {}).get(row.key) != row.value]
    if not new:
        return RecordResult()
    return record_readings(
        rows=[
            ReadingRow(index=row.index, value=row.value, customer_id=row.account_id, metric_key=row.key, source=SOURCE)
            for row in new
        ],
        by=by, at=at, atomic=True,
    )  # fmt: skip


def split_numbers(
    *, values: Mapping[str, Any], known: Mapping[str, Attribute]
) -> tuple[dict[str, Decimal | None], dict[str, Any], dict[str, ValidationError]]:
    """Tell numbers from values that accounts store: numbers read, the others as given, and what is wrong by field."""
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

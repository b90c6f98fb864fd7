"""Read rows of readings as they come: strictly, every error of a row at once, without a serializer's cost."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from objectives.models import Confidence
from objectives.services.readings import ReadingRow, RowError
from valuerealization.common.api import values
from valuerealization.common.api.problems import InvalidJson
from valuerealization.common.api.values import ValueRefused

_MISSING: Final = object()
_LONG_TEXT: Final = 10_000

_READERS: Final[dict[str, Callable[[Any], Any]]] = {
    "customer": values.read_reference,
    "metric": lambda value: values.read_text(value, longest=64),
    "objective": values.read_reference,
    "value": values.read_decimal,
    "observed_at": values.read_instant,
    "source": lambda value: values.read_text(value, longest=120),
    "confidence": lambda value: values.read_choice(value, Confidence.values),
    "note": lambda value: values.read_text(value, longest=_LONG_TEXT, is_multiline=True),
    "external_id": values.read_external_id,
}
_SUBJECT: Final = frozenset({"customer", "metric", "objective"})
_NULLABLE: Final = frozenset({"metric", "objective", "external_id"})
_READ_ONLY: Final = frozenset({"id", "created_at", "updated_at", "recorded_at", "superseded"})


@dataclass(slots=True)
class Batch:
    """Rows that can be recorded, and why the others can't."""

    rows: list[ReadingRow] = field(default_factory=list)
    errors: list[RowError] = field(default_factory=list)


def read_rows(given: Iterable[Any], *, objective_id: int | None = None) -> Batch:
    """Read rows; with `objective_id` they are all of that objective and name no subject themselves."""
    batch = Batch()
    for index, raw in enumerate(given):
        errors, read = _read(index, raw, has_subject=objective_id is not None)
        if errors:
            batch.errors += errors
        else:
            batch.rows.append(_row(index, read, objective_id))
    return batch


def _read(index: int, raw: Any, *, has_subject: bool) -> tuple[list[RowError], dict[str, Any]]:
    if isinstance(raw, InvalidJson):
        return [RowError(index, "", str(raw.code), str(raw.detail))], {}
    if not isinstance(raw, Mapping):
        return [RowError(index, "", "not_an_object", "Give a JSON object.")], {}
    errors: list[RowError] = []
    read: dict[str, Any] = {}
    for name, value in raw.items():
        reader = None if has_subject and name in _SUBJECT else _READERS.get(name)
        try:
            if reader is None:
                raise _unknown(name)
            if value is None:
                if name not in _NULLABLE:
                    raise ValueRefused("null", "This field may not be null.")
                continue
            read[name] = reader(value)
        except ValueRefused as error:
            errors.append(RowError(index, name, error.code, error.detail))
    errors += [
        RowError(index, name, code, detail) for name, code, detail in _missing(raw, read, has_subject=has_subject)
    ]
    return errors, read


def _unknown(name: str) -> ValueRefused:
    if name in _READ_ONLY:
        return ValueRefused("read_only", "This field can only be read.")
    return ValueRefused("unknown_field", "There is no such field.")


def _missing(raw: Mapping[str, Any], read: Mapping[str, Any], *, has_subject: bool) -> Iterable[tuple[str, str, str]]:
    if "value" not in raw:
        yield "value", "required", "This field is required."
    if has_subject:
        return
    if raw.get("objective") is not None:
        if raw.get("metric") is not None:
            yield "metric", "one_subject", "A reading is of a metric or of an objective, not of both."
        return
    if raw.get("customer") is None and "customer" not in read and "customer" not in raw:
        yield "customer", "required", "Name customer and metric, or an objective."
    if not raw.get("metric"):
        yield "metric", "required", "Name customer and metric, or an objective."


def _row(index: int, read: Mapping[str, Any], objective_id: int | None) -> ReadingRow:
    customer, objective = read.get("customer"), read.get("objective", objective_id)
    return ReadingRow(
        index=index,
        value=read["value"],
        customer_id=customer if isinstance(customer, int) else None,
        customer_external_id=customer if isinstance(customer, str) else None,
        metric_key=read.get("metric"),
        objective_id=objective if isinstance(objective, int) else None,
        objective_external_id=objective if isinstance(objective, str) else None,
        observed_at=read.get("observed_at"),
        source=read.get("source", ""),
        confidence=read.get("confidence", Confidence.HIGH.value),
        note=read.get("note", ""),
        external_id=read.get("external_id", ""),
    )

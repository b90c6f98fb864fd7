"""Metrics from a file, found by their key."""

from typing import Any, Final

from objectives.imports import cells
from objectives.imports.report import Import, Saved, unique_rows
from objectives.models import Direction, Kind, Metric
from objectives.services.metrics import FIELDS, MetricRefused, create_metric, update_metric
from valuerealization.common.units import Unit

COLUMNS: Final[dict[str, cells.Reader]] = {
    "key": cells.line_of_text(64),
    "name": cells.line_of_text(120),
    "unit": cells.choice(list(Unit)),
    "unit_label": cells.line_of_text(24),
    "direction": cells.choice(Direction.values),
    "kind": cells.choice(Kind.values),
    "methodology": cells.paragraphs,
    "formula": cells.paragraphs,
}
REQUIRED: Final = ("key",)

_NEVER_EMPTY: Final = ("name", "direction", "kind")


def save(running: Import) -> Saved:
    """Save every row, or none.

    Raises: FileRefused.
    """
    rows = unique_rows(running, lambda row: cells.read_cells(row, COLUMNS), key="key")
    stored = Metric.objects.in_bulk([values["key"] for _line, values in rows], field_name="key")
    created = changed = 0
    for line, values in rows:
        metric = stored.get(values["key"])
        if metric is None and not values.get("name"):
            running.refuse(line, "name", "Give the name of the new metric.")
            continue
        try:
            if metric is None:
                create_metric(by=running.by, **_fields(values))
                created += 1
            else:
                changed += _change(running, metric, values)
        except MetricRefused as error:
            for name, messages in error.message_dict.items():
                running.refuse(line, name, " ".join(messages))
    running.check()
    return Saved(len(rows), created, changed, len(rows) - created - changed)


def _change(running: Import, metric: Metric, values: dict[str, Any]) -> bool:
    after = update_metric(metric=metric, by=running.by, at=running.at, **_fields(values))
    return any(getattr(after, name) != getattr(metric, name) for name in FIELDS)


def _fields(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value or "" for name, value in values.items() if value is not None or name not in _NEVER_EMPTY}

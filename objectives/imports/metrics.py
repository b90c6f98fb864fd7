"""Metrics from a file, found by their key."""

from typing import Any, Final

from objectives.cadence import Cadence
from objectives.imports import cells
from objectives.imports.report import Import, Saved, unique_rows
from objectives.models import Direction, ImportSubject, Kind, Metric, Objective
from objectives.services.batches import Change
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
    "cadence": cells.choice([cadence.value for cadence in Cadence]),
    "measured_by": cells.line_of_text(120),
    "validated_by": cells.line_of_text(120),
    "reported_by": cells.line_of_text(120),
}
REQUIRED: Final = ("key",)
SYNONYMS: Final = {
    "key": ("metric", "metric key", "metric id", "code"),
    "name": ("metric name", "title", "label"),
    "unit": ("unit of measure", "uom"),
    "unit_label": ("label of unit", "custom unit"),
    "direction": ("good direction", "polarity"),
    "kind": ("type", "metric type", "category"),
    "methodology": ("method", "definition", "description", "how it is measured"),
    "formula": ("calculation", "expression"),
    "cadence": ("frequency", "how often", "expected", "interval"),
    "measured_by": ("who measures", "measurer", "measured"),
    "validated_by": ("who validates", "validator", "validated"),
    "reported_by": ("who reports", "reporter", "reported"),
}

_NEVER_EMPTY: Final = ("name", "direction", "kind")


def save(running: Import) -> Saved:
    """Save every good row, and note what is wrong with the others."""
    rows = running.good(unique_rows(running, lambda row: cells.read_cells(row, COLUMNS), key="key"))
    stored = Metric.objects.in_bulk([values["key"] for _line, values in rows], field_name="key")
    created = changed = 0
    for line, values in rows:
        metric = stored.get(values["key"])
        if metric is None and not values.get("name"):
            running.refuse(line, "name", "Give the name of the new metric.")
            continue
        try:
            if metric is None:
                made = create_metric(by=running.by, **_fields(values))
                running.changes.append(Change(ImportSubject.METRIC, made.pk))
                created += 1
            else:
                changed += _change(running, line, metric, values)
        except MetricRefused as error:
            for name, messages in error.message_dict.items():
                running.refuse(line, name, " ".join(messages))
    good = len(running.good(rows))
    return Saved(good, created, changed, good - created - changed)


def _change(running: Import, line: int, metric: Metric, values: dict[str, Any]) -> bool:
    fields = _fields(values)
    if running.editor is not None and any(getattr(metric, name) != value for name, value in fields.items()):
        message = f"“{metric.name}” is one metric for all accounts. Ask a leader to change it."
        running.refuse(line, "key", message)
        return False
    before = {name: getattr(metric, name) for name in (*FIELDS, "version")}
    follows = "kind" in fields and fields["kind"] != metric.kind
    goals = _goals(metric) if follows else {}
    after = update_metric(metric=metric, by=running.by, at=running.at, **fields)
    changes = {name: [value, getattr(after, name)] for name, value in before.items() if getattr(after, name) != value}
    if changes:
        running.changes.append(Change(ImportSubject.METRIC, metric.pk, changes))
    if follows:
        for pk, now in _goals(metric).items():
            done = {name: [goals[pk][name], value] for name, value in now.items() if goals[pk][name] != value}
            if done:
                running.changes.append(Change(ImportSubject.OBJECTIVE, pk, done))
    return bool(changes)


def _goals(metric: Metric) -> dict[int, dict[str, Any]]:
    """Note what a changed kind of the metric revises."""
    found = Objective.objects.filter(metric=metric)
    return {
        goal.pk: {"kind": goal.kind, "revision": goal.revision, "revised_at": goal.revised_at.isoformat()}
        for goal in found
    }


def _fields(values: dict[str, Any]) -> dict[str, Any]:
    fields = {name: value or "" for name, value in values.items() if value is not None or name not in _NEVER_EMPTY}
    if fields.get("cadence") == "":
        fields["cadence"] = Cadence.NONE.value
    return fields

"""Objectives from a file, found by their external id."""

from typing import Any, Final

from accounts.models import Account, User
from objectives.imports import cells
from objectives.imports.report import Import, Saved, people, unique_rows
from objectives.models import CompletionType, Metric, Objective
from objectives.services.bulk import ObjectiveRow, ObjectiveRowsRefused, save_objectives
from valuerealization.common.units import Unit

COLUMNS: Final[dict[str, cells.Reader]] = {
    "external_id": cells.external_id,
    "customer": cells.reference,
    "title": cells.line_of_text(200),
    "details": cells.paragraphs,
    "completion_type": cells.choice(CompletionType.values),
    "done": cells.flag,
    "baseline": cells.number,
    "current": cells.number,
    "target": cells.number,
    "unit": cells.choice(list(Unit)),
    "unit_label": cells.line_of_text(24),
    "metric": cells.line_of_text(64),
    "weight": cells.number,
    "owner": cells.line_of_text(254),
    "started_on": cells.day,
    "due_on": cells.day,
    "show_in_portal": cells.flag,
}
REQUIRED: Final = ("external_id",)

_NEEDED_BY_NEW: Final = {
    "customer": "Name the customer of the new objective by its external id.",
    "title": "Give the title of the new objective.",
    "completion_type": "Say how the new objective is measured: value, attribute or manual.",
}
# An empty cell leaves these as they are, or at their defaults.
_NEVER_EMPTY: Final = ("title", "completion_type", "done", "weight", "started_on", "show_in_portal")
_TEXTS: Final = ("details", "unit", "unit_label")
_ELSEWHERE: Final = ("external_id", "customer", "current", "owner", "metric")


def save(running: Import) -> Saved:
    """Save every row, or none; a number in `current` that has changed is a reading observed now.

    Raises: FileRefused.
    """
    rows = unique_rows(running, lambda row: cells.read_cells(row, COLUMNS), key="external_id")
    owners = people(running, rows)
    customers = _customers(running, rows)
    metrics = _metrics(running, rows)
    ids = [values["external_id"] for _line, values in rows]
    stored = {
        str(each.external_id): each
        for each in Objective.objects.filter(external_id__in=ids).select_related("owner", "metric")
    }
    for line, values in rows:
        _check(running, line, values, stored.get(values["external_id"]), owners, metrics)
    running.check()
    try:
        saved = save_objectives(
            rows=[_row(line, values, customers, owners, metrics) for line, values in rows],
            by=running.by,
            at=running.at,
        )
    except ObjectiveRowsRefused as error:
        for each in error.errors:
            running.refuse(each.index, "current" if each.field == "objective" else each.field, each.detail)
        running.check()
        raise
    return Saved(len(rows), saved.created, saved.updated, saved.unchanged)


def _customers(running: Import, rows: list[tuple[int, dict[str, Any]]]) -> dict[str, int]:
    named = [(line, values["customer"]) for line, values in rows if values.get("customer")]
    found = Account.objects.filter(external_id__in={name for _line, name in named})
    customers = {str(external_id): pk for external_id, pk in found.values_list("external_id", "pk")}
    for line, name in named:
        if name not in customers:
            running.refuse(line, "customer", f"There is no customer with the external id {name}.")
    return customers


def _metrics(running: Import, rows: list[tuple[int, dict[str, Any]]]) -> dict[str, Metric]:
    named = [(line, values["metric"]) for line, values in rows if values.get("metric")]
    metrics = Metric.objects.in_bulk({key for _line, key in named}, field_name="key")
    for line, key in named:
        if key not in metrics:
            running.refuse(line, "metric", f"There is no metric with the key {key}.")
    return metrics


def _check(
    running: Import,
    line: int,
    values: dict[str, Any],
    stored: Objective | None,
    owners: dict[str, User],
    metrics: dict[str, Metric],
) -> None:
    """Refuse what a row lacks, or what would be dropped."""
    if stored is None:
        for name, message in _NEEDED_BY_NEW.items():
            if not values.get(name):
                running.refuse(line, name, message)
    owner = owners.get((values.get("owner") or "").lower())
    if owner and not owner.is_active and (stored is None or stored.owner_id != owner.pk):
        running.refuse(line, "owner", f"{owner.name} has left the team. Name somebody else.")
    metric = metrics.get(values["metric"] or "") if "metric" in values else stored.metric if stored else None
    unit = values.get("unit", stored.unit if stored else "")
    if values.get("unit_label") and (unit or (metric.unit if metric else "")) != Unit.CUSTOM:
        running.refuse(line, "unit_label", "Only the unit custom has a label. Leave this empty.")


def _row(
    line: int, values: dict[str, Any], customers: dict[str, int], owners: dict[str, User], metrics: dict[str, Metric]
) -> ObjectiveRow:
    fields = {
        name: value or "" if name in _TEXTS else value
        for name, value in values.items()
        if name not in _ELSEWHERE and (value is not None or name not in _NEVER_EMPTY)
    }
    if "owner" in values:
        fields["owner"] = owners.get((values["owner"] or "").lower())
    if "metric" in values:
        fields["metric"] = metrics.get(values["metric"] or "")
    return ObjectiveRow(
        index=line,
        external_id=values["external_id"],
        account_id=customers.get(values.get("customer") or ""),
        current=values.get("current"),
        fields=fields,
    )

"""Objectives from a file, found by their external id."""

from typing import Any, Final

from accounts.models import Account, User
from objectives.imports import cells
from objectives.imports.report import Import, Line, Saved, changes_of, people, unique_rows
from objectives.imports.tables import LineError
from objectives.models import CompletionType, ImportSubject, Metric, Objective
from objectives.services.batches import reading_changes
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
SYNONYMS: Final = {
    "external_id": ("id", "objective id", "goal id"),
    "customer": ("account", "account id", "customer id", "company", "company id"),
    "title": ("objective", "goal", "name", "objective name", "goal name"),
    "details": ("description", "notes"),
    "completion_type": ("type", "measured by"),
    "done": ("completed", "is done"),
    "baseline": ("start", "start value", "from", "starting point"),
    "current": ("current value", "now", "actual", "latest"),
    "target": ("goal value", "target value", "to"),
    "unit": ("unit of measure", "uom"),
    "unit_label": ("custom unit",),
    "metric": ("metric key", "kpi"),
    "weight": ("importance", "weighting"),
    "owner": ("owner email", "responsible", "csm"),
    "started_on": ("start date", "started", "baseline date"),
    "due_on": ("due date", "due", "target date", "deadline"),
    "show_in_portal": ("shared", "portal", "visible to customer", "share with customer"),
}

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
    """Save every good row, and note what is wrong with the others; a `current` that has changed is a reading now."""
    rows = unique_rows(running, lambda row: cells.read_cells(row, COLUMNS), key="external_id")
    owners = people(running, rows)
    customers = _customers(running, rows)
    metrics = _metrics(running, rows)
    ids = [values["external_id"] for _line, values in rows]
    objectives = Objective.objects.filter(external_id__in=ids)
    stored = {str(each.external_id): each for each in objectives.select_related("account__owner", "owner", "metric")}
    for line, values in rows:
        goal = stored.get(values["external_id"])
        is_named = goal is not None and customers.get(values.get("customer") or "") == goal.account_id
        if goal is None or is_named or running.may_change(line, "external_id", goal.account):
            _check(running, line, values, goal, owners, metrics)
    saved, count = running.save_good(
        rows,
        lambda good: save_objectives(
            rows=[_row(line, values, customers, owners, metrics) for line, values in good],
            by=running.by,
            at=running.at,
        ),
        ObjectiveRowsRefused,
        lambda error: [
            LineError(each.index, "current" if each.field == "objective" else each.field, each.detail)
            for each in error.errors
        ],
    )
    running.changes.extend(changes_of(ImportSubject.OBJECTIVE, saved.changes))
    running.changes.extend(reading_changes(reading_ids=saved.reading_ids))
    return Saved(count, saved.created, saved.updated, saved.unchanged)


def _customers(running: Import, rows: list[Line]) -> dict[str, int]:
    named = [(line, values["customer"]) for line, values in rows if values.get("customer")]
    accounts = Account.objects.filter(external_id__in={name for _line, name in named}).select_related("owner")
    found = {str(account.external_id): account for account in accounts}
    for line, name in named:
        if name not in found:
            running.refuse(line, "customer", f"There is no customer with the external id {name}.")
        else:
            running.may_change(line, "customer", found[name])
    return {name: account.pk for name, account in found.items()}


def _metrics(running: Import, rows: list[Line]) -> dict[str, Metric]:
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

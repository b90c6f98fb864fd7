"""Create, change, archive and restore objectives; every change of a definition is a revision."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction

from accounts.models import Account
from objectives.definitions import Draft, Refusal, refusals
from objectives.models import CompletionType, Kind, Metric, Objective, ObjectiveRevision, Reading
from objectives.services.readings import ReadingRow, ReadingsRefused, record_readings
from objectives.services.standings import follow_readings, refresh_standings
from objectives.weeks import local_day
from valuerealization.common import audit
from valuerealization.common.audit import Actor

# What a person or an integrator writes; `current` is not among them: a number typed there is a reading.
FIELDS = (
    "title", "details", "completion_type", "baseline", "target", "unit", "unit_label", "metric", "weight", "owner",
    "started_on", "due_on", "show_in_portal", "external_id", "methodology", "source", "done",
    "cadence", "measured_by", "validated_by", "reported_by",
)  # fmt: skip


class ObjectiveRefused(ValueError):
    """An objective was not saved; `refusals` names each field and says why."""

    def __init__(self, reasons: Sequence[Refusal]) -> None:
        super().__init__("; ".join(f"{reason.field}: {reason.message}" for reason in reasons))
        self.refusals = tuple(reasons)


def check_objective(
    *, objective: Objective, current: Decimal | None, at: datetime, stored: Objective | None, is_history: bool = False
) -> None:
    """Refuse a definition that breaks a rule of docs/formulas.md#saving, or a field that can't be stored.

    Raises: ObjectiveRefused with every reason.
    """
    is_measured = stored is not None and Reading.objects.filter(objective=stored).exists()
    reasons = reasons_against(
        objective=objective, current=current, at=at, stored=stored, is_measured=is_measured, is_history=is_history
    )
    try:
        objective.validate_unique(exclude=["account", "owner", "metric"])
    except ValidationError as error:
        reasons += _as_refusals(error)
    if reasons:
        raise ObjectiveRefused(reasons)


def reasons_against(
    *,
    objective: Objective,
    current: Decimal | None,
    at: datetime,
    stored: Objective | None,
    is_measured: bool,
    is_history: bool = False,
) -> list[Refusal]:
    """List why a definition can't be saved, as far as that can be told without asking the database.

    Shape:  `is_measured` tells whether the objective has a reading of its own; `stored` is it as it stands.
    """
    draft = Draft(
        completion_type=objective.completion_type,
        baseline=objective.baseline,
        current=current,
        target=objective.target,
        has_metric=objective.metric_id is not None,
        weight=objective.weight,
        unit=objective.unit,
        unit_label=objective.unit_label,
        started_on=objective.started_on,
        due_on=objective.due_on,
        done=objective.done,
        has_measurement=is_measured,
        former_due_on=stored.due_on if stored else None,
    )
    reasons = list(refusals(draft, today=local_day(at, objective.account.timezone), is_history=is_history))
    named = {reason.field for reason in reasons}
    try:
        objective.clean_fields(exclude=["account", "owner", "metric"])
    except ValidationError as error:
        reasons += [reason for reason in _as_refusals(error) if reason.field not in named]
    return reasons


def _as_refusals(error: ValidationError) -> list[Refusal]:
    return [
        Refusal(name, item.code or "invalid", " ".join(item.messages))
        for name, items in error.error_dict.items()
        for item in items
    ]


def create_objective(
    *,
    account: Account,
    by: Actor,
    at: datetime,
    current: Decimal | None = None,
    confidence: str = "high",
    is_history: bool = False,
    **fields: Any,
) -> Objective:
    """Add an objective; a `current` typed in with it becomes its first reading, observed now.

    Raises: ObjectiveRefused.
    """
    with transaction.atomic():
        account = Account.objects.lock().get(pk=account.pk)
        objective = Objective(account=account, **fields)
        if objective.started_on is None:
            objective.started_on = local_day(at, account.timezone)
        complete(objective=objective)
        check_objective(objective=objective, current=current, at=at, stored=None, is_history=is_history)
        _check_account(account)
        _save(objective)
        _revise(objective, by=by, reason="Created")
        audit.record(
            by=by,
            action="objective.created",
            subject=objective,
            account_id=account.pk,
            details={
                name: [None, value] for name, value in values_of(objective=objective).items() if value not in (None, "")
            },
        )
        _apply(objective, current=current, confidence=confidence, by=by, at=at)
    objective.refresh_from_db()
    return objective


def update_objective(
    *,
    objective: Objective,
    by: Actor,
    at: datetime,
    current: Decimal | None = None,
    confidence: str = "high",
    reason: str = "",
    is_history: bool = False,
    **fields: Any,
) -> Objective:
    """Change an objective; what is not given stays, and an unchanged `current` writes nothing.

    Raises: ObjectiveRefused.
    """
    with transaction.atomic():
        account = Account.objects.lock().get(pk=objective.account_id)
        stored = Objective.objects.select_related("metric").get(pk=objective.pk)
        objective = Objective.objects.select_related("metric").get(pk=objective.pk)
        objective.account = account
        for name, value in fields.items():
            setattr(objective, name, value)
        complete(objective=objective)
        check_objective(objective=objective, current=current, at=at, stored=stored, is_history=is_history)
        _check_account(account)
        changed = audit.changes(values_of(objective=stored), values_of(objective=objective))
        if changed:
            definition_changed = definition_of(objective=stored) != definition_of(objective=objective)
            if definition_changed:
                objective.revision = stored.revision + 1
            objective.updated_at = at
            if objective.completion_type == CompletionType.MANUAL:
                objective.current = objective.measured_at = objective.reading = objective.last_progress_at = None
                objective.grade = ""
            _save(objective)
            if definition_changed:
                _revise(objective, by=by, reason=reason)
            audit.record(
                by=by, action="objective.updated", subject=objective, account_id=account.pk,
                details={**changed, **({"reason": reason} if reason else {})},
            )  # fmt: skip
        if current == stored.current and stored.completion_type == CompletionType.VALUE:
            current = None
        if changed or current is not None:
            _apply(objective, current=current, confidence=confidence, by=by, at=at)
    objective.refresh_from_db()
    return objective


def archive_objective(*, objective: Objective, by: Actor, at: datetime, reason: str = "") -> Objective:
    """Take an objective out of the mean at once; its history stays."""
    return _set_archived(objective, archived_at=at, by=by, at=at, reason=reason)


def restore_objective(*, objective: Objective, by: Actor, at: datetime, reason: str = "") -> Objective:
    """Bring an archived objective back into the mean."""
    return _set_archived(objective, archived_at=None, by=by, at=at, reason=reason)


def _set_archived(
    objective: Objective, *, archived_at: datetime | None, by: Actor, at: datetime, reason: str
) -> Objective:
    with transaction.atomic():
        Account.objects.lock().get(pk=objective.account_id)
        objective = Objective.objects.get(pk=objective.pk)
        if (objective.archived_at is None) != (archived_at is None):
            objective.archived_at = archived_at
            objective.updated_at = at
            objective.revision += 1
            objective.save(update_fields=["archived_at", "updated_at", "revision"])
            _revise(objective, by=by, reason=reason)
            action = "objective.archived" if archived_at else "objective.restored"
            audit.record(
                by=by, action=action, subject=objective, account_id=objective.account_id, details={"reason": reason}
            )
            _apply(objective, current=None, confidence="high", by=by, at=at)
    objective.refresh_from_db()
    return objective


def complete(*, objective: Objective) -> None:
    """Fill in what follows from other fields."""
    if objective.external_id == "":
        objective.external_id = None
    metric: Metric | None = objective.metric
    objective.kind = metric.kind if metric is not None else Kind.VALUE
    if metric is not None and not objective.unit:
        objective.unit, objective.unit_label = metric.unit, metric.unit_label
    if objective.unit != "custom":
        objective.unit_label = ""


def _check_account(account: Account) -> None:
    if account.archived_at is not None:
        raise ObjectiveRefused([Refusal("customer", "archived", "This account is archived. Restore it first.")])


def _save(objective: Objective) -> None:
    """Save; a race on the external id is refused like any other duplicate."""
    try:
        with transaction.atomic():
            objective.save()
    except IntegrityError as error:
        if "external_id" not in str(error):
            raise
        message = "Another objective has this external id."
        raise ObjectiveRefused([Refusal("external_id", "unique", message)]) from error


def _revise(objective: Objective, *, by: Actor, reason: str) -> None:
    """Keep the definition as a revision, valid from the database's now."""
    revision = ObjectiveRevision.objects.create(
        objective=objective,
        number=objective.revision,
        archived=objective.archived_at is not None,
        changed_by=by.name,
        reason=reason[:300],
        **definition_of(objective=objective),
    )
    Objective.objects.filter(pk=objective.pk).update(revised_at=revision.valid_from)


def _apply(objective: Objective, *, current: Decimal | None, confidence: str, by: Actor, at: datetime) -> None:
    """Record a typed-in number, and move everything that follows from the objective."""
    follow_readings(objective_ids=[objective.pk])
    if current is not None:
        row = ReadingRow(
            index=0, objective_id=objective.pk, value=current, observed_at=at, source=objective.source,
            confidence=confidence,
        )  # fmt: skip
        try:
            record_readings(rows=[row], by=by, at=at, atomic=True)
        except ReadingsRefused as error:
            raise ObjectiveRefused(
                [Refusal("current" if e.field == "value" else e.field, e.code, e.detail) for e in error.errors]
            ) from error
    else:
        refresh_standings(account_ids=[objective.account_id], at=at)


def definition_of(*, objective: Objective) -> dict[str, Any]:
    """Give the fields that a revision keeps."""
    return {name: getattr(objective, name) for name in Objective.definition_fields()}


def values_of(*, objective: Objective) -> dict[str, Any]:
    """Give the fields that a person or an integrator writes, people and metrics by id."""
    return {name: getattr(objective, f"{name}_id" if name in {"metric", "owner"} else name) for name in FIELDS}


_METRIC_CHANGED = """
WITH changed AS (
  UPDATE objectives_objective o SET kind = %(kind)s, revision = revision + 1, revised_at = value_now(),
    state_changed_at = value_now(), updated_at = value_now()
  WHERE metric_id = %(metric)s AND kind <> %(kind)s
  RETURNING *
)
INSERT INTO objectives_objectiverevision (objective_id, number, valid_from, archived, changed_by, reason, {fields})
SELECT id, revision, revised_at, archived_at IS NOT NULL, %(by)s, 'The kind of the metric changed', {fields}
FROM changed
"""


def follow_metric_kind(*, metric: Metric, by: Actor) -> None:
    """Revise every objective of a metric whose kind (value or activity) changed."""
    fields = ", ".join(Objective.definition_fields())
    with connection.cursor() as cursor:
        cursor.execute(_METRIC_CHANGED.format(fields=fields), {"kind": metric.kind, "metric": metric.pk, "by": by.name})

"""Save many objectives at once, by the rules of one: a handful of statements, all rows or none."""

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from django.db import connection, transaction

from accounts.models import Account
from accounts.services.accounts import SavedRows
from objectives.models import CompletionType, Objective, ObjectiveRevision, Reading
from objectives.services.objectives import complete, definition_of, reasons_against, values_of
from objectives.services.readings import ReadingRow, ReadingsRefused, RowError, record_readings
from objectives.services.standings import follow_readings, refresh_standings
from objectives.weeks import local_day
from valuerealization.common import audit
from valuerealization.common.audit import Actor

BATCH: Final = 1000
# Follow from `completion_type`, or are counted by the database.
_UNMEASURED: Final = {"current": None, "measured_at": None, "reading": None, "last_progress_at": None, "grade": ""}


@dataclass(frozen=True, slots=True)
class ObjectiveRow:
    """An objective as a file or a list has it, found by its external id.

    Shape:  `fields` holds what was given; a stored one stays with its customer, a new one needs its `account_id`;
            `current` is a number observed now, None when none was given. `index` names the row in errors.
    """

    index: int
    external_id: str
    account_id: int | None
    current: Decimal | None
    fields: Mapping[str, Any]


class ObjectiveRowsRefused(ValueError):
    """Some rows can't be saved, so none was; `errors` says which and why."""

    def __init__(self, errors: Sequence[RowError]) -> None:
        super().__init__(f"{len(errors)} errors")
        self.errors = tuple(sorted(errors))


@dataclass(slots=True)
class _Change:
    """An objective to be written; `stored` is it as it stands, None for a new one."""

    row: ObjectiveRow
    objective: Objective
    stored: Objective | None
    current: Decimal | None

    @property
    def details(self) -> dict[str, list[Any]]:
        if self.stored is not None:
            return audit.changes(values_of(objective=self.stored), values_of(objective=self.objective))
        values = values_of(objective=self.objective).items()
        return {name: [None, value] for name, value in values if value not in (None, "")}

    @property
    def effects(self) -> dict[str, list[Any]] | None:
        """List what was written, beside the details also what followed from them; None for a new objective."""
        if self.stored is None:
            return None
        effects = self.details
        for name in ("kind", "revision", "revised_at"):
            before, after = getattr(self.stored, name), getattr(self.objective, name)
            if before != after:
                is_instant = name == "revised_at"  # to the microsecond, which JSON would lose
                effects[name] = [before.isoformat(), after.isoformat()] if is_instant else [before, after]
        return effects

    @property
    def is_revised(self) -> bool:
        return self.stored is None or definition_of(objective=self.stored) != definition_of(objective=self.objective)


def save_objectives(*, rows: Sequence[ObjectiveRow], by: Actor, at: datetime) -> SavedRows:
    """Add or change many objectives; what is not given stays, and an unchanged `current` writes nothing.

    Shape:  new ones may be goals of the past, whose target date has gone by; a changed target date may not.
    Raises: ObjectiveRowsRefused with every reason.
    """
    with transaction.atomic():
        stored = _stored(rows)
        wanted = {row.account_id for row in rows if row.account_id is not None}
        wanted |= {objective.account_id for objective in stored.values()}
        accounts = {account.pk: account for account in Account.objects.filter(pk__in=wanted).lock()}
        stored = _stored(rows)  # as it stands with the locks held
        own = Reading.objects.filter(objective__in=[objective.pk for objective in stored.values()])
        is_measured = {pk for pk in own.values_list("objective_id", flat=True).distinct() if pk is not None}
        changes = [_change(row, stored.get(row.external_id), accounts, at) for row in rows]
        errors = [error for change in changes for error in _errors(change, is_measured, at)]
        if errors:
            raise ObjectiveRowsRefused(errors)
        created = [change for change in changes if change.stored is None]
        updated = [change for change in changes if change.stored is not None and change.details]
        _write(created, updated, by=by, at=at)
        reading_ids = _follow(changes, created, updated, by=by, at=at)
        measured = [change for change in changes if change.current is not None]
    touched = {change.row.index for several in (updated, measured) for change in several}
    touched -= {change.row.index for change in created}
    done = {change.objective.pk: change.effects for change in (*created, *updated)}
    unchanged = len(rows) - len(created) - len(touched)
    return SavedRows(len(created), len(touched), unchanged, changes=done, reading_ids=reading_ids)


def _stored(rows: Sequence[ObjectiveRow]) -> dict[str, Objective]:
    found = Objective.objects.filter(external_id__in=[row.external_id for row in rows]).select_related("metric")
    return {str(objective.external_id): objective for objective in found}


def _change(row: ObjectiveRow, stored: Objective | None, accounts: Mapping[int, Account], at: datetime) -> _Change:
    if stored is None:
        account = accounts[row.account_id or 0]
        objective = Objective(account=account, external_id=row.external_id)
    else:
        objective = copy(stored)
        objective.account = accounts[stored.account_id]
    for name, value in row.fields.items():
        setattr(objective, name, value)
    if objective.started_on is None:
        objective.started_on = local_day(at, objective.account.timezone)
    complete(objective=objective)
    is_numeric = objective.completion_type != CompletionType.MANUAL
    is_unchanged = stored is not None and is_numeric and row.current == stored.current
    return _Change(row, objective, stored, None if is_unchanged else row.current)


def _errors(change: _Change, is_measured: set[int], at: datetime) -> list[RowError]:
    row, objective, stored = change.row, change.objective, change.stored
    if stored is not None and row.account_id not in (None, stored.account_id):
        return [RowError(row.index, "customer", "immutable", "An objective stays with its customer.")]
    if objective.account.archived_at is not None:
        return [RowError(row.index, "customer", "archived", "This account is archived. Restore it first.")]
    reasons = reasons_against(
        objective=objective,
        current=change.current,
        at=at,
        stored=stored,
        is_measured=stored is not None and stored.pk in is_measured,
        is_history=stored is None,
    )
    return [RowError(row.index, reason.field, reason.code, reason.message) for reason in reasons]


def _write(created: Sequence[_Change], updated: Sequence[_Change], *, by: Actor, at: datetime) -> None:
    """Store objectives, revisions and the audit log."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT value_now()")
        now = cursor.fetchone()[0]
    revised = [change for change in (*created, *updated) if change.is_revised]
    for change in revised:
        change.objective.revised_at = now
        change.objective.revision = 1 if change.stored is None else change.stored.revision + 1
    for change in updated:
        change.objective.updated_at = at
        if change.objective.completion_type == CompletionType.MANUAL:
            for name, nothing in _UNMEASURED.items():
                setattr(change.objective, name, nothing)
    Objective.objects.bulk_create([change.objective for change in created], batch_size=BATCH)
    names = {name for change in updated for name in change.details}
    if updated:
        Objective.objects.bulk_update(
            [change.objective for change in updated],
            sorted(names | {"kind", "revision", "revised_at", "updated_at", *_UNMEASURED}),
            batch_size=BATCH,
        )
    ObjectiveRevision.objects.bulk_create(
        [
            ObjectiveRevision(
                objective=change.objective,
                number=change.objective.revision,
                valid_from=now,
                archived=change.objective.archived_at is not None,
                changed_by=by.name,
                reason="Created" if change.stored is None else "",
                **definition_of(objective=change.objective),
            )
            for change in revised
        ],
        batch_size=BATCH,
    )
    audit.record_many(
        audit.entry(
            by=by, action=action, subject=change.objective, account_id=change.objective.account_id,
            details=change.details,
        )
        for action, several in (("objective.created", created), ("objective.updated", updated))
        for change in several
    )  # fmt: skip


def _follow(
    changes: Sequence[_Change], created: Sequence[_Change], updated: Sequence[_Change], *, by: Actor, at: datetime
) -> Sequence[int]:
    """Record the numbers that came with the rows, and move everything that follows from them; gives the readings."""
    recorded: Sequence[int] = ()
    written = (*created, *updated)
    follow_readings(objective_ids=[change.objective.pk for change in written])
    readings = [
        ReadingRow(
            index=change.row.index, objective_id=change.objective.pk, value=change.current, observed_at=at,
            source=change.objective.source,
        )
        for change in changes
        if change.current is not None
    ]  # fmt: skip
    if readings:
        try:
            recorded = record_readings(rows=readings, by=by, at=at, atomic=True).reading_ids
        except ReadingsRefused as error:
            raise ObjectiveRowsRefused(
                [
                    RowError(each.index, "current" if each.field == "value" else each.field, each.code, each.detail)
                    for each in error.errors
                ]
            ) from error
    refresh_standings(account_ids=sorted({change.objective.account_id for change in written}), at=at)
    return recorded

"""Take an import back: everything it added goes, everything it changed is as it was, as long as nothing depends on it.

What depends on it is said in words, and then nothing is changed. Only the times of last change (`updated_at`,
`state_changed_at`, `changed_at`) differ afterwards from those before the import: the undo is a change too.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db import connection, models, transaction

from accounts.models import Account, User
from objectives.models import (
    HeldReading,
    ImportBatch,
    ImportChange,
    ImportSubject,
    Metric,
    MetricVersion,
    Objective,
    ObjectiveRevision,
    Reading,
    ReplacedSnapshot,
    Restatement,
    Snapshot,
    SnapshotObjective,
    Standing,
)
from objectives.services.batches import finish_undo
from objectives.services.checks import refresh_disagreements
from objectives.services.restatements import revert
from objectives.services.standings import follow_readings, refresh_due, refresh_standings
from valuerealization.common import audit
from valuerealization.common.audit import Actor
from valuerealization.common.models import AuditEntry

BATCH: Final = 1000
MOST_NAMED: Final = 10

_MODELS: Final[dict[str, type[models.Model]]] = {
    ImportSubject.ACCOUNT: Account,
    ImportSubject.METRIC: Metric,
    ImportSubject.OBJECTIVE: Objective,
}
# Goes with what it hangs on, or is this log itself.
_GOES_ALONG: Final[tuple[type[models.Model], ...]] = (Standing, MetricVersion, ObjectiveRevision)

_UNMEASURED: Final = {"current": None, "measured_at": None, "reading": None, "last_progress_at": None, "grade": ""}

_RANGES: Final = """
FROM objectives_importchange c JOIN objectives_reading r ON r.id BETWEEN c.subject_id AND c.last_id
WHERE c.batch_id = %(batch)s AND c.subject = 'reading'
"""

_FOLLOWING: Final = f"""
SELECT DISTINCT o.id, o.account_id FROM (SELECT DISTINCT r.account_id, r.metric_id, r.objective_id {_RANGES}) r
JOIN objectives_objective o ON o.id = r.objective_id OR (o.account_id = r.account_id AND o.metric_id = r.metric_id)
"""

_READ_BY_SNAPSHOTS: Final = f"""
SELECT a.name, min(s.week), count(DISTINCT s.week)
FROM (SELECT r.account_id, min(r.recorded_at) AS recorded_at, min(r.observed_at) AS observed_at {_RANGES}
  GROUP BY r.account_id, r.recorded_at) x
JOIN objectives_snapshot s ON s.account_id = x.account_id AND s.known_at >= x.recorded_at
  AND s.boundary_at >= x.observed_at AND s.known_at <> ALL(%(own)s::timestamptz[])
JOIN accounts_account a ON a.id = x.account_id
GROUP BY a.id, a.name ORDER BY a.name, a.id
"""

_REVISED_BEFORE_SNAPSHOTS: Final = """
SELECT a.name, min(s.week), count(DISTINCT s.week)
FROM objectives_importchange c
JOIN objectives_objectiverevision v ON v.objective_id = c.subject_id
  AND v.number > COALESCE((c.changes -> 'revision' ->> 0)::int, 0)
JOIN objectives_objective o ON o.id = c.subject_id
JOIN objectives_snapshot s ON s.account_id = o.account_id AND s.known_at >= v.valid_from
  AND s.known_at <> ALL(%(own)s::timestamptz[])
JOIN accounts_account a ON a.id = o.account_id
WHERE c.batch_id = %(batch)s AND c.subject = 'objective' AND (c.changes IS NULL OR c.changes ? 'revision')
GROUP BY a.id, a.name ORDER BY a.name, a.id
"""

_LET_GO: Final = f"""
UPDATE objectives_objective SET current = NULL, measured_at = NULL, reading_id = NULL, grade = ''
WHERE reading_id IN (SELECT r.id {_RANGES})
"""


class UndoRefused(ValueError):
    """Something depends on the import; `obstacles` says what, in sentences."""

    def __init__(self, obstacles: Sequence[str]) -> None:
        super().__init__(" ".join(obstacles[:MOST_NAMED]))
        self.obstacles = tuple(obstacles)


@dataclass(frozen=True, slots=True)
class Undone:
    """How much was taken back."""

    removed: int
    restored: int
    readings: int


@dataclass(slots=True)
class _Plan:
    """What a batch did to one table, with the rows as they stand."""

    model: type[models.Model]
    added: set[int]
    changed: dict[int, Mapping[str, Sequence[Any]]]
    rows: dict[int, Any]


def obstacles_to_undo(*, batch: ImportBatch, editor: User | None = None) -> list[str]:
    """List what stands in the way of undoing an import, as it is now; nothing when it can be undone.

    Shape:  `editor` may change only the accounts assigned to them.
    """
    plans = _plans(batch)
    return _obstacles(batch, plans, touched=_touched(plans, _measured(batch)), editor=editor)


def undo_import(*, batch: ImportBatch, by: Actor, at: datetime, editor: User | None = None) -> Undone:
    """Take an import back in one transaction.

    Shape:  `editor` may change only the accounts assigned to them.
    Raises: UndoRefused with everything that depends on it; ClaimLost.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_FOLLOWING, {"batch": batch.pk})
        following = dict(cursor.fetchall())
        measured = _measured(batch)
        plans = _plans(batch)
        # Metrics before accounts, as whoever changes a metric locks them.
        metrics = Metric.objects.filter(pk__in=plans[ImportSubject.METRIC].rows).order_by("pk")
        list(metrics.select_for_update().values_list("pk"))
        goals = plans[ImportSubject.OBJECTIVE]
        touched = _touched(plans, measured)
        timed = [pk for pk, changes in plans[ImportSubject.METRIC].changed.items() if "cadence" in changes]
        waiting = set(Objective.objects.filter(metric__in=timed).values_list("account_id", flat=True))
        list(Account.objects.filter(pk__in=touched | waiting).lock().values_list("pk"))
        plans = _plans(batch)  # as it stands with the locks held
        if obstacles := _obstacles(batch, plans, touched=touched, editor=editor):
            raise UndoRefused(obstacles)
        revert(batch_id=batch.pk, restatements=_restatements(batch))
        cursor.execute(_LET_GO, {"batch": batch.pk})
        restored = sum(_restore(plan, at) for plan in plans.values()) + _take_back_held(batch)
        cursor.execute("SELECT objectives_undo_import(%s)", [batch.pk])
        readings = cursor.fetchone()[0]
        removed = sum(_remove(plan) for plan in reversed(plans.values()))
        gone = plans[ImportSubject.ACCOUNT].added
        refresh_due(metric_ids=timed)
        # Sources that the import made agree, or differ more, are compared again.
        refresh_disagreements(metric_ids=sorted({metric for _account, metric in measured if metric} | set(timed)))
        follow_readings(objective_ids=sorted((following.keys() | goals.changed.keys()) - goals.added))
        refresh_standings(account_ids=sorted(touched - gone), at=at)
        _audit(batch, touched, by=by)
        finish_undo(batch=batch, by=by, at=at)
    return Undone(removed, restored, readings)


def _plans(batch: ImportBatch) -> dict[str, _Plan]:
    done: dict[str, dict[int, Any]] = defaultdict(dict)
    for change in ImportChange.objects.filter(batch=batch, subject__in=_MODELS):
        done[change.subject][change.subject_id] = change.changes
    return {
        subject: _Plan(
            model=model,
            added={pk for pk, changes in done[subject].items() if changes is None},
            changed={pk: changes for pk, changes in done[subject].items() if changes is not None},
            rows=model._default_manager.in_bulk(list(done[subject])),
        )
        for subject, model in _MODELS.items()
    }


def _measured(batch: ImportBatch) -> list[tuple[int, int | None]]:
    """List the accounts that the import's readings are of, each with the metric, None for an objective's own value."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT DISTINCT r.account_id, r.metric_id {_RANGES}", {"batch": batch.pk})
        return list(cursor.fetchall())


def _touched(plans: Mapping[str, _Plan], measured: Iterable[tuple[int, int | None]]) -> set[int]:
    goals = {goal.account_id for goal in plans[ImportSubject.OBJECTIVE].rows.values()}
    return goals | set(plans[ImportSubject.ACCOUNT].rows) | {account for account, _metric in measured}


def _obstacles(
    batch: ImportBatch, plans: Mapping[str, _Plan], *, touched: Collection[int], editor: User | None
) -> list[str]:
    theirs = _not_assigned(touched, editor) if editor is not None else ()
    found = list(dict.fromkeys([*theirs, *_snapshots(batch), *_edits(plans), *_dependents(batch, plans)]))
    if len(found) > MOST_NAMED:
        found = [*found[:MOST_NAMED], f"And {len(found) - MOST_NAMED:,} more."]
    return found


def _not_assigned(touched: Collection[int], editor: User) -> Iterator[str]:
    """Whoever changes only their own accounts takes back only what is theirs, also if it was when they imported it."""
    others = Account.objects.filter(pk__in=touched).exclude(owner=editor).order_by("name", "pk")
    for name in others.values_list("name", flat=True)[: MOST_NAMED + 1]:
        yield f"{name} is not assigned to you: ask its owner or a leader to undo this."


def _restatements(batch: ImportBatch) -> dict[int, datetime]:
    """List the rebuilds of past weeks that belonged to the import, each with what was known then."""
    made = ImportChange.objects.filter(batch=batch, subject=ImportSubject.RESTATEMENT)
    return {each.subject_id: datetime.fromisoformat(each.changes["known_at"][1]) for each in made}


def _snapshots(batch: ImportBatch) -> Iterator[str]:
    """Weekly snapshots never change, so what they have read has to stay; those that the import itself rebuilt go."""
    own = _restatements(batch)
    accounts = Restatement.objects.filter(pk__in=own).values("account")
    again = Restatement.objects.filter(account__in=accounts, pk__gt=max(own, default=0)).select_related("account")
    for name in sorted({str(each.account) for each in again}):
        yield f"Past weeks of {name} were rebuilt once more since."
    with connection.cursor() as cursor:
        for statement in (_READ_BY_SNAPSHOTS, _REVISED_BEFORE_SNAPSHOTS):
            cursor.execute(statement, {"batch": batch.pk, "own": list(own.values())})
            for name, week, weeks in cursor.fetchall():
                count = "The weekly snapshot" if weeks == 1 else f"{weeks:,} weekly snapshots"
                since = f"of {week:%-d %b %Y}" if weeks == 1 else f"since {week:%-d %b %Y}"
                yield f"{count} of {name} {since} {'holds' if weeks == 1 else 'hold'} what this import wrote."


def _edits(plans: Mapping[str, _Plan]) -> Iterator[str]:
    """What somebody has changed since would be lost."""
    for subject, plan in plans.items():
        for pk, changes in plan.changed.items():
            row = plan.rows.get(pk)
            if row is None:
                yield f"One {subject} that this import changed is not there any more."
                continue
            since = {_label(plan.model, name) for name, (_, after) in changes.items() if _differs(row, name, after)}
            if since:
                yield f"{row} was changed since: {', '.join(sorted(since, key=str.lower))}."
        for pk in sorted(plan.added - plan.rows.keys()):
            yield f"One {subject} that this import added (number {pk}) is not there any more."
        entries = AuditEntry.objects.filter(subject_type=plan.model._meta.label_lower, subject_id__in=plan.added)
        edited = entries.exclude(action__endswith=".created").filter(action__startswith=f"{subject}.")
        for edited_id in edited.order_by("subject_id").values_list("subject_id", flat=True).distinct():
            yield f"{plan.rows.get(edited_id or 0, subject)} was changed since."


def _dependents(batch: ImportBatch, plans: Mapping[str, _Plan]) -> Iterator[str]:
    """What others have hung on rows that this import added: their removal would take it along."""
    added = {plan.model: plan.added for plan in plans.values()}
    own = _own_readings(batch) if any(added.values()) else set()
    own_restatements = _restatements(batch)
    own_weeks = list(own_restatements.values())
    for plan in plans.values():
        if not plan.added:
            continue
        counts: Counter[tuple[str, type[models.Model]]] = Counter()
        for relation in plan.model._meta.get_fields(include_hidden=True):
            if not isinstance(relation, models.ManyToOneRel) or relation.on_delete is models.DO_NOTHING:
                continue
            other, name = relation.related_model, relation.field.name
            if other in _GOES_ALONG:
                continue
            others = other._base_manager.filter(**{f"{name}__in": plan.added})
            if other is Snapshot:
                others = others.exclude(known_at__in=own_weeks)
            elif other is SnapshotObjective:
                others = others.exclude(snapshot__known_at__in=own_weeks)
            elif other is Restatement:
                others = others.exclude(pk__in=own_restatements)
            elif other is ReplacedSnapshot:
                others = others.exclude(restatement__in=own_restatements)
            elif other in added:
                others = others.exclude(pk__in=added[other])
            keys = others.values_list("pk", f"{name}_id")
            if other is Reading:
                keys = [key for key in keys if key[0] not in own]  # type: ignore[assignment]
            for _pk, target in keys:
                counts[str(plan.rows.get(target, target)), other] += 1
        for (row, model), count in counts.items():
            names = model._meta.verbose_name if count == 1 else model._meta.verbose_name_plural
            yield f"{row}: {count:,} {names} {'depends' if count == 1 else 'depend'} on it."


def _own_readings(batch: ImportBatch) -> set[int]:
    ranges = ImportChange.objects.filter(batch=batch, subject=ImportSubject.READING)
    return {
        number
        for first, last in ranges.values_list("subject_id", "last_id")
        for number in range(first, (last or first) + 1)
    }


def _field(model: type[models.Model], name: str) -> models.Field[Any, Any]:
    """Find a field by its name or its column's (`metric_id`), or the one that a part is in (`attributes.tier`)."""
    for each in model._meta.concrete_fields:
        if name.partition(".")[0] in (each.name, each.attname):
            return each
    raise LookupError(f"{model._meta.label} has no field {name}")


def _label(model: type[models.Model], name: str) -> str:
    if name in {"revision", "revised_at"}:
        return "its definition"
    return name.partition(".")[2] or str(_field(model, name).verbose_name)


def _read(field: models.Field[Any, Any], value: Any) -> Any:
    return (field.target_field if isinstance(field, models.ForeignKey) else field).to_python(value)


def _differs(row: models.Model, name: str, after: Any) -> bool:
    field = _field(type(row), name)
    if name == "revised_at":  # the revision's number says it
        return False
    if part := name.partition(".")[2]:
        return bool(getattr(row, field.attname).get(part) != after)
    return bool(getattr(row, field.attname) != _read(field, after))


def _set(row: models.Model, field: models.Field[Any, Any], name: str, before: Any) -> None:
    if part := name.partition(".")[2]:
        values = {key: value for key, value in getattr(row, field.attname).items() if key != part}
        setattr(row, field.attname, values if before is None else values | {part: before})
    else:
        setattr(row, field.attname, _read(field, before))


def _restore(plan: _Plan, at: datetime) -> int:
    """Give changed rows their former values."""
    names: set[str] = set()
    rows = []
    for pk, changes in plan.changed.items():
        row = plan.rows[pk]
        for name, (before, _after) in changes.items():
            field = _field(plan.model, name)
            _set(row, field, name, before)
            names.add(field.name)
        if "completion_type" in changes:
            for name, nothing in _UNMEASURED.items():
                setattr(row, name, nothing)
            names.update(_UNMEASURED)
        row.updated_at = at
        rows.append(row)
    if rows:
        plan.model._default_manager.bulk_update(rows, sorted(names | {"updated_at"}), batch_size=BATCH)
    return len(rows)


def _take_back_held(batch: ImportBatch) -> int:
    """Take back the held values that wait as this import left them; what a person decided, or others sent, stays."""
    changes = ImportChange.objects.filter(batch=batch, subject=ImportSubject.HELD)
    made: dict[int, Mapping[str, Sequence[Any]]] = {each.subject_id: each.changes for each in changes}
    waiting = HeldReading.objects.filter(pk__in=made, state=HeldReading.State.HELD).in_bulk()
    rows = [row for row in waiting.values() if row.held_at == _after(row, made[row.pk], "held_at")]
    added = [row.pk for row in rows if made[row.pk]["held_at"][0] is None]
    HeldReading.objects.filter(pk__in=added).delete()
    names: set[str] = set()
    former = [row for row in rows if row.pk not in added]
    for row in former:
        for name, (before, _) in made[row.pk].items():
            field = _field(HeldReading, name)
            setattr(row, field.attname, _read(field, before))
            names.add(field.name)
    if former:
        HeldReading.objects.bulk_update(former, sorted(names), batch_size=BATCH)
    return len(rows)


def _after(row: models.Model, changes: Mapping[str, Sequence[Any]], name: str) -> Any:
    return _read(_field(type(row), name), changes[name][1])


def _remove(plan: _Plan) -> int:
    """Remove rows that were added."""
    if plan.model is Account:
        Standing.objects.filter(account__in=plan.added)._raw_delete("default")
    # No cascade: what hangs on them was looked for, and the database refuses what was overlooked.
    plan.model._base_manager.filter(pk__in=plan.added)._raw_delete("default")
    return len(plan.added)


def _audit(batch: ImportBatch, account_ids: set[int], *, by: Actor) -> None:
    names = dict(Account.objects.filter(pk__in=account_ids).values_list("pk", "name"))
    audit.record(by=by, action="import.undone", subject=batch, details={"accounts": len(account_ids)})
    audit.record_many(
        audit.entry(by=by, action="import.undone", subject=batch, account_id=pk, label=f"{name}: {batch.file_name}")
        for pk, name in sorted(names.items())
    )

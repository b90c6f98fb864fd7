"""Write rows as the API's resources; `shapes` describes the same members."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from accounts.models import Account, Attribute, SavedSegment
from accounts.stages import stage_of
from objectives.models import Metric, Objective, Reading, Snapshot, SnapshotObjective, Standing
from objectives.queries.attributes import Value
from objectives.queries.live import LiveScore
from valuerealization.common.api.values import write_instant, write_percentage
from valuerealization.common.numbers import to_plain
from valuerealization.common.units import format_pct

Json = dict[str, Any]


def customer(standing: Standing, *, on: date, attributes: Mapping[str, Value]) -> Json:
    """Write an account with its live score and its attributes; `on` is the day its stage is told for."""
    account: Account = standing.account
    return {
        "id": account.pk,
        "external_id": account.external_id,
        "name": account.name,
        "timezone": account.timezone,
        "segment": account.segment or None,
        "industry": account.industry,
        "currency": account.currency,
        "arr": None if account.arr is None else money(account.arr, account.currency),
        "owner": account.owner.email if account.owner else None,
        "attributes": {
            key: to_plain(value) if isinstance(value, Decimal) else value for key, value in attributes.items()
        },
        "contract_signed_on": _day(account.contract_signed_on),
        "went_live_on": _day(account.went_live_on),
        "renewal_on": _day(account.renewal_on),
        "stage": stage_of(contract_signed_on=account.contract_signed_on, on=on).value,
        "value_delivered": write_percentage(standing.value_delivered),
        "status": standing.status,
        "archived_at": _instant(account.archived_at),
        "created_at": _instant(account.created_at),
        "updated_at": _instant(account.updated_at),
    }


def objective(row: Objective) -> Json:
    """Write an objective; owner and metric are read with it."""
    return {
        "id": row.pk,
        "customer": row.account_id,
        "external_id": row.external_id,
        "title": row.title,
        "details": row.details,
        "completion_type": row.completion_type,
        "done": row.done,
        "baseline": _decimal(row.baseline),
        "current": _decimal(row.current),
        "target": _decimal(row.target),
        "unit": row.unit or None,
        "unit_label": row.unit_label,
        "metric": row.metric.key if row.metric else None,
        "kind": row.kind,
        "weight": _decimal(row.weight),
        "owner": row.owner.email if row.owner else None,
        "started_on": _day(row.started_on),
        "due_on": _day(row.due_on),
        "show_in_portal": row.show_in_portal,
        "cadence": row.cadence or None,
        "measured_by": row.measured_by,
        "validated_by": row.validated_by,
        "reported_by": row.reported_by,
        "completion": write_percentage(row.completion),
        "completion_display": _shown(row.completion),
        "measured_at": _instant(row.measured_at),
        "grade": row.grade or None,
        "next_due_on": _day(row.next_due_on),
        "archived_at": _instant(row.archived_at),
        "created_at": _instant(row.created_at),
        "updated_at": _instant(row.updated_at),
    }


def metric(row: Metric) -> Json:
    """Write a metric's definition."""
    return {
        "id": row.pk,
        "key": row.key,
        "name": row.name,
        "unit": row.unit or None,
        "unit_label": row.unit_label,
        "direction": row.direction,
        "kind": row.kind,
        "methodology": row.methodology,
        "formula": row.formula,
        "cadence": row.cadence,
        "measured_by": row.measured_by,
        "validated_by": row.validated_by,
        "reported_by": row.reported_by,
        "version": row.version,
        "created_at": _instant(row.created_at),
        "updated_at": _instant(row.updated_at),
    }


def attribute(row: Attribute, *, metric: Metric | None) -> Json:
    """Write the definition of a custom attribute, a number's with the unit of its metric."""
    return {
        "id": row.pk,
        "key": row.key,
        "name": row.name,
        "type": row.type,
        "choices": row.choices,
        "unit": (metric.unit or None) if metric else None,
        "help_text": row.help_text,
        "position": row.position,
        "archived": row.archived_at is not None,
        "archived_at": _instant(row.archived_at),
        "created_at": _instant(row.created_at),
        "updated_at": _instant(row.updated_at),
    }


def segment(row: SavedSegment, *, customers: int | None) -> Json:
    """Write a saved segment with how many customers are in it; who made it is read with it."""
    return {
        "id": row.pk,
        "name": row.name,
        "description": row.description,
        "rule": row.rule,
        "customers": customers,
        "created_by": row.created_by.email if row.created_by else None,
        "archived": row.archived_at is not None,
        "archived_at": _instant(row.archived_at),
        "created_at": _instant(row.created_at),
        "updated_at": _instant(row.updated_at),
    }


def reading(row: Reading, *, metric_key: str | None, is_superseded: bool) -> Json:
    """Write a reading; it never changes once recorded."""
    recorded_at = _instant(row.recorded_at)
    return {
        "id": row.pk,
        "customer": row.account_id,
        "metric": metric_key,
        "objective": row.objective_id,
        "value": _decimal(row.value),
        "observed_at": _instant(row.observed_at),
        "source": row.source,
        "confidence": row.confidence,
        "note": row.note,
        "external_id": row.external_id or None,
        "recorded_at": recorded_at,
        "superseded": is_superseded,
        "created_at": recorded_at,
        "updated_at": recorded_at,
    }


def snapshot(row: Snapshot, objectives: Iterable[SnapshotObjective] | None) -> Json:
    """Write a snapshot, with its objectives when they are given."""
    taken_at = _instant(row.taken_at)
    written: Json = {
        "id": row.pk,
        "week": _day(row.week),
        "boundary_at": _instant(row.boundary_at),
        "taken_at": taken_at,
        "value_delivered": write_percentage(row.value_delivered),
        "verified": write_percentage(row.verified),
        "status": row.status,
        "days_without_progress": None if row.days_without_progress is None else int(row.days_without_progress),
        "objectives_total": row.objectives_total,
        "objectives_met": row.objectives_met,
        "reconstructed": row.reconstructed,
        "restated": row.restated,
        "created_at": taken_at,
        "updated_at": taken_at,
    }
    if objectives is not None:
        written["objectives"] = [_snapshot_objective(each) for each in objectives]
    return written


def live_value(score: LiveScore, *, verified: Decimal | None) -> Json:
    """Write a live score, and the same mean over verified values."""
    is_scored = score.value is not None
    return {
        "value": write_percentage(score.value),
        "display": _shown(score.value),
        "status": score.status,
        "days_without_progress": int(score.days_without_progress) if is_scored else None,
        "last_progress_at": _instant(score.last_progress_at),
        "verified": write_percentage(verified),
        "measured": score.measured,
        "unmeasured": score.goals.total - score.measured,
    }


def money(amount: Decimal, currency: str) -> Json:
    """Write an amount with its currency."""
    return {"amount": f"{amount:.2f}", "currency": currency}


def _snapshot_objective(row: SnapshotObjective) -> Json:
    return {
        "objective": row.objective_id,
        "title": row.objective.title,
        "revision": row.revision,
        "completion_type": row.completion_type,
        "kind": row.kind,
        "baseline": _decimal(row.baseline),
        "current": _decimal(row.current),
        "target": _decimal(row.target),
        "completion": write_percentage(row.completion),
        "completion_display": _shown(row.completion),
        "weight": _decimal(row.weight),
        "unit": row.unit or None,
        "unit_label": row.unit_label,
        "show_in_portal": row.show_in_portal,
        "measured_at": _instant(row.measured_at),
        "grade": row.grade or None,
    }


def _decimal(value: Decimal | None) -> str | None:
    return None if value is None else to_plain(value)


def _shown(value: Decimal | None) -> str | None:
    return None if value is None else format_pct(value)


def _day(value: date | None) -> str | None:
    return None if value is None else value.isoformat()


def _instant(value: datetime | None) -> str | None:
    return None if value is None else write_instant(value)

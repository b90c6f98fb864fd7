"""Define metrics; a changed methodology or formula is a new version."""

from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from accounts.models import Account
from objectives.cadence import Cadence
from objectives.models import Metric, MetricVersion
from objectives.services.checks import refresh_disagreements
from objectives.services.objectives import follow_metric_kind
from objectives.services.standings import refresh_due
from valuerealization.common import audit
from valuerealization.common.audit import Actor

FIELDS = (
    "key", "name", "unit", "unit_label", "direction", "kind", "methodology", "formula",
    "cadence", "measured_by", "validated_by", "reported_by",
    "tolerance", "tolerance_unit", "hold_outliers",
)  # fmt: skip
VERSIONED = ("methodology", "formula")


class MetricRefused(ValidationError):
    """A metric was not saved; `message_dict` names the fields and says why."""


def create_metric(*, by: Actor, **fields: Any) -> Metric:
    """Define a metric.

    Raises: MetricRefused with the reasons by field.
    """
    metric = Metric(**fields)
    with transaction.atomic():
        _clean(metric)
        _save(metric)
        _keep_version(metric)
        audit.record(by=by, action="metric.created", subject=metric, details={"key": [None, metric.key]})
    return metric


def update_metric(*, metric: Metric, by: Actor, at: datetime, **fields: Any) -> Metric:
    """Change a metric; a new methodology or formula raises its version, and readings keep theirs.

    Raises: MetricRefused with the reasons by field.
    """
    with transaction.atomic():
        metric = Metric.objects.select_for_update().get(pk=metric.pk)
        before = {name: getattr(metric, name) for name in FIELDS}
        for name, value in fields.items():
            setattr(metric, name, value)
        metric.cadence = metric.cadence or Cadence.NONE.value
        changed = audit.changes(before, {name: getattr(metric, name) for name in FIELDS})
        if changed:
            _clean(metric)
            metric.updated_at = at
            metric.version += bool(changed.keys() & set(VERSIONED))
            _save(metric)
            if changed.keys() & set(VERSIONED):
                _keep_version(metric)
            if "kind" in changed:
                list(Account.objects.filter(objectives__metric=metric).lock().values_list("pk"))
                follow_metric_kind(metric=metric, by=by)
            if changed.keys() & {"cadence", "tolerance", "tolerance_unit"}:
                list(Account.objects.filter(objectives__metric=metric).lock().values_list("pk"))
                refresh_disagreements(metric_ids=[metric.pk])
            if "cadence" in changed:
                list(Account.objects.filter(objectives__metric=metric).lock().values_list("pk"))
                refresh_due(metric_ids=[metric.pk])
            audit.record(by=by, action="metric.updated", subject=metric, details=changed)
    return metric


def _clean(metric: Metric) -> None:
    metric.cadence = metric.cadence or Cadence.NONE.value
    if metric.unit != "custom":
        metric.unit_label = ""
    try:
        metric.full_clean()
    except ValidationError as error:
        raise MetricRefused(error) from error
    if metric.unit == "custom" and not metric.unit_label:
        message = "Say what is counted, for example “disputes”."
        raise MetricRefused({"unit_label": ValidationError(message, code="required")})


def _save(metric: Metric) -> None:
    """Save; a race on the key is refused like any other duplicate."""
    try:
        with transaction.atomic():
            metric.save()
    except IntegrityError as error:
        message = "Another metric has this key."
        raise MetricRefused({"key": ValidationError(message, code="unique")}) from error


def _keep_version(metric: Metric) -> None:
    MetricVersion.objects.create(
        metric=metric, version=metric.version, methodology=metric.methodology, formula=metric.formula
    )

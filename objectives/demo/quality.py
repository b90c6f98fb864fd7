"""What the demo shows about data quality: who measures how often, something stale, retrofitted, disputed and held.

None of it moves a score: readings are added only of metrics that no objective of the account follows.
"""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from django.db.models import Exists, Min, OuterRef

from accounts.models import Account
from objectives.demo.plan import SYNC
from objectives.evidence import Origin
from objectives.models import CompletionType, HeldReading, Metric, Objective, Reading
from objectives.services.checks import refresh_disagreements
from objectives.services.standings import refresh_due
from valuerealization.common.models import AuditEntry

# By metric: how often, who measures, validates, reports.
_WEEKLY: Final = ("weekly", "Data warehouse", "Customer’s process owner", "CSM")
_OTHERS: Final = {
    "customer_satisfaction": ("monthly", "Customer’s support lead", "CSM", "CSM"),
    "training_completion": ("monthly", "Training coordinator", "CSM", "CSM"),
    "cost_per_order": ("monthly", "Customer’s controller", "Finance approver", "CSM"),
}
_OWN: Final = ("monthly", "Customer’s process owner", "CSM", "CSM")
_DISPUTED: Final = ("daily_active_users", Decimal(1180), Decimal(1320))
_HELD: Final = ("daily_active_users", Decimal(118_000), Decimal(1180))
_RETROFITTED: Final = 2
_LATE: Final = 3


def add_quality(*, accounts: list[Account], at: datetime) -> None:
    """Give the demo's metrics and goals their collection, and each kind of flag something to show."""
    _collect()
    _retrofit(accounts)
    _dispute(accounts, at=at)
    refresh_due(account_ids=[account.pk for account in accounts])


def _collect() -> None:
    for metric in Metric.objects.order_by("pk"):
        cadence, measures, validates, reports = _OTHERS.get(metric.key, _WEEKLY)
        Metric.objects.filter(pk=metric.pk).update(
            cadence=cadence, measured_by=measures, validated_by=validates, reported_by=reports,
            hold_outliers=metric.key == _HELD[0],
        )  # fmt: skip
    cadence, measures, validates, reports = _OWN
    own = Objective.objects.filter(completion_type=CompletionType.VALUE)
    own.update(cadence=cadence, measured_by=measures, validated_by=validates, reported_by=reports)
    late = own.active().filter(measured_at__isnull=False).order_by("measured_at", "pk")[:_LATE]
    Objective.objects.filter(pk__in=[objective.pk for objective in late]).update(cadence="daily")


def _retrofit(accounts: list[Account]) -> None:
    """Let some accounts have gone live before their first baseline."""
    active = Objective.objects.active().numeric().filter(account__in=accounts, account__went_live_on__isnull=False)
    starts = active.values_list("account").annotate(first=Min("started_on")).order_by("-account")
    for account_id, first in starts[:_RETROFITTED]:
        Account.objects.filter(pk=account_id).update(went_live_on=first - timedelta(days=12))


def _dispute(accounts: list[Account], *, at: datetime) -> None:
    """Let two systems count the same thing differently, and one value wait for a person."""
    key, warehouse, crm = _DISPUTED
    metric = Metric.objects.get(key=key)
    followed = Objective.objects.filter(account=OuterRef("pk"), metric=metric)
    bare = Account.objects.filter(~Exists(followed), pk__in=[account.pk for account in accounts], archived_at=None)
    chosen = list(bare.order_by("pk")[:2])
    readings = Reading.objects.bulk_create(
        Reading(
            account=account, metric=metric, metric_version=metric.version, value=value, source=source,
            observed_at=at - timedelta(days=days), recorded_at=at - timedelta(days=days), origin=Origin.SYSTEM.value,
            recorded_by=f"API key {SYNC}", note="Demo data",
        )
        for account in chosen
        for days, value, source in ((2, crm, "CRM report"), (1, warehouse, SYNC))
    )  # fmt: skip
    refresh_disagreements(pairs=[(reading.account_id, metric.pk) for reading in readings])
    AuditEntry.objects.bulk_create(
        AuditEntry(
            at=reading.recorded_at, actor_kind=AuditEntry.Actor.API_KEY, actor_name=reading.recorded_by,
            action="readings.recorded", account_id=reading.account_id, subject_type="accounts.account",
            subject_id=reading.account_id, subject_label=reading.account.name,
            details={"count": 1, "first_reading": reading.pk, "last_reading": reading.pk},
        )
        for reading in readings
    )  # fmt: skip
    _, value, usual = _HELD
    for account in chosen[:1]:
        HeldReading.objects.create(
            account=account, metric=metric, value=value, usual=usual, observed_at=at - timedelta(hours=5),
            held_at=at - timedelta(hours=5), source=SYNC, confidence="high", origin=Origin.SYSTEM.value,
            recorded_by=f"API key {SYNC}", note="Demo data",
        )  # fmt: skip

"""What an account's export holds of this app."""

from django.db.models import Q

from accounts.documents.account_export import register
from objectives.models import (
    Disagreement,
    HeldReading,
    Metric,
    MetricVersion,
    Objective,
    ObjectiveHistory,
    ObjectiveRevision,
    Reading,
    ReplacedSnapshot,
    Restatement,
    Snapshot,
    SnapshotObjective,
    Standing,
)


def _metrics(account: int) -> Q:
    """Pick the metrics that the account is or was measured by."""
    followed = ObjectiveRevision.objects.filter(objective__account_id=account).values("metric_id")
    measured = Reading.objects.filter(account_id=account).values("metric_id")
    return Q(pk__in=followed.filter(metric__isnull=False)) | Q(pk__in=measured.filter(metric__isnull=False))


register(
    "objectives", "what the customer wants to reach",
    lambda account: Objective.objects.filter(account_id=account).order_by("pk"),
)  # fmt: skip
register(
    "objective_revisions", "every definition an objective has had",
    lambda account: ObjectiveRevision.objects.filter(objective__account_id=account).order_by("objective_id", "number"),
)  # fmt: skip
register(
    "objective_history", "earlier states of objectives, with who changed them and why",
    lambda account: ObjectiveHistory.objects.filter(pgh_obj__account_id=account).order_by("pk"),
)  # fmt: skip
register(
    "metrics", "the metrics the account is measured by, shared with other accounts",
    lambda account: Metric.objects.filter(_metrics(account)).order_by("pk"),
)  # fmt: skip
register(
    "metric_versions", "the methodology and formula those metrics have had",
    lambda account: MetricVersion.objects.filter(
        metric__in=Metric.objects.filter(_metrics(account)).values("pk")
    ).order_by("metric_id", "version"),
)  # fmt: skip
register(
    "readings", "every measurement, superseded ones too",
    lambda account: Reading.objects.filter(account_id=account).order_by("pk"),
)  # fmt: skip
register(
    "held_readings", "values far outside what was measured before, and what was decided about them",
    lambda account: HeldReading.objects.filter(account_id=account).order_by("pk"),
)  # fmt: skip
register(
    "disagreements", "sources that said different things",
    lambda account: Disagreement.objects.filter(account_id=account).order_by("pk"),
)  # fmt: skip
register(
    "standing", "where the account stands now",
    lambda account: Standing.objects.filter(account_id=account).order_by("pk"), omit=["name_key"],
)  # fmt: skip
register(
    "snapshots", "the weekly snapshots",
    lambda account: Snapshot.objects.filter(account_id=account).order_by("week", "pk"),
)  # fmt: skip
register(
    "snapshot_objectives", "the objectives in each snapshot",
    lambda account: SnapshotObjective.objects.filter(snapshot__account_id=account).order_by(
        "snapshot_id", "objective_id"
    ),
)  # fmt: skip
register(
    "restatements", "rebuilds of past weeks",
    lambda account: Restatement.objects.filter(account_id=account).order_by("pk"),
)  # fmt: skip
register(
    "replaced_snapshots", "what was there before a rebuild",
    lambda account: ReplacedSnapshot.objects.filter(account_id=account).order_by("pk"),
)  # fmt: skip

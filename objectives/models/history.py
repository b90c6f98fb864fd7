"""Earlier states of metrics and objectives, written by the database. What readings move is not among the columns."""

from objectives.models.metrics import Metric
from objectives.models.objectives import Objective
from valuerealization.common.history import event_model


class MetricHistory(
    event_model(  # type: ignore[misc]
        Metric,
        fields=("key", "name", "unit", "unit_label", "direction", "kind", "methodology", "formula"),
    )
):
    """A metric as it was before a change."""

    class Meta:
        db_table = "objectives_metrichistory"


class ObjectiveHistory(
    event_model(  # type: ignore[misc]
        Objective,
        fields=(
            "account", "external_id", "title", "details", "completion_type", "metric", "kind", "baseline", "target",
            "unit", "unit_label", "weight", "started_on", "due_on", "show_in_portal", "methodology", "source", "owner",
            "done", "archived_at",
        ),
    )
):  # fmt: skip
    """An objective as it was before a change; what snapshots are computed from is in its revisions."""

    class Meta:
        db_table = "objectives_objectivehistory"

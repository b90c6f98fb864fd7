"""Tables of the objectives app, one module per subject."""

from objectives.models.archives import SnapshotArchive
from objectives.models.history import MetricHistory, ObjectiveHistory
from objectives.models.imports import (
    DUE,
    IN_EFFECT,
    LEASE,
    RUNNING,
    FileFormat,
    ImportBatch,
    ImportBatchQuerySet,
    ImportChange,
    ImportChunk,
    ImportFailure,
    ImportKind,
    ImportMapping,
    ImportState,
    ImportSubject,
)
from objectives.models.metrics import Confidence, Direction, Kind, Metric, MetricVersion, Reading
from objectives.models.objectives import CompletionType, Objective, ObjectiveQuerySet, ObjectiveRevision
from objectives.models.quality import Disagreement, HeldReading
from objectives.models.snapshots import (
    ReplacedSnapshot,
    Restatement,
    Snapshot,
    SnapshotObjective,
    SnapshotQuerySet,
    TickRun,
    WeekRollup,
)
from objectives.models.standing import Standing, StandingQuerySet

__all__ = [
    "DUE",
    "IN_EFFECT",
    "LEASE",
    "RUNNING",
    "CompletionType",
    "Confidence",
    "Direction",
    "Disagreement",
    "FileFormat",
    "HeldReading",
    "ImportBatch",
    "ImportBatchQuerySet",
    "ImportChange",
    "ImportChunk",
    "ImportFailure",
    "ImportKind",
    "ImportMapping",
    "ImportState",
    "ImportSubject",
    "Kind",
    "Metric",
    "MetricHistory",
    "MetricVersion",
    "Objective",
    "ObjectiveHistory",
    "ObjectiveQuerySet",
    "ObjectiveRevision",
    "Reading",
    "ReplacedSnapshot",
    "Restatement",
    "Snapshot",
    "SnapshotArchive",
    "SnapshotObjective",
    "SnapshotQuerySet",
    "Standing",
    "StandingQuerySet",
    "TickRun",
    "WeekRollup",
]

"""Files that people import: the batch is the queue, and remembers what it changed so that it can be undone."""

from datetime import timedelta
from typing import Any, Final, Self

from django.db import models
from django.db.models import Q

from accounts.models import User
from valuerealization.common.models import DatabaseNow


class ImportKind(models.TextChoices):
    """What a file holds."""

    ACCOUNTS = "accounts", "Accounts"
    METRICS = "metrics", "Metrics"
    OBJECTIVES = "objectives", "Objectives"
    READINGS = "readings", "Readings"
    FOCUS = "focus", "Cloud bill (FOCUS)"


class ImportState(models.TextChoices):
    """How far a file has come; `*_due` waits for a worker."""

    UPLOADED = "uploaded", "Columns to match"
    CHECK_DUE = "check_due", "Waiting to be checked"
    CHECKING = "checking", "Being checked"
    CHECKED = "checked", "Checked"
    IMPORT_DUE = "import_due", "Waiting to be imported"
    IMPORTING = "importing", "Being imported"
    IMPORTED = "imported", "Imported"
    UNDO_DUE = "undo_due", "Waiting to be undone"
    UNDOING = "undoing", "Being undone"
    UNDONE = "undone", "Undone"
    FAILED = "failed", "Failed"
    CANCELLED = "cancelled", "Cancelled"


DUE = (ImportState.CHECK_DUE, ImportState.IMPORT_DUE, ImportState.UNDO_DUE)
RUNNING = (ImportState.CHECKING, ImportState.IMPORTING, ImportState.UNDOING)
LEASE: Final = timedelta(seconds=30)  # without a heartbeat; it beats twice a second
# Its effects are in the tables.
IN_EFFECT = (ImportState.IMPORTED, ImportState.UNDO_DUE, ImportState.UNDOING)


class FileFormat(models.TextChoices):
    """How a file is written."""

    CSV = "csv", "CSV"
    XLSX = "xlsx", "Excel"


class ImportBatchQuerySet(models.QuerySet["ImportBatch"]):
    """Filters over batches."""

    def visible_to(self, user: User) -> Self:
        """Keep a person's own batches; leaders and administrators see all of them."""
        return self if user.is_leader else self.filter(created_by=user)


class ImportBatch(models.Model):
    """One file on its way: uploaded, checked, imported, perhaps undone.

    A worker claims it by one conditional UPDATE, which raises `attempts`; what it does is kept only while that number
    is still its own. `heartbeat_at` moves while it works, on a connection of its own.
    """

    kind = models.CharField(max_length=12, choices=ImportKind)
    state = models.CharField(max_length=12, choices=ImportState, default=ImportState.UPLOADED)
    file_name = models.CharField(max_length=200)
    file_format = models.CharField(max_length=4, choices=FileFormat)
    size_bytes = models.PositiveBigIntegerField()
    source = models.CharField(max_length=120, blank=True)
    created_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="imports")  # null: a command
    # Who asked for what is done now: not always whoever uploaded it.
    asked_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    # what is in the file
    sheets: Any = models.JSONField(default=list)
    hidden_sheets = models.PositiveIntegerField(default=0)
    sheet = models.CharField(max_length=200, blank=True)
    headers: Any = models.JSONField(default=list)
    samples: Any = models.JSONField(default=list)
    columns: Any = models.JSONField(default=dict)  # number of the column in the file → our field
    # how the work goes
    attempts = models.PositiveIntegerField(default=0)
    heartbeat_at = models.DateTimeField(null=True)
    rows_total = models.PositiveIntegerField(default=0)
    rows_done = models.PositiveIntegerField(default=0)
    failure = models.TextField(blank=True)
    # what came of it
    only_good = models.BooleanField(default=False)
    is_whole = models.BooleanField(default=True)  # False: the file could not be read to its end
    rows_new = models.PositiveIntegerField(default=0)
    rows_changed = models.PositiveIntegerField(default=0)
    rows_unchanged = models.PositiveIntegerField(default=0)
    rows_failed = models.PositiveIntegerField(default=0)
    summary: Any = models.JSONField(default=dict)
    created_at = models.DateTimeField(db_default=DatabaseNow(), editable=False)
    updated_at = models.DateTimeField(db_default=DatabaseNow(), editable=False)
    imported_at = models.DateTimeField(null=True)
    undone_at = models.DateTimeField(null=True)
    undone_by = models.CharField(max_length=200, blank=True)

    objects = ImportBatchQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "import batches"
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=ImportKind.values), name="objectives_importbatch_kind_known"),
            models.CheckConstraint(
                condition=Q(state__in=ImportState.values), name="objectives_importbatch_state_known"
            ),
            models.CheckConstraint(
                condition=Q(file_format__in=FileFormat.values), name="objectives_importbatch_format_known"
            ),
            models.CheckConstraint(
                condition=Q(state__in=[*IN_EFFECT, ImportState.UNDONE], imported_at__isnull=False)
                | (~Q(state__in=[*IN_EFFECT, ImportState.UNDONE]) & Q(imported_at=None)),
                name="objectives_importbatch_imported_when",
            ),
            models.CheckConstraint(
                condition=(Q(state=ImportState.UNDONE, undone_at__isnull=False) & ~Q(undone_by=""))
                | (~Q(state=ImportState.UNDONE) & Q(undone_at=None, undone_by="")),
                name="objectives_importbatch_undone_when",
            ),
        ]
        indexes = [
            models.Index(
                fields=["state"], condition=Q(state__in=[*DUE, *RUNNING]), name="objectives_importbatch_waiting"
            )
        ]

    def __str__(self) -> str:
        return self.file_name

    def get_absolute_url(self) -> str:
        return f"/imports/{self.pk}/"


class ImportChunk(models.Model):
    """A piece of a batch's file, kept until the batch is over for some days: every web server and worker reads it."""

    id = models.BigAutoField(primary_key=True)
    batch = models.ForeignKey(ImportBatch, on_delete=models.CASCADE, related_name="chunks", db_index=False)
    number = models.PositiveIntegerField()
    data = models.BinaryField()

    class Meta:
        constraints = [models.UniqueConstraint("batch", "number", name="objectives_importchunk_in_order")]

    def __str__(self) -> str:
        return f"{self.batch_id}/{self.number}"


class ImportFailure(models.Model):
    """A line of a batch's file that can't be saved: its cells as they are in the file, and [field, what to do] each."""

    id = models.BigAutoField(primary_key=True)
    batch = models.ForeignKey(ImportBatch, on_delete=models.CASCADE, related_name="failures", db_index=False)
    line = models.PositiveIntegerField()
    cells: Any = models.JSONField(default=list)
    problems: Any = models.JSONField()

    class Meta:
        constraints = [models.UniqueConstraint("batch", "line", name="objectives_importfailure_one_a_line")]

    def __str__(self) -> str:
        return f"{self.batch_id}, line {self.line}"


class ImportSubject(models.TextChoices):
    """What a batch changed."""

    ACCOUNT = "account"
    METRIC = "metric"
    OBJECTIVE = "objective"
    READING = "reading"
    RESTATEMENT = "restatement"
    HELD = "held"


class ImportChange(models.Model):
    """Something that a batch added or changed. Append only.

    Shape: `changes` holds each field as [before, after], null for what was added; readings are ranges of ids, up to
    `last_id`. A held value is changed from nothing when it was added: somebody may have decided on it since.
    """

    id = models.BigAutoField(primary_key=True)
    batch = models.ForeignKey(ImportBatch, on_delete=models.PROTECT, related_name="changes", db_index=False)
    subject = models.CharField(max_length=12, choices=ImportSubject)
    subject_id = models.BigIntegerField()
    last_id = models.BigIntegerField(null=True)
    changes: Any = models.JSONField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint("batch", "subject", "subject_id", name="objectives_importchange_once"),
            models.CheckConstraint(
                condition=Q(subject__in=ImportSubject.values), name="objectives_importchange_subject_known"
            ),
            models.CheckConstraint(
                condition=Q(subject=ImportSubject.READING, last_id__gte=models.F("subject_id"))
                | (~Q(subject=ImportSubject.READING) & Q(last_id=None)),
                name="objectives_importchange_range",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.subject} {self.subject_id}"


class ImportMapping(models.Model):
    """How the columns of a source's files were matched last time: heading → our field, '' for passed over."""

    kind = models.CharField(max_length=12, choices=ImportKind)
    source = models.CharField(max_length=120)
    columns: Any = models.JSONField(default=dict)
    updated_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint("kind", "source", name="objectives_importmapping_one_a_source"),
            models.CheckConstraint(condition=Q(kind__in=ImportKind.values), name="objectives_importmapping_kind_known"),
            models.CheckConstraint(condition=~Q(source=""), name="objectives_importmapping_source_given"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} from {self.source}"

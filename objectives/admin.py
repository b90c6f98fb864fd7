"""Metrics and objectives in the admin, saved by `objectives.services`; what they lead to is read only."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from objectives.models import (
    CompletionType,
    Confidence,
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
    TickRun,
    WeekRollup,
)
from objectives.services import metrics, objectives
from valuerealization.common.admin import LedgerAdmin, ReadOnlyMixin, RefusableForm, ServiceAdmin, actor
from valuerealization.common.forms import NumberField
from valuerealization.common.numbers import to_plain


def number(name: str) -> Callable[[Any], str]:
    """Make a column of numbers without the zeros of their database column."""

    @admin.display(description=name.replace("_", " "), ordering=name)
    def column(row: Any) -> str:
        value = getattr(row, name)
        return "-" if value is None else to_plain(value)

    return column


class HistoryInline(ReadOnlyMixin, admin.TabularInline[Any, Any]):
    """Earlier states of a record, newest first."""

    extra = 0
    ordering = ("-pk",)


class MetricVersionInline(HistoryInline):
    """A metric's earlier methodologies and formulas."""

    model = MetricVersion
    verbose_name_plural = "versions"
    fields = ("version", "valid_from", "methodology", "formula")


@admin.register(Metric)
class MetricAdmin(ServiceAdmin[Metric]):
    """What accounts are measured by."""

    list_display = ("name", "key", "unit", "direction", "kind", "version")
    list_filter = ("kind", "direction", "unit")
    search_fields = ("name", "key")
    ordering = ("name", "pk")
    fields = metrics.FIELDS
    kept = ("version", "created_at", "updated_at")
    inlines = (MetricVersionInline,)

    def save_model(self, request: HttpRequest, obj: Metric, form: Any, change: bool) -> None:
        """Save by the services."""
        by, values = actor(request), form.typed(change=change)
        if change:
            self.follow(obj, metrics.update_metric(metric=obj, by=by, at=timezone.now(), **values))
        else:
            self.follow(obj, metrics.create_metric(by=by, **values))


class ObjectiveForm(RefusableForm):
    """An objective's fields; a number typed in current becomes a reading."""

    baseline = NumberField(required=False)
    measured_now = NumberField(  # the model's own `current` follows the readings, so no form edits it
        label="Current",
        required=False,
        help_text="Value based only: a number that differs from the last one is recorded as a reading of now.",
    )
    target = NumberField(required=False)
    weight = NumberField(initial=1)
    confidence = forms.ChoiceField(choices=Confidence, initial=Confidence.HIGH, help_text="How sure current is.")
    reason = forms.CharField(required=False, max_length=300, help_text="Why the definition changes; kept with it.")

    class Meta:
        model = Objective
        fields = ("account", *objectives.FIELDS)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial.setdefault("measured_now", self.instance.current)
        self.fields["started_on"].required = False
        self.fields["started_on"].help_text = "The day the baseline was taken; today for a new objective."


class RevisionInline(HistoryInline):
    """An objective's definition as it once was."""

    model = ObjectiveRevision
    verbose_name_plural = "revisions"
    fields = (
        "number", "valid_from", "title", "completion_type", "metric", "baseline", "target", "weight", "started_on",
        "due_on", "show_in_portal", "archived", "changed_by", "reason",
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Read the metrics with the revisions."""
        return super().get_queryset(request).select_related("metric", "objective")


@admin.register(Objective)
class ObjectiveAdmin(ServiceAdmin[Objective]):
    """What customers want to reach. Objectives are archived, never deleted."""

    form = ObjectiveForm
    list_display = (
        "title", "account", "completion_type", number("baseline"), number("current"), number("target"),
        number("completion"), "owner", "due_on", "show_in_portal", "archived_at",
    )  # fmt: skip
    list_filter = (
        "completion_type", "kind", "is_met", "show_in_portal", ("archived_at", admin.EmptyFieldListFilter),
    )  # fmt: skip
    list_select_related = ("account", "owner")
    search_fields = ("title", "=external_id", "account__name")
    search_help_text = "Part of a title or of an account's name, or an external id."
    ordering = ("-pk",)
    autocomplete_fields = ("account", "owner", "metric")
    fieldsets = (
        (None, {"fields": ("account", "title", "details", "owner", "external_id")}),
        (
            "Progress",
            {
                "fields": (
                    "completion_type", "metric", "unit", "unit_label", "baseline", "measured_now", "target",
                    "confidence", "weight", "done",
                )
            },
        ),
        ("Time and sharing", {"fields": ("started_on", "due_on", "show_in_portal")}),
        ("Evidence", {"fields": ("methodology", "source", "reason")}),
    )  # fmt: skip
    kept = (
        "readings", "completion", "is_met", "kind", "revision", "revised_at", "measured_at", "last_progress_at",
        "archived_at", "created_at", "updated_at",
    )  # fmt: skip
    inlines = (RevisionInline,)
    actions = ("archive", "restore")

    def get_readonly_fields(self, request: HttpRequest, obj: Objective | None = None) -> tuple[str, ...]:
        """Keep an objective with its account."""
        kept = super().get_readonly_fields(request, obj)
        return kept if obj is None else ("account", *kept)

    def view_on_site(self, obj: Objective) -> str:
        """Link to the objective's page."""
        return obj.get_absolute_url()

    @admin.display(description="readings")
    def readings(self, obj: Objective) -> str:
        """Link to the measurements that current comes from."""
        if obj.completion_type == CompletionType.MANUAL:
            return "-"
        of_metric = {"account": obj.account_id, "metric": obj.metric_id}
        subject = {"objective": obj.pk} if obj.metric_id is None else of_metric
        query = urlencode({f"{name}__id__exact": key for name, key in subject.items()})
        return format_html('<a href="{}?{}">All readings</a>', reverse("admin:objectives_reading_changelist"), query)

    def save_model(self, request: HttpRequest, obj: Objective, form: Any, change: bool) -> None:
        """Save by the services; their refusals name the fields."""
        by, at, values = actor(request), timezone.now(), form.typed(change=change)
        reason = values.pop("reason", "")
        if "measured_now" in values:
            values["current"] = values.pop("measured_now")
        try:
            if change:
                saved = objectives.update_objective(objective=obj, by=by, at=at, reason=reason, **values)
            else:
                saved = objectives.create_objective(by=by, at=at, **values)
        except objectives.ObjectiveRefused as error:
            raise refused(error) from error
        self.follow(obj, saved)

    @admin.action(description="Archive selected objectives")
    def archive(self, request: HttpRequest, queryset: QuerySet[Objective]) -> None:
        """Take the chosen objectives out of the mean."""
        at = timezone.now()
        for objective in queryset.active():  # type: ignore[attr-defined]
            objectives.archive_objective(objective=objective, by=actor(request), at=at)

    @admin.action(description="Restore selected objectives")
    def restore(self, request: HttpRequest, queryset: QuerySet[Objective]) -> None:
        """Bring the chosen objectives back into the mean."""
        at = timezone.now()
        for objective in queryset.exclude(archived_at=None):
            objectives.restore_objective(objective=objective, by=actor(request), at=at)


FORM_NAMES = {"customer": "account", "current": "measured_now"}


def refused(error: objectives.ObjectiveRefused) -> ValidationError:
    """Say by field what the service refused, in the names of the form."""
    reasons: dict[str, list[ValidationError]] = {}
    for reason in error.refusals:
        field = FORM_NAMES.get(reason.field, reason.field)
        reasons.setdefault(field, []).append(ValidationError(reason.message, code=reason.code))
    return ValidationError(reasons)


@admin.register(Reading)
class ReadingAdmin(LedgerAdmin[Reading]):
    """Measurements as they were recorded."""

    list_display = (
        "observed_at", "account", "metric", "objective", number("value"), "source", "confidence", "recorded_at",
        "recorded_by",
    )  # fmt: skip
    list_filter = ("confidence",)
    list_select_related = ("account", "metric", "objective")
    search_fields = ("account__name", "=account__external_id", "=external_id")
    search_help_text = "Part of an account's name, or an external id."


class OfAccountAdmin(LedgerAdmin[Any]):
    """Rows of an account, linked to its page."""

    list_select_related = ["account"]
    search_fields = ("account__name", "=account__external_id")
    search_help_text = "Part of an account's name, or its external id."

    def view_on_site(self, obj: Any) -> str:
        """Link to the account's page."""
        return str(obj.account.get_absolute_url())


@admin.register(Snapshot)
class SnapshotAdmin(OfAccountAdmin):
    """What was true at a week's boundary."""

    list_display = (
        "week", "account", number("value_delivered"), "status", number("days_without_progress"), "objectives_measured",
        "objectives_met", "objectives_total", "taken_at", "reconstructed", "restated",
    )  # fmt: skip
    list_filter = ("status", "reconstructed", "restated")
    readonly_fields = ("goals",)

    @admin.display(description="objectives")
    def goals(self, obj: Snapshot) -> SafeString:
        """List the objectives that make up the score."""
        numbers = [number(name) for name in ("baseline", "current", "target", "completion")]
        rows = SnapshotObjective.objects.filter(snapshot=obj).select_related("objective").order_by("objective_id")
        return format_html(
            "<table><thead><tr><th>Objective</th><th>Baseline</th><th>Current</th><th>Target</th><th>Completion</th>"
            "<th>Weight</th><th>Revision</th></tr></thead><tbody>{}</tbody></table>",
            format_html_join(
                "",
                "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
                (
                    (row.objective, *(column(row) for column in numbers), to_plain(row.weight), row.revision)
                    for row in rows
                ),
            ),
        )  # fmt: skip


@admin.register(Standing)
class StandingAdmin(ReadOnlyMixin, admin.ModelAdmin[Standing]):
    """Where each account stands, when its next snapshot is due, and what failed."""

    list_display = (
        "account", number("value_delivered"), "status", number("shown_value"), "shown_status", "next_boundary_at",
        "snapshot_week", "failed_at", "attempts", "failure",
    )  # fmt: skip
    list_filter = ("status", ("failed_at", admin.EmptyFieldListFilter), "is_archived")
    list_select_related = ("account",)
    search_fields = ("account__name", "=account__external_id")
    search_help_text = "Part of an account's name, or its external id."
    ordering = ("next_boundary_at", "pk")
    show_full_result_count = False

    def view_on_site(self, obj: Standing) -> str:
        """Link to the account's page."""
        return obj.account.get_absolute_url()


@admin.register(WeekRollup)
class WeekRollupAdmin(LedgerAdmin[WeekRollup]):
    """The whole portfolio, week by week."""

    list_display = (
        "week", "accounts", "scored", number("average"), "stalled", "at_risk", "on_track", "exceeded", "all_goals_met",
    )  # fmt: skip


@admin.register(Restatement)
class RestatementAdmin(OfAccountAdmin):
    """Rebuilds of past weeks, with their reasons."""

    is_audited = True
    list_display = (
        "created_at", "account", "from_week", "to_week", "weeks_added", "weeks_changed", "requested_by", "reason",
    )  # fmt: skip


@admin.register(ReplacedSnapshot)
class ReplacedSnapshotAdmin(OfAccountAdmin):
    """Snapshots as they stood before a restatement."""

    list_display = ("week", "account", "restatement")
    list_select_related = ["account", "restatement__account"]


@admin.register(TickRun)
class TickRunAdmin(LedgerAdmin[TickRun]):
    """Runs of the five-minute tick that had something to do, or were held."""

    list_display = ("started_at", "due", "moved", "held")
    list_filter = (("held", admin.EmptyFieldListFilter),)

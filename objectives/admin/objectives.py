"""Objectives in the admin."""

from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import F, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from accounts.admin.definitions import Archived
from objectives.admin.metrics import HistoryInline
from objectives.admin.scores import percent
from objectives.models import CompletionType, Confidence, Objective, ObjectiveRevision
from objectives.services import objectives
from valuerealization.common.admin import (
    ExportMixin,
    RefusableForm,
    ServiceAdmin,
    actor,
    ago,
    confirmed,
    import_address,
    number,
    pill,
)
from valuerealization.common.admin.filters import (
    AutocompleteSelectFilter,
    BooleanRadioFilter,
    ChoicesDropdownFilter,
    NumberRange,
    RangeDateFilter,
    RangeDateTimeFilter,
)
from valuerealization.common.exports import Column, PlainNumber
from valuerealization.common.forms import NumberField


class ObjectiveForm(RefusableForm):
    """An objective's fields; a number typed in current becomes a reading."""

    baseline = NumberField(required=False, widget=UnfoldAdminTextInputWidget)
    measured_now = NumberField(  # the model's own `current` follows the readings, so no form edits it
        label="Current",
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text="Value based only: a number that differs from the last one is recorded as a reading of now.",
    )
    target = NumberField(required=False, widget=UnfoldAdminTextInputWidget)
    weight = NumberField(initial=1, widget=UnfoldAdminTextInputWidget)
    confidence = forms.ChoiceField(
        choices=Confidence,
        initial=Confidence.HIGH,
        widget=UnfoldAdminSelectWidget,
        help_text="How sure current is.",
    )

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
class ObjectiveAdmin(ExportMixin, ServiceAdmin[Objective]):
    """What customers want to reach. Objectives are archived, never deleted."""

    section = "Value"
    icon = "flag"
    menu_order = 10
    form = ObjectiveForm
    list_display = (
        "title", "account", "completed", number("baseline"), number("current"), number("target"), "progressed",
        "owner", "due_on", "show_in_portal", "archived_at",
    )  # fmt: skip
    list_filter = (
        Archived,
        ("account", AutocompleteSelectFilter),
        ("owner", AutocompleteSelectFilter),
        ("metric", AutocompleteSelectFilter),
        ("completion_type", ChoicesDropdownFilter),
        ("kind", ChoicesDropdownFilter),
        ("completion", NumberRange),
        ("is_met", BooleanRadioFilter),
        ("due_on", RangeDateFilter),
        ("last_progress_at", RangeDateTimeFilter),
        ("show_in_portal", BooleanRadioFilter),
    )
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
        ("Evidence", {"fields": ("methodology", "source")}),
        ("Collection", {"fields": ("cadence", "measured_by", "validated_by", "reported_by")}),
    )  # fmt: skip
    kept = (
        "readings", "completion", "is_met", "kind", "revision", "revised_at", "measured_at", "grade",
        "last_progress_at", "next_due_on", "archived_at", "created_at", "updated_at",
    )  # fmt: skip
    inlines = (RevisionInline,)
    exported = (
        Column("id", F("pk")),
        Column("external_id", F("external_id"), is_text=True),
        Column("account_id", F("account_id")),
        Column("account", F("account__name"), is_text=True),
        Column("title", F("title"), is_text=True),
        Column("completion_type", F("completion_type"), is_text=True),
        Column("metric", F("metric__key"), is_text=True),
        Column("unit", F("unit"), is_text=True),
        Column("baseline", PlainNumber(F("baseline"))),
        Column("current", PlainNumber(F("current"))),
        Column("target", PlainNumber(F("target"))),
        Column("completion", PlainNumber(F("completion"))),
        Column("weight", PlainNumber(F("weight"))),
        Column("owner", F("owner__email"), is_text=True),
        Column("started_on", F("started_on")),
        Column("due_on", F("due_on")),
        Column("measured_at", F("measured_at")),
        Column("last_progress_at", F("last_progress_at")),
        Column("show_in_portal", F("show_in_portal")),
        Column("archived_at", F("archived_at")),
    )
    actions = ("archive", "restore")

    def get_readonly_fields(self, request: HttpRequest, obj: Objective | None = None) -> tuple[str, ...]:
        """Keep an objective with its account."""
        kept = super().get_readonly_fields(request, obj)
        return kept if obj is None else ("account", *kept)

    def view_on_site(self, obj: Objective) -> str:
        """Link to the objective's page."""
        return obj.get_absolute_url()

    @property
    def import_url(self) -> str:
        """Link to the import of files."""
        return import_address("objectives")

    @admin.display(description="completion", ordering="completion")
    def completed(self, obj: Objective) -> str:
        """Write the completion, or why there is none."""
        if not obj.is_numeric:
            return "Done" if obj.done else "Not done"
        if obj.completion is None:
            return "Not measured yet"
        return pill(percent(obj.completion), tone="good") if obj.is_met else percent(obj.completion)

    @admin.display(description="last progress", ordering="last_progress_at")
    def progressed(self, obj: Objective) -> str:
        """Say how long ago the objective moved towards its target."""
        return ago(obj.last_progress_at)

    @admin.display(description="readings")
    def readings(self, obj: Objective) -> str:
        """Link to the measurements that current comes from."""
        if obj.completion_type == CompletionType.MANUAL:
            return "-"
        of_metric = {"account": obj.account_id, "metric": obj.metric_id}
        subject = {"objective": obj.pk} if obj.metric_id is None else of_metric
        query = urlencode({f"{name}__id__exact": key for name, key in subject.items()})
        return format_html(
            '<a class="vr-go" href="{}?{}">All readings</a>', reverse("admin:objectives_reading_changelist"), query
        )

    def save_model(self, request: HttpRequest, obj: Objective, form: Any, change: bool) -> None:
        """Save by the services; their refusals name the fields."""
        by, at, values = actor(request), timezone.now(), form.typed(change=change)
        reason = form.given_reason
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

    @confirmed(
        description="Archive selected objectives",
        question="Archive these objectives? They leave their accounts' mean at once; their history stays.",
        button="Archive",
    )
    def archive(self, request: HttpRequest, queryset: QuerySet[Objective], reason: str) -> None:
        """Take the chosen objectives out of the mean."""
        at = timezone.now()
        for objective in queryset.active():  # type: ignore[attr-defined]
            objectives.archive_objective(objective=objective, by=actor(request), at=at, reason=reason)

    @confirmed(
        description="Restore selected objectives",
        question="Restore these objectives? They count in their accounts' mean again at once.",
        button="Restore",
    )
    def restore(self, request: HttpRequest, queryset: QuerySet[Objective], reason: str) -> None:
        """Bring the chosen objectives back into the mean."""
        at = timezone.now()
        for objective in queryset.exclude(archived_at=None):
            objectives.restore_objective(objective=objective, by=actor(request), at=at, reason=reason)


FORM_NAMES = {"customer": "account", "current": "measured_now"}


def refused(error: objectives.ObjectiveRefused) -> ValidationError:
    """Say by field what the service refused, in the names of the form."""
    reasons: dict[str, list[ValidationError]] = {}
    for reason in error.refusals:
        field = FORM_NAMES.get(reason.field, reason.field)
        reasons.setdefault(field, []).append(ValidationError(reason.message, code=reason.code))
    return ValidationError(reasons)

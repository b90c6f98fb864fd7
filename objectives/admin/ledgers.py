"""What follows from definitions and readings: to look at, newest first."""

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import F
from django.template.defaultfilters import filesizeformat
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from objectives.admin.scores import StatusFilter, percent, status_pill
from objectives.models import (
    Reading,
    ReplacedSnapshot,
    Restatement,
    Snapshot,
    SnapshotArchive,
    SnapshotObjective,
    Standing,
    TickRun,
    WeekRollup,
)
from valuerealization.common.admin import (
    NOTHING,
    ExportMixin,
    LedgerAdmin,
    ModelAdmin,
    ReadOnlyMixin,
    columns_of,
    import_address,
    number,
)
from valuerealization.common.admin.filters import (
    AutocompleteSelectFilter,
    BooleanRadioFilter,
    ChoicesDropdownFilter,
    NumberRange,
    RangeDateFilter,
    RangeDateTimeFilter,
    Whether,
    number_range,
)
from valuerealization.common.exports import Column, PlainNumber
from valuerealization.common.numbers import to_plain


@admin.register(Reading)
class ReadingAdmin(ExportMixin, LedgerAdmin[Reading]):
    """Measurements as they were recorded."""

    section = "Value"
    icon = "speed"
    menu_order = 30
    list_display = (
        "observed_at", "account", "metric", "objective", number("value"), "source", "confidence", "recorded_at",
        "recorded_by",
    )  # fmt: skip
    list_filter = (
        ("account", AutocompleteSelectFilter),
        ("metric", AutocompleteSelectFilter),
        ("confidence", ChoicesDropdownFilter),
        ("value", NumberRange),
        ("observed_at", RangeDateTimeFilter),
        ("recorded_at", RangeDateTimeFilter),
    )
    list_select_related = ("account", "metric", "objective")
    search_fields = ("account__name", "=account__external_id", "=external_id")
    search_help_text = "Part of an account's name, or an external id."
    exported = (
        Column("id", F("pk")),
        Column("account", F("account__name"), is_text=True),
        Column("metric", F("metric__key"), is_text=True),
        Column("objective", F("objective__title"), is_text=True),
        Column("observed_at", F("observed_at")),
        Column("value", PlainNumber(F("value"))),
        Column("source", F("source"), is_text=True),
        Column("confidence", F("confidence"), is_text=True),
        Column("note", F("note"), is_text=True),
        Column("external_id", F("external_id"), is_text=True),
        Column("recorded_at", F("recorded_at")),
        Column("recorded_by", F("recorded_by"), is_text=True),
    )

    @property
    def import_url(self) -> str:
        """Link to the import of files."""
        return import_address("readings")


class OfAccountAdmin(LedgerAdmin[Any]):
    """Rows of an account, linked to its page."""

    list_select_related = ["account"]
    list_filter: ClassVar[Any] = (("account", AutocompleteSelectFilter),)
    search_fields = ("account__name", "=account__external_id")
    search_help_text = "Part of an account's name, or its external id."

    def view_on_site(self, obj: Any) -> str:
        """Link to the account's page."""
        return str(obj.account.get_absolute_url())


@admin.register(Snapshot)
class SnapshotAdmin(ExportMixin, OfAccountAdmin):
    """What was true at a week's boundary."""

    section = "Snapshots"
    icon = "photo_camera"
    menu_order = 10
    list_display = (
        "week", "account", "value", "labelled", number("days_without_progress"), "goals_met", "taken_at",
        "reconstructed", "restated",
    )  # fmt: skip
    list_filter: ClassVar[Any] = (
        ("account", AutocompleteSelectFilter),
        ("status", ChoicesDropdownFilter),
        ("week", RangeDateFilter),
        ("value_delivered", NumberRange),
        ("reconstructed", BooleanRadioFilter),
        ("restated", BooleanRadioFilter),
    )
    exported = (
        Column("account", F("account__name"), is_text=True),
        Column("week", F("week")),
        Column("boundary_at", F("boundary_at")),
        Column("value_delivered", PlainNumber(F("value_delivered"))),
        Column("status", F("status"), is_text=True),
        Column("days_without_progress", PlainNumber(F("days_without_progress"))),
        Column("objectives_total", F("objectives_total")),
        Column("objectives_measured", F("objectives_measured")),
        Column("objectives_met", F("objectives_met")),
        Column("reconstructed", F("reconstructed")),
        Column("restated", F("restated")),
    )
    readonly_fields = ("goals",)

    @admin.display(description="value delivered")
    def value(self, obj: Snapshot) -> str:
        """Write the score of the week."""
        return percent(obj.value_delivered)

    @admin.display(description="status")
    def labelled(self, obj: Snapshot) -> str:
        """Show the status of the week."""
        return status_pill(obj.status)

    @admin.display(description="goals met")
    def goals_met(self, obj: Snapshot) -> str:
        """Count the goals that were met."""
        return f"{obj.objectives_met} of {obj.objectives_total}"

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


class LiveStatusFilter(StatusFilter):
    """By the live status."""

    column = "status"


class Failed(Whether):
    """Accounts whose snapshot fails, or the others."""

    title = "snapshot"
    parameter_name = "failed"
    column = "failed_at"
    filled = "Failing"
    empty = "Fine"


@admin.register(Standing)
class StandingAdmin(ExportMixin, ReadOnlyMixin, ModelAdmin[Standing]):
    """Where each account stands, when its next snapshot is due, and what failed."""

    section = "Snapshots"
    icon = "leaderboard"
    menu_order = 20
    list_display = (
        "account", "live", "live_status", "shown", "shown_label", "next_boundary_at", "snapshot_week", "failed_at",
        "attempts", "failure",
    )  # fmt: skip
    list_filter = (
        LiveStatusFilter,
        Failed,
        ("shown_value", number_range("value delivered %")),
        ("next_boundary_at", RangeDateTimeFilter),
        ("is_archived", BooleanRadioFilter),
    )
    list_select_related = ("account",)
    search_fields = ("account__name", "=account__external_id")
    search_help_text = "Part of an account's name, or its external id."
    ordering = ("next_boundary_at", "pk")
    exported = columns_of(
        Standing, "account__name", "value_delivered", "verified", "outcomes", "status", "last_progress_at",
        "objectives_total", "objectives_measured", "objectives_met", "objectives_manual", "shown_value", "shown_status",
        "snapshot_week", "next_boundary_at", "failed_at", "failure", "attempts",
    )  # fmt: skip
    show_full_result_count = False

    @admin.display(description="live", ordering="value_delivered")
    def live(self, obj: Standing) -> str:
        """Write the score of now."""
        return percent(obj.value_delivered)

    @admin.display(description="live status", ordering="status_rank")
    def live_status(self, obj: Standing) -> str:
        """Show the status of now."""
        return status_pill(obj.status)

    @admin.display(description="in the portfolio", ordering="shown_value")
    def shown(self, obj: Standing) -> str:
        """Write the score that the portfolio shows."""
        return percent(obj.shown_value)

    @admin.display(description="status there", ordering="shown_rank")
    def shown_label(self, obj: Standing) -> str:
        """Show the status that the portfolio shows."""
        return status_pill(obj.shown_status)

    def view_on_site(self, obj: Standing) -> str:
        """Link to the account's page."""
        return obj.account.get_absolute_url()


@admin.register(WeekRollup)
class WeekRollupAdmin(ExportMixin, LedgerAdmin[WeekRollup]):
    """The whole portfolio, week by week."""

    section = "Snapshots"
    icon = "calendar_view_week"
    menu_title = "Weeks of the portfolio"
    menu_order = 30
    list_display = (
        "week", "accounts", "scored", "mean", "stalled", "at_risk", "on_track", "exceeded", "all_goals_met",
    )  # fmt: skip
    list_filter = (("week", RangeDateFilter),)
    exported = columns_of(
        WeekRollup, "week", "accounts", "scored", "average", "stalled", "at_risk", "on_track", "exceeded",
        "all_goals_met",
    )  # fmt: skip

    @admin.display(description="average")
    def mean(self, obj: WeekRollup) -> str:
        """Write the average of the week."""
        return NOTHING if obj.average is None else percent(obj.average)


@admin.register(Restatement)
class RestatementAdmin(ExportMixin, OfAccountAdmin):
    """Rebuilds of past weeks, with their reasons."""

    section = "Snapshots"
    icon = "replay"
    menu_order = 40
    is_audited = True
    list_display = (
        "created_at", "account", "from_week", "to_week", "weeks_added", "weeks_changed", "requested_by", "reason",
    )  # fmt: skip
    exported = columns_of(
        Restatement, "created_at", "account__name", "from_week", "to_week", "weeks_added", "weeks_changed",
        "requested_by", "reason",
    )  # fmt: skip


@admin.register(ReplacedSnapshot)
class ReplacedSnapshotAdmin(ExportMixin, OfAccountAdmin):
    """Snapshots as they stood before a restatement."""

    section = "Snapshots"
    icon = "archive"
    menu_order = 50
    list_display = ("week", "account", "restatement")
    list_select_related = ["account", "restatement__account"]
    exported = columns_of(ReplacedSnapshot, "week", "account__name", "restatement__reason", "snapshot", "objectives")


@admin.register(TickRun)
class TickRunAdmin(ExportMixin, LedgerAdmin[TickRun]):
    """Runs of the five-minute tick that had something to do, or were held."""

    section = "System"
    icon = "timer"
    menu_title = "Runs of the tick"
    menu_order = 20
    note = "The tick runs every five minutes. A run that found nothing to do leaves no line."
    list_display = ("started_at", "due", "moved", "held")
    exported = columns_of(TickRun, "started_at", "due", "taken", "failed", "late_seconds", "moved", "held")
    list_filter = (("started_at", RangeDateTimeFilter),)


class Removed(Whether):
    """Files whose rows have left the live tables, or those that were brought back."""

    title = "rows"
    parameter_name = "removed"
    column = "removed_at"
    filled = "In the file alone"
    empty = "In the tables too"


@admin.register(SnapshotArchive)
class SnapshotArchiveAdmin(ExportMixin, LedgerAdmin[SnapshotArchive]):
    """Files that hold weeks older than the retention window."""

    section = "Snapshots"
    icon = "inventory_2"
    menu_title = "Archive files"
    menu_order = 60
    note = (
        "Written on the 1st of the month, read back, and only then are the rows removed. Operations shows what is due."
    )
    list_display = ("file", "first_week", "last_week", "snapshots", "objectives", "replaced", "weight", "created_at")
    list_filter = (Removed, ("first_week", RangeDateFilter), ("created_at", RangeDateTimeFilter))
    search_fields = ("file", "=sha256")
    search_help_text = "Part of a file's name, or its SHA-256."
    exported = columns_of(
        SnapshotArchive, "file", "first_week", "last_week", "snapshots", "objectives", "replaced", "size", "sha256",
        "created_at", "removed_at",
    )  # fmt: skip

    def view_on_site(self, obj: SnapshotArchive) -> str:  # noqa: ARG002
        """Link to the page that lists the files with what runs beside them."""
        return reverse("operations")

    @admin.display(description="size")
    def weight(self, obj: SnapshotArchive) -> str:
        """Write the size of the file."""
        return filesizeformat(obj.size)

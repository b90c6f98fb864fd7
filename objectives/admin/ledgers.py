"""What follows from definitions and readings: to look at, newest first."""

from typing import Any

from django.contrib import admin
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from objectives.models import (
    Reading,
    ReplacedSnapshot,
    Restatement,
    Snapshot,
    SnapshotObjective,
    Standing,
    TickRun,
    WeekRollup,
)
from valuerealization.common.admin import LedgerAdmin, ModelAdmin, ReadOnlyMixin, number
from valuerealization.common.numbers import to_plain


@admin.register(Reading)
class ReadingAdmin(LedgerAdmin[Reading]):
    """Measurements as they were recorded."""

    section = "Value"
    icon = "speed"
    menu_order = 30
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

    section = "Snapshots"
    icon = "photo_camera"
    menu_order = 10
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
class StandingAdmin(ReadOnlyMixin, ModelAdmin[Standing]):
    """Where each account stands, when its next snapshot is due, and what failed."""

    section = "Snapshots"
    icon = "leaderboard"
    menu_order = 20
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

    section = "Snapshots"
    icon = "calendar_view_week"
    menu_title = "Weeks of the portfolio"
    menu_order = 30
    list_display = (
        "week", "accounts", "scored", number("average"), "stalled", "at_risk", "on_track", "exceeded", "all_goals_met",
    )  # fmt: skip


@admin.register(Restatement)
class RestatementAdmin(OfAccountAdmin):
    """Rebuilds of past weeks, with their reasons."""

    section = "Snapshots"
    icon = "replay"
    menu_order = 40
    is_audited = True
    list_display = (
        "created_at", "account", "from_week", "to_week", "weeks_added", "weeks_changed", "requested_by", "reason",
    )  # fmt: skip


@admin.register(ReplacedSnapshot)
class ReplacedSnapshotAdmin(OfAccountAdmin):
    """Snapshots as they stood before a restatement."""

    section = "Snapshots"
    icon = "archive"
    menu_order = 50
    list_display = ("week", "account", "restatement")
    list_select_related = ["account", "restatement__account"]


@admin.register(TickRun)
class TickRunAdmin(LedgerAdmin[TickRun]):
    """Runs of the five-minute tick that had something to do, or were held."""

    section = "System"
    icon = "timer"
    menu_title = "Runs of the tick"
    menu_order = 20
    list_display = ("started_at", "due", "moved", "held")
    list_filter = (("held", admin.EmptyFieldListFilter),)

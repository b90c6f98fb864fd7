"""Metrics in the admin."""

from typing import Any

from django.contrib import admin
from django.db.models import Count, F, IntegerField, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.utils import timezone

from objectives.models import Metric, MetricVersion, Objective
from objectives.services import metrics
from valuerealization.common.admin import (
    ExportMixin,
    ReadOnlyMixin,
    ServiceAdmin,
    TabularInline,
    actor,
    import_address,
)
from valuerealization.common.admin.filters import ChoicesDropdownFilter
from valuerealization.common.exports import Column


class HistoryInline(ReadOnlyMixin, TabularInline[Any, Any]):
    """Earlier states of a record, newest first."""

    extra = 0
    ordering = ("-pk",)


class MetricVersionInline(HistoryInline):
    """A metric's earlier methodologies and formulas."""

    model = MetricVersion
    verbose_name_plural = "versions"
    fields = ("version", "valid_from", "methodology", "formula")


@admin.register(Metric)
class MetricAdmin(ExportMixin, ServiceAdmin[Metric]):
    """What accounts are measured by."""

    section = "Value"
    icon = "straighten"
    menu_order = 20
    list_display = ("name", "key", "unit", "direction", "kind", "version", "used")
    list_filter = (
        ("kind", ChoicesDropdownFilter),
        ("direction", ChoicesDropdownFilter),
        ("unit", ChoicesDropdownFilter),
    )
    search_fields = ("name", "key")
    ordering = ("name", "pk")
    fields = metrics.FIELDS
    kept = ("version", "created_at", "updated_at")
    inlines = (MetricVersionInline,)
    search_help_text = "Part of a name or of a key."
    exported = (
        Column("key", F("key"), is_text=True),
        Column("name", F("name"), is_text=True),
        Column("unit", F("unit"), is_text=True),
        Column("unit_label", F("unit_label"), is_text=True),
        Column("direction", F("direction"), is_text=True),
        Column("kind", F("kind"), is_text=True),
        Column("methodology", F("methodology"), is_text=True),
        Column("formula", F("formula"), is_text=True),
        Column("version", F("version")),
        Column("objectives", F("followers")),
    )

    @property
    def import_url(self) -> str:
        """Link to the import of files."""
        return import_address("metrics")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Metric]:
        """Count the objectives that follow each metric, with the list."""
        following = (
            Objective.objects.active()
            .filter(metric=OuterRef("pk"))
            .order_by()
            .values("metric")
            .annotate(number=Count("pk"))
            .values("number")
        )
        number = Coalesce(Subquery(following, output_field=IntegerField()), 0)
        rows: QuerySet[Metric] = super().get_queryset(request).annotate(followers=number)
        return rows

    @admin.display(description="objectives", ordering="followers")
    def used(self, obj: Any) -> int:
        """Count the objectives that follow the metric."""
        return int(obj.followers)

    def save_model(self, request: HttpRequest, obj: Metric, form: Any, change: bool) -> None:
        """Save by the services."""
        by, values = actor(request), form.typed(change=change)
        if change:
            self.follow(obj, metrics.update_metric(metric=obj, by=by, at=timezone.now(), **values))
        else:
            self.follow(obj, metrics.create_metric(by=by, **values))

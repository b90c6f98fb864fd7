"""Metrics in the admin."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone

from objectives.models import Metric, MetricVersion
from objectives.services import metrics
from valuerealization.common.admin import ReadOnlyMixin, ServiceAdmin, TabularInline, actor


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
class MetricAdmin(ServiceAdmin[Metric]):
    """What accounts are measured by."""

    section = "Value"
    icon = "straighten"
    menu_order = 20
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

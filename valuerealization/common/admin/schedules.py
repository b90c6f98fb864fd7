"""The scheduler's tables, each change in the audit log."""

from typing import Any

import django_celery_beat.admin as beat
from django.contrib import admin, messages
from django.http import HttpRequest
from django_celery_beat.models import ClockedSchedule, CrontabSchedule, IntervalSchedule, PeriodicTask, SolarSchedule
from kombu.exceptions import OperationalError
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from valuerealization.common import audit
from valuerealization.common.admin.base import ModelAdmin, TabularInline, actor

admin.site.unregister([PeriodicTask, IntervalSchedule, CrontabSchedule, SolarSchedule, ClockedSchedule])


class TaskSelect(UnfoldAdminSelectWidget, beat.TaskSelectWidget):  # type: ignore[misc]
    """The registered tasks, in the theme's clothes."""


class PeriodicTaskForm(beat.PeriodicTaskForm):  # type: ignore[misc]
    """The library's form, in the theme's clothes."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["task"].widget = UnfoldAdminTextInputWidget()
        self.fields["regtask"].widget = TaskSelect()


@admin.register(PeriodicTask)
class PeriodicTaskAdmin(beat.PeriodicTaskAdmin, ModelAdmin[PeriodicTask]):  # type: ignore[misc]
    """The scheduler's entries: the library's pages without inline script, each change in the audit log."""

    section = "System"
    icon = "schedule"
    menu_title = "Schedules"
    menu_order = 10
    form = PeriodicTaskForm
    is_audited = True
    change_form_template = "admin/change_form.html"
    actions = ("run_tasks",)

    def save_model(self, request: HttpRequest, obj: PeriodicTask, form: Any, change: bool) -> None:
        """Save and write the audit entry."""
        super().save_model(request, obj, form, change)
        audit.record(
            by=actor(request),
            action="periodic_task.updated" if change else "periodic_task.created",
            subject=obj,
            details={name: [form.initial.get(name), str(form.cleaned_data[name])] for name in form.changed_data},
        )

    def delete_model(self, request: HttpRequest, obj: PeriodicTask) -> None:
        """Delete and write the audit entry."""
        audit.record(by=actor(request), action="periodic_task.deleted", subject=obj)
        super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:
        """Delete one by one, each with its audit entry."""
        for task in queryset:
            self.delete_model(request, task)

    @admin.action(description="Run selected tasks now")
    def run_tasks(self, request: HttpRequest, queryset: Any) -> None:
        """Send the tasks to the workers; say so when the broker is away."""
        try:
            super().run_tasks(request, queryset)
        except OperationalError:
            self.message_user(request, "The broker can't be reached: nothing was run.", messages.ERROR)


class PeriodicTaskInline(TabularInline[PeriodicTask, Any]):
    """The tasks of a schedule."""

    model = PeriodicTask
    fields = ("name", "task", "enabled")
    readonly_fields = fields
    can_delete = False
    extra = 0
    show_change_link = True
    verbose_name_plural = "tasks with this schedule"

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        """Add tasks on their own page."""
        return False


class ScheduleAdmin(ModelAdmin[Any]):
    """A point in time or a rhythm, and the tasks that keep to it. Reached from a task's page."""

    section = None
    inlines = (PeriodicTaskInline,)


@admin.register(IntervalSchedule)
class IntervalScheduleAdmin(ScheduleAdmin):
    """Every so often."""


@admin.register(CrontabSchedule)
class CrontabScheduleAdmin(beat.CrontabScheduleAdmin, ScheduleAdmin):  # type: ignore[misc]
    """By the clock and the calendar."""

    inlines = ScheduleAdmin.inlines


@admin.register(SolarSchedule)
class SolarScheduleAdmin(ScheduleAdmin):
    """By the sun."""


@admin.register(ClockedSchedule)
class ClockedScheduleAdmin(ScheduleAdmin):
    """Once."""

    list_display = ("clocked_time",)
    fields = ("clocked_time",)

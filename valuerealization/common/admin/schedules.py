"""The scheduler's tables, each change in the audit log."""

from datetime import datetime
from typing import Any

import django_celery_beat.admin as beat
from celery import current_app
from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest
from django.utils import timezone
from django.utils.formats import date_format
from django_celery_beat.models import ClockedSchedule, CrontabSchedule, IntervalSchedule, PeriodicTask, SolarSchedule
from kombu.exceptions import OperationalError
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from valuerealization.common import audit
from valuerealization.common.admin.base import ModelAdmin, TabularInline, actor
from valuerealization.common.admin.bulk import confirmed
from valuerealization.common.admin.exports import ExportMixin, columns_of
from valuerealization.common.admin.filters import BooleanRadioFilter, RangeDateTimeFilter

admin.site.unregister([PeriodicTask, IntervalSchedule, CrontabSchedule, SolarSchedule, ClockedSchedule])


class TaskSelect(UnfoldAdminSelectWidget, beat.TaskSelectWidget):  # type: ignore[misc]
    """The registered tasks, in the theme's clothes."""


class PeriodicTaskForm(beat.PeriodicTaskForm):  # type: ignore[misc]
    """The library's form, in the theme's clothes."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["task"].widget = UnfoldAdminTextInputWidget()
        self.fields["regtask"].widget = TaskSelect()


def rhythm(task: PeriodicTask) -> str:
    """Say in words when a task runs."""
    if task.interval is not None:
        every, period = task.interval.every, str(task.interval.period)
        return f"Every {period.removesuffix('s')}" if every == 1 else f"Every {every} {period}"
    if task.crontab is not None:
        return str(task.crontab.human_readable)
    if task.solar is not None:
        words = str(task.solar.get_event_display())
        return f"At {words[:1].lower()}{words[1:]}, {task.solar.latitude}, {task.solar.longitude}"
    if task.clocked is not None:
        return f"Once, on {date_format(timezone.localtime(task.clocked.clocked_time), 'j M Y, H:i')}"
    return "Never: it has no schedule"


def purpose(task: PeriodicTask) -> str:
    """Say what a task does: as its description has it, or the task's own first line."""
    if task.description:
        return str(task.description)
    known = current_app.tasks.get(task.task)
    if known is None:
        return "No worker knows this task"
    return str(known.__doc__ or "").strip().split("\n")[0] or "Housekeeping of the task library"


def next_run(task: PeriodicTask, *, at: datetime) -> datetime | None:
    """Tell when a task runs next, as far as can be told; None when it doesn't."""
    starts = task.start_time if task.start_time is not None and task.start_time > at else None
    if not task.enabled or (task.expires is not None and task.expires <= at):
        return None
    if task.interval is not None:
        if task.last_run_at is None:
            return starts or at
        due: datetime = task.last_run_at + task.interval.schedule.run_every
        return max(due, starts or at)
    if task.clocked is not None:
        return task.clocked.clocked_time if task.clocked.clocked_time > at else None
    schedule = (task.crontab or task.solar).schedule if task.crontab or task.solar else None
    return None if schedule is None else at + schedule.remaining_estimate(starts or at)


def _until(instant: datetime, at: datetime) -> str:
    seconds = (instant - at).total_seconds()
    if seconds < 60:
        return "within a minute"
    if seconds < 3600:
        minutes = round(seconds / 60)
        return f"in {minutes} minute{'s' if minutes > 1 else ''}"
    return date_format(timezone.localtime(instant), "j M Y, H:i")


@admin.register(PeriodicTask)
class PeriodicTaskAdmin(ExportMixin, beat.PeriodicTaskAdmin, ModelAdmin[PeriodicTask]):  # type: ignore[misc]
    """The scheduler's entries in words: the library's pages without inline script, each change in the audit log."""

    section = "System"
    icon = "schedule"
    menu_title = "Schedules"
    menu_order = 10
    note = "What the scheduler sends to the workers. Every task may run at any time, and more than once."
    form = PeriodicTaskForm
    is_audited = True
    change_form_template = "admin/change_form.html"
    exported = columns_of(
        PeriodicTask, "name", "task", "description", "enabled", "last_run_at", "total_run_count", "expire_seconds"
    )
    list_display = ("name", "what", "when", "enabled", "ran", "runs_next", "total_run_count")
    list_filter = (("enabled", BooleanRadioFilter), ("last_run_at", RangeDateTimeFilter))
    search_fields = ("name", "task", "description")
    search_help_text = "Part of a name, of a task, or of a description."
    date_hierarchy = None
    ordering = ("name", "pk")
    readonly_fields = ("what", "when", "ran", "runs_next", "total_run_count")
    actions = ("run_tasks",)
    fieldsets = (
        (None, {"fields": ("name", "regtask", "task", "enabled", "description")}),
        ("Schedule", {"fields": ("interval", "crontab", "solar", "clocked", "start_time", "one_off")}),
        ("In words", {"fields": readonly_fields}),
        ("Arguments", {"fields": ("args", "kwargs"), "classes": ("collapse",)}),
        (
            "Execution",
            {
                "fields": ("expires", "expire_seconds", "queue", "exchange", "routing_key", "priority", "headers"),
                "classes": ("collapse",),
            },
        ),
    )

    @admin.display(description="what it does")
    def what(self, obj: PeriodicTask) -> str:
        """Say what the task does."""
        return purpose(obj)

    @admin.display(description="when")
    def when(self, obj: PeriodicTask) -> str:
        """Say when the task runs."""
        return rhythm(obj)

    @admin.display(description="last run", ordering="last_run_at")
    def ran(self, obj: PeriodicTask) -> str:
        """Say when the task was last sent."""
        if obj.last_run_at is None:
            return "Never"
        return date_format(timezone.localtime(obj.last_run_at), "j M Y, H:i")

    @admin.display(description="next run")
    def runs_next(self, obj: PeriodicTask) -> str:
        """Say when the task is sent next."""
        at = timezone.now()
        instant = next_run(obj, at=at) if obj.pk else None
        return _until(instant, at) if instant is not None else "Not again"

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

    @confirmed(
        description="Run selected tasks now",
        question="Send these tasks to the workers now? Their schedule goes on as before.",
        button="Run now",
        form=forms.Form,
    )
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


class ScheduleAdmin(ExportMixin, ModelAdmin[Any]):
    """A point in time or a rhythm, and the tasks that keep to it. Reached from a task's page."""

    section = None
    inlines = (PeriodicTaskInline,)


@admin.register(IntervalSchedule)
class IntervalScheduleAdmin(ScheduleAdmin):
    """Every so often."""

    exported = columns_of(IntervalSchedule, "every", "period")


@admin.register(CrontabSchedule)
class CrontabScheduleAdmin(beat.CrontabScheduleAdmin, ScheduleAdmin):  # type: ignore[misc]
    """By the clock and the calendar."""

    exported = columns_of(CrontabSchedule, "minute", "hour", "day_of_month", "month_of_year", "day_of_week", "timezone")
    inlines = ScheduleAdmin.inlines


@admin.register(SolarSchedule)
class SolarScheduleAdmin(ScheduleAdmin):
    """By the sun."""

    exported = columns_of(SolarSchedule, "event", "latitude", "longitude")


@admin.register(ClockedSchedule)
class ClockedScheduleAdmin(ScheduleAdmin):
    """Once."""

    exported = columns_of(ClockedSchedule, "clocked_time")
    list_display = ("clocked_time",)
    fields = ("clocked_time",)

"""Customer accounts in the admin, with what their objectives come to."""

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import F, QuerySet
from django.http import HttpRequest

from accounts.admin import AccountAdmin
from accounts.models import Account
from objectives.admin.scores import SCORE, StatusFilter, percent, status_pill
from objectives.models import Objective
from valuerealization.common.admin import ReadOnlyMixin, TabularInline, ago, number
from valuerealization.common.admin.filters import RangeDateTimeFilter, number_range
from valuerealization.common.exports import Column, PlainNumber


class ObjectiveInline(ReadOnlyMixin, TabularInline[Objective, Account]):
    """The account's objectives, each a click away."""

    model = Objective
    fields = ("title", "completed", "baseline_", "current_", "target_", "due_on", "owner", "archived_at")
    readonly_fields = fields
    ordering = ("archived_at", "pk")
    show_change_link = True
    extra = 0
    per_page = 20
    verbose_name_plural = "objectives"

    baseline_ = staticmethod(number("baseline"))
    current_ = staticmethod(number("current"))
    target_ = staticmethod(number("target"))

    def get_queryset(self, request: HttpRequest) -> QuerySet[Objective]:
        """Read the owners with the objectives."""
        return super().get_queryset(request).select_related("owner", "account")

    @admin.display(description="completion")
    def completed(self, obj: Objective) -> str:
        """Write the completion, or why there is none."""
        if not obj.is_numeric:
            return "Done" if obj.done else "Not done"
        return percent(obj.completion) if obj.completion is not None else "Not measured yet"


@admin.register(Account)
class ScoredAccountAdmin(AccountAdmin):
    """Customer accounts with their score."""

    list_display: Any = (
        "name", "status", "value", "goals", "progressed", "owner", "segment", "yearly", "renewal", "archived_at",
    )  # fmt: skip
    list_filter: ClassVar[Any] = (
        StatusFilter,
        (SCORE, number_range("value delivered %")),
        ("standing__last_progress_at", RangeDateTimeFilter),
        *AccountAdmin.list_filter,
    )
    list_select_related: ClassVar[Any] = ("owner", "standing")
    inlines = (ObjectiveInline,)
    kept = ("status", "value", "goals", "progressed", *AccountAdmin.kept)
    exported: ClassVar[tuple[Column, ...]] = (
        *AccountAdmin.exported[:4],
        Column("status", F("standing__shown_status"), is_text=True),
        Column("value_delivered", PlainNumber(F(SCORE))),
        Column("objectives_met", F("standing__objectives_met")),
        Column("objectives_total", F("standing__objectives_total")),
        Column("last_progress_at", F("standing__last_progress_at")),
        *AccountAdmin.exported[4:],
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Account]:
        """Read where the account stands with it, on its own page too."""
        return super().get_queryset(request).select_related("owner", "standing")

    @admin.display(description="status", ordering="standing__shown_rank")
    def status(self, obj: Any) -> str:
        """Show the status that the portfolio shows."""
        return status_pill(obj.standing.shown_status)

    @admin.display(description="value delivered", ordering=SCORE)
    def value(self, obj: Any) -> str:
        """Show the score that the portfolio shows."""
        return percent(obj.standing.shown_value)

    @admin.display(description="goals met")
    def goals(self, obj: Any) -> str:
        """Count the goals that are met by now."""
        return f"{obj.standing.objectives_met} of {obj.standing.objectives_total}"

    @admin.display(description="last progress", ordering="standing__last_progress_at")
    def progressed(self, obj: Any) -> str:
        """Say how long ago something moved towards its goal."""
        return ago(obj.standing.last_progress_at)

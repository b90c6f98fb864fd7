"""Pages that save by services, and pages that only show."""

from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from django import forms
from django.contrib.admin.utils import unquote
from django.core.exceptions import NON_FIELD_ERRORS, PermissionDenied, ValidationError
from django.core.paginator import Paginator
from django.db import models
from django.forms.models import construct_instance
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.functional import cached_property
from unfold.widgets import UnfoldAdminTextInputWidget

from valuerealization.common.admin.history import history_of
from valuerealization.common.audit import Actor
from valuerealization.common.history import because, states_of

if TYPE_CHECKING:  # the theme's classes are Django's, with other templates and widgets
    from django.contrib.admin import ModelAdmin as ThemedAdmin
    from django.contrib.admin import TabularInline
else:
    from unfold.admin import ModelAdmin as ThemedAdmin
    from unfold.admin import TabularInline

M = TypeVar("M", bound=models.Model)

__all__ = ["LedgerAdmin", "ModelAdmin", "ReadOnlyMixin", "RefusableForm", "ServiceAdmin", "TabularInline"]


def actor(request: HttpRequest) -> Actor:
    """Name the administrator in the audit log."""
    by: Actor = request.user.as_actor()  # type: ignore[union-attr]
    return by


class ModelAdmin(ThemedAdmin[M]):
    """A page of the admin, its place in the navigation (none when the section is None), and a note above its list."""

    section: ClassVar[str | None] = "More"
    icon: ClassVar[str] = "table"
    menu_title: ClassVar[str] = ""
    menu_order: ClassVar[int] = 100
    note: ClassVar[str] = ""
    list_before_template = "admin/list_note.html"
    list_filter_submit = True
    list_fullwidth = True


class RefusableForm(forms.ModelForm[Any]):
    """A form that leaves a record's rules to its service, and shows a refusal beside the fields it is about."""

    refused: ClassVar[ValidationError | None] = None

    reason = forms.CharField(
        required=False,
        max_length=300,
        widget=UnfoldAdminTextInputWidget,
        help_text="Why this changes. It is kept with the history.",
    )

    def _post_clean(self) -> None:
        self.instance = construct_instance(self, self.instance, self._meta.fields, self._meta.exclude)
        if self.refused is not None:
            for name, errors in self.refused.error_dict.items():
                self.add_error(name if name in self.fields else None, errors)

    def typed(self, *, change: bool) -> dict[str, Any]:
        """Give what was typed; of a change only what differs, so that the rest stays as it is by now."""
        names = self.changed_data if change else self.cleaned_data
        return {name: self.cleaned_data[name] for name in names if name != "reason"}

    @property
    def given_reason(self) -> str:
        """Tell why the record is changed, as far as somebody said so."""
        return str(self.cleaned_data.get("reason", ""))


class ServiceAdmin(ModelAdmin[M]):
    """Pages that write through services: a refusal rolls back, and the form comes again with the reasons.

    Subclasses save in `save_model`, with `follow` to take over what the service made of the record. `kept` names what
    the product itself keeps about a record, shown once there is one.
    """

    form = RefusableForm
    show_full_result_count = False
    warn_unsaved_form = True
    is_audited = True
    kept: tuple[str, ...] = ()

    def get_fieldsets(self, request: HttpRequest, obj: M | None = None) -> Any:
        """Ask why something changes, and put what is kept about a record behind what people write."""
        sets = list(super().get_fieldsets(request, obj))
        if obj is not None and self.has_change_permission(request, obj):
            sets.append(("Why", {"fields": ("reason",)}))
        return sets if obj is None or not self.kept else [*sets, ("Record", {"fields": self.kept})]

    def get_inlines(self, request: HttpRequest, obj: M | None) -> Any:
        """Show what belongs to a record once there is one."""
        return super().get_inlines(request, obj) if obj is not None else ()

    def get_readonly_fields(self, request: HttpRequest, obj: M | None = None) -> Any:
        """Show what is kept, without a field to change it."""
        return (*super().get_readonly_fields(request, obj), *self.kept)

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        """Save, or show the form again with what was refused."""
        if request.method == "POST":
            because(request.POST.get("reason", ""))
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except ValidationError as error:
            reasons = error.error_dict if hasattr(error, "error_dict") else {NON_FIELD_ERRORS: error.error_list}
            request.refused = ValidationError(reasons)  # type: ignore[attr-defined, arg-type]
            return super().changeform_view(request, object_id, form_url, extra_context)

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show what changed from what to what, who did it and why, where the database keeps it."""
        record = self.get_object(request, unquote(object_id))
        if record is None or states_of(self.model) is None:
            return super().history_view(request, object_id, extra_context)
        if not self.has_view_or_change_permission(request, record):
            raise PermissionDenied
        context = {
            **self.admin_site.each_context(request),
            "title": f"History of {record}",
            "opts": self.opts,
            "object": record,
            "history": history_of(record),
            **(extra_context or {}),
        }
        return TemplateResponse(request, "admin/history.html", context)

    def get_form(self, request: HttpRequest, obj: M | None = None, change: bool = False, **kwargs: Any) -> Any:
        """Hand the refusal of this request to its form."""
        form = super().get_form(request, obj, change, **kwargs)
        return type(form.__name__, (form,), {"refused": getattr(request, "refused", None)})

    def follow(self, obj: M, saved: M) -> None:
        """Let the page's own copy be what the service saved."""
        obj.pk = saved.pk
        obj.refresh_from_db()

    def has_delete_permission(self, request: HttpRequest, obj: M | None = None) -> bool:  # noqa: ARG002
        """Delete nothing: what is no longer used is archived, deactivated or revoked."""
        return False


class ReadOnlyMixin:
    """Rows to look at: nobody adds, changes or deletes them here."""

    def has_add_permission(self, *_request_and_parent: Any) -> bool:
        """Refuse."""
        return False

    def has_change_permission(self, *_request_and_object: Any) -> bool:
        """Refuse."""
        return False

    def has_delete_permission(self, *_request_and_object: Any) -> bool:
        """Refuse."""
        return False


class NewestPaginator(Paginator):  # type: ignore[type-arg]
    """Page through the newest rows only, so that neither count nor last page grows with the table."""

    LIMIT = 10_000

    @cached_property
    def count(self) -> int:
        """Count what matches, up to the limit."""
        rows: Any = self.object_list
        return int(rows.order_by()[: self.LIMIT].count())


class LedgerAdmin(ReadOnlyMixin, ModelAdmin[M]):
    """A table that only grows: newest first, no sorting, no counting of all of it."""

    ordering = ("-pk",)
    sortable_by = ()
    paginator = NewestPaginator
    show_full_result_count = False

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Say how far back the pages go."""
        limit = f"The newest {NewestPaginator.LIMIT:,} that match. Search or filter to see older ones."
        return super().changelist_view(request, {"list_limit": limit, **(extra_context or {})})

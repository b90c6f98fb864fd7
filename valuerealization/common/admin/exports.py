"""Lists as files: the chosen columns of what the list shows, for a spreadsheet, escaped like every other export."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.core.exceptions import PermissionDenied
from django.db import models
from django.db.models import F
from django.db.models.functions import Cast
from django.http import HttpRequest, HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import path
from django.utils import timezone
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldAdminRadioSelectWidget

from valuerealization.common.exports import Column, PlainNumber, csv_response
from valuerealization.common.workbooks import MOST_ROWS, xlsx_response

if TYPE_CHECKING:
    from valuerealization.common.admin.base import ModelAdmin

    _Base = ModelAdmin[Any]
else:
    _Base = object


def columns_of(model: type[models.Model], *names: str) -> tuple[Column, ...]:
    """Make columns of a table's fields, each written as its type asks for.

    Shape:  `account__name` goes on to another table, and is headed `account`.
    """
    return tuple(_column(model, name) for name in names)


def _column(model: type[models.Model], name: str) -> Column:
    *path, last = name.split("__")
    owner: Any = model
    for step in path:
        owner = owner._meta.get_field(step).related_model
    field = owner._meta.get_field(last)
    field = field.output_field if isinstance(field, models.GeneratedField) else field
    heading = path[-1] if path else last
    if isinstance(field, models.DecimalField):
        return Column(heading, PlainNumber(F(name)))
    if isinstance(field, models.DateField | models.IntegerField | models.AutoField | models.BooleanField):
        return Column(heading, F(name))
    is_text = isinstance(field, models.CharField | models.TextField)
    return Column(heading, F(name) if is_text else Cast(F(name), models.TextField()), is_text=True)


class ExportForm(forms.Form):
    """Which columns, and which kind of file."""

    columns = forms.MultipleChoiceField(widget=UnfoldAdminCheckboxSelectMultipleWidget, label="Columns")
    format = forms.ChoiceField(
        label="File",
        choices=[("csv", "CSV"), ("xlsx", "Excel (XLSX)")],
        initial="csv",
        widget=UnfoldAdminRadioSelectWidget,
    )

    def __init__(self, *args: Any, names: Sequence[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["columns"].choices = [(name, name) for name in names]  # type: ignore[attr-defined]
        self.fields["columns"].initial = list(names)


class ExportMixin(_Base):
    """A list that can be taken along. `exported` names its columns; filters and search of the list hold."""

    exported: ClassVar[Sequence[Column]] = ()

    def get_urls(self) -> list[Any]:
        """Add the page."""
        name = f"{self.opts.app_label}_{self.opts.model_name}_export"
        return [path("export/", self.admin_site.admin_view(self.export_view), name=name), *super().get_urls()]

    def export_view(self, request: HttpRequest) -> HttpResponseBase:
        """Ask for columns and format, or answer with the file."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        form = ExportForm(request.POST or None, names=[column.heading for column in self.exported])
        listed: Any = self.get_changelist_instance(request)
        if request.method == "POST" and form.is_valid():
            wanted = set(form.cleaned_data["columns"])
            columns = [column for column in self.exported if column.heading in wanted]
            rows = listed.queryset.select_related(None)
            stem = f"{self.opts.model_name}-{timezone.now():%Y-%m-%d}"
            if form.cleaned_data["format"] == "xlsx":
                return xlsx_response(rows, columns, filename=f"{stem}.xlsx", sheet=str(self.opts.verbose_name_plural))
            return csv_response(rows, columns, filename=f"{stem}.csv", bom=True)
        context = {
            **self.admin_site.each_context(request),
            "title": f"Export {self.opts.verbose_name_plural}",
            "opts": self.opts,
            "form": form,
            "count": listed.result_count,
            "is_narrowed": bool(listed.get_filters_params()) or bool(listed.query),
            "most": MOST_ROWS,
            "media": form.media,
        }
        status = 422 if request.method == "POST" else 200
        return TemplateResponse(request, "admin/export.html", context, status=status)

"""The plain admin: what its pages share, the audit log, and the scheduler's tables.

What an administrator changes goes through the services that everything else calls, so the rules hold and the audit
entry is written; what nobody edits is shown read only.
"""

from typing import Any, ClassVar, TypeVar

import allauth.account.admin  # noqa: F401 - so that what these register can be taken back below
import django.contrib.auth.admin  # noqa: F401
import django_celery_beat.admin
import rest_framework_api_key.admin  # noqa: F401
from allauth.account.decorators import secure_admin_login
from allauth.account.models import EmailAddress
from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth.models import Group
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.core.paginator import Paginator
from django.db import models
from django.forms.models import construct_instance
from django.http import HttpRequest, HttpResponse
from django.utils.functional import cached_property
from django_celery_beat.models import PeriodicTask
from kombu.exceptions import OperationalError
from rest_framework_api_key.models import APIKey

from valuerealization.common import audit
from valuerealization.common.audit import Actor
from valuerealization.common.models import AuditEntry

M = TypeVar("M", bound=models.Model)

admin.site.site_header = f"{settings.VR_ORGANISATION} administration"
admin.site.site_title = settings.VR_ORGANISATION
admin.site.index_title = "Administration"
# One sign-in page, guarded in one place; whoever is signed in without the role gets 403.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]

# Roles decide here, not groups; people sign in with the address on their own page; and our keys are `accounts.ApiKey`.
admin.site.unregister([Group, EmailAddress, APIKey])


def actor(request: HttpRequest) -> Actor:
    """Name the administrator in the audit log."""
    by: Actor = request.user.as_actor()  # type: ignore[union-attr]
    return by


class RefusableForm(forms.ModelForm[Any]):
    """A form that leaves a record's rules to its service, and shows a refusal beside the fields it is about."""

    refused: ClassVar[ValidationError | None] = None

    def _post_clean(self) -> None:
        self.instance = construct_instance(self, self.instance, self._meta.fields, self._meta.exclude)
        if self.refused is not None:
            for name, errors in self.refused.error_dict.items():
                self.add_error(name if name in self.fields else None, errors)

    def typed(self, *, change: bool) -> dict[str, Any]:
        """Give what was typed; of a change only what differs, so that the rest stays as it is by now."""
        return {name: self.cleaned_data[name] for name in (self.changed_data if change else self.cleaned_data)}


class ServiceAdmin(admin.ModelAdmin[M]):
    """Pages that write through services: a refusal rolls back, and the form comes again with the reasons.

    Subclasses save in `save_model`, with `follow` to take over what the service made of the record. `kept` names what
    the product itself keeps about a record, shown once there is one.
    """

    form = RefusableForm
    show_full_result_count = False
    is_audited = True
    kept: tuple[str, ...] = ()

    def get_fieldsets(self, request: HttpRequest, obj: M | None = None) -> Any:
        """Put what is kept about a record behind what people write."""
        sets = list(super().get_fieldsets(request, obj))
        return sets if obj is None or not self.kept else [*sets, ("Record", {"fields": self.kept})]

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
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except ValidationError as error:
            reasons = error.error_dict if hasattr(error, "error_dict") else {NON_FIELD_ERRORS: error.error_list}
            request.refused = ValidationError(reasons)  # type: ignore[attr-defined, arg-type]
            return super().changeform_view(request, object_id, form_url, extra_context)

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


class LedgerAdmin(ReadOnlyMixin, admin.ModelAdmin[M]):
    """A table that only grows: newest first, no sorting, no counting of all of it."""

    ordering = ("-pk",)
    sortable_by = ()
    paginator = NewestPaginator
    show_full_result_count = False

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Say how far back the pages go."""
        subtitle = f"The newest {NewestPaginator.LIMIT:,} that match. Search or filter to see older ones."
        return super().changelist_view(request, {"subtitle": subtitle, **(extra_context or {})})


class SubjectFilter(admin.SimpleListFilter):
    """Narrow the audit log to one kind of record, without reading it for the choices."""

    title = "subject"
    parameter_name = "subject"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:  # noqa: ARG002
        """List the kinds of records whose changes are written down."""
        audited = [model for model, site in admin.site._registry.items() if getattr(site, "is_audited", False)]
        choices = [(model._meta.label_lower, str(model._meta.verbose_name)) for model in audited]
        return sorted(choices, key=lambda choice: choice[1].lower())

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:  # noqa: ARG002
        """Keep entries about the chosen kind."""
        return queryset.filter(subject_type=self.value()) if self.value() else queryset


@admin.register(AuditEntry)
class AuditEntryAdmin(LedgerAdmin[AuditEntry]):
    """Who did what."""

    list_display = ("at", "actor_name", "actor_kind", "action", "subject_label", "account_id", "request_id")
    list_filter = ("actor_kind", SubjectFilter, "at")
    search_fields = ("=action", "=request_id", "=account_id", "=subject_id", "actor_name", "subject_label")
    search_help_text = "An action (account.updated), a request id, the id of an account or record, or a name."


admin.site.unregister(PeriodicTask)


@admin.register(PeriodicTask)
class PeriodicTaskAdmin(django_celery_beat.admin.PeriodicTaskAdmin):  # type: ignore[misc]
    """The scheduler's entries: the library's pages without inline script, each change in the audit log."""

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

"""The plain admin: what its pages share, the audit log, and the scheduler's tables.

What an administrator changes goes through the services that everything else calls, so the rules hold and the audit
entry is written; what nobody edits is shown read only.
"""

from collections.abc import Mapping
from typing import Any, ClassVar, TypeVar

import django.contrib.auth.admin
import django_celery_beat.admin
import rest_framework_api_key.admin
from allauth.account.decorators import secure_admin_login
from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth.models import Group
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.core.paginator import Paginator
from django.db import models
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.functional import cached_property
from django_celery_beat.models import PeriodicTask
from kombu.exceptions import OperationalError

from valuerealization.common import audit
from valuerealization.common.models import AuditEntry

M = TypeVar("M", bound=models.Model)

admin.site.site_header = f"{settings.VR_ORGANISATION} administration"
admin.site.site_title = settings.VR_ORGANISATION
admin.site.index_title = "Administration"
# One sign-in page, guarded in one place; whoever is signed in without the role gets 403.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]

# Roles decide here, not groups; and our keys are `accounts.ApiKey`.
admin.site.unregister(Group)
admin.site.unregister(rest_framework_api_key.models.APIKey)


class RefusableForm(forms.ModelForm[Any]):
    """A form that shows what a service refused beside the fields it was about."""

    refused: ClassVar[ValidationError | None] = None

    def validate_constraints(self) -> None:
        """Leave the database's constraints to the services, whose refusals say what to do."""

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]
        if self.refused is not None:
            for name, errors in self.refused.error_dict.items():
                self.add_error(name if name in self.fields else None, errors)


class ServiceAdmin(admin.ModelAdmin[M]):
    """Pages that write through services. A refusal rolls everything back, and the form comes again with its reasons."""

    form = RefusableForm
    show_full_result_count = False

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: Mapping[str, Any] | None = None,
    ) -> HttpResponse:
        """Save, or show the form again with what was refused."""
        context = dict(extra_context or {})
        try:
            return super().changeform_view(request, object_id, form_url, context)
        except ValidationError as error:
            reasons = error.error_dict if hasattr(error, "error_dict") else {NON_FIELD_ERRORS: error.error_list}
            request.refused = ValidationError(reasons)  # type: ignore[attr-defined]
            return super().changeform_view(request, object_id, form_url, context)

    def get_form(
        self, request: HttpRequest, obj: M | None = None, change: bool = False, **kwargs: Any
    ) -> type[forms.ModelForm[M]]:
        """Hand the refusal of this request to its form."""
        form = super().get_form(request, obj, change, **kwargs)
        return type(form.__name__, (form,), {"refused": getattr(request, "refused", None)})

    def save_model(self, request: HttpRequest, obj: M, form: Any, change: bool) -> None:
        """Save what was typed by the service; what wasn't touched stays as it is by now."""
        values = {name: form.cleaned_data[name] for name in (form.changed_data if change else form.cleaned_data)}
        saved = self.update(request, obj, values) if change else self.create(request, values)
        obj.__dict__.update(saved.__dict__)

    def create(self, request: HttpRequest, values: dict[str, Any]) -> M:
        """Add a record by its service."""
        raise NotImplementedError

    def update(self, request: HttpRequest, obj: M, values: dict[str, Any]) -> M:
        """Change a record by its service."""
        raise NotImplementedError

    def has_delete_permission(self, request: HttpRequest, obj: M | None = None) -> bool:  # noqa: ARG002
        """Delete nothing: what is no longer used is archived, deactivated or revoked."""
        return False


class ReadOnly(admin.options.BaseModelAdmin[M] if False else object):  # type: ignore[misc]
    """Rows to look at."""



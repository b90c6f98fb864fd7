"""Custom attributes: administrators define them, everybody who may change an account fills them in."""

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.models import Attribute
from accounts.policies import check_can_edit_account, check_is_admin
from accounts.services.accounts import AccountRefused
from accounts.services.attributes import (
    AttributeDefinitionRefused,
    archive_attribute,
    definitions,
    restore_attribute,
    update_attribute,
)
from objectives.forms.attributes import AttributeForm, AttributeValuesForm
from objectives.queries.attributes import number_values
from objectives.services.attributes import define_attribute, save_attributes
from objectives.views.objectives import find_account
from valuerealization.common.htmx import HtmxRequest, signed_in


@signed_in
@require_safe
def attribute_list(request: HtmxRequest) -> HttpResponse:
    """List the attributes that accounts have, and the archived ones."""
    check_is_admin(request.user)
    attributes = list(Attribute.objects.in_order())
    context = {
        "nav": "attributes",
        "attributes": [each for each in attributes if each.archived_at is None],
        "archived": [each for each in attributes if each.archived_at is not None],
    }
    return render(request, "objectives/attribute_list.html", context)


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def attribute_create(request: HtmxRequest) -> HttpResponse:
    """Define an attribute."""
    check_is_admin(request.user)
    form = AttributeForm(_typed(request))
    if form.is_bound and form.is_valid():
        try:
            attribute = define_attribute(by=request.user.as_actor(), **form.fields_to_save())
        except AttributeDefinitionRefused as refused:
            form.refuse(refused)
        else:
            messages.success(request, f"Accounts have the attribute “{attribute.name}” now")
            return redirect("attribute_list")
    return _form_page(request, form, None)


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def attribute_update(request: HtmxRequest, pk: int) -> HttpResponse:
    """Change an attribute."""
    attribute = _attribute(request, pk)
    form = AttributeForm(_typed(request), attribute=attribute)
    if form.is_bound and form.is_valid():
        by, at = request.user.as_actor(), timezone.now()
        try:
            update_attribute(attribute=attribute, by=by, at=at, **form.fields_to_save())
        except AttributeDefinitionRefused as refused:
            form.refuse(refused)
        else:
            messages.success(request, "Saved")
            return redirect("attribute_list")
    return _form_page(request, form, attribute)


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def attribute_archive(request: HtmxRequest, pk: int) -> HttpResponse:
    """Ask, then take an attribute off pages, forms and files."""
    attribute = _attribute(request, pk)
    if request.method != "POST":
        return render(request, "objectives/attribute_archive.html", {"attribute": attribute, "nav": "attributes"})
    archive_attribute(attribute=attribute, by=request.user.as_actor(), at=timezone.now())
    messages.success(request, f"“{attribute.name}” is archived")
    return redirect("attribute_list")


@signed_in
@require_POST
def attribute_restore(request: HtmxRequest, pk: int) -> HttpResponse:
    """Bring an archived attribute back, with the values that accounts had."""
    attribute = _attribute(request, pk)
    restore_attribute(attribute=attribute, by=request.user.as_actor(), at=timezone.now())
    messages.success(request, f"“{attribute.name}” is back")
    return redirect("attribute_list")


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def account_attributes(request: HtmxRequest, account_pk: int) -> HttpResponse:
    """Fill in an account's attributes."""
    account = find_account(account_pk)
    check_can_edit_account(request.user, account)
    known = definitions()
    numbers = number_values([account.pk]).get(account.pk, {})
    form = AttributeValuesForm(_typed(request), account=account, attributes=known, numbers=numbers)
    if form.is_bound and form.is_valid():
        by, at = request.user.as_actor(), timezone.now()
        try:
            save_attributes(account=account, by=by, at=at, values=form.values())
        except AccountRefused as refused:
            form.refuse(ValidationError(refused.error_dict))
        else:
            messages.success(request, "Saved")
            return redirect(account)
    context = {"form": form, "account": account, "nav": "accounts"}
    return render(request, "objectives/attribute_values.html", context, status=422 if form.errors else 200)


def _attribute(request: HtmxRequest, pk: int) -> Attribute:
    attribute = get_object_or_404(Attribute, pk=pk)
    check_is_admin(request.user)
    return attribute


def _typed(request: HtmxRequest) -> QueryDict | None:
    return request.POST if request.method == "POST" else None


def _form_page(request: HtmxRequest, form: AttributeForm, attribute: Attribute | None) -> HttpResponse:
    context = {"form": form, "attribute": attribute, "nav": "attributes"}
    return render(request, "objectives/attribute_form.html", context, status=422 if form.errors else 200)

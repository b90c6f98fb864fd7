"""Forget a person: find them, see what it means, confirm."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods

from accounts.forms.erasure import ErasureForm, FindPersonForm
from accounts.models import Contact, User
from accounts.policies import can_erase_people
from accounts.services.erasure import (
    Erased,
    ErasureRefused,
    Foreseen,
    erase_contact,
    erase_user,
    foresee_contact,
    foresee_user,
)
from valuerealization.common.htmx import HtmxRequest, signed_in


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def find_person(request: HtmxRequest) -> HttpResponse:
    """Ask whom to erase, and lead to the question whether that is meant.

    The address is posted: in our own address it would stay in logs and histories, of all people's theirs.
    """
    _check(request)
    form = FindPersonForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        email = form.cleaned_data["email"]
        if (user := User.objects.filter(email=email).first()) is not None:
            return redirect("user_erase", user.pk)
        if (contact := Contact.objects.filter(email=email).order_by("pk").first()) is not None:
            return redirect("contact_erase", contact.pk)
        form.add_error("email", "Nobody has this address: neither in the team nor among the contacts.")
    context = {"form": form, "nav": "erasure"}
    return render(request, "accounts/erase_find.html", context, status=422 if form.errors else 200)


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def user_erase(request: HtmxRequest, pk: int) -> HttpResponse:
    """Ask, then erase somebody of the team."""
    _check(request)
    user = get_object_or_404(User, pk=pk)
    return _confirm(
        request, expected=user.email, name=str(user), what="Team member", foreseen=foresee_user(user=user),
        erase=lambda: erase_user(user=user, by=request.user.as_actor()),
    )  # fmt: skip


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def contact_erase(request: HtmxRequest, pk: int) -> HttpResponse:
    """Ask, then erase a contact, at every account where the address is the same."""
    _check(request)
    contact = get_object_or_404(Contact.objects.select_related("account"), pk=pk)
    return _confirm(
        request, expected=contact.email or contact.name, name=contact.name, what=f"Contact of {contact.account}",
        foreseen=foresee_contact(contact=contact),
        erase=lambda: erase_contact(contact=contact, by=request.user.as_actor()),
    )  # fmt: skip


def _confirm(
    request: HtmxRequest, *, expected: str, name: str, what: str, foreseen: Foreseen, erase: Callable[[], Erased]
) -> HttpResponse:
    form = ErasureForm(request.POST if request.method == "POST" else None, expected=expected)
    if request.method == "POST" and form.is_valid():
        try:
            erased = erase()
        except ErasureRefused as refused:
            form.add_error(None, str(refused))
        else:
            messages.success(request, f"Done: only “{erased.placeholder}” is left")
            return redirect("person_erase")
    context: dict[str, Any] = {
        "form": form, "name": name, "what": what, "expected": expected, "foreseen": foreseen, "nav": "erasure",
    }  # fmt: skip
    return render(request, "accounts/erase.html", context, status=422 if form.errors else 200)


def _check(request: HtmxRequest) -> None:
    if not can_erase_people(request.user):
        raise PermissionDenied("Only administrators erase people.")

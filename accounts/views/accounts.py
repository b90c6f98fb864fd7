"""An account's own details."""

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from accounts.forms.accounts import AccountForm
from accounts.models import Account
from accounts.policies import can_create_account, check_can_edit_account
from accounts.services.accounts import AccountRefused, archive_account, create_account, restore_account, update_account
from valuerealization.common.htmx import HtmxRequest, signed_in


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def account_create(request: HtmxRequest) -> HttpResponse:
    """Add an account; a CSM becomes its owner."""
    if not can_create_account(request.user):
        raise PermissionDenied
    form = AccountForm(_typed(request), user=request.user)
    if request.method == "POST" and form.is_valid():
        fields = {"owner": request.user, **form.cleaned_data}
        try:
            account = create_account(by=request.user.as_actor(), **fields)
        except AccountRefused as refused:
            form.add_refusals(refused)
        else:
            messages.success(request, f"{account.name} is added")
            return redirect(account)
    return _form_page(request, form, None)


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def account_update(request: HtmxRequest, pk: int) -> HttpResponse:
    """Change an account's own details."""
    account = _editable(request, pk)
    form = AccountForm(_typed(request), user=request.user, account=account)
    if request.method == "POST" and form.is_valid():
        try:
            update_account(account=account, by=request.user.as_actor(), at=timezone.now(), **form.cleaned_data)
        except AccountRefused as refused:
            form.add_refusals(refused)
        else:
            messages.success(request, "Saved")
            return redirect(account)
    return _form_page(request, form, account)


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def account_archive(request: HtmxRequest, pk: int) -> HttpResponse:
    """Ask, then take an account out of snapshots, averages and lists."""
    account = _editable(request, pk)
    if request.method != "POST":
        return render(request, "accounts/archive.html", {"account": account, "nav": "accounts"})
    archive_account(account=account, by=request.user.as_actor(), at=timezone.now())
    messages.success(request, f"{account.name} is archived")
    return redirect(account)


@signed_in
@require_POST
def account_restore(request: HtmxRequest, pk: int) -> HttpResponse:
    """Bring an archived account back."""
    account = _editable(request, pk)
    restore_account(account=account, by=request.user.as_actor(), at=timezone.now())
    messages.success(request, f"{account.name} is back")
    return redirect(account)


def _editable(request: HtmxRequest, pk: int) -> Account:
    account = get_object_or_404(Account.objects.select_related("owner"), pk=pk)
    check_can_edit_account(request.user, account)
    return account


def _typed(request: HtmxRequest) -> QueryDict | None:
    return request.POST if request.method == "POST" else None


def _form_page(request: HtmxRequest, form: AccountForm, account: Account | None) -> HttpResponse:
    context = {"form": form, "account": account, "nav": "accounts"}
    return render(request, "accounts/form.html", context, status=422 if form.errors else 200)

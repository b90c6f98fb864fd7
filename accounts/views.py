"""The start page, an account's own details, and a person's settings."""

from urllib.parse import urlencode

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.forms import AccountForm
from accounts.models import Account, Theme
from accounts.policies import can_create_account, check_can_edit_account
from accounts.services import AccountRefused, archive_account, create_account, restore_account, update_account
from valuerealization.common.htmx import HtmxRequest, signed_in


@signed_in
@require_safe
def home(request: HtmxRequest) -> HttpResponse:
    """Send a leader to the portfolio and everybody else to their own accounts."""
    if request.user.is_leader:
        return redirect("portfolio")
    return redirect(f"{reverse('account_list')}?{urlencode({'owner': request.user.email})}")


@signed_in
@require_POST
def set_theme(request: HtmxRequest) -> HttpResponse:
    """Remember light, dark or the system's theme, and go back to where the person was."""
    theme = request.POST.get("theme", "")
    if theme in Theme.values:
        request.user.theme = theme
        request.user.save(update_fields=["theme"])
    return redirect(_next(request))


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


def _next(request: HttpRequest) -> str:
    """Give the address to go back to, if it is one of ours."""
    asked = request.POST.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(
        asked, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return asked if is_ours else reverse("home")

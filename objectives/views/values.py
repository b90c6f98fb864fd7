"""Update values: readings for several objectives and metrics of one account at once."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.views.decorators.http import require_http_methods, require_POST

from accounts.models import Account
from accounts.policies import check_can_edit_account
from objectives import weeks
from objectives.forms.values import ValuesForm
from objectives.queries.values import preview_values, subjects
from objectives.services.readings import ReadingsRefused, RecordResult, record_readings
from objectives.views.objectives import find_account, leave
from valuerealization.common.htmx import HtmxRequest, render_page, signed_in, wants_part


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def update(request: HtmxRequest, account_pk: int) -> HttpResponse:
    """Record new values, all or none."""
    account = find_account(account_pk)
    check_can_edit_account(request.user, account)
    form = _form(request, account)
    if form.is_bound and form.is_valid():
        try:
            result = record_readings(rows=form.readings(), by=request.user.as_actor(), at=form.at, atomic=True)
        except ReadingsRefused as refused:
            form.refuse(refused.errors)
        else:
            messages.success(request, _told(result, account))
            return leave(request, account.get_absolute_url())
    return _page(request, form)


@signed_in
@require_POST
def show_preview(request: HtmxRequest, account_pk: int) -> HttpResponse:
    """Answer what recording would change, however little is typed; without HTMX on the form's page."""
    account = find_account(account_pk)
    check_can_edit_account(request.user, account)
    form = _form(request, account)
    form.full_clean()
    if not wants_part(request):
        return _page(request, form, is_preview=True)
    return render(request, "objectives/values_form.html#preview", _context(form))


def _form(request: HtmxRequest, account: Account) -> ValuesForm:
    sent = request.POST if request.method == "POST" else None
    return ValuesForm(sent, account=account, known=subjects(account), at=timezone.now())


def _context(form: ValuesForm) -> dict[str, Any]:
    account = form.account
    preview = preview_values(
        account=account,
        known=form.known,
        values=form.typed() if form.is_bound else {},
        observed_at=form.observed_at() if form.is_bound else form.at,
        at=form.at,
    )
    sources = {objective.source for subject in form.known for objective in subject.objectives}
    return {
        "form": form,
        "account": account,
        "preview": preview,
        "sources": sorted(sources - {""}),
        "today": weeks.local_day(form.at, account.timezone),
        "title": "Update values",
        "nav": "accounts",
    }


def _page(request: HtmxRequest, form: ValuesForm, *, is_preview: bool = False) -> HttpResponse:
    status = 422 if form.is_bound and form.errors and not is_preview else 200
    context = {**_context(form), "is_preview": is_preview}
    return render_page(request, "objectives/values_form.html", context, part="form", status=status)


def _told(result: RecordResult, account: Account) -> str:
    recorded = result.created + result.superseded
    told = f"{recorded} value{'' if recorded == 1 else 's'} recorded"
    if result.unchanged:
        told += f", {result.unchanged} known already"
    return format_html('{}. <a href="{}">History</a>', told, reverse("account_activity", args=[account.pk]))

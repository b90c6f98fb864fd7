"""Define objectives: create, edit, preview, archive, restore, history."""

import json
import re
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.middleware.csrf import get_token
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django_htmx.http import HttpResponseClientRedirect

from accounts.models import Account
from accounts.policies import can_edit_account, check_can_edit_account
from objectives import weeks
from objectives.forms.objective import TYPES, ObjectiveForm
from objectives.models import CompletionType, Objective
from objectives.queries.baselines import is_retrofitted
from objectives.queries.history import readings, revisions
from objectives.queries.preview import preview
from objectives.services.objectives import (
    ObjectiveRefused,
    archive_objective,
    create_objective,
    restore_objective,
    update_objective,
)
from valuerealization.common.htmx import HtmxRequest, render_page, signed_in, wants_part

_REASON_LENGTH = 300
_ID = re.compile(r"[0-9]{1,18}", re.ASCII)


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def create(request: HtmxRequest, account_pk: int) -> HttpResponse:
    """Add an objective to an account."""
    account = find_account(account_pk)
    check_can_edit_account(request.user, account)
    at = timezone.now()
    asked = request.GET.get("type", "")
    chosen = CompletionType(asked) if asked in CompletionType.values else CompletionType.VALUE
    sent = request.POST if request.method == "POST" else None
    form = ObjectiveForm(sent, account=account, at=at, completion_type=chosen)
    if sent is not None and form.is_valid():
        try:
            saved = create_objective(account=account, by=request.user.as_actor(), at=at, **form.fields_to_save())
        except ObjectiveRefused as refused:
            form.refuse(refused.refusals)
        else:
            return _saved(request, saved)
    return _form_page(request, form)


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def update(request: HtmxRequest, pk: int) -> HttpResponse:
    """Change an objective; an archived one is restored first."""
    objective = _objective(pk)
    check_can_edit_account(request.user, objective.account)
    if objective.archived_at is not None:
        messages.warning(request, "This objective is archived. Restore it to change it.")
        return leave(request, reverse("objective_history", args=[pk]))
    at = timezone.now()
    sent = request.POST if request.method == "POST" else None
    form = ObjectiveForm(sent, account=objective.account, at=at, objective=objective)
    if sent is not None and form.is_valid():
        try:
            saved = update_objective(objective=objective, by=request.user.as_actor(), at=at, **form.fields_to_save())
        except ObjectiveRefused as refused:
            form.refuse(refused.refusals)
        else:
            return _saved(request, saved)
    return _form_page(request, form)


@signed_in
@require_POST
def show_preview(request: HtmxRequest, account_pk: int) -> HttpResponse:
    """Answer what saving would change, however little is typed; without HTMX on the form's page."""
    account = find_account(account_pk)
    check_can_edit_account(request.user, account)
    objective = None
    if edited := request.POST.get("objective", ""):
        if not _ID.fullmatch(edited):
            raise Http404("There is no such objective.")
        objective = get_object_or_404(_objectives(), pk=int(edited), account=account)
    form = ObjectiveForm(request.POST, account=account, at=timezone.now(), objective=objective)
    form.full_clean()
    if not wants_part(request):
        return _form_page(request, form, is_preview=True)
    return render(request, "objectives/preview.html#answer", _context(form))


@signed_in
@require_safe
def history(request: HtmxRequest, pk: int) -> HttpResponse:
    """Show how an objective was defined and measured, as a page or in the drawer."""
    objective = _objective(pk)
    account = objective.account
    before = request.GET.get("before", "")
    page = None
    if not before or _ID.fullmatch(before):
        page = readings(objective, currency=account.currency, before=int(before) if before else None)
    if page is None:
        raise Http404("There is no such reading.")
    context = {
        "objective": objective,
        "account": account,
        "title": "History",
        "page": page,
        "revisions": revisions(objective, currency=account.currency) if page.is_first else (),
        "today": weeks.local_day(timezone.now(), account.timezone),
        "can_edit": account.archived_at is None and can_edit_account(request.user, account),
        "is_retrofitted": is_retrofitted(objective, account),
        "nav": "accounts",
    }
    part = "drawer" if page.is_first else "older"
    return render_page(request, "objectives/objective_history.html", context, part=part)


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def archive(request: HtmxRequest, pk: int) -> HttpResponse:
    """Ask, then take an objective out of the score; the message offers to undo it."""
    objective = _objective(pk)
    account = objective.account
    check_can_edit_account(request.user, account)
    if request.method != "POST":
        return _confirmation(request, objective, is_archiving=True)
    reason = request.POST.get("reason", "").replace("\x00", "")[:_REASON_LENGTH]
    archive_objective(objective=objective, by=request.user.as_actor(), at=timezone.now(), reason=reason)
    undo = format_html(
        '“{}” is archived. <a href="{}" hx-post="{}" hx-vals="{}">Undo</a>',
        objective.title,
        reverse("objective_restore", args=[pk]),
        reverse("objective_restore", args=[pk]),
        json.dumps({"csrfmiddlewaretoken": get_token(request)}),
    )
    messages.success(request, undo)
    return leave(request, account.get_absolute_url())


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def restore(request: HtmxRequest, pk: int) -> HttpResponse:
    """Ask, then bring an archived objective back into the score."""
    objective = _objective(pk)
    account = objective.account
    check_can_edit_account(request.user, account)
    if request.method != "POST":
        return _confirmation(request, objective, is_archiving=False)
    restore_objective(objective=objective, by=request.user.as_actor(), at=timezone.now())
    messages.success(request, f"“{objective.title}” is restored.")
    return leave(request, account.get_absolute_url())


def find_account(pk: int) -> Account:
    """Find an account with its owner, who decides whether it may be edited."""
    return get_object_or_404(Account.objects.select_related("owner"), pk=pk)


def leave(request: HtmxRequest, url: str) -> HttpResponse:
    """Go to another page, whoever asked."""
    return HttpResponseClientRedirect(url) if wants_part(request) else HttpResponseRedirect(url)


def _objectives() -> Any:
    return Objective.objects.select_related("account", "account__owner", "owner", "metric", "reading")


def _objective(pk: int) -> Objective:
    found: Objective = get_object_or_404(_objectives(), pk=pk)
    return found


def _saved(request: HtmxRequest, objective: Objective) -> HttpResponse:
    messages.success(request, f"“{objective.title}” is saved.")
    if "again" in request.POST:
        url = reverse("objective_create", args=[objective.account_id])
        return leave(request, f"{url}?type={objective.completion_type}")
    return leave(request, reverse("account_detail", args=[objective.account_id]))


def _context(form: ObjectiveForm) -> dict[str, Any]:
    account, objective = form.account, form.objective
    sources = Objective.objects.filter(account=account).exclude(source="").order_by("source")
    return {
        "form": form,
        "account": account,
        "objective": objective,
        "preview": preview(account=account, sketch=form.sketch(), stored=objective, at=form.at),
        "types": TYPES,
        "sources": sources.values_list("source", flat=True).distinct(),
        "title": "Edit objective" if objective else "New objective",
        "today": weeks.local_day(form.at, account.timezone),
        "nav": "accounts",
    }


def _form_page(request: HtmxRequest, form: ObjectiveForm, *, is_preview: bool = False) -> HttpResponse:
    context = {**_context(form), "is_preview": is_preview}
    if form.is_bound and not is_preview:
        # The service was not asked while something could not be read; the rest is said at once all the same.
        form.refuse(context["preview"].broken)
    status = 422 if form.is_bound and form.errors and not is_preview else 200
    return render_page(request, "objectives/objective_form.html", context, part="form", status=status)


def _confirmation(request: HtmxRequest, objective: Objective, *, is_archiving: bool) -> HttpResponse:
    context = {
        "objective": objective,
        "account": objective.account,
        "is_archiving": is_archiving,
        "title": "Archive objective" if is_archiving else "Restore objective",
        "nav": "accounts",
    }
    return render_page(request, "objectives/objective_confirm.html", context, part="drawer")

"""The parts of an account's page that show its score: value card, trend, explanation, and one new value."""

import json
import re
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from accounts.models import Account
from accounts.policies import can_edit_account, check_can_edit_account
from objectives import weeks
from objectives.forms.value import ValueForm
from objectives.models import CompletionType, Objective
from objectives.queries.explain import DEFAULT, NotExplained, NothingThere
from objectives.queries.explain import explain as explain_figure
from objectives.queries.trend import DEFAULT_MONTHS, PERIODS, Trend, trend
from objectives.queries.trend_lines import MOST_LINES
from objectives.queries.value_card import ValueCard, objective_row, value_card
from objectives.services.readings import ReadingsRefused, record_readings
from objectives.status import LEGEND_NOTE, legend
from valuerealization.common.htmx import HtmxRequest, render_page, signed_in, wants_part
from valuerealization.common.units import Unit

_ID = re.compile(r"[0-9]{1,18}", re.ASCII)
CHANGED = "vr:changed"  # tells other parts of the page to read themselves again


def card_context(request: HtmxRequest, *, account: Account, card: ValueCard) -> dict[str, Any]:
    """Give what the value card's template needs."""
    return {
        "account": account,
        "card": card,
        "can_edit": account.archived_at is None and can_edit_account(request.user, account),
        "show_all": request.GET.get("all") == "1",
        "legend": legend(),
        "legend_note": LEGEND_NOTE,
    }


def trend_context(request: HtmxRequest, *, account: Account, at: datetime) -> dict[str, Any]:
    """Give what the trend's template needs; a period that isn't offered shows the usual one."""
    asked = request.GET.get("months", "")
    months = int(asked) if asked in {str(each) for each in PERIODS} else DEFAULT_MONTHS
    lines = [int(text) for text in request.GET.getlist("lines") if _ID.fullmatch(text)]
    found: Trend = trend(account=account, at=at, months=months, lines=lines)
    show_table = request.GET.get("table") == "1"
    chosen = [("lines", str(each.pk)) for each in found.shown_lines]

    def query(months: int, *, table: bool) -> str:
        usual = [] if months == DEFAULT_MONTHS else [("months", str(months))]
        return urlencode([*usual, *([("table", "1")] if table else []), *chosen])

    return {
        "account": account,
        "trend": found,
        "periods": [
            {"months": each, "query": query(each, table=show_table), "is_current": each == months} for each in PERIODS
        ],
        "other_query": query(months, table=not show_table),
        "trend_query": query(months, table=show_table),
        "show_table": show_table,
        "line_inputs": {"months": "" if months == DEFAULT_MONTHS else str(months), "table": "1" if show_table else ""},
        "most_lines": MOST_LINES,
        "too_many_lines": len(set(lines)) > len(found.shown_lines) and found.is_full,
    }


@signed_in
@require_safe
def show_card(request: HtmxRequest, pk: int) -> HttpResponse:
    """Answer the card for the page that polls: nothing while its version stands."""
    account = _account(pk)
    card = value_card(account=account, at=timezone.now())
    if request.GET.get("version") == card.version:
        return HttpResponse(status=204)
    if not wants_part(request):
        return redirect(_page_of(request, account))
    response = render(request, "objectives/value_card.html#answer", card_context(request, account=account, card=card))
    if "version" in request.GET:
        response["HX-Trigger"] = CHANGED
    return response


@signed_in
@require_safe
def show_trend(request: HtmxRequest, pk: int) -> HttpResponse:
    """Answer the trend of another period, or its table."""
    account = _account(pk)
    if not wants_part(request):
        return redirect(_page_of(request, account))
    context = trend_context(request, account=account, at=timezone.now())
    response = render(request, "objectives/trend.html#card", context)
    query = context["trend_query"]
    response["HX-Push-Url"] = f"{account.get_absolute_url()}{'?' if query else ''}{query}"
    return response


@signed_in
@require_safe
def explain(request: HtmxRequest, pk: int) -> HttpResponse:
    """Lay open how a figure comes about, in the drawer or as a page; `?of=` names it as the API does."""
    account = _account(pk)
    try:
        explanation = explain_figure(account=account, of=request.GET.get("of", DEFAULT), at=timezone.now())
    except (NotExplained, NothingThere) as error:
        raise Http404(str(error)) from error
    context = {"account": account, "explanation": explanation, "title": explanation.title, "nav": "accounts"}
    return render_page(request, "objectives/explain.html", context, part="drawer")


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def objective_value(request: HtmxRequest, pk: int) -> HttpResponse:
    """Record one new value of a value-based objective, in the drawer or as a page."""
    found = Objective.objects.select_related("account", "account__owner", "owner", "metric", "reading")
    objective = get_object_or_404(found, pk=pk)
    account = objective.account
    check_can_edit_account(request.user, account)
    if objective.completion_type != CompletionType.VALUE:
        raise Http404("Only a value-based objective takes a value of its own.")
    at = timezone.now()
    form = ValueForm(request.POST if request.method == "POST" else None, objective=objective, at=at)
    if request.method == "POST" and form.is_valid():
        try:
            record_readings(rows=[form.as_row()], by=request.user.as_actor(), at=at, atomic=True)
        except ReadingsRefused as refused:
            form.add_refusals(refused)
        else:
            return _recorded(request, objective)
    today = weeks.local_day(at, account.timezone)
    context = {
        "form": form,
        "objective": objective,
        "row": objective_row(objective, account=account, today=today),
        "account": account,
        "affix": _affix(objective),
        "title": "Update value",
        "nav": "accounts",
    }
    status = 422 if form.errors else 200
    return render_page(request, "objectives/value_form.html", context, part="drawer", status=status)


def _recorded(request: HtmxRequest, objective: Objective) -> HttpResponse:
    account, at = objective.account, timezone.now()
    objective.refresh_from_db(fields=["current", "completion", "is_met", "measured_at"])
    row = objective_row(objective, account=account, today=weeks.local_day(at, account.timezone))
    title = f"{objective.title}: {row.current}, {row.shown}"
    if not wants_part(request):
        messages.success(request, title)
        return redirect(account)
    context = card_context(request, account=account, card=value_card(account=account, at=at))
    context |= {"flash": objective.pk, "toast": title}
    response = render(request, "objectives/value_card.html#saved", context)
    response["HX-Trigger"] = json.dumps({"vr:close": "", CHANGED: ""})
    return response


def _affix(objective: Objective) -> str:
    """Give the unit to draw in the field."""
    affixes = {Unit.PERCENTAGE: "%", Unit.CURRENCY: objective.account.currency, Unit.DAYS: "days", Unit.USERS: "users"}
    return affixes.get(Unit(objective.unit), objective.unit_label)


def _account(pk: int) -> Account:
    return get_object_or_404(Account.objects.select_related("owner", "standing"), pk=pk)


def _page_of(request: HtmxRequest, account: Account) -> str:
    query = request.GET.copy()
    query.pop("version", None)
    return f"{account.get_absolute_url()}{'?' if query else ''}{query.urlencode()}"

"""The portfolio: how all accounts stand, worst first."""

from dataclasses import replace
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from django.http import HttpResponse, QueryDict
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_safe

from objectives.queries.parameters import NONE
from objectives.queries.trend import PERIODS
from portfolio.queries import averages, summary
from portfolio.queries.averages import WeeklyAverages
from portfolio.queries.choices import ListChoices, list_choices
from portfolio.queries.columns import PORTFOLIO, Key
from portfolio.queries.explain import explain_portfolio
from portfolio.views.addresses import ListAddress
from portfolio.views.lists import chips_of, export, list_context, missing_view, open_view, read_page, view_context
from valuerealization.common.htmx import HtmxRequest, render_page, signed_in, wants_part

PAGE: Final = "portfolio/portfolio.html"
# What is swapped, and the part of the template that answers: the page decides, not the browser.
TREND: Final = "trend"
PARTS: Final = {"accounts": "accounts-answer", "account-list": "list-answer", "trend": TREND}
VIEW: Final = ("months", "table")


@signed_in
@require_safe
def portfolio(request: HtmxRequest) -> HttpResponseBase:
    """Show the portfolio, a part of it that htmx swaps, or the list as a file."""
    at = timezone.now()
    part = PARTS.get(request.htmx.target or "", "") if wants_part(request) else ""
    parameters = _parameters(request, part)
    table = parameters.get("table") == "1"
    if "export" in request.GET:
        return export(request, ListAddress.parse(PORTFOLIO, parameters), at=at)
    menu, entry, elsewhere = open_view(request, PORTFOLIO, parameters)
    if elsewhere:
        return redirect(elsewhere)
    view = [("table", "1" if table else ""), ("view", str(entry.pk) if entry else "")]
    choices = list_choices(owner=parameters.get("owner", "").lower())
    has_default = menu.default is not None
    address = ListAddress.parse(
        PORTFOLIO, parameters, view=view, has_default=has_default, attributes=choices.attributes
    )
    context = _trend(address, table=table, at=at)
    if part != TREND:
        context |= _accounts(address, parameters, choices, whole=context["averages"], at=at) | {
            "views": view_context(address, menu, entry),
            "notes": missing_view(parameters, entry),
        }
    response = render_page(request, PAGE, context, part=part)
    if part:
        response["HX-Push-Url"] = context["address"].href
    patch_vary_headers(response, ["HX-Target"])
    return response


@signed_in
@require_safe
def explain(request: HtmxRequest) -> HttpResponse:
    """Explain the averages of the portfolio with its own numbers: a drawer, or a page without JavaScript."""
    at = timezone.now()
    address = ListAddress.parse(PORTFOLIO, request.GET)
    explanation = explain_portfolio(
        found=summary.summary(address.filter, on=at.date()),
        averages=averages.weekly_averages(today=at.date()),
        at=at,
        filtered_by=[chip.label for chip in chips_of(address, list_choices(owner=address.filter.owner).owners)],
    )
    context = {"explanation": explanation, "title": explanation.title, "address": address, "nav": "portfolio"}
    return render_page(request, "portfolio/portfolio_explain.html", context, part="drawer")


def _parameters(request: HtmxRequest, part: str) -> QueryDict:
    """Read the state of the page.

    Shape:  the trend and the list are swapped one without the other, so the links of each may be older than what the
            other shows by now; what a request is not about is taken from the address that the browser is at.
    """
    if not part or not request.htmx.current_url_abs_path:
        return request.GET
    here = QueryDict(urlsplit(request.htmx.current_url_abs_path).query)
    about, rest = (request.GET, here) if part == TREND else (here, request.GET)
    merged = rest.copy()
    for name in VIEW:
        merged.setlist(name, about.getlist(name))
    return merged


def _trend(address: ListAddress, *, table: bool, at: datetime) -> dict[str, Any]:
    found = averages.weekly_averages(today=at.date())
    return {
        "nav": "portfolio",
        "address": address,
        "averages": found,
        "chart": found.chart(address.months, today=at.date()),
        "months": address.months,
        "periods": [
            {"months": each, "href": address.with_months(each), "is_current": each == address.months}
            for each in PERIODS
        ],
        # The list has a column over the same period: then the whole page follows it.
        "swaps_trend": Key.BEFORE_AFTER not in address.shown_keys,
        "table_href": address.with_view(table="" if table else "1"),
        "show_table": table,
        "today": at.date(),
    }


def _accounts(
    address: ListAddress, parameters: QueryDict, choices: ListChoices, *, whole: WeeklyAverages, at: datetime
) -> dict[str, Any]:
    found = summary.summary(address.filter, on=at.date())
    is_filtered = not address.filter.is_empty
    address, page = read_page(address, at=at)
    context = list_context(address, page, choices, parameters)
    filters = ", ".join(chip.label for chip in context["chips"])
    return context | {
        "summary": found,
        "cards": [{"card": card, "href": _changes_href(address, card)} for card in found.cards],
        "whole": whole,
        "is_filtered": is_filtered,
        "no_match": f"None of the {whole.accounts:,} accounts fits {filters}.",
        "kpi_inputs": address.hidden("status"),
        "without_score_href": address.with_status(NONE),
    }


def _changes_href(address: ListAddress, card: summary.StatusCard) -> str:
    """Write the address of the accounts that came to a status or left it; empty where none did."""
    if card.change is None or not card.moved:
        return ""
    query = urlencode(replace(address.filter, status=()).as_parameters() | {"with": [card.status.value]}, doseq=True)
    return f"{reverse('status_changes')}?{query}"

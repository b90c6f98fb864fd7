"""The portfolio: how all accounts stand, worst first."""

from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit

from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest, QueryDict
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_safe

from accounts.models import Segment, User
from objectives.queries.lists import DEFAULT_ORDERING, NONE, Column, ParameterError
from objectives.queries.trend import DEFAULT_MONTHS, PERIODS
from objectives.status import LEGEND_NOTE, STATUS_ORDER, Status, label_of, legend
from portfolio.queries import averages, rows, summary
from portfolio.queries.export import accounts_csv
from portfolio.queries.people import owners
from portfolio.views.addresses import ORDER_NAMES, ListAddress
from valuerealization.common.htmx import HtmxRequest, render_page, signed_in, wants_part
from valuerealization.common.keyset import InvalidCursor

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
    months, table = _months(parameters), "1" if parameters.get("table") == "1" else ""
    view = [("months", str(months) if months != DEFAULT_MONTHS else ""), ("table", table)]
    address = ListAddress.parse(reverse("portfolio"), parameters, view=view)
    if "export" in request.GET:
        return _export(request, address, at=at)
    context = _trend(address, months=months, table=bool(table), at=at)
    if part != TREND:
        context |= _accounts(address, parameters, at=at)
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
    address = ListAddress.parse(reverse("portfolio"), request.GET)
    context = {
        "summary": summary.summary(address.filter, on=at.date()),
        "averages": averages.weekly_averages(today=at.date()),
        "chips": _chips(address, owners()),
        "address": address,
        "nav": "portfolio",
        "title": "How the portfolio's average is calculated",
        "today": at.date(),
    }
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


def _export(request: HttpRequest, address: ListAddress, *, at: datetime) -> HttpResponseBase:
    """Answer with the file; a filter that cannot be read would make it hold more than was asked for."""
    complaints = address.complaints()
    if request.GET.getlist("export") != ["csv"]:
        complaints.append("Export: The only format is csv.")
    if complaints:
        return HttpResponseBadRequest("\n".join(complaints) + "\n", content_type="text/plain; charset=utf-8")
    return accounts_csv(address.filter, order=address.ordering, on=at.date(), bom=True)


def _trend(address: ListAddress, *, months: int, table: bool, at: datetime) -> dict[str, Any]:
    found = averages.weekly_averages(today=at.date())
    return {
        "nav": "portfolio",
        "address": address,
        "averages": found,
        "chart": found.chart(months, today=at.date()),
        "months": months,
        "periods": [
            {
                "months": each,
                "href": address.with_view(months=str(each) if each != DEFAULT_MONTHS else ""),
                "is_current": each == months,
            }
            for each in PERIODS
        ],
        "table_href": address.with_view(table="" if table else "1"),
        "show_table": table,
        "today": at.date(),
    }


def _accounts(address: ListAddress, parameters: QueryDict, *, at: datetime) -> dict[str, Any]:
    found = summary.summary(address.filter, on=at.date())
    is_filtered = not address.filter.is_empty
    whole = summary.overview() if is_filtered else summary.Overview(found.listed, found.numeric)
    address, page = _page(address, at=at)
    people = owners()
    chips = _chips(address, people)
    return {
        "address": address,
        "summary": found,
        "whole": whole,
        "is_filtered": is_filtered,
        "page": page,
        "previous_href": address.at(page.previous_cursor) if page.previous_cursor else "",
        "next_href": address.at(page.next_cursor) if page.next_cursor else "",
        "chips": chips,
        "no_match": f"None of the {whole.accounts:,} accounts fits {', '.join(chip.label for chip in chips)}.",
        "complaints": address.complaints(),
        "refused": {error.parameter for error in address.errors},
        "headings": {column.value: address.heading(column) for column in Column},
        "order_name": ORDER_NAMES[address.ordering],
        "kpi_inputs": address.hidden("status"),
        "filter_inputs": address.hidden("search", "status", "owner", "segment", "value_min", "value_max", "ordering"),
        "order_options": _order_options(address.ordering),
        "status_options": _status_options(address),
        "owner_options": people,
        "segment_options": [*Segment.choices, (NONE, "No segment")],
        "none": NONE,
        "without_score_href": address.with_status(NONE),
        "given": {name: parameters.get(name, "") for name in ("value_min", "value_max")},
        "legend": legend(),
        "legend_note": LEGEND_NOTE,
    }


def _page(address: ListAddress, *, at: datetime) -> tuple[ListAddress, rows.Page]:
    """Read the page of the address; one whose cursor is not ours gives way to the first, and says so."""
    wanted, order, on = address.filter, address.ordering, at.date()
    try:
        return address, rows.page(wanted, order=order, cursor=address.cursor, at=at, on=on)
    except InvalidCursor:
        error = ParameterError("page", "invalid_cursor", "This part of the list is not known. It starts anew here.")
        anew = ListAddress(address.path, wanted, order, cursor=None, view=address.view, errors=(*address.errors, error))
        return anew, rows.page(wanted, order=order, cursor=None, at=at, on=on)


def _months(parameters: QueryDict) -> int:
    given = parameters.get("months", "")
    return next((months for months in PERIODS if str(months) == given), DEFAULT_MONTHS)


def _chips(address: ListAddress, people: list[User]) -> list[Any]:
    names = {person.email: str(person) for person in people}
    return address.chips(owner_name=names.get(address.filter.owner, ""))


def _order_options(chosen: str) -> list[dict[str, Any]]:
    """List the orders to choose from where the table has no headings to click: on phones."""
    return [
        {"value": "" if name == DEFAULT_ORDERING else name, "label": label, "is_chosen": name == chosen}
        for name, label in ORDER_NAMES.items()
    ]


def _status_options(address: ListAddress) -> list[dict[str, Any]]:
    """List the choices of the status field; several at once, as only an address can ask for, are one of their own."""
    chosen = ",".join(address.filter.status)
    options = [(status.value, status.label) for status in STATUS_ORDER] + [(NONE, label_of(None))]
    if "," in chosen:
        labels = [label_of(None if status == NONE else Status(status)) for status in address.filter.status]
        options.append((chosen, ", ".join(labels)))
    return [{"value": value, "label": label, "is_chosen": value == chosen} for value, label in options]

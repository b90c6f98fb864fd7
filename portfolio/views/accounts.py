"""The list of accounts as they stand live."""

from collections.abc import Mapping
from urllib.parse import urlencode

from django.http import Http404, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.models import Segment
from accounts.policies import can_create_account
from accounts.stages import Stage
from objectives.queries.lists import DEFAULT_ORDERING, NONE, AccountFilter, Column, parse_ordering
from objectives.status import LEGEND_NOTE, STATUS_ORDER, legend
from portfolio.queries.accounts import accounts_page
from portfolio.queries.people import owners
from valuerealization.common.htmx import HtmxRequest, render_page, signed_in, wants_part
from valuerealization.common.keyset import InvalidCursor
from valuerealization.common.units import format_day, format_pct

LIST = "account-list"  # the part that the filter form swaps: the form itself stays, and with it what is being typed

_TYPED = ("search", "status", "owner", "segment")  # fields of the filter form
_SORTABLE = (Column.NAME, Column.WORST, Column.VALUE_DELIVERED, Column.ARR, Column.RENEWAL_ON)


@signed_in
@require_safe
def account_list(request: HtmxRequest) -> HttpResponse:
    """List accounts with their live score, worst first unless asked otherwise."""
    wanted, errors = AccountFilter.parse(request.GET)
    order, order_errors = parse_ordering(request.GET.get("ordering", ""))
    at = timezone.now()
    try:
        page = accounts_page(
            wanted=wanted, order=order, cursor=request.GET.get("cursor") or None, at=at, on=timezone.localdate()
        )
    except InvalidCursor as error:
        raise Http404(str(error)) from error
    state = wanted.as_parameters() | ({"ordering": [order]} if order != DEFAULT_ORDERING else {})
    people = owners()
    context = {
        "nav": "accounts",
        "page": page,
        "wanted": wanted,
        "kept": {name: values for name, values in state.items() if name not in _TYPED},
        "errors": (*errors, *order_errors),
        "people": people,
        "statuses": STATUS_ORDER,
        "segments": Segment.choices,
        "sorts": {column.value: _sort(column, order, state) for column in _SORTABLE},
        "order": order,
        "chips": _chips(wanted, state, {person.email: str(person) for person in people}),
        "next_href": _address(state, cursor=page.next_cursor) if page.next_cursor else "",
        "previous_href": _address(state, cursor=page.previous_cursor) if page.previous_cursor else "",
        "all_href": _address(state, owner=None),
        "mine_href": _address(state, owner=request.user.email),
        "is_mine": wanted.owner == request.user.email,
        "archived_href": _address({}, archived="true"),
        "can_create": can_create_account(request.user),
        "today": timezone.localdate(),
        "legend": legend(),
        "legend_note": LEGEND_NOTE,
    }
    part = "list" if request.htmx.target == LIST else "accounts"
    response = render_page(request, "portfolio/accounts.html", context, part=part)
    if wants_part(request):
        response["HX-Push-Url"] = request.path + _address(state, cursor=request.GET.get("cursor"))
    return response


def _address(state: Mapping[str, list[str]], **changes: str | None) -> str:
    """Write the query of an address from the list's state with some of it changed; None takes a parameter out."""
    written = {name: values for name, values in state.items() if name not in changes}
    written |= {name: [value] for name, value in changes.items() if value}
    return f"?{urlencode(written, doseq=True)}"  # a lone "?" leads to the list without any state


def _sort(column: Column, order: str, state: Mapping[str, list[str]]) -> dict[str, str]:
    """Say how a column is sorted now, and what its head leads to."""
    is_here = order.removeprefix("-") == column
    backward = order.startswith("-")
    following = f"-{column}" if is_here and not backward else str(column)
    return {
        "href": _address(state, ordering=None if following == DEFAULT_ORDERING else following),
        "aria": ("descending" if backward else "ascending") if is_here else "",
    }


def _chips(wanted: AccountFilter, state: Mapping[str, list[str]], names: Mapping[str, str]) -> list[dict[str, str]]:
    """List the filters that are on, each with the address without it."""
    shown: dict[str, str] = {}
    labels = {status.value: status.label for status in STATUS_ORDER} | {NONE: "No score"}
    if wanted.status:
        shown["status"] = f"Status: {', '.join(labels[status].lower() for status in wanted.status)}"
    if wanted.search:
        shown["search"] = f"Name: {wanted.search}"
    if wanted.owner:
        shown["owner"] = "No owner" if wanted.owner == NONE else f"Owner: {names.get(wanted.owner, wanted.owner)}"
    if wanted.segment:
        shown["segment"] = "No segment" if wanted.segment == NONE else str(Segment(wanted.segment).label)
    if wanted.industry:
        shown["industry"] = f"Industry: {wanted.industry}"
    if wanted.stage:
        shown["stage"] = f"Stage: {Stage(wanted.stage)}"
    if wanted.value_min is not None:
        shown["value_min"] = f"From {format_pct(wanted.value_min)}"
    if wanted.value_max is not None:
        shown["value_max"] = f"Up to {format_pct(wanted.value_max)}"
    if wanted.renewal_before is not None:
        day = format_day(wanted.renewal_before, wanted.renewal_before, with_year=True)
        shown["renewal_before"] = f"Renewal before {day}"
    if wanted.archived:
        shown["archived"] = "Archived"
    path = reverse("account_list")
    return [{"label": label, "href": f"{path}{_address(state, **{name: None})}"} for name, label in shown.items()]

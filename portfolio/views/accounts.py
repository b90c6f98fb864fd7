"""The list of accounts as they stand live."""

from typing import Final

from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_safe

from accounts.policies import can_create_account
from objectives.queries.lists import AccountFilter
from portfolio.queries import rows
from portfolio.queries.choices import list_choices
from portfolio.queries.columns import ACCOUNTS
from portfolio.views.addresses import ListAddress
from portfolio.views.lists import export, list_context, missing_view, open_view, read_page, view_context
from valuerealization.common.htmx import HtmxRequest, render_page, signed_in, wants_part

# What is swapped, and the part of the template that answers; the filter form swaps the list and stays itself.
PARTS: Final = {"accounts": "accounts-answer", "account-list": "list-answer"}


@signed_in
@require_safe
def account_list(request: HtmxRequest) -> HttpResponseBase:
    """List accounts with their live score, worst first unless asked otherwise, or answer with the file."""
    at = timezone.now()
    if "export" in request.GET:
        return export(request, ListAddress.parse(ACCOUNTS, request.GET), at=at)
    menu, entry, elsewhere = open_view(request, ACCOUNTS, request.GET)
    if elsewhere:
        return redirect(elsewhere)
    view = [("view", str(entry.pk) if entry else "")]
    choices = list_choices(owner=request.GET.get("owner", "").lower())
    has_default = menu.default is not None
    address = ListAddress.parse(
        ACCOUNTS, request.GET, view=view, has_default=has_default, attributes=choices.attributes
    )
    address, page = read_page(address, at=at)
    context = list_context(address, page, choices, request.GET) | {
        "views": view_context(address, menu, entry),
        "notes": missing_view(request.GET, entry),
        "nav": "accounts",
        "total": rows.matched(address.filter, live=True, on=at.date()),
        "all_href": address.with_owner(""),
        "mine_href": address.with_owner(request.user.email),
        "is_mine": address.filter.owner == request.user.email,
        "archived_href": ListAddress(ACCOUNTS, AccountFilter(archived=True)).href,
        "can_create": can_create_account(request.user),
    }
    part = PARTS.get(request.htmx.target or "", "accounts-answer")
    response = render_page(request, "portfolio/accounts.html", context, part=part)
    if wants_part(request):
        response["HX-Push-Url"] = address.href
    patch_vary_headers(response, ["HX-Target"])
    return response

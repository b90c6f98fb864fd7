"""The status changes of this week."""

from dataclasses import replace
from typing import Any, Final
from urllib.parse import urlencode

from django.http import Http404, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from objectives.queries.parameters import NONE
from objectives.status import STATUS_ORDER, Status, label_of
from portfolio.queries import averages, changes, summary
from portfolio.queries.choices import list_choices
from portfolio.queries.columns import PORTFOLIO
from portfolio.queries.states import values
from portfolio.views.addresses import ListAddress
from portfolio.views.lists import chips_of
from valuerealization.common.htmx import HtmxRequest, render_page, signed_in
from valuerealization.common.keyset import InvalidCursor

_NAMES: Final = (*(status.value for status in STATUS_ORDER), NONE)


@signed_in
@require_safe
def status_changes(request: HtmxRequest) -> HttpResponse:
    """List the accounts whose status is another than a week before, within the filters of the portfolio."""
    at = timezone.now()
    address = ListAddress.parse(PORTFOLIO, request.GET)
    wanted = replace(address.filter, status=())  # the statuses of a change are its own
    before, after, either = (_statuses(request, name) for name in ("from", "to", "with"))
    found = summary.summary(wanted, on=at.date())
    cursor = request.GET.get("cursor") or None
    try:
        page = changes.changes_page(wanted, before=before, after=after, either=either, cursor=cursor, at=at)
    except InvalidCursor as error:
        raise Http404(str(error)) from error
    chosen = {name: ",".join(some) for name, some in (("from", before), ("to", after), ("with", either)) if some}

    def link(**more: str) -> str:
        parameters = wanted.as_parameters() | {name: [value] for name, value in more.items() if value}
        query = urlencode(parameters, doseq=True)
        return f"{reverse('status_changes')}?{query}" if query else reverse("status_changes")

    asked = (("from", before), ("to", after), ("from or to", either))
    context: dict[str, Any] = {
        "nav": "portfolio",
        "address": address,
        "summary": found,
        "as_of": averages.weekly_averages(today=at.date()).as_of,
        "page": page,
        "total": sum(move.count for move in changes.picked(found.moves, before=before, after=after, either=either)),
        "moves": [
            {
                "move": move,
                "href": link(**{"from": move.before or NONE, "to": move.after or NONE}),
                "is_current": (before, after) == ([move.before or NONE], [move.after or NONE]),
            }
            for move in found.moves
        ],
        "chosen": ", ".join(_said(word, some) for word, some in asked if some),
        "chips": chips_of(address, list_choices(owner=address.filter.owner).owners),
        "all_href": link(),
        "next_href": link(**chosen, cursor=page.next_cursor or "") if page.next_cursor else "",
        "previous_href": link(**chosen, cursor=page.previous_cursor or "") if page.previous_cursor else "",
    }
    return render_page(request, "portfolio/status_changes.html", context)


def _statuses(request: HtmxRequest, name: str) -> list[str]:
    given = {part for text in values(request.GET, name) for part in text.split(",")}
    return [status for status in _NAMES if status in given]


def _said(word: str, names: list[str]) -> str:
    labels = (label_of(None if name == NONE else Status(name)).lower() for name in names)
    return f"{word} {' or '.join(labels)}"

"""The tab of an account that lists its people."""

from django.http import Http404, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from objectives.queries.value_card import value_card
from portfolio.queries.contacts import people_of
from portfolio.views.account import find_account, head
from valuerealization.common.htmx import HtmxRequest, render_page, signed_in
from valuerealization.common.keyset import InvalidCursor


@signed_in
@require_safe
def account_people(request: HtmxRequest, pk: int) -> HttpResponse:
    """List contacts at the customer and the team on our side."""
    account = find_account(pk)
    at = timezone.now()
    try:
        people = people_of(account=account, cursor=request.GET.get("cursor") or None)
    except InvalidCursor as error:
        raise Http404(str(error)) from error
    context = head(request, account=account, at=at, tab="people") | {
        "people": people,
        "card": value_card(account=account, at=at),
        "next_href": f"?cursor={people.page.next_cursor}" if people.page.next_cursor else "",
        "previous_href": f"?cursor={people.page.previous_cursor}" if people.page.previous_cursor else "",
    }
    return render_page(request, "portfolio/account_people.html", context, part="contacts")

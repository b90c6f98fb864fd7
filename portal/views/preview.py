"""What a customer sees, shown to its team: read exactly as the customer would."""

from django.http import HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from objectives.models import Objective
from objectives.queries.value_card import value_card
from portal.queries.value_summary import shared_account, value_summary
from portfolio.views.account import find_account, head
from valuerealization.common.customer_scope import as_customer
from valuerealization.common.htmx import HtmxRequest, render_page, signed_in


@signed_in
@require_safe
def account_portal(request: HtmxRequest, pk: int) -> HttpResponse:
    """Preview the customer's page of an account, under the customer's own rights in the database."""
    account = find_account(pk)
    at = timezone.now()
    context = head(request, account=account, at=at, tab="portal") | {"card": value_card(account=account, at=at)}
    context["hidden"] = Objective.objects.active().filter(account=account, show_in_portal=False).count()
    with as_customer(account.pk):
        shared = shared_account(account.pk)
        context["summary"] = value_summary(account=shared, at=at) if shared else None
    return render_page(request, "portal/preview.html", context)

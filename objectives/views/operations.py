"""How the product's own work goes, for leaders and administrators: due, taken, failed, late, what is missing."""

from urllib.parse import urlencode

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from accounts.models import Account
from accounts.policies import can_see_operations
from objectives.models import Standing
from objectives.queries import operations
from objectives.services import snapshots
from valuerealization.common.htmx import HtmxRequest, render_page, signed_in, wants_part
from valuerealization.common.keyset import InvalidCursor


@signed_in
@require_safe
def show(request: HtmxRequest) -> HttpResponse:
    """Show the state; answers nothing to a page that polls while its version stands."""
    _check(request)
    at = timezone.now()
    cursor = request.GET.get("page", "")
    try:
        runs = operations.runs(cursor=cursor or None)
    except InvalidCursor as error:
        raise Http404(str(error)) from error
    state = operations.operations(at=at, runs=runs)
    if wants_part(request) and request.GET.get("version") == state.version:
        return HttpResponse(status=204)
    context = {
        "nav": "operations",
        "state": state,
        "runs": runs.rows,
        "previous_href": _page(runs.previous_cursor),
        "next_href": _page(runs.next_cursor),
        "poll_href": f"{reverse('operations')}?{urlencode({'page': cursor, 'version': state.version})}",
        "today": at.date(),
    }
    return render_page(request, "objectives/operations.html", context, part="state")


@signed_in
@require_POST
def retry(request: HtmxRequest, pk: int) -> HttpResponse:
    """Try an account's snapshot again, here and now."""
    _check(request)
    account = get_object_or_404(Account, pk=pk)
    try:
        taken = snapshots.try_again(account=account, by=request.user.as_actor(), at=timezone.now())
    except snapshots.ClockHeld as held:
        messages.error(request, str(held))
        return redirect("operations")
    if taken.failed:
        reason = Standing.objects.values_list("failure", flat=True).get(account=account)
        messages.error(request, f"{account.name} failed again: {reason}")
    elif taken.stored:
        count = "The snapshot" if taken.stored == 1 else f"{taken.stored} snapshots"
        messages.success(request, f"{count} of {account.name} {'is' if taken.stored == 1 else 'are'} taken")
    else:
        messages.success(request, f"Nothing is due for {account.name} any more")
    return redirect("operations")


def _page(cursor: str | None) -> str:
    return f"{reverse('operations')}?{urlencode({'page': cursor})}" if cursor else ""


def _check(request: HtmxRequest) -> None:
    if not can_see_operations(request.user):
        raise PermissionDenied("Operations are for leaders and administrators.")

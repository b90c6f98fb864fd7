"""The tab of an account with what the team writes down and plans: notes, tasks, meetings."""

from typing import Any, Final

from django.http import Http404, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.forms.work import TextForm
from accounts.models import TaskState
from accounts.queries.meetings import meeting_page, meeting_rows, upcoming
from accounts.queries.notes import note_page
from accounts.queries.tasks import task_counts, task_page, task_rows
from accounts.views.tasks import card_context as next_actions_context
from objectives.queries.value_card import value_card
from portfolio.views.account import find_account, head
from valuerealization.common.htmx import HtmxRequest, render_page, signed_in
from valuerealization.common.keyset import InvalidCursor, KeysetPage

_WHEN: Final = ("upcoming", "past")


@signed_in
@require_safe
def account_notes(request: HtmxRequest, pk: int) -> HttpResponse:
    """Show an account's notes, and beside them what to do next and which meetings come."""
    account = find_account(pk)
    at = timezone.now()
    context = head(request, account=account, at=at, tab="notes")
    try:
        found, rows = note_page(account=account, cursor=request.GET.get("cursor") or None)
    except InvalidCursor as error:
        raise Http404(str(error)) from error
    context |= {
        "card": value_card(account=account, at=at),
        "rows": rows,
        "form": TextForm(),
        "meetings": meeting_rows(upcoming(account=account, at=at), account=account, today=context["today"]),
        **_neighbours(found, "?"),
        **next_actions_context(request, account=account, at=at),
    }
    return render_page(request, "portfolio/account_notes.html", context, part="notes")


@signed_in
@require_safe
def account_tasks(request: HtmxRequest, pk: int) -> HttpResponse:
    """List an account's tasks in one state."""
    account = find_account(pk)
    at = timezone.now()
    asked = request.GET.get("state", "")
    state = TaskState(asked) if asked in TaskState.values else TaskState.OPEN
    context = head(request, account=account, at=at, tab="notes")
    try:
        found = task_page(account=account, state=state, cursor=request.GET.get("cursor") or None)
    except InvalidCursor as error:
        raise Http404(str(error)) from error
    counts = task_counts(account=account)
    context |= {
        "card": value_card(account=account, at=at),
        "rows": task_rows(
            found.rows, account=account, on=context["today"], person_id=request.user.pk, may_edit=context["can_edit"]
        ),
        "state": state,
        "states": [(each.value, each.label, counts[each]) for each in TaskState],
        **_neighbours(found, f"?state={state}&"),
    }
    return render_page(request, "portfolio/account_tasks.html", context, part="tasks")


@signed_in
@require_safe
def account_meetings(request: HtmxRequest, pk: int) -> HttpResponse:
    """List an account's meetings: those ahead, or those past."""
    account = find_account(pk)
    at = timezone.now()
    asked = request.GET.get("when", "")
    when = asked if asked in _WHEN else _WHEN[0]
    context = head(request, account=account, at=at, tab="notes")
    try:
        found = meeting_page(account=account, at=at, is_past=when == "past", cursor=request.GET.get("cursor") or None)
    except InvalidCursor as error:
        raise Http404(str(error)) from error
    context |= {
        "card": value_card(account=account, at=at),
        "rows": meeting_rows(found.rows, account=account, today=context["today"]),
        "when": when,
        **_neighbours(found, f"?when={when}&"),
    }
    return render_page(request, "portfolio/account_meetings.html", context, part="meetings")


def _neighbours(found: KeysetPage[Any], query: str) -> dict[str, str]:
    """Give the addresses of the pages before and after; empty where there is none."""
    return {
        "previous_href": f"{query}cursor={found.previous_cursor}" if found.previous_cursor else "",
        "next_href": f"{query}cursor={found.next_cursor}" if found.next_cursor else "",
    }

"""The page of one account with its tabs: a composition of everything below."""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any

from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.models import Account
from accounts.policies import can_edit_account
from accounts.stages import stage_of
from accounts.views.tasks import card_context as next_actions_context
from objectives import weeks
from objectives.models import Objective
from objectives.queries.attributes import attribute_lines
from objectives.queries.evidence import account_evidence
from objectives.queries.value_card import objective_row, value_card
from objectives.views.value_card import card_context, trend_context
from portfolio.queries.activity import activity_page, recent_activity
from portfolio.queries.contacts import executive_sponsors
from valuerealization.common.htmx import HtmxRequest, render_page, signed_in, wants_part
from valuerealization.common.keyset import InvalidCursor
from valuerealization.common.units import format_day, format_in_days, format_money, is_soon


@signed_in
@require_safe
def account_page(request: HtmxRequest, pk: int) -> HttpResponse:
    """Show one account: value card, trend, and what changed last."""
    account = find_account(pk)
    at = timezone.now()
    card = value_card(account=account, at=at)
    context = head(request, account=account, at=at, tab="overview")
    context |= card_context(request, account=account, card=card)
    context |= trend_context(request, account=account, at=at)
    context |= next_actions_context(request, account=account, at=at)
    context["recent"] = recent_activity(account=account, at=at)
    context["attributes"] = attribute_lines(account=account, today=context["today"])
    return render_page(request, "portfolio/account.html", context)


@signed_in
@require_safe
def account_recent(request: HtmxRequest, pk: int) -> HttpResponse:
    """Answer what changed last, for the page that saw its card change."""
    account = find_account(pk)
    if not wants_part(request):
        return redirect("account_activity", pk)
    context = {"account": account, "recent": recent_activity(account=account, at=timezone.now())}
    return render_page(request, "portfolio/account.html", context, part="recent")


@signed_in
@require_safe
def account_objectives(request: HtmxRequest, pk: int) -> HttpResponse:
    """List every objective of an account: the scored, the manual and the archived ones."""
    account = find_account(pk)
    at = timezone.now()
    today = weeks.local_day(at, account.timezone)
    found = Objective.objects.filter(account=account).select_related("owner", "metric", "reading").order_by("pk")
    objectives = list(found)
    card = value_card(account=account, at=at)
    context = head(request, account=account, at=at, tab="objectives") | {
        "card": card,
        "rows": [
            (objective, objective_row(objective, account=account, today=today))
            for objective in objectives
            if objective.is_numeric and objective.archived_at is None
        ],
        "manual": [each for each in objectives if not each.is_numeric and each.archived_at is None],
        "archived": [each for each in objectives if each.archived_at is not None],
    }
    return render_page(request, "portfolio/account_objectives.html", context)


@signed_in
@require_safe
def account_quality(request: HtmxRequest, pk: int) -> HttpResponse:
    """Show what the account's score stands on: the evidence of each objective, and every open flag."""
    account = find_account(pk)
    at = timezone.now()
    card = value_card(account=account, at=at)
    context = head(request, account=account, at=at, tab="quality") | {"card": card}
    evidence = account_evidence(account=account, at=at)
    context |= {
        "quality": evidence,
        "disagreements": [(row, context["can_edit"]) for row in evidence.disagreements],
        "held": [(row, context["can_edit"]) for row in evidence.held],
    }
    return render_page(request, "portfolio/account_quality.html", context)


@signed_in
@require_safe
def account_activity(request: HtmxRequest, pk: int) -> HttpResponse:
    """Tell what happened to an account, newest first."""
    account = find_account(pk)
    at = timezone.now()
    try:
        page = activity_page(account=account, at=at, cursor=request.GET.get("cursor") or None)
    except InvalidCursor as error:
        raise Http404(str(error)) from error
    context = head(request, account=account, at=at, tab="activity") | {
        "page": page,
        "card": value_card(account=account, at=at),
        "newer_href": f"?cursor={page.newer}" if page.newer else "",
        "older_href": f"?cursor={page.older}" if page.older else "",
    }
    return render_page(request, "portfolio/account_activity.html", context, part="activity")


def find_account(pk: int) -> Account:
    """Find the account of an address.

    Raises: Http404.
    """
    return get_object_or_404(Account.objects.select_related("owner", "standing"), pk=pk)


def head(request: HtmxRequest, *, account: Account, at: datetime, tab: str) -> dict[str, Any]:
    """Give what stands above the tabs of every page of an account."""
    today = weeks.local_day(at, account.timezone)
    may_edit = can_edit_account(request.user, account)
    return {
        "nav": "accounts",
        "account": account,
        "facts": _facts(account, today),
        "tab": tab,
        "today": today,
        "can_edit": may_edit and account.archived_at is None,
        "can_restore": may_edit and account.archived_at is not None,
    }


def _facts(account: Account, today: date) -> list[dict[str, str]]:
    """Write what is known of an account; what isn't is left out, but for the few that everybody looks for."""
    stage = stage_of(contract_signed_on=account.contract_signed_on, on=today)
    renewal = account.renewal_on
    facts: Iterable[tuple[str, str, str, str]] = (
        ("Segment", account.get_segment_display(), "", ""),
        ("Industry", account.industry, "", ""),
        ("ARR", format_money(account.arr, currency=account.currency) if account.arr is not None else "", "", ""),
        (
            "Renewal",
            format_day(renewal, today, with_year=True) if renewal else "Not set",
            format_in_days(renewal, today) if renewal else "",
            "bad" if renewal and renewal < today else "strong" if renewal and is_soon(renewal, today) else "",
        ),
        ("Owner", str(account.owner) if account.owner else "No owner", "", ""),
        *_sponsor(account),
        ("Customer since", _day(account.contract_signed_on), "", ""),
        ("Go-live", _day(account.went_live_on), "", ""),
        ("Timezone", account.timezone, "", ""),
        ("Stage", stage.title(), "" if account.contract_signed_on else "no contract date yet", ""),
    )
    return [{"label": label, "value": value, "note": note, "tone": tone} for label, value, note, tone in facts if value]


def _sponsor(account: Account) -> list[tuple[str, str, str, str]]:
    sponsors = executive_sponsors(account=account)
    if not sponsors:
        return []
    others = len(sponsors) - 1
    named = ", ".join(part for part in (sponsors[0].name, sponsors[0].title) if part)
    return [("Executive sponsor", named, f"and {others} more" if others else "", "")]


def _day(day: date | None) -> str:
    return format_day(day, day, with_year=True) if day else ""

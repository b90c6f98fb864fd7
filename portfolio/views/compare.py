"""Two accounts or two segments side by side; the address names both, so it can be shared."""

from typing import Any, Final
from urllib.parse import urlencode

from django.http import HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.models import Account
from objectives.queries.trend import DEFAULT_MONTHS, PERIODS
from portfolio.queries import averages
from portfolio.queries.compare import Subject, compare, find_subject, segment_choices
from portfolio.queries.search import MAX_LENGTH, MIN_LENGTH
from portfolio.queries.states import parse_months
from valuerealization.common.htmx import HtmxRequest, render_page, signed_in

SIDES: Final = ("a", "b")
HITS: Final = 8


@signed_in
@require_safe
def comparison(request: HtmxRequest) -> HttpResponse:
    """Show both sides, or what to choose; the search of one side picks its own results out of the page."""
    at = timezone.now()
    refs = {side: request.GET.get(side, "") for side in SIDES}
    found = {side: find_subject(ref) if ref else None for side, ref in refs.items()}
    is_segments = _is_segments(request, refs)
    months, table = parse_months(request.GET.get("months", "")), request.GET.get("table") == "1"
    a, b = found["a"], found["b"]
    problem = _problem(refs, found)
    compared = None
    if a and b and not problem:
        complete = None if a.is_account else averages.weekly_averages(today=at.date()).last
        compared = compare(a, b, at=at, months=months, until=complete.week if complete else None)

    def link(**changes: str) -> str:
        state = {**refs, "months": "" if months == DEFAULT_MONTHS else str(months), "table": "1" if table else ""}
        query = urlencode({name: value for name, value in (state | changes).items() if value})
        return f"{reverse('compare')}?{query}" if query else reverse("compare")

    context: dict[str, Any] = {
        "nav": "compare",
        "a": a,
        "b": b,
        "problem": problem,
        "compared": compared,
        "is_segments": is_segments,
        "pickers": [_picker(request, side, found, link) for side in SIDES] if not is_segments else [],
        "segments": segment_choices() if is_segments else [],
        "refs": refs,
        "swap_href": link(a=refs["b"], b=refs["a"]),
        "accounts_href": f"{reverse('compare')}?of=accounts",
        "segments_href": f"{reverse('compare')}?of=segments",
        "periods": [{"months": each, "href": link(months=str(each)), "is_current": each == months} for each in PERIODS],
        "table_href": link(table="" if table else "1"),
        "show_table": table,
        "today": at.date(),
    }
    return render_page(request, "portfolio/compare.html", context)


def _is_segments(request: HtmxRequest, refs: dict[str, str]) -> bool:
    given = [ref for ref in refs.values() if ref]
    return given[0].startswith(("size:", "segment:")) if given else request.GET.get("of") == "segments"


def _problem(refs: dict[str, str], found: dict[str, Subject | None]) -> str:
    """Say why there is nothing to compare, in the order in which it can be put right."""
    missing = [side for side in SIDES if refs[side] and found[side] is None]
    if missing:
        which = {"a": "The first side is not", "b": "The second side is not"}.get("".join(missing), "Neither side is")
        return f"{which} there any more: the account or segment may be archived. Choose another."
    a, b = found["a"], found["b"]
    if a and b and a.is_account != b.is_account:
        return "An account is compared with an account, and a segment with a segment. Choose two of a kind."
    if a and b and a.ref == b.ref:
        return f"Both sides are {a.name}. Choose another one to compare it with."
    return ""


def _picker(request: HtmxRequest, side: str, found: dict[str, Subject | None], link: Any) -> dict[str, Any]:
    """Give one search box: what is chosen, what was typed, and the accounts that it finds: one query."""
    typed = request.GET.get(f"search_{side}", "").replace("\x00", "").strip()[:MAX_LENGTH]
    hits: list[dict[str, str]] = []
    if len(typed) >= MIN_LENGTH:
        accounts = Account.objects.active().search(typed).select_related("owner").order_by("name", "pk")[:HITS]
        hits = [
            {
                "name": account.name,
                "meta": ", ".join(filter(None, [account.get_segment_display(), str(account.owner or "")])),
                "href": link(**{side: f"account:{account.pk}"}),
            }
            for account in accounts
        ]
    other = "b" if side == "a" else "a"
    chosen = found[side]
    return {
        "side": side,
        "label": "First account" if side == "a" else "Second account",
        "chosen": chosen if chosen and chosen.is_account else None,
        "typed": typed,
        "hits": hits,
        "is_short": 0 < len(typed) < MIN_LENGTH,
        "inputs": {name: request.GET.get(name, "") for name in (side, other, "months", "table")},
        "is_open": chosen is None or bool(typed),
    }

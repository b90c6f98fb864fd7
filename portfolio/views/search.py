"""Find an account or an objective from anywhere."""

from typing import Any

from django.http import HttpResponse
from django.views.decorators.http import require_safe

from portfolio.queries.search import MIN_LENGTH, search
from valuerealization.common.htmx import HtmxRequest, render_page, signed_in


@signed_in
@require_safe
def search_page(request: HtmxRequest) -> HttpResponse:
    """Answer what was found, into the search dialog or as a page."""
    query = (request.GET.get("q") or request.GET.get("search") or "").strip()
    found = search(query)
    groups: list[dict[str, Any]] = [
        {"label": "Accounts", "hits": found.accounts},
        {"label": "Objectives", "hits": found.objectives},
    ]
    context = {
        "nav": "",
        "query": query,
        "groups": [group for group in groups if group["hits"]],
        "is_short": 0 < len(query) < MIN_LENGTH,
    }
    return render_page(request, "portfolio/search.html", context, part="results")

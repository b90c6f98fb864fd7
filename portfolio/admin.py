"""The admin's dashboard: what needs attention, and what the portfolio comes to."""

from typing import Any

from django.http import HttpRequest
from django.utils import timezone

from portfolio.queries import administration


def dashboard(_request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Give the admin's first page what it shows."""
    return {**context, "board": administration.dashboard(at=timezone.now())}

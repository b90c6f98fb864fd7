"""What a browser sends to the pages about objectives, and what it gets to see."""

import re
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from django.contrib.messages import get_messages
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from accounts.models import User
from objectives.forms.objective import ObjectiveForm
from objectives.models import Objective
from tests.ui.page import Page

D = Decimal
NOW = datetime(2026, 11, 17, 15, 0, tzinfo=UTC)  # a Tuesday, 10:00 in New York
TODAY = date(2026, 11, 17)
START = datetime(2026, 9, 1, 9, 0, tzinfo=UTC)
BACKEND = "django.contrib.auth.backends.ModelBackend"


def signed_in_as(user: User) -> Client:
    client = Client()
    client.force_login(user, backend=BACKEND)
    return client


def htmx(client: Client, path: str, data: dict[str, Any] | None = None, **fields: Any) -> HttpResponse:
    headers = {"HX-Request": "true", **fields}
    return client.get(path, headers=headers) if data is None else client.post(path, data, headers=headers)


def typed(**fields: Any) -> dict[str, Any]:
    """Give what a browser sends for the goal of the design, with some fields changed; None leaves one out."""
    sent = {
        "title": "Reduce onboarding time",
        "details": "New carriers should be able to book loads one week after signing.",
        "owner": "",
        "started_on": "2026-11-17",
        "due_on": "2026-12-15",
        "completion_type": "value",
        "metric": "",
        "unit": "days",
        "unit_label": "",
        "baseline": "14",
        "current": "9",
        "target": "7",
        "source": "Carrier onboarding report",
        "confidence": "high",
        "methodology": "Median days from signed agreement to first booked load.",
        "weight": "1",
        "external_id": "",
        **fields,
    }
    return {name: value for name, value in sent.items() if value is not None}


def of(objective: Objective, /, **fields: Any) -> dict[str, Any]:
    """Give what a browser sends for a saved objective as its form shows it, with some fields changed."""
    form = ObjectiveForm(None, account=objective.account, at=timezone.now(), objective=objective)
    shown = {name: form[name].value() for name in form.fields}
    sent = {name: "" if value is None else str(value) for name, value in shown.items() if value is not False}
    return {name: value for name, value in {**sent, **fields}.items() if value is not None}


def errors(response: HttpResponse) -> dict[str, str]:
    """Read what is said beside each field, by the field's name."""
    page = Page(response.content.decode())
    ids = [str(attrs["id"]) for attrs in page.find("p", "invalid-feedback")]
    names = [re.fullmatch(r"id_(?:metric_(?=.+_error))?(.+)_error", each) for each in ids]
    return dict(zip([match[1] for match in names if match], page.texts("p", "invalid-feedback"), strict=True))


def summary(response: HttpResponse) -> str:
    """Read the banner above the form."""
    page = Page(response.content.decode())
    (banner,) = [" ".join("".join(text).split()) for _, attrs, text in page.elements if "data-error-summary" in attrs]
    return banner


def rows(response: HttpResponse) -> dict[str, str]:
    """Read the names and values of the lists of a page."""
    page = Page(response.content.decode())
    return dict(zip(page.texts("dt"), page.texts("dd"), strict=True))


def messages(response: HttpResponse) -> list[str]:
    return [str(message) for message in get_messages(response.wsgi_request)]  # type: ignore[attr-defined]


def is_part(response: HttpResponse) -> bool:
    return "<html" not in response.content.decode()

"""The way from a person's page of the admin to the page that erases them."""

from django.urls import reverse
from django.utils.html import format_html


def erasure_link(route: str, pk: int | None) -> str:
    """Link to the page that says what erasing somebody does, and asks."""
    if pk is None:
        return "-"
    return format_html('<a class="vr-go" href="{}">Erase this person…</a>', reverse(route, args=[pk]))

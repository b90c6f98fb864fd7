"""Columns of lists that say more than their database column."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from django.contrib import admin
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html

from valuerealization.common.numbers import to_plain
from valuerealization.common.units import format_ago, format_money

NOTHING = "-"


def number(name: str, *, description: str = "") -> Any:
    """Make a column of numbers without the zeros of their database column."""

    @admin.display(description=description or name.replace("_", " "), ordering=name)
    def column(row: Any) -> str:
        value = getattr(row, name)
        return NOTHING if value is None else to_plain(value)

    return column


def pill(text: str, *, status: str = "", tone: str = "") -> str:
    """Set a word in the colours of a status, or of good, warn and bad."""
    return format_html('<span class="vr-pill" data-status="{}" data-tone="{}">{}</span>', status, tone, text)


def money(amount: Decimal | None, currency: str) -> str:
    """Write an amount as pages do."""
    return NOTHING if amount is None else format_money(amount, currency=currency)


def ago(instant: datetime | None) -> str:
    """Say how many days ago something happened."""
    return NOTHING if instant is None else format_ago((timezone.now() - instant).days)


def import_address(kind: str) -> str:
    """Link to the page that imports files, with what the file holds chosen."""
    return f"{reverse('import_create')}?kind={kind}"

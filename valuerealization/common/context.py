"""What the shell of every page needs to know."""

from functools import cached_property
from typing import Any

from django.apps import apps
from django.conf import settings
from django.contrib.postgres.aggregates import BoolOr
from django.db.models import Count
from django.http import HttpRequest


class Shell:
    """Numbers beside the navigation, read only when the navigation is drawn."""

    def __init__(self, *, signed_in: bool) -> None:
        self._signed_in = signed_in

    @cached_property
    def _accounts(self) -> dict[str, Any]:
        if not self._signed_in:
            return {"number": None, "demo": False}
        # By name, since the shell is drawn from below the app that owns the table.
        account = apps.get_model("accounts", "Account")
        return account.objects.filter(archived_at=None).aggregate(number=Count("pk"), demo=BoolOr("is_demo"))

    @property
    def accounts_count(self) -> int | None:
        """Count the accounts that are not archived; None for visitors."""
        number: int | None = self._accounts["number"]
        return number

    @property
    def has_demo_data(self) -> bool:
        """Tell whether any of them came with the demo portfolio."""
        return bool(self._accounts["demo"])


def shell(request: HttpRequest) -> dict[str, Any]:
    """Give every page the organisation's name and, to people who are signed in, the shell's numbers.

    Shape: `shell` costs one query when first used, and none on pages or parts that don't draw the navigation.
    """
    user = getattr(request, "user", None)
    state = Shell(signed_in=bool(user and user.is_authenticated))
    return {"organisation": settings.VR_ORGANISATION, "shell": state}

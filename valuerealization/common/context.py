"""What the shell of every page needs to know."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.apps import apps
from django.conf import settings
from django.db.models import Count, Exists, F, Subquery, Value
from django.http import HttpRequest


@dataclass(frozen=True, slots=True)
class Brand:
    """The name beside the navigation, and the logo's digest, empty without one."""

    name: str
    logo: str


class Shell:
    """What stands around a page, read in one query and only when it is drawn."""

    def __init__(self, *, signed_in: bool) -> None:
        self._signed_in = signed_in

    @cached_property
    def _read(self) -> dict[str, Any]:
        # By name, since the shell is drawn from below the app that owns the tables.
        organisation = apps.get_model("accounts", "Organisation").objects.filter(pk=1)
        wanted: dict[str, Any] = {"brand": F("name"), "digest": F("logo_digest")}
        if self._signed_in:
            # One group for the whole table: an aggregate in a subquery needs something to group by.
            active = apps.get_model("accounts", "Account").objects.filter(archived_at=None).annotate(all=Value(1))
            grouped = active.order_by().values("all")
            wanted |= {
                "number": Subquery(grouped.annotate(number=Count("pk")).values("number")),
                "demo": Exists(active.filter(is_demo=True)),
            }
        found: dict[str, Any] | None = organisation.annotate(**wanted).values(*wanted).first()
        return found or {}

    @property
    def brand(self) -> Brand:
        """Give the organisation's name and logo."""
        return Brand(self._read.get("brand") or settings.VR_ORGANISATION, self._read.get("digest", ""))

    @property
    def accounts_count(self) -> int | None:
        """Count the accounts that are not archived; None for visitors."""
        return self._read.get("number") or 0 if self._signed_in else None

    @property
    def has_demo_data(self) -> bool:
        """Tell whether any of them came with the demo portfolio."""
        return bool(self._read.get("demo"))


def shell(request: HttpRequest) -> dict[str, Any]:
    """Give every page what stands around it.

    Shape: `shell` costs one query when first used, and none on pages or parts that don't draw the navigation.
    """
    user = getattr(request, "user", None)
    return {"shell": Shell(signed_in=bool(user and user.is_authenticated))}

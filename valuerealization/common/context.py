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

    def __init__(self, *, person_id: int | None) -> None:
        self._person_id = person_id

    @cached_property
    def _read(self) -> dict[str, Any]:
        # By name, since the shell is drawn from below the app that owns the tables.
        organisation = apps.get_model("accounts", "Organisation").objects.filter(pk=1)
        wanted: dict[str, Any] = {"brand": F("name"), "digest": F("logo_digest")}
        if self._person_id is not None:
            # One group for the whole table: an aggregate in a subquery needs something to group by.
            active = apps.get_model("accounts", "Account").objects.filter(archived_at=None).annotate(all=Value(1))
            grouped = active.order_by().values("all")
            unseen = apps.get_model("accounts", "Notification").objects.unseen_by(self._person_id).values("person")
            wanted |= {
                "number": Subquery(grouped.annotate(number=Count("pk")).values("number")),
                "demo": Exists(active.filter(is_demo=True)),
                "unseen": Subquery(unseen.annotate(number=Count("pk")).values("number")),
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
        return self._read.get("number") or 0 if self._person_id is not None else None

    @property
    def has_demo_data(self) -> bool:
        """Tell whether any of them came with the demo portfolio."""
        return bool(self._read.get("demo"))

    @property
    def unseen_count(self) -> int:
        """Count what the person has not looked at yet: the number on the bell."""
        return self._read.get("unseen") or 0


def shell(request: HttpRequest) -> dict[str, Any]:
    """Give every page what stands around it.

    Shape: `shell` costs one query when first used, and none on pages or parts that don't draw the navigation.
    """
    user = getattr(request, "user", None)
    return {"shell": Shell(person_id=user.pk if user and user.is_authenticated else None)}

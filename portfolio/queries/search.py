"""Search over names of accounts and titles of objectives, by the trigram indexes."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from django.db.models import F
from django.urls import reverse

from accounts.models import Account
from objectives.models import Objective
from objectives.status import Status

MIN_LENGTH: Final = 2
MAX_LENGTH: Final = 200
ACCOUNT_HITS: Final = 8
OBJECTIVE_HITS: Final = 8


@dataclass(frozen=True, slots=True)
class Hit:
    """One thing found, with what tells it apart from others of its name."""

    url: str
    label: str
    meta: str
    value: Decimal | None = None
    status: Status | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found: names that start with the text come first, archived accounts last."""

    accounts: tuple[Hit, ...] = ()
    objectives: tuple[Hit, ...] = ()


def search(text: str) -> Found:
    """Find accounts by name and objectives by title: two queries.

    Shape:  nothing for less than two characters.
    """
    text = text.replace("\x00", "").strip()[:MAX_LENGTH]
    if len(text) < MIN_LENGTH:
        return Found()
    accounts = list(
        Account.objects.search(text)
        .select_related("standing", "owner")
        .order_by(F("archived_at").asc(nulls_first=True), "name", "pk")[: 4 * ACCOUNT_HITS]
    )
    objectives = list(
        Objective.objects.active()
        .filter(account__archived_at=None)
        .search(text)
        .select_related("account")
        .order_by("title", "pk")[: 4 * OBJECTIVE_HITS]
    )
    start = text.casefold()
    accounts.sort(key=lambda account: (account.archived_at is not None, not account.name.casefold().startswith(start)))
    objectives.sort(key=lambda objective: not objective.title.casefold().startswith(start))
    return Found(
        accounts=tuple(_account(account) for account in accounts[:ACCOUNT_HITS]),
        objectives=tuple(_objective(objective) for objective in objectives[:OBJECTIVE_HITS]),
    )


def _account(account: Account) -> Hit:
    parts = [account.get_segment_display(), str(account.owner or ""), "archived" if account.archived_at else ""]
    status = account.standing.status
    return Hit(
        url=account.get_absolute_url(),
        label=account.name,
        meta=", ".join(part for part in parts if part),
        value=account.standing.value_delivered,
        status=Status(status) if status else None,
    )


def _objective(objective: Objective) -> Hit:
    return Hit(
        url=f"{reverse('account_objectives', args=[objective.account_id])}#objective-{objective.pk}",
        label=objective.title,
        meta=objective.account.name,
        value=objective.completion,
    )

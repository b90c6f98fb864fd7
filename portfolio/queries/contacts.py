"""The people around one account, as its pages show them."""

from dataclasses import dataclass
from typing import Final

from accounts.models import Account, Contact, ContactRole, TeamMember, TeamRole
from valuerealization.common import keyset
from valuerealization.common.keyset import KeysetPage, Ordering

PAGE_SIZE: Final = 50
MOST_ARCHIVED: Final = 100
BY_NAME: Final = Ordering("contacts by name", ("name", "id"))


@dataclass(frozen=True, slots=True)
class People:
    """Contacts of an account, one page of them, the newest archived ones, and our team without the owner."""

    page: KeysetPage[Contact]
    total: int
    archived: list[Contact]
    team: list[TeamMember]


def people_of(*, account: Account, cursor: str | None = None) -> People:
    """Read the people around an account: five queries at most.

    Raises: keyset.InvalidCursor.
    """
    contacts = Contact.objects.filter(account=account)
    team = list(TeamMember.objects.filter(account=account).select_related("user"))
    rank = {role: number for number, role in enumerate(TeamRole.values)}
    return People(
        page=keyset.page(contacts.active(), BY_NAME, cursor, size=PAGE_SIZE),
        total=contacts.active().count(),
        archived=list(contacts.exclude(archived_at=None).order_by("-archived_at", "-pk")[:MOST_ARCHIVED]),
        team=sorted(team, key=lambda member: (rank[member.role], member.user.name, member.pk)),
    )


def executive_sponsors(*, account: Account) -> list[Contact]:
    """Find who sponsors an account at the customer, the longest known first: one query."""
    sponsors = Contact.objects.active().filter(account=account).in_role(ContactRole.EXECUTIVE_SPONSOR)
    return list(sponsors.order_by("pk")[:9])

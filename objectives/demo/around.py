"""Who stands around the demo's accounts: contacts at the customer, and the team on our side. Every name says so."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from accounts.models import Account, Contact, ContactRole, TeamMember, TeamRole, User
from valuerealization.common.models import AuditEntry

_SPONSOR, _CHAMPION, _FINANCE, _USER = (role.value for role in ContactRole)
# Roles and job title of each contact; the accounts take turns, and one turn in five has no sponsor.
_TURNS: Final = (
    (((_SPONSOR,), "Chief operating officer"), ((_CHAMPION,), "Process owner"), ((_FINANCE,), "Controller")),
    (((_SPONSOR, _FINANCE), "Finance director"), ((_CHAMPION, _USER), "Team lead")),
    (((_SPONSOR,), "Head of operations"), ((_CHAMPION,), "Programme manager"), ((), "Assistant")),
    (((_CHAMPION,), "Project lead"), ((_USER,), "Analyst")),
    (((_SPONSOR,), "Managing director"), ((_FINANCE,), "Accountant"), ((_USER,), "Coordinator")),
)  # fmt: skip
_FIRST: Final = ("Helen", "Omar", "Ines", "Tomasz", "Leila", "Ruben", "Asha", "Viktor", "Noor", "Felix", "Maren")
_LAST: Final = ("Strand", "Okoye", "Vidal", "Nowak", "Haddad", "Castel", "Menon", "Petrov", "Jansen", "Brandt")
_MARK: Final = "(demo)"


def add_people(accounts: Sequence[Account], people: dict[str, User]) -> int:
    """Add contacts and teams to the demo's accounts, as of the day of each; returns how many people.

    Shape:  a handful of statements, however many accounts.
    """
    contacts = [contact for number, account in enumerate(accounts) for contact in _contacts(account, number)]
    members = [member for number, account in enumerate(accounts) for member in _team(account, number, people)]
    Contact.objects.bulk_create(contacts)
    TeamMember.objects.bulk_create(members)
    AuditEntry.objects.bulk_create(
        [
            *(
                entry(
                    at=contact.created_at, by=contact.account.owner, action="contact.created", subject=contact,
                    account=contact.account, name=[None, contact.name], roles=[None, contact.roles],
                )
                for contact in contacts
            ),
            *(
                entry(
                    at=member.created_at, by=member.account.owner, action="team_member.added", subject=member,
                    account=member.account, user=[None, str(member.user)], role=[None, member.role],
                )
                for member in members
            ),
        ]
    )  # fmt: skip
    return len(contacts) + len(members)


def entry(
    *, at: datetime, by: User | None, action: str, subject: Any, account: Account | None = None, **details: Any
) -> AuditEntry:
    """Write down what somebody did then, as the services do."""
    return AuditEntry(
        at=at, actor_kind=AuditEntry.Actor.USER if by else AuditEntry.Actor.SYSTEM, actor_id=str(by.pk) if by else "",
        actor_name=by.name if by else "System", action=action, account_id=account.pk if account else None,
        subject_type=subject._meta.label_lower, subject_id=subject.pk, subject_label=str(subject), details=details,
    )  # fmt: skip


def _contacts(account: Account, number: int) -> Iterable[Contact]:
    for place, (roles, title) in enumerate(_TURNS[number % len(_TURNS)]):
        first = _FIRST[(3 * place + number) % len(_FIRST)]
        last = _LAST[(number + place) % len(_LAST)]
        made = account.created_at + timedelta(seconds=place)
        yield Contact(
            account=account, name=f"{first} {last} {_MARK}", title=title, roles=list(roles),
            email=f"{first}.{last}.{number + 1}@example.com".lower(), created_at=made, updated_at=made,
        )  # fmt: skip


def _team(account: Account, number: int, people: dict[str, User]) -> Iterable[TeamMember]:
    """Pick colleagues of the owner, by turns."""
    others = [person for person in people.values() if person.pk != account.owner_id and person.role == "csm"]
    roles = [TeamRole.ACCOUNT_EXECUTIVE, TeamRole.SOLUTIONS_ARCHITECT][: 1 + number % 2]
    for place, role in enumerate(roles):
        person = others[(number + 2 * place) % len(others)]
        yield TeamMember(account=account, user=person, role=role, created_at=account.created_at)

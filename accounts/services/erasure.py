"""Forget a person: a placeholder wherever their name or address was. The numbers stay.

Source: docs/privacy.md
"""

from collections.abc import Iterable
from dataclasses import dataclass

from allauth.account.models import EmailAddress
from django.db import connection, models, transaction

from accounts.models import Account, ApiKey, Contact, Role, User
from accounts.services.personal_data import Person, places
from valuerealization.common.audit import Actor
from valuerealization.common.audit_erasure import erase_from_audit
from valuerealization.common.models import AuditEntry

_DOMAIN = "erased.invalid"


class ErasureRefused(ValueError):
    """Nobody was erased; the text says why."""


@dataclass(frozen=True, slots=True)
class Erased:
    """What became of a person: the placeholder, and how many rows were changed where."""

    placeholder: str
    counts: dict[str, int]


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What erasing somebody will mean, for the question beforehand."""

    accounts: int = 0
    keys: tuple[str, ...] = ()
    contacts: int = 0


def foresee_user(*, user: User) -> Foreseen:
    """Tell what hangs on a team member: accounts that stay theirs, and keys that will be revoked."""
    keys = ApiKey.objects.filter(created_by=user, revoked=False).order_by("name").values_list("name", flat=True)
    return Foreseen(accounts=Account.objects.filter(owner=user, archived_at=None).count(), keys=tuple(keys))


def foresee_contact(*, contact: Contact) -> Foreseen:
    """Tell how many contacts are the same person, by their address."""
    return Foreseen(contacts=_same_person(contact).count())


def is_erased(*, email: str) -> bool:
    """Tell whether an address is that of somebody who was erased."""
    return email.endswith(f"@{_DOMAIN}")


def erase_user(*, user: User, by: Actor) -> Erased:
    """Erase a team member: they are signed out for good, and a placeholder stands wherever they were named.

    Raises: ErasureRefused for the last administrator, for oneself, and for somebody erased before.
    """
    with transaction.atomic():
        _take_time()
        administrators = User.objects.filter(role=Role.ADMIN, is_active=True).order_by("pk").select_for_update()
        others = [each for each in administrators if each.pk != user.pk]
        locked = User.objects.select_for_update().get(pk=user.pk)
        if is_erased(email=locked.email):
            raise ErasureRefused("This person was erased before.")
        if by.kind == AuditEntry.Actor.USER and by.id == str(locked.pk):
            raise ErasureRefused("You can't erase yourself. Ask another administrator.")
        if locked.is_staff and not others:
            raise ErasureRefused("This is the only active administrator. Make somebody else one first.")
        person = _user(locked)
        counts = {place.what: place.by(person) for place in places()}
        erase_from_audit(
            subject=locked, placeholder=person.placeholder, names=person.names, emails=person.emails, by=by,
            details={"erased": _found(counts)},
        )  # fmt: skip
    return Erased(person.placeholder, counts)


def erase_contact(*, contact: Contact, by: Actor) -> Erased:
    """Erase somebody at a customer, at every account where they are a contact with the same address.

    Raises: ErasureRefused for somebody erased before.
    """
    with transaction.atomic():
        _take_time()
        same = list(_same_person(contact).order_by("pk").select_for_update(of=("self",)))
        persons = [_contact(each) for each in same]
        if not persons or not persons[0].names:
            raise ErasureRefused("This person was erased before.")
        total: dict[str, int] = {}
        for each, person in zip(same, persons, strict=True):
            counts = {place.what: place.by(person) for place in places()}
            erase_from_audit(
                subject=each, placeholder=person.placeholder, names=person.names, emails=person.emails, by=by,
                account_id=each.account_id, details={"erased": _found(counts)},
            )  # fmt: skip
            total = {what: total.get(what, 0) + number for what, number in counts.items()}
    return Erased(_contact_placeholder(contact), total)


def _take_time() -> None:
    """Look through whole tables if need be: a page's limit is not meant for this."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = 0")


def _user(user: User) -> Person:
    label, pk = User._meta.label_lower, str(user.pk)
    names, emails = {user.name}, {user.email}
    done = AuditEntry.objects.filter(actor_kind=AuditEntry.Actor.USER, actor_id=pk)
    names.update(done.order_by("actor_name").values_list("actor_name", flat=True).distinct())
    about = AuditEntry.objects.filter(subject_type=label, subject_id=user.pk)
    for details in about.values_list("details", flat=True):
        names.update(_ever(details, "name"))
        emails.update(_ever(details, "email"))
    emails.update(EmailAddress.objects.filter(user=user).values_list("email", flat=True))
    names -= emails  # who had no name was called by the address
    return Person(
        "user", user.pk, _words(names), _words(emails), f"Erased person {user.pk}", f"erased-{user.pk}@{_DOMAIN}"
    )


def _contact(contact: Contact) -> Person:
    placeholder = _contact_placeholder(contact)
    names, emails = {contact.name}, {contact.email}
    about = AuditEntry.objects.filter(subject_type=Contact._meta.label_lower, subject_id=contact.pk)
    for details in about.values_list("details", flat=True):
        names.update(_ever(details, "name"))
        emails.update(_ever(details, "email"))
    return Person("contact", contact.pk, _words(names - {placeholder}), _words(emails), placeholder, "")


def _contact_placeholder(contact: Contact) -> str:
    return f"Erased contact {contact.pk}"


def _same_person(contact: Contact) -> models.QuerySet[Contact]:
    if contact.email:
        return Contact.objects.filter(email=contact.email)
    return Contact.objects.filter(pk=contact.pk)


def _ever(details: dict[str, object], field: str) -> Iterable[str]:
    pair = details.get(field)
    return [value for value in pair if isinstance(value, str)] if isinstance(pair, list) else []


def _words(words: Iterable[str]) -> tuple[str, ...]:
    """Sort the longest first: a name that holds another one is replaced as a whole."""
    return tuple(sorted({word for word in words if word.strip()}, key=lambda word: (-len(word), word)))


def _found(counts: dict[str, int]) -> dict[str, int]:
    return {what: number for what, number in counts.items() if number}

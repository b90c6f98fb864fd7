"""Change the people around an account: contacts at the customer and the team on our side, each with its audit entry."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from accounts.models import Account, Contact, ContactRole, TeamMember, TeamRole, User
from valuerealization.common import audit
from valuerealization.common.audit import Actor

FIELDS: Final = ("name", "email", "title", "phone", "roles", "external_id")


class ContactRefused(ValidationError):
    """A contact was not saved; `message_dict` names the fields and says why."""


class TeamRefused(ValidationError):
    """Somebody was not added to a team; `message_dict` names the fields and says why."""


def create_contact(*, account: Account, by: Actor, **fields: Any) -> Contact:
    """Add a contact to an account.

    Raises: ContactRefused with the reasons by field.
    """
    contact = Contact(account=account, **fields)
    with transaction.atomic():
        _save(contact)
        details = {name: [None, value] for name, value in _values(contact).items() if value not in (None, "", [])}
        audit.record(by=by, action="contact.created", subject=contact, account_id=contact.account_id, details=details)
    return contact


def update_contact(*, contact: Contact, by: Actor, at: datetime, **fields: Any) -> Contact:
    """Change a contact; what is not given stays.

    Raises: ContactRefused with the reasons by field.
    """
    with transaction.atomic():
        locked = Contact.objects.select_for_update(of=("self",)).select_related("account").get(pk=contact.pk)
        before = _values(locked)
        for name, value in fields.items():
            setattr(locked, name, value)
        _tidy(locked)
        changed = audit.changes(before, _values(locked))
        if changed:
            locked.updated_at = at
            _save(locked)
            audit.record(by=by, action="contact.updated", subject=locked, account_id=locked.account_id, details=changed)
    return locked


def archive_contact(*, contact: Contact, by: Actor, at: datetime) -> Contact:
    """Take a contact off the account's pages; what it took part in stays."""
    return _set_archived(contact, by=by, at=at, archived_at=at)


def restore_contact(*, contact: Contact, by: Actor, at: datetime) -> Contact:
    """Bring an archived contact back."""
    return _set_archived(contact, by=by, at=at, archived_at=None)


def add_team_member(*, account: Account, user: User | None, role: str, by: Actor) -> TeamMember:
    """Add somebody of ours to an account's team in a role; who has that role already stays as they are.

    Raises: TeamRefused with the reasons by field.
    """
    if role not in TeamRole.values:
        raise TeamRefused({"role": ValidationError("Choose a role.", code="invalid_choice")})
    if user is None or not user.is_active:
        raise TeamRefused({"user": ValidationError("Choose somebody of the team.", code="invalid_choice")})
    with transaction.atomic():
        member, is_new = TeamMember.objects.get_or_create(account=account, user=user, role=role)
        if is_new:
            audit.record(
                by=by, action="team_member.added", subject=member, account_id=account.pk,
                details={"user": [None, str(user)], "role": [None, role]},
            )  # fmt: skip
    return member


def remove_team_member(*, member: TeamMember, by: Actor) -> None:
    """Take somebody out of an account's team; the audit log remembers."""
    with transaction.atomic():
        found = TeamMember.objects.select_for_update(of=("self",)).select_related("user").filter(pk=member.pk).first()
        if found is None:
            return
        audit.record(
            by=by, action="team_member.removed", subject=found, account_id=found.account_id,
            details={"user": [str(found.user), None], "role": [found.role, None]},
        )  # fmt: skip
        found.delete()


def _set_archived(contact: Contact, *, by: Actor, at: datetime, archived_at: datetime | None) -> Contact:
    with transaction.atomic():
        locked = Contact.objects.select_for_update(of=("self",)).select_related("account").get(pk=contact.pk)
        if (locked.archived_at is None) != (archived_at is None):
            locked.archived_at = archived_at
            locked.updated_at = at
            locked.save(update_fields=["archived_at", "updated_at"])
            action = "contact.archived" if archived_at else "contact.restored"
            audit.record(by=by, action=action, subject=locked, account_id=locked.account_id)
    return locked


def _tidy(contact: Contact) -> None:
    contact.external_id = contact.external_id or None
    contact.email = contact.email.strip().lower()
    contact.roles = in_order(roles=contact.roles)


def in_order(*, roles: Iterable[str]) -> list[str]:
    """Give each role once, the known ones in the order in which they are always told."""
    given = list(dict.fromkeys(roles))
    return [role for role in ContactRole.values if role in given] + [r for r in given if r not in ContactRole.values]


def _save(contact: Contact) -> None:
    """Validate by the model's own rules, then save; a race on a unique field is refused the same way."""
    _tidy(contact)
    try:
        contact.full_clean(exclude=["account"], validate_constraints=False)
        with transaction.atomic():
            contact.save()
    except ValidationError as error:
        raise ContactRefused(_by_field(error)) from error
    except IntegrityError as error:
        if "email" in str(error):
            raise ContactRefused({"email": _taken(contact)}) from error
        if "external_id" not in str(error):
            raise
        taken = ValidationError("Another contact has this external id.", code="unique")
        raise ContactRefused({"external_id": taken}) from error


def _by_field(error: ValidationError) -> dict[str, Any]:
    """Say about roles which one is unknown, not at which place of the list it stands."""
    found: dict[str, Any] = dict(error.error_dict)
    if "roles" in found:
        message = f"Choose roles from {', '.join(ContactRole.values)}."
        found["roles"] = ValidationError(message, code="invalid_choice")
    return found


def _taken(contact: Contact) -> ValidationError:
    other = Contact.objects.filter(account=contact.account_id, email=contact.email).exclude(pk=contact.pk).first()
    if other is not None and other.archived_at is not None:
        return ValidationError(f"{other.name} has this address and is archived. Restore them instead.", code="unique")
    return ValidationError("Another contact of this account has this address.", code="unique")


def _values(contact: Contact) -> dict[str, Any]:
    return {name: getattr(contact, name) for name in FIELDS}

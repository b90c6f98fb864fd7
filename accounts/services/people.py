"""Change people of the team, each in one transaction with its audit entry."""

from typing import Any

from allauth.account.models import EmailAddress
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from accounts.models import Role, User
from valuerealization.common import audit
from valuerealization.common.audit import Actor

PERSON_FIELDS = ("email", "name", "role", "is_active")


class UserRefused(ValidationError):
    """A person was not saved; `message_dict` names the fields and says why."""


def create_user(*, by: Actor, email: str, name: str, role: str = Role.CSM, is_active: bool = True) -> User:
    """Add a person to the team; they choose a password by a link sent to them.

    Raises: UserRefused with the reasons by field.
    """
    user = User(email=email, name=name, role=role, is_active=is_active)
    user.set_unusable_password()
    with transaction.atomic():
        _save_user(user)
        audit.record(
            by=by, action="user.created", subject=user, details={n: [None, getattr(user, n)] for n in PERSON_FIELDS}
        )
    return user


def update_user(*, user: User, by: Actor, **fields: Any) -> User:
    """Change a person's address, name or role, or let them in no more; it holds from their next request on.

    Raises: UserRefused with the reasons by field; the last active administrator stays one.
    """
    with transaction.atomic():
        administrators = User.objects.filter(role=Role.ADMIN, is_active=True).order_by("pk").select_for_update()
        only_one = [other.pk for other in administrators] == [user.pk]
        locked = User.objects.select_for_update().get(pk=user.pk)
        before = {name: getattr(locked, name) for name in PERSON_FIELDS}
        for name, value in fields.items():
            setattr(locked, name, value)
        if only_one and not locked.is_staff:
            field = "role" if locked.is_active else "is_active"
            raise UserRefused({field: ["This is the only active administrator. Make somebody else one first."]})
        changed = audit.changes(before, {name: getattr(locked, name) for name in PERSON_FIELDS})
        if changed:
            _save_user(locked)
            # An address that is no longer theirs neither signs in nor receives a link.
            EmailAddress.objects.filter(user=locked).exclude(email=locked.email).delete()
            audit.record(by=by, action="user.updated", subject=locked, details=changed)
    return locked


def _save_user(user: User) -> None:
    """Validate by the model's own rules, then save; a race on the address is refused the same way."""
    try:
        user.full_clean(exclude=["password"])
        with transaction.atomic():
            user.save()
    except ValidationError as error:
        raise UserRefused(error) from error
    except IntegrityError as error:
        if "email" not in str(error):
            raise
        raise UserRefused({"email": ["Somebody else has this address."]}) from error

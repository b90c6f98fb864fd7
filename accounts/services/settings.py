"""Change a person's settings and those of the organisation, each in one transaction with its audit entry."""

import hashlib
import re
from datetime import datetime
from typing import Any, Final

import filetype
from django.core.exceptions import ValidationError
from django.db import transaction

from accounts.models import Organisation, User
from valuerealization.common import audit
from valuerealization.common.audit import Actor

PREFERENCES: Final = ("theme", "locale", "clock", "has_shortcuts")
ORGANISATION_FIELDS: Final = (
    "name", "factor_high", "factor_medium", "factor_low", "working_days", "currencies",
)  # fmt: skip
LOGO_TYPES: Final = ("image/png", "image/jpeg", "image/webp")
LOGO_BYTES: Final = 256 * 1024
MAX_FOLDS: Final = 60

_FOLD: Final = re.compile(r"[a-z][a-z0-9-]{0,39}", re.ASCII)


class SettingsRefused(ValidationError):
    """Settings were not saved; `message_dict` names the fields and says why."""


def update_preferences(*, user: User, **fields: Any) -> User:
    """Change how the pages look and read for one person: their own matter, so no audit entry.

    Raises: SettingsRefused with the reasons by field.
    """
    for name in PREFERENCES:
        setattr(user, name, fields.get(name, getattr(user, name)))
    try:
        user.clean_fields(exclude=[each.name for each in User._meta.fields if each.name not in PREFERENCES])
    except ValidationError as error:
        raise SettingsRefused(error) from error
    user.save(update_fields=list(PREFERENCES))
    return user


def remember_fold(*, user: User, name: str, is_open: bool) -> None:
    """Remember whether a person keeps a card open; a name that no card could have changes nothing."""
    if not _FOLD.fullmatch(name):
        return
    with transaction.atomic():
        locked = User.objects.select_for_update().get(pk=user.pk)
        if name not in locked.folds and len(locked.folds) >= MAX_FOLDS:
            return
        locked.folds[name] = is_open
        locked.save(update_fields=["folds"])


def update_organisation(*, by: Actor, at: datetime, logo: bytes | None = None, **fields: Any) -> Organisation:
    """Change name, logo and defaults of the organisation; an empty `logo` takes it away, None leaves it.

    Raises: SettingsRefused with the reasons by field.
    """
    with transaction.atomic():
        organisation = Organisation.objects.select_for_update().get(pk=1)
        before = _values(organisation)
        for name, value in fields.items():
            setattr(organisation, name, value)
        if logo is not None:
            organisation.logo_type = _logo_type(logo) if logo else ""
            organisation.logo = logo or None
            organisation.logo_digest = hashlib.sha256(logo).hexdigest() if logo else ""
        changed = audit.changes(before, _values(organisation))
        if not changed:
            return organisation
        _check(organisation)
        organisation.updated_at = at
        organisation.save()
        audit.record(
            by=by, action="organisation.updated", subject=organisation, label=str(organisation), details=changed
        )
    return organisation


def _check(organisation: Organisation) -> None:
    try:
        organisation.clean_fields(exclude=["id", "logo"])
    except ValidationError as error:
        raise SettingsRefused(error) from error
    if not organisation.factor_high >= organisation.factor_medium >= organisation.factor_low:
        raise SettingsRefused({"factor_low": ["The factors must fall from high over medium to low."]})
    if not organisation.working_days:
        raise SettingsRefused({"working_days": ["Choose at least one working day."]})
    if not organisation.currencies:
        raise SettingsRefused({"currencies": ["Choose at least one currency."]})


def _logo_type(logo: bytes) -> str:
    """Tell the type of a picture from its content; its name says nothing.

    Raises: SettingsRefused.
    """
    if len(logo) > LOGO_BYTES:
        raise SettingsRefused({"logo": [f"Choose a picture of at most {LOGO_BYTES // 1024} kB."]})
    found: str = filetype.guess_mime(logo) or ""
    if found not in LOGO_TYPES:
        raise SettingsRefused({"logo": ["Choose a PNG, JPEG or WebP picture."]})
    return found


def _values(organisation: Organisation) -> dict[str, Any]:
    values = {name: getattr(organisation, name) for name in ORGANISATION_FIELDS}
    return {**values, "logo": organisation.logo_digest[:12]}

"""Make, change and revoke API keys, each in one transaction with its audit entry."""

from datetime import datetime
from typing import Any

from django.db import transaction

from accounts.models import ApiKey, User
from valuerealization.common import audit
from valuerealization.common.audit import Actor

KEY_FIELDS = ("name", "scope", "expiry_date", "revoked")


def create_api_key(
    *, name: str, scope: str, by: Actor, created_by: User | None = None, expires_at: datetime | None = None
) -> tuple[ApiKey, str]:
    """Make a key for an integrator; the second of the pair is what they send, and is stored nowhere.

    Raises: ValidationError with the reasons by field.
    """
    key = ApiKey(name=name, scope=scope, created_by=created_by, expiry_date=expires_at)
    key.full_clean(exclude=["id", "prefix", "hashed_key"])
    with transaction.atomic():
        secret = ApiKey.objects.assign_key(key)
        key.save()
        audit.record(
            by=by, action="api_key.created", subject=key, label=f"{key.name} ({key.prefix})",
            details={"scope": [None, key.scope], "expires_at": [None, key.expiry_date]},
        )  # fmt: skip
    return key, ApiKey.PREFIX + secret


def update_api_key(*, key: ApiKey, by: Actor, **fields: Any) -> ApiKey:
    """Rename, widen, limit or revoke a key; it holds from the next call on, and revoking is for good.

    Raises: ValidationError with the reasons by field.
    """
    with transaction.atomic():
        locked: ApiKey = ApiKey.objects.select_for_update().get(pk=key.pk)
        before = {name: getattr(locked, name) for name in KEY_FIELDS}
        for name, value in fields.items():
            setattr(locked, name, value)
        changed = audit.changes(before, {name: getattr(locked, name) for name in KEY_FIELDS})
        if changed:
            locked.full_clean()
            locked.save()
            action = "api_key.revoked" if "revoked" in changed else "api_key.updated"
            audit.record(
                by=by, action=action, subject=locked, label=f"{locked.name} ({locked.prefix})", details=changed
            )
    return locked

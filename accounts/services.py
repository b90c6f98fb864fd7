"""Change accounts. The only writers of accounts, each in one transaction with its audit entry."""

from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from accounts.models import Account, ApiKey, User
from valuerealization.common import audit
from valuerealization.common.audit import Actor

FIELDS = (
    "external_id", "name", "timezone", "owner", "segment", "industry", "currency", "arr",
    "contract_signed_on", "went_live_on", "renewal_on",
)  # fmt: skip


class AccountRefused(ValidationError):
    """An account was not saved; `message_dict` names the fields and says why."""


def create_account(*, by: Actor, is_demo: bool = False, **fields: Any) -> Account:
    """Add a customer account.

    Raises: AccountRefused with the reasons by field.
    """
    account = Account(is_demo=is_demo, **fields)
    with transaction.atomic():
        _save(account)
        audit.record(
            by=by,
            action="account.created",
            subject=account,
            account_id=account.pk,
            details={name: [None, value] for name, value in _values(account).items() if value not in (None, "")},
        )
    return account


def update_account(*, account: Account, by: Actor, at: datetime, **fields: Any) -> Account:
    """Change fields of an account; what is not given stays.

    Raises: AccountRefused with the reasons by field.
    """
    with transaction.atomic():
        locked = Account.objects.lock().get(pk=account.pk)
        before = _values(locked)
        for name, value in fields.items():
            setattr(locked, name, value)
        changed = audit.changes(before, _values(locked))
        if changed:
            locked.updated_at = at
            _save(locked)
            audit.record(by=by, action="account.updated", subject=locked, account_id=locked.pk, details=changed)
    return locked


def archive_account(*, account: Account, by: Actor, at: datetime) -> Account:
    """Take an account out of snapshots, averages, triggers and the portal; its history stays."""
    return _set_archived(account, by=by, at=at, archived_at=at)


def restore_account(*, account: Account, by: Actor, at: datetime) -> Account:
    """Bring an archived account back; weeks it was archived in get no snapshot."""
    return _set_archived(account, by=by, at=at, archived_at=None)


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


def _set_archived(account: Account, *, by: Actor, at: datetime, archived_at: datetime | None) -> Account:
    with transaction.atomic():
        locked = Account.objects.lock().get(pk=account.pk)
        if (locked.archived_at is None) != (archived_at is None):
            locked.archived_at = archived_at
            locked.updated_at = at
            locked.save(update_fields=["archived_at", "updated_at"])
            action = "account.archived" if archived_at else "account.restored"
            audit.record(by=by, action=action, subject=locked, account_id=locked.pk)
    return locked


def _save(account: Account) -> None:
    """Validate by the model's own rules, then save; a race on a unique field is refused the same way."""
    if account.external_id == "":
        account.external_id = None
    try:
        account.full_clean(exclude=["owner"])
        with transaction.atomic():
            account.save()
    except ValidationError as error:
        raise AccountRefused(error) from error
    except IntegrityError as error:
        if "external_id" not in str(error):
            raise
        raise AccountRefused({"external_id": ["Another account has this external id."]}) from error


def _values(account: Account) -> dict[str, Any]:
    return {name: getattr(account, f"{name}_id" if name == "owner" else name) for name in FIELDS}

"""Change accounts, one or many, each in one transaction with its audit entry."""

from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from accounts.models import Account
from accounts.services.attributes import PREFIX, definitions, merged_values
from valuerealization.common import audit
from valuerealization.common.audit import Actor

FIELDS = (
    "external_id", "name", "timezone", "owner", "segment", "industry", "currency", "arr",
    "contract_signed_on", "went_live_on", "renewal_on",
)  # fmt: skip


BATCH = 1000


class AccountRefused(ValidationError):
    """An account was not saved; `message_dict` names the fields and says why."""


@dataclass(frozen=True, slots=True)
class AccountRow:
    """An account as a file or a list has it: `fields` holds what was given, `index` names the row in errors."""

    index: int
    external_id: str
    fields: Mapping[str, Any]


class AccountRowsRefused(ValueError):
    """Some rows can't be saved, so none was; `errors` holds (index, field, message)."""

    def __init__(self, errors: Sequence[tuple[int, str, str]]) -> None:
        super().__init__(f"{len(errors)} errors")
        self.errors = tuple(errors)


@dataclass(frozen=True, slots=True)
class SavedRows:
    """What became of the rows.

    Shape:  `changes` holds, by primary key, each changed field as [before, after]; None for a row that was added.
            `reading_ids` are those that came with the rows.
    """

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    touched: frozenset[str] = frozenset()  # external ids of those added or changed
    changes: Mapping[int, Mapping[str, Sequence[Any]] | None] = field(default_factory=dict)
    reading_ids: Sequence[int] = ()


def create_account(*, by: Actor, is_demo: bool = False, **fields: Any) -> Account:
    """Add a customer account.

    Shape:  `attributes` are custom ones by key, all but numbers, which are readings.
    Raises: AccountRefused with the reasons by field.
    """
    given = fields.pop("attributes", {})
    account = Account(is_demo=is_demo, **fields)
    with transaction.atomic():
        _set_attributes(account, given)
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
    """Change fields of an account; what is not given stays, of `attributes` too, where None takes a value away.

    Raises: AccountRefused with the reasons by field.
    """
    with transaction.atomic():
        locked = Account.objects.lock().get(pk=account.pk)
        before = _values(locked)
        _set_attributes(locked, fields.pop("attributes", {}))
        for name, value in fields.items():
            setattr(locked, name, value)
        changed = audit.changes(before, _values(locked))
        if changed:
            locked.updated_at = at
            _save(locked)
            audit.record(by=by, action="account.updated", subject=locked, account_id=locked.pk, details=changed)
    return locked


def save_accounts(*, rows: Sequence[AccountRow], by: Actor, at: datetime) -> SavedRows:
    """Add or change many accounts, found by their external id, in a handful of statements; all or none.

    Raises: AccountRowsRefused with every reason.
    """
    with transaction.atomic():
        ids = [row.external_id for row in rows]
        stored = {str(account.external_id): account for account in Account.objects.filter(external_id__in=ids).lock()}
        new: list[Account] = []
        changed: list[tuple[Account, dict[str, list[Any]]]] = []
        errors: list[tuple[int, str, str]] = []
        known = definitions() if any("attributes" in row.fields for row in rows) else {}
        for row in rows:
            before = stored.get(row.external_id)
            account = Account(external_id=row.external_id) if before is None else copy(before)
            for name, value in row.fields.items():
                if name != "attributes":
                    setattr(account, name, value)
            account.attributes, refused = merged_values(
                stored=account.attributes, given=row.fields.get("attributes", {}), known=known
            )
            errors += [(row.index, name, reason.messages[0]) for name, reason in refused.items()]
            errors += [(row.index, *reason) for reason in _reasons(account)]
            if before is None:
                new.append(account)
            elif changes := audit.changes(_values(before), _values(account)):
                account.updated_at = at
                changed.append((account, changes))
        if errors:
            raise AccountRowsRefused(errors)
        _write_accounts(new, changed, by=by)
    touched = frozenset(str(account.external_id) for account in (*new, *(each for each, _changes in changed)))
    done = {account.pk: None for account in new} | {account.pk: changes for account, changes in changed}
    return SavedRows(len(new), len(changed), len(rows) - len(new) - len(changed), touched, done)


def archive_account(*, account: Account, by: Actor, at: datetime) -> Account:
    """Take an account out of snapshots, averages, triggers and the portal; its history stays."""
    return _set_archived(account, by=by, at=at, archived_at=at)


def restore_account(*, account: Account, by: Actor, at: datetime) -> Account:
    """Bring an archived account back; weeks it was archived in get no snapshot."""
    return _set_archived(account, by=by, at=at, archived_at=None)


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


def _set_attributes(account: Account, given: Mapping[str, Any]) -> None:
    if given:
        values, errors = merged_values(stored=account.attributes, given=given, known=definitions())
        if errors:
            raise AccountRefused(dict(errors))
        account.attributes = values


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
        taken = ValidationError("Another account has this external id.", code="unique")
        raise AccountRefused({"external_id": taken}) from error


def _reasons(account: Account) -> Iterator[tuple[str, str]]:
    """List why an account can't be saved, as (field, message), without asking the database."""
    try:
        account.clean_fields(exclude=["owner"])
    except ValidationError as error:
        for name, items in error.error_dict.items():
            yield name, " ".join(message for item in items for message in item.messages)
        return
    signed, renewal = account.contract_signed_on, account.renewal_on
    if signed and renewal and renewal <= signed:
        yield "renewal_on", "Choose a renewal date after the day the contract was signed."


def _write_accounts(
    new: Sequence[Account], changed: Sequence[tuple[Account, dict[str, list[Any]]]], *, by: Actor
) -> None:
    Account.objects.bulk_create(new, batch_size=BATCH)
    names = sorted({name.split(".")[0] for _account, changes in changed for name in changes})
    if changed:
        Account.objects.bulk_update(
            [account for account, _changes in changed], [*names, "updated_at"], batch_size=BATCH
        )
    created = (
        (account, {name: [None, value] for name, value in _values(account).items() if value not in (None, "")})
        for account in new
    )
    audit.record_many(
        [
            audit.entry(by=by, action=action, subject=account, account_id=account.pk, details=details)
            for action, several in (("account.created", created), ("account.updated", changed))
            for account, details in several
        ]
    )


def _values(account: Account) -> dict[str, Any]:
    values = {name: getattr(account, f"{name}_id" if name == "owner" else name) for name in FIELDS}
    return values | {f"{PREFIX}{key}": value for key, value in account.attributes.items()}

"""Accounts from a file, found by their external id, with custom attributes in columns `attributes.<key>`."""

from collections.abc import Mapping
from typing import Any, Final

from accounts.attributes import LONGEST_TEXT, AttributeRefused, read_value
from accounts.attributes import Kind as AttributeKind
from accounts.models import Account, Attribute, Segment
from accounts.services.accounts import AccountRow, AccountRowsRefused
from accounts.services.attributes import PREFIX, definitions
from objectives.imports import cells
from objectives.imports.report import Import, Saved, changes_of, people, unique_rows
from objectives.imports.tables import FileRefused, LineError
from objectives.models import ImportSubject
from objectives.services.attributes import save_account_rows
from objectives.services.batches import reading_changes

COLUMNS: Final[dict[str, cells.Reader]] = {
    "external_id": cells.external_id,
    "name": cells.line_of_text(200),
    "timezone": cells.timezone,
    "segment": cells.choice(Segment.values),
    "industry": cells.line_of_text(80),
    "currency": cells.currency,
    "arr": cells.amount,
    "owner": cells.line_of_text(254),
    "contract_signed_on": cells.day,
    "went_live_on": cells.day,
    "renewal_on": cells.day,
}
REQUIRED: Final = ("external_id",)
SYNONYMS: Final = {
    "external_id": ("id", "account id", "customer id", "company id", "crm id", "account number", "customer number"),
    "name": ("account", "account name", "customer", "customer name", "company", "company name", "organisation"),
    "timezone": ("time zone", "tz"),
    "segment": ("tier", "size", "customer segment"),
    "industry": ("sector", "vertical"),
    "currency": ("currency code",),
    "arr": ("annual recurring revenue", "annual contract value", "acv", "annual value"),
    "owner": ("csm", "csm email", "owner email", "account owner", "customer success manager"),
    "contract_signed_on": ("contract date", "signed", "signature date", "close date", "start date"),
    "went_live_on": ("go live", "go live date", "live date", "launch date"),
    "renewal_on": ("renewal", "renewal date", "contract end", "end date"),
}

# How a cell of each kind of attribute is read; choices are compared where the stored value is known.
_ATTRIBUTES: Final[Mapping[str, cells.Reader]] = {
    AttributeKind.TEXT: cells.line_of_text(LONGEST_TEXT),
    AttributeKind.NUMBER: cells.number,
    AttributeKind.DATE: cells.day,
    AttributeKind.FLAG: cells.flag,
    AttributeKind.CHOICE: cells.line_of_text(LONGEST_TEXT),
}
_NEEDED_BY_NEW: Final = {
    "name": "Give the name of the new account.",
    "timezone": "Give the timezone of the new account, for example Europe/Berlin.",
}
# An empty cell leaves these as they are: an account can't be without them.
_NEVER_EMPTY: Final = ("name", "timezone", "currency")
_TEXTS: Final = ("segment", "industry")
_NOT_YOURS_TO_GIVE: Final = (
    "Only leaders assign accounts to somebody else. Give your own address, or leave the column out."
)


def attribute_columns() -> tuple[dict[str, cells.Reader], dict[str, tuple[str, ...]]]:
    """List the columns of custom attributes in use, and what else they are called."""
    found = definitions()
    return _readers(found), {f"{PREFIX}{key}": (key, attribute.name) for key, attribute in found.items()}


def save(running: Import) -> Saved:
    """Save every good row, and note what is wrong with the others; numbers of attributes are readings."""
    attributes = _attributes(running)
    readers = {**COLUMNS, **_readers(attributes)}
    rows = unique_rows(running, lambda row: cells.read_cells(row, readers), key="external_id")
    owners = people(running, rows)
    ids = [values["external_id"] for _line, values in rows]
    accounts = Account.objects.filter(external_id__in=ids).select_related("owner")
    stored = {str(account.external_id): account for account in accounts}
    for line, values in rows:
        _check(running, line, values, stored.get(values["external_id"]), owners)
        _check_choices(running, line, values, stored.get(values["external_id"]), attributes)
    saved, count = running.save_good(
        rows,
        lambda good: save_account_rows(
            rows=[_row(running, line, values, owners, stored) for line, values in good], by=running.by, at=running.at
        ),
        AccountRowsRefused,
        lambda error: [LineError(*each) for each in error.errors],
    )
    running.changes.extend(changes_of(ImportSubject.ACCOUNT, saved.changes))
    running.changes.extend(reading_changes(reading_ids=saved.reading_ids))
    return Saved(count, saved.created, saved.updated, saved.unchanged)


def _attributes(running: Import) -> Mapping[str, Attribute]:
    """Read the definitions of the attributes that the file has columns of.

    Raises: FileRefused for one that was archived since the columns were matched.
    """
    wanted = [name for name in running.table.columns if name.startswith(PREFIX)]
    known = definitions() if wanted else {}
    if gone := [name for name in wanted if name.removeprefix(PREFIX) not in known]:
        message = "There is no such attribute any more. Match the columns again without it."
        raise FileRefused([LineError(0, name, message) for name in gone])
    return known


def _readers(attributes: Mapping[str, Attribute]) -> dict[str, cells.Reader]:
    return {f"{PREFIX}{key}": _ATTRIBUTES[attribute.type] for key, attribute in attributes.items()}


def _check_choices(
    running: Import, line: int, values: dict[str, Any], stored: Account | None, attributes: Mapping[str, Attribute]
) -> None:
    """Tell of choices there are none with everything else that is wrong in a line; what is stored may stay."""
    for key, attribute in attributes.items():
        value = values.get(f"{PREFIX}{key}")
        if attribute.type != AttributeKind.CHOICE or (stored and stored.attributes.get(key) == value):
            continue
        try:
            read_value(value, kind=attribute.type, choices=attribute.choices)
        except AttributeRefused as error:
            running.refuse(line, f"{PREFIX}{key}", error.message)


def _check(
    running: Import, line: int, values: dict[str, Any], stored: Account | None, owners: Mapping[str, Any]
) -> None:
    if stored is None:
        for name, message in _NEEDED_BY_NEW.items():
            if not values.get(name):
                running.refuse(line, name, message)
    elif not running.may_change(line, "external_id", stored):
        return
    address = (values.get("owner") or "").lower()
    owner = owners.get(address)
    if owner and not owner.is_active and (stored is None or stored.owner_id != owner.pk):
        running.refuse(line, "owner", f"{owner.name} has left the team. Name somebody else.")
    if running.editor is not None and "owner" in values and (address or stored) and owner != running.editor:
        running.refuse(line, "owner", _NOT_YOURS_TO_GIVE)


def _row(
    running: Import, line: int, values: dict[str, Any], owners: Mapping[str, Any], stored: Mapping[str, Account]
) -> AccountRow:
    fields = _fields(values, owners)
    if running.editor is not None and values["external_id"] not in stored:
        fields["owner"] = running.editor  # whoever may only change their own adds their own
    return AccountRow(line, values["external_id"], fields)


def _fields(values: dict[str, Any], owners: Mapping[str, Any]) -> dict[str, Any]:
    own = {name: value for name, value in values.items() if not name.startswith(PREFIX)}
    fields = {name: value for name, value in own.items() if value is not None or name not in _NEVER_EMPTY}
    del fields["external_id"]
    if attributes := {name.removeprefix(PREFIX): value for name, value in values.items() if name not in own}:
        fields["attributes"] = attributes
    for name in _TEXTS:
        if name in fields:
            fields[name] = fields[name] or ""
    if "owner" in fields:
        fields["owner"] = owners.get((fields["owner"] or "").lower())
    return fields

"""Accounts from a file, found by their external id."""

from typing import Any, Final

from accounts.models import Account, Segment
from accounts.services.accounts import AccountRow, AccountRowsRefused, save_accounts
from objectives.imports import cells
from objectives.imports.report import Import, Saved, people, unique_rows

COLUMNS: Final[dict[str, cells.Reader]] = {
    "external_id": cells.external_id,
    "name": cells.line_of_text(200),
    "timezone": cells.line_of_text(64),
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

_NEEDED_BY_NEW: Final = {
    "name": "Give the name of the new account.",
    "timezone": "Give the timezone of the new account, for example Europe/Berlin.",
}
# An empty cell leaves these as they are: an account can't be without them.
_NEVER_EMPTY: Final = ("name", "timezone", "currency")
_TEXTS: Final = ("segment", "industry")


def save(running: Import) -> Saved:
    """Save every row, or none.

    Raises: FileRefused.
    """
    rows = unique_rows(running, lambda row: cells.read_cells(row, COLUMNS), key="external_id")
    owners = people(running, rows)
    ids = [values["external_id"] for _line, values in rows]
    stored = dict(Account.objects.filter(external_id__in=ids).values_list("external_id", "owner__email"))
    for line, values in rows:
        if values["external_id"] not in stored:
            for name, message in _NEEDED_BY_NEW.items():
                if not values.get(name):
                    running.refuse(line, name, message)
        owner = owners.get((values.get("owner") or "").lower())
        if owner and not owner.is_active and stored.get(values["external_id"]) != owner.email:
            running.refuse(line, "owner", f"{owner.name} has left the team. Name somebody else.")
    running.check()
    try:
        saved = save_accounts(
            rows=[AccountRow(line, values["external_id"], _fields(values, owners)) for line, values in rows],
            by=running.by,
            at=running.at,
        )
    except AccountRowsRefused as error:
        for line, name, message in error.errors:
            running.refuse(line, name, message)
        running.check()
        raise
    return Saved(len(rows), saved.created, saved.updated, saved.unchanged)


def _fields(values: dict[str, Any], owners: dict[str, Any]) -> dict[str, Any]:
    fields = {name: value for name, value in values.items() if value is not None or name not in _NEVER_EMPTY}
    del fields["external_id"]
    for name in _TEXTS:
        if name in fields:
            fields[name] = fields[name] or ""
    if "owner" in fields:
        fields["owner"] = owners.get((fields["owner"] or "").lower())
    return fields

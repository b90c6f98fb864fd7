"""Whatever belongs to an account is in its export, or left out on purpose."""

from django.apps import apps
from django.db import models

from accounts.documents.account_export import parts
from accounts.models import Account

# Tables that lead to an account and are not in its export, each with the reason.
LEFT_OUT: dict[str, str] = {}


def leads_to_account(model: type[models.Model], seen: frozenset[type[models.Model]] = frozenset()) -> bool:
    """Tell whether a row belongs to one account: by a foreign key, or one of a row it belongs to."""
    if model in seen:
        return False
    owners = [
        each.related_model
        for each in model._meta.concrete_fields
        if isinstance(each, models.ForeignKey) and isinstance(each.related_model, type)
    ]
    return any(owner is Account or leads_to_account(owner, seen | {model}) for owner in owners)


def test_every_table_of_an_account_is_in_its_export() -> None:
    """A new one: `register` it in its app's `documents/export_parts.py` (see docs/exports.md)."""
    exported = {part.rows(0).model for part in parts()}
    found = {model for model in apps.get_models() if leads_to_account(model)}
    missing = {model._meta.label for model in found - exported}
    assert missing - set(LEFT_OUT) == set()
    assert set(LEFT_OUT) <= missing

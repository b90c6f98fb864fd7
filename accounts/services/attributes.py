"""Define custom attributes, and check the values that accounts have of them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Max

from accounts.attributes import AttributeRefused, read_choices, read_value
from accounts.models import Attribute, AttributeType
from valuerealization.common import audit
from valuerealization.common.audit import Actor

FIELDS: Final = ("key", "name", "type", "choices", "help_text", "position")
FIXED: Final = ("key", "type")  # what is stored under them would change its meaning
PREFIX: Final = "attributes."


class AttributeDefinitionRefused(ValidationError):
    """An attribute was not saved; `message_dict` names the fields and says why."""


def create_attribute(*, by: Actor, **fields: Any) -> Attribute:
    """Define an attribute, behind the others unless its position is given.

    Shape:  a number also needs its metric: `objectives.services.attributes` defines both.
    Raises: AttributeDefinitionRefused with the reasons by field.
    """
    attribute = Attribute(**fields)
    with transaction.atomic():
        if "position" not in fields:
            last = Attribute.objects.aggregate(last=Max("position"))["last"]
            attribute.position = 0 if last is None else last + 1
        _save(attribute)
        details = {name: [None, value] for name, value in _values(attribute).items() if value not in (None, "", [])}
        audit.record(by=by, action="attribute.created", subject=attribute, details=details)
    return attribute


def update_attribute(*, attribute: Attribute, by: Actor, at: datetime, **fields: Any) -> Attribute:
    """Change an attribute; key and type stay what they are, and values that were choices once stay with their accounts.

    Raises: AttributeDefinitionRefused with the reasons by field.
    """
    with transaction.atomic():
        locked = Attribute.objects.select_for_update().get(pk=attribute.pk)
        before = _values(locked)
        for name, value in fields.items():
            if name in FIXED and value != before[name]:
                message = f"The {name} of an attribute can't be changed. Archive it and define another one."
                raise AttributeDefinitionRefused({name: ValidationError(message, code="fixed")})
            setattr(locked, name, value)
        _tidy(locked)
        changed = audit.changes(before, _values(locked))
        if changed:
            locked.updated_at = at
            _save(locked)
            audit.record(by=by, action="attribute.updated", subject=locked, details=changed)
    return locked


def archive_attribute(*, attribute: Attribute, by: Actor, at: datetime) -> Attribute:
    """Take an attribute off pages, forms and files; the values that accounts have stay stored."""
    return _set_archived(attribute, by=by, at=at, archived_at=at)


def restore_attribute(*, attribute: Attribute, by: Actor, at: datetime) -> Attribute:
    """Bring an archived attribute back, with its values."""
    return _set_archived(attribute, by=by, at=at, archived_at=None)


def definitions(*, with_archived: bool = False) -> dict[str, Attribute]:
    """Read the attributes in their order, by key: one query."""
    rows = Attribute.objects.in_order()
    return {each.key: each for each in (rows if with_archived else rows.active())}


def merged_values(
    *, stored: Mapping[str, Any], given: Mapping[str, Any], known: Mapping[str, Attribute]
) -> tuple[dict[str, Any], dict[str, ValidationError]]:
    """Lay given values over stored ones; None and empty text take a value away.

    Shape: the values to store, and what is wrong by field (`attributes.<key>`); a value that is stored already is
           taken as it is, so that a choice which was dropped can stay.
    """
    result = dict(stored)
    errors: dict[str, ValidationError] = {}
    for key, value in given.items():
        attribute = known.get(key)
        if attribute is None:
            errors[f"{PREFIX}{key}"] = ValidationError("There is no such attribute.", code="unknown_attribute")
            continue
        if key in stored and value == stored[key] and type(value) is type(stored[key]):
            continue
        try:
            read = read_value(value, kind=attribute.type, choices=attribute.choices)
        except AttributeRefused as error:
            errors[f"{PREFIX}{key}"] = ValidationError(error.message, code=error.code)
            continue
        result.pop(key, None)
        if read is not None:
            result[key] = read
    return result, errors


def _set_archived(attribute: Attribute, *, by: Actor, at: datetime, archived_at: datetime | None) -> Attribute:
    with transaction.atomic():
        locked = Attribute.objects.select_for_update().get(pk=attribute.pk)
        if (locked.archived_at is None) != (archived_at is None):
            locked.archived_at = archived_at
            locked.updated_at = at
            locked.save(update_fields=["archived_at", "updated_at"])
            action = "attribute.archived" if archived_at else "attribute.restored"
            audit.record(by=by, action=action, subject=locked)
    return locked


def _tidy(attribute: Attribute) -> None:
    if attribute.type != AttributeType.CHOICE:
        attribute.choices = []
        return
    try:
        attribute.choices = read_choices(attribute.choices)
    except AttributeRefused as error:
        raise AttributeDefinitionRefused({"choices": ValidationError(error.message, code=error.code)}) from error


def _save(attribute: Attribute) -> None:
    _tidy(attribute)
    try:
        attribute.full_clean(validate_constraints=False)
    except ValidationError as error:
        raise AttributeDefinitionRefused(error.error_dict) from error
    if attribute.type == AttributeType.CHOICE and not attribute.choices:
        missing = ValidationError("Give the choices, one on each line.", code="required")
        raise AttributeDefinitionRefused({"choices": missing})
    try:
        with transaction.atomic():
            attribute.save()
    except IntegrityError as error:
        taken = ValidationError("Another attribute has this key.", code="unique")
        raise AttributeDefinitionRefused({"key": taken}) from error


def _values(attribute: Attribute) -> dict[str, Any]:
    return {name: getattr(attribute, name) for name in FIELDS}

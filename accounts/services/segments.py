"""Save segments: rules over accounts under a name."""

from datetime import datetime
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from accounts.models import SavedSegment, User
from accounts.rules import Group, to_json
from valuerealization.common import audit
from valuerealization.common.audit import Actor

FIELDS: Final = ("name", "description", "rule")


class SegmentRefused(ValidationError):
    """A segment was not saved; `message_dict` names the fields and says why."""


def create_segment(
    *, name: str, rule: Group, by: Actor, description: str = "", created_by: User | None = None
) -> SavedSegment:
    """Save a rule, parsed already, under a name of its own.

    Raises: SegmentRefused with the reasons by field.
    """
    segment = SavedSegment(name=name, description=description, rule=to_json(rule), created_by=created_by)
    with transaction.atomic():
        _save(segment)
        details = {each: [None, value] for each, value in _values(segment).items() if value}
        audit.record(by=by, action="segment.created", subject=segment, details=details)
    return segment


def update_segment(*, segment: SavedSegment, by: Actor, at: datetime, **fields: Any) -> SavedSegment:
    """Change a segment's name, description or rule (a parsed one); what is not given stays.

    Raises: SegmentRefused with the reasons by field.
    """
    with transaction.atomic():
        locked = SavedSegment.objects.select_for_update().get(pk=segment.pk)
        before = _values(locked)
        for name, value in fields.items():
            setattr(locked, name, to_json(value) if isinstance(value, Group) else value)
        changed = audit.changes(before, _values(locked))
        if changed:
            locked.updated_at = at
            _save(locked)
            audit.record(by=by, action="segment.updated", subject=locked, details=changed)
    return locked


def archive_segment(*, segment: SavedSegment, by: Actor, at: datetime) -> SavedSegment:
    """Take a segment off the lists and filters; addresses that name it say that it is archived."""
    return _set_archived(segment, by=by, at=at, archived_at=at)


def restore_segment(*, segment: SavedSegment, by: Actor, at: datetime) -> SavedSegment:
    """Bring an archived segment back."""
    return _set_archived(segment, by=by, at=at, archived_at=None)


def _set_archived(segment: SavedSegment, *, by: Actor, at: datetime, archived_at: datetime | None) -> SavedSegment:
    with transaction.atomic():
        locked = SavedSegment.objects.select_for_update().get(pk=segment.pk)
        if (locked.archived_at is None) != (archived_at is None):
            locked.archived_at = archived_at
            locked.updated_at = at
            locked.save(update_fields=["archived_at", "updated_at"])
            action = "segment.archived" if archived_at else "segment.restored"
            audit.record(by=by, action=action, subject=locked)
    return locked


def _save(segment: SavedSegment) -> None:
    segment.name = segment.name.strip()
    try:
        segment.full_clean(exclude=["created_by"], validate_constraints=False)
        with transaction.atomic():
            segment.save()
    except ValidationError as error:
        raise SegmentRefused(error.error_dict) from error
    except IntegrityError as error:
        taken = ValidationError("Another segment has this name, perhaps an archived one.", code="unique")
        raise SegmentRefused({"name": taken}) from error


def _values(segment: SavedSegment) -> dict[str, Any]:
    return {name: getattr(segment, name) for name in FIELDS}

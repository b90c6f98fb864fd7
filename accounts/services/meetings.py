"""Plan meetings, change them and call them off; each change is a new version for calendars."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from django.db import transaction

from accounts.models import Account, Contact, Meeting, User
from accounts.services.notifications import mentioned, person_id, tell_mentioned
from accounts.services.refusals import check_account, save_checked
from valuerealization.common import audit
from valuerealization.common.audit import Actor

FIELDS = ("title", "starts_at", "duration_minutes", "place", "other_attendees", "agenda", "minutes")
_GUESTS = ("attendees", "contacts")


def create_meeting(
    *,
    account: Account,
    by: Actor,
    at: datetime,
    attendees: Collection[User] = (),
    contacts: Collection[Contact] = (),
    **fields: Any,
) -> Meeting:
    """Plan a meeting.

    Raises: WorkRefused with the reasons by field.
    """
    meeting = Meeting(account=account, created_by_id=person_id(by=by), **fields)
    with transaction.atomic():
        check_account(account=account)
        people = _mentioned(meeting)
        save_checked(record=meeting)
        values = _values(meeting) | _invite(meeting, "attendees", attendees) | _invite(meeting, "contacts", contacts)
        audit.record(
            by=by,
            action="meeting.created",
            subject=meeting,
            account_id=account.pk,
            details={name: value if name in _GUESTS else [None, value] for name, value in values.items() if value},
        )
        tell_mentioned(people=people, by=by, at=at, meeting=meeting)
    meeting.refresh_from_db()
    return meeting


def update_meeting(
    *,
    meeting: Meeting,
    by: Actor,
    at: datetime,
    attendees: Collection[User] | None = None,
    contacts: Collection[Contact] | None = None,
    **fields: Any,
) -> Meeting:
    """Change a meeting; what is not given stays.

    Raises: WorkRefused with the reasons by field.
    """
    with transaction.atomic():
        locked = Meeting.objects.lock().select_related("account").get(pk=meeting.pk)
        before = _values(locked)
        for name, value in fields.items():
            setattr(locked, name, value)
        changed = audit.changes(before, _values(locked))
        changed |= _invite(locked, "attendees", attendees) | _invite(locked, "contacts", contacts)
        if changed:
            people = _mentioned(locked)
            _bump(locked, at)
            save_checked(record=locked)
            audit.record(by=by, action="meeting.updated", subject=locked, account_id=locked.account_id, details=changed)
            tell_mentioned(people=people, by=by, at=at, meeting=locked)
    return locked


def set_meeting_cancelled(*, meeting: Meeting, is_cancelled: bool, by: Actor, at: datetime) -> Meeting:
    """Call a meeting off, or let it take place after all; calendars are told either way."""
    with transaction.atomic():
        locked = Meeting.objects.lock().get(pk=meeting.pk)
        if (locked.cancelled_at is not None) != is_cancelled:
            locked.cancelled_at = at if is_cancelled else None
            _bump(locked, at)
            locked.save()
            action = "meeting.cancelled" if is_cancelled else "meeting.restored"
            audit.record(by=by, action=action, subject=locked, account_id=locked.account_id)
    return locked


def _invite(meeting: Meeting, field: str, people: Collection[User] | Collection[Contact] | None) -> dict[str, Any]:
    """Set who takes part, and tell the change: ids before and after; None leaves it as it is."""
    if people is None:
        return {}
    guests = getattr(meeting, field)
    before = sorted(guests.values_list("pk", flat=True))
    after = sorted(person.pk for person in people)
    if before == after:
        return {}
    guests.set(people)
    return {field: [before, after]}


def _mentioned(meeting: Meeting) -> set[int]:
    return mentioned(texts={"agenda": meeting.agenda, "minutes": meeting.minutes})


def _bump(meeting: Meeting, at: datetime) -> None:
    meeting.sequence += 1
    meeting.updated_at = at


def _values(meeting: Meeting) -> dict[str, Any]:
    return {name: getattr(meeting, name) for name in FIELDS}

"""Write notes, pin, change and delete them; every version stays in the audit log."""

from datetime import datetime

from django.db import transaction

from accounts.models import Account, Note
from accounts.services.notifications import maker, mentioned, tell_mentioned
from accounts.services.refusals import check_account, save_checked
from valuerealization.common import audit
from valuerealization.common.audit import Actor


def create_note(*, account: Account, body: str, by: Actor, at: datetime, is_pinned: bool = False) -> Note:
    """Write a note about an account; those mentioned are told.

    Raises: WorkRefused with the reasons by field.
    """
    with transaction.atomic():
        check_account(account=account)
        people = mentioned(texts={"body": body})
        note = Note(account=account, body=_tidy(body), is_pinned=is_pinned, **maker(by=by))
        save_checked(record=note)
        audit.record(
            by=by, action="note.created", subject=note, account_id=account.pk, details={"body": [None, note.body]}
        )
        tell_mentioned(people=people, by=by, at=at, note=note)
    note.refresh_from_db()
    return note


def update_note(*, note: Note, body: str, by: Actor, at: datetime) -> Note:
    """Change the text of a note; the former one stays in its history.

    Raises: WorkRefused with the reasons by field.
    """
    with transaction.atomic():
        locked = Note.objects.lock().get(pk=note.pk)
        before, locked.body = locked.body, _tidy(body)
        if locked.body != before:
            people = mentioned(texts={"body": body})
            locked.edited_at = locked.updated_at = at
            save_checked(record=locked)
            audit.record(
                by=by, action="note.updated", subject=locked, account_id=locked.account_id,
                details={"body": [before, locked.body]},
            )  # fmt: skip
            tell_mentioned(people=people, by=by, at=at, note=locked)
    return locked


def pin_note(*, note: Note, is_pinned: bool, by: Actor, at: datetime) -> Note:
    """Keep a note on top of the others, or let it go."""
    with transaction.atomic():
        locked = Note.objects.lock().get(pk=note.pk)
        if locked.is_pinned != is_pinned:
            locked.is_pinned, locked.updated_at = is_pinned, at
            locked.save(update_fields=["is_pinned", "updated_at"])
            action = "note.pinned" if is_pinned else "note.unpinned"
            audit.record(by=by, action=action, subject=locked, account_id=locked.account_id)
    return locked


def set_note_deleted(*, note: Note, is_deleted: bool, by: Actor, at: datetime) -> Note:
    """Take a note out of sight, or bring it back."""
    with transaction.atomic():
        locked = Note.objects.lock().get(pk=note.pk)
        if (locked.deleted_at is not None) != is_deleted:
            locked.deleted_at, locked.updated_at = at if is_deleted else None, at
            locked.save(update_fields=["deleted_at", "updated_at"])
            action = "note.deleted" if is_deleted else "note.restored"
            audit.record(by=by, action=action, subject=locked, account_id=locked.account_id)
    return locked


def _tidy(body: str) -> str:
    return body.replace("\r\n", "\n").strip()

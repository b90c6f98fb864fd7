"""Attach files to notes, tasks and meetings, once their content is checked."""

from datetime import datetime
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction

from accounts.models import Attachment, Meeting, Note, Task
from accounts.services.notifications import person_id
from accounts.services.refusals import WorkRefused, check_account
from valuerealization.common import audit
from valuerealization.common.audit import Actor
from valuerealization.common.files import store_file
from valuerealization.common.uploads import UploadRefused, check_upload

MOST = 50  # on one note, task or meeting


def attach_file(*, subject: Note | Task | Meeting, upload: "UploadedFile[Any]", by: Actor) -> Attachment:
    """Check a file and keep it with its subject.

    Raises: WorkRefused, with the reason beside `file`.
    """
    try:
        checked = check_upload(upload, allowed=settings.VR_ATTACHMENT_TYPES, max_bytes=settings.VR_ATTACHMENT_MAX_BYTES)
    except UploadRefused as error:
        raise WorkRefused({"file": ValidationError(error.message, error.code)}) from error
    with transaction.atomic():
        check_account(account=subject.account)
        locked = type(subject)._default_manager.select_for_update(no_key=True).get(pk=subject.pk)
        if Attachment.objects.present().filter(**_named(locked)).count() >= MOST:
            raise WorkRefused({"file": ValidationError(f"At most {MOST} files go here. Remove one first.", "too_many")})
        attachment = Attachment.objects.create(
            account_id=locked.account_id, file=store_file(upload.chunks()), name=checked.name,
            content_type=checked.content_type, created_by_id=person_id(by=by), **_named(locked),
        )  # fmt: skip
        _record(attachment, "attachment.added", by=by)
    return attachment


def set_attachment_deleted(*, attachment: Attachment, is_deleted: bool, by: Actor, at: datetime) -> Attachment:
    """Take a file away, or bring it back."""
    with transaction.atomic():
        locked = Attachment.objects.select_for_update(no_key=True).get(pk=attachment.pk)
        if (locked.deleted_at is not None) != is_deleted:
            locked.deleted_at = at if is_deleted else None
            locked.save(update_fields=["deleted_at"])
            _record(locked, "attachment.removed" if is_deleted else "attachment.restored", by=by)
    return locked


def _record(attachment: Attachment, action: str, *, by: Actor) -> None:
    """Write it down beside the subject, whose history it is part of."""
    audit.record(
        by=by, action=action, subject=attachment.subject, account_id=attachment.account_id,
        details={"file": attachment.name, "size": attachment.file.size},
    )  # fmt: skip


def _named(subject: Note | Task | Meeting) -> dict[str, Note | Task | Meeting]:
    return {type(subject).__name__.lower(): subject}

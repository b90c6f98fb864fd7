"""Comment on tasks."""

from datetime import datetime

from django.db import transaction

from accounts.models import Task, TaskComment
from accounts.services.notifications import maker, mentioned, tell_commented, tell_mentioned
from accounts.services.refusals import save_checked
from valuerealization.common import audit
from valuerealization.common.audit import Actor


def add_comment(*, task: Task, body: str, by: Actor, at: datetime) -> TaskComment:
    """Say something about a task; those mentioned are told, and those whose task it is.

    Raises: WorkRefused.
    """
    with transaction.atomic():
        people = mentioned(texts={"body": body})
        comment = TaskComment(task=task, body=body.strip(), **maker(by=by))
        save_checked(record=comment)
        audit.record(
            by=by, action="task.commented", subject=task, account_id=task.account_id,
            details={"comment": comment.pk, "body": comment.body},
        )  # fmt: skip
        tell_mentioned(people=people, by=by, at=at, task=task, comment=comment)
        tell_commented(comment=comment, mentioned=people, by=by, at=at)
    return comment


def set_comment_deleted(*, comment: TaskComment, is_deleted: bool, by: Actor, at: datetime) -> None:
    """Take a comment away, or bring it back."""
    with transaction.atomic():
        stored = (
            TaskComment.objects.select_for_update(no_key=True, of=("self",)).select_related("task").get(pk=comment.pk)
        )
        if (stored.deleted_at is not None) == is_deleted:
            return
        stored.deleted_at = at if is_deleted else None
        stored.save(update_fields=["deleted_at"])
        audit.record(
            by=by, action="task.comment_deleted" if is_deleted else "task.comment_restored", subject=stored.task,
            account_id=stored.task.account_id, details={"comment": stored.pk},
        )  # fmt: skip

"""The queue of mails about notifications: each a row, written with its cause, claimed by one worker, ended once.

A worker that dies between sending and writing that down leaves a claim that runs out: the mail goes out once more,
under the same Message-ID. Nothing else sends one twice.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from django.db.models import F, QuerySet

from accounts.models import NotificationMail
from accounts.queries.mails import is_wanted
from valuerealization.common.doorbell import ring_after_commit

# How long a claim holds: longer than a worker may take.
LEASE: Final = timedelta(minutes=10)
# How long after an attempt that failed the next one comes; the last one that fails ends it.
RETRIES: Final = (
    timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=30), timedelta(hours=2), timedelta(hours=8),
    timedelta(hours=24),
)  # fmt: skip
KEPT: Final = timedelta(days=90)
RUNG_FOR: Final = 50
TASK: Final = "accounts.send_mail"


def queue_mails(*, notifications: Sequence[int], at: datetime) -> None:
    """Let a mail go out for each notification once the transaction commits."""
    mails = NotificationMail.objects.bulk_create(
        NotificationMail(notification_id=each, next_try_at=at) for each in notifications
    )
    ring_for(mails=[mail.pk for mail in mails])


def ring_for(*, mails: Sequence[int]) -> None:
    """Ring for a few mails once the transaction commits; a crowd of them waits for the next sweep."""
    for mail in mails[:RUNG_FOR]:
        ring_after_commit(TASK, mail=mail)


def claim_mail(*, mail_id: int, at: datetime) -> NotificationMail | None:
    """Take a mail that is due, so that nobody else sends it; None if somebody has, or it isn't wanted any more."""
    waiting = NotificationMail.objects.filter(pk=mail_id, state=NotificationMail.State.WAITING, next_try_at__lte=at)
    if not waiting.update(next_try_at=at + LEASE, attempts=F("attempts") + 1):
        return None
    mail = NotificationMail.objects.select_related(
        "notification__person", "notification__account", "notification__note", "notification__task",
        "notification__comment", "notification__meeting",
    ).get(pk=mail_id)  # fmt: skip
    if not is_wanted(mail):
        _end(mail, NotificationMail.State.DROPPED, at)
        return None
    return mail


def mail_sent(*, mail: NotificationMail, at: datetime) -> None:
    """Write down that a claimed mail is out."""
    _end(mail, NotificationMail.State.SENT, at)


def mail_failed(*, mail: NotificationMail, trouble: str, is_final: bool, at: datetime) -> None:
    """Try a claimed mail again later, or give up: when it is final, or was the last attempt."""
    if is_final or mail.attempts > len(RETRIES):
        _end(mail, NotificationMail.State.FAILED, at, trouble=trouble[:80])
        return
    again = at + RETRIES[mail.attempts - 1]
    _claimed(mail).update(next_try_at=again, trouble=trouble[:80])


def due_mails(*, at: datetime, most: int) -> list[int]:
    """List mails that wait for a worker, the oldest first."""
    due = NotificationMail.objects.filter(state=NotificationMail.State.WAITING, next_try_at__lte=at)
    return list(due.order_by("next_try_at", "pk").values_list("pk", flat=True)[:most])


def forget_mails(*, at: datetime) -> int:
    """Remove the rows of mails that ended long ago; the notifications stay."""
    return NotificationMail.objects.filter(ended_at__lt=at - KEPT).delete()[0]


def _end(mail: NotificationMail, state: str, at: datetime, trouble: str = "") -> None:
    _claimed(mail).update(state=state, ended_at=at, next_try_at=None, trouble=trouble)


def _claimed(mail: NotificationMail) -> QuerySet[NotificationMail]:
    """Keep the row while the claim is ours: one that ran out and was taken by somebody else is theirs to end."""
    return NotificationMail.objects.filter(pk=mail.pk, state=NotificationMail.State.WAITING, attempts=mail.attempts)

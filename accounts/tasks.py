"""Background work of the accounts app. The database says what is due; the broker is only the doorbell."""

from smtplib import (
    SMTPAuthenticationError,
    SMTPException,
    SMTPHeloError,
    SMTPRecipientsRefused,
    SMTPResponseException,
)
from typing import Final

import structlog
from celery import shared_task
from django.utils import timezone

from accounts.documents.mails import message
from accounts.services import mails
from accounts.services.reminders import tell_due

log = structlog.get_logger(__name__)

# What is still due then, a later sweep hands out again: messages don't pile up while no worker listens.
MAIL_EXPIRES_S: Final = 600
MOST_MAILS: Final = 500
# A wrong password or name of ours is set right sooner or later; a refused address is not.
_OURS: Final = (SMTPAuthenticationError, SMTPHeloError)


@shared_task(name="accounts.tell")
def tell(**_future: object) -> None:
    """Every five minutes: tell people of tasks that are due or late, and hand out mails that nobody has sent yet."""
    at = timezone.now()
    tell_due(at=at)
    for mail in mails.due_mails(at=at, most=MOST_MAILS):
        send_mail.apply_async(kwargs={"mail": mail}, expires=MAIL_EXPIRES_S)
    mails.forget_mails(at=at)


@shared_task(name="accounts.send_mail")
def send_mail(*, mail: int, **_future: object) -> None:
    """Send one mail about a notification (safe to deliver twice: one worker claims it)."""
    claimed = mails.claim_mail(mail_id=mail, at=timezone.now())
    if claimed is None:
        return
    try:
        message(claimed).send()
    except (SMTPException, OSError) as error:
        trouble, is_final = _trouble(error)
        mails.mail_failed(mail=claimed, trouble=trouble, is_final=is_final, at=timezone.now())
        log.warning("mail_not_sent", mail=mail, attempt=claimed.attempts, reason=trouble)
    else:
        mails.mail_sent(mail=claimed, at=timezone.now())
        log.info("mail_sent", mail=mail)


def _trouble(error: Exception) -> tuple[str, bool]:
    """Name an error without what the server said, which may hold an address; tell whether trying again is no use."""
    code = 0
    if isinstance(error, SMTPResponseException):
        code = error.smtp_code
    elif isinstance(error, SMTPRecipientsRefused):
        code = next(iter(error.recipients.values()))[0]
    name = type(error).__name__
    return (f"{name} {code}" if code else name), 500 <= code < 600 and not isinstance(error, _OURS)

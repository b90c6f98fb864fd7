"""Whether a mail that waits is still wanted, and the secret by which its reader ends mails of its kind."""

from typing import Final

from django.core import signing

from accounts.models import Notification, NotificationKind, NotificationMail, User
from accounts.queries.notifications import wishes

_SALT: Final = "accounts.mails.off"


def is_wanted(mail: NotificationMail) -> bool:
    """Tell whether a mail still says something new: its subject stands, unseen, and its person wants it so."""
    told = mail.notification
    if not told.person.is_active or told.seen_at is not None:
        return False
    kind = NotificationKind(told.kind)
    return wishes(kind, [told.person_id])[told.person_id].by_mail and (
        Notification.objects.filter(pk=told.pk).standing().exists()
    )


def off_token(*, person_id: int, kind: NotificationKind) -> str:
    """Sign who would be sent no more mails of a kind; a mail may be old when its reader has had enough."""
    return signing.Signer(salt=_SALT).sign(f"{person_id}.{kind.value}")


def read_off_token(token: str) -> tuple[User, NotificationKind] | None:
    """Read back what was signed; None for anything else, and for people who are gone."""
    try:
        person_id, _, kind = signing.Signer(salt=_SALT).unsign(token).partition(".")
    except signing.BadSignature:
        return None
    person = User.objects.filter(pk=int(person_id), is_active=True).first()
    return (person, NotificationKind(kind)) if person and kind in NotificationKind.values else None

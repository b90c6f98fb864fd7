"""Mails about notifications, as text and as HTML."""

from typing import Final

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.urls import reverse

from accounts.models import NotificationKind, NotificationMail
from accounts.queries.mails import off_token
from accounts.queries.notifications import subject_of, target_of, text_of
from valuerealization.common.formats import reading_as

_EXCERPT: Final = 400
_SUBJECT: Final = 150


def message(mail: NotificationMail) -> EmailMultiAlternatives:
    """Write a mail; the same row gives the same Message-ID each time, so that one sent twice can be told.

    Shape:  links lead to VR_PUBLIC_URL; `List-Unsubscribe` ends mails of this kind by one POST.
    Source: RFC 8058
    """
    told = mail.notification
    person = told.person
    token = off_token(person_id=person.pk, kind=NotificationKind(told.kind))
    off = f"{settings.VR_PUBLIC_URL}{reverse('notification_off', args=[token])}"
    with reading_as(lambda: person.formats):
        line = " ".join(f"{told.by_name} {text_of(told)} {subject_of(told)}".split())
        context = {
            "line": line,
            "account": told.account.name,
            "excerpt": _excerpt(mail),
            "link": f"{settings.VR_PUBLIC_URL}{target_of(told)}",
            "off": off,
            "settings": f"{settings.VR_PUBLIC_URL}{reverse('settings_notifications')}",
            "kind": NotificationKind(told.kind).label,
            "organisation": settings.VR_ORGANISATION,
        }
        subject = f"{_cut(line, _SUBJECT)} ({told.account.name})"
        made = EmailMultiAlternatives(
            subject=" ".join(subject.split()),
            body=render_to_string("mail/notification.txt", context),
            to=[person.email],
            headers={
                "Message-ID": f"<{mail.uid}@{settings.DEFAULT_FROM_EMAIL.rpartition('@')[2].strip('> ')}>",
                "List-Unsubscribe": f"<{off}>",
                "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
                "Auto-Submitted": "auto-generated",
            },
        )
        made.attach_alternative(render_to_string("mail/notification.html", context), "text/html")
    return made


def _excerpt(mail: NotificationMail) -> str:
    """Quote what somebody wrote, where that is why the mail is sent."""
    told = mail.notification
    if told.kind not in (NotificationKind.MENTION, NotificationKind.COMMENT):
        return ""
    if told.comment:
        return _cut(told.comment.body, _EXCERPT)
    return _cut(told.note.body, _EXCERPT) if told.note else ""


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1].rstrip()}…"

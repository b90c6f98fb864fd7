"""Make and revoke the secret addresses of people's calendar feeds."""

import secrets
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q

from accounts.models import CalendarFeed, User, token_digest
from valuerealization.common import audit

_USED_EVERY = timedelta(hours=1)  # the time of last use is kept no finer


def make_feed(*, person: User) -> str:
    """Make a person's calendar feed and give its secret, which is told this once; a former one ends."""
    token = secrets.token_urlsafe(32)
    with transaction.atomic():
        User.objects.select_for_update(no_key=True).get(pk=person.pk)  # two clicks make two feeds, one after the other
        CalendarFeed.objects.filter(person=person).delete()
        feed = CalendarFeed.objects.create(person=person, token_digest=token_digest(token))
        audit.record(by=person.as_actor(), action="calendar_feed.created", subject=feed, label=str(person))
    return token


def revoke_feed(*, person: User) -> None:
    """End a person's calendar feed."""
    with transaction.atomic():
        feed = CalendarFeed.objects.filter(person=person).first()
        if feed is not None:
            audit.record(by=person.as_actor(), action="calendar_feed.revoked", subject=feed, label=str(person))
            feed.delete()


def touch_feed(*, feed: CalendarFeed, at: datetime) -> None:
    """Remember that a calendar asked, at most once an hour."""
    unseen = Q(last_used_at=None) | Q(last_used_at__lt=at - _USED_EVERY)
    CalendarFeed.objects.filter(unseen, pk=feed.pk).update(last_used_at=at)

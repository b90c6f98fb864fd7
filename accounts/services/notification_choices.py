"""Change how a person is told of things: their own matter, so no audit entry."""

from collections.abc import Mapping

from django.db import transaction

from accounts.models import NotificationChoice, NotificationKind, User, Ways
from accounts.queries.notifications import ways_of


def choose_ways(*, person: User, ways: Mapping[NotificationKind, Ways]) -> None:
    """Let a person be told as they want it from now on; a kind that isn't named stays as it is."""
    with transaction.atomic():
        User.objects.select_for_update(no_key=True).get(pk=person.pk)
        now = ways_of(person)
        for kind, wanted in ways.items():
            if now[kind] != wanted:
                NotificationChoice.objects.update_or_create(
                    person=person, kind=kind, defaults={"in_bell": wanted.in_bell, "by_mail": wanted.by_mail}
                )


def turn_off_mails(*, person: User, kind: NotificationKind) -> None:
    """Send a person no more mails of a kind; the bell stays as it is."""
    choose_ways(person=person, ways={kind: Ways(in_bell=ways_of(person)[kind].in_bell, by_mail=False)})

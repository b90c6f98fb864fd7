"""Tell people of what nobody says to them: the calendar does, or a value that waits for a decision.

Each is one statement, however many people: a row for the bell and one for the mail, as each person wants it.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from django.db import connection, transaction
from django.db.models import Exists, OuterRef

from accounts.models import DEFAULT_WAYS, Notification, NotificationKind
from accounts.services.mails import ring_for
from accounts.services.notifications import person_id
from valuerealization.common.audit import Actor

# A task is told of as late for this long after its day: what is older when it comes to us is no news.
LATE_DAYS: Final = 7

_MAIL: Final = """
INSERT INTO accounts_notificationmail (notification_id, uid, state, attempts, next_try_at, trouble, created_at)
SELECT told.id, gen_random_uuid(), 'waiting', 0, %(at)s, '', %(at)s
FROM told JOIN owed USING (person_id, account_id, task_id) WHERE owed.by_mail
RETURNING id
"""
_WANTED: Final = """
  COALESCE(c.in_bell, %(in_bell)s) AS in_bell, COALESCE(c.by_mail, %(by_mail)s) AS by_mail
"""
# On the account's calendar: from the midnight on that its day begins with.
_DUE: Final = f"""
WITH owed AS (
  SELECT t.id AS task_id, t.account_id, t.assignee_id AS person_id, t.due_on, {_WANTED}
  FROM accounts_task t
  JOIN accounts_account a ON a.id = t.account_id AND a.archived_at IS NULL
  JOIN accounts_user u ON u.id = t.assignee_id AND u.is_active
  LEFT JOIN accounts_notificationchoice c ON c.person_id = u.id AND c.kind = %(kind)s
  CROSS JOIN LATERAL (SELECT (%(at)s AT TIME ZONE a.timezone)::date AS today) here
  WHERE t.state = 'open' AND here.today - t.due_on BETWEEN %(first)s AND %(last)s
    AND (t.snoozed_until IS NULL OR t.snoozed_until <= here.today)
), told AS (
  INSERT INTO accounts_notification (person_id, kind, account_id, task_id, due_on, by_name, in_bell, created_at)
  SELECT person_id, %(kind)s, account_id, task_id, due_on, '', in_bell, %(at)s FROM owed WHERE in_bell OR by_mail
  ON CONFLICT ON CONSTRAINT accounts_notification_once DO NOTHING
  RETURNING id, person_id, account_id, task_id
)
{_MAIL}
"""
# Once for an account: told anew when it was seen since, or a day later.
_HELD: Final = f"""
WITH owed AS (
  SELECT a.id AS account_id, u.id AS person_id, NULL::bigint AS task_id, {_WANTED}
  FROM accounts_account a JOIN accounts_user u ON u.id = a.owner_id AND u.is_active
  LEFT JOIN accounts_notificationchoice c ON c.person_id = u.id AND c.kind = %(kind)s
  WHERE a.id = ANY(%(accounts)s) AND u.id IS DISTINCT FROM %(by)s
), told AS (
  INSERT INTO accounts_notification AS n (person_id, kind, account_id, by_name, in_bell, created_at)
  SELECT person_id, %(kind)s, account_id, %(by_name)s, in_bell, %(at)s FROM owed WHERE in_bell OR by_mail
  ON CONFLICT ON CONSTRAINT accounts_notification_once DO UPDATE
    SET seen_at = NULL, created_at = excluded.created_at, by_name = excluded.by_name, in_bell = excluded.in_bell
    WHERE n.seen_at IS NOT NULL OR n.created_at < excluded.created_at - interval '1 day'
  RETURNING n.id, n.person_id, n.account_id
)
{_MAIL.replace("USING (person_id, account_id, task_id)", "USING (person_id, account_id)")}
"""


def tell_due(*, at: datetime) -> int:
    """Tell people of their tasks that are due on this day or late since; returns how many mails that makes."""
    with transaction.atomic():
        mails = _run(_DUE, NotificationKind.DUE, at=at, first=0, last=0)
        mails += _run(_DUE, NotificationKind.OVERDUE, at=at, first=1, last=LATE_DAYS)
        # What is late is not said twice.
        late = Notification.objects.filter(
            kind=NotificationKind.OVERDUE, task=OuterRef("task"), person=OuterRef("person"), due_on=OuterRef("due_on")
        )
        Notification.objects.filter(Exists(late), kind=NotificationKind.DUE, seen_at=None).update(seen_at=at)
    return mails


def tell_held(*, account_ids: Sequence[int], by: Actor, at: datetime) -> int:
    """Tell the owners of accounts that values of theirs are held for a decision; returns how many mails that makes."""
    if not account_ids:
        return 0
    return _run(
        _HELD, NotificationKind.HELD, at=at, accounts=list(account_ids), by=person_id(by=by), by_name=by.name[:200]
    )


def withdraw_held(*, account_id: int) -> None:
    """Take back what nobody has to look at any more: the last held value of an account is decided."""
    Notification.objects.filter(kind=NotificationKind.HELD, account_id=account_id).delete()


def _run(statement: str, kind: NotificationKind, *, at: datetime, **values: Any) -> int:
    usual = DEFAULT_WAYS[kind]
    given = {"kind": kind.value, "in_bell": usual.in_bell, "by_mail": usual.by_mail, "at": at, **values}
    with connection.cursor() as cursor:
        cursor.execute(statement, given)
        mails = [row[0] for row in cursor.fetchall()]
    ring_for(mails=mails)
    return len(mails)

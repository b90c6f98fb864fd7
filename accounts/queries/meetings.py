"""Meetings as lists, cards and calendars show them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.db.models import Q

from accounts.models import Account, Meeting, Task, User
from valuerealization.common.formats import current
from valuerealization.common.keyset import KeysetPage, Ordering, page
from valuerealization.common.units import format_day

CARD_ROWS: Final = 4
PAGE_ROWS: Final = 30
FEED_PAST: Final = timedelta(days=90)
FEED_CANCELLED: Final = timedelta(days=30)
FEED_ROWS: Final = 2000

UPCOMING: Final = Ordering("meetings ahead", ("starts_at", "id"))
PAST: Final = Ordering("meetings past", ("starts_at", "id"), is_descending=True)


@dataclass(frozen=True, slots=True)
class MeetingRow:
    """A meeting as lists show it, on the account's clock."""

    pk: int
    title: str
    when: str
    place: str
    is_cancelled: bool
    people: str


def when_of(meeting: Meeting, *, timezone: str, today: date) -> str:
    """Write when a meeting is: Tue 17 Nov, 09:30 to 10:15; with the day after, too, when it ends on another."""
    zone = ZoneInfo(timezone)
    start, end = meeting.starts_at.astimezone(zone), meeting.ends_at.astimezone(zone)
    time = current().time
    text = f"{format_day(start.date(), today, weekday='short')}, {time(start)} to "
    return text + (time(end) if end.date() == start.date() else f"{format_day(end.date(), today)}, {time(end)}")


def meeting_rows(meetings: Iterable[Meeting], *, account: Account, today: date) -> list[MeetingRow]:
    """Write meetings of one account as rows; their attendees are read with them."""
    return [
        MeetingRow(
            meeting.pk, meeting.title, when_of(meeting, timezone=account.timezone, today=today), meeting.place,
            meeting.cancelled_at is not None, ", ".join(attendees_of(meeting)),
        )
        for meeting in meetings
    ]  # fmt: skip


def attendees_of(meeting: Meeting) -> list[str]:
    """Name who takes part: the team and the customer's contacts by name, then the others as they were written."""
    team = sorted(str(person) for person in meeting.attendees.all())
    contacts = sorted(str(contact) for contact in meeting.contacts.all())
    return [*team, *contacts, *([meeting.other_attendees] if meeting.other_attendees else [])]


def upcoming(*, account: Account, at: datetime) -> list[Meeting]:
    """Read the next meetings of an account, the running one included; three queries."""
    found = Meeting.objects.filter(account=account, cancelled_at=None, starts_at__gt=at - timedelta(days=1))
    rows = found.prefetch_related("attendees", "contacts").order_by("starts_at", "pk")[: CARD_ROWS + 10]
    return [meeting for meeting in rows if meeting.ends_at > at][:CARD_ROWS]


def meeting_page(*, account: Account, at: datetime, is_past: bool, cursor: str | None) -> KeysetPage[Meeting]:
    """Read one page of an account's meetings: those ahead, soonest first, or those past, latest first.

    Raises: InvalidCursor.
    """
    when = Q(starts_at__lte=at) if is_past else Q(starts_at__gt=at)
    rows = Meeting.objects.filter(when, account=account).prefetch_related("attendees", "contacts")
    return page(rows, PAST if is_past else UPCOMING, cursor, size=PAGE_ROWS)


def calendar_of(person: User, *, at: datetime) -> tuple[list[Meeting], list[Task]]:
    """Read what a person's calendar shows: meetings, and open tasks with a date; what was cancelled lately, too."""
    still: Any = Q(cancelled_at=None) | Q(cancelled_at__gte=at - FEED_CANCELLED)
    meetings = (
        Meeting.objects.filter(still, attendees=person, starts_at__gte=at - FEED_PAST)
        .select_related("account")
        .prefetch_related("attendees", "contacts")
        .order_by("starts_at", "pk")
    )
    tasks = (
        Task.objects.filter(Q(state="open") | Q(cancelled_at__gte=at - FEED_CANCELLED))
        .filter(assignee=person, due_on__isnull=False)
        .select_related("account")
        .order_by("due_on", "pk")
    )
    return list(meetings[:FEED_ROWS]), list(tasks[:FEED_ROWS])

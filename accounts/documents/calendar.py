"""Calendars in iCalendar (RFC 5545).

Meetings are instants in UTC: right across every change of a clock, whatever a calendar program knows of timezones.
Tasks are all-day events that block no time, not VTODO: programs that subscribe to an address show events alone.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from icalendar import Calendar, Event, vText

from accounts.models import Meeting, Task
from accounts.queries.meetings import attendees_of

MEDIA_TYPE = "text/calendar; charset=utf-8"
_PRODUCT = "-//Value Realization//Calendar//EN"
_REFRESH = timedelta(hours=1)


def calendar(
    *, meetings: Iterable[Meeting], tasks: Iterable[Task], name: str, base: str, is_published: bool = True
) -> bytes:
    """Write meetings and tasks as a calendar; the same rows give the same bytes.

    Shape:  `base` is our own address, which links lead to; meetings come with account and attendees read. A feed is
            `is_published`; a single meeting to be taken over is not.
    """
    written = Calendar()
    written.add("prodid", _PRODUCT)
    written.add("version", "2.0")
    written.add("calscale", "GREGORIAN")
    if is_published:
        written.add("method", "PUBLISH")
        written.add("x-wr-calname", name)
        written.add("refresh-interval", _REFRESH, parameters={"VALUE": "DURATION"})
        written.add("x-published-ttl", vText("PT1H"))
    for meeting in meetings:
        written.add_component(_meeting(meeting, base))
    for task in tasks:
        written.add_component(_task(task, base))
    return bytes(written.to_ical())


def _meeting(meeting: Meeting, base: str) -> Event:
    event = _event(meeting, base)
    event.add("summary", f"{meeting.title} · {meeting.account.name}")
    event.add("dtstart", meeting.starts_at.astimezone(UTC))
    event.add("dtend", meeting.ends_at.astimezone(UTC))
    if meeting.place:
        event.add("location", meeting.place)
    people = attendees_of(meeting)
    text = [meeting.agenda, f"With {', '.join(people)}" if people else "", f"{base}{meeting.get_absolute_url()}"]
    event.add("description", "\n\n".join(part for part in text if part))
    event.add("status", "CANCELLED" if meeting.cancelled_at else "CONFIRMED")
    return event


def _task(task: Task, base: str) -> Event:
    event = _event(task, base)
    event.add("summary", f"Due: {task.title} · {task.account.name}")
    if task.due_on is not None:
        event.add("dtstart", task.due_on)
        event.add("dtend", task.due_on + timedelta(days=1))
    event.add("description", "\n\n".join(part for part in (task.details, f"{base}{task.get_absolute_url()}") if part))
    event.add("transp", "TRANSPARENT")
    event.add("status", "CANCELLED" if task.cancelled_at else "CONFIRMED")
    return event


def _event(record: Meeting | Task, base: str) -> Event:
    event = Event()
    event.add("uid", str(record.uid))
    event.add("sequence", record.sequence)
    event.add("dtstamp", _second(record.updated_at))
    event.add("created", _second(record.created_at))
    event.add("last-modified", _second(record.updated_at))
    event.add("url", f"{base}{record.get_absolute_url()}")
    return event


def _second(instant: datetime) -> datetime:
    return instant.astimezone(UTC).replace(microsecond=0)

"""Meetings on pages and in calendars: the account's clock, changes of it, who takes part, and feeds read back."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import icalendar
import pytest
from django.test import Client

from accounts.models import Account, CalendarFeed, Meeting, User
from accounts.services.contacts import create_contact
from accounts.services.feeds import make_feed
from accounts.services.meetings import create_meeting, set_meeting_cancelled, update_meeting
from accounts.services.tasks import create_task, set_task_state, update_task
from tests.factories import at_time, make_account, make_user
from valuerealization.common.audit import SYSTEM

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 17, 14, 0, tzinfo=UTC)
FILLED = {
    "title": "Quarterly review", "day": "2026-11-20", "clock": "09:30", "duration_minutes": "45",
    "place": "https://meet.example.com/abc", "other_attendees": "Helen Strand", "agenda": "1. Results", "minutes": "",
}  # fmt: skip


@pytest.fixture(autouse=True)
def today(clock: Callable[[datetime], None]) -> None:
    clock(NOW)


@pytest.fixture
def csm(client: Client) -> User:
    user = make_user(name="Amara Okafor")
    client.force_login(user)
    return user


@pytest.fixture
def account(csm: User) -> Account:
    return make_account(name="Brightwater", owner=csm, timezone="America/New_York")


def plan(client: Client, account: Account, **fields: Any) -> Any:
    return client.post(f"/accounts/{account.pk}/meetings/new/", {**FILLED, **fields})


def text_of(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def meet(account: Account, starts_at: datetime = NOW + timedelta(days=1), **fields: Any) -> Meeting:
    return create_meeting(account=account, by=SYSTEM, at=NOW, **{"title": "Review", "starts_at": starts_at, **fields})


# ---- pages -----------------------------------------------------------------------------------------------------------


def test_a_meeting_is_planned_on_the_accounts_clock(client: Client, csm: User, account: Account) -> None:
    helen = create_contact(account=account, name="Helen Strand", by=SYSTEM)
    response = plan(client, account, attendees=[csm.pk], contacts=[helen.pk], other_attendees="Two more")
    meeting = Meeting.objects.get()
    assert response.headers["Location"] == f"/meetings/{meeting.pk}/"
    assert (meeting.starts_at, meeting.duration_minutes) == (datetime(2026, 11, 20, 14, 30, tzinfo=UTC), 45)
    html = client.get(f"/meetings/{meeting.pk}/").content.decode()
    shown = text_of(html)
    assert "Fri 20 Nov, 09:30 to 10:15" in shown
    assert "America/New_York" in shown
    assert '<a href="https://meet.example.com/abc" rel="nofollow noopener noreferrer">' in html
    assert [name in shown for name in ("Amara Okafor", "Helen Strand", "Two more")] == [True] * 3


@pytest.mark.parametrize(
    ("day", "hour", "instant"),
    [
        ("2026-03-07", "02:30", datetime(2026, 3, 7, 7, 30, tzinfo=UTC)),
        ("2026-03-08", "03:00", datetime(2026, 3, 8, 7, 0, tzinfo=UTC)),
        ("2026-11-01", "01:30", datetime(2026, 11, 1, 5, 30, tzinfo=UTC)),  # the first of two
        ("2026-11-01", "02:00", datetime(2026, 11, 1, 7, 0, tzinfo=UTC)),
    ],
)
def test_meetings_keep_their_hour_when_the_clocks_change(
    client: Client, account: Account, day: str, hour: str, instant: datetime
) -> None:
    plan(client, account, day=day, clock=hour)
    meeting = Meeting.objects.get()
    assert meeting.starts_at == instant
    form = client.get(f"/meetings/{meeting.pk}/edit/").content.decode()
    assert f'value="{day}"' in form
    assert f'value="{hour}"' in form
    client.post(f"/meetings/{meeting.pk}/edit/", {**FILLED, "day": day, "clock": hour})
    meeting.refresh_from_db()
    assert meeting.starts_at == instant


def test_an_hour_that_the_clocks_skip_is_refused(client: Client, account: Account) -> None:
    response = plan(client, account, day="2026-03-08", clock="02:30")
    assert response.status_code == 422
    assert "The clocks go forward over this time on that day." in response.content.decode()
    assert Meeting.objects.count() == 0


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("title", ""), ("day", "20.11.2026"), ("day", "0001-01-01"), ("day", "9999-12-31"), ("clock", "25:00"),
        ("clock", ""), ("duration_minutes", "31"), ("duration_minutes", "x"), ("attendees", "999999"),
        ("agenda", "a\0b"), ("place", "x" * 501),
    ],
)  # fmt: skip
def test_what_can_not_be_read_comes_back(client: Client, csm: User, field: str, value: str) -> None:
    account = make_account(owner=csm, timezone="Asia/Tokyo")  # where the first of days begins before the calendar
    response = plan(client, account, **{"clock": "00:30", field: value})
    assert response.status_code == 422
    assert Meeting.objects.count() == 0


def test_minutes_and_what_follows(client: Client, csm: User, account: Account) -> None:
    plan(client, account)
    meeting = Meeting.objects.get()
    client.post(f"/meetings/{meeting.pk}/edit/", {**FILLED, "minutes": "They agreed. @Amara Okafor"})
    there = f"/meetings/{meeting.pk}/"
    assert client.post(f"{there}tasks/", {"title": "Send figures", "due_on": "2026-11-30"}).status_code == 302
    task = meeting.tasks.get()
    assert (task.title, task.due_on, task.created_by, task.account) == (
        "Send figures", date(2026, 11, 30), csm, account,
    )  # fmt: skip
    html = client.get(there).content.decode()
    assert "They agreed. " in html
    assert "Send figures" in html
    assert "Quarterly review" in client.get(f"/tasks/{task.pk}/").content.decode()
    refused = client.post(f"{there}tasks/", {"title": ""})
    assert (refused.status_code, "This field is required" in refused.content.decode()) == (422, True)


def test_calling_off_can_be_undone(client: Client, account: Account) -> None:
    meeting = meet(account)
    page = client.post(f"/meetings/{meeting.pk}/state/", follow=True).content.decode()
    assert "“Review” is cancelled" in page
    assert "Reinstate meeting" in page
    client.post(f"/meetings/{meeting.pk}/state/", {"cancelled": "0"})
    meeting.refresh_from_db()
    assert (meeting.cancelled_at, meeting.sequence) == (None, 2)


def test_meetings_ahead_and_past(client: Client, account: Account) -> None:
    for days in (-2, -1, 1, 2):
        meet(account, NOW + timedelta(days=days), title=f"At {days:+}")
    here = f"/accounts/{account.pk}/meetings/"

    def titles(query: str) -> list[str]:
        return re.findall(r">(At [+-]\d)</a>", client.get(here + query).content.decode())

    assert titles("") == ["At +1", "At +2"]
    assert titles("?when=past") == ["At -1", "At -2"]
    assert client.get(f"{here}?cursor=forged").status_code == 404
    tab = client.get(f"/accounts/{account.pk}/notes/").content.decode()
    assert re.findall(r">(At [+-]\d)</a>", tab) == ["At +1", "At +2"]


def test_a_running_meeting_is_still_ahead_of_the_tab(client: Client, account: Account) -> None:
    meet(account, NOW - timedelta(minutes=10), title="Running")
    meet(account, NOW - timedelta(hours=3), title="Over")
    tab = client.get(f"/accounts/{account.pk}/notes/").content.decode()
    assert "Running" in tab
    assert "Over<" not in tab


@pytest.mark.parametrize("path", ["accounts/{account}/meetings/", "meetings/{meeting}/", "accounts/{account}/notes/"])
def test_one_and_thirty_cost_the_same(
    client: Client, csm: User, account: Account, path: str, django_assert_max_num_queries: Any
) -> None:
    helen = create_contact(account=account, name="Helen Strand", by=SYSTEM)
    first = meet(account, attendees=[csm], contacts=[helen])
    counts = []
    for number in (1, 29):
        for _ in range(number):
            meet(account, attendees=[csm], contacts=[helen])
            create_task(account=account, meeting=first, by=SYSTEM, at=NOW, title="x", assignee=csm)
        with django_assert_max_num_queries(20) as queries:
            assert client.get("/" + path.format(account=account.pk, meeting=first.pk)).status_code == 200
        counts.append(len(queries))
    assert counts[0] == counts[1]


# ---- calendars -------------------------------------------------------------------------------------------------------


def read(content: bytes) -> dict[str, icalendar.Event]:
    found = icalendar.Calendar.from_ical(content)
    assert str(found["version"]) == "2.0"
    return {str(event["uid"]): event for event in found.walk("VEVENT")}


def feed_of(person: User) -> dict[str, icalendar.Event]:
    response = Client().get(f"/calendar/{make_feed(person=person)}.ics")
    assert response.headers["Content-Type"] == "text/calendar; charset=utf-8"
    return read(response.content)


def test_one_meeting_as_a_file(client: Client, csm: User, account: Account) -> None:
    meeting = meet(account, place="Room 1", agenda="Line one\nLine two; with, signs\\", attendees=[csm])
    response = client.get(f"/meetings/{meeting.pk}/meeting.ics")
    assert response.headers["Content-Disposition"] == f'attachment; filename="meeting-{meeting.pk}.ics"'
    event = read(response.content)[str(meeting.uid)]
    assert (event.decoded("dtstart"), event.decoded("dtend")) == (meeting.starts_at, meeting.ends_at)
    assert str(event["summary"]) == "Review · Brightwater"
    assert str(event["location"]) == "Room 1"
    assert str(event["description"]).startswith("Line one\nLine two; with, signs\\\n\nWith Amara Okafor\n\nhttp")
    assert str(event["url"]).endswith(f"/meetings/{meeting.pk}/")
    assert str(event["status"]) == "CONFIRMED"


def test_a_feed_holds_a_persons_meetings_and_dated_open_tasks(csm: User, account: Account) -> None:
    jonas = make_user(name="Jonas Lindqvist")

    def task(title: str, **fields: Any) -> Any:
        return create_task(
            account=account, by=SYSTEM, at=NOW, title=title, **{"assignee": csm, "due_on": date(2026, 11, 20), **fields}
        )

    mine, dated = meet(account, attendees=[csm]), task("Dated")
    meet(account, attendees=[jonas])
    meet(account, NOW - timedelta(days=91), attendees=[csm])
    task("Undated", due_on=None)
    task("Of Jonas", assignee=jonas)
    set_task_state(task=task("Done"), state="done", by=SYSTEM, at=NOW)
    events = feed_of(csm)
    assert set(events) == {str(mine.uid), str(dated.uid)}
    event = events[str(dated.uid)]
    assert (event.decoded("dtstart"), event.decoded("dtend")) == (date(2026, 11, 20), date(2026, 11, 21))
    assert str(event["transp"]) == "TRANSPARENT"
    assert str(event["summary"]) == "Due: Dated · Brightwater"


def test_an_hour_is_right_on_both_sides_of_a_change_of_the_clock(client: Client, csm: User, account: Account) -> None:
    for day in ("2026-10-30", "2026-11-02"):  # the clocks of New York go back on 1 November
        plan(client, account, day=day, clock="09:30", attendees=[csm.pk])
    starts = sorted(event.decoded("dtstart") for event in feed_of(csm).values())
    assert starts == [datetime(2026, 10, 30, 13, 30, tzinfo=UTC), datetime(2026, 11, 2, 14, 30, tzinfo=UTC)]
    raw = Client().get(f"/calendar/{make_feed(person=csm)}.ics").content
    assert b"DTSTART:20261030T133000Z" in raw
    assert b"DTSTART:20261102T143000Z" in raw


def test_every_change_is_a_version_under_the_same_name(csm: User, account: Account) -> None:
    meeting = meet(account, attendees=[csm])
    task = create_task(account=account, by=SYSTEM, at=NOW, title="x", assignee=csm, due_on=date(2026, 11, 20))
    before = feed_of(csm)
    later = NOW + timedelta(hours=1)
    with at_time(later):
        update_meeting(meeting=meeting, by=SYSTEM, at=later, title="Moved", starts_at=NOW + timedelta(days=2))
        update_task(task=task, by=SYSTEM, at=later, due_on=date(2026, 11, 25))
    after = feed_of(csm)
    assert set(before) == set(after)
    for uid, event in after.items():
        assert (int(before[uid]["sequence"]), int(event["sequence"])) == (0, 1)
        assert event.decoded("last-modified") == later
        assert event.decoded("dtstamp") == later


def test_what_is_cancelled_is_told_for_a_month(csm: User, account: Account) -> None:
    meeting = meet(account, attendees=[csm])
    task = create_task(account=account, by=SYSTEM, at=NOW, title="x", assignee=csm, due_on=date(2026, 11, 20))
    set_meeting_cancelled(meeting=meeting, is_cancelled=True, by=SYSTEM, at=NOW)
    set_task_state(task=task, state="cancelled", by=SYSTEM, at=NOW)
    assert {str(event["status"]) for event in feed_of(csm).values()} == {"CANCELLED"}
    assert all(int(event["sequence"]) == 1 for event in feed_of(csm).values())
    Meeting.objects.update(cancelled_at=NOW - timedelta(days=31))
    account.tasks.update(cancelled_at=NOW - timedelta(days=31))
    assert feed_of(csm) == {}


def test_the_same_rows_give_the_same_bytes(csm: User, account: Account) -> None:
    meet(account, attendees=[csm])
    address = f"/calendar/{make_feed(person=csm)}.ics"
    assert Client().get(address).content == Client().get(address).content


def test_a_feed_costs_the_same_at_any_length(csm: User, account: Account, django_assert_max_num_queries: Any) -> None:
    address = f"/calendar/{make_feed(person=csm)}.ics"
    counts = []
    for number in (1, 29):
        for _ in range(number):
            meet(account, attendees=[csm])
            create_task(account=account, by=SYSTEM, at=NOW, title="x", assignee=csm, due_on=date(2026, 11, 20))
        with django_assert_max_num_queries(8) as queries:
            Client().get(address)
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_the_address_is_told_once_and_ends(client: Client, csm: User) -> None:
    assert "No feed yet" in client.get("/calendar/").content.decode()
    page = client.post("/calendar/new/")
    found = re.search(r'value="(http://testserver/calendar/[^"]+\.ics)"', page.content.decode())
    assert found
    assert page.headers["Cache-Control"] == "no-store"
    path = found[1].removeprefix("http://testserver")
    assert path not in client.get("/calendar/").content.decode()
    visitor = Client()
    response = visitor.get(path)
    assert (response.status_code, response.headers["X-Robots-Tag"]) == (200, "noindex")
    assert "last read on 17 Nov 2026" in client.get("/calendar/").content.decode()
    second = client.post("/calendar/new/").content.decode()
    assert path not in second
    assert visitor.get(path).status_code == 404
    client.post("/calendar/end/")
    assert CalendarFeed.objects.count() == 0


@pytest.mark.parametrize("token", ["x", "0" * 43, "%00", "%ED%A0%80", "a" * 5000])
def test_a_wrong_address_is_not_found(csm: User, token: str) -> None:
    make_feed(person=csm)
    assert Client().get(f"/calendar/{token}.ics").status_code == 404


def test_whoever_left_has_no_feed(csm: User) -> None:
    address = f"/calendar/{make_feed(person=csm)}.ics"
    User.objects.filter(pk=csm.pk).update(is_active=False)
    assert Client().get(address).status_code == 404

"""Tasks, notes, meetings and files: what is written, who is told, what is refused, and what undoing brings back."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from threading import Barrier
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection

from accounts.models import Account, Attachment, CalendarFeed, Note, Notification, Task, User, token_digest
from accounts.services.accounts import archive_account
from accounts.services.attachments import attach_file, set_attachment_deleted
from accounts.services.comments import add_comment, set_comment_deleted
from accounts.services.feeds import make_feed, revoke_feed, touch_feed
from accounts.services.meetings import create_meeting, set_meeting_cancelled, update_meeting
from accounts.services.notes import create_note, pin_note, set_note_deleted, update_note
from accounts.services.notifications import mark_seen
from accounts.services.refusals import WorkRefused
from accounts.services.tasks import (
    MOST_ITEMS,
    Step,
    add_item,
    create_task,
    move_item,
    remove_item,
    set_item_done,
    set_task_state,
    snooze_task,
    update_task,
)
from tests.factories import make_account, make_user
from valuerealization.common.audit import SYSTEM, Actor
from valuerealization.common.files import read_file
from valuerealization.common.models import AuditEntry

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 17, 14, 0, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)


@pytest.fixture(autouse=True)
def today(clock: Callable[[datetime], None]) -> None:
    clock(NOW)


@pytest.fixture
def amara() -> User:
    return make_user(name="Amara Okafor")


@pytest.fixture
def jonas() -> User:
    return make_user(name="Jonas Lindqvist")


@pytest.fixture
def account(amara: User) -> Account:
    return make_account(name="Brightwater", owner=amara)


@pytest.fixture
def task(account: Account, amara: User) -> Task:
    return make_task(account, amara)


def make_task(account: Account, by: User, **fields: Any) -> Task:
    return create_task(account=account, by=by.as_actor(), at=NOW, **{"title": "Call them", **fields})


def actions() -> list[str]:
    found = AuditEntry.objects.exclude(action="account.created").order_by("pk")
    return list(found.values_list("action", flat=True))


def reasons(caught: pytest.ExceptionInfo[WorkRefused]) -> dict[str, list[str]]:
    return dict(caught.value.message_dict)


def told(person: User) -> list[tuple[str, str]]:
    found = Notification.objects.unseen_by(person.pk).order_by("pk")
    return [(each.kind, each.by_name) for each in found]


# ---- tasks -----------------------------------------------------------------------------------------------------------


def test_a_task_is_made_with_everything(account: Account, amara: User, jonas: User) -> None:
    task = make_task(
        account, amara, details="Ask @Jonas", assignee=jonas, due_on=date(2026, 11, 20), priority="high",
        show_in_portal=True, external_id="T-1", checklist=[Step("One", is_done=True), Step(" Two ")],
    )  # fmt: skip
    assert (task.created_by, task.source, task.state, task.sequence, task.created_at) == (amara, "", "open", 0, NOW)
    assert [(item.text, item.is_done) for item in task.items.order_by("position")] == [("One", True), ("Two", False)]
    entry = AuditEntry.objects.get(action="task.created")
    assert (entry.account_id, entry.subject_label) == (account.pk, "Call them")
    assert entry.details["assignee"] == [None, jonas.pk]
    assert told(jonas) == [("mention", "Amara Okafor"), ("assigned", "Amara Okafor")]
    assert told(amara) == []


def test_a_machine_makes_tasks_under_its_own_name(account: Account) -> None:
    key = Actor(kind="api_key", id="abc", name="API key CRM")
    task = create_task(account=account, by=key, at=NOW, title="Sync")
    assert (task.created_by, task.source) == (None, "API key CRM")
    task = create_task(account=account, by=SYSTEM, at=NOW, title="Follow", source="playbook: objective slipping")
    assert task.source == "playbook: objective slipping"


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"title": ""}, "title"),
        ({"title": "x" * 201}, "title"),
        ({"title": "a\0b"}, "title"),
        ({"details": "x" * 10_001}, "details"),
        ({"priority": "soon"}, "priority"),
        ({"external_id": "TAKEN"}, "external_id"),
        ({"checklist": [Step("")]}, "checklist"),
        ({"checklist": [Step("x")] * (MOST_ITEMS + 1)}, "checklist"),
    ],
)
def test_what_can_not_be_stored_is_refused_by_field(
    account: Account, amara: User, fields: dict[str, Any], field: str
) -> None:
    make_task(account, amara, external_id="TAKEN")
    with pytest.raises(WorkRefused) as caught:
        make_task(account, amara, **fields)
    assert set(reasons(caught)) == {field}
    assert Task.objects.count() == 1


def test_an_archived_account_gets_no_new_work(account: Account, amara: User) -> None:
    archive_account(account=account, by=SYSTEM, at=NOW)
    account.refresh_from_db()
    with pytest.raises(WorkRefused, match="Restore it first"):
        make_task(account, amara)
    with pytest.raises(WorkRefused, match="Restore it first"):
        create_note(account=account, body="x", by=SYSTEM, at=NOW)
    with pytest.raises(WorkRefused, match="Restore it first"):
        create_meeting(account=account, by=SYSTEM, at=NOW, title="x", starts_at=NOW)


def test_a_change_is_written_down_and_a_repeat_is_none(task: Task, amara: User) -> None:
    for _ in range(2):
        update_task(task=task, by=amara.as_actor(), at=LATER, due_on=date(2026, 12, 1), title="Call them")
    assert actions() == ["task.created", "task.updated"]
    assert AuditEntry.objects.latest("pk").details == {"due_on": [None, "2026-12-01"]}
    task.refresh_from_db()
    assert (task.sequence, task.updated_at) == (1, LATER)


def test_a_checklist_is_replaced_only_when_it_differs(task: Task, amara: User) -> None:
    for _ in range(2):
        update_task(task=task, by=amara.as_actor(), at=LATER, checklist=[Step("One", is_done=True), Step("Two")])
    assert AuditEntry.objects.latest("pk").details == {"checklist": [[], ["✓ One", "Two"]]}
    assert actions() == ["task.created", "task.updated"]


def test_done_cancelled_and_back(task: Task, amara: User) -> None:
    def state() -> tuple[Any, ...]:
        task.refresh_from_db()
        return task.state, task.done_at, task.done_by, task.cancelled_at

    by = amara.as_actor()
    set_task_state(task=task, state="done", by=by, at=LATER)
    assert state() == ("done", LATER, amara, None)
    set_task_state(task=task, state="done", by=by, at=LATER + timedelta(hours=1))
    assert state() == ("done", LATER, amara, None)
    set_task_state(task=task, state="cancelled", by=by, at=LATER)
    assert state() == ("cancelled", None, None, LATER)
    set_task_state(task=task, state="open", by=by, at=LATER)
    assert state() == ("open", None, None, None)
    assert actions() == ["task.created", "task.done", "task.cancelled", "task.reopened"]
    assert task.sequence == 3


def test_a_machine_finishes_tasks_too(task: Task) -> None:
    set_task_state(task=task, state="done", by=SYSTEM, at=LATER)
    task.refresh_from_db()
    assert (task.state, task.done_by) == ("done", None)


def test_urgency_and_sleep(account: Account, amara: User) -> None:
    due = date(2026, 11, 20)
    make_task(account, amara, title="undated urgent", priority="urgent")
    make_task(account, amara, title="normal", due_on=due)
    make_task(account, amara, title="urgent", due_on=due, priority="urgent")
    make_task(account, amara, title="late low", due_on=date(2026, 11, 1), priority="low")
    asleep = make_task(account, amara, title="asleep", due_on=due)
    snooze_task(task=asleep, until=date(2026, 11, 18), by=SYSTEM, at=NOW)

    def titles(on: date) -> list[str]:
        return [task.title for task in Task.objects.open().awake(on).by_urgency()]

    assert titles(date(2026, 11, 17)) == ["late low", "urgent", "normal", "undated urgent"]
    assert titles(date(2026, 11, 18)) == ["late low", "urgent", "normal", "asleep", "undated urgent"]


def test_steps(task: Task, amara: User) -> None:
    by = amara.as_actor()
    one, two, three = (add_item(task=task, text=text, by=by, at=NOW) for text in ("One", "Two", "Three"))

    def steps() -> list[tuple[str, bool]]:
        return [(item.text, item.is_done) for item in task.items.order_by("position")]

    set_item_done(item=two, is_done=True, by=by, at=NOW)
    set_item_done(item=two, is_done=True, by=by, at=NOW)
    move_item(item=three, up=True, by=by, at=NOW)
    move_item(item=one, up=True, by=by, at=NOW)
    assert steps() == [("One", False), ("Three", False), ("Two", True)]
    move_item(item=one, up=False, by=by, at=NOW)
    remove_item(item=two, by=by, at=NOW)
    assert steps() == [("Three", False), ("One", False)]
    with pytest.raises(WorkRefused):
        add_item(task=task, text=" ", by=by, at=NOW)
    assert actions() == [
        "task.created", "task.item_added", "task.item_added", "task.item_added", "task.item_done", "task.item_moved",
        "task.item_moved", "task.item_removed",
    ]  # fmt: skip


# ---- who is told -----------------------------------------------------------------------------------------------------


def test_giving_a_task_to_somebody_else_tells_the_new_one(task: Task, amara: User, jonas: User) -> None:
    by = make_user(role="leader", name="Ingrid Solheim").as_actor()
    update_task(task=task, by=by, at=NOW, assignee=jonas)
    assert (told(jonas), told(amara)) == ([("assigned", "Ingrid Solheim")], [])
    update_task(task=task, by=by, at=NOW, assignee=amara)
    assert (told(jonas), told(amara)) == ([], [("assigned", "Ingrid Solheim")])
    update_task(task=task, by=jonas.as_actor(), at=NOW, assignee=jonas)
    assert (told(jonas), told(amara)) == ([], [])


def test_a_task_that_comes_back_is_told_again(task: Task, amara: User, jonas: User) -> None:
    update_task(task=task, by=amara.as_actor(), at=NOW, assignee=jonas)
    assert mark_seen(person=jonas, at=NOW) == 1
    update_task(task=task, by=amara.as_actor(), at=NOW, assignee=None)
    update_task(task=task, by=amara.as_actor(), at=LATER, assignee=jonas)
    assert told(jonas) == [("assigned", "Amara Okafor")]


def test_a_mention_is_told_once_and_taken_back_while_unseen(account: Account, amara: User, jonas: User) -> None:
    by = amara.as_actor()
    note = create_note(account=account, body="@Jonas Lindqvist and @Amara", by=by, at=NOW)
    assert (told(jonas), told(amara)) == ([("mention", "Amara Okafor")], [])
    update_note(note=note, body="Still @jonas", by=by, at=LATER)
    assert Notification.objects.count() == 1
    update_note(note=note, body="Nobody", by=by, at=LATER)
    assert told(jonas) == []
    update_note(note=note, body="@Jonas", by=by, at=LATER)
    mark_seen(person=jonas, at=LATER)
    update_note(note=note, body="@Jonas again", by=by, at=LATER)
    assert told(jonas) == []


def test_an_ambiguous_first_name_is_refused(account: Account, amara: User, jonas: User) -> None:
    make_user(name="Jonas Berg")
    with pytest.raises(WorkRefused) as caught:
        create_note(account=account, body="Ask @Jonas", by=amara.as_actor(), at=NOW)
    assert reasons(caught) == {"body": ["Several people are called Jonas. Write @Jonas Lindqvist or @Jonas Berg."]}
    assert Note.objects.count() == 0


def test_nobody_is_told_of_what_was_taken_away(account: Account, amara: User, jonas: User) -> None:
    by = amara.as_actor()
    note = create_note(account=account, body="@Jonas", by=by, at=NOW)
    task = make_task(account, amara)
    comment = add_comment(task=task, body="@Jonas", by=by, at=NOW)
    meeting = create_meeting(account=account, by=by, at=NOW, title="x", starts_at=NOW, agenda="@Jonas")
    assert len(told(jonas)) == 3
    for is_gone, left in ((True, 0), (False, 3)):
        set_note_deleted(note=note, is_deleted=is_gone, by=by, at=NOW)
        set_comment_deleted(comment=comment, is_deleted=is_gone, by=by, at=NOW)
        set_meeting_cancelled(meeting=meeting, is_cancelled=is_gone, by=by, at=NOW)
        assert len(told(jonas)) == left


def test_people_mark_only_their_own_as_seen(account: Account, amara: User, jonas: User) -> None:
    create_note(account=account, body="@Jonas", by=amara.as_actor(), at=NOW)
    number = Notification.objects.get().pk
    assert mark_seen(person=amara, at=NOW, notification_id=number) == 0
    assert mark_seen(person=jonas, at=NOW, notification_id=number) == 1
    assert mark_seen(person=jonas, at=NOW) == 0


# ---- notes and meetings ----------------------------------------------------------------------------------------------


def test_a_note_keeps_every_version(account: Account, amara: User) -> None:
    by = amara.as_actor()
    note = create_note(account=account, body=" First\r\nline ", by=by, at=NOW)
    update_note(note=note, body="Second", by=by, at=LATER)
    update_note(note=note, body="Second ", by=by, at=LATER)
    pin_note(note=note, is_pinned=True, by=by, at=LATER)
    pin_note(note=note, is_pinned=True, by=by, at=LATER)
    note.refresh_from_db()
    assert (note.body, note.edited_at, note.is_pinned, note.created_by) == ("Second", LATER, True, amara)
    assert actions() == ["note.created", "note.updated", "note.pinned"]
    assert AuditEntry.objects.get(action="note.updated").details == {"body": ["First\nline", "Second"]}
    with pytest.raises(WorkRefused):
        create_note(account=account, body=" \n ", by=by, at=NOW)


def test_a_deleted_note_comes_back_as_it_was(account: Account, amara: User) -> None:
    by = amara.as_actor()
    note = create_note(account=account, body="Keep me", by=by, at=NOW, is_pinned=True)
    before = Note.objects.values().get()
    set_note_deleted(note=note, is_deleted=True, by=by, at=LATER)
    assert list(Note.objects.present()) == []
    set_note_deleted(note=note, is_deleted=False, by=by, at=LATER)
    assert Note.objects.values().get() == before | {"updated_at": LATER}
    assert actions() == ["note.created", "note.deleted", "note.restored"]


def test_a_meeting_and_its_versions(account: Account, amara: User, jonas: User) -> None:
    by = amara.as_actor()
    meeting = create_meeting(
        account=account, by=by, at=NOW, title="Review", starts_at=LATER, duration_minutes=45, attendees=[amara, jonas],
        place="https://meet.example.com/x", other_attendees="Helen Strand",
    )  # fmt: skip
    assert (meeting.ends_at, meeting.sequence) == (LATER + timedelta(minutes=45), 0)
    update_meeting(meeting=meeting, by=by, at=LATER, attendees=[amara])
    update_meeting(meeting=meeting, by=by, at=LATER, attendees=[amara], title="Review")
    update_meeting(meeting=meeting, by=by, at=LATER, minutes="They agreed.")
    set_meeting_cancelled(meeting=meeting, is_cancelled=True, by=by, at=LATER)
    meeting.refresh_from_db()
    assert (meeting.sequence, list(meeting.attendees.all()), meeting.cancelled_at) == (3, [amara], LATER)
    assert actions() == ["meeting.created", "meeting.updated", "meeting.updated", "meeting.cancelled"]
    attendees = AuditEntry.objects.filter(action="meeting.updated").earliest("pk").details
    assert attendees == {"attendees": [sorted([amara.pk, jonas.pk]), [amara.pk]]}


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"title": ""}, "title"),
        ({"duration_minutes": 0}, "duration_minutes"),
        ({"duration_minutes": 1441}, "duration_minutes"),
    ],
)
def test_meetings_have_bounds(account: Account, fields: dict[str, Any], field: str) -> None:
    with pytest.raises(WorkRefused) as caught:
        create_meeting(account=account, by=SYSTEM, at=NOW, **{"title": "x", "starts_at": NOW, **fields})
    assert set(reasons(caught)) == {field}


# ---- comments and files ----------------------------------------------------------------------------------------------


def test_comments(task: Task, amara: User) -> None:
    by = amara.as_actor()
    comment = add_comment(task=task, body=" Done soon ", by=by, at=NOW)
    assert (comment.body, comment.created_by) == ("Done soon", amara)
    for is_deleted in (True, True, False):
        set_comment_deleted(comment=comment, is_deleted=is_deleted, by=by, at=NOW)
    assert actions() == ["task.created", "task.commented", "task.comment_deleted", "task.comment_restored"]
    with pytest.raises(WorkRefused):
        add_comment(task=task, body="", by=by, at=NOW)


def test_a_file_is_kept_with_its_subject(task: Task, amara: User) -> None:
    by = amara.as_actor()
    attachment = attach_file(subject=task, upload=SimpleUploadedFile("../plan.txt", b"First, call."), by=by)
    assert (attachment.name, attachment.account_id, attachment.subject) == ("plan.txt", task.account_id, task)
    assert b"".join(read_file(attachment.file)) == b"First, call."
    assert len(attachment.key) == 32
    set_attachment_deleted(attachment=attachment, is_deleted=True, by=by, at=LATER)
    assert list(Attachment.objects.present()) == []
    set_attachment_deleted(attachment=attachment, is_deleted=False, by=by, at=LATER)
    assert actions() == ["task.created", "attachment.added", "attachment.removed", "attachment.restored"]
    entry = AuditEntry.objects.get(action="attachment.added")
    assert (entry.subject_type, entry.subject_id, entry.details) == (
        "accounts.task", task.pk, {"file": "plan.txt", "size": 12},
    )  # fmt: skip


def test_a_refused_file_leaves_nothing(task: Task, amara: User) -> None:
    with pytest.raises(WorkRefused) as caught:
        attach_file(subject=task, upload=SimpleUploadedFile("a.png", b"<script>"), by=amara.as_actor())
    assert set(reasons(caught)) == {"file"}
    assert Attachment.objects.count() == 0


# ---- calendar feeds --------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_clicks_at_once_make_feeds_one_after_the_other() -> None:
    person, start = make_user(), Barrier(2)

    def click(_number: int) -> None:
        try:
            for _ in range(5):
                start.wait(timeout=10)
                make_feed(person=person)
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(click, range(2)))
    assert CalendarFeed.objects.count() == 1


def test_a_feed_is_kept_as_a_digest_and_replaced_by_the_next(amara: User) -> None:
    first, second = make_feed(person=amara), make_feed(person=amara)
    feed = CalendarFeed.objects.get()
    assert feed.token_digest == token_digest(second) != token_digest(first)
    assert second not in str(AuditEntry.objects.values_list("details", "subject_label"))
    touch_feed(feed=feed, at=NOW)
    touch_feed(feed=feed, at=NOW + timedelta(minutes=59))
    feed.refresh_from_db()
    assert feed.last_used_at == NOW
    revoke_feed(person=amara)
    revoke_feed(person=amara)
    assert CalendarFeed.objects.count() == 0
    assert actions() == ["calendar_feed.created", "calendar_feed.created", "calendar_feed.revoked"]

"""What people are told of, as they want it: bell and mail, once, with a way to end it."""

import re
import threading
from collections.abc import Callable, Generator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.conf import LazySettings
from django.core import mail as outbox_of
from django.core import signing
from django.db import connection, transaction
from django.test import Client

from accounts.models import (
    Account,
    Notification,
    NotificationChoice,
    NotificationKind,
    NotificationMail,
    Task,
    User,
    Ways,
)
from accounts.queries.mails import off_token
from accounts.queries.notifications import ways_of
from accounts.services import mails
from accounts.services.accounts import archive_account
from accounts.services.comments import add_comment, set_comment_deleted
from accounts.services.erasure import erase_user
from accounts.services.notes import create_note, update_note
from accounts.services.notification_choices import choose_ways
from accounts.services.notifications import mark_seen
from accounts.services.reminders import tell_due
from accounts.services.tasks import create_task, set_task_state, snooze_task, update_task
from accounts.tasks import send_mail, tell
from objectives.models import HeldReading
from objectives.services.quality import reject_held
from objectives.services.readings import ReadingRow, record_readings
from tests.factories import make_account, make_metric, make_objective, make_user, record
from tests.smtp import Mailbox, mail_server
from valuerealization.common.audit import SYSTEM, Actor

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 17, 14, 0, tzinfo=UTC)
KEY = Actor(kind="api_key", id="1", name="API key Warehouse")
State = NotificationMail.State
Kind = NotificationKind


@pytest.fixture(autouse=True)
def today(clock: Callable[[datetime], None]) -> None:
    clock(NOW)


@pytest.fixture
def amara() -> User:
    return make_user(name="Amara Okafor", email="amara@example.com")


@pytest.fixture
def jonas() -> User:
    return make_user(name="Jonas Lindqvist", email="jonas@example.com")


@pytest.fixture
def account(amara: User) -> Account:
    return make_account(name="Brightwater", owner=amara, timezone="UTC")


@pytest.fixture
def smtp(settings: LazySettings) -> Generator[Mailbox]:
    """Send by a real connection to a server of ours."""
    with mail_server() as box:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_TIMEOUT = "127.0.0.1", box.port, 10
        settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = ""
        settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
        settings.VR_PUBLIC_URL = "https://value.example.com"
        yield box


def mention(account: Account, by: User, text: str = "@Jonas Lindqvist, please look") -> NotificationMail:
    create_note(account=account, body=text, by=by.as_actor(), at=NOW)
    return NotificationMail.objects.latest("pk")


def states() -> list[tuple[str, str]]:
    found = NotificationMail.objects.order_by("pk").select_related("notification")
    return [(each.notification.kind, each.state) for each in found]


def in_bell(person: User) -> list[str]:
    return list(Notification.objects.unseen_by(person.pk).order_by("pk").values_list("kind", flat=True))


# ---- who is told, and how --------------------------------------------------------------------------------------------


def test_all_is_in_the_bell_and_what_others_wait_for_in_a_mail(account: Account, amara: User, jonas: User) -> None:
    by = amara.as_actor()
    create_note(account=account, body="@Jonas", by=by, at=NOW)
    task = create_task(account=account, title="Call", assignee=jonas, by=by, at=NOW)
    add_comment(task=task, body="Any news?", by=by, at=NOW)
    assert in_bell(jonas) == ["mention", "assigned", "comment"]
    assert states() == [("mention", "waiting"), ("assigned", "waiting")]
    assert in_bell(amara) == []


def test_a_comment_is_told_to_whose_task_it_is_and_who_made_it(account: Account, amara: User, jonas: User) -> None:
    other = make_user(name="Ingrid Solheim")
    task = create_task(account=account, title="Call", assignee=jonas, by=amara.as_actor(), at=NOW)
    mark_seen(person=jonas, at=NOW)
    add_comment(task=task, body="Done?", by=other.as_actor(), at=NOW)
    assert (in_bell(jonas), in_bell(amara), in_bell(other)) == (["comment"], ["comment"], [])
    add_comment(task=task, body="@Jonas Lindqvist yes?", by=amara.as_actor(), at=NOW)  # a mention says it better
    assert (in_bell(jonas), in_bell(amara)) == (["comment", "mention"], ["comment"])
    add_comment(task=task, body="By a machine", by=KEY, at=NOW)
    assert in_bell(amara) == ["comment", "comment"]


@pytest.mark.parametrize(
    ("ways", "bell", "mails_made"),
    [
        (Ways(in_bell=True, by_mail=True), ["mention"], 1),
        (Ways(in_bell=True, by_mail=False), ["mention"], 0),
        (Ways(in_bell=False, by_mail=True), [], 1),
        (Ways(in_bell=False, by_mail=False), [], 0),
    ],
)
def test_people_choose(
    account: Account, amara: User, jonas: User, ways: Ways, bell: list[str], mails_made: int
) -> None:
    choose_ways(person=jonas, ways={Kind.MENTION: ways})
    note = create_note(account=account, body="@Jonas", by=amara.as_actor(), at=NOW)
    update_note(note=note, body="@Jonas again", by=amara.as_actor(), at=NOW)
    assert (in_bell(jonas), NotificationMail.objects.count()) == (bell, mails_made)


def test_a_choice_that_is_as_usual_leaves_no_row(jonas: User) -> None:
    choose_ways(person=jonas, ways=ways_of(jonas))
    assert not NotificationChoice.objects.exists()
    quiet = Ways(in_bell=False, by_mail=False)
    choose_ways(person=jonas, ways={Kind.DUE: quiet})
    assert ways_of(jonas)[Kind.DUE] == quiet
    assert NotificationChoice.objects.count() == 1


def test_nothing_is_told_of_what_was_rolled_back(account: Account, amara: User, jonas: User) -> None:
    with transaction.atomic():
        mention(account, amara)
        transaction.set_rollback(True)
    assert (Notification.objects.count(), NotificationMail.objects.count()) == (0, 0)


# ---- tasks that are due ----------------------------------------------------------------------------------------------


def make_due(account: Account, person: User | None, day: date | None, **fields: Any) -> Task:
    return create_task(account=account, title="Call", by=SYSTEM, at=NOW, assignee=person, due_on=day, **fields)


def due_rows() -> list[tuple[str, date | None]]:
    found = Notification.objects.filter(kind__in=["due", "overdue"]).order_by("pk")
    return [(each.kind, each.due_on) for each in found]


def test_a_task_is_told_of_on_its_day_and_once_when_it_is_late(account: Account, jonas: User) -> None:
    day = NOW.date()
    make_due(account, jonas, day)
    mark_seen(person=jonas, at=NOW)
    for _ in range(2):
        tell_due(at=NOW - timedelta(days=1))
    assert due_rows() == []
    for _ in range(3):
        tell_due(at=NOW)
    assert (due_rows(), in_bell(jonas)) == ([("due", day)], ["due"])
    for hours in (24, 25, 48):
        tell_due(at=NOW + timedelta(hours=hours))
    assert (due_rows(), in_bell(jonas)) == ([("due", day), ("overdue", day)], ["overdue"])
    assert states() == [("assigned", "waiting")]


def test_a_day_begins_where_the_account_is(amara: User, jonas: User) -> None:
    day = NOW.date()
    make_due(make_account(timezone="Pacific/Auckland"), jonas, day + timedelta(days=1))
    make_due(make_account(timezone="America/Los_Angeles"), jonas, day)
    tell_due(at=datetime(2026, 11, 17, 11, 30, tzinfo=UTC))  # 00:30 on the 18th there, 03:30 here
    assert sorted(due_rows()) == [("due", day), ("due", day + timedelta(days=1))]
    assert tell_due(at=datetime(2026, 11, 18, 7, 30, tzinfo=UTC)) == 0
    assert len(due_rows()) == 2  # still the 17th in Los Angeles


def test_what_needs_nobody_is_not_told(account: Account, jonas: User) -> None:
    day = NOW.date()
    gone, former = make_user(), make_account(timezone="UTC")
    make_due(account, None, day)
    make_due(account, jonas, None)
    make_due(account, jonas, day - timedelta(days=8))
    make_due(former, jonas, day)
    set_task_state(task=make_due(account, jonas, day), state="done", by=SYSTEM, at=NOW)
    snooze_task(task=make_due(account, jonas, day), until=day + timedelta(days=2), by=SYSTEM, at=NOW)
    make_due(account, gone, day)
    User.objects.filter(pk=gone.pk).update(is_active=False)
    archive_account(account=former, by=SYSTEM, at=NOW)
    tell_due(at=NOW)
    assert due_rows() == []


def test_a_task_that_moved_or_is_done_leaves_the_bell_and_is_told_of_again(account: Account, jonas: User) -> None:
    day = NOW.date()
    task = make_due(account, jonas, day)
    mark_seen(person=jonas, at=NOW)
    tell_due(at=NOW)
    update_task(task=task, by=SYSTEM, at=NOW, due_on=day + timedelta(days=1))
    assert in_bell(jonas) == []
    tell_due(at=NOW + timedelta(days=1))
    assert in_bell(jonas) == ["due"]
    set_task_state(task=task, state="done", by=SYSTEM, at=NOW)
    assert in_bell(jonas) == []


def test_due_by_mail_for_whoever_wants_it_in_one_statement(
    account: Account, jonas: User, django_assert_num_queries: Any
) -> None:
    choose_ways(person=jonas, ways={Kind.DUE: Ways(in_bell=False, by_mail=True)})
    for count, total in ((1, 1), (30, 31)):
        for _ in range(count):
            make_due(account, jonas, NOW.date())
        Notification.objects.all().delete()
        with django_assert_num_queries(5):  # two statements and what passed, in a savepoint
            assert tell_due(at=NOW) == total
    assert in_bell(jonas) == []


# ---- values that are held --------------------------------------------------------------------------------------------


def hold(account: Account, *values: int, by: Actor = KEY, key: str = "visits") -> None:
    rows = [
        ReadingRow(
            index=number, customer_id=account.pk, metric_key=key, value=Decimal(value),
            observed_at=NOW - timedelta(minutes=number + 1), source="CRM",
        )
        for number, value in enumerate(values)
    ]  # fmt: skip
    record_readings(rows=rows, by=by, at=NOW, may_hold=True)


@pytest.fixture
def visits(account: Account) -> None:
    metric = make_metric(key="visits", hold_outliers=True)
    make_objective(account, metric=metric, baseline=0, target=100, at=NOW - timedelta(days=60))
    for number in range(10):
        record(metric, 50 + number % 2, account=account, at=NOW - timedelta(days=30 - number))


def test_a_held_value_is_told_to_the_accounts_owner_once(account: Account, amara: User, visits: None) -> None:
    choose_ways(person=amara, ways={Kind.HELD: Ways(in_bell=True, by_mail=True)})
    hold(account, 100_000, 200_000)
    hold(account, 300_000)
    assert (in_bell(amara), states()) == (["held"], [("held", "waiting")])
    mark_seen(person=amara, at=NOW)
    hold(account, 400_000)
    assert (in_bell(amara), len(states())) == (["held"], 2)
    for each in HeldReading.objects.filter(state="held"):
        assert in_bell(amara) == ["held"]
        reject_held(held=each, by=amara.as_actor(), at=NOW, reason="Wrong file")
    assert in_bell(amara) == []


def test_nobody_is_told_of_what_they_hold_up_themselves(account: Account, amara: User, visits: None) -> None:
    hold(account, 100_000, by=amara.as_actor())
    assert in_bell(amara) == []
    assert HeldReading.objects.count() == 1


# ---- the mail --------------------------------------------------------------------------------------------------------


def test_a_mail_by_a_real_connection(account: Account, amara: User, jonas: User, smtp: Mailbox) -> None:
    waiting = mention(account, amara, "@Jonas Lindqvist: <b>renewal</b> & price")
    send_mail(mail=waiting.pk)
    (sent,) = smtp.messages
    note = Notification.objects.get().note
    assert note is not None
    assert sent["To"] == jonas.email
    assert sent["Subject"].strip() == (
        "Amara Okafor mentioned you in the note @Jonas Lindqvist: <b>renewal</b> & price (Brightwater)"
    )
    assert sent["Message-ID"] == f"<{waiting.uid}@localhost>"
    assert sent["Auto-Submitted"] == "auto-generated"
    text, html = sent.get_body(("plain",)), sent.get_body(("html",))
    assert text is not None
    assert html is not None
    assert f"https://value.example.com/notes/{note.pk}/" in text.get_content()
    assert "@Jonas Lindqvist: <b>renewal</b> & price" in text.get_content()
    assert "&lt;b&gt;renewal&lt;/b&gt; &amp; price" in html.get_content()
    assert f'href="https://value.example.com/notes/{note.pk}/"' in html.get_content()
    off = sent["List-Unsubscribe"].strip()
    assert re.fullmatch(r"<https://value\.example\.com/notifications/off/\S+/>", off)
    assert sent["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert off.strip("<>") in text.get_content()
    waiting.refresh_from_db()
    assert (waiting.state, waiting.attempts, waiting.ended_at) == (State.SENT, 1, NOW)


def test_a_task_run_twice_sends_once(account: Account, amara: User, jonas: User, smtp: Mailbox) -> None:
    waiting = mention(account, amara)
    for _ in range(3):
        send_mail(mail=waiting.pk)
        tell()
    assert len(smtp.messages) == 1
    send_mail(mail=999_999)  # gone meanwhile


def test_a_server_that_is_away_is_tried_again_later_and_later(
    account: Account, amara: User, jonas: User, smtp: Mailbox, clock: Callable[[datetime], None]
) -> None:
    waiting, at = mention(account, amara), NOW
    smtp.to_message = "451 try later"
    for number, pause in enumerate(mails.RETRIES, start=1):
        send_mail(mail=waiting.pk)
        send_mail(mail=waiting.pk)  # too early
        waiting.refresh_from_db()
        assert (waiting.attempts, waiting.next_try_at) == (number, at + pause)
        assert waiting.trouble == "SMTPDataError 451"
        at += pause
        clock(at)
        assert mails.due_mails(at=at, most=5) == [waiting.pk]
    send_mail(mail=waiting.pk)
    waiting.refresh_from_db()
    assert (waiting.state, waiting.attempts, waiting.ended_at) == (State.FAILED, len(mails.RETRIES) + 1, at)
    assert mails.due_mails(at=at + timedelta(days=9), most=5) == []


def test_a_mail_that_failed_once_arrives(
    account: Account, amara: User, jonas: User, smtp: Mailbox, clock: Callable[[datetime], None]
) -> None:
    waiting = mention(account, amara)
    smtp.to_message = "451 try later"
    send_mail(mail=waiting.pk)
    smtp.to_message = "250 OK"
    clock(NOW + mails.RETRIES[0])
    send_mail(mail=waiting.pk)
    waiting.refresh_from_db()
    assert (len(smtp.messages), waiting.state, waiting.trouble) == (1, State.SENT, "")


def test_an_address_that_is_refused_ends_it_and_is_not_written_down(
    account: Account, amara: User, jonas: User, smtp: Mailbox
) -> None:
    waiting = mention(account, amara)
    smtp.to_recipient = "550 no jonas@example.com here"
    send_mail(mail=waiting.pk)
    waiting.refresh_from_db()
    assert (waiting.state, waiting.trouble) == (State.FAILED, "SMTPRecipientsRefused 550")


def test_no_server_at_all(account: Account, amara: User, jonas: User, smtp: Mailbox, settings: LazySettings) -> None:
    settings.EMAIL_PORT = 1
    waiting = mention(account, amara)
    send_mail(mail=waiting.pk)
    waiting.refresh_from_db()
    assert (waiting.state, waiting.trouble) == (State.WAITING, "ConnectionRefusedError")


def test_what_is_not_wanted_any_more_is_not_sent(account: Account, amara: User, jonas: User, smtp: Mailbox) -> None:
    task = create_task(account=account, title="Call", by=amara.as_actor(), at=NOW)
    comment = add_comment(task=task, body="@Jonas", by=amara.as_actor(), at=NOW)
    deleted = NotificationMail.objects.latest("pk")
    set_comment_deleted(comment=comment, is_deleted=True, by=amara.as_actor(), at=NOW)
    seen = mention(account, amara)
    mark_seen(person=jonas, at=NOW)
    off = mention(account, amara)
    choose_ways(person=jonas, ways={Kind.MENTION: Ways(in_bell=True, by_mail=False)})
    for each in (deleted, seen, off):
        send_mail(mail=each.pk)
    choose_ways(person=jonas, ways={Kind.MENTION: Ways(in_bell=True, by_mail=True)})
    gone = mention(account, amara)
    User.objects.filter(pk=jonas.pk).update(is_active=False)
    send_mail(mail=gone.pk)
    assert [state for _kind, state in states()] == ["dropped"] * 4
    assert smtp.messages == []


def test_every_kind_has_its_words(account: Account, amara: User, jonas: User, visits: None, settings: Any) -> None:
    both = Ways(in_bell=True, by_mail=True)
    for person in (amara, jonas):
        choose_ways(person=person, ways=dict.fromkeys(Kind, both))
    day = NOW.date()
    task = create_task(
        account=account, title="Call\tthem", by=amara.as_actor(), at=NOW, assignee=jonas, due_on=day,
        details="@Jonas",
    )  # fmt: skip
    add_comment(task=task, body="Any news?", by=amara.as_actor(), at=NOW)
    tell_due(at=NOW)
    tell_due(at=NOW + timedelta(days=1))
    hold(account, 100_000)
    NotificationMail.objects.update(next_try_at=NOW)
    for each in NotificationMail.objects.order_by("pk"):
        Notification.objects.filter(pk=each.notification_id).update(seen_at=None)
        send_mail(mail=each.pk)
    assert [(each.to, each.subject) for each in outbox_of.outbox] == [
        ([jonas.email], "Amara Okafor mentioned you in Call them (Brightwater)"),
        ([jonas.email], "Amara Okafor gave you the task Call them (Brightwater)"),
        ([jonas.email], "Amara Okafor commented on Call them (Brightwater)"),
        ([jonas.email], "Due 17 Nov: Call them (Brightwater)"),
        ([jonas.email], "Late, it was due 17 Nov: Call them (Brightwater)"),
        ([amara.email], "API key Warehouse sent values that are held for your decision (Brightwater)"),
    ]
    assert f"/accounts/{account.pk}/quality/" in outbox_of.outbox[-1].body


def test_old_rows_leave(account: Account, amara: User, jonas: User, smtp: Mailbox) -> None:
    send_mail(mail=mention(account, amara).pk)
    mention(account, amara)
    assert mails.forget_mails(at=NOW + mails.KEPT) == 0
    assert mails.forget_mails(at=NOW + mails.KEPT + timedelta(seconds=1)) == 1
    assert states() == [("mention", "waiting")]


def test_an_erased_person_is_sent_nothing(account: Account, amara: User, jonas: User, smtp: Mailbox) -> None:
    waiting = mention(account, amara)
    choose_ways(person=jonas, ways={Kind.DUE: Ways(in_bell=False, by_mail=True)})
    erase_user(user=jonas, by=make_user(role="admin").as_actor())
    send_mail(mail=waiting.pk)
    assert smtp.messages == []
    assert not NotificationChoice.objects.filter(person=jonas).exists()


@pytest.mark.django_db(transaction=True)
def test_ten_workers_send_a_mail_once(smtp: Mailbox) -> None:
    amara, jonas = make_user(name="Amara Okafor"), make_user(name="Jonas Lindqvist")
    account = make_account(owner=amara)
    create_note(account=account, body="@Jonas", by=amara.as_actor(), at=NOW)
    waiting = NotificationMail.objects.get()
    barrier = threading.Barrier(10)

    def work() -> None:
        barrier.wait()
        try:
            send_mail(mail=waiting.pk)
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(10)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    waiting.refresh_from_db()
    assert (len(smtp.messages), waiting.attempts, waiting.state) == (1, 1, State.SENT)
    assert smtp.messages[0]["To"] == jonas.email


# ---- ending it -------------------------------------------------------------------------------------------------------


def address(person: User, kind: NotificationKind) -> str:
    return f"/notifications/off/{off_token(person_id=person.pk, kind=kind)}/"


def test_one_post_without_a_session_ends_mails_of_a_kind(jonas: User) -> None:
    visitor = Client(enforce_csrf_checks=True)
    page = visitor.get(address(jonas, Kind.MENTION))
    assert "Send me no more of these" in page.content.decode()
    assert ways_of(jonas)[Kind.MENTION].by_mail  # looking changes nothing
    assert page.headers["Referrer-Policy"] == "no-referrer"
    for _ in range(2):
        answer = visitor.post(address(jonas, Kind.MENTION), {"List-Unsubscribe": "One-Click"})
        assert answer.status_code == 200
    assert ways_of(jonas)[Kind.MENTION] == Ways(in_bell=True, by_mail=False)
    assert ways_of(jonas)[Kind.ASSIGNED] == Ways(in_bell=True, by_mail=True)


def test_what_was_not_signed_by_us_ends_nothing(jonas: User) -> None:
    signed = off_token(person_id=jonas.pk, kind=Kind.MENTION)
    others = [
        signed[:-1] + ("A" if signed[-1] != "A" else "B"), signed.replace("mention", "assigned"), "x",
        signing.Signer().sign(f"{jonas.pk}.mention"), off_token(person_id=999_999, kind=Kind.MENTION),
    ]  # fmt: skip
    for token in others:
        assert Client().post(f"/notifications/off/{token}/").status_code == 404
    User.objects.filter(pk=jonas.pk).update(is_active=False)
    assert Client().post(f"/notifications/off/{signed}/").status_code == 404
    assert not NotificationChoice.objects.exists()


def test_a_key_that_was_rotated_out_still_ends_it(jonas: User, settings: LazySettings) -> None:
    given = address(jonas, Kind.MENTION)
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another" * 9
    assert Client().post(given).status_code == 200


# ---- the page --------------------------------------------------------------------------------------------------------


def test_the_settings_page(client: Client, jonas: User) -> None:
    client.force_login(jonas, backend="django.contrib.auth.backends.ModelBackend")
    page = client.get("/settings/notifications/").content.decode()
    ticked = re.findall(r'name="(\w+_(?:bell|mail))"[^>]*checked', page)
    assert sorted(ticked) == sorted([*(f"{kind.value}_bell" for kind in Kind), "mention_mail", "assigned_mail"])
    answer = client.post("/settings/notifications/", {"due_mail": "on", "mention_bell": "on"})
    assert (answer.status_code, answer.headers["Location"]) == (302, "/settings/notifications/")
    quiet = Ways(in_bell=False, by_mail=False)
    assert ways_of(jonas) == {
        **dict.fromkeys(Kind, quiet), Kind.DUE: Ways(in_bell=False, by_mail=True),
        Kind.MENTION: Ways(in_bell=True, by_mail=False),
    }  # fmt: skip
    assert "checked" in client.get("/settings/notifications/").content.decode()


def test_the_bell_says_it_in_words(client: Client, account: Account, amara: User, visits: None) -> None:
    client.force_login(amara, backend="django.contrib.auth.backends.ModelBackend")
    make_due(account, amara, NOW.date())
    Notification.objects.all().delete()
    tell_due(at=NOW)
    hold(account, 100_000)
    page = " ".join(re.sub(r"<[^>]+>", " ", client.get("/notifications/").content.decode()).split())
    assert "Due 17 Nov: Call Brightwater" in page
    assert "API key Warehouse sent values that are held for your decision Brightwater" in page
    held = Notification.objects.get(kind="held")
    answer = client.post(f"/notifications/{held.pk}/open/")
    assert answer.headers["Location"] == f"/accounts/{account.pk}/quality/"
    assert client.get(answer.headers["Location"]).status_code == 200

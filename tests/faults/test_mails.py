"""A mail's worker killed after the mail server took the mail, and before that was written down."""

import os
import signal
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from accounts.models import NotificationMail
from accounts.services.notes import create_note
from tests.factories import make_account, make_user
from tests.processes import Running, wait_for
from tests.smtp import mail_server

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

Owner = psycopg.Connection[Any]
State = NotificationMail.State


def test_killed_between_sending_and_recording_sends_one_duplicate(
    owner_connection: Owner, worker: Callable[..., Running], send: Callable[..., None],
    process_environment: dict[str, str],
) -> None:  # fmt: skip
    amara, jonas = make_user(name="Amara Okafor"), make_user(name="Jonas Lindqvist", email="jonas@example.com")
    account = make_account(owner=amara)
    with mail_server() as box:
        process_environment |= {"EMAIL_URL": f"smtp://127.0.0.1:{box.port}", "VR_PUBLIC_URL": "https://v.example.com"}
        first = worker()
        box.on_message = lambda: os.killpg(first.process.pid, signal.SIGKILL)
        create_note(account=account, body="@Jonas", by=amara.as_actor(), at=datetime.now(UTC) - timedelta(seconds=1))
        waiting = NotificationMail.objects.get()
        send("accounts.send_mail", mail=waiting.pk)
        first.wait()
        waiting.refresh_from_db()
        assert (len(box.messages), waiting.state, waiting.attempts) == (1, State.WAITING, 1)

        box.on_message = None
        worker()
        for _ in range(5):  # while the dead one's claim holds, nobody sends
            send("accounts.tell")
            send("accounts.send_mail", mail=waiting.pk)
        owner_connection.execute("UPDATE accounts_notificationmail SET next_try_at = now()")
        for _ in range(5):
            send("accounts.tell")
            send("accounts.send_mail", mail=waiting.pk)

        def is_sent() -> bool:
            waiting.refresh_from_db()
            return waiting.state == State.SENT

        wait_for(is_sent, "the mail to be sent")
        for _ in range(5):
            send("accounts.send_mail", mail=waiting.pk)
        send("accounts.tell")
    assert waiting.attempts == 2
    assert [each["To"] for each in box.messages] == [jonas.email, jonas.email]
    assert {each["Message-ID"] for each in box.messages} == {f"<{waiting.uid}@localhost>"}


def test_a_bell_that_was_not_heard_is_made_up_for_by_the_sweep(
    worker: Callable[..., Running], send: Callable[..., None], process_environment: dict[str, str]
) -> None:
    amara, jonas = make_user(name="Amara Okafor"), make_user(name="Jonas Lindqvist", email="jonas@example.com")
    account = make_account(owner=amara)
    create_note(account=account, body="@Jonas", by=amara.as_actor(), at=datetime.now(UTC) - timedelta(seconds=1))
    with mail_server() as box:
        process_environment |= {"EMAIL_URL": f"smtp://127.0.0.1:{box.port}"}
        worker("-n", "one@%h")
        worker("-n", "two@%h")
        for _ in range(20):
            send("accounts.tell")
        wait_for(lambda: NotificationMail.objects.get().state == State.SENT, "the sweep to send it")
    assert [each["To"] for each in box.messages] == [jonas.email]

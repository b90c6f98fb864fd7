"""The page about the product's own work: what it says, to whom, and that it costs the same however much there is."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg
import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django_celery_beat.models import PeriodicTask

from accounts.models import Account, User
from objectives.models import Snapshot, SnapshotArchive, Standing, TickRun
from objectives.queries import operations
from objectives.services import snapshots
from objectives.tasks import tick
from tests.factories import make_account, make_user
from valuerealization.common import health
from valuerealization.common.models import AuditEntry

pytestmark = pytest.mark.django_db

SUNDAY = date(2026, 3, 15)
BOUNDARY = datetime(2026, 3, 15, 2, tzinfo=UTC)
TUESDAY = BOUNDARY - timedelta(days=5)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def leader(client: Client) -> User:
    user = make_user(role="leader")
    client.force_login(user)
    return user


@pytest.fixture(autouse=True)
def quiet_broker() -> None:
    health.broker().delete(health.BEAT_KEY, health.TICK_KEY, health.QUEUE)


def page(client: Client, query: str = "") -> str:
    answer = client.get(f"/operations/{query}")
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", answer.content.decode())


def fail(account: Account, reason: str = "no room left") -> None:
    Standing.objects.filter(account=account).update(
        failed_at=BOUNDARY + MINUTE, failure=reason, attempts=3, next_week=SUNDAY, next_boundary_at=BOUNDARY
    )


def test_what_is_due_and_what_is_missing(client: Client, leader: User, clock: Callable[[datetime], None]) -> None:
    for _ in range(3):
        make_account(at=TUESDAY)
    clock(BOUNDARY + 59 * timedelta(seconds=1))
    found = operations.waiting(at=BOUNDARY + timedelta(seconds=59))
    assert (found.due, found.late_seconds(BOUNDARY)) == (0, 0)
    assert sum(chunk.due for chunk in snapshots.due_chunks(at=BOUNDARY + timedelta(seconds=59))) == 0
    at = BOUNDARY + MINUTE
    found = operations.waiting(at=at)
    assert (found.due, found.due_since, found.late_seconds(at)) == (3, BOUNDARY, 60)
    assert sum(chunk.due for chunk in snapshots.due_chunks(at=at)) == 3
    clock(at)
    shown = page(client)
    assert "the oldest since 15 Mar, 02:00" in shown
    assert "no heartbeat for 30 seconds" in shown
    assert "waits for its first tick" in shown
    assert "Something that has to be there is not." in shown

    health.record_beat()
    tick.apply(throw=True)
    shown = page(client)
    assert "Something that has to be there is not." not in shown
    assert "15 Mar, 02:01" in shown
    clock(at + timedelta(minutes=12))
    assert "has not ended a tick lately" in page(client)


def test_runs_say_what_was_taken_what_failed_and_why_they_were_held(client: Client, leader: User) -> None:
    TickRun.objects.create(started_at=BOUNDARY, due=1204, taken=1203, failed=1, late_seconds=75, moved=17)
    TickRun.objects.create(started_at=BOUNDARY + MINUTE, held="This machine's clock is 90 s behind")
    shown = page(client)
    for part in (">1204<", ">1203<", "2 minutes", ">17<", "Held.", "90 s behind"):
        assert part in shown


def test_the_history_is_paged_by_keys(client: Client, leader: User) -> None:
    TickRun.objects.bulk_create(TickRun(started_at=BOUNDARY + n * MINUTE, due=1000 + n) for n in range(60))
    seen: list[str] = []
    href = "/operations/"
    for _ in range(3):
        shown = client.get(href).content.decode()
        seen += re.findall(r'<td class="n">(10\d\d)</td>', shown)
        following = re.search(r'href="([^"]+)" rel="next"', shown)
        href = following[1].replace("&amp;", "&") if following else ""
    assert (seen, href) == ([str(1059 - n) for n in range(60)], "")
    assert client.get("/operations/?page=forged").status_code == 404


def test_a_page_that_polls_gets_nothing_while_nothing_changed(
    client: Client, leader: User, clock: Callable[[datetime], None]
) -> None:
    clock(BOUNDARY)
    account = make_account(at=TUESDAY)
    run = TickRun.objects.create(started_at=BOUNDARY, due=1)
    poll = re.search(r'hx-get="([^"]+)"\s+hx-trigger="every 10s"', client.get("/operations/").content.decode())
    assert poll is not None
    href = poll[1].replace("&amp;", "&")
    htmx = {"HX-Request": "true"}
    assert client.get(href, headers=htmx).status_code == 204
    TickRun.objects.filter(pk=run.pk).update(taken=1)
    answer = client.get(href, headers=htmx)
    assert answer.status_code == 200
    assert "<html" not in answer.content.decode()
    assert client.get(href).status_code == 200  # the page itself, for who opens the address
    fail(account)
    assert client.get(href, headers=htmx).status_code == 200


def test_a_failing_account_is_shown_and_tried_again(
    client: Client, leader: User, clock: Callable[[datetime], None]
) -> None:
    clock(BOUNDARY + 10 * MINUTE)
    account = make_account(at=TUESDAY, name="Harbour")
    fail(account)
    shown = page(client)
    assert "no room left" in shown
    assert f'action="/operations/accounts/{account.pk}/retry/"' in shown

    answer = client.post(f"/operations/accounts/{account.pk}/retry/", follow=True)

    assert "The snapshot of Harbour is taken" in answer.content.decode()
    assert "no room left" not in answer.content.decode()
    assert Snapshot.objects.get().week == SUNDAY
    entry = AuditEntry.objects.get(action="snapshots.retried")
    assert (entry.account_id, entry.details["failure"], entry.details["taken"]) == (account.pk, "no room left", 1)
    answer = client.post(f"/operations/accounts/{account.pk}/retry/", follow=True)
    assert "Nothing is due for Harbour any more" in answer.content.decode()


@pytest.mark.django_db(transaction=True)
def test_an_account_that_fails_again_says_why(
    client: Client, clock: Callable[[datetime], None], owner_connection: psycopg.Connection[Any]
) -> None:
    client.force_login(make_user(role="admin"))
    account = make_account(at=TUESDAY, name="Harbour")
    clock(BOUNDARY + 10 * MINUTE)
    fail(account, "something else")
    owner_connection.execute(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'disk full'; END $$"
    )
    owner_connection.execute(
        "CREATE TRIGGER refuse BEFORE INSERT ON objectives_snapshot FOR EACH ROW EXECUTE FUNCTION refuse()"
    )
    answer = client.post(f"/operations/accounts/{account.pk}/retry/", follow=True)
    assert "Harbour failed again: disk full" in answer.content.decode()
    assert Standing.objects.get(account=account).attempts == 4


def test_the_card_and_the_page_of_an_account_name_the_failure(client: Client, leader: User) -> None:
    account = make_account(at=TUESDAY)
    assert "snapshot of 15 Mar" not in client.get(f"/accounts/{account.pk}/").content.decode()
    fail(account)
    for path in (f"/accounts/{account.pk}/", f"/accounts/{account.pk}/objectives/"):
        shown = re.sub(r"\s+", " ", client.get(path).content.decode())
        assert "This account’s snapshot of 15 Mar failed: no room left" in shown


def test_schedules_say_when_they_run_next(leader: User, clock: Callable[[datetime], None]) -> None:
    at = datetime(2026, 3, 15, 10, 2, tzinfo=UTC)
    clock(at)
    PeriodicTask.objects.filter(task=operations.TICK).update(last_run_at=at - 2 * MINUTE)
    found = {each.name: each.next_at for each in operations.operations(at=at, runs=operations.runs()).schedules}
    assert found == {
        "Next tick": datetime(2026, 3, 15, 10, 5, tzinfo=UTC), "Next clean-up": datetime(2026, 4, 1, 3, tzinfo=UTC),
    }  # fmt: skip
    clock(at + timedelta(seconds=59, microseconds=7))
    later = operations.operations(at=at + timedelta(seconds=59), runs=operations.runs()).schedules
    assert {each.name: each.next_at for each in later} == found  # the same whatever the second
    PeriodicTask.objects.filter(task=operations.TICK).update(enabled=False)
    assert operations.operations(at=at, runs=operations.runs()).schedules[0].next_at is None


def test_the_same_statements_at_1_and_at_30_rows(client: Client, leader: User) -> None:
    def grow(count: int) -> int:
        for number in range(count):
            fail(make_account(at=TUESDAY))
            TickRun.objects.create(started_at=BOUNDARY + number * MINUTE, due=1)
            SnapshotArchive.objects.create(
                first_week=SUNDAY, last_week=SUNDAY, snapshots=1, objectives=1, replaced=0, size=1, sha256="",
                file=f"{Standing.objects.count()}-{number}",
            )  # fmt: skip
        with CaptureQueriesContext(connection) as captured:
            page(client)
        return len(captured)

    assert grow(1) == grow(29)

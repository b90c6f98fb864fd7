"""Notes on pages, the bell, and the files of notes, tasks and meetings."""

import io
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from PIL import Image

from accounts.models import Account, Attachment, Note, Notification, User
from accounts.services.attachments import attach_file
from accounts.services.notes import create_note, set_note_deleted
from accounts.services.tasks import create_task
from tests.factories import make_account, make_user
from valuerealization.common.audit import SYSTEM

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 17, 14, 0, tzinfo=UTC)
HTMX = {"HX-Request": "true"}


@pytest.fixture(autouse=True)
def today(clock: Callable[[datetime], None]) -> None:
    clock(NOW)


@pytest.fixture
def csm(client: Client) -> User:
    user = make_user(name="Amara Okafor")
    client.force_login(user)
    return user


@pytest.fixture
def jonas() -> User:
    return make_user(name="Jonas Lindqvist")


@pytest.fixture
def account(csm: User) -> Account:
    return make_account(name="Brightwater", owner=csm)


def write(account: Account, body: str = "They like it", **fields: Any) -> Note:
    return create_note(account=account, body=body, by=SYSTEM, at=NOW, **fields)


def notes_of(client: Client, account: Account, query: str = "") -> list[str]:
    html = client.get(f"/accounts/{account.pk}/notes/{query}").content.decode()
    return re.findall(r'<div class="vr-prose">(.*?)</div>', html, re.DOTALL)


# ---- notes -----------------------------------------------------------------------------------------------------------


def test_a_note_is_written_and_read(client: Client, csm: User, account: Account) -> None:
    body = "First line\n\nSee https://example.com/x?a=1&b=2, <b>bold</b>"
    response = client.post(f"/accounts/{account.pk}/notes/new/", {"body": body})
    assert response.headers["Location"] == f"/accounts/{account.pk}/notes/"
    href = "https://example.com/x?a=1&amp;b=2"
    link = f'<a href="{href}" rel="nofollow noopener noreferrer">{href}</a>'
    assert notes_of(client, account) == [f"First line\n\nSee {link}, &lt;b&gt;bold&lt;/b&gt;"]
    assert Note.objects.get().created_by == csm


def test_pinned_notes_come_first_then_the_newest(client: Client, account: Account) -> None:
    for number in range(25):
        write(account, f"Note {number:02}", is_pinned=number == 3)
    assert notes_of(client, account)[:3] == ["Note 03", "Note 24", "Note 23"]
    html = client.get(f"/accounts/{account.pk}/notes/").content.decode()
    following = re.search(r'rel="next" href="([^"]+)"', html)
    assert following
    older = following[1].replace("&amp;", "&")
    assert notes_of(client, account, older) == ["Note 05", "Note 04", "Note 02", "Note 01", "Note 00"]
    part = client.get(f"/accounts/{account.pk}/notes/{older}", headers=HTMX).content.decode()
    assert part.strip().startswith('<section class="card" id="notes"')


def test_pin_and_unpin(client: Client, account: Account) -> None:
    note = write(account)
    client.post(f"/notes/{note.pk}/pin/")
    note.refresh_from_db()
    assert note.is_pinned
    client.post(f"/notes/{note.pk}/pin/", {"pinned": "0"})
    note.refresh_from_db()
    assert not note.is_pinned


def test_an_edited_note_shows_its_versions(client: Client, account: Account) -> None:
    note = write(account, "First <b>version</b>")
    assert ">edited<" not in client.get(f"/notes/{note.pk}/").content.decode()
    client.post(f"/notes/{note.pk}/edit/", {"body": "Second version"})
    assert ">edited<" in client.get(f"/notes/{note.pk}/").content.decode()
    for headers in ({}, HTMX):
        html = client.get(f"/notes/{note.pk}/versions/", headers=headers).content.decode()
        assert html.index("Second version") < html.index("First &lt;b&gt;version&lt;/b&gt;")


def test_a_deleted_note_is_gone_until_undone(client: Client, account: Account) -> None:
    note = write(account)
    page = client.post(f"/notes/{note.pk}/state/", follow=True).content.decode()
    assert "The note is deleted" in page
    assert 'name="deleted" value="0"' in page
    assert notes_of(client, account) == []
    alone = client.get(f"/notes/{note.pk}/").content.decode()
    assert "This note is deleted" in alone
    assert "They like it" not in alone.split("<main")[1]
    client.post(f"/notes/{note.pk}/state/", {"deleted": "0"})
    assert notes_of(client, account) == ["They like it"]


@pytest.mark.parametrize("body", ["", "  ", "a\0b", "x" * 10_001])
def test_a_note_that_can_not_be_kept_comes_back(client: Client, account: Account, body: str) -> None:
    response = client.post(f"/accounts/{account.pk}/notes/new/", {"body": body})
    assert response.status_code == 422
    assert "One thing to fix." in response.content.decode()
    assert Note.objects.count() == 0


def test_an_ambiguous_name_is_asked_back(client: Client, account: Account, jonas: User) -> None:
    make_user(name="Jonas Berg")
    response = client.post(f"/accounts/{account.pk}/notes/new/", {"body": "Ask @Jonas"})
    assert response.status_code == 422
    assert "Write @Jonas Lindqvist or @Jonas Berg." in response.content.decode()


def test_notes_cost_the_same_at_any_number(
    client: Client, csm: User, account: Account, django_assert_max_num_queries: Any
) -> None:
    counts = []
    for number in (1, 29):
        for _ in range(number):
            note = write(account, "@Amara Okafor")
            attach_file(subject=note, upload=SimpleUploadedFile("a.txt", b"x"), by=SYSTEM)
        with django_assert_max_num_queries(20) as queries:
            client.get(f"/accounts/{account.pk}/notes/")
        counts.append(len(queries))
    assert counts[0] == counts[1]


# ---- the bell --------------------------------------------------------------------------------------------------------


def bell(client: Client) -> str:
    html = client.get("/accounts/").content.decode()
    found = re.search(r'id="bell".*?aria-label="([^"]*)"', html, re.DOTALL)
    assert found
    return found[1]


def test_the_bell_counts_and_lists_what_is_unseen(client: Client, csm: User, account: Account, jonas: User) -> None:
    assert bell(client) == "Notifications"
    note = create_note(account=account, body="@Amara Okafor look", by=jonas.as_actor(), at=NOW)
    task = create_task(account=account, title="Call them", assignee=csm, by=jonas.as_actor(), at=NOW)
    assert bell(client) == "Notifications, 2 unseen"
    for headers in ({}, HTMX):
        shown = " ".join(
            re.sub(r"<[^>]+>", " ", client.get("/notifications/", headers=headers).content.decode()).split()
        )
        assert "Jonas Lindqvist gave you the task Call them" in shown
        assert "Jonas Lindqvist mentioned you in the note @Amara Okafor look" in shown
    first, second = Notification.objects.order_by("pk")
    response = client.post(f"/notifications/{first.pk}/open/")
    assert response.headers["Location"] == f"/notes/{note.pk}/"
    assert bell(client) == "Notifications, 1 unseen"
    assert client.post(f"/notifications/{second.pk}/open/").headers["Location"] == f"/tasks/{task.pk}/"
    assert "You have seen everything" in client.get("/notifications/").content.decode()


def test_looking_alone_marks_nothing(client: Client, account: Account, jonas: User) -> None:
    create_note(account=account, body="@Amara Okafor", by=jonas.as_actor(), at=NOW)
    client.get("/notifications/")
    assert bell(client) == "Notifications, 1 unseen"
    client.post("/notifications/seen/")
    assert bell(client) == "Notifications"


def test_a_deleted_note_rings_no_bell(client: Client, account: Account, jonas: User) -> None:
    note = create_note(account=account, body="@Amara Okafor", by=jonas.as_actor(), at=NOW)
    set_note_deleted(note=note, is_deleted=True, by=jonas.as_actor(), at=NOW)
    assert bell(client) == "Notifications"


def test_nobody_opens_what_is_for_others(client: Client, account: Account, csm: User, jonas: User) -> None:
    create_note(account=account, body="@Jonas", by=csm.as_actor(), at=NOW)
    assert client.post(f"/notifications/{Notification.objects.get().pk}/open/").status_code == 404


def test_names_are_suggested(client: Client, csm: User, jonas: User) -> None:
    make_user(name="Jonna Gone", is_active=False)
    assert client.get("/mentions/?q=jon").json() == {"names": ["Jonas Lindqvist"]}
    assert client.get("/mentions/", {"q": "a\0%_"}).json() == {"names": []}


# ---- files -----------------------------------------------------------------------------------------------------------


def attach(client: Client, account: Account, name: str, content: bytes) -> Any:
    note = write(account)
    return client.post(f"/notes/{note.pk}/files/", {"file": SimpleUploadedFile(name, content)})


def png() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (4, 4), "red").save(out, "png")
    return out.getvalue()


def test_a_file_is_attached_and_downloaded(client: Client, account: Account) -> None:
    assert attach(client, account, "Übersicht 2026.png", png()).status_code == 302
    attachment = Attachment.objects.get()
    response = client.get(f"/attachments/{attachment.key}/")
    assert b"".join(response.streaming_content) == png()  # type: ignore[attr-defined]
    assert {name: response.headers[name] for name in ("Content-Type", "Content-Length", "X-Content-Type-Options")} == {
        "Content-Type": "image/png", "Content-Length": str(len(png())), "X-Content-Type-Options": "nosniff",
    }  # fmt: skip
    assert response.headers["Content-Disposition"].startswith("attachment; filename*=utf-8''%C3%9Cbersicht")
    assert response.headers["Content-Security-Policy"] == "sandbox; default-src 'none'; frame-ancestors 'none'"
    assert response.headers["Cache-Control"] == "private, no-store"
    head = client.head(f"/attachments/{attachment.key}/")
    assert (head.headers["Content-Length"], b"".join(head.streaming_content)) == (str(len(png())), b"")  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.png", b"<!doctype html><script>alert(1)</script>", "not what its name says"),
        ("a.svg", b"<svg/>", "not taken"),
        ("a.txt", b"", "empty"),
        ("a.txt", b"x" * 1025, "too large: at most 1 KB"),
        ("../../../a.exe", b"MZ", "not taken"),
    ],
)
def test_a_hostile_file_is_refused_in_words(
    client: Client, account: Account, settings: Any, name: str, content: bytes, message: str
) -> None:
    settings.VR_ATTACHMENT_MAX_BYTES = 1024
    response = attach(client, account, name, content)
    assert response.status_code == 422
    assert message in response.content.decode()
    assert Attachment.objects.count() == 0


def test_no_file_chosen(client: Client, account: Account) -> None:
    note = write(account)
    assert client.post(f"/notes/{note.pk}/files/").status_code == 422


def test_a_removed_file_is_not_served_until_it_is_back(client: Client, account: Account) -> None:
    attach(client, account, "a.txt", b"text")
    key = Attachment.objects.get().key
    page = client.post(f"/attachments/{key}/state/", follow=True).content.decode()
    assert "a.txt is removed" in page
    assert client.get(f"/attachments/{key}/").status_code == 404
    client.post(f"/attachments/{key}/state/", {"deleted": "0"})
    assert client.get(f"/attachments/{key}/").status_code == 200


def test_a_file_is_for_people_who_are_signed_in(client: Client, account: Account) -> None:
    attach(client, account, "a.txt", b"text")
    key = Attachment.objects.get().key
    visitor = Client()
    assert visitor.get(f"/attachments/{key}/").headers["Location"].startswith("/sign-in/")
    assert client.get("/attachments/1/").status_code == 404
    assert client.get(f"/attachments/{key[:-1]}/").status_code == 404


def test_every_subject_takes_files(client: Client, csm: User, account: Account) -> None:
    task = create_task(account=account, title="x", by=csm.as_actor(), at=NOW)
    client.post(
        f"/accounts/{account.pk}/meetings/new/",
        {"title": "x", "day": "2026-11-20", "clock": "09:00", "duration_minutes": "30"},
    )
    meeting = account.meetings.get()
    for where in (f"/tasks/{task.pk}/", f"/meetings/{meeting.pk}/"):
        client.post(f"{where}files/", {"file": SimpleUploadedFile("plan.txt", b"x")})
        html = client.get(where).content.decode()
        assert "plan.txt" in html
        assert "attached a file" in html
        assert client.post(f"{where}files/", {"file": SimpleUploadedFile("a.exe", b"MZ")}).status_code == 422

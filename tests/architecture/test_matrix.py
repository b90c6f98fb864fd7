"""Every address × every method × every kind of caller, against the one table in `matrix`."""

import copy
import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from django.conf import settings
from django.core.cache import cache
from django.db import transaction
from django.http import HttpResponseBase
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from accounts.models import NotificationKind
from accounts.queries.mails import off_token
from tests.architecture.matrix import CALLERS, EVERYBODY, MATRIX, METHODS, PATHS
from tests.architecture.world import World, make_world

NOBODY = 999_999_999
REFUSALS = {"s", "1", "3", "4", "5"}


@dataclass(frozen=True, slots=True)
class Route:
    """An address of the product: its pattern, and the name it goes by in the table."""

    pattern: str
    name: str

    @property
    def key(self) -> str:
        """Name it in the table."""
        return self.name or self.pattern

    @property
    def is_admin(self) -> bool:
        """Tell whether it belongs to Django's admin."""
        return self.pattern.startswith("admin/")

    def path(self, world: World, *, known: bool = True) -> str:
        """Make an address of records that exist, or of none."""
        if self.key in PATHS:
            return PATHS[self.key]
        subject = self.pattern.removeprefix("api/").split("/")[0]
        if self.key == "notification_off":
            subject = "off"
        if subject == "quality":
            subject = "/".join(self.pattern.split("/")[:2])
        rows = {
            "accounts": world.account.pk, "customers": world.account.pk, "objectives": world.shared.pk,
            "metrics": world.metric.pk, "views": world.view.pk, "contacts": world.contact.pk, "team": world.member.pk,
            "attributes": world.attribute.pk, "segments": world.segment.pk,
            "quality/metrics": world.metric.pk, "quality/held": world.held.pk,
            "quality/sources": world.disagreement.pk,
            "imports": world.batch.pk,
            "people": world.owner.pk, "operations": world.account.pk,
            "tasks": world.work.task.pk,
            "checklist": world.work.item.pk,
            "comments": world.work.comment.pk, "notes": world.work.note.pk, "meetings": world.work.meeting.pk,
            "attachments": world.work.attachment.key, "notifications": world.work.notification.pk,
            "calendar": world.work.feed,
            "off": off_token(person_id=world.owner.pk, kind=NotificationKind.MENTION),
        }  # fmt: skip
        return "/" + re.sub(r"<\w+:\w+>", lambda _: str(rows[subject] if known else NOBODY), self.pattern)


def routes(resolver: URLResolver | None = None, prefix: str = "", space: str = "") -> Iterator[Route]:
    """Walk the live URLconf."""
    for entry in (resolver or get_resolver()).url_patterns:
        pattern = prefix + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from routes(entry, pattern, f"{space}{entry.namespace}:" if entry.namespace else space)
        else:
            assert isinstance(entry, URLPattern)
            yield Route(pattern, space + entry.name if entry.name else "")


ROUTES = list(routes())
OURS = [route for route in ROUTES if not route.is_admin]
ADMIN = [route for route in ROUTES if route.is_admin]


@pytest.fixture
def world(db: None) -> World:
    cache.clear()  # how often an address asked for sign-in pages in other tests
    return make_world()


def client_of(world: World, caller: str) -> Client:
    """Sign a caller in, or give it its key."""
    if caller in {"KR", "KW"}:
        key = world.read_key if caller == "KR" else world.write_key
        return Client(headers={"authorization": f"Bearer {key}"})
    client = Client()
    people = {"C": world.owner, "C2": world.other, "L": world.leader, "D": world.admin}
    if caller in people:
        client.force_login(people[caller], backend="django.contrib.auth.backends.ModelBackend")
    return client


def ask(client: Client, method: str, path: str, **headers: str) -> HttpResponseBase:
    """Send a request whose effects are taken back, on the session's cookies too."""
    cookies = copy.copy(client.cookies)
    with transaction.atomic():
        content = "application/json" if path.startswith("/api/") else "application/x-www-form-urlencoded"
        body = b"{}" if content.endswith("json") and method not in {"GET", "TRACE"} else b""
        response = client.generic(method, path, body, content_type=content, headers=headers)
        if response.streaming:
            assert response.getvalue()  # the whole of it, while its rows are still there
        transaction.set_rollback(True)
    client.cookies = cookies
    return response


def verdict(response: HttpResponseBase) -> str:
    """Put an answer in the table's letters."""
    status = response.status_code
    if status == 302 and response["Location"].startswith((settings.LOGIN_URL + "?next=", "/admin/login/?next=")):
        return "s"
    if status in {401, 403, 404, 405}:
        return str(status)[-1]
    if status in {200, 201, 202, 204, 302, 400, 409, 415, 422}:
        return "o"
    return str(status)


def test_every_route_is_in_the_table() -> None:
    keys = [route.key for route in OURS]
    assert len(keys) == len(set(keys))
    assert set(keys) == set(MATRIX)


@pytest.mark.parametrize("caller", CALLERS)
def test_callers_get_what_the_table_says(world: World, caller: str) -> None:
    column = CALLERS.index(caller)
    client = client_of(world, caller)
    found, expected = {}, {}
    for route in OURS:
        path = route.path(world)
        for method, row in MATRIX[route.key].items():
            cell = f"{caller}: {method} {path} ({route.key})"
            response = ask(client, method, path)
            found[cell], expected[cell] = verdict(response), row[column]
            if route.key == "readyz" and response.status_code == 503:
                found[cell] = "o"  # no scheduler runs beside the tests
    assert {cell: answer for cell, answer in found.items() if answer != expected[cell]} == {}


@pytest.mark.parametrize("caller", CALLERS)
def test_methods_that_are_not_in_the_table_are_closed(world: World, caller: str) -> None:
    client = client_of(world, caller)
    let_in = {}
    for route in OURS:
        path = route.path(world)
        if MATRIX[route.key].get("GET") is EVERYBODY:
            continue  # what is open to everybody is no more so by another method
        for method in METHODS:
            if method in MATRIX[route.key]:
                continue
            answer = verdict(ask(client, method, path))
            if answer not in REFUSALS:
                let_in[f"{caller}: {method} {path} ({route.key})"] = answer
    assert let_in == {}


def test_records_that_do_not_exist_are_not_found(world: World) -> None:
    """For everybody who may read alike, so that nobody learns which ids exist by being refused."""
    pages, api = client_of(world, "C2"), client_of(world, "KW")
    found = {}
    for route in OURS:
        if "<" not in route.pattern or route.key in PATHS:
            continue
        path = route.path(world, known=False)
        for method, row in MATRIX[route.key].items():
            if row[CALLERS.index("C")] == row[CALLERS.index("C2")] == "3":
                continue  # refused to every CSM, whatever the record
            is_api = route.pattern.startswith("api/")
            response = ask(api if is_api else pages, method, path)
            # An endpoint may say first what is wrong with the body.
            found[f"{method} {path}"] = 404 if is_api and response.status_code == 400 else response.status_code
    assert len(found) > 20
    assert {cell: status for cell, status in found.items() if status != 404} == {}


def test_a_part_of_a_page_is_never_a_sign_in_form(world: World) -> None:
    """HTMX would swap it in: a visitor whose session ended gets 401."""
    visitor = client_of(world, "A")
    found = {}
    for route in OURS:
        for method, row in MATRIX[route.key].items():
            if row[CALLERS.index("A")] == "s":
                response = ask(visitor, method, route.path(world), **{"HX-Request": "true"})
                found[f"{method} {route.key}"] = response.status_code
    assert set(found.values()) == {401}, found


@pytest.mark.parametrize("caller", ["A", "C", "L", "KW"])
def test_admin_is_for_administrators(world: World, caller: str) -> None:
    client = client_of(world, caller)
    assert len(ADMIN) > 100
    let_in = {}
    for route in ADMIN:
        path = "/" + re.sub(r"<[^>]+>", "1", route.pattern)
        for method in ("GET", "POST"):
            answer = verdict(ask(client, method, path))
            if answer not in {"s", "3"} and route.key != "admin:logout":
                let_in[f"{caller}: {method} {path}"] = answer
    assert let_in == {}
    last = client.get("/admin/", follow=True)
    assert (last.status_code, last.request["PATH_INFO"]) == (
        (403, "/admin/login/") if caller in {"C", "L"} else (200, settings.LOGIN_URL)
    )


def test_taking_a_role_or_key_away_holds_from_the_next_request_on(world: World) -> None:
    leader, key = client_of(world, "L"), client_of(world, "KW")
    edit = f"/accounts/{world.account.pk}/edit/"
    assert verdict(leader.get(edit)) == "o"
    type(world.leader).objects.filter(pk=world.leader.pk).update(role="csm")
    assert verdict(leader.get(edit)) == "3"
    type(world.leader).objects.filter(pk=world.leader.pk).update(is_active=False)
    assert verdict(leader.get(edit)) == "s"

    from accounts.models import ApiKey

    assert verdict(key.get("/api/customers")) == "o"
    ApiKey.objects.filter(scope="write").update(scope="read")
    assert verdict(key.post("/api/customers", {}, content_type="application/json")) == "3"
    ApiKey.objects.update(revoked=True)
    assert verdict(key.get("/api/customers")) == "1"

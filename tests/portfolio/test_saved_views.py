"""Saved views: kept, opened, changed, shared, deleted and brought back; and what a default does to a bare address."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.db import connection
from django.http import HttpResponse, QueryDict
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from portfolio.models import DefaultView, SavedView
from portfolio.queries.columns import ACCOUNTS, PORTFOLIO, Key
from portfolio.services import views as services
from portfolio.services.views import ViewRefused, delete_view, restore_view, save_view, set_default, update_view
from tests.factories import make_account, make_objective, make_user, record
from valuerealization.common.models import AuditEntry

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 18, 9, tzinfo=UTC)
HTMX = {"HX-Request": "true"}


@pytest.fixture(autouse=True)
def now(clock: Callable[[datetime], None]) -> None:
    clock(NOW)


@pytest.fixture
def csm(client: Client) -> User:
    user = make_user(name="Amara Okafor", email="amara@example.com")
    client.force_login(user)
    return user


def keep(
    owner: User, name: str = "Renewals at risk", query: str = "status=at_risk&columns=arr,value", **more: Any
) -> SavedView:
    return save_view(owner=owner, kind=more.pop("kind", PORTFOLIO), name=name, parameters=QueryDict(query), **more)


def scored(name: str, value: int, **fields: Any) -> None:
    record(make_objective(make_account(name=name, **fields)), value)


def said(response: HttpResponse) -> str:
    return " ".join(str(message) for message in get_messages(response.wsgi_request))  # type: ignore[attr-defined]


def names(html: str) -> list[str]:
    return re.findall(r'<a class="name" href="[^"]*">([^<]*)</a>', html)


def bar(html: str) -> str:
    """Read the words of the bar of the open view; nothing while none is open."""
    found = re.search(r'<div class="vr-chips vr-viewbar">(.*?)</div>', html, re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", found[1])).split()) if found else ""


# ---- keeping -------------------------------------------------------------------------------------------------------


def test_what_is_shown_is_kept_and_opens_as_it_was(client: Client, csm: User) -> None:
    scored("Brightwater", 40)
    scored("Calder", 60)
    address = "/views/new/portfolio/?status=at_risk&ordering=-name&columns=arr&months=3&cursor=x&junk=1"
    assert "Status: at risk" in client.get(address).content.decode()
    response = client.post(address, {"name": "  At \t risk "})
    view = SavedView.objects.get()
    assert (view.name, view.owner, view.is_shared, view.list_name) == ("At risk", csm, False, "portfolio")
    assert view.state == {"filter": {"status": ["at_risk"]}, "ordering": "-name", "columns": ["arr"], "months": 3}
    query = "status=at_risk&ordering=-name&columns=arr&months=3"
    assert (response.status_code, response["Location"]) == (302, f"/portfolio/?view={view.pk}&{query}")
    html = client.get(response["Location"]).content.decode()
    assert names(html) == ["Brightwater"]
    assert bar(html) == "View At risk Open by default Edit Show everything"
    assert 'aria-current="true">At risk' in html
    assert re.search(r'<form class="vr-filters".*?name="view" value="' + str(view.pk), html, re.DOTALL)


def test_a_name_is_needed_and_is_one_persons_once(client: Client, csm: User) -> None:
    keep(csm)
    for name, said_of_it in (
        ("", "Give the view a name."),
        ("RENEWALS AT RISK", "already has a view"),
        ("x" * 81, "at most 80"),
    ):
        response = client.post("/views/new/portfolio/", {"name": name})
        assert response.status_code == 422
        assert said_of_it in response.content.decode()
    keep(csm, kind=ACCOUNTS)
    keep(make_user())
    assert SavedView.objects.count() == 3


def test_what_cannot_be_read_is_not_kept(client: Client, csm: User) -> None:
    response = client.post("/views/new/portfolio/?value_min=ten", {"name": "Broken"})
    assert response.status_code == 422
    assert "Enter a number in plain digits" in response.content.decode()
    assert client.post("/views/new/other/", {"name": "x"}).status_code == 404
    assert SavedView.objects.count() == 0


def test_the_drawer_saves_too(client: Client, csm: User) -> None:
    drawer = client.get("/views/new/accounts/?owner=none", headers=HTMX).content.decode()
    assert "<html" not in drawer
    assert 'hx-post="/views/new/accounts/?owner=none"' in drawer
    response = client.post("/views/new/accounts/?owner=none", {"name": "Nobody's", "is_default": "on"}, headers=HTMX)
    view = SavedView.objects.get()
    assert response["HX-Redirect"] == f"/accounts/?view={view.pk}&owner=none"
    assert DefaultView.objects.get().view == view


def test_nobody_keeps_more_than_a_hundred(csm: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "MOST_VIEWS", 2)
    keep(csm, "One")
    keep(csm, "Two")
    with pytest.raises(ViewRefused, match="Delete one you no longer use"):
        keep(csm, "Three")


def test_every_step_is_in_the_audit_log(csm: User) -> None:
    view = keep(csm)
    update_view(view=view, by=csm.as_actor(), at=NOW, is_shared=True)
    update_view(view=view, by=csm.as_actor(), at=NOW, is_shared=True)
    set_default(user=csm, kind=PORTFOLIO, view=view)
    delete_view(view=view, by=csm.as_actor(), at=NOW)
    restore_view(view=view, by=csm.as_actor())
    actions = AuditEntry.objects.filter(action__startswith="view.").order_by("id").values_list("action", "details")
    assert [action for action, _ in actions] == [
        "view.saved", "view.updated", "view.default_set", "view.deleted", "view.restored",
    ]  # fmt: skip
    assert actions[1][1] == {"is_shared": [False, True]}


# ---- changing ------------------------------------------------------------------------------------------------------


def test_a_changed_list_says_so_and_can_be_kept_or_undone(client: Client, csm: User) -> None:
    view = keep(csm)
    html = client.get(f"/portfolio/?view={view.pk}&status=stalled").content.decode()
    assert bar(html).startswith("View Renewals at risk Changed Save changes Undo changes")
    assert f'href="/portfolio/?view={view.pk}&amp;status=at_risk&amp;columns=value%2Carr">Undo changes' in html
    response = client.post(f"/views/{view.pk}/overwrite/?status=stalled")
    view.refresh_from_db()
    assert view.state == {"filter": {"status": ["stalled"]}}
    assert "now shows this" in said(response)
    assert "Changed" not in bar(client.get(response["Location"]).content.decode())


def test_filtering_by_htmx_brings_the_bar_along(client: Client, csm: User) -> None:
    view = keep(csm)
    for path in ("/portfolio/", "/accounts/"):
        html = client.get(
            path, {"view": view.pk, "status": "stalled"}, headers={**HTMX, "HX-Target": "account-list"}
        ).content.decode()
        assert '<div id="views" hx-swap-oob="true">' in html
        assert ("Changed" in bar(html)) == (path == "/portfolio/")


def test_a_view_is_renamed_and_shared(client: Client, csm: User) -> None:
    view = keep(csm)
    response = client.post(f"/views/{view.pk}/edit/", {"name": "At risk", "is_shared": "on", "is_default": "on"})
    assert response.status_code == 302
    view.refresh_from_db()
    assert (view.name, view.is_shared, view.updated_at) == ("At risk", True, NOW)
    assert DefaultView.objects.filter(user=csm, view=view).exists()
    client.post(f"/views/{view.pk}/edit/", {"name": "At risk"})
    view.refresh_from_db()
    assert (view.is_shared, DefaultView.objects.count()) == (False, 0)


def test_a_deleted_view_leaves_the_menu_and_comes_back(client: Client, csm: User) -> None:
    scored("Brightwater", 40)
    view = keep(csm, is_default=True)
    response = client.post(f"/views/{view.pk}/delete/")
    assert response["Location"] == "/portfolio/?view=all"
    assert f'href="/views/{view.pk}/restore/"' in said(response)
    client.get("/search/")  # takes the message
    assert "Renewals at risk" not in client.get("/portfolio/?view=all").content.decode()
    assert client.get("/portfolio/").status_code == 200
    html = client.get(f"/portfolio/?view={view.pk}&status=at_risk").content.decode()
    assert "View: It was deleted, or is not shared with you." in html
    assert bar(html) == ""
    assert "Bring “Renewals at risk” back?" in client.get(f"/views/{view.pk}/restore/").content.decode()
    assert client.post(f"/views/{view.pk}/restore/").status_code == 302
    assert client.get("/portfolio/").status_code == 302


def test_a_name_taken_meanwhile_keeps_a_view_deleted(client: Client, csm: User) -> None:
    view = keep(csm)
    delete_view(view=view, by=csm.as_actor(), at=NOW)
    keep(csm)
    assert "already has a view" in said(client.post(f"/views/{view.pk}/restore/"))
    view.refresh_from_db()
    assert view.deleted_at == NOW


def test_a_view_deleted_long_ago_is_gone_with_the_next(csm: User) -> None:
    old, new = keep(csm, "Old"), keep(csm, "New")
    delete_view(view=old, by=csm.as_actor(), at=NOW - timedelta(days=31))
    delete_view(view=new, by=csm.as_actor(), at=NOW)
    assert list(SavedView.objects.values_list("name", flat=True)) == ["New"]


# ---- sharing -------------------------------------------------------------------------------------------------------


def test_a_shared_view_is_used_by_all_and_changed_by_leaders(client: Client, csm: User) -> None:
    other, leader = make_user(name="Kenji Mori"), make_user(role="leader")
    shared, private = keep(other, "Shared one", is_shared=True), keep(other, "Private one")
    html = client.get(f"/portfolio/?view={shared.pk}&status=at_risk&columns=arr,value").content.decode()
    assert bar(html) == "View Shared one shared by Kenji Mori Open by default Show everything"
    assert "Private one" not in html
    urls = {"edit": "get", "overwrite": "post", "delete": "post"}
    assert {getattr(client, method)(f"/views/{shared.pk}/{each}/").status_code for each, method in urls.items()} == {
        403
    }
    assert {getattr(client, method)(f"/views/{private.pk}/{each}/").status_code for each, method in urls.items()} == {
        404
    }
    assert client.post(f"/views/{shared.pk}/default/", {"on": "1"}).status_code == 302
    assert client.post(f"/views/{private.pk}/default/", {"on": "1"}).status_code == 404
    client.force_login(leader)
    assert client.post(f"/views/{shared.pk}/edit/", {"name": "Better", "is_shared": "on"}).status_code == 302
    assert client.get(f"/views/{private.pk}/edit/").status_code == 404
    shared.refresh_from_db()
    assert (shared.name, shared.owner) == ("Better", other)


def test_unsharing_takes_it_from_others_only(csm: User) -> None:
    other = make_user()
    view = keep(csm, is_shared=True, is_default=True)
    set_default(user=other, kind=PORTFOLIO, view=view)
    update_view(view=view, by=csm.as_actor(), at=NOW, is_shared=False)
    assert [default.user for default in DefaultView.objects.all()] == [csm]


# ---- the default ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "path"), [(PORTFOLIO, "/portfolio/"), (ACCOUNTS, "/accounts/")])
def test_a_bare_address_opens_the_default_and_everything_is_one_click_away(
    client: Client, csm: User, kind: Any, path: str
) -> None:
    scored("Brightwater", 40)
    scored("Calder", 60)
    view = keep(csm, kind=kind, query="status=at_risk", is_default=True)
    response = client.get(path)
    assert (response.status_code, response["Location"]) == (302, f"{path}?view={view.pk}&status=at_risk")
    html = client.get(response["Location"]).content.decode()
    assert names(html) == ["Brightwater"]
    assert "Don't open by default" in unescape(bar(html))
    assert f'<a href="{path}?view=all">Show everything</a>' in html
    everything = client.get(f"{path}?view=all")
    assert names(everything.content.decode()) == ["Brightwater", "Calder"]
    own = everything.content.decode()
    assert f'href="{path}"' not in own[own.index('<main class="vr-main"') : own.index("</main>")]
    cleared = client.get(path, {"search": "", "status": ""}, headers={**HTMX, "HX-Target": "account-list"})
    assert cleared["HX-Push-Url"] == f"{path}?view=all"
    client.post(f"/views/{view.pk}/default/", {"on": ""})
    assert client.get(path).status_code == 200


def test_a_short_address_of_a_view_is_written_out(client: Client, csm: User) -> None:
    view = keep(csm)
    response = client.get(f"/portfolio/?view={view.pk}")
    assert response["Location"] == f"/portfolio/?view={view.pk}&status=at_risk&columns=value%2Carr"
    plain = keep(csm, "Everything", query="")
    assert client.get(f"/portfolio/?view={plain.pk}").status_code == 200
    assert client.get("/portfolio/?view=999999").status_code == 200


# ---- what is gone --------------------------------------------------------------------------------------------------


def test_a_view_of_somebody_who_left_opens_and_says_so(client: Client, csm: User) -> None:
    gone = make_user(name="Kenji Mori", email="kenji@example.com")
    scored("Brightwater", 40, owner=gone)
    view = keep(csm, query="owner=kenji@example.com")
    gone.is_active = False
    gone.save()
    html = client.get(f"/portfolio/?view={view.pk}&owner=kenji@example.com").content.decode()
    assert names(html) == ["Brightwater"]
    assert "Kenji Mori has left the team. What is still assigned to them is shown." in html
    User.objects.filter(pk=gone.pk).update(email="erased-1@example.com")
    html = client.get(f"/portfolio/?view={view.pk}&owner=kenji@example.com").content.decode()
    assert (names(html), bar(html)[:21]) == ([], "View Renewals at risk")
    assert "Nobody on the team has the address kenji@example.com, so no account fits." in html


def test_a_view_of_a_column_that_is_gone_opens_and_says_so(client: Client, csm: User) -> None:
    view = keep(csm, query="columns=value,arr")
    SavedView.objects.update(state={"filter": {}, "columns": [Key.VALUE, "mood"]})
    scored("Brightwater", 40)
    response = client.get(f"/portfolio/?view={view.pk}")
    assert response["Location"].endswith("columns=value%2Cmood")
    html = client.get(response["Location"]).content.decode()
    assert "There is no column mood any more" in html
    assert names(html) == ["Brightwater"]


# ---- queries -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/portfolio/", "/accounts/"])
def test_views_and_accounts_cost_the_same_however_many(client: Client, csm: User, path: str) -> None:
    def count(view: SavedView) -> int:
        with CaptureQueriesContext(connection) as queries:
            html = client.get(
                f"{path}?view={view.pk}&status=at_risk&owner=none&columns=value,outcomes,before_after"
            ).content.decode()
        assert "Renewals at risk" in bar(html)
        return len(queries)

    kind = {"/portfolio/": PORTFOLIO, "/accounts/": ACCOUNTS}[path]
    view = keep(csm, kind=kind, is_default=True)
    scored("Brightwater", 40)
    count(view)
    at_one = count(view)
    for number in range(29):
        keep(make_user(), f"View {number}", kind=kind, is_shared=True)
        scored(f"Account {number}", 30 + number % 19)
    assert count(view) == at_one
    assert at_one <= 12

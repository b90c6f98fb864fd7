"""Tasks on pages: the card of next actions, ticking and undoing, a task's page, and the lists of an account."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from accounts.models import Account, Notification, Task, TaskComment, User
from accounts.services.accounts import archive_account
from accounts.services.comments import add_comment
from accounts.services.tasks import Step, create_task, set_task_state, snooze_task
from tests.factories import make_account, make_user
from valuerealization.common.audit import SYSTEM
from valuerealization.common.models import AuditEntry

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
def account(csm: User) -> Account:
    return make_account(name="Brightwater", owner=csm, timezone="America/New_York")


def add(account: Account, title: str = "Call them", **fields: Any) -> Task:
    return create_task(account=account, by=SYSTEM, at=NOW, **{"title": title, "source": "", **fields})


def text_of(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def card(client: Client, account: Account) -> str:
    response = client.get(f"/accounts/{account.pk}/next-actions/", headers=HTMX)
    assert response.status_code == 200
    return text_of(response.content.decode())


# ---- the card --------------------------------------------------------------------------------------------------------


def test_next_actions_read_as_designed(client: Client, csm: User, account: Account) -> None:
    def task(title: str, due: date, source: str = "") -> None:
        made = add(account, title, due_on=due, assignee=csm)
        Task.objects.filter(pk=made.pk).update(source=source)

    task("Send renewal value summary", date(2026, 10, 31))
    task("Agree fix date", date(2026, 11, 20), "playbook: objective slipping")
    task("Get sign-off", date(2026, 11, 17))
    html = client.get(f"/accounts/{account.pk}/").content.decode()
    shown = text_of(html[html.index('id="next-actions"') :].split("</section>")[0])
    assert "Send renewal value summary Due 31 Oct, 17 days late" in shown
    assert "Get sign-off Due today" in shown
    assert "Agree fix date From playbook: objective slipping. Due 20 Nov" in shown
    assert shown.index("Send") < shown.index("Get sign-off") < shown.index("Agree")
    assert '<span class="bad">17 days late</span>' in html


def test_the_card_shows_five_and_counts_the_rest(client: Client, account: Account) -> None:
    for number in range(7):
        add(account, f"Task {number}", due_on=date(2026, 12, 1 + number))
    shown = card(client, account)
    assert "Task 4" in shown
    assert "Task 5" not in shown
    assert "2 more open" in shown


def test_the_card_without_tasks(client: Client, account: Account) -> None:
    assert "Nothing to do." in card(client, account)
    asleep = add(account)
    snooze_task(task=asleep, until=date(2026, 12, 1), by=SYSTEM, at=NOW)
    assert "Call them" not in card(client, account)


def test_days_are_those_of_the_accounts_clock(client: Client, account: Account, clock: Any) -> None:
    add(account, due_on=date(2026, 11, 17))
    clock(datetime(2026, 11, 18, 4, 30, tzinfo=UTC))  # still the 17th in New York
    assert "Due today" in card(client, account)
    clock(datetime(2026, 11, 18, 5, 30, tzinfo=UTC))
    assert "1 day late" in card(client, account)


def test_ticking_with_htmx_answers_a_toast_that_undoes_it(client: Client, account: Account) -> None:
    task = add(account)
    response = client.post(f"/tasks/{task.pk}/state/", {"state": "done"}, headers=HTMX)
    html = response.content.decode()
    assert response.headers["HX-Trigger"] == '{"vr:tasks": "", "vr:changed": ""}'
    assert 'hx-swap-oob="beforeend:#toasts"' in html
    assert "“Call them” is done" in html
    task.refresh_from_db()
    assert task.state == "done"
    fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="(\w*)">', html))
    client.post(f"/tasks/{task.pk}/state/", {"state": fields["state"]}, headers=HTMX)
    task.refresh_from_db()
    assert (task.state, task.done_at, task.done_by) == ("open", None, None)


def test_ticking_without_javascript_comes_back_with_undo(client: Client, account: Account) -> None:
    task = add(account)
    there = f"/accounts/{account.pk}/"
    page = client.post(f"/tasks/{task.pk}/state/", {"state": "done", "next": there}, follow=True)
    assert page.redirect_chain == [(there, 302)]
    toast = page.content.decode().split('id="toasts"')[1]
    assert f'action="/tasks/{task.pk}/state/"' in toast
    assert "hx-post" not in toast.split("</form>")[0]
    assert 'name="state" value="open"' in toast
    assert f'name="next" value="{there}"' in toast


@pytest.mark.parametrize("elsewhere", ["https://evil.example/", "//evil.example", "javascript:alert(1)"])
def test_nobody_is_sent_elsewhere(client: Client, account: Account, elsewhere: str) -> None:
    task = add(account)
    response = client.post(f"/tasks/{task.pk}/state/", {"state": "done", "next": elsewhere})
    assert response.headers["Location"] == f"/tasks/{task.pk}/"


@pytest.mark.parametrize("state", ["", "finished", "DONE"])
def test_an_unknown_state_is_refused(client: Client, account: Account, state: str) -> None:
    task = add(account)
    assert client.post(f"/tasks/{task.pk}/state/", {"state": state}).status_code == 400


# ---- who may ---------------------------------------------------------------------------------------------------------


def test_whoever_has_a_task_works_on_it_but_does_not_edit_it(client: Client, csm: User) -> None:
    foreign = make_account(name="Contoso", owner=make_user())
    task = add(foreign, assignee=csm, checklist=[Step("One")])
    item = task.items.get()
    html = client.get(f"/tasks/{task.pk}/").content.decode()
    assert "Mark as done" in html
    assert f"/tasks/{task.pk}/edit/" not in html
    assert client.post(f"/checklist/{item.pk}/", {"do": "tick", "done": "on"}).status_code == 302
    assert client.post(f"/tasks/{task.pk}/comments/", {"body": "On it"}).status_code == 302
    assert client.post(f"/tasks/{task.pk}/state/", {"state": "done"}).status_code == 302
    assert client.post(f"/tasks/{task.pk}/state/", {"state": "open"}).status_code == 302
    assert client.post(f"/tasks/{task.pk}/state/", {"state": "cancelled"}).status_code == 403
    assert client.get(f"/tasks/{task.pk}/edit/").status_code == 403
    set_task_state(task=task, state="cancelled", by=SYSTEM, at=NOW)
    assert client.post(f"/tasks/{task.pk}/state/", {"state": "open"}).status_code == 403


def test_others_read_and_change_nothing(client: Client, csm: User) -> None:
    foreign = make_account(name="Contoso", owner=make_user())
    task = add(foreign, checklist=[Step("One")])
    html = client.get(f"/tasks/{task.pk}/").content.decode()
    assert "One" in html
    assert 'method="post"' not in html.split("<main")[1].split("</main>")[0]
    overview = client.get(f"/accounts/{foreign.pk}/").content.decode()
    assert "disabled" in overview.split('id="next-actions"')[1].split("</section>")[0]


def test_an_archived_account_shows_its_tasks_and_changes_none(client: Client, csm: User, account: Account) -> None:
    task = add(account)
    archive_account(account=account, by=SYSTEM, at=NOW)
    html = client.get(f"/tasks/{task.pk}/").content.decode()
    assert "Mark as done" not in html
    response = client.post(f"/accounts/{account.pk}/tasks/new/", {"title": "x", "priority": "normal"})
    assert response.status_code == 422
    assert "Restore it first" in response.content.decode()


# ---- the form --------------------------------------------------------------------------------------------------------


def test_a_task_is_added_in_the_drawer(client: Client, csm: User, account: Account) -> None:
    jonas = make_user(name="Jonas Lindqvist")
    filled = {
        "title": "Call them", "due_on": "2026-11-20", "priority": "high", "assignee": jonas.pk,
        "details": "@Jonas, see https://example.com", "checklist": "One\n\n Two \n", "show_in_portal": "on",
    }  # fmt: skip
    response = client.post(f"/accounts/{account.pk}/tasks/new/", filled, headers=HTMX)
    assert response.headers["HX-Trigger"] == '{"vr:close": "", "vr:tasks": "", "vr:changed": ""}'
    assert response.headers["HX-Reswap"] == "none"
    task = Task.objects.get()
    assert (task.title, task.due_on, task.priority, task.assignee, task.show_in_portal) == (
        "Call them", date(2026, 11, 20), "high", jonas, True,
    )  # fmt: skip
    assert [item.text for item in task.items.order_by("position")] == ["One", "Two"]
    assert Notification.objects.unseen_by(jonas.pk).count() == 2


@pytest.mark.parametrize("day", ["9999-12-31", "0001-01-01", "2200-01-01"])
def test_a_day_that_no_calendar_shows_is_refused(client: Client, account: Account, day: str) -> None:
    filled = {"title": "x", "priority": "normal", "due_on": day}
    response = client.post(f"/accounts/{account.pk}/tasks/new/", filled)
    assert response.status_code == 422
    assert "from 1970 to 2199" in response.content.decode()
    task = add(account)
    assert client.post(f"/tasks/{task.pk}/put-off/", {"until": day}).status_code == 422


def test_a_task_without_a_title_comes_back(client: Client, account: Account) -> None:
    for headers in ({}, HTMX):
        response = client.post(
            f"/accounts/{account.pk}/tasks/new/",
            {"title": " ", "due_on": "20.11.", "priority": "soon"},
            headers=headers,
        )
        html = response.content.decode()
        assert response.status_code == 422
        assert "Three things to fix." in html
        assert ("<main" in html) == (not headers)
    assert Task.objects.count() == 0


def test_editing_keeps_the_checklist(client: Client, csm: User, account: Account) -> None:
    task = add(account, checklist=[Step("One")], assignee=csm)
    assert 'name="checklist"' not in client.get(f"/tasks/{task.pk}/edit/").content.decode()
    response = client.post(f"/tasks/{task.pk}/edit/", {"title": "Write to them", "priority": "low"})
    assert response.headers["Location"] == f"/tasks/{task.pk}/"
    task.refresh_from_db()
    assert (task.title, task.priority, task.assignee, task.items.count()) == ("Write to them", "low", None, 1)


def test_somebody_who_left_keeps_the_task_until_it_is_given_away(client: Client, csm: User, account: Account) -> None:
    gone = make_user(name="Gone Away")
    task = add(account, assignee=gone)
    User.objects.filter(pk=gone.pk).update(is_active=False)
    assert "Gone Away" in client.get(f"/tasks/{task.pk}/edit/").content.decode()
    assert "Gone Away" not in client.get(f"/accounts/{account.pk}/tasks/new/").content.decode()


# ---- a task's page ---------------------------------------------------------------------------------------------------


def test_text_is_never_taken_for_html(client: Client, csm: User, account: Account) -> None:
    evil = '<img src=x onerror=alert(1)> https://a.example/"onclick="x @Amara Okafor'
    task = add(account, evil[:60], details=evil, checklist=[Step(evil)])
    add_comment(task=task, body=evil, by=csm.as_actor(), at=NOW)
    html = client.get(f"/tasks/{task.pk}/").content.decode()
    assert "<img" not in html
    assert html.count('<a href="https://a.example/" rel="nofollow noopener noreferrer">https://a.example/</a>') == 2
    assert html.count('<b class="vr-mention">@Amara Okafor</b>') == 2


def test_steps_with_and_without_htmx(client: Client, account: Account) -> None:
    task = add(account)
    add_url = f"/tasks/{task.pk}/checklist/"
    assert client.post(add_url, {"text": "One"}).headers["Location"] == f"/tasks/{task.pk}/#steps"
    html = client.post(add_url, {"text": "Two"}, headers=HTMX).content.decode()
    assert html.strip().startswith('<section class="card" id="steps"')
    one, two = task.items.order_by("position")
    client.post(f"/checklist/{one.pk}/", {"do": "tick", "done": "on"}, headers=HTMX)
    client.post(f"/checklist/{two.pk}/", {"do": "up"}, headers=HTMX)
    assert [(item.text, item.is_done) for item in task.items.order_by("position")] == [("Two", False), ("One", True)]
    client.post(f"/checklist/{one.pk}/", {"do": "tick"})
    client.post(f"/checklist/{two.pk}/", {"do": "remove"})
    assert [(item.text, item.is_done) for item in task.items.all()] == [("One", False)]
    assert client.post(f"/checklist/{one.pk}/", {"do": "shout"}).status_code == 400
    refused = client.post(add_url, {"text": "x" * 301}, headers=HTMX)
    assert (refused.status_code, "at most 300" in refused.content.decode()) == (422, True)
    assert client.post(add_url, {"text": ""}).status_code == 422


def test_comments_are_added_deleted_and_brought_back(client: Client, csm: User, account: Account) -> None:
    task = add(account)
    html = client.post(f"/tasks/{task.pk}/comments/", {"body": "Line one\nLine two"}, headers=HTMX).content.decode()
    assert "Line one\nLine two" in html
    assert "<main" not in html
    comment = TaskComment.objects.get()
    page = client.post(f"/comments/{comment.pk}/state/", follow=True).content.decode()
    assert "Line one" not in page.split('id="comments"')[1].split("</section>")[0]
    assert "The comment is deleted" in page
    client.post(f"/comments/{comment.pk}/state/", {"deleted": "0"})
    assert "Line one" in client.get(f"/tasks/{task.pk}/").content.decode()
    assert client.post(f"/tasks/{task.pk}/comments/", {"body": "a\0b"}).status_code == 422


def test_the_history_says_who_changed_what(client: Client, csm: User, account: Account) -> None:
    jonas = make_user(name="Jonas Lindqvist")
    task = add(account, due_on=date(2026, 11, 20))
    client.post(
        f"/tasks/{task.pk}/edit/",
        {"title": "Call them", "due_on": "2026-12-01", "priority": "urgent", "assignee": jonas.pk},
    )
    client.post(f"/tasks/{task.pk}/state/", {"state": "done"})
    html = client.get(f"/tasks/{task.pk}/").content.decode()
    shown = text_of(html[html.index('id="t-history"') :].split("</section>")[0])
    assert "Amara Okafor finished" in shown
    assert "assigned to nothing to Jonas Lindqvist" in shown
    assert "due 20 Nov to 1 Dec" in shown
    assert "priority Normal to Urgent" in shown


def test_putting_off_and_back(client: Client, account: Account) -> None:
    task = add(account)
    client.post(f"/tasks/{task.pk}/put-off/", {"until": "2026-12-24"})
    assert "Call them" not in card(client, account)
    assert "Everything open is put off" not in card(client, account)
    client.post(f"/tasks/{task.pk}/put-off/", {"until": ""})
    assert "Call them" in card(client, account)
    assert client.post(f"/tasks/{task.pk}/put-off/", {"until": "soon"}).status_code == 422


def test_cancelling_can_be_undone(client: Client, account: Account) -> None:
    task = add(account)
    page = client.post(f"/tasks/{task.pk}/state/", {"state": "cancelled"}, follow=True).content.decode()
    assert "“Call them” is cancelled" in page
    assert 'name="state" value="open"' in page
    assert "Reopen" in page


# ---- lists and the feed ----------------------------------------------------------------------------------------------


def test_tasks_by_state_page_by_page(client: Client, account: Account) -> None:
    for number in range(33):
        add(account, f"Task {number:02}", due_on=date(2026, 12, 1) + timedelta(days=number) if number < 32 else None)
    set_task_state(task=add(account, "Old one"), state="done", by=SYSTEM, at=NOW)
    here = f"/accounts/{account.pk}/tasks/"
    html = client.get(here).content.decode()
    assert re.findall(r">(Task \d\d)</a>", html) == [f"Task {number:02}" for number in range(30)]
    following = re.search(r'rel="next" href="([^"]+)"', html)
    assert following
    second = client.get(here + following[1].replace("&amp;", "&")).content.decode()
    assert re.findall(r">(Task \d\d)</a>", second) == ["Task 30", "Task 31", "Task 32"]
    done = client.get(f"{here}?state=done").content.decode()
    assert "Done 17 Nov" in text_of(done)
    assert client.get(f"{here}?cursor=forged").status_code == 404
    assert "Open 33" in text_of(html)


def test_what_happened_is_in_the_feed(client: Client, csm: User, account: Account) -> None:
    task = add(account, assignee=csm)
    client.post(f"/tasks/{task.pk}/checklist/", {"text": "A step"})
    client.post(f"/tasks/{task.pk}/state/", {"state": "done"})
    client.post(f"/tasks/{task.pk}/comments/", {"body": "That was quick"})
    html = client.get(f"/accounts/{account.pk}/activity/").content.decode()
    shown = text_of(html)
    assert "Amara Okafor finished the task Call them" in shown
    assert "Amara Okafor commented on Call them That was quick" in shown
    assert "A step" not in shown
    assert AuditEntry.objects.filter(action="task.item_added").exists()
    assert f'<a href="/tasks/{task.pk}/">Call them</a>' in html
    recent = client.get(f"/accounts/{account.pk}/recent/", headers=HTMX).content.decode()
    assert "finished the task" in recent


@pytest.mark.parametrize(
    "path", ["accounts/{account}/", "accounts/{account}/tasks/", "accounts/{account}/notes/", "tasks/{task}/"]
)
def test_one_and_thirty_cost_the_same(
    client: Client, csm: User, account: Account, path: str, django_assert_max_num_queries: Any
) -> None:
    jonas = make_user(name="Jonas Lindqvist")
    first = add(account, assignee=jonas)
    counts = []
    for number in (1, 29):
        for _ in range(number):
            task = add(account, assignee=jonas, details="@Jonas")
            task.items.create(text="x", position=0)
            first.items.create(text="x", position=first.items.count())
            add_comment(task=first, body="@Jonas", by=csm.as_actor(), at=NOW)
        with django_assert_max_num_queries(20) as queries:
            assert client.get("/" + path.format(account=account.pk, task=first.pk)).status_code == 200
        counts.append(len(queries))
    assert counts[0] == counts[1]

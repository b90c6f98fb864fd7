"""The admin's first page: its numbers, its order, and what it costs."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django_celery_beat.models import PeriodicTask

from accounts.models import Notification, NotificationMail, User
from accounts.services.accounts import archive_account
from accounts.services.keys import create_api_key
from objectives.models import HeldReading, Objective, Standing
from portfolio.queries.administration import LISTED, dashboard
from tests.factories import make_account, make_metric, make_objective, make_user, record
from valuerealization.common.audit import SYSTEM

pytestmark = pytest.mark.django_db

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)


def scored(value: int, **fields: object) -> int:
    account = make_account(**fields)
    record(make_objective(account), value)
    return account.pk


def money(account: object, baseline: int, target: int, current: int, **fields: object) -> Objective:
    goal = make_objective(account, baseline=baseline, target=target, unit="currency", **fields)  # type: ignore[arg-type]
    record(goal, current)
    return goal


def test_worst_come_first_and_the_rest_is_counted() -> None:
    for value, name in ((40, "Late"), (10, "Worst"), (80, "Fine"), (20, "Bad")):
        scored(value, name=name)
    make_account(name="Unscored")
    board = dashboard(at=timezone.now())
    assert [(line.name, line.status, line.value) for line in board.attention] == [
        ("Worst", "stalled", "10%"), ("Bad", "stalled", "20%"), ("Late", "at_risk", "40%"),
    ]  # fmt: skip
    assert (board.in_trouble, board.summary.listed, board.summary.shown) == (3, 5, "38%")


def test_savings_are_what_moved_in_the_good_direction_by_currency() -> None:
    dollars, euros = make_account(currency="USD"), make_account(currency="EUR")
    money(dollars, 1000, 400, 700)  # costs down by 300
    money(dollars, 0, 500, 125)  # gains up by 125
    money(dollars, 100, 50, 120)  # the wrong way: 20 more than at the beginning
    money(euros, 10, 5, 8)
    other = make_objective(dollars, baseline=0, target=10, unit="days")
    record(other, 9)
    make_objective(dollars, unit="currency")  # not measured
    dollar, euro = dashboard(at=timezone.now()).savings
    assert {(row.currency, row.saved, row.gained, row.total, row.objectives) for row in (dollar, euro)} == {
        ("USD", "$280", "$125", "$405", 3), ("EUR", "€2", "€0", "€2", 1),
    }  # fmt: skip


def test_archived_objectives_and_accounts_and_activity_save_nothing() -> None:
    account, archived = make_account(), make_account()
    money(archived, 1000, 0, 500)
    archive_account(account=archived, by=SYSTEM, at=timezone.now())
    Objective.objects.filter(pk=money(account, 1000, 0, 500).pk).update(archived_at=AT)
    Objective.objects.filter(pk=money(account, 1000, 0, 500).pk).update(kind="activity")
    assert dashboard(at=timezone.now()).savings == ()


def test_values_grow_old() -> None:
    account = make_account(name="Northwind")
    now = timezone.now()
    old = make_objective(account, title="Old", at=now - timedelta(days=60))
    record(old, 30, at=now - timedelta(days=45))
    never = make_objective(account, title="Never", at=now - timedelta(days=60))
    Objective.objects.filter(pk__in=[old.pk, never.pk]).update(created_at=now - timedelta(days=60))
    record(make_objective(account, title="Fresh"), 30)
    make_objective(account, title="New")
    stale = dashboard(at=now).stale
    assert [(line.title, line.note) for line in stale.lines] == [
        ("Never, Northwind", "never measured"), ("Old, Northwind", "last measured 45 days ago"),
    ]  # fmt: skip
    assert (stale.total, stale.more) == (2, 0)


def test_people_keys_snapshots_and_the_tick() -> None:
    User.objects.update(last_login=AT)
    for _ in range(LISTED + 2):
        make_user()
    make_user(is_active=False)
    account = make_account(name="Northwind")
    Standing.objects.filter(account=account).update(failed_at=AT, failure="unknown timezone")
    now = timezone.now()
    create_api_key(name="Soon", scope="read", by=SYSTEM, expires_at=now + timedelta(days=5, hours=1))
    create_api_key(name="Late", scope="read", by=SYSTEM, expires_at=now + timedelta(days=90))
    PeriodicTask.objects.filter(task="objectives.tick").update(last_run_at=now - timedelta(minutes=3))
    board = dashboard(at=now)
    assert (board.absent.total, len(board.absent.lines), board.absent.more) == (LISTED + 2, LISTED, 2)
    assert [(line.title, line.note) for line in board.keys.lines] == [("API key Soon", "expires in 5 days")]
    assert [(line.title, line.note) for line in board.machine.failing.lines] == [("Northwind", "unknown timezone")]
    assert (board.machine.tick_sent, board.machine.tick_is_late, board.machine.tick_is_off) == (
        "3 minutes ago", False, False,
    )  # fmt: skip
    assert dashboard(at=now + timedelta(minutes=30)).machine.tick_is_late
    PeriodicTask.objects.filter(task="objectives.tick").update(enabled=False)
    assert dashboard(at=now).machine.tick_is_off


def test_an_empty_product_says_what_to_do(client: Client) -> None:
    client.force_login(make_user(role="admin"), backend="django.contrib.auth.backends.ModelBackend")
    page = client.get(reverse("admin:index")).content.decode()
    for words in (
        "There are no accounts yet.", "No account has a score yet.", "No active objective in money has been measured",
        "Every objective was measured in the last 30 days.", "No account’s snapshot fails.",
        "No API key expires in the next 30 days.",
    ):  # fmt: skip
        assert words in page, words


def test_page_costs_the_same_for_one_account_and_for_thirty(client: Client) -> None:
    admin = make_user(role="admin")
    client.force_login(admin, backend="django.contrib.auth.backends.ModelBackend")

    def grow(count: int) -> None:
        for _ in range(count):
            account = make_account(owner=make_user())
            record(make_objective(account, unit="currency"), 10)
            create_api_key(name="Key", scope="read", by=SYSTEM, expires_at=timezone.now() + timedelta(days=2))
            Standing.objects.filter(account=account).update(failed_at=AT)

    def costs() -> tuple[int, int]:
        with CaptureQueriesContext(connection) as page:
            assert client.get(reverse("admin:index")).status_code == 200
        with CaptureQueriesContext(connection) as board:
            dashboard(at=timezone.now())
        return len(page), len(board)

    grow(1)
    costs()
    few = costs()
    grow(29)
    assert costs() == few
    assert few[1] == 11
    assert few[0] <= 15


def test_links_lead_somewhere(client: Client) -> None:
    client.force_login(make_user(role="admin"), backend="django.contrib.auth.backends.ModelBackend")
    account = make_account()
    goal = make_objective(account, unit="currency")
    record(goal, 10)
    Objective.objects.update(measured_at=AT - timedelta(days=90), created_at=AT - timedelta(days=90))
    Standing.objects.update(failed_at=AT)
    create_api_key(name="Soon", scope="read", by=SYSTEM, expires_at=timezone.now() + timedelta(days=2))
    person = make_user()
    HeldReading.objects.create(
        account=account, metric=make_metric(), value=1000, usual=10, observed_at=AT, confidence="high", origin="system"
    )
    told = Notification.objects.create(person=person, kind="held", account=account)
    NotificationMail.objects.create(
        notification=told, state="failed", ended_at=timezone.now(), trouble="SMTPDataError 554"
    )
    board = dashboard(at=timezone.now())
    lists = [todo for _title, todo, _empty in board.lists]
    assert [todo.total for todo in lists] == [1] * 6
    addresses = [line.address for todo in lists for line in todo.lines] + [todo.address for todo in lists]
    page = client.get(reverse("admin:index")).content.decode()
    addresses += [
        href.replace("&amp;", "&") for href in re.findall(r'<a class="vr-(?:kpi|go)"\s+href="(/[^"]*)"', page)
    ]
    assert f"{reverse('portfolio')}?status=stalled&status=at_risk" in addresses
    assert [address for address in addresses if client.get(address).status_code != 200] == []
    assert Decimal(board.attention[0].value.rstrip("%")) == 10

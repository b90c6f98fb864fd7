"""Pages at 100,000 accounts: how many statements, and how much time beside their SQL and their template."""

from datetime import UTC, datetime, timedelta
from typing import Any

from django.core.management import call_command
from django.db import connection
from django.template import loader
from django.test import Client
from django.test.signals import template_rendered
from django.test.utils import CaptureQueriesContext, setup_test_environment, teardown_test_environment

from accounts.models import Account, User
from benchmarks import database
from benchmarks.dataset import analyze, load
from benchmarks.report import Figure, median_seconds, say
from objectives.queries.value_card import value_card
from objectives.services import snapshots

SMALL = 30
LARGE = 100_000


def run() -> list[Figure]:
    """Measure the portfolio at 30 and at 100,000 accounts, and the value card of a busy account."""
    call_command("collectstatic", verbosity=0, interactive=False)
    small, _ = _portfolio(SMALL, objectives=5)
    large, ratio = _portfolio(LARGE, objectives=2)
    return [
        Figure(f"Portfolio: statements at {LARGE:,} accounts", large, 12, unit=""),
        Figure(f"Portfolio: statements at {LARGE:,} less those at {SMALL}", large - small, 0, unit=""),
        Figure(
            f"Portfolio at {LARGE:,} accounts ÷ (its SQL + its template)", ratio, 2,
            detail="unfiltered, medians of 5, through sign-in and middleware",
        ),
        Figure("Value card, 20 objectives and a year: statements", _value_card(), 8, unit=""),
    ]  # fmt: skip


def _portfolio(accounts: int, *, objectives: int) -> tuple[int, float]:
    say(f"Loading {accounts:,} accounts, four weeks of snapshots …")
    now = datetime.now(UTC)
    with database.fresh("bench_pages"):
        load(accounts=accounts, objectives=objectives, weeks=2, until=now - timedelta(weeks=4))
        for week in (3, 2, 1, 0):
            snapshots.take_due(at=now - timedelta(weeks=week))
        analyze()
        client = Client()
        client.force_login(User.objects.create_user("leader@example.com", name="Leader", role="leader"))
        client.get("/portfolio/")
        with CaptureQueriesContext(
            connection,
        ) as captured:
            assert client.get("/portfolio/").status_code == 200
        statements = [query["sql"] for query in captured.captured_queries]
        page = median_seconds(lambda: client.get("/portfolio/"))
        sql = median_seconds(lambda: _replay(statements))
        template = median_seconds(_renderer(client))
        say(f"  page {page * 1000:.0f} ms, SQL {sql * 1000:.0f} ms, template {template * 1000:.0f} ms")
        return len(statements), page / (sql + template)


def _replay(statements: list[str]) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
            if cursor.description:
                cursor.fetchall()


def _renderer(client: Client) -> Any:
    """Keep the page's data and give a function that renders the same template with it."""
    seen: list[tuple[Any, dict[str, Any]]] = []

    def note(template: Any, context: Any, **_signal: object) -> None:
        seen.append((template, context.flatten()))

    setup_test_environment()
    template_rendered.connect(note)
    try:
        client.get("/portfolio/")
    finally:
        template_rendered.disconnect(note)
        teardown_test_environment()
    template, context = seen[0]
    page = loader.get_template(template.name)
    canned = {name: value for name, value in context.items() if name not in {"True", "False", "None"}}
    return lambda: page.render(canned)


def _value_card() -> int:
    with database.fresh("bench_pages"):
        now = datetime.now(UTC)
        load(accounts=1, objectives=20, weeks=52, until=now - timedelta(weeks=1))
        snapshots.take_due(at=now)
        account = Account.objects.get()
        with CaptureQueriesContext(connection) as captured:
            card = value_card(account=account, at=now)
        if len(card.first) + len(card.rest) != 20:
            raise RuntimeError("the card shows another number of objectives")
        return len(captured.captured_queries)

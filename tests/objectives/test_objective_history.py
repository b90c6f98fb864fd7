"""How an objective was defined and measured."""

import re
from collections.abc import Callable
from datetime import date, datetime, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import Account, User
from objectives.models.objectives import Definition
from objectives.queries.history import _LABELS
from objectives.services.objectives import archive_objective, update_objective
from tests.factories import at_time, make_account, make_metric, make_objective, make_user, record
from tests.objectives.pages import NOW, START, D, htmx, is_part, signed_in_as
from tests.ui.page import Page
from valuerealization.common.audit import SYSTEM, Actor

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def now(clock: Callable[[datetime], None]) -> None:
    clock(NOW)


@pytest.fixture
def csm() -> User:
    return make_user(role="csm", name="Amara Okafor")


@pytest.fixture
def account(csm: User) -> Account:
    return make_account(name="Brightwater Logistics", timezone="America/New_York", owner=csm, at=START)


@pytest.fixture
def client(csm: User) -> Client:
    return signed_in_as(csm)


class TestHistory:
    def test_every_change_of_the_definition(self, client: Client, account: Account) -> None:
        metric = make_metric(name="Onboarding time", unit="days", kind="activity")
        objective = make_objective(
            account, title="Onboarding", baseline=14, target=7, unit="days", at=START, due_on=date(2026, 12, 15),
            by=Actor(kind="user", id="1", name="Amara Okafor"),
        )  # fmt: skip
        record(objective, 9, at=NOW - timedelta(days=5))
        by = Actor(kind="user", id="2", name="Jonas Lind")
        with at_time(NOW - timedelta(days=2)) as at:
            update_objective(objective=objective, by=by, at=at, target=D(6), weight=D(2), reason="Agreed")
        with at_time(NOW - timedelta(days=1)) as at:
            update_objective(
                objective=objective, by=by, at=at, completion_type="attribute", metric=metric, title="Onboard faster",
                show_in_portal=True, due_on=None, started_on=date(2026, 9, 2), methodology="Median", unit="score",
                baseline=D(13),
            )  # fmt: skip
        archive_objective(objective=objective, by=by, at=NOW, reason="Replaced")
        page = Page(client.get(f"/objectives/{objective.pk}/history/").content.decode())
        said = [text for text in page.texts("p") if re.match("(Jonas Lind|Amara Okafor) (saved|defined) ", text)]
        assert said == [
            "Jonas Lind saved version 4: Replaced",
            "Jonas Lind saved version 3",
            "Jonas Lind saved version 2: Agreed",
            "Amara Okafor defined this objective",
        ]
        assert page.texts("ul", "vr-changes")[0] == "State Active Archived"
        assert page.texts("ul", "vr-changes")[2] == "Target 7 days 6 days Weight 1 2 Completion 71% 63%"
        third = page.texts("ul", "vr-changes")[1]
        for change in (
            "Title Onboarding Onboard faster", "Type Value based Attribute based", "Metric nothing Onboarding time",
            "Kind Value Activity", "Baseline 14 days 13", "Unit Days Score", "Start date 1 Sep 2026 2 Sep 2026",
            "Target date 15 Dec 2026 nothing", "Customer portal Not shown Shown", "How it is measured nothing Median",
        ):  # fmt: skip
            assert change in third
        assert "Completion" not in third  # of another value: no comparison

    def test_no_revisioned_field_is_left_out(self) -> None:
        assert set(_LABELS) == set(Definition.definition_fields()) - {"unit_label"} | {"archived"}

    def test_values_newest_first_with_superseded_ones_marked(self, client: Client, account: Account) -> None:
        objective = make_objective(account, baseline=14, target=7, unit="days", at=START)
        seen = NOW - timedelta(days=3)
        record(objective, 12, at=seen, source="Report", note="By hand\n<script>")
        record(objective, 11, at=seen, source="Report", recorded_at=NOW - timedelta(days=2))
        record(objective, 13, at=seen, source="Survey", recorded_at=NOW - timedelta(days=1), confidence="low")
        record(objective, 9, at=NOW - timedelta(days=1))
        record(objective, 15, at=NOW - timedelta(days=9))
        content = client.get(f"/objectives/{objective.pk}/history/").content.decode()
        page = Page(content)
        (log, _) = page.texts("ol", "vr-log")
        values = re.findall(r"(\d+) days(?:, (−?\d+%))? ?(Current|Superseded)?", log)
        assert values == [
            ("9", "71%", "Current"), ("13", "14%", ""), ("11", "43%", ""), ("12", "", "Superseded"), ("15", "−14%", ""),
        ]  # fmt: skip
        assert "<script>" not in content.split("</head>")[1].split("By hand")[1][:60]
        assert "Survey. Low: modelled. Recorded 16 Nov, 10:00 by System." in log

    def test_a_metric_shows_its_readings_for_this_customer(self, client: Client, account: Account) -> None:
        metric = make_metric(unit="users")
        objective = make_objective(account, metric=metric)
        record(metric, 40, account=account)
        record(metric, 99, account=make_account())
        (log, _) = Page(client.get(f"/objectives/{objective.pk}/history/").content.decode()).texts("ol", "vr-log")
        assert re.findall(r"\d+ users", log) == ["40 users"]

    def test_a_manual_goal_has_none(self, client: Client, account: Account) -> None:
        objective = make_objective(account, completion_type="manual")
        assert "A manual goal has no values." in client.get(f"/objectives/{objective.pk}/history/").content.decode()

    def test_older_ones_are_on_the_next_page(self, client: Client, account: Account) -> None:
        objective = make_objective(account, target=1000, at=START)
        for days in range(1, 61):
            record(objective, 100 - days, at=NOW - timedelta(days=days))
        path = f"/objectives/{objective.pk}/history/"
        first = Page(client.get(path).content.decode())
        (more,) = first.find("a", "vr-more")
        response = htmx(client, str(more["href"]))
        second = Page(response.content.decode())
        assert is_part(response)
        assert [len(page.texts("time")) for page in (first, second)] == [51, 10]  # and the first revision
        assert second.find("a", "vr-more") == []
        shown = [re.findall(r"\b\d\d\b(?=, \d+%)", " ".join(page.texts("p"))) for page in (first, second)]
        assert shown[0] + shown[1] == [str(100 - days) for days in range(1, 61)]
        plain = client.get(str(more["href"]))
        assert (plain.status_code, is_part(plain)) == (200, False)

    @pytest.mark.parametrize("before", ["x", "0", "٣", "9" * 5000, "-1", "other"])
    def test_a_forged_place_is_not_found(self, client: Client, account: Account, before: str) -> None:
        objective = make_objective(account)
        if before == "other":
            before = str(record(make_objective(account), 5).pk)
        assert client.get(f"/objectives/{objective.pk}/history/", {"before": before}).status_code == 404

    def test_in_the_drawer(self, client: Client, account: Account) -> None:
        objective = make_objective(account, title="Onboarding")
        response = htmx(client, f"/objectives/{objective.pk}/history/")
        page = Page(response.content.decode())
        assert is_part(response)
        assert (page.texts("h3"), page.texts("h4")) == (["Onboarding"], ["Values", "Definition"])

    def test_as_many_queries_for_many_entries_as_for_one(self, client: Client, account: Account) -> None:
        objective = make_objective(account, at=START)
        counts = []
        for more in (1, 20):
            for step in range(more):
                record(objective, step + 1, at=NOW - timedelta(days=30 - step - more))
                update_objective(objective=objective, by=SYSTEM, at=NOW, title=f"Title {more} {step}")
            with CaptureQueriesContext(connection) as queries:
                client.get(f"/objectives/{objective.pk}/history/")
            counts.append(len(queries))
        assert counts[0] == counts[1]

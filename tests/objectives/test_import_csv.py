"""Files from the command line: all of it or nothing, every error by line, the same file twice changes nothing."""

import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import Account
from objectives.imports import run
from objectives.imports.jobs import import_focus, run_batch
from objectives.imports.run import KINDS, import_file
from objectives.imports.tables import FileRefused
from objectives.models import ImportBatch, Metric, MetricVersion, Objective, ObjectiveRevision, Reading, Standing
from objectives.services.objectives import archive_objective
from tests.factories import make_account, make_metric, make_objective, make_user, record
from valuerealization.common.audit import SYSTEM
from valuerealization.common.models import AuditEntry

PROJECT = Path(__file__).parents[2]
NOON = datetime(2026, 11, 18, 12, 0, tzinfo=UTC)
LATER = NOON + timedelta(minutes=50)
Write = Callable[..., Path]
Clock = Callable[[datetime], None]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def to_file(*lines: str, encoding: str = "utf-8", name: str = "file.csv", ending: str = "\n") -> Path:
        path = tmp_path / name
        path.write_bytes(ending.join([*lines, ""]).encode(encoding))
        return path

    return to_file


@pytest.fixture(autouse=True)
def at_noon(clock: Clock) -> None:
    clock(NOON)


def load(kind: str, path: Path, *, at: datetime = NOON, dry_run: bool = False) -> tuple[int, int, int, int]:
    saved = import_file(kind=kind, path=path, by=SYSTEM, at=at, dry_run=dry_run)
    return saved.rows, saved.created, saved.changed, saved.unchanged


def errors(kind: str, path: Path, *, at: datetime = NOON) -> list[str]:
    with pytest.raises(FileRefused) as refused:
        import_file(kind=kind, path=path, by=SYSTEM, at=at)
    return [str(error) for error in refused.value.errors]


def everything() -> dict[str, list[Any]]:
    """Copy every table that an import can touch."""
    labels = ("accounts", "objectives", "common")
    models = [model for label in labels for model in apps.get_app_config(label).get_models()]
    return {model.__name__: list(model._default_manager.order_by("pk").values()) for model in models}


class TestAccounts:
    HEADER = "external_id,name,timezone,segment,industry,currency,arr,owner,contract_signed_on,went_live_on,renewal_on"

    @pytest.mark.django_db
    def test_every_field(self, write: Write) -> None:
        owner = make_user(email="ada@example.com")
        path = write(
            self.HEADER,
            "A-1,Söhne & Co,Europe/Berlin,enterprise,Food,EUR,1250.50,ADA@example.com,2025-01-31,2025-03-01,2027-01-31",
            'A-2,"Beta, Inc.",UTC,,,,,,,,',
        )
        assert load("accounts", path) == (2, 2, 0, 0)
        fields = [name for name in self.HEADER.split(",") if name != "owner"]
        assert list(Account.objects.order_by("pk").values_list(*fields, "owner")) == [
            (
                "A-1", "Söhne & Co", "Europe/Berlin", "enterprise", "Food", "EUR", Decimal("1250.50"),
                date(2025, 1, 31), date(2025, 3, 1), date(2027, 1, 31), owner.pk,
            ),
            ("A-2", "Beta, Inc.", "UTC", "", "", "USD", None, None, None, None, None),
        ]  # fmt: skip
        assert Standing.objects.count() == 2
        entries = AuditEntry.objects.filter(action="account.created").order_by("pk")
        assert [entry.subject_label for entry in entries] == ["Söhne & Co", "Beta, Inc."]
        assert entries[0].details["owner"] == [None, owner.pk]

    @pytest.mark.django_db
    def test_the_same_file_twice_changes_nothing(self, write: Write) -> None:
        make_user(email="ada@example.com")
        path = write(self.HEADER, "A-1,Acme,Europe/Berlin,enterprise,Food,EUR,1250.5,ada@example.com,,,2027-01-31")
        load("accounts", path)
        before = everything()
        assert load("accounts", path, at=NOON + timedelta(days=3)) == (1, 0, 0, 1)
        assert everything() == before

    @pytest.mark.django_db
    @pytest.mark.parametrize("written", ["Mid-market", "mid market", "MID_MARKET"])
    def test_choices_may_be_written_as_pages_show_them(self, write: Write, written: str) -> None:
        load("accounts", write("external_id,name,timezone,segment", f"A-1,Acme,UTC,{written}"))
        assert Account.objects.get().segment == "mid_market"

    @pytest.mark.django_db
    def test_one_line_tells_of_everything_that_is_wrong_in_it(self, write: Write) -> None:
        found = errors(
            "accounts", write("external_id,name,timezone,arr,owner", "A-1,Acme,Mars/Base,abc,no@example.com")
        )
        assert {line.split(":")[0] for line in found} == {"line 2, timezone", "line 2, arr", "line 2, owner"}

    @pytest.mark.django_db
    def test_a_changed_row_changes_its_account_and_says_so(self, write: Write) -> None:
        fields = {"name": "Acme", "timezone": "Europe/Berlin", "currency": "EUR", "arr": 5, "industry": "Food"}
        account = make_account(external_id="A-1", **fields)
        make_account(external_id="A-2", name="Beta")
        path = write("external_id,industry,arr,currency", "A-1,,7.25,", "A-2,Retail,,")
        assert load("accounts", path) == (2, 0, 2, 0)
        account.refresh_from_db()
        assert (account.name, account.timezone, account.currency, account.arr, account.industry) == (
            "Acme", "Europe/Berlin", "EUR", Decimal("7.25"), "",
        )  # fmt: skip
        assert account.updated_at == NOON
        assert account.standing.arr == Decimal("7.25")
        entry = AuditEntry.objects.get(action="account.updated", account_id=account.pk)
        assert entry.details == {"arr": ["5.00", "7.25"], "industry": ["Food", ""]}

    @pytest.mark.django_db
    def test_every_error_has_its_line_and_field(self, write: Write) -> None:
        make_account(external_id="OLD")
        make_user(email="gone@example.com", name="Gone Person", is_active=False)
        path = write(
            self.HEADER,
            "A-1,,UTC,,,,,,,,",
            "A-2,Beta,,,,,,,,,",
            "A-3,Gamma,Mars/Base,,,,,,,,",
            "A-4,Delta,UTC,huge,,,,,,,",
            "A-5,Epsilon,UTC,,,usd,,,,,",
            "A-6,Zeta,UTC,,,,12.345,,,,",
            "A-7,Eta,UTC,,,,-1,,,,",
            "A-8,Theta,UTC,,,,,nobody@example.com,,,",
            "A-9,Iota,UTC,,,,,gone@example.com,,,",
            "A-10,Kappa,UTC,,,,,,31.01.2025,,",
            "A-11,Lambda,UTC,,,,,,2025-02-30,,",
            "A-12,Mu,UTC,,,,,,2027-01-01,,2026-01-01",
            f"A-13,{'N' * 201},UTC,,,,,,,,",
            ",Xi,UTC,,,,,,,,",
            "A-2,Omikron,UTC,,,,,,,,",
            "A-14,Pi\u0007,UTC,,,,,,,,",
            "A-15,Rho,UTC,,,,٤٢,,,,",
            "OLD,,,,,,,,,,",
        )
        found = errors("accounts", path)
        assert found == [
            "line 2, name: Give the name of the new account.",
            "line 3, timezone: Give the timezone of the new account, for example Europe/Berlin.",
            "line 4, timezone: Choose an IANA timezone such as Europe/Berlin; “Mars/Base” is not one.",
            "line 5, segment: Choose one of enterprise, mid_market, small_business.",
            "line 6, currency: Use the three capital letters of ISO 4217, for example EUR.",
            "line 7, arr: Use at most 2 decimals.",
            "line 8, arr: Give an amount of 0 or more.",
            "line 9, owner: Nobody of the team has the address nobody@example.com.",
            "line 10, owner: Gone Person has left the team. Name somebody else.",
            "line 11, contract_signed_on: Write the date as year, month and day: 2026-11-15.",
            "line 12, contract_signed_on: There is no such day.",
            "line 13, renewal_on: Choose a renewal date after the day the contract was signed.",
            "line 14, name: Use at most 200 characters.",
            "line 15, external_id: Give each row a value of its own in external_id.",
            "line 16, external_id: Line 3 has “A-2” already. Keep one of the two.",
            "line 17, name: Remove the invisible control characters.",
            "line 18, arr: Use the digits 0 to 9, a plain minus sign and a point; other characters are not read.",
        ]
        assert list(Account.objects.values_list("external_id", flat=True)) == ["OLD"]

    @pytest.mark.django_db
    def test_whoever_has_left_may_stay_where_they_are(self, write: Write) -> None:
        owner = make_user(email="gone@example.com", is_active=False)
        make_account(external_id="A-1", owner=owner)
        path = write("external_id,owner,industry", "A-1,gone@example.com,Food")
        assert load("accounts", path) == (1, 0, 1, 0)

    @pytest.mark.django_db
    def test_ten_accounts_cost_as_many_queries_as_a_thousand(self, write: Write) -> None:
        def cost(first: int, count: int) -> int:
            rows = [f"A-{number},Account {number},UTC" for number in range(first, first + count)]
            with CaptureQueriesContext(
                connection,
            ) as queries:
                load("accounts", write("external_id,name,timezone", *rows))
            return len(queries)

        assert cost(0, 10) == cost(1000, 1000)
        assert Account.objects.count() == 1010


class TestMetrics:
    @pytest.mark.django_db
    def test_new_changed_and_unchanged(self, write: Write) -> None:
        metric = make_metric(key="tickets", name="Tickets", direction="down", methodology="As counted")
        make_metric(key="seats", name="Seats", unit="users")
        path = write(
            "key,name,unit,unit_label,direction,kind,methodology,formula",
            'tickets,Tickets,,,down,value,"Counted by the desk,\nevery Friday",',
            "seats,Seats,users,,,,,",
            "match_rate,Matched,custom,invoices,up,activity,,a / b",
        )
        assert load("metrics", path) == (3, 1, 1, 1)
        metric.refresh_from_db()
        assert (metric.version, metric.methodology) == (2, "Counted by the desk,\nevery Friday")
        new = Metric.objects.get(key="match_rate")
        assert (new.name, new.unit, new.unit_label, new.direction, new.kind, new.formula) == (
            "Matched", "custom", "invoices", "up", "activity", "a / b",
        )  # fmt: skip
        before = everything()
        assert load("metrics", path) == (3, 0, 0, 3)
        assert everything() == before
        assert MetricVersion.objects.filter(metric=metric).count() == 2

    @pytest.mark.django_db
    def test_how_often_and_by_whom(self, write: Write) -> None:
        account = make_account(external_id="A-1")
        seats = make_metric(key="seats", name="Seats", cadence="monthly", measured_by="Desk", reported_by="CSM")
        goal = make_objective(account, metric=seats, started_on=date(2026, 11, 1))
        header = "key,name,cadence,measured_by,validated_by,reported_by"
        path = write(header, "seats,,weekly,,Controller,CSM", "tickets,Tickets,,Help desk,,")
        assert load("metrics", path) == (2, 1, 1, 0)
        fields = ("key", "cadence", "measured_by", "validated_by", "reported_by", "version")
        assert list(Metric.objects.order_by("key").values_list(*fields)) == [
            ("seats", "weekly", "", "Controller", "CSM", 1), ("tickets", "none", "Help desk", "", "", 1),
        ]  # fmt: skip
        goal.refresh_from_db()
        assert goal.next_due_on == date(2026, 11, 8)
        assert load("metrics", path) == (2, 0, 0, 2)
        assert load("metrics", write("key,name", "seats,Seats")) == (1, 0, 0, 1)  # no column, no change
        assert errors("metrics", write(header, "seats,,fortnightly,,,", f"tickets,,,{'x' * 121},,")) == [
            "line 2, cadence: Choose one of none, daily, weekly, monthly, quarterly, yearly.",
            "line 3, measured_by: Use at most 120 characters.",
        ]

    @pytest.mark.django_db
    def test_errors(self, write: Write) -> None:
        path = write(
            "key,name,unit,unit_label,direction",
            "Tickets,Tickets,,,",
            "seats,,,,",
            "hours,Hours,fortnights,,",
            "things,Things,custom,,",
            "ways,Ways,,,sideways",
        )
        assert errors("metrics", path) == [
            "line 2, key: Use small letters, digits and _, starting with a letter.",
            "line 3, name: Give the name of the new metric.",
            "line 4, unit: Choose one of percentage, currency, days, users, score, custom.",
            "line 5, unit_label: Say what is counted, for example “disputes”.",
            "line 6, direction: Choose one of up, down.",
        ]
        assert Metric.objects.count() == 0


class TestObjectives:
    @pytest.mark.django_db
    def test_every_kind_and_field(self, write: Write) -> None:
        owner = make_user(email="ada@example.com")
        account = make_account(external_id="A-1", timezone="Europe/Berlin")
        metric = make_metric(key="seats", unit="users", kind="activity")
        record(metric, 35, at=NOON - timedelta(days=2), account=account)
        path = write(
            "external_id,customer,title,details,completion_type,done,baseline,current,target,unit,unit_label,"
            "metric,weight,owner,started_on,due_on,show_in_portal",
            'O-1,A-1,Onboard faster,"Two\nlines",value,,14,9,7,days,,,2.5,ada@example.com,2026-01-05,2026-06-30,yes',
            "O-2,external:A-1,Fill the seats,,attribute,,10,,60,,,seats,,,,,",
            "O-3,A-1,Name a sponsor,,manual,true,,,,,,,,,,,no",
            "O-4,A-1,Close disputes,,value,,60,,20,custom,disputes,,,,,2026-12-31,",
        )
        assert load("objectives", path) == (4, 4, 0, 0)
        fields = (
            "external_id", "title", "details", "completion_type", "done", "baseline", "current", "target", "unit",
            "unit_label", "metric__key", "kind", "weight", "owner", "started_on", "due_on", "show_in_portal",
            "revision",
        )  # fmt: skip
        today = date(2026, 11, 18)
        assert list(Objective.objects.order_by("pk").values_list(*fields)) == [
            ("O-1", "Onboard faster", "Two\nlines", "value", False, 14, 9, 7, "days", "", None, "value", Decimal("2.5"),
             owner.pk, date(2026, 1, 5), date(2026, 6, 30), True, 1),
            ("O-2", "Fill the seats", "", "attribute", False, 10, 35, 60, "users", "", "seats", "activity", 1, None,
             today, None, False, 1),
            ("O-3", "Name a sponsor", "", "manual", True, None, None, None, "", "", None, "value", 1, None, today, None,
             False, 1),
            ("O-4", "Close disputes", "", "value", False, 60, None, 20, "custom", "disputes", None, "value", 1, None,
             today, date(2026, 12, 31), False, 1),
        ]  # fmt: skip
        reading = Reading.objects.get(objective__external_id="O-1")
        assert (reading.value, reading.observed_at, reading.recorded_at) == (9, NOON, NOON)
        completions = [Decimal("71.428571428571"), Decimal(50)]
        expected = (completions[0] * Decimal("2.5") + completions[1]) / Decimal("3.5")
        account.standing.refresh_from_db()
        assert account.standing.value_delivered == expected.quantize(Decimal("0.000001"))
        assert (account.standing.objectives_total, account.standing.objectives_manual) == (3, 1)
        assert ObjectiveRevision.objects.filter(number=1, valid_from=NOON, reason="Created").count() == 4
        assert Objective.objects.filter(revised_at=NOON).count() == 4
        assert AuditEntry.objects.filter(action="objective.created", account_id=account.pk).count() == 4

        before = everything()
        assert load("objectives", path, at=NOON + timedelta(days=1)) == (4, 0, 0, 4)
        assert everything() == before

    @pytest.mark.django_db
    def test_a_change_is_a_revision_and_a_new_current_a_reading(self, write: Write, clock: Clock) -> None:
        account = make_account(external_id="A-1")
        before = NOON - timedelta(days=9)
        changed = make_objective(account, external_id="O-1", baseline=0, target=100, current=40, at=before)
        measured = make_objective(account, external_id="O-2", baseline=0, target=100, current=40, at=before)
        renamed = make_objective(account, external_id="O-3", details="Old", at=before)
        clock(NOON)
        path = write(
            "external_id,target,current,details",
            "O-1,80,40,",
            "O-2,100,55,",
            "O-3,100,,New",
        )
        assert load("objectives", path) == (3, 0, 3, 0)
        for objective in (changed, measured, renamed):
            objective.refresh_from_db()
        assert (changed.target, changed.current, changed.completion, changed.revision) == (80, 40, 50, 2)
        assert (measured.current, measured.revision, measured.measured_at) == (55, 1, NOON)
        assert (renamed.details, renamed.revision) == ("New", 1)
        assert Reading.objects.filter(objective=changed).count() == 1
        assert list(changed.revisions.order_by("number").values_list("number", "target")) == [(1, 100), (2, 80)]
        assert account.standing.value_delivered == Decimal("52.5")
        updated = AuditEntry.objects.filter(action="objective.updated").order_by("pk")
        assert [entry.details for entry in updated] == [{"target": ["100.000000", "80"]}, {"details": ["Old", "New"]}]

    @pytest.mark.django_db
    def test_turning_manual_takes_the_numbers_away_and_keeps_the_readings(self, write: Write) -> None:
        account = make_account(external_id="A-1")
        objective = make_objective(account, external_id="O-1", current=40)
        path = write("external_id,completion_type,baseline,target,done", "O-1,manual,,,true")
        assert load("objectives", path) == (1, 0, 1, 0)
        objective.refresh_from_db()
        assert (objective.completion_type, objective.current, objective.measured_at, objective.done) == (
            "manual", None, None, True,
        )  # fmt: skip
        assert Reading.objects.filter(objective=objective).count() == 1
        account.standing.refresh_from_db()
        assert account.standing.value_delivered is None

    @pytest.mark.django_db
    def test_every_refusal_has_its_line_and_field(self, write: Write) -> None:
        account = make_account(external_id="A-1")
        make_account(external_id="A-2")
        make_metric(key="seats")
        make_objective(account, external_id="OLD", started_on=date(2026, 1, 1), due_on=date(2027, 1, 1))
        columns = "external_id customer title completion_type baseline current target unit unit_label metric weight"
        header = ",".join([*columns.split(), "due_on", "done"])
        path = write(
            header,
            "O-1,A-1,Equal,value,10,,10,,,,,,",
            "O-2,A-1,No progress yet,value,10,10,20,,,,,,",
            "O-3,A-1,Synced,attribute,10,20,30,,,seats,,,",
            "O-4,A-1,No metric,attribute,10,,30,,,,,,",
            "O-5,A-1,Metric of nobody,value,10,,30,,,seats,,,",
            "O-6,A-1,Empty,value,,,,,,,,,",
            "O-7,A-1,Done by number,value,1,,2,,,,,,true",
            "O-8,A-1,Measured by hand,manual,1,2,3,,,,,,",
            "O-9,A-1,Weightless,value,1,,2,,,,0,,",
            "O-10,A-1,Unlabelled,value,1,,2,custom,,,,,",
            "O-11,A-1,Too early,value,1,,2,,,,,2026-11-18,",
            "OLD,A-2,Moved,value,0,,100,,,,,2027-01-01,",
        )
        assert errors("objectives", path) == [
            "line 2, target: Pick a target different from the baseline.",
            "line 3, current: No progress to measure yet: leave current empty until the first measurement.",
            "line 4, current: Current follows the metric: leave it empty and record a reading.",
            "line 5, metric: Choose the metric that this objective follows.",
            "line 6, metric: Only an attribute-based objective follows a metric.",
            "line 7, baseline: Give a baseline: progress is measured from baseline to target.",
            "line 7, target: Give a target: progress is measured from baseline to target.",
            "line 8, done: Only a manual objective is marked done; this one is measured.",
            "line 9, baseline: A manual objective is done or not done: leave this empty.",
            "line 9, current: A manual objective is done or not done: leave this empty.",
            "line 9, target: A manual objective is done or not done: leave this empty.",
            "line 10, weight: Give a weight above 0, up to 100.",
            "line 11, unit_label: Say what is counted, for example “disputes”.",
            "line 12, due_on: Choose a target date after the start date.",
            "line 13, customer: An objective stays with its customer.",
        ]
        assert errors(
            "objectives",
            write(
                header,
                ",A-1,Nameless,value,1,,2,,,,,,",
                "O-2,A-9,Whose?,value,1,,2,,,,,,",
                "O-3,,,,1,,2,,,,,,",
                "O-4,A-1,Unknown metric,attribute,1,,2,,,chairs,,,",
                "O-5,A-1,Labelled,value,1,,2,days,things,,,,",
                "O-6,A-1,Numbers,value,NaN,,1e5,,,,,,",
                'O-7,A-1,Commas,value,"1,5",,"1,250",,,,,,',
                "O-8,A-1,Kinds,number,1,,2,,,,,,maybe",
                "OLD,A-1,Old,value,0,,100,,,,,2026-11-17,",
            ),
        ) == [
            "line 2, external_id: Give each row a value of its own in external_id.",
            "line 3, customer: There is no customer with the external id A-9.",
            "line 4, completion_type: Say how the new objective is measured: value, attribute or manual.",
            "line 4, customer: Name the customer of the new objective by its external id.",
            "line 4, title: Give the title of the new objective.",
            "line 5, metric: There is no metric with the key chairs.",
            "line 6, unit_label: Only the unit custom has a label. Leave this empty.",
            "line 7, baseline: Enter a finite number; NaN and infinity have no place on a scale.",
            "line 7, target: Write the number out in full, without an exponent: 1200, not 1.2e3.",
            "line 8, baseline: Write decimals with a point: 1.5 instead of 1,5.",
            "line 8, target: Write the number without thousands separators, with a point before the decimals: 1250.5.",
            "line 9, completion_type: Choose one of value, attribute, manual.",
            "line 9, done: Write true or false.",
            "line 10, due_on: This date has passed. Choose a target date from today on.",
        ]
        assert Objective.objects.count() == 1

    @pytest.mark.django_db
    def test_archived_accounts_take_none(self, write: Write) -> None:
        make_account(external_id="A-1")
        Account.objects.update(archived_at=NOON)
        path = write("external_id,customer,title,completion_type", "O-1,A-1,Late,manual")
        assert errors("objectives", path) == ["line 2, customer: This account is archived. Restore it first."]

    @pytest.mark.django_db
    def test_ten_objectives_cost_as_many_queries_as_three_hundred(self, write: Write) -> None:
        for number in range(3):
            make_account(external_id=f"A-{number}")

        def cost(first: int, count: int) -> int:
            rows = [f"O-{n},A-{n % 3},Goal {n},value,0,{1 + n % 90},100" for n in range(first, first + count)]
            with CaptureQueriesContext(connection) as queries:
                load("objectives", write("external_id,customer,title,completion_type,baseline,current,target", *rows))
            return len(queries)

        assert cost(0, 10) == cost(1000, 300)
        assert Objective.objects.count() == Reading.objects.count() == 310


NOT_VALUE_BASED = (
    "Readings are recorded for value-based objectives. "
    "An attribute-based one follows its metric, a manual one is done or not done."
)
EQUALS_BASELINE = (
    "No progress to measure yet: this equals the baseline. "
    "Record the first value that differs from it."
)  # fmt: skip


class TestReadings:
    @pytest.mark.django_db
    def test_metrics_and_objectives(self, write: Write) -> None:
        account = make_account(external_id="A-1", timezone="Europe/Berlin")
        make_metric(key="seats", unit="users")
        objective = make_objective(account, external_id="O-1", baseline=14, target=7)
        path = write(
            "customer,metric,objective,value,observed_at,source,confidence,note,external_id",
            "A-1,seats,,35,2026-10-01T08:30:00+02:00,Desk,medium,,R-1",
            "external:A-1,seats,,40,2026-10-02,Desk,,,R-2",
            ",,O-1,12,2026-10-05,,,As told,R-3",
            "A-1,,external:O-1,9,,,low,,R-4",
        )
        assert load("readings", path) == (4, 4, 0, 0)
        fields = ("metric__key", "objective", "value", "observed_at", "source", "confidence", "note", "external_id")
        assert list(Reading.objects.order_by("pk").values_list(*fields)) == [
            ("seats", None, 35, datetime(2026, 10, 1, 6, 30, tzinfo=UTC), "Desk", "medium", "", "R-1"),
            ("seats", None, 40, datetime(2026, 10, 2, 10, 0, tzinfo=UTC), "Desk", "high", "", "R-2"),
            (None, objective.pk, 12, datetime(2026, 10, 5, 10, 0, tzinfo=UTC), "", "high", "As told", "R-3"),
            (None, objective.pk, 9, NOON, "", "low", "", "R-4"),
        ]
        assert Reading.objects.filter(recorded_at=NOON, recorded_by="System").count() == 4
        objective.refresh_from_db()
        assert (objective.current, objective.measured_at) == (9, NOON)
        assert account.standing.value_delivered == Decimal("71.428571")
        before = everything()
        assert load("readings", path, at=NOON + timedelta(hours=3)) == (4, 0, 0, 4)
        assert everything() == before

    @pytest.mark.django_db
    @pytest.mark.parametrize(
        ("timezone", "observed"),
        [
            ("Europe/Berlin", datetime(2026, 11, 18, 11, 0, tzinfo=UTC)),  # noon there is past
            ("Asia/Kathmandu", datetime(2026, 11, 18, 6, 15, tzinfo=UTC)),
            ("America/New_York", NOON),  # seven in the morning: now is earlier than noon
            ("UTC", NOON),
        ],
    )
    def test_a_date_alone_is_noon_there_or_now_if_that_is_earlier(
        self, write: Write, timezone: str, observed: datetime
    ) -> None:
        make_objective(make_account(external_id="A-1", timezone=timezone), external_id="O-1")
        path = write("objective,value,observed_at", "O-1,9,2026-11-18")
        assert load("readings", path) == (1, 1, 0, 0)
        assert [reading.observed_at for reading in Reading.objects.all()] == [observed]
        # Some hours later the file says the same.
        assert load("readings", path, at=LATER) == (1, 0, 0, 1)

    @pytest.mark.django_db
    def test_tomorrow_is_refused_also_where_it_has_begun(self, write: Write) -> None:
        make_objective(make_account(external_id="A-1", timezone="America/New_York"), external_id="O-1")
        path = write("objective,value,observed_at", "O-1,9,2026-11-19", "O-1,8,2026-11-18T12:04:00Z")
        assert errors("readings", path) == ["line 2, observed_at: A reading can't be observed in the future."]

    @pytest.mark.django_db
    def test_another_value_for_the_same_time_corrects_it(self, write: Write) -> None:
        make_objective(make_account(external_id="A-1"), external_id="O-1")
        load("readings", write("objective,value,observed_at", "O-1,9,2026-10-01"))
        assert load("readings", write("objective,value,observed_at", "O-1,8,2026-10-01")) == (1, 0, 1, 0)
        assert Objective.objects.get().current == 8

    @pytest.mark.django_db
    def test_every_error_has_its_line_and_field(self, write: Write) -> None:
        account = make_account(external_id="A-1")
        make_metric(key="seats")
        make_objective(account, external_id="O-1")
        archive_objective(objective=make_objective(account, external_id="O-2"), by=SYSTEM, at=NOON)
        make_objective(make_account(external_id="A-2"), external_id="O-3")
        make_objective(account, external_id="O-4", completion_type="manual")
        header = "customer,metric,objective,value,observed_at,confidence,external_id"
        path = write(
            header,
            "A-1,seats,O-1,5,,,",
            ",,,5,,,",
            "A-1,,,5,,,",
            "A-1,seats,,,,,",
            "A-1,seats,,five,,,",
            "A-1,seats,,1.1234567,,,",
            "A-1,seats,,5,01/02/2026,,",
            "A-1,seats,,5,2026-02-01T10:00:00,,",
            "A-1,seats,,5,1066-10-14,,",
            "A-1,seats,,5,,certain,",
            "A-1,seats,,5,2026-01-01,,R-1",
            "A-1,seats,,5,2026-01-02,,R-1",
        )
        assert errors("readings", path) == [
            "line 2, metric: A reading is of a metric or of an objective, not of both. Leave one of the two empty.",
            "line 3, customer: Name customer and metric, or an objective.",
            "line 3, metric: Name customer and metric, or an objective.",
            "line 4, metric: Name customer and metric, or an objective.",
            "line 5, value: Give the value that was measured.",
            "line 6, value: Enter a number in plain digits, for example 1250.5, without a unit or currency sign.",
            "line 7, value: Use at most 6 decimals.",
            "line 8, observed_at: Write date and time as RFC 3339 has it: 2026-11-15T09:30:00Z.",
            "line 9, observed_at: Give the offset from UTC: 2026-11-15T09:30:00Z or …+01:00.",
            "line 10, observed_at: Give a date from 1970-01-01 to 2199-12-31.",
            "line 11, confidence: Choose one of high, medium, low.",
            "line 13, external_id: Line 12 has “R-1” already. Keep one of the two.",
        ]
        path = write(
            header,
            "A-9,seats,,5,2026-01-01,,",
            "A-1,chairs,,5,2026-01-01,,",
            ",,O-9,5,2026-01-01,,",
            ",,O-2,5,2026-01-01,,",
            "A-1,,O-3,5,2026-01-01,,",
            ",,O-4,5,2026-01-01,,",
            ",,O-1,0,2026-01-01,,",
            "A-1,seats,,5,2026-01-01,,",
        )
        assert errors("readings", path) == [
            "line 2, customer: There is no such customer.",
            "line 3, metric: There is no such metric.",
            "line 4, objective: There is no such objective.",
            "line 5, objective: This objective is archived. Restore it first.",
            "line 6, objective: This objective belongs to another customer.",
            f"line 7, objective: {NOT_VALUE_BASED}",
            f"line 8, value: {EQUALS_BASELINE}",
        ]
        path = write(header, "A-1,seats,,5,2026-01-01,,", "A-1,seats,,6,2026-01-01,,", "A-1,seats,,5,2026-01-01,,")
        assert errors("readings", path) == [
            "line 3, value: Line 2 gives another value for the same time. Keep one of the two."
        ]
        assert Reading.objects.count() == 0

    @pytest.mark.django_db
    def test_many_cost_as_many_queries_as_few(self, write: Write) -> None:
        make_metric(key="seats")
        for number in range(3):
            make_account(external_id=f"A-{number}", timezone="Europe/Berlin")

        def cost(first: int, count: int) -> int:
            days = [date(2020, 1, 1) + timedelta(days=number) for number in range(first, first + count)]
            rows = [f"A-{number % 3},seats,{number},{day}" for number, day in enumerate(days)]
            with CaptureQueriesContext(connection) as queries:
                load("readings", write("customer,metric,value,observed_at", *rows))
            return len(queries)

        assert cost(0, 10) == cost(100, 1500)
        assert Reading.objects.count() == 1510


SAVE = "Save it as “CSV UTF-8” and import that."
NUL = f"The line holds NUL characters: this is no text, or UTF-16 without its mark. {SAVE}"
NO_WORKBOOK = (
    "This is no Excel workbook that can be opened: it is damaged, or of another kind."
    " Save the sheet as “CSV UTF-8” and import that."
)
EMPTY = "line 1: The first line is empty; it has to name the columns."
LONG = (
    "The row has 4 cells, the header 3. Put text that holds the separator in quotation marks, and write decimals with a"
)
SHORT = "The row has 2 cells, the header 3. Is it cut off, or does a quotation mark not belong there?"
QUOTES = "Quotation marks around a cell go at its very start and end; double those within it."
NO_TABLES = [
    (b"", "file: The file is empty; its first line has to name the columns."),
    (b"\xef\xbb\xbf", EMPTY),
    (b"\n\nexternal_id\n", EMPTY),
    (b"\xd0\xcf\x11\xe0rest", f"file: This is an old or a protected Excel workbook, not a text file. {SAVE}"),
    (b"PK\x03\x04rest", f"file: {NO_WORKBOOK}"),
    (b"\x1f\x8bxx", f"file: This is a compressed file, not a text file. {SAVE}"),
    ("external_id".encode("utf-32"), f"file: The file is UTF-32. {SAVE}"),
    ("external_id\nA-1\n".encode("utf-16-le"), f"line 1: {NUL}"),
    (b"external_id,name\nA-1,A\x00B\n", f"line 2: {NUL}"),
    (b"external_id,name\nA-1,Acme\nA-2,S\xf6hne\n", f"line 3: The file is not UTF-8 throughout. {SAVE}"),
    (b"external_id,name,name\n", "line 1, name: There are two columns of this name, 2 and 3."),
    (b"external_id,name, NAME \n", "line 1, name: There are two columns of this name, 2 and 3."),
    (b"name\nAcme\n", "line 1, external_id: This column is missing."),
    (b"external_id,name,\nA-1,Acme,\n", "line 1: Column 3 has no name. Name it or remove it."),
    (b'external_id,name\nA-1,"Acme\nA-2,Beta\n', "line 2: A quotation mark is opened here and never closed."),
    (b'external_id,name\nA-1,"Ac"me\n', f"line 2: {QUOTES}"),
    (b"external_id,name,timezone\nA-1,Acme,UTC,more\n", f"line 2: {LONG} point."),
    (b"external_id,name,timezone\nA-1,Acme\n", f"line 2: {SHORT}"),
    (
        b"external_id,name\nA-1," + b"x" * 140_000,
        "line 2: A cell holds more than 131,072 characters: a quotation mark may be missing at its end.",
    ),
    (b"external_id" * 200_000, "line 1: The line is longer than 1,000,000 characters: is this a table?"),
]


ACCOUNT_HEADER = "external_id,name,timezone"
ACCOUNT = "A-1,Acme,UTC"


@pytest.mark.django_db
class TestFiles:
    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
    @pytest.mark.parametrize("separator", [",", ";", "\t"])
    @pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
    def test_what_spreadsheets_write(self, write: Write, encoding: str, separator: str, ending: str) -> None:
        rows = [" External_ID ,NAME,timezone", 'A-1,"Söhne; ""Co"", 東京",Asia/Tokyo', ",,", "", "A-2,Beta,UTC"]
        quoted = [row if '"' in row else row.replace(",", separator) for row in rows]
        quoted[1] = f'A-1{separator}"Söhne; ""Co"", 東京"{separator}Asia/Tokyo'
        assert load("accounts", write(*quoted, encoding=encoding, ending=ending)) == (2, 2, 0, 0)
        assert list(Account.objects.order_by("pk").values_list("name", flat=True)) == ['Söhne; "Co", 東京', "Beta"]

    def test_a_line_that_names_the_separator(self, write: Write) -> None:
        assert load("accounts", write("sep=;", "external_id;name;timezone", "A-1;Acme;UTC")) == (1, 1, 0, 0)

    def test_no_line_break_at_the_end(self, tmp_path: Path) -> None:
        path = tmp_path / "file.csv"
        path.write_text(f"{ACCOUNT_HEADER}\n{ACCOUNT}", encoding="utf-8")
        assert load("accounts", path) == (1, 1, 0, 0)

    @pytest.mark.parametrize("kind", KINDS)
    def test_a_header_alone_is_nothing_to_do(self, write: Write, kind: str) -> None:
        before = everything()
        assert load(kind, write(",".join(KINDS[kind].columns))) == (0, 0, 0, 0)
        assert everything() == before

    @pytest.mark.parametrize(("content", "error"), NO_TABLES)
    def test_what_is_no_table_is_refused_with_a_way_out(self, tmp_path: Path, content: bytes, error: str) -> None:
        path = tmp_path / "file.csv"
        path.write_bytes(content)
        assert errors("accounts", path)[0] == error
        assert Account.objects.count() == 0

    def test_unknown_columns_are_named(self, write: Write) -> None:
        choice = ", ".join(KINDS["accounts"].columns)
        assert errors("accounts", write("external_id,nmae,attributes", "A-1,Acme,{}")) == [
            f"line 1, attributes: There is no such column. The columns are {choice}.",
            f"line 1, nmae: There is no such column. The columns are {choice}.",
        ]

    def test_lines_are_those_of_the_file(self, write: Write) -> None:
        path = write(ACCOUNT_HEADER, 'A-1,"Two\nlines\nand more",UTC', "", "A-2,Beta,Nowhere/Else", "A-3,,UTC")
        assert errors("accounts", path) == [
            "line 2, name: Remove the invisible control characters.",
            "line 6, timezone: Choose an IANA timezone such as Europe/Berlin; “Nowhere/Else” is not one.",
            "line 7, name: Give the name of the new account.",
        ]

    def test_one_bad_row_at_the_end_saves_nothing(self, write: Write) -> None:
        rows = [f"A-{number},Account {number},UTC" for number in range(400)]
        before = everything()
        assert errors("accounts", write(ACCOUNT_HEADER, *rows, "A-400,Last,Nowhere/Else")) == [
            "line 402, timezone: Choose an IANA timezone such as Europe/Berlin; “Nowhere/Else” is not one."
        ]
        assert everything() == before

    def test_too_many_rows(self, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
        limits = {kind: wanted.most for kind, wanted in KINDS.items()}
        assert limits == {"accounts": 20_000, "metrics": 2_000, "objectives": 20_000, "readings": 200_000}
        monkeypatch.setattr(run, "KINDS", {**KINDS, "accounts": replace(KINDS["accounts"], most=3)})
        rows = [f"A-{number},Account {number},UTC" for number in range(4)]
        assert errors("accounts", write(ACCOUNT_HEADER, *rows)) == [
            "line 5: The file has more than 3 rows. Split it into several files."
        ]
        assert load("accounts", write(ACCOUNT_HEADER, *rows[:3])) == (3, 3, 0, 0)

    def test_a_dry_run_does_everything_but_keeps_nothing(self, write: Write) -> None:
        make_objective(make_account(external_id="A-1"), external_id="O-1", current=5)
        before = everything()
        assert load("accounts", write(ACCOUNT_HEADER, ACCOUNT, "A-2,Beta,UTC"), dry_run=True) == (2, 1, 1, 0)
        header = "external_id,customer,title,completion_type,baseline,target,current"
        path = write(header, "O-1,,,,0,50,6", "O-2,A-1,x,value,0,9,")
        assert load("objectives", path, dry_run=True) == (2, 1, 1, 0)
        assert load("metrics", write("key,name", "seats,Seats"), dry_run=True) == (1, 1, 0, 0)
        assert load("readings", write("objective,value", "O-1,9"), at=LATER, dry_run=True) == (1, 1, 0, 0)
        assert everything() == before


@pytest.mark.django_db
class TestCommand:
    def test_it_counts(self, write: Write) -> None:
        output = StringIO()
        call_command("import_csv", "accounts", str(write(ACCOUNT_HEADER, ACCOUNT)), stdout=output)
        assert output.getvalue() == "1 rows of accounts: 1 new, 0 changed, 0 unchanged.\n"
        assert {entry.actor_name for entry in AuditEntry.objects.all()} == {"Import of file.csv"}
        assert AuditEntry.objects.filter(action="import.finished").count() == 1

    def test_it_makes_a_batch_that_can_be_undone(self, write: Write) -> None:
        before = everything()
        path = write(ACCOUNT_HEADER, ACCOUNT, "A-2,Beta,UTC")
        call_command("import_csv", "accounts", str(path), "--dry-run", stdout=StringIO())
        assert everything() == before
        call_command("import_csv", "accounts", str(path), stdout=StringIO())
        call_command(
            "import_csv", "accounts", str(path), stdout=StringIO()
        )  # changes nothing: there is nothing to undo
        batch = ImportBatch.objects.get()
        assert (batch.kind, batch.state, batch.file_name, batch.rows_total, batch.rows_new, batch.imported_at) == (
            "accounts", "imported", "file.csv", 2, 2, NOON,
        )  # fmt: skip
        leader = make_user(role="leader", name="Lee Ader")
        client = Client()
        client.force_login(leader, backend="django.contrib.auth.backends.ModelBackend")
        assert "Command line" in client.get("/imports/").content.decode()
        assert "Imported from the command line on" in client.get(f"/imports/{batch.pk}/").content.decode()
        client.post(f"/imports/{batch.pk}/undo/")
        assert run_batch(batch_id=batch.pk, at=NOON)
        batch.refresh_from_db()
        assert (batch.state, batch.undone_by) == ("undone", "Lee Ader")
        assert not Account.objects.exists()
        assert AuditEntry.objects.filter(action="import.undone", actor_name="Lee Ader").exists()

    def test_a_refused_file_leaves_no_batch(self, write: Write) -> None:
        before = everything()
        with pytest.raises(CommandError):
            call_command("import_csv", "accounts", str(write(ACCOUNT_HEADER, "A-1,,UTC")), stderr=StringIO())
        assert everything() == before

    def test_it_says_that_a_dry_run_kept_nothing(self, write: Write) -> None:
        output = StringIO()
        call_command("import_csv", "accounts", str(write(ACCOUNT_HEADER, ACCOUNT)), "--dry-run", stdout=output)
        assert output.getvalue().splitlines()[1] == "This was a dry run: nothing was saved."
        assert Account.objects.count() == 0

    def test_errors_go_to_stderr(self, write: Write) -> None:
        error = StringIO()
        with pytest.raises(CommandError, match=r"^2 errors in .*file\.csv: nothing was imported\.$"):
            call_command("import_csv", "accounts", str(write(ACCOUNT_HEADER, "A-1,,UTC", "A-2,Beta,")), stderr=error)
        assert error.getvalue().splitlines() == [
            "line 2, name: Give the name of the new account.",
            "line 3, timezone: Give the timezone of the new account, for example Europe/Berlin.",
        ]

    def test_a_file_that_can_not_be_read(self, tmp_path: Path) -> None:
        with pytest.raises(CommandError, match=r"nowhere\.csv can't be read: No such file or directory\."):
            call_command("import_csv", "accounts", str(tmp_path / "nowhere.csv"))
        with pytest.raises(CommandError, match=r"can't be read: Is a directory\."):
            call_command("import_csv", "accounts", str(tmp_path))


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_real_process_ends_with_the_right_exit_code(write: Write, process_environment: dict[str, str]) -> None:
    def command(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "manage.py", "import_csv", *arguments],
            cwd=PROJECT, env=process_environment, capture_output=True, text=True, check=False,
        )  # fmt: skip

    good = str(write(ACCOUNT_HEADER, ACCOUNT, name="good.csv"))
    bad = str(write(ACCOUNT_HEADER, "A-2,Beta,UTC", "A-3,Gamma,Nowhere", name="bad.csv"))
    dry = command("accounts", good, "--dry-run")
    assert (dry.returncode, dry.stderr, Account.objects.count()) == (0, "", 0)
    done = command("accounts", good)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "1 rows of accounts: 1 new, 0 changed, 0 unchanged.\n"
    refused = command("accounts", bad)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.splitlines() == [
        "line 3, timezone: Choose an IANA timezone such as Europe/Berlin; “Nowhere” is not one.",
        f"CommandError: 1 error in {bad}: nothing was imported.",
    ]
    assert list(Account.objects.values_list("external_id", flat=True)) == ["A-1"]
    assert command("contracts", good).returncode == 2


@pytest.mark.django_db
def test_the_examples_of_the_documentation_can_be_imported_as_they_are(tmp_path: Path) -> None:
    make_user(email="csm@example.com")
    page = (PROJECT / "docs" / "importing.md").read_text(encoding="utf-8")
    examples = re.findall(r"^```csv\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    *files, bill = [tmp_path / f"{number}.csv" for number in range(len(examples))]
    for path, text in zip([*files, bill], examples, strict=True):
        path.write_text(text, encoding="utf-8")

    counts = {kind: load(kind, path) for kind, path in zip(KINDS, files, strict=True)}
    assert counts == {
        "accounts": (2, 2, 0, 0), "metrics": (2, 2, 0, 0), "objectives": (3, 3, 0, 0), "readings": (3, 3, 0, 0),
    }  # fmt: skip
    assert Account.objects.get(external_id="CRM-0042").standing.value_delivered == Decimal("75.369458")
    assert import_focus(path=bill, by=SYSTEM, at=NOON).readings_created == 4
    assert [load(kind, path)[1:] for kind, path in zip(KINDS, files, strict=True)] == [
        (0, 0, 2), (0, 0, 2), (0, 0, 3), (0, 0, 3),
    ]  # fmt: skip

"""The demo portfolio looks as designed on any day it is loaded."""

import io
from collections import Counter
from collections.abc import Callable, Generator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction
from django.test import override_settings
from pytest_django import DjangoDbBlocker

from accounts.attributes import read_value
from accounts.models import (
    Account,
    Attribute,
    AttributeType,
    Contact,
    ContactRole,
    SavedSegment,
    TeamMember,
    TeamRole,
    User,
)
from objectives.demo.calendar import Calendar
from objectives.demo.load import load as demo
from objectives.demo.plan import plan
from objectives.demo.world import CUSTOMERS, ON_TRACK, WEEKS, WORST, ZONES
from objectives.imports.jobs import run_batch
from objectives.imports.run import import_file
from objectives.imports.stored import file_of
from objectives.models import (
    ImportBatch,
    Metric,
    Objective,
    ObjectiveRevision,
    Reading,
    Snapshot,
    SnapshotObjective,
    Standing,
    WeekRollup,
)
from objectives.progress import display_pct
from objectives.queries.quality import Kind, QualityFilter, figures, flagged
from objectives.queries.segment_pages import live_counts
from objectives.services import batches
from objectives.services.restatements import verify
from objectives.services.snapshots import take_due
from objectives.services.standings import follow_readings, refresh_standings
from objectives.services.undo import obstacles_to_undo
from objectives.status import Status, reason
from objectives.weeks import WEEK, local_days_between
from tests.factories import make_account
from valuerealization.common.audit import SYSTEM
from valuerealization.common.models import AuditEntry

Clock = Callable[[datetime], None]

TUESDAY = datetime(2026, 11, 17, 10, 20, tzinfo=UTC)  # the day of the design
DAYS = [
    TUESDAY,
    datetime(2026, 3, 8, 7, 2, tzinfo=UTC),  # a Sunday without 02:00 in New York, whose snapshot has just become due
    datetime(2028, 3, 4, 23, 59, 30, tzinfo=UTC),  # a Saturday night, after a leap day
]
# Every hour of a week, and the nights on which clocks change.
ANY_TIME = [
    *(TUESDAY + timedelta(hours=hour) for hour in range(0, 168, 5)),
    *(datetime(2027, 3, 28, 0, minute, 30, tzinfo=UTC) for minute in range(0, 60, 7)),
    *(datetime(2026, 10, 3, 16, minute, tzinfo=UTC) for minute in range(25, 40, 2)),
    *(datetime(2026, 11, 1, hour, 1, tzinfo=UTC) for hour in range(4, 11)),
]

# Name, status, value delivered, points gained in four weeks, goals met, all goals, why.
TWELVE_WORST = [
    ("Ostrava Freight", "stalled", 12, -4, 0, 5, "No progress for 42 days"),
    ("Calder & Rowe", "stalled", 17, 2, 0, 3, "Below 25%"),
    ("Pinehurst Mutual", "stalled", 22, -6, 1, 6, "Below 25%"),
    ("Veldt Foods", "stalled", 48, 0, 1, 4, "No progress for 35 days"),
    ("Tessera Retail", "stalled", 61, 0, 2, 5, "No progress for 35 days"),
    ("Harbour & Finch", "at_risk", 28, 5, 0, 2, "25 to 49%"),
    ("Nordlicht Energie", "at_risk", 34, -3, 1, 7, "25 to 49%"),
    ("Solano Clinics", "at_risk", 37, 4, 1, 4, "25 to 49%"),
    ("Abbot Street Bank", "at_risk", 41, 3, 2, 8, "25 to 49%"),
    ("Quillwork Media", "at_risk", 46, 2, 1, 3, "25 to 49%"),
    ("Marlow Instruments", "at_risk", 58, 0, 1, 3, "No progress for 21 days"),
]
COBALT = ("Cobalt Staffing", "on_track", 52, 6, 1, 5)


def load(clock: Clock, at: datetime) -> None:
    clock(at)
    output = io.StringIO()
    call_command("demo", stdout=output)
    assert "Loaded 52 accounts" in output.getvalue()


def row(standing: Standing) -> tuple[Any, ...]:
    before = Snapshot.objects.get(account=standing.account, week=standing.snapshot_week - 4 * WEEK).value_delivered
    last = Snapshot.objects.get(account=standing.account, week=standing.snapshot_week)
    return (
        standing.account.name,
        standing.shown_status,
        display_pct(standing.shown_value),
        display_pct(last.value_delivered) - display_pct(before),
        last.objectives_met,
        last.objectives_total,
    )


def why(standing: Standing) -> str:
    return reason(
        status=Status(standing.shown_status),
        score=standing.shown_value,
        days_without_progress=standing.snapshot_days,
        days_since_progress=0,
    ).text


@pytest.mark.slow
@pytest.mark.django_db
@pytest.mark.parametrize("at", DAYS, ids=lambda at: f"{at:%a-%d-%b-%Y-%H%M}")
def test_the_portfolio_is_the_one_of_the_design(at: datetime, clock: Clock) -> None:
    load(clock, at)

    standings = Standing.objects.select_related("account").order_by(
        "shown_rank", "shown_value", "renewal_key", "name_key"
    )
    scored = [standing for standing in standings if standing.shown_value is not None]
    assert Counter(standing.shown_status for standing in standings) == {
        "on_track": 26, "at_risk": 6, "stalled": 5, "exceeded": 7, "all_goals_met": 4, None: 4,
    }  # fmt: skip
    assert [(*row(standing), why(standing)) for standing in scored[:11]] == TWELVE_WORST
    assert row(scored[11]) == COBALT

    mean = sum(standing.shown_value for standing in scored) / len(scored)
    assert display_pct(mean) == 71
    # The last week that every zone has behind it, and the one 25 weeks before.
    week = min(Calendar.of(zone, at).sunday for zone in ZONES.values())
    averages = {rollup.week: display_pct(rollup.average) for rollup in WeekRollup.objects.all()}
    assert (averages[week - 25 * WEEK], averages[week]) == (65, 71)
    assert len(averages) >= WEEKS + 1

    in_dollars = [standing for standing in scored if standing.currency == "USD"]
    assert {
        status: sum(standing.arr or 0 for standing in in_dollars if standing.shown_status == status)
        for status in ("stalled", "at_risk", "on_track", "exceeded", "all_goals_met")
    } == {
        "stalled": 612_000,
        "at_risk": 904_000,
        "on_track": 4_100_000,
        "exceeded": 1_200_000,
        "all_goals_met": 540_000,
    }

    # Nothing the clock could have moved since has been forgotten, and the past holds together.
    before = dict(Standing.objects.values_list("pk", "status"))
    refresh_standings(account_ids=list(before), at=at)
    assert dict(Standing.objects.values_list("pk", "status")) == before
    assert {pk for pk, status in before.items() if status == "on_track"} == {
        standing.pk for standing in scored if standing.shown_status == "on_track"
    }
    assert take_due(at=at).stepped == 0
    assert not Snapshot.objects.filter(reconstructed=True).exists()
    assert not Snapshot.objects.filter(restated=True).exists()
    assert verify() == []


@pytest.fixture(scope="class")
def loaded(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Generator[None, None, None]:
    """Load the portfolio of the design's day once, for several tests that change nothing."""
    with django_db_blocker.unblock(), transaction.atomic():
        demo(at=TUESDAY, can_sign_in=True, say=lambda _line: None)
        yield
        transaction.set_rollback(True)


@pytest.mark.usefixtures("loaded")
@pytest.mark.django_db
class TestDayOfTheDesign:
    def test_the_account_of_the_design(self) -> None:
        account = Account.objects.get(name="Brightwater Logistics")
        numeric = Objective.objects.numeric().filter(account=account).order_by("pk")

        assert [
            (
                each.title,
                each.owner.name,
                each.completion_type,
                each.baseline,
                each.current,
                each.target,
                display_pct(each.completion),
            )
            for each in numeric
        ] == [
            ("Reduce onboarding time", "Amara Okafor", "value", 14, 9, 7, 71),
            ("Automate invoice matching", "Jonas Lindqvist", "attribute", 22, 68, 80, 79),
            ("Cut annual freight spend", "Amara Okafor", "value", 0, 412_000, 600_000, 69),
            ("Daily active dispatchers", "Priya Raman", "attribute", 35, 118, 120, 98),
            ("Raise shipper satisfaction", "Amara Okafor", "value", Decimal("6.2"), Decimal("8.1"), 8, 106),
            ("Reduce failed deliveries", "Mateo Alvarez", "value", Decimal("4.8"), Decimal("3.9"), Decimal("2.5"), 39),
            ("Halve invoice disputes", "Jonas Lindqvist", "value", 60, 58, 27, 6),
        ]
        assert Objective.objects.filter(account=account).count() == 8
        standing = account.standing
        assert (display_pct(standing.value_delivered), display_pct(standing.shown_value)) == (67, 66)
        assert (standing.status, standing.owner.email, account.arr, account.segment) == (
            "on_track", "csm@example.com", 184_000, "enterprise",
        )  # fmt: skip
        assert local_days_between(standing.last_progress_at, TUESDAY, account.timezone) == 2
        weeks = account.snapshots.order_by("-week")[:26]
        assert [display_pct(snapshot.value_delivered) for snapshot in weeks] == [
            66, 64, 64, 62, 62, 62, 60, 61, 57, 57, 55, 54, 54, 54, 53, 52, 50, 48, 47, 45, 42, 42, 42, 42, 41, 38,
        ]  # fmt: skip
        assert (account.renewal_on - TUESDAY.date()).days == 103
        assert f"{account.contract_signed_on}" == "2025-03-01"

    def test_every_edge_is_somewhere(self) -> None:
        numeric = Objective.objects.active().numeric()

        def shown(title: str) -> tuple[Any, ...]:
            objective = numeric.get(title=title)
            completion = objective.completion
            return objective.current, completion, None if completion is None else display_pct(completion)

        assert shown("Train carers on the tablets") == (246, 123, 123)
        assert shown("Reduce container dwell time") == (16, Decimal("-28.571428571429"), -29)
        assert shown("Shorten report turnaround") == (None, None, None)
        assert shown("Move orders to self-service") == (None, None, None)
        assert shown("Train the teaching staff") == (10, 0, 0)
        assert shown("Sell gift boxes online") == (0, 0, 0)
        assert shown("Read meters remotely") == (Decimal("999.9"), Decimal("99.99"), 99)
        assert {objective.unit for objective in numeric} == {
            "", "percentage", "currency", "days", "users", "score", "custom",
        }  # fmt: skip
        assert {objective.weight for objective in numeric} == {Decimal("0.5"), 1, 3}
        assert {objective.kind for objective in numeric} == {"value", "activity"}
        assert {standing.segment for standing in Standing.objects.all()} == {
            "enterprise",
            "mid_market",
            "small_business",
        }
        assert {account.timezone for account in Account.objects.all()} == set(ZONES.values())
        assert {account.currency for account in Account.objects.all()} == {"USD", "EUR", "GBP"}
        assert Account.objects.filter(renewal_on=None).count() == 1
        assert Account.objects.filter(arr=None).count() == 1

        archived = Objective.objects.get(archived_at__isnull=False)
        assert list(archived.revisions.order_by("number").values_list("number", "archived")) == [(1, False), (2, True)]
        revised = Objective.objects.get(title="Cut paper statements")
        assert list(revised.revisions.order_by("number").values_list("target", flat=True)) == [60_000, 90_000]
        assert SnapshotObjective.objects.filter(objective=revised, revision=1, target=60_000).count() == 48
        assert SnapshotObjective.objects.filter(objective=revised, revision=2, target=90_000).count() == 13
        assert Reading.objects.filter(note="Typed in the wrong row").count() > 0

        # Younger than 30 days: one has no Sunday behind it yet and stands in live.
        newest = Account.objects.get(name="Fernhollow Analytics").standing
        assert (newest.is_scored, newest.snapshot_week, newest.shown_value) == (False, None, newest.value_delivered)
        young = Account.objects.filter(created_at__gt=TUESDAY - timedelta(days=30))
        assert sorted(account.name for account in young) == ["Fernhollow Analytics", "Orchard Quay Brewing"]
        manual_only = Standing.objects.filter(objectives_total=0)
        assert (manual_only.count(), manual_only.filter(objectives_manual=0).count()) == (4, 0)

    def test_it_is_the_same_every_time_and_repeating_changes_nothing(self) -> None:
        counted = [
            Account,
            User,
            Metric,
            Objective,
            ObjectiveRevision,
            Reading,
            Snapshot,
            SnapshotObjective,
            AuditEntry,
        ]
        before = [model._default_manager.count() for model in counted]
        output = io.StringIO()
        call_command("demo", stdout=output)
        assert "nothing changed" in output.getvalue()
        assert [model._default_manager.count() for model in counted] == before
        assert plan(TUESDAY) == plan(TUESDAY)

    def test_data_quality_has_something_to_show(self) -> None:
        found = figures(QualityFilter(), at=TUESDAY)
        assert all(found.flags.values())
        assert all(found.grades.values())
        assert not flagged(Kind.RETROFITTED, QualityFilter(search="Brightwater"), at=TUESDAY).exists()

    def test_people_around_accounts_say_that_they_are_made_up(self) -> None:
        contacts = Contact.objects.select_related("account")
        assert {each.name.endswith(" (demo)") for each in contacts} == {True}
        assert {each.email.partition("@")[2] for each in contacts} == {"example.com"}
        assert len({each.email for each in contacts}) == len(contacts) > 100
        assert {role for each in contacts for role in each.roles} == set(ContactRole.values)
        assert Account.objects.filter(contacts=None).count() == 0
        assert Contact.objects.get(account__name="Brightwater Logistics", roles=["executive_sponsor"]).name == (
            "Helen Strand (demo)"
        )
        team = TeamMember.objects.select_related("account")
        assert {member.role for member in team} == set(TeamRole.values)
        assert not [member for member in team if member.user_id == member.account.owner_id]
        assert all(each.created_at == each.account.created_at for each in team)

    def test_attributes_have_values_and_what_asks_about_them_finds_some(self) -> None:
        attributes = {each.key: each for each in Attribute.objects.all()}
        assert {each.type for each in attributes.values()} == set(AttributeType.values)
        assert {each.help_text for each in attributes.values()} == {"Demo data"}
        for account in Account.objects.exclude(attributes={}):
            for key, value in account.attributes.items():
                kind, choices = attributes[key].type, attributes[key].choices
                assert read_value(value, kind=kind, choices=choices) == value
        numbers = Reading.objects.filter(metric__key="licensed_seats")
        assert numbers.count() == Account.objects.exclude(attributes={}).count() == 50
        assert numbers.exclude(value__gt=0).count() == 0

        segments = SavedSegment.objects.order_by("pk")
        counts = live_counts(segments, on=TUESDAY.date())
        assert len(counts) == 3
        assert all(0 < count < 52 for count in counts.values())
        assert all(segment.description.startswith("Demo data: ") for segment in segments)

    def test_the_import_can_be_undone(self) -> None:
        batch = ImportBatch.objects.get()
        assert (batch.state, batch.rows_changed, batch.source) == ("imported", 50, "Demo CRM")
        assert obstacles_to_undo(batch=batch) == []
        with transaction.atomic():
            batches.request_undo(batch=batch, at=TUESDAY)
            assert run_batch(batch_id=batch.pk, at=TUESDAY)
            batch.refresh_from_db()
            assert (batch.state, batch.failure) == ("undone", "")
            assert Account.objects.exclude(attributes={}).count() == 0
            transaction.set_rollback(True)

    def test_the_file_that_was_imported_is_the_one_kept(self) -> None:
        batch = ImportBatch.objects.get()
        with file_of(batch) as path:
            saved = import_file(kind="accounts", path=path, by=SYSTEM, at=TUESDAY, dry_run=True)
        assert (saved.rows, saved.unchanged) == (50, 50)

    def test_what_was_written_equals_what_the_services_compute(self) -> None:
        facts = ("pk", "current", "reading", "measured_at", "last_progress_at")
        before = list(Objective.objects.order_by("pk").values_list(*facts))
        follow_readings(objective_ids=[pk for pk, *_rest in before])
        assert list(Objective.objects.order_by("pk").values_list(*facts)) == before

    def test_people_can_sign_in_and_history_names_them(self) -> None:
        people = {user.email: user for user in User.objects.all()}
        assert {
            email: (user.role, user.is_superuser) for email, user in people.items() if user.has_usable_password()
        } == {
            "csm@example.com": ("csm", False),
            "leader@example.com": ("leader", False),
            "admin@example.com": ("admin", True),
        }
        assert all(user.check_password("demo") for user in people.values() if user.has_usable_password())
        assert people["csm@example.com"].name == "Amara Okafor"
        assert "customer@example.com" not in people
        assert len(people) == 8

        counted = Counter(AuditEntry.objects.values_list("action", flat=True))
        assert counted["account.created"] == 52
        assert counted["objective.created"] == Objective.objects.count()
        assert (counted["objective.updated"], counted["objective.archived"]) == (1, 1)
        recorded = AuditEntry.objects.filter(action="readings.recorded")
        assert sum(entry.details["count"] for entry in recorded) == Reading.objects.count()
        assert {entry.actor_kind for entry in recorded} == {"user", "api_key"}
        assert AuditEntry.objects.filter(at__gt=TUESDAY).count() == 0


@pytest.mark.parametrize("at", ANY_TIME, ids=lambda at: f"{at:%a-%d-%b-%Y-%H%M}")
def test_a_plan_keeps_to_the_order_of_time(at: datetime) -> None:
    planned = plan(at)
    assert len(planned) == len(CUSTOMERS) == 52
    for account in planned:
        calendar = account.calendar
        assert account.contract_signed_on < calendar.today
        assert account.renewal_on is None or account.renewal_on > calendar.today
        assert account.created_at < at
        for objective in account.objectives:
            assert account.created_at <= objective.created_at < at
            assert objective.due_on is None or objective.due_on > calendar.today
            recorded = [reading.recorded_at for reading in objective.readings]
            assert all(objective.created_at < moment <= at for moment in recorded)
            assert all(reading.observed_at <= reading.recorded_at for reading in objective.readings)
            assert recorded == sorted(recorded)
            if objective.completion_type == "value" and objective.readings:
                assert objective.readings[0].value != objective.baseline


def test_the_plan_has_room_for_every_number() -> None:
    for account in plan(TUESDAY):
        titles = [objective.title for objective in account.objectives]
        metrics = [objective.metric for objective in account.objectives if objective.metric]
        assert len(titles) == len(set(titles))
        assert len(metrics) == len(set(metrics))
        measured = [objective for objective in account.objectives if objective.readings]
        for objective in measured:
            assert objective.baseline is not None
            assert objective.target is not None
            last = [reading for reading in objective.readings if reading.observed_at <= account.calendar.boundary(0)]
            for reading in last[-1:]:
                completion = 100 * (reading.value - objective.baseline) / (objective.target - objective.baseline)
                assert -30 < completion < 145
    assert len(WORST) == 12
    assert len(ON_TRACK) == 23


@pytest.mark.django_db
def test_it_is_not_mixed_with_accounts_of_your_own() -> None:
    make_account(name="Ours")
    with pytest.raises(CommandError, match=r"There are accounts of your own.*VAR_DIR="):
        call_command("demo", stdout=io.StringIO())
    assert list(Account.objects.values_list("name", flat=True)) == ["Ours"]


@pytest.mark.slow
@pytest.mark.django_db
@override_settings(EMBEDDED=False)
def test_a_real_database_wants_to_be_asked_twice_and_gets_no_password() -> None:
    with pytest.raises(CommandError, match=r"not the embedded database.*--force"):
        call_command("demo", stdout=io.StringIO())
    assert (Account.objects.count(), User.objects.count()) == (0, 0)
    output = io.StringIO()
    call_command("demo", "--force", stdout=output)
    assert Account.objects.count() == 52
    assert [user.email for user in User.objects.all() if user.has_usable_password()] == []
    assert "password" not in output.getvalue()


@pytest.mark.parametrize("arguments", [["--accounts", "0"], ["--accounts", "-3"], ["--accounts", "9", "--weeks", "0"]])
def test_impossible_numbers_are_refused(arguments: list[str]) -> None:
    with pytest.raises(CommandError, match="1 or more"):
        call_command("demo", *arguments)

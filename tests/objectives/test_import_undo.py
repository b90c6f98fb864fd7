"""Undo of an import: the state before it, or the reasons why not."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import zip_longest
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.db import DatabaseError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import Account, User
from accounts.services.accounts import update_account
from objectives.imports.jobs import run_batch
from objectives.imports.stored import look_at
from objectives.models import Disagreement, HeldReading, ImportBatch, ImportState, Metric, Objective, Reading, Snapshot
from objectives.services import batches
from objectives.services.batches import Upload
from objectives.services.metrics import update_metric
from objectives.services.objectives import archive_objective, update_objective
from objectives.services.quality import accept_held, reject_held
from objectives.services.readings import ReadingRow, record_readings
from objectives.services.restatements import verify
from objectives.services.standings import sweep_standings
from tests.factories import make_account, make_metric, make_objective, make_user, record, take_weeks
from valuerealization.common.audit import SYSTEM

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 11, 18, 12, 0, tzinfo=UTC)
WEEK = timedelta(weeks=1)
Clock = Callable[[datetime], None]
# When a row last changed is not undone: the undo is a change too, which readers of changes have to notice.
MOMENTS = {"updated_at", "state_changed_at", "changed_at"}
OWN = {"ImportBatch", "ImportChange", "ImportChunk", "ImportFailure", "ImportMapping"}
HISTORY = "History"  # earlier states of definitions are kept, the undone ones too


@pytest.fixture(autouse=True)
def at_noon(clock: Clock) -> None:
    clock(NOON)


@pytest.fixture
def leader() -> User:
    return make_user(role="leader", name="Lee Ader")


def state() -> dict[str, list[dict[str, Any]]]:
    """Copy every row that an import can touch, but when it last changed."""
    models = [model for label in ("accounts", "objectives") for model in apps.get_app_config(label).get_models()]
    return {
        model.__name__: [
            {name: value for name, value in row.items() if name not in MOMENTS}
            for row in model._default_manager.order_by("pk").values()
        ]
        for model in models
        if model.__name__ not in OWN and not model.__name__.endswith(HISTORY)
    }


def differences(before: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """List what is not as it was, row by row."""
    now = state()
    return {
        f"{name} {number}": {key: (row.get(key), then.get(key)) for key in row | then if row.get(key) != then.get(key)}
        for name in now
        for number, (row, then) in enumerate(zip_longest(now[name], before[name], fillvalue={}))
        if row != then
    }


def upload(tmp_path: Path, kind: str, *lines: str, by: User, source: str = "") -> ImportBatch:
    path = tmp_path / f"{kind}.csv"
    path.write_text("\n".join([*lines, ""]), encoding="utf-8")
    look = look_at(path)
    return batches.create_batch(
        upload=Upload(
            kind, path.name, look.file_format, source, look.sheets, look.hidden_sheets, look.sheet, look.headers,
            look.samples,
        ),
        content=[path.read_bytes()],
        by=by,
    )  # fmt: skip


def work(batch: ImportBatch, at: datetime = NOON) -> ImportBatch:
    assert run_batch(batch_id=batch.pk, at=at)
    batch.refresh_from_db()
    return batch


def run(tmp_path: Path, kind: str, *lines: str, by: User, only_good: bool = False) -> ImportBatch:
    """Take a file through the wizard's steps, columns by their names."""
    batch = upload(tmp_path, kind, *lines, by=by)
    columns = {number: name for number, name in enumerate(batch.headers) if not name.startswith("x_")}
    batches.match_columns(batch=batch, sheet="", headers=batch.headers, samples=batch.samples, columns=columns, at=NOON)
    batch = work(batch)
    assert batch.state == ImportState.CHECKED, batch.failure
    batches.request_import(batch=batch, only_good=only_good, at=NOON)
    batch = work(batch)
    assert batch.state == ImportState.IMPORTED, batch.failure
    return batch


def undo(batch: ImportBatch, at: datetime = NOON) -> ImportBatch:
    batches.request_undo(batch=batch, at=at)
    return work(batch, at)


@pytest.fixture
def world() -> Account:
    """An account with two measured goals and a metric, eight weeks of snapshots behind it."""
    born = NOON - 8 * WEEK
    account = make_account(at=born, external_id="A-1", name="Acme", timezone="Europe/Berlin", arr=Decimal(5))
    metric = make_metric(at=born, key="seats", unit="users")
    goal = make_objective(account, at=born, external_id="O-1", title="Faster", details="Old")
    make_objective(account, at=born, external_id="O-2", title="Seats", metric=metric)
    make_objective(account, at=born, external_id="O-3", title="Sponsor", completion_type="manual")
    record(goal, 20, at=NOON - 3 * WEEK)
    record(metric, 30, at=NOON - 2 * WEEK, account=account)
    take_weeks(until=NOON)
    return account


FILES = {
    "accounts": [
        "external_id,name,timezone,arr,industry,contract_signed_on",
        "A-1,Acme & Co,America/New_York,7.25,Food,2026-01-01",
        "A-2,Beta,UTC,,,",
    ],
    "metrics": [
        "key,name,kind,methodology,cadence,measured_by",
        "seats,Seats in use,activity,Counted on Fridays,weekly,Data team",
        "tickets,Tickets,value,,,",
    ],
    "objectives": [
        "external_id,customer,title,details,completion_type,baseline,target,current,metric,done,weight",
        "O-1,A-1,Faster still,New,value,0,80,33,,,2",
        "O-2,A-1,Seats,,manual,,,,,true,",
        "O-3,A-1,Sponsor,,attribute,10,90,,seats,,",
        "O-9,A-1,Another,,value,1,2,1.5,,,",
    ],
    "readings": [
        "customer,metric,objective,value,observed_at",
        ",,O-1,44,2026-11-17",
        ",,O-1,21,2026-10-28T12:00:00Z",
        "A-1,seats,,55,2026-11-18T08:00:00Z",
    ],
}  # fmt: skip


@pytest.mark.parametrize("kind", FILES)
def test_undo_restores_an_equal_state(world: Account, leader: User, tmp_path: Path, kind: str) -> None:
    before = state()
    batch = run(tmp_path, kind, *FILES[kind], by=leader)
    assert state() != before
    assert (batch.rows_new > 0, batch.rows_failed) == (True, 0)
    # Sunday's snapshot has been taken; the file's older readings are of weeks that stay as they were known.
    batch = undo(batch)
    assert (batch.state, batch.failure, batch.undone_by) == (ImportState.UNDONE, "", "Lee Ader")
    assert differences(before) == {}
    assert verify() == []


@pytest.mark.parametrize("kind", ["accounts", "objectives", "readings"])
def test_whoever_lost_an_account_takes_nothing_of_it_back(
    client: Client, world: Account, leader: User, tmp_path: Path, kind: str
) -> None:
    """As its forms say: neither after it was given to somebody else, nor after a leader became a CSM."""
    csm = make_user(role="csm", name="Cee Ess")
    Account.objects.filter(pk=world.pk).update(owner=csm)
    make_metric(key="tickets")
    lines = [line for line in FILES[kind] if not line.startswith("A-2")]
    batch = run(tmp_path, kind, *lines, by=csm)
    Account.objects.filter(pk=world.pk).update(owner=leader)
    before = state()
    batches.request_undo(batch=batch, at=NOON, by=csm)
    batch = work(batch)
    assert (batch.state, batch.failure) == (
        ImportState.IMPORTED, "Acme & Co is not assigned to you: ask its owner or a leader to undo this."
        if kind == "accounts" else "Acme is not assigned to you: ask its owner or a leader to undo this.",
    )  # fmt: skip
    assert state() == before
    client.force_login(csm)
    assert "not assigned to you" in client.get(f"/imports/{batch.pk}/undo/").content.decode()
    batches.request_undo(batch=batch, at=NOON, by=leader)
    assert work(batch).state == ImportState.UNDONE


def test_a_metric_that_is_being_changed_is_waited_for(world: Account, leader: User, tmp_path: Path) -> None:
    batch = run(tmp_path, "metrics", *FILES["metrics"], by=leader)
    with CaptureQueriesContext(connection) as captured:
        undo(batch)
    locks = [query["sql"] for query in captured if "FOR UPDATE" in query["sql"] or "FOR NO KEY UPDATE" in query["sql"]]
    tables = [table for sql in locks for table in ("objectives_metric", "accounts_account") if f'FROM "{table}"' in sql]
    assert tables[:2] == ["objectives_metric", "accounts_account"]


def test_all_four_after_each_other_and_back_again(world: Account, leader: User, tmp_path: Path) -> None:
    before = state()
    done = [run(tmp_path, kind, *lines, by=leader) for kind, lines in FILES.items() if kind != "readings"]
    for batch in reversed(done):
        assert undo(batch).state == ImportState.UNDONE
    assert state() == before


def test_the_clock_goes_on_between_import_and_undo(world: Account, leader: User, tmp_path: Path, clock: Clock) -> None:
    """What the clock alone moves is as if the import had never been."""
    batch = run(tmp_path, "readings", *FILES["readings"], by=leader)
    undone = NOON + timedelta(days=3)
    clock(undone)
    undo(batch, undone)
    account = world.standing
    account.refresh_from_db()
    assert account.value_delivered == 25
    assert Reading.objects.count() == 2


def test_a_snapshot_that_has_read_it_stands_in_the_way(
    world: Account, leader: User, tmp_path: Path, clock: Clock
) -> None:
    batch = run(tmp_path, "readings", *FILES["readings"], by=leader)
    sunday = NOON + timedelta(days=4)
    clock(sunday)
    take_weeks(until=sunday)
    before = state()
    batch = undo(batch, sunday)
    assert batch.state == ImportState.IMPORTED
    assert batch.failure == "The weekly snapshot of Acme of 22 Nov 2026 holds what this import wrote."
    assert differences(before) == {}
    assert verify() == []


def test_later_edits_stand_in_the_way(world: Account, leader: User, tmp_path: Path) -> None:
    accounts = run(tmp_path, "accounts", *FILES["accounts"], by=leader)
    objectives = run(tmp_path, "objectives", *FILES["objectives"], by=leader)
    metrics = run(tmp_path, "metrics", *FILES["metrics"], by=leader)
    world.refresh_from_db()
    update_account(account=world, by=SYSTEM, at=NOON, arr=Decimal(9), industry="Retail")
    update_objective(objective=Objective.objects.get(external_id="O-1"), by=SYSTEM, at=NOON, weight=Decimal(3))
    update_metric(metric=Metric.objects.get(key="seats"), by=SYSTEM, at=NOON, methodology="Otherwise")
    record(Metric.objects.get(key="tickets"), 1, account=Account.objects.get(external_id="A-2"))
    before = state()
    refused = undo(objectives).failure
    assert "Faster still was changed since: its definition, weight." in refused
    assert "Sponsor was changed since: its definition." in refused  # by the metric's kind, which came after
    refused = undo(metrics).failure
    assert "Seats in use was changed since: methodology, version." in refused
    assert "Tickets: 1 reading depends on it." in refused
    refused = undo(accounts).failure
    assert "Acme & Co was changed since: ARR, industry." in refused
    assert "Beta: 1 reading depends on it." in refused
    assert state() == before


def test_new_rows_that_were_edited_stand_in_the_way(world: Account, leader: User, tmp_path: Path) -> None:
    batch = run(tmp_path, "accounts", *FILES["accounts"], by=leader)
    update_account(account=Account.objects.get(external_id="A-2"), by=SYSTEM, at=NOON, industry="Retail")
    assert undo(batch).failure == "Beta was changed since."
    goals = run(tmp_path, "objectives", *FILES["objectives"], by=leader)
    archive_objective(objective=Objective.objects.get(external_id="O-9"), by=SYSTEM, at=NOON)
    assert undo(goals).failure == "Another was changed since."


def test_what_hangs_on_new_rows_stands_in_the_way(world: Account, leader: User, tmp_path: Path, clock: Clock) -> None:
    batch = run(tmp_path, "accounts", *FILES["accounts"], by=leader)
    make_objective(Account.objects.get(external_id="A-2"), title="Late goal")
    assert undo(batch).failure == "Beta: 1 objective depends on it."
    sunday = NOON + timedelta(days=4)
    clock(sunday)
    take_weeks(until=sunday)
    assert undo(batch, sunday).failure == "Beta: 1 objective depends on it. Beta: 1 snapshot depends on it."


def test_readings_that_came_later_stay_and_count(world: Account, leader: User, tmp_path: Path) -> None:
    batch = run(tmp_path, "readings", *FILES["readings"], by=leader)
    goal = Objective.objects.get(external_id="O-1")
    record(goal, 61, at=NOON - timedelta(minutes=5))
    assert undo(batch).state == ImportState.UNDONE
    goal.refresh_from_db()
    assert goal.current == 61
    assert sorted(Reading.objects.values_list("value", flat=True)) == [20, 30, 61]


def test_the_function_that_deletes_checks_by_itself(world: Account, leader: User, tmp_path: Path, clock: Clock) -> None:
    batch = run(tmp_path, "readings", *FILES["readings"], by=leader)

    def delete() -> str:
        with pytest.raises(DatabaseError) as refused, transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT objectives_undo_import(%s)", [batch.pk])
        return str(refused.value).splitlines()[0]

    assert delete() == f"import {batch.pk} is not being undone"
    sunday = NOON + timedelta(days=4)
    clock(sunday)
    take_weeks(until=sunday)
    ImportBatch.objects.filter(pk=batch.pk).update(state="undoing")
    assert delete() == f"import {batch.pk} has been read by weekly snapshots"
    assert Reading.objects.count() == 5
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL ROLE vr_portal; SELECT objectives_undo_import(1)")


@pytest.fixture
def tickets(world: Account) -> Metric:
    """A metric whose outliers are held: one waits, one was rejected."""
    metric = make_metric(at=NOON - 8 * WEEK, key="tickets", hold_outliers=True)
    for day in range(10, 2, -1):
        record(metric, 10, account=world, at=NOON - timedelta(days=day), source="Desk")
    for hours, value in ((2, 900), (3, 800)):
        row = ReadingRow(
            index=0, customer_id=world.pk, metric_key="tickets", value=Decimal(value), source="Desk",
            observed_at=NOON - timedelta(hours=hours),
        )  # fmt: skip
        record_readings(rows=[row], by=SYSTEM, at=NOON)
    reject_held(held=HeldReading.objects.get(value=800), by=SYSTEM, at=NOON, reason="A typing mistake")
    return metric


HELD = [
    "customer,metric,value,observed_at,source",
    "A-1,tickets,1000.5,2026-11-18T08:00:00Z,Desk",
    "A-1,tickets,2000,2026-11-18T07:00:00Z,Desk",
    "A-1,tickets,901.25,2026-11-18T10:00:00Z,Desk",
    "A-1,tickets,801,2026-11-18T09:00:00Z,Desk",
    "A-1,tickets,11,2026-11-18T11:00:00Z,Desk",
]


def test_values_that_it_held_go_with_it(world: Account, tickets: Metric, leader: User, tmp_path: Path) -> None:
    client = Client()
    client.force_login(leader, backend="django.contrib.auth.backends.ModelBackend")
    before = state()
    batch = run(tmp_path, "readings", *HELD, by=leader)
    assert sorted(HeldReading.objects.filter(state="held").values_list("value", flat=True)) == [
        801, Decimal("901.25"), Decimal("1000.5"), 2000,
    ]  # fmt: skip
    assert (batch.summary, batch.rows_total, batch.rows_new) == ({"held": 4}, 5, 1)
    page = client.get(f"/imports/{batch.pk}/").content.decode()
    assert "4 values far outside what was measured before are held until a person accepts or rejects them." in page
    assert 'href="/quality/?kind=outlier"' in page
    assert undo(batch).state == ImportState.UNDONE
    assert differences(before) == {}


def test_held_values_that_somebody_decided_or_sent_anew_stay(
    world: Account, tickets: Metric, leader: User, tmp_path: Path, clock: Clock
) -> None:
    batch = run(tmp_path, "readings", *HELD, by=leader)
    clock(NOON + timedelta(minutes=1))
    accept_held(held=HeldReading.objects.get(value=2000), by=SYSTEM, at=NOON + timedelta(minutes=1))
    row = ReadingRow(
        index=0, customer_id=world.pk, metric_key="tickets", value=Decimal(3000), source="Desk",
        observed_at=datetime(2026, 11, 18, 8, tzinfo=UTC),
    )  # fmt: skip
    record_readings(rows=[row], by=SYSTEM, at=NOON + timedelta(minutes=1))
    assert undo(batch).state == ImportState.UNDONE
    assert list(HeldReading.objects.order_by("value").values_list("value", "state")) == [
        (800, "rejected"), (900, "held"), (2000, "accepted"), (3000, "held"),
    ]  # fmt: skip


def test_a_file_that_only_holds_values_can_be_imported(
    world: Account, tickets: Metric, leader: User, tmp_path: Path
) -> None:
    batch = run(tmp_path, "readings", HELD[0], HELD[1], by=leader)
    assert (batch.rows_new, batch.summary) == (0, {"held": 1})
    assert undo(batch).state == ImportState.UNDONE
    assert HeldReading.objects.count() == 2


def test_sources_that_it_made_agree_are_compared_again(world: Account, leader: User, tmp_path: Path) -> None:
    metric = Metric.objects.get(key="seats")
    record(metric, 90, account=world, at=NOON - timedelta(days=1), source="Survey")
    record(metric, 30, account=world, at=NOON - timedelta(hours=20), source="Desk")
    flags = list(Disagreement.objects.values_list("counting__value", "other__value"))
    assert flags == [(30, 90)]
    observed = (NOON - timedelta(days=1)).isoformat()
    batch = run(tmp_path, "readings", HELD[0], f"A-1,seats,30,{observed},Survey", by=leader)
    assert not Disagreement.objects.exists()
    assert undo(batch).state == ImportState.UNDONE
    assert list(Disagreement.objects.values_list("counting__value", "other__value")) == flags


def test_who_undid_it_is_not_who_imported_it(world: Account, leader: User, tmp_path: Path) -> None:
    batch = run(tmp_path, "readings", *FILES["readings"], by=leader)
    other = make_user(role="leader", name="Ola Other")
    batches.request_undo(batch=batch, at=NOON, by=other)
    assert work(batch).undone_by == "Ola Other"


BILL = ["SubAccountId,SubAccountName,ChargePeriodStart,BillingCurrency,BilledCost,EffectiveCost"] + [
    f"{account},Atlas {account},2026-{month:02}-{day:02} 22:00:00,USD,{100 - day - account},{90 - day}"
    for account in (1, 2)
    for month in (9, 10)
    for day in range(1, 28)
]


def test_a_bill_and_the_weeks_it_rebuilt(world: Account, leader: User, tmp_path: Path) -> None:
    born = NOON - 3 * WEEK
    make_objective(make_account(at=born, external_id="1", currency="USD"), at=born)
    take_weeks(until=NOON)
    sweep_standings(at=NOON)  # an undo computes standings anew, with what the clock has moved
    before = state()
    batch = run(tmp_path, "focus", *BILL, by=leader)
    assert batch.summary["accounts_created"] == 1
    assert Snapshot.objects.filter(restated=True).exists()
    assert verify() == []
    batch = undo(batch)
    assert (batch.state, batch.failure) == (ImportState.UNDONE, "")
    assert differences(before) == {}
    assert verify() == []

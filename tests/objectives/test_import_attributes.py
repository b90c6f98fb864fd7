"""Custom attributes in files of accounts: read strictly, numbers as readings, nothing twice, and taken back."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import Account, Attribute
from accounts.services.accounts import archive_account, update_account
from accounts.services.attributes import archive_attribute, update_attribute
from objectives.imports.jobs import run_batch
from objectives.imports.run import import_file
from objectives.imports.tables import FileRefused
from objectives.models import Metric, Objective, Reading
from objectives.services import batches
from objectives.services.attributes import define_attribute
from tests.factories import make_account, make_objective, make_user, record, take_weeks
from tests.objectives.test_import_undo import differences, run, state, undo
from tests.objectives.test_import_views import check, client_of, send
from valuerealization.common.audit import SYSTEM
from valuerealization.common.models import AuditEntry

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 11, 18, 12, 0, tzinfo=UTC)
HEAD = "external_id,attributes.tier,attributes.seats,attributes.vip,attributes.kick,attributes.motto"


@pytest.fixture(autouse=True)
def defined(clock: Callable[[datetime], None]) -> None:
    clock(NOON)
    for key, kind, choices in (
        ("tier", "choice", ["Gold", "Basic"]), ("seats", "number", []), ("vip", "flag", []), ("kick", "date", []),
        ("motto", "text", []),
    ):  # fmt: skip
        define_attribute(by=SYSTEM, key=key, name=f"The {key}", type=kind, choices=choices)


def load(tmp_path: Path, *lines: str, at: datetime = NOON, dry_run: bool = False) -> tuple[int, int, int, int]:
    path = tmp_path / "file.csv"
    path.write_text("\n".join([*lines, ""]), encoding="utf-8")
    saved = import_file(kind="accounts", path=path, by=SYSTEM, at=at, dry_run=dry_run)
    return saved.rows, saved.created, saved.changed, saved.unchanged


def errors(tmp_path: Path, *lines: str) -> list[str]:
    with pytest.raises(FileRefused) as refused:
        load(tmp_path, *lines)
    return [str(error) for error in refused.value.errors]


def test_values_of_every_kind_come_with_accounts(tmp_path: Path) -> None:
    make_account(external_id="A", name="Acme")
    lines = [
        HEAD.replace("external_id", "external_id,name,timezone"),
        "A,,,Gold,40.5,yes,2026-05-04,Onwards",
        "B,Beta,UTC,Basic,7,false,,",
    ]
    assert load(tmp_path, *lines, dry_run=True) == (2, 1, 1, 0)
    assert (Reading.objects.count(), Account.objects.count()) == (0, 1)
    assert load(tmp_path, *lines) == (2, 1, 1, 0)
    assert dict(Account.objects.values_list("external_id", "attributes")) == {
        "A": {"tier": "Gold", "vip": True, "kick": "2026-05-04", "motto": "Onwards"},
        "B": {"tier": "Basic", "vip": False},
    }
    found = Reading.objects.order_by("value").values_list("account__external_id", "metric__key", "value", "source")
    assert list(found) == [("B", "seats", 7, "attribute"), ("A", "seats", Decimal("40.5"), "attribute")]


def test_the_same_file_twice_writes_nothing(tmp_path: Path) -> None:
    lines = [HEAD.replace("external_id", "external_id,name,timezone"), "A,Acme,UTC,Gold,40,no,2026-05-04,Go"]
    assert load(tmp_path, *lines) == (1, 1, 0, 0)
    entries, updated = AuditEntry.objects.count(), Account.objects.get().updated_at
    later = NOON + timedelta(hours=1)
    assert load(tmp_path, *[*lines[:1], lines[1].replace("40", "40.0")], at=later) == (1, 0, 0, 1)
    assert (AuditEntry.objects.count(), Account.objects.get().updated_at) == (entries, updated)
    assert Reading.objects.count() == 1


def test_a_number_alone_makes_the_account_a_changed_one(tmp_path: Path) -> None:
    for name in "AB":
        make_account(external_id=name)
    assert load(tmp_path, "external_id,attributes.seats", "A,5", "B,6") == (2, 0, 2, 0)
    assert load(tmp_path, "external_id,attributes.seats", "A,5", "B,7", at=NOON + timedelta(hours=1)) == (2, 0, 1, 1)
    assert [each.value for each in Reading.objects.order_by("pk")] == [5, 6, 7]


def test_objectives_follow_numbers_of_a_file(tmp_path: Path) -> None:
    account = make_account(external_id="A")
    metric = define_attribute(by=SYSTEM, key="users", name="Users", type="number", unit="users")
    goal = make_objective(account, metric=Metric.objects.get(key=metric.key))
    load(tmp_path, "external_id,attributes.users", "A,25")
    assert Objective.objects.get(pk=goal.pk).completion == 25
    account.standing.refresh_from_db()
    assert account.standing.value_delivered == 25


def test_empty_cells_take_values_away_but_never_a_number(tmp_path: Path) -> None:
    make_account(external_id="A", attributes={"tier": "Gold", "vip": True})
    load(tmp_path, HEAD, "A,Gold,3,yes,2026-01-02,x")
    assert load(tmp_path, HEAD, "A,,,,,", at=NOON + timedelta(hours=1)) == (1, 0, 1, 0)
    assert Account.objects.get().attributes == {}
    assert [each.value for each in Reading.objects.all()] == [3]
    assert load(tmp_path, HEAD, "A,,,,,", at=NOON + timedelta(hours=2)) == (1, 0, 0, 1)


def test_columns_that_are_not_there_leave_values_alone(tmp_path: Path) -> None:
    make_account(external_id="A", attributes={"tier": "Gold", "vip": True})
    assert load(tmp_path, "external_id,attributes.tier", "A,Basic") == (1, 0, 1, 0)
    assert Account.objects.get().attributes == {"tier": "Basic", "vip": True}


@pytest.mark.parametrize(
    ("column", "cell", "message"),
    [
        ("tier", "Silver", "Choose one of Gold, Basic."),
        ("tier", "gold", "Choose one of Gold, Basic."),
        ("seats", "many", "Enter a number in plain digits, for example 1250.5, without a unit or currency sign."),
        ("seats", '"1,5"', "Write decimals with a point: 1.5 instead of 1,5."),
        ("seats", "1e3", "Write the number out in full, without an exponent: 1200, not 1.2e3."),
        ("seats", "NaN", "Enter a finite number; NaN and infinity have no place on a scale."),
        ("seats", "100000000000000", "Use at most 14 digits before the decimal point."),
        ("vip", "maybe", "Write true or false."),
        ("kick", "04.05.2026", "Write the date as year, month and day: 2026-11-15."),
        ("kick", "2026-02-30", "There is no such day."),
        ("kick", "1890-01-01", "Give a date from 1970-01-01 to 2199-12-31."),
        ("motto", "x" * 501, "Use at most 500 characters."),
        ("motto", "a\u0007", "Remove the invisible control characters."),
    ],
)
def test_bad_values_are_told_by_line_and_column(tmp_path: Path, column: str, cell: str, message: str) -> None:
    make_account(external_id="A", attributes={"tier": "Gold"})
    before = state()
    found = errors(tmp_path, f"external_id,industry,attributes.{column}", "A,Food,", f"B,Food,{cell}", f"C,,{cell}")
    assert f"line 3, attributes.{column}: {message}" in found
    assert f"line 4, attributes.{column}: {message}" in found
    assert not [each for each in found if each.startswith("line 2")]
    assert state() == before


def test_errors_of_cells_values_and_numbers_come_together(tmp_path: Path) -> None:
    account = make_account(external_id="A")
    make_account(external_id="B")
    archive_account(account=account, by=SYSTEM, at=NOON)
    head = "external_id,attributes.kick,attributes.seats,attributes.tier"
    assert errors(tmp_path, head, "A,,4,Gold", "B,soon,5,Silver") == [
        "line 2, attributes.seats: This account is archived. Restore it first.",
        "line 3, attributes.kick: Write the date as year, month and day: 2026-11-15.",
        "line 3, attributes.tier: Choose one of Gold, Basic.",
    ]


def test_an_unknown_attribute_is_an_unknown_column(tmp_path: Path) -> None:
    archive_attribute(attribute=Attribute.objects.get(key="tier"), by=SYSTEM, at=NOON)
    for name in ("attributes.tier", "attributes.colour", "attributes."):
        (message,) = errors(tmp_path, f"external_id,{name}", "A,1")
        assert message.startswith(f"line 1, {name}: There is no such column. The columns are external_id, name")
        assert "attributes.seats" in message
        assert "attributes.tier," not in message


def test_a_choice_that_was_dropped_can_stay(tmp_path: Path) -> None:
    make_account(external_id="A", attributes={"tier": "Gold"})
    update_attribute(attribute=Attribute.objects.get(key="tier"), by=SYSTEM, at=NOON, choices=["Basic"])
    assert load(tmp_path, "external_id,attributes.tier", "A,Gold") == (1, 0, 0, 1)


def test_many_rows_cost_the_same_queries(tmp_path: Path) -> None:
    counts = []
    for number in (1, 30):
        for index in range(number):
            make_account(external_id=f"{number}-{index}")
        with CaptureQueriesContext(connection) as queries:
            load(tmp_path, HEAD, *(f"{number}-{index},Gold,{index + 1},yes,2026-05-04,x" for index in range(number)))
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_the_wizard_suggests_attributes_by_key_name_and_heading(client: Client) -> None:
    wizard = client_of(make_user(role="leader"))
    make_account(external_id="A", name="Acme")
    batch = send(wizard, "accounts", "id,Tier,The Seats,attributes.vip,KICK,Slogan\nA,Gold,12,yes,2026-05-04,Go\n")
    page = wizard.get(f"/imports/{batch.pk}/columns/")
    assert [row["field"].initial for row in page.context["rows"]] == [
        "external_id", "attributes.tier", "attributes.seats", "attributes.vip", "attributes.kick", "",
    ]  # fmt: skip
    assert "Attribute: tier" in page.content.decode()
    batch = check(wizard, batch)
    assert (batch.rows_changed, batch.rows_failed) == (1, 0)
    assert Reading.objects.count() == 0


def test_an_attribute_archived_after_the_match_stops_the_import(tmp_path: Path) -> None:
    wizard = client_of(make_user(role="leader"))
    make_account(external_id="A")
    batch = send(wizard, "accounts", "external_id,attributes.tier\nA,Gold\n")
    wizard.get(f"/imports/{batch.pk}/columns/")
    columns = {0: "external_id", 1: "attributes.tier"}
    batch = check(wizard, batch, columns)
    archive_attribute(attribute=Attribute.objects.get(key="tier"), by=SYSTEM, at=NOON)
    batches.request_import(batch=batch, only_good=False, at=NOON)
    run_batch(batch_id=batch.pk, at=NOON)
    batch.refresh_from_db()
    assert batch.state == "checked"
    page = wizard.get(f"/imports/{batch.pk}/").content.decode()
    assert "There is no such attribute any more. Match the columns again without it." in page
    assert Account.objects.get().attributes == {}


def test_undo_gives_values_back_and_takes_readings_away(tmp_path: Path) -> None:
    born = NOON - timedelta(weeks=8)
    account = make_account(at=born, external_id="A", attributes={"tier": "Gold", "motto": "Old"})
    metric = Metric.objects.get(key="seats")
    make_objective(account, at=born, metric=metric)
    record(metric, 10, at=NOON - timedelta(weeks=3), account=account)
    take_weeks(until=NOON)
    leader = make_user(role="leader")
    before = state()
    batch = run(
        tmp_path, "accounts", HEAD.replace("external_id", "external_id,name,timezone"),
        "A,,,,55,yes,2026-05-04,New", "B,Beta,UTC,Basic,7,,,", by=leader,
    )  # fmt: skip
    assert (batch.rows_new, batch.rows_changed, Reading.objects.count()) == (1, 1, 3)
    assert Objective.objects.get().current == 55
    batch = undo(batch)
    assert (batch.state, batch.failure) == ("undone", "")
    assert differences(before) == {}


def test_a_value_changed_since_stands_in_the_way_of_undo(tmp_path: Path) -> None:
    account = make_account(external_id="A", name="Acme")
    batch = run(tmp_path, "accounts", "external_id,attributes.tier", "A,Gold", by=make_user(role="leader"))
    update_account(account=account, by=SYSTEM, at=NOON, attributes={"tier": "Basic"})
    assert undo(batch).failure == "Acme was changed since: tier."

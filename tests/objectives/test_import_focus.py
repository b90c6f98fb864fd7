"""The FOCUS import held against an independent computation over the real sample (FinOps Foundation, CC BY 4.0)."""

import csv
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal, localcontext
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from structlog.testing import capture_logs

from accounts.models import Account
from accounts.services.accounts import archive_account, update_account
from objectives.imports.focus import FocusImported
from objectives.imports.jobs import import_focus, run_batch
from objectives.imports.tables import FileRefused
from objectives.models import ImportBatch, ImportState, Objective, Reading, Snapshot
from objectives.services.batches import request_undo
from objectives.services.restatements import verify
from tests.factories import make_account, sql_now
from valuerealization.common.audit import SYSTEM
from valuerealization.common.models import AuditEntry

pytestmark = pytest.mark.django_db

SAMPLE = Path(__file__).resolve().parents[3] / "shared" / "data" / "focus_1_0_sample.csv"
MICRO = Decimal("0.000001")
Sums = dict[tuple[str, date, str], Decimal]


def sums_of_sample() -> Sums:
    """Add the charges up, without the product's code."""
    sums: Sums = defaultdict(Decimal)
    with SAMPLE.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            day = date.fromisoformat(row["ChargePeriodStart"][:10])
            sums[row["SubAccountId"], day, "billed_cost"] += Decimal(row["BilledCost"])
            sums[row["SubAccountId"], day, "effective_cost"] += Decimal(row["EffectiveCost"])
    return sums


@pytest.fixture(scope="module")
def sums() -> Sums:
    assert SAMPLE.exists(), f"{SAMPLE} is missing: the tests need the shared data beside the project"
    return sums_of_sample()


@pytest.fixture
def imported() -> FocusImported:
    return import_focus(path=SAMPLE, by=SYSTEM, at=sql_now())


def stored(value: Decimal) -> Decimal:
    return value.quantize(MICRO, ROUND_HALF_EVEN)


def goals_of(sums: Sums) -> dict[str, tuple[date, Decimal, Decimal, Decimal]]:
    """Work out, per sub-account with a goal: first day, baseline, target and the last day's value."""
    goals = {}
    by_account: dict[str, list[tuple[date, Decimal]]] = defaultdict(list)
    for (sub_account, day, metric), total in sums.items():
        if metric == "billed_cost":
            by_account[sub_account].append((day, stored(total)))
    for sub_account, days in by_account.items():
        days.sort()
        first_day, baseline = days[0]
        target = stored(baseline * Decimal("0.8"))
        if len({value for _, value in days}) > 1 and baseline != 0 and target != baseline:
            goals[sub_account] = (first_day, baseline, target, days[-1][1])
    return goals


def test_counts(imported: FocusImported, sums: Sums) -> None:
    assert (imported.charges, imported.charges_without_sub_account) == (1000, 0)
    assert (
        imported.accounts == imported.accounts_created == Account.objects.count() == len({key[0] for key in sums}) == 73
    )
    assert imported.readings_created == Reading.objects.count() == len(sums)
    assert imported.sums_rounded == sum(total != stored(total) for total in sums.values())
    assert imported.objectives_created == Objective.objects.count() == len(goals_of(sums))


def test_every_daily_sum(imported: FocusImported, sums: Sums) -> None:
    readings = Reading.objects.select_related("account", "metric")
    found = {(r.account.external_id, r.observed_at, r.metric.key if r.metric else ""): r.value for r in readings}

    assert found == {
        (sub_account, datetime(day.year, day.month, day.day, 23, 59, 59, tzinfo=UTC), metric): stored(total)
        for (sub_account, day, metric), total in sums.items()
    }


def test_every_goal_and_its_completion(imported: FocusImported, sums: Sums) -> None:
    found = {
        goal.account.external_id: (goal.started_on, goal.baseline, goal.target, goal.current, goal.completion)
        for goal in Objective.objects.select_related("account")
    }
    expected = {}
    for sub_account, (day, baseline, target, last) in goals_of(sums).items():
        with localcontext(prec=100):
            completion = ((last - baseline) * 100 / (target - baseline)).quantize(Decimal("1e-12"), ROUND_HALF_UP)
        expected[sub_account] = (day, baseline, target, last, completion)

    assert found == expected


def test_history_is_rebuilt_week_by_week(imported: FocusImported, sums: Sums) -> None:
    goals = goals_of(sums)
    now = sql_now()
    expected = {}
    for sub_account, (first_day, baseline, target, _) in goals.items():
        sunday = first_day + timedelta(days=(6 - first_day.weekday()) % 7)
        while (boundary := datetime(sunday.year, sunday.month, sunday.day, 2, tzinfo=UTC)) <= now:
            days = [
                (day, stored(total))
                for (account, day, metric), total in sums.items()
                if account == sub_account and metric == "billed_cost"
                and datetime(day.year, day.month, day.day, 23, 59, 59, tzinfo=UTC) <= boundary
            ]  # fmt: skip
            if days:
                with localcontext(prec=100):
                    completion = (max(days)[1] - baseline) * 100 / (target - baseline)
                    score = completion.quantize(Decimal("1e-12"), ROUND_HALF_UP).quantize(MICRO, ROUND_HALF_UP)
                expected[sub_account, sunday] = (score, True)
            sunday += timedelta(weeks=1)

    fields = ("account__external_id", "week", "value_delivered", "reconstructed")
    assert {(a, week): facts for a, week, *facts in Snapshot.objects.values_list(*fields)} == {
        key: list(facts) for key, facts in expected.items()
    }
    assert imported.weeks_added == len(expected)
    assert verify() == []


def test_a_second_import_changes_nothing(imported: FocusImported) -> None:
    before = list(Snapshot.objects.order_by("id").values())

    again = import_focus(path=SAMPLE, by=SYSTEM, at=sql_now())

    assert again.readings_unchanged == imported.readings_created
    assert (again.accounts_created, again.readings_created, again.readings_superseded) == (0, 0, 0)
    assert (again.objectives_created, again.weeks_added, again.weeks_restated) == (0, 0, 0)
    assert list(Snapshot.objects.order_by("id").values()) == before


HEADER = "SubAccountId,SubAccountName,ChargePeriodStart,BillingCurrency,BilledCost,EffectiveCost"


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str], Path]:
    def to_file(text: str) -> Path:
        path = tmp_path / "bill.csv"
        path.write_text(text, encoding="utf-8")
        return path

    return to_file


def test_one_corrected_row_supersedes_one_reading(write: Any) -> None:
    rows = [f"A,Acme,2024-09-0{day} 10:00:00,EUR,{10 - day},NULL" for day in (1, 2, 3)]
    import_focus(path=write("\n".join([HEADER, *rows])), by=SYSTEM, at=sql_now())
    corrected = [*rows[:2], "A,Acme,2024-09-03 10:00:00,EUR,6.5,NULL"]

    done = import_focus(path=write("\n".join([HEADER, *corrected])), by=SYSTEM, at=sql_now())

    assert (done.readings_created, done.readings_unchanged, done.readings_superseded) == (0, 5, 1)
    goal = Objective.objects.get()
    assert (goal.baseline, goal.target, goal.current) == (9, Decimal("7.2"), Decimal("6.5"))
    assert goal.account.currency == "EUR"
    assert done.weeks_restated > 0


@pytest.mark.parametrize(
    ("text", "line", "part"),
    [
        ("", 0, "empty"),
        ("a,b\n1,2", 1, "BilledCost: This column is missing"),
        (f"{HEADER},BilledCost\n", 1, "two columns of this name"),
        (f"{HEADER}\nA,Acme,2024-09-01,USD,1", 2, "cells"),
        (f"{HEADER}\nA,Acme,2024-09-01,USD,one,1", 2, "BilledCost"),
        (f"{HEADER}\nA,Acme,2024-09-01,USD,NaN,1", 2, "BilledCost"),
        (f"{HEADER}\nA,Acme,2024-09-01,USD,1_000,1", 2, "BilledCost"),
        (f"{HEADER}\nA,Acme,2024-09-01,USD,1e20,1", 2, "BilledCost"),
        (f"{HEADER}\nA,Acme,NULL,USD,1,1", 2, "ChargePeriodStart: This can't be missing"),
        (f"{HEADER}\nA,Acme,0001-01-01,USD,1,1", 2, "ChargePeriodStart: Give a time from 1970"),
        (f"{HEADER}\nA,Acme,2024-09-01,NULL,1,1", 2, "BillingCurrency: This can't be missing"),
        (f"{HEADER}\nA,Acme,2024-09-01,USD,1,Infinity", 2, "EffectiveCost"),
        (f"{HEADER}\nA,Acme,2024-09-01,USD,\u0661,1", 2, "BilledCost"),
        (f"{HEADER}\nA,Acme,1e20,USD,1,1", 2, "ChargePeriodStart"),
        (f"{HEADER}\nA,Acme,2024-09-01,dollars,1,1", 2, "BillingCurrency"),
        (f"{HEADER}\n{'A' * 200},Acme,2024-09-01,USD,1,1", 2, "SubAccountId"),
        (f"{HEADER}\nA,Acme,2024-09-01,USD,1,1\nA,Acme,2024-09-01,EUR,1,1", 0, "several currencies"),
        (f'{HEADER}\nA,"Acme,2024-09-01,USD,1,1', 2, "quotation mark"),
    ],
)
def test_a_bad_file_is_refused_whole(write: Any, text: str, line: int, part: str) -> None:
    with pytest.raises(FileRefused) as refused:
        import_focus(path=write(text), by=SYSTEM, at=sql_now())

    assert refused.value.errors[0].line == line
    assert part in str(refused.value.errors[0])
    assert Account.objects.count() == Reading.objects.count() == 0


def test_one_bad_line_at_the_end_saves_nothing(write: Any) -> None:
    rows = "\n".join(f"A{n},Acme,2024-09-01,USD,{n},1" for n in range(50))
    error = StringIO()

    with pytest.raises(CommandError, match=r"1 error in .*nothing was imported"):
        call_command("import_focus", str(write(f"{HEADER}\n{rows}\nB,Acme,2024-09-01,USD,x,1")), stderr=error)

    assert error.getvalue().startswith("line 52, BilledCost: ")
    assert Account.objects.count() == 0


def test_a_header_alone_is_an_empty_bill(write: Any) -> None:
    done = import_focus(path=write(f"{HEADER}\n"), by=SYSTEM, at=sql_now())

    assert (done.charges, done.accounts, done.readings_created) == (0, 0, 0)


def test_a_missing_file_is_named() -> None:
    with pytest.raises(CommandError, match=r"nowhere\.csv can't be read"):
        call_command("import_focus", "nowhere.csv")


def test_a_day_that_is_not_over_is_left_out(write: Any) -> None:
    at = datetime(2024, 9, 3, 15, 0, tzinfo=UTC)
    rows = [f"A,Acme,2024-09-0{day} 10:00:00,USD,{day},0" for day in (1, 2, 3, 4)]

    done = import_focus(path=write("\n".join([HEADER, *rows])), by=SYSTEM, at=at)

    assert (done.charges, done.charges_of_days_not_over, done.readings_created) == (4, 2, 4)
    last = Reading.objects.order_by("-observed_at")[0]
    assert last.observed_at == datetime(2024, 9, 2, 23, 59, 59, tzinfo=UTC)


def test_times_count_in_utc_and_names_may_be_missing(write: Any) -> None:
    rows = ["A,NULL,2024-09-02T01:30:00+02:00,USD,1e-7,NULL", "NULL,Acme,2024-09-02T01:30:00Z,USD,5,5"]

    done = import_focus(path=write("\n".join([HEADER, *rows])), by=SYSTEM, at=sql_now())

    assert (done.charges, done.charges_without_sub_account, done.sums_rounded) == (1, 1, 1)
    assert [account.name for account in Account.objects.all()] == ["A"]
    assert {reading.observed_at.date() for reading in Reading.objects.all()} == {date(2024, 9, 1)}


def test_the_next_bill_goes_on_from_the_first(write: Any) -> None:
    first = f"{HEADER}\nA,Acme,2024-08-31 10:00:00,USD,10,0\nB,Beta,2024-08-31 10:00:00,USD,10,0"
    second = f"{HEADER}\nA,Acme,2024-09-01 10:00:00,USD,9,0\nB,Beta,2024-09-01 10:00:00,USD,10,0"
    assert import_focus(path=write(first), by=SYSTEM, at=sql_now()).objectives_created == 0

    done = import_focus(path=write(second), by=SYSTEM, at=sql_now())

    assert (done.objectives_created, done.accounts_created) == (1, 0)
    goal = Objective.objects.get()
    assert (goal.account.external_id, goal.started_on, goal.baseline, goal.target, goal.current, goal.completion) == (
        "A", date(2024, 8, 31), 10, 8, 9, 50,
    )  # fmt: skip


def test_no_goal_without_a_distance_to_go(write: Any) -> None:
    rows = [
        "A,Zero,2024-09-01,USD,0,0", "A,Zero,2024-09-02,USD,1,0",
        "B,Tiny,2024-09-01,USD,0.000001,0", "B,Tiny,2024-09-02,USD,1,0",
        "C,Credit,2024-09-01,USD,-5,0", "C,Credit,2024-09-02,USD,1,0",
    ]  # fmt: skip

    with capture_logs() as logs:
        done = import_focus(path=write("\n".join([HEADER, *rows])), by=SYSTEM, at=sql_now())

    assert (done.objectives_created, done.objectives_refused) == (1, 2)
    assert [(goal.baseline, goal.target) for goal in Objective.objects.all()] == [(-5, -4)]
    assert [(line["sub_account"], line["reason"]) for line in logs if line["event"] == "focus_no_objective"] == [
        ("A", "the baseline is 0"),
        ("B", "the rounded target equals the baseline"),
    ]


def test_sums_are_rounded_half_to_even(write: Any) -> None:
    costs = ["0.0000005", "0.0000015", "-0.0000025", "0.00000250001"]
    rows = [f"A,Acme,2024-09-0{day},USD,{cost},0" for day, cost in enumerate(costs, start=1)]

    done = import_focus(path=write("\n".join([HEADER, *rows])), by=SYSTEM, at=sql_now())

    billed = Reading.objects.filter(metric__key="billed_cost").order_by("observed_at")
    assert [reading.value / MICRO for reading in billed] == [0, 2, -2, 3]
    assert done.sums_rounded == 4


def test_another_currency_and_an_archived_account_are_refused(write: Any) -> None:
    account = make_account(external_id="A", currency="EUR")
    path = write(f"{HEADER}\nA,Acme,2024-09-01,USD,1,0")
    with pytest.raises(FileRefused, match="file, A: It is billed in USD; its account has EUR"):
        import_focus(path=path, by=SYSTEM, at=sql_now())
    update_account(account=account, by=SYSTEM, at=sql_now(), currency="USD")
    archive_account(account=account, by=SYSTEM, at=sql_now())
    with pytest.raises(FileRefused, match="file, A: This account is archived"):
        import_focus(path=path, by=SYSTEM, at=sql_now())
    assert Reading.objects.count() == 0


def test_the_command_says_what_became_of_the_file() -> None:
    output = StringIO()

    call_command("import_focus", str(SAMPLE), stdout=output)

    lines = output.getvalue().splitlines()
    assert "charges: 1000" in lines
    assert "accounts created: 73" in lines
    assert {entry.actor_name for entry in AuditEntry.objects.all()} == {"Import of focus_1_0_sample.csv"}


def test_the_command_keeps_a_batch_that_can_be_undone() -> None:
    call_command("import_focus", str(SAMPLE), stdout=StringIO())
    batch = ImportBatch.objects.get()
    assert (batch.kind, batch.state, batch.created_by) == ("focus", ImportState.IMPORTED, None)
    call_command("import_focus", str(SAMPLE), stdout=StringIO())  # changes nothing, so there is nothing to undo
    assert ImportBatch.objects.count() == 1
    request_undo(batch=batch, at=sql_now())
    assert run_batch(batch_id=batch.pk, at=sql_now())
    batch.refresh_from_db()
    assert (batch.state, batch.failure) == (ImportState.UNDONE, "")
    assert (Account.objects.count(), Objective.objects.count(), Reading.objects.count()) == (0, 0, 0)

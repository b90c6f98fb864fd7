"""Old snapshots go into files: nothing is lost, nothing is doubled, whatever happens on the way."""

import gzip
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection

from accounts.models import Account
from objectives.models import (
    Objective,
    ReplacedSnapshot,
    Restatement,
    Snapshot,
    SnapshotArchive,
    SnapshotObjective,
    TickRun,
    WeekRollup,
)
from objectives.queries.trend import trend
from objectives.services import archive_files, archives, restatements
from objectives.services.archive_files import BadArchive
from objectives.tasks import clean_up
from objectives.weeks import window_start
from tests.factories import at_time, make_account, make_objective, record, take_weeks
from tests.processes import wait_for
from valuerealization.common.audit import SYSTEM
from valuerealization.common.models import AuditEntry

pytestmark = pytest.mark.django_db(transaction=True)

PROJECT = Path(__file__).parents[2]
BEGUN = datetime(2019, 9, 10, 9, tzinfo=UTC)
UNTIL = datetime(2019, 11, 12, tzinfo=UTC)
WEEK = timedelta(weeks=1)
FIRST = date(2019, 9, 15)
WEEKS = 9  # to 10 November 2019
NOW = datetime(2026, 11, 1, 3, tzinfo=UTC)  # the window begins on Sunday 3 November 2019
OLD = 7  # of the nine weeks
TABLES = {
    "snapshot": (Snapshot, ["account_id", "week"]),
    "objective": (SnapshotObjective, ["snapshot_id", "objective_id"]),
    "replaced": (ReplacedSnapshot, ["id"]),
}


@pytest.fixture(autouse=True)
def directory(settings: Any, tmp_path: Path) -> Path:
    settings.VR_ARCHIVE_DIR = tmp_path / "archive"
    return tmp_path / "archive"


@pytest.fixture
def history() -> list[Account]:
    """Two accounts with nine weeks of 2019 each; two weeks of the first were restated."""
    accounts = [make_account(at=BEGUN, name=f"Ümlaut “{name}”") for name in ("a", "b")]
    for number, account in enumerate(accounts):
        goal = make_objective(account, at=BEGUN, title='A "quoted" \\ goal')
        make_objective(account, at=BEGUN)
        for week in range(6):
            record(goal, 10 + week * 9 + number, at=BEGUN + timedelta(days=1) + week * WEEK)
    take_weeks(until=UNTIL)
    assert Snapshot.objects.count() == 2 * WEEKS
    goal = Objective.objects.earliest("pk")
    record(goal, 99, at=BEGUN + timedelta(days=16), recorded_at=UNTIL)
    with at_time(UNTIL + timedelta(hours=1)):
        done = restatements.rebuild(account_ids=[accounts[0].pk], by=SYSTEM, reason="Late report by Ann Example")
    assert done.changed == 2
    return accounts


def stored() -> dict[str, list[Any]]:
    return {name: list(model.objects.order_by(*order).values()) for name, (model, order) in TABLES.items()}


def archive_all(at: datetime = NOW) -> list[SnapshotArchive]:
    done = []
    with at_time(at):
        while archive := archives.archive_next(at=at, by=SYSTEM):
            done.append(archive)
    return done


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in gzip.decompress(path.read_bytes()).decode().splitlines()]


def command(*arguments: str) -> tuple[str, str]:
    out = StringIO()
    try:
        call_command("snapshots", *arguments, stdout=out, stderr=out)
    except CommandError as error:
        return out.getvalue(), str(error)
    return out.getvalue(), ""


def test_the_window_begins_on_a_sunday() -> None:
    assert window_start(date(2026, 11, 1), years=7) == date(2019, 11, 3)
    assert window_start(date(2026, 11, 3), years=7) == date(2019, 11, 3)
    assert window_start(date(2028, 2, 29), years=7) == date(2021, 2, 28)


def test_what_leaves_the_tables_is_in_the_files_and_nothing_else_changes(
    history: list[Account], directory: Path
) -> None:
    before, rollups = stored(), list(WeekRollup.objects.order_by("week").values())
    restated = list(Restatement.objects.values())

    done = archive_all()

    assert [(a.first_week, a.last_week, a.snapshots, a.objectives, a.replaced) for a in done] == [
        (FIRST, FIRST + 2 * WEEK, 6, 12, 1),
        (FIRST + 3 * WEEK, FIRST + 6 * WEEK, 8, 16, 1),
    ]
    cutoff = FIRST + OLD * WEEK
    kept = {row["id"] for row in before["snapshot"] if row["week"] >= cutoff}
    assert stored() == {
        "snapshot": [row for row in before["snapshot"] if row["id"] in kept],
        "objective": [row for row in before["objective"] if row["snapshot_id"] in kept],
        "replaced": [],
    }
    assert list(WeekRollup.objects.order_by("week").values()) == rollups
    assert list(Restatement.objects.values()) == restated
    files = sorted(directory.iterdir())
    assert [file.name for file in files] == [archive.file for archive in done]
    found = [line for file in files for line in lines(file)]
    weeks = sorted(
        (line["snapshot"]["account_id"], line["snapshot"]["week"]) for line in found if line.get("kind") == "snapshot"
    )
    assert weeks == sorted(
        (row["account_id"], row["week"].isoformat()) for row in before["snapshot"] if row["id"] not in kept
    )
    assert sum(len(line["objectives"]) for line in found if line.get("kind") == "snapshot") == 28
    assert all(archive.removed_at for archive in done)
    assert AuditEntry.objects.filter(action="snapshots.archived").count() == 2
    assert archives.check_files() == []


def test_a_file_says_what_it_holds_and_names_no_person(history: list[Account], directory: Path) -> None:
    archive = archive_all()[0]
    header, *rest = lines(directory / archive.file)
    assert header == {
        "format": archives.FORMAT, "first_week": "2019-09-15", "last_week": "2019-09-29",
        "snapshots": 6, "objectives": 12, "replaced": 1,
    }  # fmt: skip
    assert [line["kind"] for line in rest] == ["restatement", "replaced"] + 6 * ["snapshot"]
    assert "Ann Example" not in gzip.decompress((directory / archive.file).read_bytes()).decode()
    assert (directory.stat().st_mode & 0o777, (directory / archive.file).stat().st_mode & 0o777) == (0o700, 0o600)


def test_what_is_restored_is_what_was_there(history: list[Account], directory: Path) -> None:
    before = stored()
    done = archive_all()
    for archive in done:
        with at_time(NOW):
            archives.restore(path=directory / archive.file, by=SYSTEM)
    assert stored() == before
    with at_time(NOW):
        again = archives.restore(path=directory / done[0].file, by=SYSTEM)
    assert again == archives.Restored(0, 0, 0)
    assert stored() == before
    assert restatements.verify() == []


def test_a_file_from_before_a_column_existed_is_completed(history: list[Account], directory: Path) -> None:
    before = stored()
    for archive in archive_all():
        old = directory / f"old-{archive.file}"
        shortened = lines(directory / archive.file)
        for line in shortened[1:]:
            line.get("snapshot", {}).pop("restated", None)
            for objective in line.get("objectives", []):
                del objective["unit"], objective["grade"]
        old.write_bytes(gzip.compress("\n".join(map(json.dumps, shortened)).encode()))
        with at_time(NOW):
            archives.restore(path=old, by=SYSTEM)
    now = stored()
    assert len(now["snapshot"]) == len(before["snapshot"])
    assert len(now["objective"]) == len(before["objective"])
    assert {row["grade"] for row in now["objective"]} >= {""}
    assert [row["value_delivered"] for row in now["snapshot"]] == [row["value_delivered"] for row in before["snapshot"]]


def test_what_was_restored_is_archived_again_beside_the_first_file(history: list[Account], directory: Path) -> None:
    first = archive_all()
    contents = {path.name: path.read_bytes() for path in directory.iterdir()}
    with at_time(NOW):
        archives.restore(path=directory / first[0].file, by=SYSTEM)
    second = archive_all()
    assert [archive.file for archive in second] == ["snapshots-2019-09-15-to-2019-09-29-2.jsonl.gz"]
    assert {name: (directory / name).read_bytes() for name in contents} == contents
    assert Snapshot.objects.count() == 2 * (WEEKS - OLD)


def test_verify_copes_with_weeks_that_are_archived(history: list[Account], directory: Path) -> None:
    archive = archive_all()[0]
    assert restatements.verify() == []
    assert command("verify") == ("Every stored week follows from readings and definitions.\n", "")
    (directory / archive.file).write_bytes(b"spoilt")
    assert "is not the file that was written" in command("verify")[0]
    (directory / archive.file).unlink()
    out, error = command("verify")
    assert "No such file" in out
    assert error == "1 archive files are missing or not what was written."
    WeekRollup.objects.filter(week=FIRST + 8 * WEEK).update(stalled=7)
    assert len(restatements.verify()) == 1


def test_a_rebuild_leaves_archived_weeks_alone(history: list[Account]) -> None:
    archive_all()
    rollups = list(WeekRollup.objects.order_by("week").values())
    goal = Objective.objects.filter(account=history[1]).earliest("pk")
    record(goal, 55, at=BEGUN + timedelta(days=2), recorded_at=NOW)
    with at_time(NOW + timedelta(hours=1)):
        done = restatements.rebuild(account_ids=[history[1].pk], by=SYSTEM, reason="late", from_week=FIRST)
    assert done == restatements.Rebuilt(added=0, changed=0)
    assert list(WeekRollup.objects.order_by("week").values()) == rollups


def test_the_trend_shows_nothing_older_than_the_window(history: list[Account]) -> None:
    at = datetime(2026, 11, 20, tzinfo=UTC)
    shown = trend(account=history[0], at=at - timedelta(days=365 * 7 - 10), months=12)
    assert shown.weeks[-1].week == FIRST


def test_the_trend_is_cut_at_the_window(history: list[Account], settings: Any) -> None:
    settings.VR_RETENTION_YEARS = 1
    at = datetime(2020, 10, 20, tzinfo=UTC)
    shown = trend(account=history[0], at=at, months=12)
    assert [week.week for week in shown.weeks] == [date(2019, 11, 10), date(2019, 11, 3), date(2019, 10, 27)]


class Killed(BaseException):
    """Ends a run at some point, as a kill would."""


@pytest.mark.parametrize(
    "point", ["write_lines", "read_lines", "_load", "keep", "_enter", "after keep", "after _enter", "disk full"]
)
def test_killed_at_any_point_nothing_is_lost_or_doubled(
    history: list[Account], directory: Path, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    before = stored()
    name = point.removeprefix("after ") if point != "disk full" else "write_lines"
    original: Callable[..., Any] = getattr(archives, name)

    def killed(*args: Any, **kwargs: Any) -> Any:
        if point.startswith("after"):
            original(*args, **kwargs)
        if point == "disk full":
            kwargs["path"].write_bytes(b"half of")
            raise OSError(28, "No space left on device")
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(archives, name, killed)
        with pytest.raises((Killed, OSError)):
            archive_all()
    assert stored() == before
    assert not SnapshotArchive.objects.exists()

    done = archive_all()

    assert sorted(path.name for path in directory.iterdir()) == [archive.file for archive in done]
    assert Snapshot.objects.count() == 2 * (WEEKS - OLD)
    for archive in done:
        with at_time(NOW):
            archives.restore(path=directory / archive.file, by=SYSTEM)
    assert stored() == before


def test_a_file_that_does_not_read_back_removes_nothing(
    history: list[Account], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = stored()

    def spoil(*, path: Path, header: dict[str, Any], lines: Any) -> archive_files.Written:
        all_lines = b"".join(lines).replace(b'"objectives_met":0', b'"objectives_met":1', 1)
        return archive_files.write_lines(path=path, header=header, lines=[all_lines])

    monkeypatch.setattr(archives, "write_lines", spoil)
    with pytest.raises(BadArchive, match="2 lines differ from the tables"):
        archive_all()
    assert stored() == before


@pytest.mark.parametrize("spoil", [lambda data: data[:-40], lambda data: data[:200] + b"\0" * 20 + data[220:]])
def test_a_spoilt_file_is_refused(history: list[Account], directory: Path, spoil: Callable[[bytes], bytes]) -> None:
    path = directory / archive_all()[0].file
    path.write_bytes(spoil(path.read_bytes()))
    before = stored()
    _, error = command("read-archive", path.name)
    assert "checksum differs" in error
    _, error = command("restore-archive", str(path))
    assert error.startswith(f"{path}: ")
    assert error.endswith("Nothing was restored.")
    assert stored() == before


def test_files_that_are_no_archives_are_refused(directory: Path, tmp_path: Path) -> None:
    plain = tmp_path / "plain.gz"
    plain.write_bytes(b"not gzip")
    other = tmp_path / "other.gz"
    other.write_bytes(gzip.compress(b'{"format": "something else"}\n'))
    for path in (plain, other, tmp_path / "missing.gz"):
        assert command("read-archive", str(path))[1]


def test_the_commands(history: list[Account], directory: Path) -> None:
    before = stored()
    with at_time(NOW):
        out, error = command("archive", "--dry-run", "--at", NOW.isoformat())
    assert error == ""
    assert out.splitlines() == [
        "2019-09-15 to 2019-09-29: 6 snapshots.", "2019-10-06 to 2019-10-27: 8 snapshots.",
        "Weeks from 2019-11-03 on stay. This was a dry run: nothing was changed.",
    ]  # fmt: skip
    assert stored() == before
    assert not directory.exists()
    with at_time(NOW):
        out, _ = command("archive", "--at", NOW.isoformat())
        assert "6 snapshots with 12 objectives, 1 replaced" in out
        assert command("archive", "--at", NOW.isoformat())[0].startswith("No snapshot is older than 2019-11-03")
    names = [archive.file for archive in SnapshotArchive.objects.order_by("pk")]
    assert [line.split(":")[0] for line in command("archives")[0].splitlines()] == names
    out, error = command("read-archive", names[1])
    assert error == ""
    assert out.encode() == gzip.decompress((directory / names[1]).read_bytes())
    with at_time(NOW):
        assert command("restore-archive", names[1])[0].startswith("8 snapshots with 16 objectives and 1 replaced")


def test_the_monthly_task_takes_file_after_file(
    history: list[Account], monkeypatch: pytest.MonkeyPatch, clock: Callable[[datetime], None]
) -> None:
    clock(NOW)
    TickRun.objects.create(started_at=NOW - timedelta(days=500))
    TickRun.objects.create(started_at=NOW - timedelta(days=5))
    sent: list[object] = []
    monkeypatch.setattr(clean_up, "apply_async", lambda: sent.append(1))
    for files in (1, 2, 2):
        clean_up()
        assert SnapshotArchive.objects.count() == files
    assert len(sent) == 2
    assert TickRun.objects.count() == 1


def test_two_clean_ups_do_not_meet(history: list[Account], owner_connection: psycopg.Connection[Any]) -> None:
    owner_connection.execute("SELECT pg_advisory_lock(%s)", [archives._RUN_LOCK])
    with pytest.raises(archives.ArchiveBusy):
        archive_all()
    owner_connection.execute("SELECT pg_advisory_unlock(%s)", [archives._RUN_LOCK])
    assert len(archive_all()) == 2


def refused(statement: str, *values: Any) -> str:
    with pytest.raises(DatabaseError) as caught, connection.cursor() as cursor:
        cursor.execute(statement, values)
    return str(caught.value).splitlines()[0]


def test_the_application_removes_no_snapshot_by_itself(history: list[Account]) -> None:
    assert refused("DELETE FROM objectives_snapshot") == "permission denied for table objectives_snapshot"
    facts = {"file": "x", "size": 1, "sha256": "", "objectives": 0, "replaced": 0}
    recent = SnapshotArchive.objects.create(first_week=FIRST, last_week=datetime.now(UTC).date(), snapshots=18, **facts)
    wrong = SnapshotArchive.objects.create(
        first_week=FIRST, last_week=FIRST, snapshots=3, **{**facts, "file": "y", "objectives": 4}
    )
    remove = "SELECT objectives_remove_archived(%s)"
    assert refused(remove, recent.pk) == "Snapshots of the last year are not removed."
    assert refused(remove, wrong.pk) == "The file holds 3 snapshots, the table 2."
    assert refused(remove, 999_999) == "query returned no rows"
    assert Snapshot.objects.count() == 2 * WEEKS


@pytest.mark.slow
def test_a_killed_command_loses_nothing(
    history: list[Account], owner_connection: psycopg.Connection[Any], process_environment: dict[str, str],
    directory: Path,
) -> None:  # fmt: skip
    """With its file on the disk and nothing committed, it is killed; the next one takes the file over."""
    before = stored()
    environment = {**process_environment, "VR_ARCHIVE_DIR": str(directory), "SECRET_KEY": "x" * 60}
    argv = [sys.executable, "manage.py", "snapshots", "archive"]
    with owner_connection.transaction():
        owner_connection.execute("LOCK TABLE objectives_snapshotarchive IN SHARE ROW EXCLUSIVE MODE")
        process = subprocess.Popen(argv, cwd=PROJECT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        wait_for(lambda: any(directory.glob("*.jsonl.gz")), "the first file")
        left = {path.name: path.stat().st_ino for path in directory.glob("*.jsonl.gz")}
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
    assert stored() == before
    assert SnapshotArchive.objects.count() == 0

    done = subprocess.run(argv, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")
    now = {path.name: path.stat().st_ino for path in directory.iterdir()}
    assert now.items() >= left.items()
    assert sorted(now) == sorted(SnapshotArchive.objects.values_list("file", flat=True))
    for name in now:
        archives.restore(path=directory / name, by=SYSTEM)
    assert stored() == before

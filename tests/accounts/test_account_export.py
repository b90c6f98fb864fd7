"""Everything about one account as a zip file."""

import csv
import hashlib
import io
import json
import threading
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, connections
from django.test import Client

from accounts.documents import account_export
from accounts.documents.account_export import parts, register, write_account_export
from accounts.models import Account
from accounts.services.accounts import archive_account
from objectives.models import Objective, Reading
from objectives.services.objectives import update_objective
from tests.factories import make_account, make_metric, make_objective, make_user, record
from valuerealization.common.audit import SYSTEM
from valuerealization.common.models import AuditEntry

pytestmark = pytest.mark.django_db

AT = datetime(2026, 11, 18, 9, tzinfo=UTC)


def export(account: Account) -> ZipFile:
    file = io.BytesIO()
    write_account_export(account, at=AT, to=file)
    return ZipFile(file)


def table(archive: ZipFile, name: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(archive.read(f"json/{name}.json"))
    return rows


def lines(archive: ZipFile, name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(archive.read(f"csv/{name}.csv").decode("utf-8-sig"))))


@pytest.fixture
def account() -> Account:
    """Make an account with one of everything, and another one with the same."""
    for name in ("Northwind", "Contoso"):
        owner = make_user(email=f"{name.lower()}@example.com")
        account = make_account(name=name, owner=owner, external_id=name, arr=Decimal("1234.50"))
        metric = make_metric(key=f"tickets_{name.lower()}")
        objective = make_objective(account, title=f"=1+1 “{name}”\nsecond line", target="0.3", details="ü")
        make_objective(account, metric=metric)
        record(objective, "0.100001", note='say "hi",\r\nthere')
        record(metric, 60, account=account)
    return Account.objects.get(name="Northwind")


def test_every_table_as_json_and_as_csv(account: Account) -> None:
    archive = export(account)
    assert archive.testzip() is None
    assert archive.namelist() == [
        *(f"{kind}/{part.name}.{kind}" for part in parts() for kind in ("json", "csv")), "README.txt", "manifest.json",
    ]  # fmt: skip
    for part in parts():
        assert len(table(archive, part.name)) == len(lines(archive, part.name)) == part.rows(account.pk).count()


def test_it_holds_this_account_and_no_other(account: Account) -> None:
    archive = export(account)
    everything = b"".join(archive.read(name) for name in archive.namelist())
    assert b"Northwind" in everything
    assert b"northwind@example.com" in everything
    assert b"ontoso" not in everything
    assert {part.name: len(table(archive, part.name)) for part in parts()} == {
        part.name: part.rows(account.pk).count() for part in parts()
    }
    assert {len(table(archive, name)) for name in ("account", "metrics", "standing")} == {1}
    assert {len(table(archive, name)) for name in ("objectives", "objective_revisions", "readings")} == {2}


def test_json_holds_the_exact_values(account: Account) -> None:
    archive = export(account)
    (row,) = table(archive, "account")
    assert (row["arr"], row["owner_email"], row["renewal_on"]) == ("1234.50", "northwind@example.com", None)
    objective = table(archive, "objectives")[0]
    stored = Objective.objects.get(pk=objective["id"])
    assert (objective["title"], objective["target"]) == ("=1+1 “Northwind”\nsecond line", "0.300000")
    assert Decimal(objective["completion"]) == stored.completion
    assert datetime.fromisoformat(objective["measured_at"]) == stored.measured_at
    reading = table(archive, "readings")[0]
    assert (reading["value"], reading["note"]) == ("0.100001", 'say "hi",\r\nthere')
    (entry, *_more) = table(archive, "audit_entries")
    assert entry["details"]["name"] == [None, "Northwind"]


def test_csv_is_safe_to_open(account: Account) -> None:
    titles = [line["title"] for line in lines(export(account), "objectives")]
    assert titles[0] == "'=1+1 “Northwind” second line"
    details = lines(export(account), "audit_entries")[0]["details"]
    assert json.loads(details)["name"] == [None, "Northwind"]


def test_manifest_counts_and_digests(account: Account) -> None:
    archive = export(account)
    manifest = json.loads(archive.read("manifest.json"))
    assert manifest["account"] == {"id": account.pk, "external_id": "Northwind", "name": "Northwind"}
    listed = {file["path"]: file for file in manifest["files"]}
    assert set(listed) == set(archive.namelist()) - {"manifest.json"}
    for path, file in listed.items():
        content = archive.read(path)
        assert (file["bytes"], file["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())
    assert listed["json/readings.json"]["rows"] == listed["csv/readings.csv"]["rows"] == 2
    readme = archive.read("README.txt").decode()
    assert "Northwind: everything" in readme
    assert all(part.name in readme and part.holds in readme for part in parts())


def test_an_account_with_nothing_in_it() -> None:
    archive = export(make_account(name="Empty"))
    assert table(archive, "readings") == []
    assert lines(archive, "readings") == []
    assert len(table(archive, "account")) == 1


def test_a_name_is_taken_once() -> None:
    with pytest.raises(ValueError, match="has a part “account” already"):
        register("account", "again", lambda account: Account.objects.all())


@pytest.mark.django_db(transaction=True)
def test_everything_is_as_of_one_instant(monkeypatch: pytest.MonkeyPatch) -> None:
    """What somebody commits while the file is written is in none of its tables."""
    account = make_account()
    objective = make_objective(account)
    record(objective, 5)

    def meanwhile(account_id: int) -> Any:
        def change() -> None:
            try:
                update_objective(objective=objective, by=SYSTEM, at=AT, title="Later")
                record(objective, 50)
            finally:
                connections.close_all()

        thread = threading.Thread(target=change)
        thread.start()
        thread.join()
        return Account.objects.filter(pk=account_id)

    first = account_export.Part("meanwhile", "", meanwhile)
    monkeypatch.setattr(account_export, "_parts", {"meanwhile": first, **account_export._parts})
    archive = export(account)
    assert Reading.objects.count() == 2
    assert len(table(archive, "readings")) == 1
    assert len(table(archive, "objective_revisions")) == 1
    assert table(archive, "objectives")[0]["title"] != "Later"
    assert len(table(archive, "audit_entries")) == 3


def test_memory_stays_flat() -> None:
    account = make_account()
    objective = make_objective(account)

    def add(number: int) -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO objectives_reading (account_id, objective_id, value, observed_at, source, confidence,"
                " note, external_id, recorded_by) SELECT %s, %s, n, now() - n * interval '1 minute', '', 'high',"
                " '', '', 'Somebody' FROM generate_series(1, %s) n",
                [account.pk, objective.pk, number],
            )

    def peak(path: Path) -> int:
        tracemalloc.start()
        try:
            with path.open("wb") as file:
                write_account_export(account, at=AT, to=file)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    add(5_000)
    peak(Path("/dev/null"))
    small = peak(Path("/dev/null"))
    add(45_000)
    assert peak(Path("/dev/null")) < small * 1.5


# --- The page ---


def test_download(client: Client, account: Account) -> None:
    leader = make_user(role="leader")
    client.force_login(leader)
    page = client.get(f"/accounts/{account.pk}/export/")
    assert "Every measurement, superseded ones too" in page.content.decode()
    assert not AuditEntry.objects.filter(action="account.exported").exists()
    response = client.post(f"/accounts/{account.pk}/export/")
    name = f"account-{account.pk}-{datetime.now(UTC):%Y-%m-%d}.zip"
    assert response["Content-Disposition"] == f'attachment; filename="{name}"'
    assert response["Cache-Control"] == "no-store"
    body = b"".join(response.streaming_content)  # type: ignore[attr-defined]
    assert int(response["Content-Length"]) == len(body)
    entry = AuditEntry.objects.get(action="account.exported")
    assert (entry.actor_id, entry.account_id) == (str(leader.pk), account.pk)
    assert entry.pk in {row["id"] for row in table(ZipFile(io.BytesIO(body)), "audit_entries")}


def test_its_csm_may_and_others_may_not(client: Client, account: Account) -> None:
    assert account.owner is not None
    client.force_login(account.owner)
    assert "audit_entries" not in client.get(f"/accounts/{account.pk}/export/").content.decode()
    response = client.post(f"/accounts/{account.pk}/export/")
    archive = ZipFile(io.BytesIO(response.getvalue()))  # type: ignore[attr-defined]
    assert "json/account.json" in archive.namelist()
    # The audit log is for leaders, in a file too.
    assert [name for name in archive.namelist() if "audit" in name] == []
    assert "audit_entries" not in archive.read("README.txt").decode()
    client.force_login(make_user())
    assert client.get(f"/accounts/{account.pk}/export/").status_code == 403
    assert client.post(f"/accounts/{account.pk}/export/").status_code == 403


def test_pages_lead_to_it(client: Client, account: Account) -> None:
    client.force_login(make_user(role="leader"))
    link = f'href="/accounts/{account.pk}/export/"'
    assert link in client.get(f"/accounts/{account.pk}/edit/").content.decode()
    assert link in client.get(f"/accounts/{account.pk}/activity/").content.decode()
    archive_account(account=account, by=SYSTEM, at=AT + timedelta(days=1))
    assert link in client.get(f"/accounts/{account.pk}/activity/").content.decode()
    client.force_login(make_user())
    assert link not in client.get(f"/accounts/{account.pk}/activity/").content.decode()


# --- The command ---


def run(*arguments: str) -> str:
    out = io.StringIO()
    call_command("export_account", *arguments, stdout=out)
    return out.getvalue()


def test_command(account: Account, tmp_path: Path) -> None:
    file = tmp_path / "account.zip"
    assert run("external:Northwind", str(file)).startswith("Northwind: ")
    assert len(table(ZipFile(file), "account")) == 1
    with pytest.raises(CommandError, match="File exists"):
        run(str(account.pk), str(file))
    assert AuditEntry.objects.filter(action="account.exported").count() == 1


@pytest.mark.parametrize("reference", ["0", "-1", "external:", "external:X", "Northwind", "٣", "9" * 40])
def test_command_refuses_what_is_no_account(account: Account, tmp_path: Path, reference: str) -> None:
    with pytest.raises(CommandError, match="there is no such account"):
        run(reference, str(tmp_path / "x.zip"))
    assert list(tmp_path.iterdir()) == []


def test_a_file_half_written_is_removed(account: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(account_id: int) -> Iterator[Any]:
        raise RuntimeError

    monkeypatch.setitem(account_export._parts, "readings", account_export.Part("readings", "", broken))  # type: ignore[arg-type]
    with pytest.raises(RuntimeError):
        run(str(account.pk), str(tmp_path / "x.zip"))
    assert list(tmp_path.iterdir()) == []

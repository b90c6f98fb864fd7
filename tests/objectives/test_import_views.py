"""The import wizard's pages: four steps, their refusals, and who may do what."""

import csv
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from io import BytesIO, StringIO

import openpyxl
import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import Account, User
from objectives.imports.jobs import run_batch
from objectives.models import ImportBatch, ImportChunk, ImportMapping, ImportState, Objective, Reading
from objectives.services import batches
from tests.factories import make_account, make_metric, make_objective, make_user
from valuerealization.common.models import AuditEntry

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 11, 18, 12, 0, tzinfo=UTC)
Clock = Callable[[datetime], None]


@pytest.fixture(autouse=True)
def at_noon(clock: Clock) -> None:
    clock(NOON)


@pytest.fixture
def csm() -> User:
    return make_user(name="Casey Morgan", email="csm@example.com")


@pytest.fixture
def leader() -> User:
    return make_user(role="leader", name="Lee Ader")


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def send(client: Client, kind: str, content: bytes | str, *, name: str = "file.csv", source: str = "") -> ImportBatch:
    """Upload a file, and expect it to be taken."""
    data = content.encode() if isinstance(content, str) else content
    response = client.post("/imports/new/", {"kind": kind, "file": SimpleUploadedFile(name, data), "source": source})
    assert response.status_code == 302, response.content.decode()
    batch = ImportBatch.objects.latest("pk")
    assert response["Location"] == f"/imports/{batch.pk}/columns/"
    return batch


def refused(client: Client, content: bytes, *, name: str = "file.csv") -> str:
    """Upload a file, and expect it to be refused; gives the page."""
    response = client.post("/imports/new/", {"kind": "accounts", "file": SimpleUploadedFile(name, content)})
    assert response.status_code == 422
    assert not ImportBatch.objects.exists()
    return response.content.decode()


def check(client: Client, batch: ImportBatch, columns: dict[int, str] | None = None, **more: str) -> ImportBatch:
    """Match columns as suggested, or as told, and let the worker check."""
    page = client.get(f"/imports/{batch.pk}/columns/")
    assert page.status_code == 200
    chosen = columns or {number: str(row["field"].initial or "") for number, row in enumerate(page.context["rows"])}
    sent = {f"column_{number}": name for number, name in chosen.items()}
    response = client.post(f"/imports/{batch.pk}/columns/", {**sent, **more})
    assert (response.status_code, response["Location"]) == (302, f"/imports/{batch.pk}/")
    return work(batch)


def work(batch: ImportBatch) -> ImportBatch:
    assert run_batch(batch_id=batch.pk, at=NOON)
    batch.refresh_from_db()
    return batch


def page_of(client: Client, batch: ImportBatch) -> str:
    response = client.get(f"/imports/{batch.pk}/")
    assert response.status_code == 200
    return response.content.decode()


SERIAL = "how spreadsheets count days; it stands for 2027-02-01. Format the column as a date and save again."
NOT_TO_GIVE = "Only leaders assign accounts to somebody else. Give your own address, or leave the column out."
NO_ZONE = "Choose an IANA timezone such as Europe/Berlin; “Nowhere/Else” is not one."
NO_NUMBER = "Enter a number in plain digits, for example 1250.5, without a unit or currency sign."
ACCOUNTS = "Account ID;Company name;Time zone;ARR;Favourite colour\nA-1;Acme;UTC;12.5;red\nA-2;Beta;UTC;;blue\n"


class TestTheWayThrough:
    def test_all_four_steps_and_back(self, leader: User) -> None:
        client = client_of(leader)
        batch = send(client, "accounts", ACCOUNTS, source="  CRM   weekly ")
        assert (batch.source, batch.headers[0], batch.samples[0][1], batch.size_bytes) == (
            "CRM weekly", "Account ID", "Acme", len(ACCOUNTS),
        )  # fmt: skip
        page = client.get(f"/imports/{batch.pk}/columns/")
        suggested = [row["field"].initial for row in page.context["rows"]]
        assert suggested == ["external_id", "name", "timezone", "arr", ""]
        assert "Left out: Favourite colour." in page.content.decode()
        batch = check(client, batch)
        assert (batch.state, batch.rows_total, batch.rows_new, batch.rows_failed) == ("checked", 2, 2, 0)
        assert not Account.objects.exists()
        assert "Import 2 rows" in page_of(client, batch)
        assert client.post(f"/imports/{batch.pk}/start/").status_code == 302
        batch = work(batch)
        assert batch.state == ImportState.IMPORTED
        assert list(Account.objects.order_by("pk").values_list("external_id", "name", "arr")) == [
            ("A-1", "Acme", Decimal("12.50")), ("A-2", "Beta", None),
        ]  # fmt: skip
        assert {entry.actor_name for entry in AuditEntry.objects.all()} == {"Lee Ader"}
        assert "Undo this import" in page_of(client, batch)
        assert "2 rows that it added go" in client.get(f"/imports/{batch.pk}/undo/").content.decode()
        assert client.post(f"/imports/{batch.pk}/undo/").status_code == 302
        assert work(batch).state == ImportState.UNDONE
        assert not Account.objects.exists()
        assert "Everything is as it was before." in page_of(client, batch)
        actions = AuditEntry.objects.filter(action__startswith="import.").order_by("pk")
        assert list(actions.values_list("action", flat=True)) == ["import.uploaded", "import.finished", "import.undone"]

    def test_the_same_file_twice_changes_nothing(self, leader: User) -> None:
        client = client_of(leader)
        for expected in ((2, 0, 0), (0, 0, 2)):
            batch = check(client, send(client, "accounts", ACCOUNTS))
            assert (batch.rows_new, batch.rows_changed, batch.rows_unchanged) == expected
            if batch.rows_new:
                client.post(f"/imports/{batch.pk}/start/")
                work(batch)
        assert "Nothing would change." in page_of(client, batch)
        assert "Import 2 rows" not in page_of(client, batch)

    def test_columns_are_remembered_for_their_source(self, leader: User) -> None:
        client = client_of(leader)
        odd = "k1,k2,k3,name\nA-1,Acme,UTC,x\n"
        chosen = {0: "external_id", 1: "name", 2: "timezone", 3: ""}
        check(client, send(client, "accounts", odd, source="Odd"), chosen)
        assert ImportMapping.objects.get().columns == {"k1": "external_id", "k2": "name", "k3": "timezone", "name": ""}
        again = send(client, "accounts", odd, source="Odd")
        page = client.get(f"/imports/{again.pk}/columns/")
        assert {number: row["field"].initial for number, row in enumerate(page.context["rows"])} == chosen
        assert "Matched as last time for Odd." in page.content.decode()
        other = send(client, "accounts", odd, source="Another")
        page = client.get(f"/imports/{other.pk}/columns/")
        assert page.context["rows"][3]["field"].initial == "name"
        assert 'value="Odd"' in client.get("/imports/new/").content.decode()

    def test_problems_are_listed_and_downloaded(self, leader: User) -> None:
        client = client_of(leader)
        content = (
            'Id,Name,Time zone,ARR\n=1+1,"Acme, ""Ltd""",UTC,-5\nA-2,Beta,Nowhere/Else,"1,5"\nA-3,Gamma,UTC,7\n'
            "A-4,,UTC,-\n"
        )
        batch = check(client, send(client, "accounts", content))
        assert (batch.rows_total, batch.rows_new, batch.rows_failed) == (4, 1, 3)
        page = page_of(client, batch)
        assert "Write decimals with a point: 1.5 instead of 1,5." in page
        assert "Import the 1 good row" in page
        assert "Import 4 rows" not in page
        download = client.get(f"/imports/{batch.pk}/problems.csv")
        rows = list(csv.reader(StringIO(b"".join(download.streaming_content).decode())))  # type: ignore[arg-type]
        assert rows == [
            ["Id", "Name", "Time zone", "ARR", "line", "error"],
            ["'=1+1", 'Acme, "Ltd"', "UTC", "-5", "2", "arr: Give an amount of 0 or more."],
            ["A-2", "Beta", "Nowhere/Else", "1,5", "3",
             f"arr: Write decimals with a point: 1.5 instead of 1,5. timezone: {NO_ZONE}"],
            ["A-4", "", "UTC", "'-", "5",
             f"arr: {NO_NUMBER} name: Give the name of the new account."],
        ]  # fmt: skip

    def test_all_or_nothing_unless_the_good_rows_are_wanted(self, leader: User) -> None:
        client = client_of(leader)
        content = "external_id,name,timezone\nA-1,Acme,UTC\nA-2,,UTC\n"
        batch = check(client, send(client, "accounts", content))
        client.post(f"/imports/{batch.pk}/start/")
        batch.refresh_from_db()
        assert batch.state == ImportState.CHECKED
        assert not run_batch(batch_id=batch.pk, at=NOON)
        client.post(f"/imports/{batch.pk}/start/", {"only_good": "1"})
        batch = work(batch)
        assert (batch.state, batch.rows_new, batch.rows_failed) == ("imported", 1, 1)
        assert Account.objects.get().external_id == "A-1"
        assert "Give the name of the new account." in page_of(client, batch)

    def test_what_changed_since_the_check_is_said_and_saves_nothing(self, leader: User) -> None:
        client = client_of(leader)
        make_account(external_id="A-1", name="Acme")
        content = "external_id,customer,title,completion_type\nO-1,A-1,Goal,manual\n"
        batch = check(client, send(client, "objectives", content))
        assert batch.rows_new == 1
        Account.objects.update(archived_at=NOON)
        client.post(f"/imports/{batch.pk}/start/")
        batch = work(batch)
        assert (batch.state, batch.rows_failed) == (ImportState.CHECKED, 1)
        assert "Something has changed since the check" in page_of(client, batch)
        assert not Objective.objects.exists()

    def test_columns_can_be_changed_after_the_check(self, leader: User) -> None:
        client = client_of(leader)
        batch = check(client, send(client, "accounts", "id,label,tz\nA-1,Acme,UTC\n"), {0: "external_id"})
        assert batch.rows_failed == 1
        batch = check(client, batch, {0: "external_id", 1: "name", 2: "timezone"})
        assert (batch.rows_new, batch.rows_failed) == (1, 0)

    def test_cancelling_removes_the_file(self, leader: User) -> None:
        client = client_of(leader)
        batch = send(client, "accounts", ACCOUNTS)
        assert ImportChunk.objects.filter(batch=batch).exists()
        assert client.post(f"/imports/{batch.pk}/cancel/")["Location"] == "/imports/"
        batch.refresh_from_db()
        assert batch.state == ImportState.CANCELLED
        assert not ImportChunk.objects.exists()
        assert "Nothing was imported." in page_of(client, batch)
        client.post(f"/imports/{batch.pk}/columns/", {"column_0": "external_id"})
        batch.refresh_from_db()
        assert batch.state == ImportState.CANCELLED

    def test_files_go_when_nobody_touches_them(self, leader: User) -> None:
        client = client_of(leader)
        batch = send(client, "accounts", ACCOUNTS)
        ImportBatch.objects.update(updated_at=NOON)
        assert batches.clean_up(at=NOON + timedelta(days=13)) == 0
        assert batches.clean_up(at=NOON + timedelta(days=15)) == 1
        batch.refresh_from_db()
        assert batch.state == ImportState.CANCELLED

    def test_a_bill(self, leader: User) -> None:
        client = client_of(leader)
        rows = [f"S-1,Atlas,2026-10-{day:02} 22:00:00,USD,{100 - day},0" for day in range(1, 9)]
        head = "SubAccountId,SubAccountName,ChargePeriodStart,BillingCurrency,BilledCost,EffectiveCost"
        batch = check(client, send(client, "focus", "\n".join([head, *rows])))
        assert (batch.rows_total, batch.rows_new, batch.rows_failed) == (8, 16, 0)
        assert not Account.objects.exists()
        client.post(f"/imports/{batch.pk}/start/")
        assert work(batch).state == ImportState.IMPORTED
        assert Reading.objects.count() == 16
        assert "Objectives created" in page_of(client, batch)


class TestColumns:
    def test_needed_fields_are_named_and_no_field_taken_twice(self, leader: User) -> None:
        client = client_of(leader)
        batch = send(client, "accounts", "x,y\n1,2\n")
        url = f"/imports/{batch.pk}/columns/"
        assert "Still needed:" in client.get(url).content.decode()
        page = client.post(url, {"column_0": "name", "column_1": "name"})
        assert page.status_code == 422
        text = page.content.decode()
        assert "“x” is matched to Name already. Keep one." in text
        assert "Match a column to External id: it can&#x27;t be done without." in text
        assert client.post(url, {"column_0": "password"}).status_code == 422

    def test_duplicate_headings_are_told_apart(self, leader: User) -> None:
        client = client_of(leader)
        batch = send(client, "accounts", "external_id,name,name,timezone\nA-1,Old,New,UTC\n")
        page = client.get(f"/imports/{batch.pk}/columns/")
        assert [row["field"].initial for row in page.context["rows"]] == ["external_id", "name", "", "timezone"]
        assert "Left out: name." in page.content.decode()
        batch = check(client, batch, {0: "external_id", 1: "", 2: "name", 3: "timezone"})
        assert batch.rows_new == 1


class TestProgress:
    def test_asks_again_until_it_is_done_and_says_each_quarter(self, leader: User) -> None:
        client = client_of(leader)
        batch = send(client, "accounts", ACCOUNTS)
        ImportBatch.objects.update(state="checking", rows_total=240, rows_done=184, heartbeat_at=NOON)
        page = page_of(client, batch)
        assert "184 of 240 rows" in page
        assert 'hx-trigger="every 1s"' in page
        assert "data-announce" not in page.split('id="import-step"')[1].split(">")[0]
        part = {"HX-Request": "true"}
        url = f"/imports/{batch.pk}/"
        assert client.get(f"{url}?seen=checking-184-240&said=75", headers=part).status_code == 204
        news = client.get(f"{url}?seen=checking-60-240&said=25", headers=part).content.decode()
        assert 'data-announce="75 % of the rows read"' in news
        assert "<h1>" not in news
        none = client.get(f"{url}?seen=checking-182-240&said=75", headers=part).content.decode()
        assert "data-announce" not in none
        ImportBatch.objects.update(state="checked", rows_done=240, rows_failed=2)
        over = client.get(f"{url}?seen=checking-184-240&said=75", headers=part).content.decode()
        assert "Check finished: 100 %. 2 rows with problems." in over
        assert "hx-trigger" not in over

    def test_a_worker_that_died_is_followed_by_another(self, leader: User, clock: Clock) -> None:
        client = client_of(leader)
        batch = send(client, "accounts", ACCOUNTS)
        ImportBatch.objects.update(state="check_due", columns={"0": "external_id", "1": "name", "2": "timezone"})
        assert batches.claim_batch(batch_id=batch.pk) is not None
        assert batches.claim_batch(batch_id=batch.pk) is None
        assert batches.waiting_batches() == []
        clock(NOON + timedelta(seconds=31))
        assert batches.waiting_batches() == [batch.pk]
        batch = work(batch)
        assert (batch.state, batch.attempts) == (ImportState.CHECKED, 2)

    def test_whoever_lost_the_claim_keeps_nothing(self, leader: User) -> None:
        client = client_of(leader)
        batch = check(client, send(client, "accounts", ACCOUNTS))
        client.post(f"/imports/{batch.pk}/start/")
        first = batches.claim_batch(batch_id=batch.pk)
        assert first is not None
        ImportBatch.objects.update(attempts=2)
        with pytest.raises(batches.ClaimLost):
            batches.finish_import(batch=first, outcome=batches.Outcome(), by=leader.as_actor(), at=NOON)

    def test_it_gives_up_after_three_times(self, leader: User) -> None:
        client = client_of(leader)
        batch = send(client, "accounts", ACCOUNTS)
        ImportBatch.objects.update(state="check_due", attempts=3)
        batch = work(batch)
        assert batch.state == ImportState.FAILED
        assert "interrupted 3 times" in page_of(client, batch)

    def test_what_nobody_foresaw_is_no_secret(self, leader: User, monkeypatch: pytest.MonkeyPatch) -> None:
        client = client_of(leader)
        batch = send(client, "accounts", ACCOUNTS)
        monkeypatch.setattr("objectives.imports.jobs.import_rows", lambda **_: 1 / 0)
        batch = check(client, batch)
        assert batch.state == ImportState.FAILED
        assert "that we did not foresee; nothing was saved" in page_of(client, batch)


def workbook(*rows: list[object], hidden: bool = False, more: dict[str, list[list[object]]] | None = None) -> bytes:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "Data"
    for row in rows:
        sheet.append(row)
    for name, lines in (more or {}).items():
        extra = book.create_sheet(name)
        for line in lines:
            extra.append(line)
    if hidden:
        book.create_sheet("Secret").sheet_state = "hidden"
    buffer = BytesIO()
    book.save(buffer)
    return buffer.getvalue()


class TestWorkbooks:
    def test_numbers_dates_and_blanks(self, leader: User) -> None:
        client = client_of(leader)
        content = workbook(
            ["external_id", "name", "timezone", "arr", "renewal_on", "industry"],
            [1001, "Acme", "UTC", 1250.5, date(2027, 1, 31), None],
            [None, None, None, None, None, None],
            ["A-2", "Beta", "UTC", 0.1 + 0.2, "2027-02-28"],
        )
        batch = check(client, send(client, "accounts", content, name="book.xlsx"))
        assert (batch.rows_total, batch.rows_new, batch.rows_failed) == (2, 2, 0), batch.failures.values()
        client.post(f"/imports/{batch.pk}/start/")
        work(batch)
        assert list(Account.objects.order_by("pk").values_list("external_id", "arr", "renewal_on")) == [
            ("1001", Decimal("1250.50"), date(2027, 1, 31)),
            ("A-2", Decimal("0.30"), date(2027, 2, 28)),
        ]

    def test_a_sheet_is_chosen_and_hidden_ones_left_out(self, leader: User) -> None:
        client = client_of(leader)
        other = [["external_id", "name", "timezone"], ["A-1", "Acme", "UTC"]]
        content = workbook(["notes"], ["nothing here"], hidden=True, more={"Accounts": other})  # type: ignore[dict-item]
        batch = send(client, "accounts", content, name="book.xlsx")
        assert (batch.sheets, batch.hidden_sheets, batch.sheet) == (["Data", "Accounts"], 1, "Data")
        page = client.get(f"/imports/{batch.pk}/columns/?sheet=Accounts")
        assert [row["heading"] for row in page.context["rows"]] == ["external_id", "name", "timezone"]
        assert "1 hidden sheet left out" in page.content.decode()
        chosen = {0: "external_id", 1: "name", 2: "timezone"}
        batch = check(client, batch, chosen, sheet="Accounts")
        assert (batch.sheet, batch.rows_new) == ("Accounts", 1)

    def test_formulas_errors_and_numbers_for_dates(self, leader: User) -> None:
        client = client_of(leader)
        content = workbook(
            ["external_id", "name", "timezone", "arr", "renewal_on"],
            ["A-1", "=CONCAT(1,2)", "UTC", 1, None],
            ["A-2", "Beta", "UTC", "#DIV/0!", None],
            ["A-3", "Gamma", "UTC", 3, 46419],
        )
        batch = check(client, send(client, "accounts", content, name="book.xlsx"))
        assert list(batch.failures.order_by("line").values_list("line", "problems")) == [
            (2, [["name", "The formula has no result in the file. Open it in Excel, save it, and upload it again."]]),
            (3, [["arr", "The cell shows #DIV/0!. Repair the formula, or write the value itself."]]),
            (4, [["renewal_on", f"46419 is {SERIAL}"]]),
        ]  # fmt: skip


class TestPermissions:
    def test_a_csm_imports_into_their_own_accounts_only(self, csm: User, leader: User) -> None:
        make_account(external_id="MINE", name="Mine", owner=csm)
        make_account(external_id="THEIRS", name="Theirs", owner=leader)
        client = client_of(csm)
        batch = check(
            client,
            send(
                client, "accounts",
                "external_id,name,timezone,owner\nMINE,Mine too,UTC,csm@example.com\nTHEIRS,X,UTC,csm@example.com\n"
                f"NEW,New,UTC,\nNEW-2,New,UTC,{leader.email}\nMINE-2,Other,UTC,csm@example.com\n",
            ),
        )  # fmt: skip
        assert list(batch.failures.order_by("line").values_list("line", "problems")) == [
            (3, [["external_id", "Theirs is assigned to Lee Ader. Ask its owner or a leader to change it."]]),
            (5, [["owner", NOT_TO_GIVE]]),
        ]  # fmt: skip
        client.post(f"/imports/{batch.pk}/start/", {"only_good": "1"})
        work(batch)
        owners = dict(Account.objects.order_by("pk").values_list("external_id", "owner__name"))
        assert owners == {
            "MINE": "Casey Morgan", "THEIRS": "Lee Ader", "NEW": "Casey Morgan", "MINE-2": "Casey Morgan",
        }  # fmt: skip

    def test_objectives_readings_and_metrics_of_others(self, csm: User, leader: User) -> None:
        mine = make_account(external_id="MINE", name="Mine", owner=csm)
        theirs = make_account(external_id="THEIRS", name="Theirs", owner=leader)
        make_metric(key="seats", name="Seats")
        make_objective(mine, external_id="O-1")
        make_objective(theirs, external_id="O-2")
        client = client_of(csm)
        words = "Theirs is assigned to Lee Ader. Ask its owner or a leader to change it."

        def problems(kind: str, content: str) -> list[tuple[int, list[list[str]]]]:
            batch = check(client, send(client, kind, content))
            return list(batch.failures.order_by("line").values_list("line", "problems"))

        assert problems(
            "objectives",
            "external_id,customer,title,completion_type\nO-3,MINE,A,manual\nO-4,THEIRS,B,manual\nO-2,,C,\n",
        ) == [(3, [["customer", words]]), (4, [["external_id", words]])]
        assert problems(
            "readings", "customer,metric,objective,value\n,,O-1,4\n,,O-2,4\nMINE,seats,,1\nTHEIRS,seats,,1\n"
        ) == [
            (line, [["customer", "This account is assigned to somebody else. Ask its owner or a leader to change it."]])
            for line in (3, 5)
        ]
        assert problems("metrics", "key,name\nseats,Chairs\ntickets,Tickets\n") == [
            (2, [["key", "“Seats” is one metric for all accounts. Ask a leader to change it."]])
        ]

    def test_lists_show_a_csm_their_own(self, csm: User, leader: User) -> None:
        send(client_of(leader), "accounts", ACCOUNTS, name="of-the-leader.csv")
        mine = send(client_of(csm), "accounts", ACCOUNTS, name="mine.csv")
        page = client_of(csm).get("/imports/").content.decode()
        assert "mine.csv" in page
        assert "of-the-leader.csv" not in page
        both = client_of(leader).get("/imports/").content.decode()
        assert "mine.csv" in both
        assert "of-the-leader.csv" in both
        assert client_of(leader).get(f"/imports/{mine.pk}/columns/").status_code == 200


class TestList:
    def test_empty(self, csm: User) -> None:
        assert "Nothing imported yet" in client_of(csm).get("/imports/").content.decode()

    def test_costs_the_same_at_1_and_30_rows(self, leader: User) -> None:
        client = client_of(leader)

        def cost(count: int) -> int:
            ImportBatch.objects.all().delete()
            for number in range(count):
                ImportBatch.objects.create(
                    kind="accounts", file_name=f"{number}.csv", file_format="csv", size_bytes=1, created_by=make_user()
                )
            with CaptureQueriesContext(connection) as queries:
                page = client.get("/imports/")
            assert len(page.context["page"].lines) == min(count, 25)
            return len(queries)

        client.get("/imports/")
        assert cost(1) == cost(30)
        page = client.get("/imports/")
        following = client.get("/imports/" + page.context["next_href"])
        assert [line.batch.file_name for line in following.context["page"].lines] == [
            f"{number}.csv" for number in range(4, -1, -1)
        ]
        assert client.get("/imports/?cursor=forged").status_code == 404


class TestUpload:
    def test_nothing_is_asked_for_twice(self, leader: User) -> None:
        page = client_of(leader).post("/imports/new/", {"kind": "people"})
        assert page.status_code == 422
        assert "Choose a file." in page.content.decode()

    def test_too_large(self, leader: User, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(settings, "VR_IMPORT_MAX_BYTES", 1024 * 1024)
        text = refused(client_of(leader), b"external_id\n" + b"A-1\n" * 300_000)
        assert "The file is larger than 1 MB. Split it into several files." in text

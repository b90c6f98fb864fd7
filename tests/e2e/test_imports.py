"""Importing as people do it: every file of the catalogue with what the page says, and the whole way there and back."""

import csv
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import connection
from playwright.sync_api import Page, expect

from objectives.imports import run
from objectives.imports.jobs import run_batch
from objectives.models import ImportBatch, ImportState, Reading
from tests.e2e.conftest import PASSWORD, sign_in
from tests.factories import make_user
from tests.objectives.import_catalogue import CATALOGUE, GOOD, HEADER, MOST_ROWS, Case, fill, row

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

Open = Callable[..., Page]


@pytest.fixture
def page(open_page: Open, transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> Page:
    """Sign in as a leader who knows an account, a metric and an objective."""
    monkeypatch.setattr(run, "KINDS", {**run.KINDS, "readings": replace(run.KINDS["readings"], most=MOST_ROWS)})
    fill()
    make_user(role="leader", email="leader@example.com", name="Lee Ader", password=PASSWORD)
    page = open_page()
    sign_in(page, "leader@example.com")
    return page


def upload(page: Page, name: str, content: bytes) -> bool:
    """Send a file as readings; tells whether it was taken."""
    page.goto("/imports/new/?kind=readings")
    page.locator("input[type=file]").set_input_files(
        {"name": name, "mimeType": "application/octet-stream", "buffer": content}
    )
    with page.expect_navigation():
        page.get_by_role("button", name="Upload and match columns").click()
    return page.url.endswith("/columns/")


def check(page: Page) -> ImportBatch:
    """Take the columns as suggested, and let a worker check the rows."""
    with page.expect_navigation():
        page.get_by_role("button", name="Check rows").click()
    batch = ImportBatch.objects.latest("pk")
    assert run_batch(batch_id=batch.pk, at=datetime.now(UTC))
    return batch


def test_every_file_of_the_catalogue_is_answered(page: Page) -> None:
    def answer(case: Case) -> None:
        if not upload(page, case.file, case.content()):
            expect(page.locator("form .invalid-feedback")).to_have_text(
                [f"Line {line}: {message}" if line else message for line, _name, message in case.problems]
            )
            return
        check(page)
        page.reload()  # it would look by itself, in a second or two: seventy times
        step = page.locator("#import-step")
        if not case.problems:
            expect(step).to_contain_text(f"Import {case.new} row" if case.new else "Nothing to import.")
            return
        rows = step.locator("table tbody tr")
        expect(rows).to_have_count(len(case.problems))
        for number, (line, _name, message) in enumerate(case.problems):
            expect(rows.nth(number).locator("td").first).to_have_text(str(line) if line else "File")
            expect(rows.nth(number).locator("td").last).to_have_text(message)
        expect(step.get_by_role("button", name="Import", exact=False).filter(has_not_text="good")).to_have_count(0)

    wrong: list[str] = []
    for case in CATALOGUE:
        try:
            answer(case)
        except AssertionError as error:
            wrong.append(f"{case.name}: {str(error)[:600]}")
    assert wrong == []
    assert Reading.objects.count() == 0


def test_the_whole_way_and_back(page: Page, owner_connection: psycopg.Connection[Any]) -> None:
    rows = [row(observed_at=f"2025-01-01T{n // 60:02}:{n % 60:02}:00Z", value=str(n)) for n in range(300)]
    bad = [row(metric="chairs"), row(value="1,5", note="=1+1")]
    assert upload(page, "readings.csv", "\n".join([HEADER, *rows, *bad, ""]).encode())
    check(page)
    step = page.locator("#import-step")
    expect(step).to_contain_text("There is no such metric.")

    # the failed rows, to be put right
    with page.expect_download() as download:
        step.get_by_role("link", name="Download problems").click()
    found = list(csv.reader(StringIO(Path(download.value.path()).read_text(encoding="utf-8"))))
    assert [(line[1], line[2], line[5], line[-2], line[-1]) for line in found] == [
        ("metric", "value", "note", "line", "error"),
        ("chairs", "35", "", "302", "metric: There is no such metric."),
        ("seats", "1,5", "'=1+1", "303", "value: Write decimals with a point: 1.5 instead of 1,5."),
    ]
    step.get_by_role("link", name="Upload a corrected file").click()
    assert upload(page, "readings.csv", "\n".join([HEADER, *rows, GOOD, ""]).encode())
    batch = check(page)
    expect(step).to_contain_text("301 rows")

    # the import: how far it is, and what came of it
    worker = threading.Thread(target=_work, args=[batch.pk])
    with owner_connection.transaction():
        owner_connection.execute("SELECT FROM accounts_account FOR UPDATE")  # it can't end before we have looked
        step.get_by_role("button", name="Import 301 rows").click()
        expect(step).to_contain_text("waiting to be imported")
        worker.start()
        expect(step).to_contain_text("301 of 301 rows")
        expect(step).to_contain_text("All rows are read; now they are compared with what is there.")
        expect(step.get_by_role("progressbar")).to_have_attribute("value", "301")
        assert Reading.objects.count() == 0
    worker.join(60)
    expect(step).to_contain_text("Imported.")
    expect(step.locator(".vr-facts")).to_contain_text("301")
    assert Reading.objects.count() == 301

    # and back
    step.get_by_role("link", name="Undo this import").click()
    page.get_by_role("button", name="Undo the import").click()
    expect(step).to_contain_text("waiting to be undone")
    assert run_batch(batch_id=batch.pk, at=datetime.now(UTC))
    expect(step).to_contain_text("Everything is as it was before.")
    assert Reading.objects.count() == 0
    batch.refresh_from_db()
    assert (batch.state, batch.undone_by) == (ImportState.UNDONE, "Lee Ader")
    page.goto("/imports/")
    expect(page.locator("#imports tbody tr").first).to_contain_text("Undone")


def _work(batch_id: int) -> None:
    """Work as a worker does, beside the browser."""
    assert run_batch(batch_id=batch_id, at=datetime.now(UTC))
    connection.close()

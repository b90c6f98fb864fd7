"""The catalogue of files, by the command and through the wizard's pages: a clear answer to each, nothing half-saved."""

from dataclasses import replace
from html import unescape
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from objectives.imports import run
from objectives.imports.jobs import run_batch
from objectives.models import ImportBatch, ImportFailure, ImportState, Reading
from tests.factories import make_user
from tests.objectives.import_catalogue import CATALOGUE, MOST_ROWS, Case, fill

pytestmark = [pytest.mark.django_db, pytest.mark.parametrize("case", CATALOGUE, ids=lambda case: case.name)]

NOTED = {"AuditEntry", "ImportBatch", "ImportChunk", "ImportFailure", "ImportMapping"}


@pytest.fixture(autouse=True)
def world(monkeypatch: pytest.MonkeyPatch) -> None:
    fill()
    monkeypatch.setattr(run, "KINDS", {**run.KINDS, "readings": replace(run.KINDS["readings"], most=MOST_ROWS)})


def everything(*, besides: set[str] = frozenset()) -> dict[str, list[Any]]:  # type: ignore[assignment]
    labels = ("accounts", "objectives", "common")
    models = [model for label in labels for model in apps.get_app_config(label).get_models()]
    return {
        model.__name__: list(model._default_manager.order_by("pk").values())
        for model in models
        if model.__name__ not in besides
    }


def test_by_the_command(case: Case, tmp_path: Path) -> None:
    path = tmp_path / case.file
    path.write_bytes(case.content())
    before = everything()
    output, error = StringIO(), StringIO()
    if case.errors:
        with pytest.raises(CommandError, match=r"^\d+ errors? in .*: nothing was imported\.$"):
            call_command("import_csv", "readings", str(path), stdout=output, stderr=error)
        assert error.getvalue().splitlines() == case.lines
        assert everything() == before
        return
    call_command("import_csv", "readings", str(path), stdout=output, stderr=error)
    assert output.getvalue() == f"{case.new} rows of readings: {case.new} new, 0 corrected, 0 unchanged.\n"
    assert Reading.objects.count() == case.new
    # The same file once more changes nothing.
    after = everything(besides=NOTED)
    call_command("import_csv", "readings", str(path), stdout=output)
    assert output.getvalue().endswith(f": 0 new, 0 corrected, {case.new} unchanged.\n")
    assert everything(besides=NOTED) == after


def test_through_the_wizard(case: Case, tmp_path: Path) -> None:
    client = Client()
    client.force_login(make_user(role="leader"), backend="django.contrib.auth.backends.ModelBackend")
    before = everything(besides=NOTED)
    sent = {"kind": "readings", "file": SimpleUploadedFile(case.file, case.content())}
    response = client.post("/imports/new/", sent)
    if response.status_code == 422:
        assert [spelled(*problem) for problem in case.problems] == list(response.context["form"].errors["file"])
        assert not ImportBatch.objects.exists()
        assert everything() == before | everything(besides=set(before))
        return
    assert response.status_code == 302
    batch = ImportBatch.objects.get()
    columns = client.get(response["Location"])
    chosen = {row["field"].html_name: row["field"].initial or "" for row in columns.context["rows"]}
    assert client.post(response["Location"], chosen).status_code == 302
    assert run_batch(batch_id=batch.pk, at=timezone.now())
    batch.refresh_from_db()
    assert batch.state == ImportState.CHECKED
    failures = ImportFailure.objects.filter(batch=batch).order_by("line").values_list("line", "problems")
    found = [(line, name, message) for line, problems in failures for name, message in problems]
    assert tuple(found) == case.problems
    page = unescape(client.get(f"/imports/{batch.pk}/").content.decode())
    assert all(message in page for _line, _name, message in case.problems)
    assert everything(besides=NOTED) == before
    if case.problems:
        assert f"Import {batch.rows_total} row" not in page
        client.post(f"/imports/{batch.pk}/start/")  # all of it, which is refused
        assert not run_batch(batch_id=batch.pk, at=timezone.now())
        assert everything(besides=NOTED) == before
        return
    assert (batch.rows_new, batch.rows_failed) == (case.new, 0)
    assert ("Nothing to import." in page) == (case.new == 0)
    client.post(f"/imports/{batch.pk}/start/")
    assert run_batch(batch_id=batch.pk, at=timezone.now())
    assert Reading.objects.count() == case.new


def spelled(line: int, name: str, message: str) -> str:
    """Spell an error as the form does."""
    return f"Line {line}: {message}" if line else message

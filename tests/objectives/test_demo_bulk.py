"""Generated accounts, for measuring, obey the rules that any others do."""

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from django.db import connection

from accounts.models import Account
from objectives.models import Objective, Snapshot, Standing
from objectives.services.restatements import verify
from objectives.services.standings import follow_readings
from objectives.status import Status

PROJECT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.django_db(transaction=True, databases=["default", "owner"])
def test_generated_accounts_follow_the_same_rules(process_environment: dict[str, str]) -> None:
    command = [sys.executable, "manage.py", "demo", "--accounts", "240", "--weeks", "3"]
    done = subprocess.run(command, cwd=PROJECT, env=process_environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Loaded 240 accounts, 1200 objectives, 3360 readings and 720 snapshots" in done.stdout

    assert Account.objects.filter(is_demo=True).values("name").distinct().count() == 240
    assert set(Standing.objects.values_list("shown_status", flat=True)) == set(Status)
    assert set(Standing.objects.values_list("status", flat=True)) == set(Status)
    assert Counter(Snapshot.objects.values_list("account", flat=True).order_by()).most_common()[-1][1] == 3
    assert not Snapshot.objects.filter(reconstructed=True).exists()
    facts = ("pk", "current", "reading", "measured_at", "last_progress_at")
    before = list(Objective.objects.order_by("pk").values_list(*facts))
    follow_readings(objective_ids=[pk for pk, *_rest in before])
    assert list(Objective.objects.order_by("pk").values_list(*facts)) == before
    assert verify() == []
    with connection.cursor() as cursor:
        cursor.execute("SELECT reltuples FROM pg_class WHERE relname = 'objectives_objective'")
        assert cursor.fetchone() == (1200.0,)
    again = subprocess.run(command, cwd=PROJECT, env=process_environment, capture_output=True, text=True, check=False)
    assert (again.returncode, "nothing changed" in again.stdout) == (0, True)

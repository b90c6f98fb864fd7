"""Schedules in words: what a task does, when it runs, and when it runs next."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from celery import current_app
from django.test import Client
from django.urls import reverse
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    SolarSchedule,
)

from tests.factories import make_user
from valuerealization.common.admin.schedules import next_run, purpose, rhythm

pytestmark = pytest.mark.django_db

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)


def task(**fields: Any) -> PeriodicTask:
    return PeriodicTask(**{"name": "A task", "task": "objectives.tick", "enabled": True, **fields})


@pytest.mark.parametrize(
    ("every", "period", "words"),
    [(5, "minutes", "Every 5 minutes"), (1, "hours", "Every hour"), (2, "days", "Every 2 days")],
)
def test_intervals(every: int, period: str, words: str) -> None:
    assert rhythm(task(interval=IntervalSchedule(every=every, period=period))) == words


def test_other_rhythms() -> None:
    monthly = CrontabSchedule(minute="0", hour="3", day_of_month="1")
    words = rhythm(task(crontab=monthly))
    assert "on day 1 of the month" in words
    assert "03:00" in words
    assert rhythm(task(solar=SolarSchedule(event="sunset", latitude=52, longitude=13))) == "At sunset, 52, 13"
    assert rhythm(task(clocked=ClockedSchedule(clocked_time=AT))) == "Once, on 20 Nov 2026, 12:00"
    assert rhythm(task()) == "Never: it has no schedule"


def test_what_it_does_is_its_description_or_its_first_line() -> None:
    current_app.loader.import_default_modules()
    assert purpose(task(description="Counts")) == "Counts"
    assert purpose(task()).startswith("Every five minutes: hand out the snapshots")
    assert purpose(task(task="no.such.task")) == "No worker knows this task"


def test_next_run() -> None:
    five = IntervalSchedule(every=5, period="minutes")
    assert next_run(task(interval=five, last_run_at=AT - timedelta(minutes=2)), at=AT) == AT + timedelta(minutes=3)
    assert next_run(task(interval=five, last_run_at=AT - timedelta(hours=2)), at=AT) == AT
    assert next_run(task(interval=five), at=AT) == AT
    assert next_run(task(interval=five, enabled=False), at=AT) is None
    assert next_run(task(interval=five, expires=AT - timedelta(days=1)), at=AT) is None
    later = AT + timedelta(days=3)
    assert next_run(task(interval=five, start_time=later), at=AT) == later
    assert next_run(task(clocked=ClockedSchedule(clocked_time=later)), at=AT) == later
    assert next_run(task(clocked=ClockedSchedule(clocked_time=AT - timedelta(days=3))), at=AT) is None
    assert next_run(task(), at=AT) is None


def test_next_run_by_the_calendar(clock: Any) -> None:
    clock(AT)
    monthly = CrontabSchedule(minute="0", hour="3", day_of_month="1", timezone="UTC")
    assert next_run(task(crontab=monthly), at=AT) == datetime(2026, 12, 1, 3, tzinfo=UTC)


def test_every_task_that_is_scheduled_is_known_and_explained() -> None:
    current_app.loader.import_default_modules()
    found = {entry.task: purpose(entry) for entry in PeriodicTask.objects.all()}
    assert "objectives.tick" in found
    ours = {name: words for name, words in found.items() if not name.startswith("celery.")}
    assert [name for name in ours if name not in current_app.tasks] == []
    assert [name for name, words in ours.items() if len(words) < 20] == []


def test_list_says_it_in_words_and_a_run_is_asked_for(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    client.force_login(make_user(role="admin"), backend="django.contrib.auth.backends.ModelBackend")
    url = reverse("admin:django_celery_beat_periodictask_changelist")
    page = client.get(url).content.decode()
    assert "Every 5 minutes" in page
    assert "Takes the weekly snapshots of accounts" in page
    tick = PeriodicTask.objects.get(task="objectives.tick")
    chosen = {"action": "run_tasks", "_selected_action": tick.pk}
    sent: list[str] = []
    current_app.loader.import_default_modules()
    monkeypatch.setattr(current_app.tasks["objectives.tick"], "apply_async", lambda **_: sent.append("tick"))
    assert "Send these tasks to the workers now?" in client.post(url, chosen).content.decode()
    assert sent == []
    client.post(url, {**chosen, "confirmed": "yes"})
    assert sent == ["tick"]
    assert "Every 5 minutes" in client.get(f"{url}{tick.pk}/change/").content.decode()

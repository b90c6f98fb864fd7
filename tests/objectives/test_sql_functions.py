"""The database's functions and the pure modules say the same, for every input."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import available_timezones

import pytest
from django.db import connection
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from objectives.progress import completion_pct, is_met, weighted_mean
from objectives.status import Status, rank_of, status_of
from objectives.weeks import boundary_at, days_without_progress, week_at_or_after

pytestmark = pytest.mark.django_db

VALUES = st.decimals(
    min_value=Decimal("-99999999999999.999999"), max_value=Decimal("99999999999999.999999"), places=6, allow_nan=False
)
COMPLETIONS = st.decimals(min_value=Decimal(-(10**9)), max_value=Decimal(10**9), places=12, allow_nan=False)
WEIGHTS = st.decimals(min_value=Decimal("0.000001"), max_value=Decimal(100), places=6, allow_nan=False)
ZONES = sorted(
    zone for zone in available_timezones() if "/" in zone and not zone.startswith(("Etc/", "posix", "right"))
)
TRIPLES = st.lists(
    st.tuples(VALUES, VALUES, VALUES).filter(lambda triple: triple[0] != triple[2]), min_size=1, max_size=40
)
fast = settings(
    max_examples=25,
    deadline=None,
    phases=[
        Phase.explicit,
        Phase.reuse,
        Phase.generate,
    ],  # every example asks the database: shrinking would take minutes
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def ask(sql: str, *params: Any) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.fetchone()[0]


def ask_all(sql: str, *params: Any) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return [row[0] for row in cursor.fetchall()]


@fast
@given(triples=TRIPLES)
def test_completion_is_the_same_in_sql_and_python(triples: list[tuple[Decimal, Decimal, Decimal]]) -> None:
    columns = [list(column) for column in zip(*triples, strict=True)]

    found = ask_all(
        "SELECT value_completion(b, c, t) FROM unnest(%s::numeric[], %s::numeric[], %s::numeric[])"
        " WITH ORDINALITY AS x (b, c, t, n) ORDER BY n",
        *columns,
    )

    assert found == [completion_pct(baseline=b, current=c, target=t) for b, c, t in triples]


@fast
@given(triples=TRIPLES)
def test_met_is_the_same_in_sql_and_python(triples: list[tuple[Decimal, Decimal, Decimal]]) -> None:
    columns = [list(column) for column in zip(*triples, strict=True)]

    found = ask_all(
        "SELECT value_met(b, c, t) FROM unnest(%s::numeric[], %s::numeric[], %s::numeric[])"
        " WITH ORDINALITY AS x (b, c, t, n) ORDER BY n",
        *columns,
    )

    assert found == [is_met(baseline=b, current=c, target=t) for b, c, t in triples]


def test_completion_of_equal_baseline_and_target_is_null_in_sql() -> None:
    assert ask("SELECT value_completion(10, 5, 10)") is None
    assert ask("SELECT value_completion(10, NULL, 20)") is None


@fast
@given(items=st.lists(st.tuples(WEIGHTS, st.none() | COMPLETIONS), max_size=12))
def test_mean_is_the_same_in_sql_and_python(items: list[tuple[Decimal, Decimal | None]]) -> None:
    found = ask(
        "SELECT value_average(sum(w * c), sum(w) FILTER (WHERE c IS NOT NULL))"
        " FROM unnest(%s::numeric(9, 6)[], %s::numeric(40, 12)[]) AS x (w, c)",
        [weight for weight, _ in items],
        [completion for _, completion in items],
    )

    assert found == weighted_mean(items)


def test_two_thirds_and_five_sixths_make_exactly_fifty() -> None:
    mean = ask(
        "SELECT value_average(sum(value_completion(0, c, 6)), count(*)) FROM (VALUES (2::numeric), (2), (5)) AS x (c)"
    )

    assert mean == Decimal(50)
    assert ask("SELECT value_status(%s, false, 0)", mean) == Status.ON_TRACK


@pytest.mark.parametrize("score", ["24.999999", "25", "49.999999", "50", "99.999999", "100", "123", "-5"])
@pytest.mark.parametrize("days", ["0", "13.999999", "14", "29.999999", "30", "41"])
@pytest.mark.parametrize("all_met", [True, False])
def test_status_is_the_same_in_sql_and_python(score: str, days: str, all_met: bool) -> None:
    found = ask("SELECT value_status(%s, %s, %s)", Decimal(score), all_met, Decimal(days))

    assert found == status_of(score=Decimal(score), all_met=all_met, days_without_progress=Decimal(days))


def test_no_score_has_no_status_and_the_last_rank() -> None:
    assert ask("SELECT value_status(NULL, false, 0)") is None
    assert [ask("SELECT value_status_rank(%s)", status) for status in (*Status, None)] == [
        rank_of(status) if status else 9 for status in (*Status, None)
    ]


def test_boundaries_of_every_zone_are_the_same_in_sql_and_python() -> None:
    sundays = [date(2024, 1, 7) + timedelta(weeks=week) for week in range(104)]

    for zone in ZONES:
        found = ask_all(
            "SELECT value_boundary_at(d, %s) FROM unnest(%s::date[]) WITH ORDINALITY AS x (d, n) ORDER BY n",
            zone,
            sundays,
        )
        assert found == [boundary_at(sunday, zone) for sunday in sundays], zone


@fast
@given(
    zone=st.sampled_from(ZONES),
    instants=st.lists(
        st.integers(0, 5 * 365 * 86400).map(lambda s: datetime(2023, 1, 1, tzinfo=UTC) + timedelta(seconds=s)),
        min_size=30,
        max_size=30,
    ),
)
def test_weeks_and_days_are_the_same_in_sql_and_python(zone: str, instants: list[datetime]) -> None:
    near = [boundary_at(week_at_or_after(instant, zone), zone) for instant in instants]
    moments = [
        moment + timedelta(microseconds=shift) for moment in (*instants, *near) for shift in (-1, 0, 1, 3_600_000_000)
    ]

    weeks = ask_all(
        "SELECT value_week_at_or_after(i, %s) FROM unnest(%s::timestamptz[]) WITH ORDINALITY AS x (i, n) ORDER BY n",
        zone, moments,
    )  # fmt: skip
    anchor = date(2024, 3, 31)
    days = ask_all(
        "SELECT value_days_since(%s, i, %s) FROM unnest(%s::timestamptz[]) WITH ORDINALITY AS x (i, n) ORDER BY n",
        anchor, zone, moments,
    )  # fmt: skip

    assert weeks == [week_at_or_after(moment, zone) for moment in moments]
    assert days == [days_without_progress(anchor_week=anchor, at=moment, timezone=zone) for moment in moments]

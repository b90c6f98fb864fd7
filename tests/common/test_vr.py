"""Template filters: they pass values to the one formatter and spell nothing themselves."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from django.template import Context, Template

from valuerealization.common.templatetags import vr

TODAY = date(2026, 11, 17)


@pytest.mark.parametrize(
    ("who", "expected"),
    [
        ("Amara Okafor", "AO"),
        ("Ana María de la Cruz", "AC"),
        ("Cher", "C"),
        (SimpleNamespace(name="", email="jonas.lindqvist@example.com"), "JL"),
        ("Calder & Rowe", "CR"),
        ("&", ""),
        (None, ""),
    ],
)
def test_initials(who: Any, expected: str) -> None:
    assert vr.initials(who) == expected


def render(source: str, **context: Any) -> str:
    return Template("{% load vr %}" + source).render(Context(context))


def test_values_are_written_in_the_unit_of_their_objective() -> None:
    days = SimpleNamespace(unit="days", unit_label="", baseline=Decimal(14), target=Decimal(7))
    narrow = SimpleNamespace(unit="percentage", unit_label="", baseline=Decimal(3), target=Decimal(5))
    euros = SimpleNamespace(unit="currency", unit_label="", currency="EUR")

    assert render("{{ n|value:of }}", n=Decimal("9.000000"), of=days) == "9 days"
    assert render("{{ n|value:of }}", n=Decimal("4.8"), of=narrow) == "4.8%"
    assert render("{{ n|value:of }}", n=Decimal(1250000), of=euros) == "€1,250,000"
    assert render("{{ n|value:of }}", n=None, of=euros) == "n/a"


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{{ n|pct }}", "−29%"),
        ("{{ none|pct }}", "n/a"),
        ("{{ amount|money }}", "$184,000"),
        ("{{ amount|money_short:'EUR' }}", "€184k"),
        ("{{ amount|svg }} {{ half|svg }} {{ none|svg }}", "184000 0.5 0"),
        ("{{ one|count:'account' }}, {{ none|count:'day' }}", "1 account, 0 days"),
        ("{{ one|count:'person,people' }}, {{ amount|count:'person,people' }}", "1 person, 184,000 people"),
        ("{{ soon|day:today }}, {{ later|day:today }}{{ none|day:today }}", "15 Dec, 28 Feb 2027"),
        ("{{ soon|day }}", "15 Dec 2026"),
        ("{{ soon|in_days:today }}, {{ today|in_days:today }}{{ none|in_days:today }}", "in 28 days, today"),
        ("{{ past|in_days:today }}", "17 days late"),
        ("{{ soon|is_soon:today }} {{ later|is_soon:today }} {{ none|is_soon:today }}", "True False False"),
        ("{% moment at 'Asia/Kathmandu' today %} {% moment at %}{% moment none %}", "15 Nov, 14:57 15 Nov 2026, 09:12"),
        ("{{ at|in_zone:'America/Los_Angeles'|day:today }}{{ none|in_zone:'UTC' }}", "15 NovNone"),
        ("{{ short|duration }}, {{ wait|duration }}, {{ long|duration }}", "1 second, 15 minutes, 2 hours"),
    ],
)
def test_filters(source: str, expected: str) -> None:
    assert (
        render(
            source,
            n=Decimal("-28.6"),
            none=None,
            one=1,
            amount=Decimal(184000),
            half=Decimal("0.50"),
            soon=date(2026, 12, 15),
            later=date(2027, 2, 28),
            past=date(2026, 10, 31),
            today=TODAY,
            at=datetime(2026, 11, 15, 9, 12, tzinfo=UTC),
            short=timedelta(seconds=1),
            wait=timedelta(minutes=15),
            long=timedelta(hours=2),
        )
        == expected
    )

"""The portfolio as a CSV file: the rows of the table, all of its pages, in the same order."""

from datetime import date
from typing import Any

from django.db.models import (
    Case,
    DateField,
    DecimalField,
    ExpressionWrapper,
    F,
    Field,
    FilteredRelation,
    IntegerField,
    Q,
    Value,
    When,
)
from django.db.models.functions import Floor
from django.http import StreamingHttpResponse

from objectives.queries.lists import NO_RENEWAL, AccountFilter, ordering, standings
from portfolio.queries.rows import CHANGE_WEEKS
from valuerealization.common.exports import Column, PlainNumber, csv_response


def accounts_csv(wanted: AccountFilter, *, order: str, on: date, bom: bool) -> StreamingHttpResponse:
    """Stream the accounts that a filter lets through, with the headings that the API gives these fields.

    Shape:  `bom` for people, whose spreadsheet needs it; programs go without. `live_until` is set while an account
            stands with its live score, else `snapshot_week` says which snapshot is shown.
    Units:  value in percent with up to six decimals, the change in points of the stored values, days whole.
    Raises: KeyError for an unknown order.
    """
    rows = (
        standings(wanted, live=False, on=on)
        .annotate(
            snapshot=_snapshot(weeks_before=0),
            earlier=_snapshot(weeks_before=CHANGE_WEEKS),
        )
        .order_by(*ordering(order, live=False).terms())
    )
    return csv_response(rows, _columns(), filename=f"portfolio-{on:%Y-%m-%d}.csv", bom=bom)


def _snapshot(*, weeks_before: int) -> FilteredRelation:
    """Join the snapshot that is shown, or the one some weeks earlier.

    Shape:  the week as a date less a number of days: less an interval it would be an instant, which the index on weeks
            cannot find.
    """
    days = Value(7 * weeks_before, output_field=IntegerField())
    week = ExpressionWrapper(F("snapshot_week") - days, output_field=DateField())
    return FilteredRelation("account__snapshots", condition=Q(account__snapshots__week=week))


def _columns() -> list[Column]:
    change = F("shown_value") - F("earlier__value_delivered")
    is_live = Q(is_scored=False, value_delivered__isnull=False)
    return [
        Column("id", F("account_id")),
        Column("external_id", F("account__external_id"), is_text=True),
        Column("name", F("account__name"), is_text=True),
        Column("segment", F("segment")),
        Column("industry", F("account__industry"), is_text=True),
        Column("status", F("shown_status")),
        Column("value_delivered", PlainNumber(F("shown_value"))),
        Column("change_4_weeks", PlainNumber(_if_scored(change, DecimalField(max_digits=41, decimal_places=6)))),
        Column("objectives_met", _if_scored(F("snapshot__objectives_met"), IntegerField(), live=F("objectives_met"))),
        Column(
            "objectives_total",
            _if_scored(F("snapshot__objectives_total"), IntegerField(), live=F("objectives_total")),
        ),
        Column("days_without_progress", Floor(_if_scored(F("snapshot_days"), DecimalField()))),
        Column("owner", F("owner__email"), is_text=True),
        Column("owner_name", F("owner__name"), is_text=True),
        Column("arr", F("arr")),
        Column("currency", F("currency")),
        Column("renewal_on", _when(Q(renewal_key__lt=NO_RENEWAL), F("renewal_key"), DateField())),
        Column("snapshot_week", _if_scored(F("snapshot_week"), DateField())),
        Column("live_until", _when(is_live, F("next_week"), DateField())),
    ]


def _when(condition: Q, expression: Any, kind: Field[Any, Any], otherwise: Any = None) -> Case:
    return Case(When(condition, then=expression), default=otherwise, output_field=kind)


def _if_scored(expression: Any, kind: Field[Any, Any], live: Any = None) -> Case:
    return _when(Q(is_scored=True), expression, kind, otherwise=live)

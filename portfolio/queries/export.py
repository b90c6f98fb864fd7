"""The portfolio as a CSV file: the rows of the table, all of its pages, in the same order."""

from datetime import date, timedelta
from typing import Any

from django.db.models import (
    Case,
    DateField,
    DecimalField,
    ExpressionWrapper,
    F,
    Field,
    IntegerField,
    OuterRef,
    Q,
    Subquery,
    When,
)
from django.db.models.functions import Floor
from django.http import StreamingHttpResponse

from objectives.models import Snapshot
from objectives.queries.lists import NO_RENEWAL, AccountFilter, ordering, standings
from portfolio.queries.rows import CHANGE_WEEKS
from valuerealization.common.exports import Column, PlainNumber, csv_response


def accounts_csv(wanted: AccountFilter, *, order: str, on: date, bom: bool) -> StreamingHttpResponse:
    """Stream the accounts that a filter lets through, with the headings that the API gives these fields.

    Shape:  `bom` for people, whose spreadsheet needs it; programs go without. `live_until` is set while an account stands
            with its live score, else `snapshot_week` says which snapshot is shown.
    Units:  value in percent with up to six decimals, the change in points of the stored values, days whole.
    Raises: KeyError for an unknown order.
    """
    rows = standings(wanted, live=False, on=on).order_by(*ordering(order, live=False).terms())
    return csv_response(rows, _columns(), filename=f"portfolio-{on:%Y-%m-%d}.csv", bom=bom)


def _columns() -> list[Column]:
    change = F("shown_value") - _snapshot("value_delivered", weeks_before=CHANGE_WEEKS)
    is_live = Q(is_scored=False, value_delivered__isnull=False)
    return [
        Column("id", F("account_id")),
        Column("external_id", F("account__external_id"), is_text=True),
        Column("name", F("account__name"), is_text=True),
        Column("segment", F("segment"), is_text=True),
        Column("industry", F("account__industry"), is_text=True),
        Column("status", F("shown_status")),
        Column("value_delivered", PlainNumber(F("shown_value"))),
        Column("change_4_weeks", PlainNumber(_if_scored(change, DecimalField(max_digits=41, decimal_places=6)))),
        Column("objectives_met", _if_scored(_snapshot("objectives_met"), IntegerField(), live=F("objectives_met"))),
        Column(
            "objectives_total", _if_scored(_snapshot("objectives_total"), IntegerField(), live=F("objectives_total"))
        ),
        Column("days_without_progress", Floor(_if_scored(F("snapshot_days"), DecimalField()))),
        Column("owner", F("owner__email"), is_text=True),
        Column("owner_name", F("owner__name"), is_text=True),
        Column("arr", F("arr")),
        Column("currency", F("currency"), is_text=True),
        Column("renewal_on", _when(Q(renewal_key__lt=NO_RENEWAL), F("renewal_key"), DateField())),
        Column("snapshot_week", _if_scored(F("snapshot_week"), DateField())),
        Column("live_until", _when(is_live, F("next_week"), DateField())),
    ]


def _snapshot(field: str, *, weeks_before: int = 0) -> Subquery:
    """Read a field of the snapshot shown, or of one some weeks earlier."""
    week = ExpressionWrapper(OuterRef("snapshot_week") - timedelta(weeks=weeks_before), output_field=DateField())
    return Subquery(Snapshot.objects.filter(account=OuterRef("account_id"), week=week).values(field))


def _when(condition: Q, expression: Any, kind: Field[Any, Any], otherwise: Any = None) -> Case:
    return Case(When(condition, then=expression), default=otherwise, output_field=kind)


def _if_scored(expression: Any, kind: Field[Any, Any], live: Any = None) -> Case:
    return _when(Q(is_scored=True), expression, kind, otherwise=live)

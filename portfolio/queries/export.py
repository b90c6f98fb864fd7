"""A list of accounts as a CSV file: the rows of the table, all of its pages, in the same order and columns."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final

from django.db.models import (
    Case,
    CharField,
    DateField,
    DecimalField,
    ExpressionWrapper,
    F,
    Field,
    FilteredRelation,
    Func,
    IntegerField,
    Q,
    Value,
    When,
)
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Floor
from django.http import StreamingHttpResponse

from accounts.models import AttributeType
from accounts.stages import Stage, contract_age
from objectives.queries.lists import NO_RENEWAL, AccountFilter, ordering, standings
from objectives.queries.trend import DEFAULT_MONTHS
from portfolio.queries.columns import SCORE, Key, ListColumn, annotations
from portfolio.queries.rows import CHANGE_WEEKS
from valuerealization.common.exports import Column, PlainNumber, csv_response

# The fields of a file for which no columns were chosen, and of the API's.
STANDARD: Final = (
    "segment", "industry", "status", "value_delivered", "change_4_weeks", "objectives_met", "objectives_total",
    "days_without_progress", "owner", "owner_name", "arr", "currency", "renewal_on",
)  # fmt: skip

# What each column of the table becomes in the file.
_FIELDS: Final = {
    Key.STATUS: ("status",),
    Key.VALUE: ("value_delivered",),
    Key.BEFORE_AFTER: ("value_before", "value_before_week", "value_delivered"),
    Key.TREND: (),
    Key.CHANGE: ("change_4_weeks",),
    Key.OUTCOMES: ("outcomes_only",),
    Key.VERIFIED: ("verified",),
    Key.OBJECTIVES: ("objectives_met", "objectives_total"),
    Key.GOALS_MET: ("goals_met_share",),
    Key.DAYS: ("days_without_progress",),
    Key.OWNER: ("owner", "owner_name"),
    Key.TEAM: ("team",),
    Key.SEGMENT: ("segment",),
    Key.INDUSTRY: ("industry",),
    Key.STAGE: ("stage",),
    Key.ARR: ("arr", "currency"),
    Key.RENEWAL: ("renewal_on",),
}


def accounts_csv(
    wanted: AccountFilter,
    *,
    order: str,
    on: date,
    bom: bool,
    at: datetime | None = None,
    live: bool = False,
    columns: Sequence[ListColumn] = (),
    months: int = DEFAULT_MONTHS,
    name: str = "portfolio",
) -> StreamingHttpResponse:
    """Stream the accounts that a filter lets through, with the headings that the API gives these fields.

    Shape:  `columns` are those chosen, which the file then has, after who the account is; without a choice
            the standard fields. A sparkline has no field. `bom` for people, whose spreadsheet needs it; programs go
            without. `live_until` is set while an account stands with its live score, else `snapshot_week` says which
            snapshot is shown; a `live` list has neither, but needs `at`.
    Units:  value in percent with up to six decimals, changes in points of the stored values, days whole.
    Raises: KeyError for an unknown order, column or period.
    """
    rows = (
        standings(wanted, live=live, on=on)
        .annotate(
            earlier=_snapshot_before(),
            **annotations(columns, live=live, months=months),
        )
        .order_by(*ordering(order, live=live).terms())
    )
    fields = _live_fields(at) if live else _shown_fields()
    fields |= _common_fields(live=live, on=on)
    fields |= {field.heading: field for field in (_attribute(column) for column in columns if column.attribute)}
    asked = dict.fromkeys(name for column in columns for name in _names(column)) if columns else STANDARD
    last = () if live else ("snapshot_week", "live_until")
    picked = [fields[each] for each in ("id", "external_id", "name", *asked, *last)]
    return csv_response(rows, picked, filename=f"{name}-{on:%Y-%m-%d}.csv", bom=bom)


def _snapshot_before() -> FilteredRelation:
    """Join the snapshot four weeks before the last.

    Shape:  the week as a date less a number of days: less an interval it would be an instant, which the index on weeks
            cannot find.
    """
    days = Value(7 * CHANGE_WEEKS, output_field=IntegerField())
    week = ExpressionWrapper(F("snapshot_week") - days, output_field=DateField())
    return FilteredRelation("account__snapshots", condition=Q(account__snapshots__week=week))


def _shown_fields() -> dict[str, Column]:
    """Write the fields as of each account's last snapshot, live until there is a scored one."""
    is_live = Q(is_scored=False, value_delivered__isnull=False)
    return _named(
        Column("status", F("shown_status")),
        Column("value_delivered", PlainNumber(F("shown_value"))),
        Column("verified", PlainNumber(F("shown_verified"))),
        Column("objectives_met", F("shown_met")),
        Column("objectives_total", F("shown_total")),
        Column("goals_met_share", _share(F("shown_met"), F("shown_total"))),
        Column("outcomes_only", PlainNumber(F("shown_outcomes"))),
        Column("days_without_progress", Floor(_if_scored(F("snapshot_days"), DecimalField()))),
        Column("snapshot_week", _if_scored(F("snapshot_week"), DateField())),
        Column("live_until", _when(is_live, F("next_week"), DateField())),
    )


def _live_fields(at: datetime | None) -> dict[str, Column]:
    """Write the fields as they are now."""
    days = Func(
        F("anchor_week"), Value(at), F("account__timezone"), function="value_days_since", output_field=DecimalField()
    )
    return _named(
        Column("status", F("status")),
        Column("value_delivered", PlainNumber(F("value_delivered"))),
        Column("verified", PlainNumber(F("verified"))),
        Column("objectives_met", F("objectives_met")),
        Column("objectives_total", F("objectives_total")),
        Column("goals_met_share", _share(F("objectives_met"), F("objectives_total"))),
        Column("outcomes_only", PlainNumber(F("outcomes"))),
        Column("days_without_progress", Floor(_when(Q(value_delivered__isnull=False), days, DecimalField()))),
    )


def _common_fields(*, live: bool, on: date) -> dict[str, Column]:
    change = F("value_delivered" if live else "shown_value") - F("earlier__value_delivered")
    return _named(
        Column("id", F("account_id")),
        Column("external_id", F("account__external_id"), is_text=True),
        Column("name", F("account__name"), is_text=True),
        Column("segment", F("segment")),
        Column("industry", F("account__industry"), is_text=True),
        Column("stage", _stage(on)),
        Column("change_4_weeks", PlainNumber(_if_scored(change, DecimalField(max_digits=41, decimal_places=6)))),
        Column("value_before", PlainNumber(F("before_value"))),
        Column("value_before_week", F("before_week")),
        Column("owner", F("owner__email"), is_text=True),
        Column("owner_name", F("owner__name"), is_text=True),
        Column("team", F("team"), is_text=True),
        Column("arr", F("arr")),
        Column("currency", F("currency")),
        Column("renewal_on", _when(Q(renewal_key__lt=NO_RENEWAL), F("renewal_key"), DateField())),
    )


def _names(column: ListColumn) -> tuple[str, ...]:
    return (f"attributes.{column.attribute.key}",) if column.attribute else _FIELDS[Key(column.key)]


def _attribute(column: ListColumn) -> Column:
    """Write a custom attribute: a number plain, anything else as it is kept, days as ISO 8601 has them."""
    assert column.attribute is not None  # noqa: S101 - asked of columns of attributes alone
    heading = f"attributes.{column.attribute.key}"
    if column.attribute.type == AttributeType.NUMBER:
        return Column(heading, PlainNumber(F(f"number_{column.attribute.key}")))
    return Column(heading, KeyTextTransform(column.attribute.key, "account__attributes"), is_text=True)


def _named(*columns: Column) -> dict[str, Column]:
    return {column.heading: column for column in columns}


def _share(met: Any, total: Any) -> PlainNumber:
    """Write the share of goals met in percent, as the mean of 100 and 0; nothing without a goal."""
    return PlainNumber(
        Func(
            100 * ExpressionWrapper(met, output_field=IntegerField()),
            total,
            function="value_average",
            output_field=SCORE,
        )
    )


def _stage(on: date) -> Case:
    """Write the stage on a day, from the age of the contract."""
    whens = []
    for stage in Stage:
        least, most = contract_age(stage)
        condition = Q(account__contract_signed_on__isnull=False)
        if least is not None:
            condition &= Q(account__contract_signed_on__lte=on - timedelta(days=least))
        if most is not None:
            condition &= Q(account__contract_signed_on__gte=on - timedelta(days=most))
        whens.append(When(condition, then=Value(str(stage))))
    return Case(*whens, default=Value(str(Stage.ALIGNMENT)), output_field=CharField())


def _when(condition: Q, expression: Any, kind: Field[Any, Any], otherwise: Any = None) -> Case:
    return Case(When(condition, then=expression), default=otherwise, output_field=kind)


def _if_scored(expression: Any, kind: Field[Any, Any], live: Any = None) -> Case:
    return _when(Q(is_scored=True), expression, kind, otherwise=live)

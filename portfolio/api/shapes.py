"""What the portfolio's answers hold."""

from typing import Any, Final

from rest_framework import serializers

from objectives.status import STATUS_ORDER
from valuerealization.common.api.fields import ChoiceField, DateField, DecimalField, MoneyField
from valuerealization.common.api.queries import ListQuery


def _by_status(name: str, field: Any) -> Any:
    """Describe an object with a member for each status."""
    return type(name, (serializers.Serializer,), {status.value: field() for status in STATUS_ORDER})()


class Portfolio(serializers.Serializer[Any]):
    """All customers together."""

    as_of = DateField(help_text="The newest week of snapshots; today before the first.")
    average_value_delivered = DecimalField(allow_null=True, help_text="Percent, the plain mean of the scores.")
    counts = _by_status("CountsByStatus", serializers.IntegerField)
    without_score = serializers.IntegerField()
    live = serializers.IntegerField(help_text="Of those with a score, how many stand with their live one.")
    arr = _by_status("ArrByStatus", MoneyField)
    arr_in_other_currencies = _by_status("OtherArrByStatus", lambda: serializers.ListField(child=MoneyField()))


class Week(serializers.Serializer[Any]):
    """The portfolio at one week's snapshots."""

    week = DateField()
    average_value_delivered = DecimalField(allow_null=True)
    accounts = serializers.IntegerField()
    scored = serializers.IntegerField()
    counts = _by_status("WeekCountsByStatus", serializers.IntegerField)


TREND_ORDERINGS: Final = ["-week", "week"]

TrendQuery = type(
    "TrendQuery",
    (ListQuery,),
    {
        "__doc__": "Which weeks.",
        "__module__": __name__,
        "from": DateField(required=False, help_text="The first week, by the date of its Sunday."),
        "to": DateField(required=False, help_text="The last week."),
        "ordering": ChoiceField(TREND_ORDERINGS, required=False, help_text="`-week` unless given: newest first."),
    },
)

"""When an objective reaches its target if it goes on as it has."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal, localcontext
from typing import Final

from valuerealization.common.numbers import WIDE

HORIZON: Final = timedelta(days=3653)

_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Pace:
    """The straight line from the first reading to the last, drawn on to the target.

    Shape:  `reaches_at` None when the line does not reach the target within ten years: it stands still, leads away
            (`leads_there` False), or takes longer.
    """

    readings: int
    since: datetime
    reaches_at: datetime | None
    leads_there: bool


def linear_pace(series: Sequence[tuple[datetime, Decimal]], *, target: Decimal) -> Pace | None:
    """Estimate when a series reaches a target.

    Shape:  readings as (observed_at, value), oldest first; None with fewer than two, or all of them at one instant.
            A series that has reached the target reaches it with its last reading.
    Units:  values and target in the objective's unit.
    Source: docs/formulas.md#pace
    """
    if len(series) < 2 or series[0][0] == series[-1][0]:
        return None
    (since, first), (until, last) = series[0], series[-1]
    with localcontext(WIDE):
        moved, left = last - first, target - last
        leads_there = left == 0 or moved * left > 0
        if not leads_there:
            return Pace(len(series), since, None, leads_there=False)
        days = left / moved * Decimal((until - since) / _DAY) if left else Decimal(0)
    ahead = timedelta(days=float(days)) if days <= HORIZON.days else None
    return Pace(len(series), since, until + ahead if ahead is not None else None, leads_there=True)

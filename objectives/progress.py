"""The arithmetic of value delivered: completion, met, the account's mean, the plan line.

The database holds the same formulas (docs/formulas.md); a property test holds the two together.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, localcontext
from typing import Final

from valuerealization.common.numbers import WIDE, display_pct, round_half_up

__all__ = [
    "COMPLETION_PLACES",
    "MEAN_PLACES",
    "BaselineEqualsTarget",
    "GoalsMet",
    "bar_pct",
    "capped_pct",
    "completion_pct",
    "display_pct",
    "goals_met",
    "is_met",
    "is_progress",
    "plan_mean",
    "plan_pct",
    "weighted_mean",
]

COMPLETION_PLACES: Final = 12
MEAN_PLACES: Final = 6

_ZERO: Final = Decimal(0)
_HUNDRED: Final = Decimal(100)


class BaselineEqualsTarget(ValueError):
    """Refuse an objective whose target is its baseline: there is no distance to cover."""

    def __init__(self) -> None:
        super().__init__("Baseline and target are the same. Pick a target different from the baseline.")


@dataclass(frozen=True, slots=True)
class GoalsMet:
    """Count the goals that are met among all that are counted."""

    met: int
    total: int

    @property
    def all_met(self) -> bool:
        """Tell whether there is a goal and none is open."""
        return self.total > 0 and self.met == self.total

    @property
    def still_open(self) -> int:
        """Count the goals not met, unmeasured ones included."""
        return self.total - self.met


def completion_pct(*, baseline: Decimal, current: Decimal | None, target: Decimal) -> Decimal | None:
    """Measure how far an objective has moved from baseline to target.

    Shape:  scalar; negative when the objective went the wrong way, above 100 when it overshot; None
            while it is not measured.
    Units:  all three in the objective's unit; the result in percent, rounded half up to 12 decimals.
    Raises: BaselineEqualsTarget if baseline == target.
    Source: docs/formulas.md#completion
    """
    if baseline == target:
        raise BaselineEqualsTarget
    if current is None:
        return None
    with localcontext(WIDE):
        return _at_places(_HUNDRED * (current - baseline) / (target - baseline), COMPLETION_PLACES)


def is_met(*, baseline: Decimal, current: Decimal | None, target: Decimal) -> bool:
    """Tell whether current has reached the target, in the direction the objective runs.

    Units:  all three in the objective's unit; compared as they are, without division or rounding.
    Raises: BaselineEqualsTarget if baseline == target.
    Source: docs/formulas.md#met
    """
    if baseline == target:
        raise BaselineEqualsTarget
    if current is None:
        return False
    return current >= target if target > baseline else current <= target


def is_progress(*, before: Decimal | None, after: Decimal | None) -> bool:
    """Tell whether a reading moved its objective forward.

    Shape:  a completion above the preceding one, or a first one above 0; repeats and falls are none.
    Units:  completions in percent, both under the definition in force at the reading.
    Source: docs/formulas.md#recency
    """
    if after is None:
        return False
    return after > (_ZERO if before is None else before)


def weighted_mean(items: Iterable[tuple[Decimal, Decimal | None]]) -> Decimal | None:
    """Average completions by weight, leaving out objectives that have none.

    Shape:  pairs of (weight, completion); None when no objective has a completion. Not capped.
    Units:  weights above 0; completions and result in percent, rounded half up to 6 decimals.
    Source: docs/formulas.md#mean
    """
    total = weights = _ZERO
    with localcontext(WIDE):
        for weight, completion in items:
            if completion is not None:
                total += weight * completion
                weights += weight
        return _at_places(total / weights, MEAN_PLACES) if weights else None


def capped_pct(completion: Decimal) -> Decimal:
    """Hold a completion between 0 and 100, for a second reading beside the score.

    Source: docs/formulas.md#mean
    """
    return min(max(completion, _ZERO), _HUNDRED)


def goals_met(met: Iterable[bool]) -> GoalsMet:
    """Count the goals met, given one flag for each active numeric objective.

    Source: docs/formulas.md#met
    """
    flags = list(met)
    return GoalsMet(met=sum(flags), total=len(flags))


def bar_pct(value: Decimal | None) -> Decimal:
    """Give the length of an objective's bar.

    Shape:  the displayed whole percent, floored at 0 and capped at 100; 0 while not measured.
    Source: docs/formulas.md#display
    """
    return _ZERO if value is None else capped_pct(Decimal(display_pct(value)))


def plan_pct(*, started_on: date | None, due_on: date | None, on: date) -> Decimal | None:
    """Read an objective's plan line: straight from 0 % at its start to 100 % at its due date.

    Shape:  0 before the start, 100 after the due date; None without both dates.
    Units:  percent, rounded half up to 12 decimals.
    Source: docs/formulas.md#plan
    """
    if started_on is None or due_on is None:
        return None
    if on >= due_on:
        return _HUNDRED
    if on <= started_on:
        return _ZERO
    with localcontext(WIDE):
        return _at_places(_HUNDRED * (on - started_on).days / (due_on - started_on).days, COMPLETION_PLACES)


def plan_mean(items: Iterable[tuple[Decimal, date | None, date | None]], *, on: date) -> Decimal | None:
    """Read an account's plan line: the weighted mean of its objectives' plan lines on a day.

    Shape:  triples of (weight, started_on, due_on); objectives without a due date are left out, None
            when that leaves nothing.
    Units:  percent, rounded half up to 6 decimals.
    Source: docs/formulas.md#plan
    """
    return weighted_mean((weight, plan_pct(started_on=start, due_on=due, on=on)) for weight, start, due in items)


def _at_places(value: Decimal, places: int) -> Decimal:
    # Adding zero turns the -0 of a rounded tiny negative into the 0 the database stores.
    return WIDE.add(round_half_up(value, places), _ZERO)

"""Scores as they are, and as they would be once something is saved."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal

from accounts.models import Account
from objectives import weeks
from objectives.models import Objective
from objectives.progress import completion_pct, is_met, is_progress
from objectives.queries.live import LiveScore, live_score
from valuerealization.common.units import format_pct


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """A numeric objective as it counts in a score: a saved one, or one that is being typed in."""

    weight: Decimal
    baseline: Decimal
    current: Decimal | None
    target: Decimal
    started_on: date
    last_progress_at: datetime | None
    show_in_portal: bool

    @classmethod
    def of(cls, objective: Objective) -> "Goal":
        """Take a saved objective.

        Raises: ValueError for a manual one, which has nothing to count.
        """
        if objective.baseline is None or objective.target is None:
            raise ValueError("a manual objective has no baseline and no target")
        return cls(
            weight=objective.weight,
            baseline=objective.baseline,
            current=objective.current,
            target=objective.target,
            started_on=objective.started_on,
            last_progress_at=objective.last_progress_at,
            show_in_portal=objective.show_in_portal,
        )

    @property
    def completion(self) -> Decimal | None:
        """Give the completion in percent."""
        return completion_pct(baseline=self.baseline, current=self.current, target=self.target)

    @property
    def is_met(self) -> bool:
        """Tell whether current has reached the target."""
        return is_met(baseline=self.baseline, current=self.current, target=self.target)

    def moved_to(self, value: Decimal, *, observed_at: datetime, timezone: str) -> "Goal":
        """Let a newer value be the current one, with the progress that it is."""
        moved = replace(self, current=value)
        has_started = weeks.local_day(observed_at, timezone) >= self.started_on
        if has_started and is_progress(before=self.completion, after=moved.completion):
            return replace(moved, last_progress_at=observed_at)
        return moved


@dataclass(frozen=True, slots=True)
class Effect:
    """A score as it is and as it would be."""

    before: LiveScore
    after: LiveScore

    @property
    def shown(self) -> tuple[str, str]:
        """Write both scores, with as many decimals as it takes to see them differ, two at most."""
        both = self.before.value, self.after.value
        texts = [(_shown(both[0], decimals), _shown(both[1], decimals)) for decimals in (0, 1, 2)]
        different = [pair for pair in texts if pair[0] != pair[1]]
        return different[0] if different else texts[0]

    @property
    def keeps_status(self) -> bool:
        """Tell whether the status stays as it is."""
        return self.before.status == self.after.status


def _shown(value: Decimal | None, decimals: int) -> str:
    return "no score" if value is None else format_pct(value, decimals=decimals)


def effect(before: Sequence[Goal], after: Sequence[Goal], *, account: Account, at: datetime) -> Effect:
    """Compute an account's score over its goals as they are and as they would be."""
    return Effect(*(live_score(goals, timezone=account.timezone, at=at) for goals in (before, after)))

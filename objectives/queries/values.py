"""The values of an account that people update, and what recording new ones would change."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from accounts.models import Account
from objectives import weeks
from objectives.models import Metric, Objective
from objectives.queries.effects import Effect, Goal, effect
from objectives.queries.live import active_objectives, numeric
from valuerealization.common.units import format_day, format_value


@dataclass(frozen=True, slots=True)
class Subject:
    """Something whose value is recorded: a value-based objective, or a metric with the objectives that follow it."""

    metric: Metric | None
    objectives: tuple[Objective, ...]

    @property
    def key(self) -> str:
        """Name the subject in forms."""
        return f"metric-{self.metric.pk}" if self.metric else f"objective-{self.objectives[0].pk}"

    @property
    def title(self) -> str:
        """Give the name shown."""
        return self.metric.name if self.metric else self.objectives[0].title

    @property
    def unit(self) -> str:
        """Give the unit that values are typed in."""
        return self.metric.unit if self.metric else self.objectives[0].unit

    @property
    def unit_label(self) -> str:
        """Give the label of a custom unit."""
        return self.metric.unit_label if self.metric else self.objectives[0].unit_label

    @property
    def current(self) -> Decimal | None:
        """Give the value it has; None when not measured yet."""
        return self.objectives[0].current

    @property
    def measured_at(self) -> datetime | None:
        """Give the time of the value it has."""
        return self.objectives[0].measured_at


@dataclass(frozen=True, slots=True)
class ValueChange:
    """What a new value does to one objective.

    Shape:  display strings, `before` empty while not measured; `stays` says why current does not move, else empty.
    """

    title: str
    before: str
    after: str
    completion_before: Decimal | None
    completion_after: Decimal | None
    is_reached: bool
    stays: str


@dataclass(frozen=True, slots=True)
class ValuesPreview:
    """What recording values would change."""

    changes: tuple[ValueChange, ...]
    account: Effect


def subjects(account: Account) -> tuple[Subject, ...]:
    """List what an account's numeric objectives are measured by, oldest objective first: one query."""
    found: dict[tuple[str, int], list[Objective]] = {}
    for objective in numeric(active_objectives(account)):
        key = ("objective", objective.pk) if objective.metric_id is None else ("metric", objective.metric_id)
        found.setdefault(key, []).append(objective)
    return tuple(Subject(objectives[0].metric, tuple(objectives)) for objectives in found.values())


def preview_values(
    *,
    account: Account,
    known: Iterable[Subject],
    values: Mapping[str, Decimal],
    observed_at: datetime,
    at: datetime,
) -> ValuesPreview:
    """Work out what recording values would change, by the arithmetic of the saved scores.

    Shape:  `values` by the keys of the subjects; those without one stay as they are.
    """
    changes, before, after = [], [], []
    for subject in known:
        value = values.get(subject.key)
        for objective in subject.objectives:
            goal = Goal.of(objective)
            before.append(goal)
            if value is None:
                after.append(goal)
                continue
            moved, change = _change(objective, goal, value, account=account, observed_at=observed_at, at=at)
            after.append(moved)
            changes.append(change)
    return ValuesPreview(tuple(changes), effect(before, after, account=account, at=at))


def _change(
    objective: Objective, goal: Goal, value: Decimal, *, account: Account, observed_at: datetime, at: datetime
) -> tuple[Goal, ValueChange]:
    newer = objective.measured_at
    moved, stays = goal, ""
    if newer is None and objective.metric_id is None and value == goal.baseline:
        stays = "No progress to measure yet: the first value has to differ from the baseline."
    elif newer is None or observed_at >= newer:
        moved = goal.moved_to(value, observed_at=observed_at, timezone=account.timezone)
    else:
        day = format_day(weeks.local_day(newer, account.timezone), weeks.local_day(at, account.timezone))
        stays = f"{_written(value, objective, goal, account)} joins the history; the value of {day} stays current."
    change = ValueChange(
        title=objective.title,
        before="" if goal.current is None else _written(goal.current, objective, goal, account),
        after="" if moved.current is None else _written(moved.current, objective, goal, account),
        completion_before=goal.completion,
        completion_after=moved.completion,
        is_reached=moved.is_met and not goal.is_met,
        stays=stays,
    )
    return moved, change


def _written(value: Decimal, objective: Objective, goal: Goal, account: Account) -> str:
    return format_value(
        value,
        unit=objective.unit,
        unit_label=objective.unit_label,
        currency=account.currency,
        span=goal.target - goal.baseline,
    )

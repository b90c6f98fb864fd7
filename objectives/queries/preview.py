"""What saving would change: an objective that is being typed in, and values that are being typed in."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Final

from django.db.models import F, Window
from django.db.models.functions import RowNumber

from accounts.models import Account
from objectives import weeks
from objectives.definitions import Draft, refusals
from objectives.models import CompletionType, Kind, Metric, Objective, Reading
from objectives.pace import Pace, linear_pace
from objectives.progress import completion_pct, is_met, is_progress
from objectives.queries.live import LiveScore, active_objectives, live_score, numeric
from objectives.status import objective_tone
from valuerealization.common.units import format_day, format_pct, format_value

Series = Sequence[tuple[datetime, Decimal]]

_SERIES_LIMIT: Final = 1000
_INCOMPLETE: Final = frozenset({"required"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Sketch:
    """An objective as far as it is typed in; whatever is missing or can't be read is None.

    Shape:  `current` is a number typed in, None when it was left as it is.
    """

    title: str
    owner: str
    completion_type: str
    baseline: Decimal | None
    current: Decimal | None
    target: Decimal | None
    unit: str
    unit_label: str
    currency: str
    metric: Metric | None
    weight: Decimal | None
    started_on: date | None
    due_on: date | None
    show_in_portal: bool
    done: bool

    @property
    def has_distance(self) -> bool:
        """Tell whether there is something to measure: two ends that differ."""
        is_numeric = self.completion_type != CompletionType.MANUAL
        return is_numeric and None not in (self.baseline, self.target) and self.baseline != self.target


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """A numeric objective as it counts in a score: a saved one or one that is being typed in."""

    title: str
    weight: Decimal
    baseline: Decimal
    current: Decimal | None
    target: Decimal
    started_on: date
    last_progress_at: datetime | None
    show_in_portal: bool

    @property
    def completion(self) -> Decimal | None:
        """Give the completion in percent."""
        return completion_pct(baseline=self.baseline, current=self.current, target=self.target)

    @property
    def is_met(self) -> bool:
        """Tell whether current has reached the target."""
        return is_met(baseline=self.baseline, current=self.current, target=self.target)


@dataclass(frozen=True, slots=True)
class Effect:
    """A score as it is and as it would be."""

    before: LiveScore
    after: LiveScore

    @property
    def is_unchanged(self) -> bool:
        """Tell whether the score stays as it is."""
        return self.before.value == self.after.value

    @property
    def keeps_status(self) -> bool:
        """Tell whether the status stays as it is."""
        return self.before.status == self.after.status


@dataclass(frozen=True, slots=True)
class Equation:
    """The completion with the numbers put in: moved ÷ distance to move, both in the good direction."""

    top: str
    bottom: str
    moved: str
    distance: str


@dataclass(frozen=True, slots=True)
class Estimate:
    """When the target is reached at the current pace, in words; `late` counts days after the target date.

    Shape:  `late` None without a target date or a day to compare with it, negative when early.
    """

    text: str
    basis: str
    late: int | None

    @property
    def compared(self) -> str:
        """Say how that compares with the target date."""
        if self.late is None:
            return ""
        days = f"{abs(self.late):,} day{'' if abs(self.late) == 1 else 's'}"
        return "on the day" if not self.late else f"{days} late" if self.late > 0 else f"{days} early"


@dataclass(frozen=True, slots=True)
class Note:
    """Something to know before saving."""

    title: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What a form would save, and what that would do.

    Shape:  `completion` and `equation` None while there is nothing to measure; display strings in the objective's
            unit, `current` empty while not measured; `problems` are reasons why it can't be saved yet.
    """

    sketch: Sketch
    completion: Decimal | None
    tone: str
    baseline: str
    current: str
    target: str
    equation: Equation | None
    account: Effect
    portal: Effect
    left: str
    estimate: Estimate | None
    direction: str
    synced: str
    problems: tuple[str, ...]
    notes: tuple[Note, ...]


def preview(*, account: Account, sketch: Sketch, stored: Objective | None, at: datetime) -> Preview:
    """Work out what saving a form would change: two queries, and the same arithmetic as everywhere."""
    saved = active_objectives(account)
    series = _series(account, sketch=sketch, stored=stored)
    is_typed = sketch.current is not None and sketch.current != (series[-1][1] if series else None)
    if sketch.completion_type == CompletionType.VALUE and is_typed and sketch.current is not None:
        series = [*series, (at, sketch.current)]
    current = series[-1][1] if series else None
    before = [_goal(objective) for objective in numeric(saved)]
    others = [_goal(objective) for objective in numeric(saved) if stored is None or objective.pk != stored.pk]
    goal = _typed_goal(account, sketch=sketch, stored=stored, series=series, at=at)
    # Half-typed numbers say nothing about the score yet.
    is_undecided = goal is None and sketch.completion_type != CompletionType.MANUAL
    after = before if is_undecided else [*others, goal] if goal else others
    effect = _effect(before, after, account=account, at=at)
    portal = _effect(
        [each for each in before if each.show_in_portal],
        [each for each in after if each.show_in_portal],
        account=account,
        at=at,
    )
    today = weeks.local_day(at, account.timezone)
    completion = goal.completion if goal else None
    return Preview(
        sketch=sketch,
        completion=completion,
        tone=objective_tone(completion),
        baseline=_written(sketch.baseline, sketch),
        current="" if current is None else _written(current, sketch),
        target=_written(sketch.target, sketch),
        equation=_equation(goal) if goal and completion is not None else None,
        account=effect,
        portal=portal,
        left=_left(goal, sketch) if goal else "",
        estimate=_estimate(linear_pace(series, target=goal.target), goal, sketch, account, today) if goal else None,
        direction=_direction(sketch),
        synced=_synced(series, sketch, account, today),
        problems=_problems(sketch, stored=stored, is_measured=bool(series) and not is_typed, today=today),
        notes=_notes(goal, sketch=sketch, effect=effect, portal=portal),
    )


@dataclass(frozen=True, slots=True)
class ValueChange:
    """What one typed value does to one objective; `stays` says why current does not move, else empty."""

    title: str
    before: str
    after: str
    completion_before: Decimal | None
    completion_after: Decimal | None
    stays: str


@dataclass(frozen=True, slots=True)
class ValuesPreview:
    """What recording values would change."""

    changes: tuple[ValueChange, ...]
    account: Effect


def preview_values(
    *,
    account: Account,
    objectives: Sequence[Objective],
    values: Mapping[tuple[str, int], Decimal],
    observed_at: datetime,
    at: datetime,
) -> ValuesPreview:
    """Work out what recording values would change.

    Shape:  `objectives` are the account's active numeric ones; `values` by ("objective" or "metric", id).
    """
    today = weeks.local_day(at, account.timezone)
    changes, after = [], []
    for objective in objectives:
        goal = _goal(objective)
        value = values.get(subject_of(objective))
        if value is None:
            after.append(goal)
            continue
        is_older = objective.measured_at is not None and observed_at < objective.measured_at
        moved = goal if is_older else _moved(goal, value, observed_at=observed_at, timezone=account.timezone)
        after.append(moved)
        sketch = _in_unit_of(objective, account)
        stays = ""
        if is_older and objective.measured_at is not None:
            newer = format_day(weeks.local_day(objective.measured_at, account.timezone), today)
            stays = f"{_written(value, sketch)} joins the history; current stays the value of {newer}"
        changes.append(
            ValueChange(
                title=objective.title,
                before="" if goal.current is None else _written(goal.current, sketch),
                after=_written(moved.current, sketch),
                completion_before=goal.completion,
                completion_after=moved.completion,
                stays=stays,
            )
        )
    before = [_goal(objective) for objective in objectives]
    return ValuesPreview(tuple(changes), _effect(before, after, account=account, at=at))


def subject_of(objective: Objective) -> tuple[str, int]:
    """Name what readings of an objective are recorded for: itself, or its metric."""
    if objective.metric_id is not None:
        return "metric", objective.metric_id
    return "objective", objective.pk


def _goal(objective: Objective) -> Goal:
    return Goal(
        title=objective.title,
        weight=objective.weight,
        baseline=objective.baseline,
        current=objective.current,
        target=objective.target,
        started_on=objective.started_on,
        last_progress_at=objective.last_progress_at,
        show_in_portal=objective.show_in_portal,
    )


def _moved(goal: Goal, value: Decimal, *, observed_at: datetime, timezone: str) -> Goal:
    """Let a newer value be the current one, with the progress that it is."""
    moved = replace(goal, current=value)
    has_started = weeks.local_day(observed_at, timezone) >= goal.started_on
    if is_progress(before=goal.completion, after=moved.completion) and has_started:
        return replace(moved, last_progress_at=observed_at)
    return moved


def _series(account: Account, *, sketch: Sketch, stored: Objective | None) -> list[tuple[datetime, Decimal]]:
    """Read the newest readings that the objective would have, superseded ones aside, oldest first."""
    match sketch.completion_type:
        case CompletionType.VALUE if stored is not None:
            subject = Reading.objects.filter(objective=stored)
        case CompletionType.ATTRIBUTE if sketch.metric is not None:
            subject = Reading.objects.filter(account=account, metric=sketch.metric)
        case _:
            return []
    versions = Window(
        RowNumber(), partition_by=["observed_at", "source"], order_by=[F("recorded_at").desc(), F("id").desc()]
    )
    newest = subject.annotate(version=versions).filter(version=1).order_by("-observed_at", "-recorded_at", "-id")
    return list(newest.values_list("observed_at", "value")[:_SERIES_LIMIT])[::-1]


def _typed_goal(
    account: Account, *, sketch: Sketch, stored: Objective | None, series: Series, at: datetime
) -> Goal | None:
    if not sketch.has_distance or sketch.baseline is None or sketch.target is None:
        return None
    started_on = sketch.started_on or weeks.local_day(at, account.timezone)
    known = series
    last: datetime | None = None
    if stored is not None and stored.measured_at is not None and _same_subject(stored, sketch):
        # What was progress then stays progress, whatever the definition is now.
        last = stored.last_progress_at
        known = series[-2:] if series and series[-1][0] == at else []
    steps = zip([None, *(value for _, value in known)], known, strict=False)
    for before, (observed_at, value) in steps if last is None or known else ():
        if last is not None and observed_at <= last:
            continue
        done = completion_pct(baseline=sketch.baseline, current=value, target=sketch.target)
        done_before = completion_pct(baseline=sketch.baseline, current=before, target=sketch.target)
        if is_progress(before=done_before, after=done):
            last = observed_at
    if last is not None and weeks.local_day(last, account.timezone) < started_on:
        last = None
    return Goal(
        title=sketch.title,
        weight=sketch.weight if sketch.weight is not None and sketch.weight > 0 else Decimal(1),
        baseline=sketch.baseline,
        current=series[-1][1] if series else None,
        target=sketch.target,
        started_on=started_on,
        last_progress_at=last,
        show_in_portal=sketch.show_in_portal,
    )


def _same_subject(stored: Objective, sketch: Sketch) -> bool:
    metric = sketch.metric.pk if sketch.metric and sketch.completion_type == CompletionType.ATTRIBUTE else None
    return (stored.completion_type, stored.metric_id) == (sketch.completion_type, metric)


def _effect(before: Sequence[Goal], after: Sequence[Goal], *, account: Account, at: datetime) -> Effect:
    return Effect(*(live_score(goals, timezone=account.timezone, at=at) for goals in (before, after)))


def _in_unit_of(objective: Objective, account: Account) -> Sketch:
    """Give an objective's unit and ends, for writing numbers."""
    return Sketch(
        title=objective.title, owner="", completion_type=objective.completion_type, baseline=objective.baseline,
        current=None, target=objective.target, unit=objective.unit, unit_label=objective.unit_label,
        currency=account.currency, metric=None, weight=None, started_on=None, due_on=None, show_in_portal=False,
        done=False,
    )  # fmt: skip


def _written(value: Decimal | None, sketch: Sketch) -> str:
    span = None if sketch.baseline is None or sketch.target is None else sketch.target - sketch.baseline
    return format_value(
        value, unit=sketch.unit, unit_label=sketch.unit_label, currency=sketch.currency, span=span
    )


def _equation(goal: Goal) -> Equation:
    current = goal.current if goal.current is not None else goal.baseline
    if goal.target < goal.baseline:
        return Equation(
            _difference(goal.baseline, current),
            _difference(goal.baseline, goal.target),
            _plain(goal.baseline - current),
            _plain(goal.baseline - goal.target),
        )
    return Equation(
        _difference(current, goal.baseline),
        _difference(goal.target, goal.baseline),
        _plain(current - goal.baseline),
        _plain(goal.target - goal.baseline),
    )


def _difference(first: Decimal, second: Decimal) -> str:
    written = _plain(second)
    return f"{_plain(first)} − {f'({written})' if second < 0 else written}"


def _plain(value: Decimal) -> str:
    return format_value(value, unit="")


def _left(goal: Goal, sketch: Sketch) -> str:
    by = f", by {format_day(sketch.due_on, sketch.due_on, with_year=True)}" if sketch.due_on else ""
    if goal.is_met:
        return "Reached"
    start = goal.baseline if goal.current is None else goal.current
    return f"{_written(abs(goal.target - start), sketch)}{by}"


def _estimate(
    pace: Pace | None, goal: Goal, sketch: Sketch, account: Account, today: date
) -> Estimate | None:
    if pace is None or goal.is_met:
        return None
    since = format_day(weeks.local_day(pace.since, account.timezone), today)
    basis = f"Straight line through the first and the last of {pace.readings:,} readings since {since}"
    if pace.reaches_at is None:
        return Estimate("In more than ten years" if pace.leads_there else "Not reached this way", basis, None)
    day = weeks.local_day(pace.reaches_at, account.timezone)
    late = (day - sketch.due_on).days if sketch.due_on else None
    return Estimate(format_day(day, today, with_year=True), basis, late)


def _direction(sketch: Sketch) -> str:
    if not sketch.has_distance or sketch.baseline is None or sketch.target is None:
        return "Current may stay empty until the first measurement. Baseline and target must differ."
    if sketch.target < sketch.baseline:
        return "Target is below baseline, so lower is better."
    return "Target is above baseline, so higher is better."


def _synced(series: Series, sketch: Sketch, account: Account, today: date) -> str:
    """Say where the current value of an attribute-based objective stands."""
    if sketch.completion_type != CompletionType.ATTRIBUTE or sketch.metric is None:
        return ""
    if not series:
        return "No reading yet"
    observed_at, value = series[-1]
    metric = sketch.metric
    shown = format_value(value, unit=metric.unit, unit_label=metric.unit_label, currency=account.currency)
    return f"{shown} on {format_day(weeks.local_day(observed_at, account.timezone), today)}"


def _problems(sketch: Sketch, *, stored: Objective | None, is_measured: bool, today: date) -> tuple[str, ...]:
    is_manual = sketch.completion_type == CompletionType.MANUAL
    draft = Draft(
        completion_type=sketch.completion_type,
        baseline=None if is_manual else sketch.baseline,
        current=sketch.current if sketch.completion_type == CompletionType.VALUE else None,
        target=None if is_manual else sketch.target,
        has_metric=sketch.metric is not None and sketch.completion_type == CompletionType.ATTRIBUTE,
        weight=Decimal(1) if sketch.weight is None else sketch.weight,
        unit=sketch.unit,
        unit_label=sketch.unit_label,
        started_on=sketch.started_on or today,
        due_on=sketch.due_on,
        has_measurement=is_measured,
        former_due_on=stored.due_on if stored else None,
    )
    return tuple(each.message for each in refusals(draft, today=today) if each.code not in _INCOMPLETE)


def _notes(goal: Goal | None, *, sketch: Sketch, effect: Effect, portal: Effect) -> tuple[Note, ...]:
    return tuple(_all_notes(goal, sketch=sketch, effect=effect, portal=portal))


def _all_notes(goal: Goal | None, *, sketch: Sketch, effect: Effect, portal: Effect) -> Iterable[Note]:
    if sketch.completion_type == CompletionType.MANUAL:
        yield Note("This goal is never scored.", "A manual objective is done or not done; it counts in no average.")
    elif goal is not None and goal.completion is None:
        yield Note("Not counted yet.", "The goal joins the score with its first measurement.")
    if sketch.metric is not None and sketch.metric.kind == Kind.ACTIVITY and goal is not None:
        yield Note("This metric is an activity.", "It counts in value delivered, but not in outcomes only.")
    was, will = portal.before.value, portal.after.value
    if was is None and will is not None:
        yield Note(
            "The customer will see a score.", f"It starts at {format_pct(will)}, over the goals shown in the portal."
        )
    elif was is not None and will is None:
        yield Note("The customer will see no score any more.", "Nothing that is shown in the portal is measured.")
    elif was is not None and will is not None and will < was:
        yield Note("The portal score will go down.", _why_lower(goal, was=was, will=will))
    before, after = effect.before.status, effect.after.status
    if before is not None and after is not None and after.rank < before.rank:
        yield Note(f"The account will be {after.label.lower()}.", f"{effect.after.reason.full}.")


def _why_lower(goal: Goal | None, *, was: Decimal, will: Decimal) -> str:
    if goal is not None and goal.show_in_portal and goal.completion is not None and goal.completion < was:
        return (
            f"This goal is at {format_pct(goal.completion)}, below the {format_pct(was)} average the customer sees today."
        )
    return f"The customer sees {format_pct(was)} today, and would see {format_pct(will)}."

"""What saving an objective would change, worked out while it is being typed in."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Final

from django.db.models import F, Window
from django.db.models.functions import RowNumber

from accounts.models import Account
from objectives import weeks
from objectives.definitions import Draft, Refusal, refusals
from objectives.models import CompletionType, Kind, Metric, Objective, Reading
from objectives.pace import Pace, linear_pace
from objectives.progress import completion_pct, is_progress
from objectives.queries.effects import Effect, Goal, effect
from objectives.queries.live import active_objectives, numeric
from objectives.status import objective_tone
from valuerealization.common import formats
from valuerealization.common.units import format_day, format_pct, format_value

Series = Sequence[tuple[datetime, Decimal]]

_SERIES_LIMIT: Final = 1000
_MISSING: Final = "required"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sketch:
    """An objective as far as it is typed in; what is missing or can't be read is None.

    Shape:  `current` is the number in its field, whether typed or left as it was; `metric` belongs to attribute-based
            ones only.
    """

    title: str
    owner: str
    completion_type: CompletionType
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

    @property
    def is_manual(self) -> bool:
        """Tell whether the objective is done or not done."""
        return self.completion_type == CompletionType.MANUAL

    def write(self, value: Decimal | None) -> str:
        """Write a number in the objective's unit."""
        ends = self.baseline, self.target
        return format_value(
            value,
            unit=self.unit,
            unit_label=self.unit_label,
            currency=self.currency,
            span=ends[1] - ends[0] if ends[0] is not None and ends[1] is not None else None,
        )


@dataclass(frozen=True, slots=True)
class Equation:
    """The completion with the numbers put in: moved ÷ distance to move, both counted towards the target."""

    top: str
    bottom: str
    moved: str
    distance: str


@dataclass(frozen=True, slots=True)
class Estimate:
    """When the target is reached at the current pace, in words, and how that compares with the target date.

    Units:  `late` in days, negative when early; None without a target date or a day to compare with it.
    """

    text: str
    basis: str
    late: int | None

    @property
    def compared(self) -> str:
        """Say how the day compares with the target date."""
        if self.late is None:
            return ""
        days = f"{formats.grouped(abs(self.late))} day{'' if abs(self.late) == 1 else 's'}"
        return "on the day" if not self.late else f"{days} late" if self.late > 0 else f"{days} early"


@dataclass(frozen=True, slots=True)
class Note:
    """Something to know before saving."""

    title: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What a form would save, and what that would do.

    Shape:  `completion` and `equation` None while nothing can be computed; display strings in the objective's unit,
            `current` empty while not measured; `broken` are the rules that saving it as it is would break.
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
    broken: tuple[Refusal, ...]
    notes: tuple[Note, ...]

    @property
    def problems(self) -> tuple[str, ...]:
        """Say what has to change before it can be saved; what is still missing is no problem yet."""
        return tuple(each.message for each in self.broken if each.code != _MISSING)


def preview(*, account: Account, sketch: Sketch, stored: Objective | None, at: datetime) -> Preview:
    """Work out what saving a form would change, by the arithmetic of the saved scores: two queries.

    Shape:  `stored` is the objective that is being edited, None for a new one.
    """
    saved = numeric(active_objectives(account))
    recorded = _recorded(account, sketch=sketch, stored=stored)
    series = recorded
    if sketch.completion_type == CompletionType.VALUE and sketch.current not in (None, _last(recorded)):
        series = [*recorded, (at, sketch.current)]
    goal = _typed_goal(account, sketch=sketch, stored=stored, recorded=recorded, series=series, at=at)
    before = [Goal.of(objective) for objective in saved]
    after = before
    if goal is not None or sketch.is_manual:  # half-typed numbers say nothing about the score yet
        after = [Goal.of(objective) for objective in saved if stored is None or objective.pk != stored.pk]
        after += [goal] if goal else []
    on_account = effect(before, after, account=account, at=at)
    in_portal = effect(*(list(filter(_is_shared, goals)) for goals in (before, after)), account=account, at=at)
    today = weeks.local_day(at, account.timezone)
    completion = goal.completion if goal else None
    current = _last(series)
    return Preview(
        sketch=sketch,
        completion=completion,
        tone=objective_tone(completion),
        baseline=sketch.write(sketch.baseline),
        current="" if current is None else sketch.write(current),
        target=sketch.write(sketch.target),
        equation=_equation(goal, current) if goal and current is not None else None,
        account=on_account,
        portal=in_portal,
        left=_left(goal, sketch) if goal else "",
        estimate=_estimate(linear_pace(series, target=goal.target), goal, sketch, account, today) if goal else None,
        direction=_direction(goal, is_measured=current is not None),
        synced=_synced(series, sketch, account, today),
        broken=_broken_rules(sketch, stored=stored, is_measured=bool(recorded), today=today),
        notes=tuple(_notes(goal, sketch=sketch, on_account=on_account, in_portal=in_portal)),
    )


def _is_shared(goal: Goal) -> bool:
    return goal.show_in_portal


def _last(series: Series) -> Decimal | None:
    return series[-1][1] if series else None


def _recorded(account: Account, *, sketch: Sketch, stored: Objective | None) -> Series:
    """Read the newest readings that the objective has or would have, superseded ones aside, oldest first."""
    if sketch.metric is not None:
        subject = Reading.objects.filter(account=account, metric=sketch.metric)
    elif sketch.completion_type == CompletionType.VALUE and stored is not None:
        subject = Reading.objects.filter(objective=stored)
    else:
        return []
    versions = Window(
        RowNumber(), partition_by=["observed_at", "source"], order_by=[F("recorded_at").desc(), F("id").desc()]
    )
    newest = subject.annotate(version=versions).filter(version=1).order_by("-observed_at", "-recorded_at", "-id")
    return list(newest.values_list("observed_at", "value")[:_SERIES_LIMIT])[::-1]


def _typed_goal(
    account: Account,
    *,
    sketch: Sketch,
    stored: Objective | None,
    recorded: Series,
    series: Series,
    at: datetime,
) -> Goal | None:
    if sketch.is_manual or sketch.baseline is None or sketch.target is None or sketch.baseline == sketch.target:
        return None
    started_on = sketch.started_on or weeks.local_day(at, account.timezone)
    steps = list(zip([None, *series], series, strict=False))
    last: datetime | None = None
    if stored is not None and _same_subject(stored, sketch):
        # What was progress then stays progress, whatever the definition is now.
        last = stored.last_progress_at
        steps = steps[len(recorded) :]
    for previous, (observed_at, value) in steps:
        before = completion_pct(
            baseline=sketch.baseline, current=previous[1] if previous else None, target=sketch.target
        )
        after = completion_pct(baseline=sketch.baseline, current=value, target=sketch.target)
        if is_progress(before=before, after=after):
            last = observed_at
    if last is not None and weeks.local_day(last, account.timezone) < started_on:
        last = None
    return Goal(
        weight=sketch.weight if sketch.weight is not None and sketch.weight > 0 else Decimal(1),
        baseline=sketch.baseline,
        current=_last(series),
        target=sketch.target,
        started_on=started_on,
        last_progress_at=last,
        show_in_portal=sketch.show_in_portal,
    )


def _same_subject(stored: Objective, sketch: Sketch) -> bool:
    follows = sketch.metric.pk if sketch.metric else None
    return (stored.completion_type, stored.metric_id) == (sketch.completion_type, follows)


def _equation(goal: Goal, current: Decimal) -> Equation:
    ends = goal.baseline, goal.target
    if goal.target < goal.baseline:
        return Equation(_minus(ends[0], current), _minus(*ends), _plain(ends[0] - current), _plain(ends[0] - ends[1]))
    return Equation(_minus(current, ends[0]), _minus(*ends[::-1]), _plain(current - ends[0]), _plain(ends[1] - ends[0]))


def _minus(first: Decimal, second: Decimal) -> str:
    return f"{_plain(first)} − {f'({_plain(second)})' if second < 0 else _plain(second)}"


def _plain(value: Decimal) -> str:
    return format_value(value, unit="")


def _left(goal: Goal, sketch: Sketch) -> str:
    if goal.is_met:
        return "Reached"
    start = goal.baseline if goal.current is None else goal.current
    by = f", by {format_day(sketch.due_on, sketch.due_on, with_year=True)}" if sketch.due_on else ""
    return f"{sketch.write(abs(goal.target - start))}{by}"


def _estimate(pace: Pace | None, goal: Goal, sketch: Sketch, account: Account, today: date) -> Estimate | None:
    if pace is None or goal.is_met:
        return None
    since = format_day(weeks.local_day(pace.since, account.timezone), today)
    basis = f"Straight line through the first and the last of {pace.readings:,} readings since {since}"
    if pace.reaches_at is None:
        return Estimate("In more than ten years" if pace.leads_there else "Not reached this way", basis, None)
    day = weeks.local_day(pace.reaches_at, account.timezone)
    return Estimate(
        format_day(day, today, with_year=True), basis, (day - sketch.due_on).days if sketch.due_on else None
    )


def _direction(goal: Goal | None, *, is_measured: bool) -> str:
    if goal is None:
        return "Baseline and target must differ. Current may stay empty until the first measurement."
    below = goal.target < goal.baseline
    good = (
        "Target is below baseline, so lower is better." if below else "Target is above baseline, so higher is better."
    )
    return good if is_measured else f"{good} Current may stay empty until the first measurement."


def _synced(series: Series, sketch: Sketch, account: Account, today: date) -> str:
    """Say where the current value of an attribute-based objective stands."""
    if (metric := sketch.metric) is None:
        return ""
    if not series:
        return "No reading yet"
    observed_at, value = series[-1]
    shown = format_value(value, unit=metric.unit, unit_label=metric.unit_label, currency=account.currency)
    return f"{shown}, {format_day(weeks.local_day(observed_at, account.timezone), today)}"


def _broken_rules(sketch: Sketch, *, stored: Objective | None, is_measured: bool, today: date) -> tuple[Refusal, ...]:
    """List the rules that saving what is typed would break."""
    draft = Draft(
        completion_type=sketch.completion_type,
        baseline=None if sketch.is_manual else sketch.baseline,
        current=sketch.current if sketch.completion_type == CompletionType.VALUE else None,
        target=None if sketch.is_manual else sketch.target,
        has_metric=sketch.metric is not None,
        weight=Decimal(1) if sketch.weight is None else sketch.weight,
        unit=sketch.unit,
        unit_label=sketch.unit_label,
        started_on=sketch.started_on if stored else sketch.started_on or today,
        due_on=sketch.due_on,
        has_measurement=is_measured,
        former_due_on=stored.due_on if stored else None,
    )
    return tuple(refusals(draft, today=today))


def _notes(goal: Goal | None, *, sketch: Sketch, on_account: Effect, in_portal: Effect) -> Iterator[Note]:
    if sketch.is_manual:
        yield Note("This goal is never scored.", "A manual objective is done or not done, and counts in no average.")
    elif goal is not None and goal.current is None:
        yield Note("Not counted yet.", "The goal joins the score with its first measurement.")
    if sketch.metric is not None and sketch.metric.kind == Kind.ACTIVITY:
        yield Note("This metric is an activity.", "It counts in value delivered, but not in outcomes only.")
    was, will = in_portal.before.value, in_portal.after.value
    if was is None and will is not None:
        yield Note("The customer will see a score.", f"It starts at {format_pct(will)}, over the goals shown to them.")
    elif was is not None and will is None:
        yield Note("The customer will see no score any more.", "Nothing that is shown to them is measured.")
    elif was is not None and will is not None and will < was:
        yield Note("The portal score will go down.", _why_lower(goal, was=was, will=will))
    before, after = on_account.before.status, on_account.after.status
    if before is not None and after is not None and after.rank < before.rank:
        yield Note(f"The account's status will be {after.label.lower()}.", f"{on_account.after.reason.full}.")


def _why_lower(goal: Goal | None, *, was: Decimal, will: Decimal) -> str:
    completion = goal.completion if goal is not None and goal.show_in_portal else None
    if completion is not None and completion < was:
        return f"This goal is at {format_pct(completion)}, below the {format_pct(was)} average the customer sees today."
    return f"The customer sees {format_pct(was)} today, and would see {format_pct(will)}."

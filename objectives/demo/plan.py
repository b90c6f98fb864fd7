"""Work out everything the demo portfolio holds, for one instant: accounts, objectives, readings, times. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Final

from objectives.demo.calendar import Calendar
from objectives.demo.catalogue import COMMON, GOALS, MANUAL, Goal
from objectives.demo.paths import Track, noise, score_path, series
from objectives.demo.world import CUSTOMERS, TEAM, WEEKS, ZONES, Customer, Given

SYNC: Final = "Data warehouse"
SYNC_MINUTES: Final = (6, 22 * 60 + 40)  # Saturday night
RECENT_RISE_PCT: Final = 1.2
SCALES: Final = (Decimal("0.5"), Decimal("0.8"), Decimal(1), Decimal("1.5"), Decimal(2))


@dataclass(frozen=True, slots=True)
class PlannedReading:
    """One measurement, with the time it became known."""

    value: Decimal
    observed_at: datetime
    recorded_at: datetime
    note: str = ""


@dataclass(slots=True)
class PlannedObjective:
    """An objective with its history; `former_target` stood until `revised_at`."""

    title: str
    owner: str
    created_at: datetime
    started_on: date
    completion_type: str = "manual"
    unit: str = ""
    unit_label: str = ""
    baseline: Decimal | None = None
    target: Decimal | None = None
    weight: Decimal = Decimal(1)
    metric: str = ""
    source: str = ""
    confidence: str = "high"
    due_on: date | None = None
    show_in_portal: bool = False
    done: bool = False
    former_target: Decimal | None = None
    revised_at: datetime | None = None
    archived_at: datetime | None = None
    readings: list[PlannedReading] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class PlannedAccount:
    """An account with its objectives."""

    customer: Customer
    calendar: Calendar
    created_at: datetime
    contract_signed_on: date
    went_live_on: date | None
    renewal_on: date | None
    objectives: list[PlannedObjective]


@dataclass(frozen=True, slots=True)
class _Aim:
    """An objective to be planned: its numbers, and where it stands at the last boundary."""

    track: Track
    spec: Given | Goal

    @property
    def given(self) -> Given | None:
        """Give the numbers of its own, if it has any."""
        return self.spec if isinstance(self.spec, Given) else None

    @property
    def is_counted(self) -> bool:
        """Tell whether it is part of the score at the last boundary."""
        return self.given is None or (self.given.current is not None and not self.given.archived)


def plan(at: datetime) -> list[PlannedAccount]:
    """Plan the whole portfolio as of an instant."""
    calendars = {zone: Calendar.of(name, at) for zone, name in ZONES.items()}
    return [plan_account(customer, calendars[customer.zone]) for customer in CUSTOMERS]


def plan_account(customer: Customer, calendar: Calendar) -> PlannedAccount:
    """Plan one account."""
    oldest = customer.weeks
    is_newest = oldest < 0
    created_at = calendar.since(0.2) if is_newest else calendar.moment(oldest, 1, 9 * 60 + 10)
    lead_weeks = int(customer.scores[0] * 0.8) if customer.scores and oldest == WEEKS else 0
    first_day = calendar.since(0.2).date() if is_newest else calendar.day(oldest, 1)
    started_on = first_day - timedelta(weeks=lead_weeks)
    if customer.contract is None:
        signed_on = started_on - timedelta(days=50 + round(20 * noise(customer.name, "contract")))
    else:
        signed_on = calendar.today + timedelta(days=customer.contract)
    went_live_on = started_on + timedelta(days=24)
    objectives = [
        *_numeric(customer, calendar, started_on),
        *_manual(customer, calendar, started_on),
    ]
    return PlannedAccount(
        customer=customer,
        calendar=calendar,
        created_at=created_at,
        contract_signed_on=signed_on,
        went_live_on=went_live_on if went_live_on <= calendar.today else None,
        renewal_on=None if customer.renewal is None else calendar.today + timedelta(days=customer.renewal),
        objectives=objectives,
    )


def anchors(customer: Customer) -> list[tuple[int, float]]:
    """List the points its score goes through, as (weeks ago, percent), oldest first."""
    scores = customer.scores
    weeks = [customer.weeks, 25, 4, 0] if len(scores) == 4 else [customer.weeks, *reversed(range(len(scores) - 1))]
    points = dict(zip(weeks, scores, strict=True))
    quiet, end = customer.quiet, scores[-1]
    if quiet:
        # One last small step up, then nothing better.
        is_falling = points[4] > end
        level = points[4] + 1.5 if is_falling else end
        points = {week: score for week, score in points.items() if week > quiet + 1 or week == 0 or is_falling}
        points |= {quiet + 1: level - 0.4, quiet: level}
    return sorted(points.items(), reverse=True)


def _numeric(customer: Customer, calendar: Calendar, started_on: date) -> Iterator[PlannedObjective]:
    aims = _aims(customer)
    if not aims:
        return
    counted = [aim for aim in aims if aim.is_counted]
    tracks = [aim.track for aim in counted]
    if customer.weeks < 0:
        values = {id(aim): [aim.track.value(aim.track.completion)] for aim in counted}
    else:
        path = score_path(anchors(customer), name=customer.name)
        found = series(tracks, path, quiet=customer.quiet)
        values = {id(aim): row for aim, row in zip(counted, found, strict=True)}
        for aim in aims:
            if aim.given and aim.given.archived:
                share = [score / path[0] for score in path]
                values[id(aim)] = [aim.track.value(aim.track.completion * each) for each in share]
    moving = _moving(customer, counted)
    for index, aim in enumerate(aims):
        objective = _objective(customer, calendar, aim, index, started_on)
        if id(aim) in values:
            live = _live(aim, values[id(aim)][0], is_moving=aim is moving)
            objective.readings = _readings(customer, calendar, objective, values[id(aim)], live)
        yield objective


def _aims(customer: Customer) -> list[_Aim]:
    given = [_Aim(_given_track(each), each) for each in customer.given]
    goals = _goals(customer)
    weights = [*map(float, customer.weights)] or [1.0] * len(goals)
    solved = _completions(customer, weights, [aim.track for aim in given if aim.is_counted])
    is_falling = bool(customer.scores) and customer.scores[0] > customer.scores[-1]
    open_goals = [goal for goal, (_, is_met) in zip(goals, solved, strict=True) if not is_met]
    rising = min(open_goals, key=lambda goal: goal.fineness) if is_falling and not customer.quiet else None
    return given + [
        _Aim(
            Track(
                name=f"{customer.name} {goal.title}", baseline=goal.baseline, target=goal.target, step=goal.step,
                completion=completion, weight=weight, is_met=is_met, is_rising=goal is rising,
            ),
            goal,
        )
        for goal, weight, (completion, is_met) in zip(goals, weights, solved, strict=True)
    ]  # fmt: skip


def _given_track(given: Given) -> Track:
    track = Track(
        name=given.title, baseline=Decimal(given.baseline), target=Decimal(given.target), step=Decimal(given.step),
        completion=0.0, weight=float(given.weight), is_given=True,
    )  # fmt: skip
    completion = track.completion_of(Decimal(given.current)) if given.current else 0.0
    return Track(
        name=track.name, baseline=track.baseline, target=track.target, step=track.step, completion=completion,
        weight=track.weight, is_given=True,
    )  # fmt: skip


def _goals(customer: Customer) -> list[Goal]:
    """Pick an account's goals from the catalogue: its industry's first, no metric twice."""
    own = GOALS[customer.industry]
    turn = [
        *sorted(own, key=lambda goal: noise(customer.name, goal.title)),
        *sorted(COMMON, key=lambda goal: noise(customer.name, goal.title)),
    ]
    taken = {each.metric for each in customer.given if each.metric}
    picked: list[Goal] = []
    for goal in turn:
        if len(picked) < customer.goals and goal.metric not in taken:
            picked.append(_scaled(customer, goal))
            taken |= {goal.metric} if goal.metric else set()
    return picked


def _scaled(customer: Customer, goal: Goal) -> Goal:
    if not goal.scalable:
        return goal
    scale = SCALES[int((noise(customer.name, goal.title, "scale") + 1) / 2 * len(SCALES))]
    return Goal(
        title=goal.title, unit=goal.unit, baseline=goal.baseline * scale, target=goal.target * scale, step=goal.step,
        metric=goal.metric, unit_label=goal.unit_label, source=goal.source,
    )  # fmt: skip


def _completions(customer: Customer, weights: Sequence[float], given: Sequence[Track]) -> list[tuple[float, bool]]:
    """Choose completions whose weighted mean, with the given ones, is the account's score; the last ones are met."""
    if not weights:
        return []
    score, open_count = customer.scores[-1], len(weights) - customer.met
    total = score * (sum(weights) + sum(track.weight for track in given))
    total -= sum(track.weight * track.completion for track in given)
    if score < 100:
        met = [100 + 2.5 + 2.5 * noise(customer.name, "met", index) for index in range(customer.met)]
        rest = total - sum(weight * each for weight, each in zip(weights[open_count:], met, strict=True))
        opened = _around(rest, weights[:open_count], name=customer.name, limit=96)
    else:
        opened = [82 + 10 * noise(customer.name, "open", index) for index in range(open_count)]
        rest = total - sum(weight * each for weight, each in zip(weights[:open_count], opened, strict=True))
        met = _around(rest, weights[open_count:], name=customer.name, floor=100)
    return [(each, False) for each in opened] + [(each, True) for each in met]


def _around(
    total: float, weights: Sequence[float], *, name: str, floor: float = 0, limit: float = float("inf")
) -> list[float]:
    """Spread completions around their mean, between two bounds."""
    mean = total / sum(weights)
    reach = min((mean - floor) * 0.6, (limit - mean) * 0.9, 22)
    offsets = [reach * noise(name, "spread", index) for index in range(len(weights))]
    middle = sum(weight * offset for weight, offset in zip(weights, offsets, strict=True)) / sum(weights)
    return [mean + (offset - middle) * 0.7 for offset in offsets]


def _moving(customer: Customer, aims: Sequence[_Aim]) -> _Aim | None:
    """Pick the objective that has got better since the last boundary, if any has."""
    open_aims = [
        (aim.spec.fineness, index)
        for index, aim in enumerate(aims)
        if isinstance(aim.spec, Goal) and not aim.track.is_met
    ]
    if not (customer.moves and open_aims) or customer.weeks < 0:
        return None
    return aims[min(open_aims)[1]]


def _live(aim: _Aim, last: Decimal, *, is_moving: bool) -> Decimal | None:
    if aim.given and aim.given.live:
        return Decimal(aim.given.live)
    return aim.track.value(aim.track.completion_of(last) + RECENT_RISE_PCT) if is_moving else None


def _objective(customer: Customer, calendar: Calendar, aim: _Aim, index: int, started_on: date) -> PlannedObjective:
    spec, given = aim.spec, aim.given
    created_at = calendar.since(0.3) if customer.weeks < 0 else calendar.moment(customer.weeks, 1, 10 * 60 + 5 * index)
    objective = PlannedObjective(
        title=spec.title,
        owner=(given.owner if given else "") or _owner(customer, index),
        created_at=created_at,
        started_on=started_on,
        completion_type="attribute" if spec.metric else "value",
        unit=spec.unit,
        unit_label=spec.unit_label,
        baseline=aim.track.baseline,
        target=aim.track.target,
        weight=Decimal(repr(aim.track.weight)),
        metric=spec.metric,
        source=spec.source or (SYNC if spec.metric else ""),
        confidence="medium" if not spec.metric and noise(customer.name, spec.title, "confidence") > 0.5 else "high",
        due_on=_due_on(customer, calendar, started_on, spec.title),
        show_in_portal=noise(customer.name, spec.title, "portal") > -0.5,
    )
    if given and given.former_target:
        objective.former_target = Decimal(given.former_target)
        objective.revised_at = calendar.moment(given.revised, 3, 11 * 60 + 20)
    if given and given.archived:
        objective.archived_at = calendar.moment(given.archived, 4, 15 * 60 + 45)
    return objective


def _owner(customer: Customer, index: int) -> str:
    """Let somebody else look after some of an account's objectives."""
    csms = [person.initials for person in TEAM if person.role == "csm"]
    draw = noise(customer.name, index, "owner")
    return csms[int((draw + 1) * 7) % len(csms)] if draw > 0.4 else customer.owner


def _due_on(customer: Customer, calendar: Calendar, started_on: date, title: str) -> date:
    """Set a target date whose straight plan runs a little ahead of the account's score."""
    elapsed = (calendar.today - started_on).days
    planned = min(max(customer.scores[-1] + 7 + 4 * noise(title, "due"), 30), 93)
    return calendar.today + timedelta(days=min(max(round(elapsed * (100 / planned - 1)), 21), 330))


def _readings(
    customer: Customer, calendar: Calendar, objective: PlannedObjective, values: Sequence[Decimal], live: Decimal | None
) -> list[PlannedReading]:
    """List an objective's readings, oldest first: a synced one's every week, a typed one's when the value changed."""
    if customer.weeks < 0:
        observed_at = calendar.since(0.6)
        return [PlannedReading(values[0], observed_at, observed_at + (calendar.at - observed_at) / 10)]
    is_synced = bool(objective.metric)
    readings: list[PlannedReading] = []
    start = objective.baseline or Decimal(0)
    before = start  # a first value equal to the baseline shows no progress, and is not typed in
    for week in reversed(range(len(values))):
        observed_at, recorded_at = _times(customer, calendar, objective, week)
        if objective.archived_at and recorded_at > objective.archived_at:
            break
        if is_synced or values[week] != before:
            readings.append(PlannedReading(values[week], observed_at, recorded_at))
        before = values[week]
    if customer.corrected and not is_synced:
        _correct(readings, wrong=start)
    if live is not None and live != before:
        observed_at = calendar.lately(15 * 60 + 20)
        delay = min(timedelta(minutes=4), (calendar.at - observed_at) / 2)
        readings.append(PlannedReading(live, observed_at, observed_at + delay))
    return readings


def _times(customer: Customer, calendar: Calendar, objective: PlannedObjective, week: int) -> tuple[datetime, datetime]:
    """Tell when a week's value was observed and recorded."""
    if objective.metric:
        observed_at = calendar.moment(week, *SYNC_MINUTES)
        return observed_at, observed_at + timedelta(minutes=7)
    weekday = 1 + int((noise(customer.name, "weekday") + 1) * 2.5)
    minutes = 9 * 60 + 30 + int((noise(objective.title, customer.name, week) + 1) * 200)
    observed_at = calendar.moment(week, weekday, minutes)
    return observed_at, observed_at + timedelta(minutes=2 + int((noise(objective.title, week) + 1) * 20))


def _correct(readings: list[PlannedReading], *, wrong: Decimal) -> None:
    """Let one value have been mistyped, and corrected an hour later: the later record supersedes the first."""
    right = readings[-12]
    later = right.recorded_at + timedelta(hours=1)
    readings[-12:-11] = [
        PlannedReading(wrong, right.observed_at, right.recorded_at, note="Typed in the wrong row"),
        PlannedReading(right.value, right.observed_at, later, note="Corrected"),
    ]


def _manual(customer: Customer, calendar: Calendar, started_on: date) -> Iterator[PlannedObjective]:
    titles = sorted(MANUAL, key=lambda title: noise(customer.name, title))
    for index, done in enumerate(customer.manual):
        yield PlannedObjective(
            title=titles[index],
            owner=customer.owner,
            created_at=calendar.moment(customer.weeks, 1, 14 * 60 + 5 * index),
            started_on=started_on,
            due_on=calendar.today + timedelta(days=60 + 30 * index),
            show_in_portal=index == 0,
            done=done,
        )

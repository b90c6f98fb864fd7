"""The value card of one account, computed when it is read."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal

from accounts.models import Account
from objectives import weeks
from objectives.evidence import Grade, verified_mean
from objectives.models import Kind, Objective, Snapshot
from objectives.progress import bar_pct
from objectives.queries.baselines import is_retrofitted
from objectives.queries.live import LiveScore, active_objectives, endpoints, live_score, numeric
from objectives.status import Status, StatusReason, is_new, objective_tone
from valuerealization.common.charts import Sparkline, sparkline
from valuerealization.common.units import format_ago, format_day, format_pct, format_value, points_between

SHOWN_ROWS = 5
SPARK_WEEKS = 26
_LONG_AGO_DAYS = 14


@dataclass(frozen=True, slots=True)
class ObjectiveRow:
    """A numeric objective on the card.

    Shape:  baseline, current and target as displayed, current empty while not measured; `metric` is what a synced
            objective follows; `tone` a data-status value from the objective's own completion.
    """

    pk: int
    title: str
    owner: str
    metric: str
    is_activity: bool
    weight: Decimal
    completion: Decimal | None
    is_met: bool
    tone: str
    baseline: str
    current: str
    target: str
    measured_at: datetime | None
    measured_on: str
    confidence: str
    grade: Grade | None
    is_retrofitted: bool = False

    @property
    def is_synced(self) -> bool:
        """Tell whether current follows a metric."""
        return bool(self.metric)

    @property
    def is_measured(self) -> bool:
        """Tell whether the objective counts in the score already."""
        return self.completion is not None

    @property
    def shown(self) -> str:
        """Give the completion as shown: the number does not stop at the ends of its bar."""
        return format_pct(self.completion)

    @property
    def bar(self) -> Decimal:
        """Give the length of the bar."""
        return bar_pct(self.completion)


@dataclass(frozen=True, slots=True)
class Course:
    """Where the score came from: the line of the weekly snapshots up to now, its start, and the points since.

    Shape:  `line` None with fewer than two scored snapshots.
    """

    line: Sparkline | None
    start: str
    points: int | None
    sentence: str


@dataclass(frozen=True, slots=True)
class ValueCard:
    """What an account gained, as of now.

    Shape:  `score` None without a measured objective; `failure` says why the last snapshot could not be taken;
            `version` changes with everything that the card shows.
    """

    account_id: int
    score: Decimal | None
    status: Status | None
    reason: StatusReason
    recency: str
    last_progress_at: datetime | None
    basis: str
    is_new: bool
    course: Course
    rows: tuple[ObjectiveRow, ...]
    measured: int
    manual: int
    verified: Decimal | None = None
    verified_count: int = 0
    failure: str = ""
    version: str = ""

    @property
    def has_objectives(self) -> bool:
        """Tell whether there is anything to show: without objectives the card is absent."""
        return self.objectives > 0

    @property
    def objectives(self) -> int:
        """Count the active objectives, the manual ones included."""
        return len(self.rows) + self.manual

    @property
    def is_manual_only(self) -> bool:
        """Tell whether every objective is manual, so that nothing can be scored."""
        return bool(self.manual) and not self.rows

    @property
    def shown(self) -> str:
        """Give the score as shown."""
        return format_pct(self.score)

    @property
    def verified_line(self) -> str:
        """Say how much of the score stands on verified values; nothing without a score."""
        if self.score is None:
            return ""
        if self.verified is None:
            return "Nothing verified yet"
        if self.verified_count == self.measured:
            return f"{format_pct(self.verified)} verified"
        return f"{format_pct(self.verified)} verified, {self.verified_count} of {self.measured} objectives"

    @property
    def first(self) -> tuple[ObjectiveRow, ...]:
        """Give the rows that the card opens with."""
        return self.rows[:SHOWN_ROWS]

    @property
    def rest(self) -> tuple[ObjectiveRow, ...]:
        """Give the rows behind the expand link."""
        return self.rows[SHOWN_ROWS:]

    @property
    def status_line(self) -> str:
        """Say why the account has its status; nothing when on track, where the line on recency says it."""
        return "" if self.status in (None, Status.ON_TRACK) else self.reason.full


def value_card(*, account: Account, at: datetime) -> ValueCard:
    """Compute the value card of an account: two queries, whatever the number of objectives.

    Shape:  the account came with its standing, or it takes a third.
    Source: docs/formulas.md#mean, docs/formulas.md#status
    """
    objectives = active_objectives(account)
    counted = numeric(objectives)
    today = weeks.local_day(at, account.timezone)
    score = live_score(counted, timezone=account.timezone, at=at)
    card = ValueCard(
        account_id=account.pk,
        score=score.value,
        status=score.status,
        reason=score.reason,
        recency=_recency(score, account=account, today=today),
        last_progress_at=score.last_progress_at,
        basis=_basis(counted, measured=score.measured),
        is_new=is_new(created_on=weeks.local_day(account.created_at, account.timezone), on=today),
        course=_course(account, score=score.value, at=at, today=today),
        rows=tuple(objective_row(objective, account=account, today=today) for objective in counted),
        measured=score.measured,
        manual=len(objectives) - len(counted),
        verified=verified_mean((each.weight, each.completion, each.grade) for each in counted),
        verified_count=sum(each.grade == Grade.VERIFIED for each in counted),
        failure=snapshot_failure(account, today=today),
    )
    return replace(card, version=hashlib.sha256(repr(card).encode()).hexdigest()[:16])


def snapshot_failure(account: Account, *, today: date) -> str:
    """Say which snapshot could not be taken, and why; nothing when none failed."""
    standing = account.standing
    if standing.failed_at is None or standing.is_archived:
        return ""
    return f"This account’s snapshot of {format_day(standing.next_week, today)} failed: {standing.failure}"


def objective_row(objective: Objective, *, account: Account, today: date) -> ObjectiveRow:
    """Write one numeric objective the way the card shows it."""
    baseline, target = endpoints(objective)
    measured_on = ""
    if objective.measured_at is not None:
        measured_on = format_day(weeks.local_day(objective.measured_at, account.timezone), today)
    return ObjectiveRow(
        pk=objective.pk,
        title=objective.title,
        owner=str(objective.owner or ""),
        metric=objective.metric.name if objective.metric else "",
        is_activity=objective.kind == Kind.ACTIVITY,
        weight=objective.weight,
        completion=objective.completion,
        is_met=objective.is_met,
        tone=objective_tone(objective.completion),
        baseline=_in_unit(baseline, objective, account),
        current="" if objective.current is None else _in_unit(objective.current, objective, account),
        target=_in_unit(target, objective, account),
        measured_at=objective.measured_at,
        measured_on=measured_on,
        confidence=objective.reading.confidence if objective.reading else "",
        grade=Grade(objective.grade) if objective.grade else None,
        is_retrofitted=is_retrofitted(objective, account),
    )


def _in_unit(value: Decimal, objective: Objective, account: Account) -> str:
    baseline, target = endpoints(objective)
    return format_value(
        value,
        unit=objective.unit,
        unit_label=objective.unit_label,
        currency=account.currency,
        span=target - baseline,
    )


def _recency(score: LiveScore, *, account: Account, today: date) -> str:
    if score.last_progress_at is None or score.days_since_progress is None:
        return "No progress yet" if score.measured else ""
    day = format_day(weeks.local_day(score.last_progress_at, account.timezone), today)
    on = f", on {day}" if score.days_since_progress >= _LONG_AGO_DAYS else ""
    return f"Last progress {format_ago(score.days_since_progress)}{on}"


def _basis(objectives: Sequence[Objective], *, measured: int) -> str:
    if not measured:
        return ""
    is_weighted = any(objective.weight != 1 for objective in objectives if objective.completion is not None)
    mean = "Weighted average" if is_weighted else "Average"
    text = f"{mean} of {measured} numeric objective{'' if measured == 1 else 's'}"
    missing = len(objectives) - measured
    return f"{text}, {missing} not measured yet" if missing else text


def _course(account: Account, *, score: Decimal | None, at: datetime, today: date) -> Course:
    since = weeks.last_week_at_or_before(at, account.timezone) - (SPARK_WEEKS - 1) * weeks.WEEK
    taken = Snapshot.objects.filter(account=account, week__gte=since).order_by("week")
    known = {week: value for week, value in taken.values_list("week", "value_delivered") if value is not None}
    if not known or score is None:
        return Course(None, "", None, "")
    first, last = min(known), max(known)
    values = [known.get(week) for week in weeks.sundays(first, last)]
    start = format_day(first, today)
    return Course(
        line=sparkline([*values, score]) if len(known) > 1 else None,
        start=f"{start} {format_pct(known[first])}",
        points=points_between(known[first], score),
        sentence=f"From {format_pct(known[first])} on {start} to {format_pct(score)} now, by week",
    )

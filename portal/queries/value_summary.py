"""Your value summary: the goals that the account's team shares with the customer, and the score over those alone."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Final

from accounts.models import Account
from objectives import weeks
from objectives.models import Objective, SnapshotObjective
from objectives.progress import weighted_mean
from objectives.queries.live import LiveScore, endpoints, live_score
from objectives.status import Status, objective_tone
from valuerealization.common.charts import Chart, ChartWeek, line_chart
from valuerealization.common.units import format_count, format_day, format_pct, format_value

WEEKS_SHOWN: Final = 26
# The columns of an account that the portal's role may read, and all that a customer's page needs of it.
ACCOUNT_FIELDS: Final = ("id", "name", "timezone", "currency", "contract_signed_on", "went_live_on")


@dataclass(frozen=True, slots=True)
class SharedGoal:
    """One shared objective as the customer reads it: start, now and goal as display strings.

    Units:  completion in percent, None while it is not measured; `measured_on` on the account's clock.
    """

    pk: int
    title: str
    completion: Decimal | None
    is_met: bool
    tone: str
    start: str
    now: str
    goal: str
    measured_on: str

    @property
    def shown(self) -> str:
        """Write the completion."""
        return format_pct(self.completion)

    @property
    def remark(self) -> str:
        """Say what a met goal came to."""
        if not self.is_met:
            return ""
        return "Goal beaten" if self.completion is not None and self.completion > 100 else "Goal reached"


@dataclass(frozen=True, slots=True)
class ValueSummary:
    """What the customer gained, over the shared goals and only those.

    Shape:  `value` and `status` None without a measured shared goal; `chart` None with fewer than two scored weeks;
            `updated_on` the local day of the newest shared value.
    """

    value: Decimal | None
    status: Status | None
    goals: tuple[SharedGoal, ...]
    chart: Chart | None
    updated_on: str

    @property
    def is_empty(self) -> bool:
        """Tell whether the block hides: nothing is shared that is measured."""
        return self.value is None

    @property
    def shown(self) -> str:
        """Write the score."""
        return format_pct(self.value)

    @property
    def basis(self) -> str:
        """Say what the score is the mean of."""
        measured = sum(goal.completion is not None for goal in self.goals)
        waiting = len(self.goals) - measured
        text = f"Average of the {format_count(measured, 'goal')} you share with us"
        return f"{text}, {waiting} not measured yet" if waiting else text


def shared_account(account_id: int) -> Account | None:
    """Read what a customer's page may tell of its account; None when it is archived or not in scope."""
    return Account.objects.filter(pk=account_id).only(*ACCOUNT_FIELDS).first()


def value_summary(*, account: Account, at: datetime) -> ValueSummary:
    """Read the shared goals with their score, status and weekly trend: two queries.

    Source: docs/formulas.md#mean, docs/formulas.md#status
    """
    found = Objective.objects.numeric().active().filter(account_id=account.pk, show_in_portal=True).order_by("pk")
    shared = list(found)
    score = live_score(shared, timezone=account.timezone, at=at)
    today = weeks.local_day(at, account.timezone)
    goals = [_goal(each, account=account, today=today) for each in shared]
    goals.sort(key=lambda goal: (goal.completion is None, -(goal.completion or 0)))
    return ValueSummary(
        value=score.value,
        status=score.status,
        goals=tuple(goals),
        chart=_chart(account, score, at=at, today=today) if score.value is not None else None,
        updated_on=_newest(shared, account=account, today=today),
    )


def _goal(objective: Objective, *, account: Account, today: date) -> SharedGoal:
    baseline, target = endpoints(objective)

    def in_unit(value: Decimal | None) -> str:
        if value is None:
            return ""
        return format_value(
            value, unit=objective.unit, unit_label=objective.unit_label, currency=account.currency,
            span=target - baseline,
        )  # fmt: skip

    measured = objective.measured_at
    return SharedGoal(
        pk=objective.pk,
        title=objective.title,
        completion=objective.completion,
        is_met=objective.is_met,
        tone=objective_tone(objective.completion),
        start=in_unit(baseline),
        now=in_unit(objective.current),
        goal=in_unit(target),
        measured_on=format_day(weeks.local_day(measured, account.timezone), today) if measured else "",
    )


def _newest(objectives: Iterable[Objective], *, account: Account, today: date) -> str:
    latest = max((each.measured_at for each in objectives if each.measured_at), default=None)
    return format_day(weeks.local_day(latest, account.timezone), today) if latest else ""


def _chart(account: Account, score: LiveScore, *, at: datetime, today: date) -> Chart | None:
    """Draw the weeks as their snapshots have them, over what was shared at the time, and the score of today."""
    last = weeks.last_week_at_or_before(at, account.timezone)
    first = last - (WEEKS_SHOWN - 1) * weeks.WEEK
    parts: dict[date, list[tuple[Decimal, Decimal | None]]] = defaultdict(list)
    rows = SnapshotObjective.objects.filter(
        snapshot__account_id=account.pk, snapshot__week__gte=first, snapshot__week__lte=last, show_in_portal=True
    )
    for week, weight, completion in rows.values_list("snapshot__week", "weight", "completion"):
        parts[week].append((weight, completion))
    scored = {week: value for week, pairs in parts.items() if (value := weighted_mean(pairs)) is not None}
    if len(scored) < 2:
        return None
    span = weeks.sundays(min(scored), last)
    shown: Sequence[ChartWeek] = [ChartWeek(format_day(week, today), scored.get(week)) for week in span]
    return line_chart([*shown, ChartWeek("today", score.value)], subject="Your value delivered per week")

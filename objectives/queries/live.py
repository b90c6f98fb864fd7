"""The live score of one account, computed from its objectives at the instant of reading."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Protocol, cast

from accounts.models import Account
from objectives import weeks
from objectives.models import Objective
from objectives.progress import GoalsMet, goals_met, weighted_mean
from objectives.status import Status, StatusReason, reason, status_of

_NO_DAYS = Decimal(0)


class Scored(Protocol):
    """What counts of an objective: a saved one, or a draft of one."""

    @property
    def weight(self) -> Decimal: ...
    @property
    def completion(self) -> Decimal | None: ...
    @property
    def is_met(self) -> bool: ...
    @property
    def started_on(self) -> date: ...
    @property
    def last_progress_at(self) -> datetime | None: ...


@dataclass(frozen=True, slots=True)
class LiveScore:
    """The score of an account with its status and everything that decides it.

    Shape:  `value` and `status` None without a measured objective; `anchor_week` the Sunday that days without progress
            run from.
    Units:  value in percent, days on the account's wall clock.
    """

    value: Decimal | None
    status: Status | None
    reason: StatusReason
    goals: GoalsMet
    measured: int
    last_progress_at: datetime | None
    days_since_progress: int | None
    anchor_week: date | None
    days_without_progress: Decimal


def active_objectives(account: Account) -> list[Objective]:
    """Read an account's objectives that are not archived, oldest first, with owner, metric and reading: one query."""
    found = Objective.objects.active().filter(account=account).select_related("owner", "metric", "reading")
    return list(found.order_by("pk"))


def numeric(objectives: Iterable[Objective]) -> list[Objective]:
    """Keep the objectives that count in a score."""
    return [objective for objective in objectives if objective.is_numeric]


def endpoints(objective: Objective) -> tuple[Decimal, Decimal]:
    """Give baseline and target of a numeric objective: the database holds both for every one of them."""
    return cast(Decimal, objective.baseline), cast(Decimal, objective.target)


def live_score(objectives: Sequence[Scored], *, timezone: str, at: datetime) -> LiveScore:
    """Compute score and status of an account from its active numeric objectives.

    Source: docs/formulas.md#mean, docs/formulas.md#status
    """
    value = weighted_mean((each.weight, each.completion) for each in objectives)
    goals = goals_met(each.is_met for each in objectives)
    last = max((each.last_progress_at for each in objectives if each.last_progress_at), default=None)
    start = min((each.started_on for each in objectives), default=None)
    anchor = weeks.anchor_week(last_progress_at=last, earliest_started_on=start, timezone=timezone)
    days = weeks.days_without_progress(anchor_week=anchor, at=at, timezone=timezone) if anchor else _NO_DAYS
    since = None if last is None else weeks.local_days_between(last, at, timezone)
    status = status_of(score=value, all_met=goals.all_met, days_without_progress=days)
    why = reason(
        status=status,
        score=value,
        days_without_progress=days,
        days_since_progress=since,
        goals_open=goals.still_open,
        objectives=goals.total,
    )
    return LiveScore(
        value=value,
        status=status,
        reason=why,
        goals=goals,
        measured=sum(each.completion is not None for each in objectives),
        last_progress_at=last,
        days_since_progress=since,
        anchor_week=anchor,
        days_without_progress=days,
    )

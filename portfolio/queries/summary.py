"""The portfolio in one reading: its average, its statuses, their ARR, and what changed since the week before."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any, Final

from django.db.models import Count, DecimalField, F, Q, Sum

from objectives.progress import GoalsMet
from objectives.queries.lists import AccountFilter, standings
from objectives.queries.parameters import NONE
from objectives.status import STATUS_ORDER, Status, rank_of
from valuerealization.common.charts import Distribution, Segment, distribution
from valuerealization.common.numbers import WIDE, round_half_up
from valuerealization.common.units import format_money, format_pct, format_points

# The order of the strip: good news first, as the eye reads it; tables and bars go worst first.
CARDS: Final = (Status.ON_TRACK, Status.AT_RISK, Status.STALLED, Status.EXCEEDED, Status.ALL_GOALS_MET)
MEAN_PLACES: Final = 6

_ZERO: Final = Decimal(0)


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in one currency; amounts of different currencies are never added."""

    amount: Decimal
    currency: str

    @property
    def short(self) -> str:
        """Write the amount as tiles do: $612k."""
        return format_money(self.amount, currency=self.currency, compact=True)


@dataclass(frozen=True, slots=True)
class Average:
    """A mean of account scores, with what it was made from.

    Units:  value in percent, rounded half up to 6 decimals; `weights` counts accounts, or ARR in `currency`.
    """

    value: Decimal
    total: Decimal
    weights: Decimal
    currency: str = ""


@dataclass(frozen=True, slots=True)
class StatusCard:
    """One reading of the strip.

    Shape:  `change` is the count now less the count in the snapshot before, None before there are two; `moved` counts
            the accounts that came to it or left it.
    """

    status: Status
    count: int
    change: int | None
    moved: int
    is_pressed: bool

    @property
    def note(self) -> str:
        """Say what changed."""
        if self.change is None:
            return "First week"
        if not self.change:
            return f"{self.moved // 2} in, {self.moved // 2} out" if self.moved else "No change"
        return f"{format_points(self.change, suffix='')} this week"


@dataclass(frozen=True, slots=True)
class Move:
    """How many accounts came from one status to another since the snapshot before; None stands for no score."""

    before: Status | None
    after: Status | None
    count: int


@dataclass(frozen=True, slots=True)
class Part:
    """The plain mean of something that not every account with a score has."""

    average: Average
    accounts: int

    @property
    def shown(self) -> str:
        """Write the mean."""
        return format_pct(self.average.value)


@dataclass(frozen=True, slots=True)
class StatusShare:
    """One row of the distribution, worst first."""

    status: Status
    part: Segment
    arr: tuple[Money, ...]

    @property
    def shown_arr(self) -> str:
        """Write the ARR of each currency, the largest first; nothing without one."""
        return " + ".join(money.short for money in self.arr)


@dataclass(frozen=True, slots=True)
class WithoutScore:
    """Accounts that stand outside every average, and why."""

    count: int = 0
    manual_only: int = 0
    unmeasured: int = 0

    @property
    def reason(self) -> str:
        """Say why, in as few words as fit."""
        reasons = [
            (self.manual_only, "manual objectives only"),
            (self.unmeasured, "not measured yet"),
            (self.count - self.manual_only - self.unmeasured, "no objectives"),
        ]
        given = [(number, text) for number, text in reasons if number]
        if len(given) == 1:
            return given[0][1]
        return ", ".join(f"{number} {text}" for number, text in given)


@dataclass(frozen=True, slots=True)
class Summary:
    """What the accounts of a filter add up to.

    Shape:  `matched`, `scored`, the averages and `goals` follow the whole filter; `cards`, `moves`, `shares`, `bar`,
            `without_score` leave its status aside, so that each status says what choosing it would show. `outcomes` is
            the mean without activity metrics, `verified` the one over verified values, each over the accounts that have
            one.
    """

    matched: int
    scored: int
    live: int
    average: Average | None
    by_arr: tuple[Average, ...]
    outcomes: Part | None
    verified: Part | None
    goals: GoalsMet
    moves: tuple[Move, ...]
    is_first_week: bool
    cards: tuple[StatusCard, ...]
    bar: Distribution
    shares: tuple[StatusShare, ...]
    without_score: WithoutScore
    listed: int
    numeric: int

    @property
    def shown(self) -> str:
        """Write the average."""
        return format_pct(self.average.value if self.average else None)

    @property
    def has_activity(self) -> bool:
        """Tell whether outcomes alone come to another average."""
        return self.outcomes is not None and self.average is not None and self.outcomes.average != self.average

    @property
    def moved(self) -> int:
        """Count the accounts whose status changed."""
        return sum(move.count for move in self.moves)

    @property
    def snapshots(self) -> int:
        """Count the accounts of the average that stand with a snapshot's score."""
        return self.scored - self.live

    @property
    def distributed(self) -> int:
        """Count the accounts of the bar."""
        return self.bar.total

    @property
    def shown_by_arr(self) -> str:
        """Write the ARR-weighted averages, the currency of most accounts first: `74% USD, 70% EUR`."""
        return ", ".join(f"{format_pct(each.value)} {each.currency}" for each in self.by_arr)


@dataclass(frozen=True, slots=True)
class _Group:
    """Sums over the accounts with the same status, status before, and currency."""

    status: str
    before: str | None
    currency: str
    accounts: int
    numeric: int
    manual_only: int
    live: int
    value: Decimal
    arr: Decimal | None
    weight: Decimal
    weighted: Decimal
    goals: int
    goals_met: int
    outcomes: tuple[Decimal, int]
    verified: tuple[Decimal, int]


def summary(wanted: AccountFilter, *, on: date) -> Summary:
    """Sum up the accounts of a filter from what the portfolio shows: one query.

    Source: docs/formulas.md#portfolio
    """
    groups = _groups(replace(wanted, status=()), on=on)
    chosen = [group for group in groups if not wanted.status or group.status in wanted.status]
    scored = [group for group in chosen if group.status != NONE]
    counts = _count(groups, lambda group: group.status)
    before = _count(groups, lambda group: group.before)
    parts = distribution((status.value, status.label, counts[status]) for status in STATUS_ORDER)
    unscored = [group for group in groups if group.status == NONE]
    without = WithoutScore(
        count=sum(group.accounts for group in unscored),
        manual_only=sum(group.manual_only for group in unscored),
        unmeasured=sum(group.numeric for group in unscored),
    )
    moves = _moves(groups)
    is_first_week = any(group.status != NONE for group in groups) and not any(group.before for group in groups)
    return Summary(
        matched=sum(group.accounts for group in chosen),
        scored=sum(group.accounts for group in scored),
        live=sum(group.live for group in scored),
        average=_mean(sum((group.value for group in scored), _ZERO), Decimal(sum(group.accounts for group in scored))),
        by_arr=_by_arr(scored),
        outcomes=_part(group.outcomes for group in scored),
        verified=_part(group.verified for group in scored),
        goals=GoalsMet(sum(group.goals_met for group in chosen), sum(group.goals for group in chosen)),
        moves=() if is_first_week else moves,
        is_first_week=is_first_week,
        cards=tuple(
            StatusCard(
                status=status,
                count=counts[status],
                change=None if is_first_week else counts[status] - before[status],
                moved=sum(move.count for move in moves if status in (move.before, move.after)),
                is_pressed=status in wanted.status,
            )
            for status in CARDS
        ),
        bar=parts,
        shares=tuple(
            StatusShare(status, part, _arr_of(groups, status))
            for status, part in zip(STATUS_ORDER, parts.rows, strict=True)
        ),
        without_score=without,
        listed=sum(group.accounts for group in groups),
        numeric=sum(group.numeric for group in groups),
    )


def _groups(wanted: AccountFilter, *, on: date) -> list[_Group]:
    has_score = Q(shown_value__isnull=False)
    product = DecimalField(max_digits=80, decimal_places=8)
    rows = (
        standings(wanted, live=False, on=on)
        .values("shown_status", "previous_status", "currency")
        .annotate(
            accounts=Count("pk"),
            numeric=Count("pk", filter=Q(objectives_total__gt=0)),
            manual_only=Count("pk", filter=Q(objectives_total=0, objectives_manual__gt=0)),
            live=Count("pk", filter=Q(is_scored=False) & has_score),
            value_sum=Sum("shown_value"),
            arr_sum=Sum("arr"),
            weight=Sum("arr", filter=has_score),
            weighted=Sum(F("arr") * F("shown_value"), output_field=product),
            goals=Sum("shown_total"),
            goals_met=Sum("shown_met"),
            outcomes_sum=Sum("shown_outcomes"),
            outcomes_count=Count("shown_outcomes"),
            verified_sum=Sum("shown_verified"),
            verified_count=Count("shown_verified"),
        )
        .order_by()
    )
    return [_group(row) for row in rows]


def _group(row: Mapping[str, Any]) -> _Group:
    return _Group(
        status=row["shown_status"] or NONE,
        before=row["previous_status"],
        currency=row["currency"],
        accounts=row["accounts"],
        numeric=row["numeric"],
        manual_only=row["manual_only"],
        live=row["live"],
        value=row["value_sum"] or _ZERO,
        arr=row["arr_sum"],
        weight=row["weight"] or _ZERO,
        weighted=row["weighted"] or _ZERO,
        goals=row["goals"] or 0,
        goals_met=row["goals_met"] or 0,
        outcomes=(row["outcomes_sum"] or _ZERO, row["outcomes_count"]),
        verified=(row["verified_sum"] or _ZERO, row["verified_count"]),
    )


def _count(groups: Iterable[_Group], key: Any) -> Counter[str | None]:
    counted: Counter[str | None] = Counter()
    for group in groups:
        counted[key(group)] += group.accounts
    return counted


def _mean(total: Decimal, weights: Decimal, currency: str = "") -> Average | None:
    if not weights:
        return None
    return Average(round_half_up(WIDE.divide(total, weights), MEAN_PLACES), total, weights, currency)


def _part(sums: Iterable[tuple[Decimal, int]]) -> Part | None:
    listed = list(sums)
    accounts = sum(count for _, count in listed)
    mean = _mean(sum((value for value, _ in listed), _ZERO), Decimal(accounts))
    return Part(mean, accounts) if mean else None


def _moves(groups: Iterable[_Group]) -> tuple[Move, ...]:
    """Count who came from where, the worst place to be in now first."""
    counted: Counter[tuple[Status | None, Status | None]] = Counter()
    for group in groups:
        after = None if group.status == NONE else Status(group.status)
        before = Status(group.before) if group.before else None
        if before is not after:
            counted[before, after] += group.accounts
    order = sorted(counted, key=lambda pair: (rank_of(pair[1]), rank_of(pair[0])))
    return tuple(Move(before, after, counted[before, after]) for before, after in order)


def _by_arr(groups: Iterable[_Group]) -> tuple[Average, ...]:
    """Weigh scores by ARR within each currency, the currency of most accounts first."""
    totals: dict[str, list[Decimal]] = defaultdict(lambda: [_ZERO, _ZERO, _ZERO])
    for group in groups:
        sums = totals[group.currency]
        for number, amount in enumerate((group.weighted, group.weight, Decimal(group.accounts))):
            sums[number] += amount
    order = sorted(totals, key=lambda currency: (-totals[currency][2], currency))
    means = (_mean(totals[currency][0], totals[currency][1], currency) for currency in order)
    return tuple(mean for mean in means if mean)


def _arr_of(groups: Iterable[_Group], status: Status) -> tuple[Money, ...]:
    totals: dict[str, Decimal] = defaultdict(Decimal)
    for group in groups:
        if group.status == status and group.arr is not None:
            totals[group.currency] += group.arr
    return tuple(Money(totals[currency], currency) for currency in sorted(totals, key=lambda c: (-totals[c], c)))

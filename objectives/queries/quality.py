"""How well what is shown is evidenced, and what a person should look at: over all accounts, or one."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final, Self

from django.db.models import Avg, CharField, Count, DateField, Exists, F, Func, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Coalesce, NullIf

from accounts.models import Account
from objectives.cadence import Cadence, DueState, due_state, effective_cadence, is_stale
from objectives.evidence import Grade
from objectives.models import Disagreement, HeldReading, Metric, Objective, Standing
from objectives.weeks import local_day
from valuerealization.common.keyset import KeysetPage, Ordering, page
from valuerealization.common.numbers import round_half_up
from valuerealization.common.units import format_value

NONE: Final = "none"
PAGE_SIZE: Final = 50
_MOST_TEXT: Final = 200
_MOST_NAMES: Final = 200
_AHEAD_DAYS: Final = 30
_ABROAD_DAYS: Final = 1  # the calendar of an account is at most a day ahead of or behind UTC's


class Kind(StrEnum):
    """What a flag is about."""

    STALE = "stale"
    RETROFITTED = "retrofitted"
    DISAGREEMENT = "disagreement"
    OUTLIER = "outlier"


@dataclass(frozen=True, slots=True)
class QualityFilter:
    """Which accounts are looked at: by owner (an e-mail address, or none), by a part of the name, by who measures."""

    owner: str = ""
    search: str = ""
    who: str = ""

    @classmethod
    def parse(cls, parameters: Mapping[str, Any]) -> Self:
        """Read a filter from the parameters of an address; what can't be one is left out."""
        given = {name: " ".join(str(parameters.get(name, "")).split()) for name in ("owner", "search", "who")}
        kept = {name: text for name, text in given.items() if len(text) <= _MOST_TEXT and text.isprintable()}
        return cls(owner=kept.get("owner", "").lower(), search=kept.get("search", ""), who=kept.get("who", ""))

    @property
    def is_empty(self) -> bool:
        """Tell whether nothing is filtered."""
        return self == type(self)()

    def as_parameters(self) -> dict[str, str]:
        """Write the filter as the parameters of an address, only those that are set."""
        return {name: text for name in ("owner", "search", "who") if (text := getattr(self, name))}

    def narrow(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        """Keep the rows of the accounts that the filter lets through; archived ones stand nowhere."""
        rows = rows.filter(account__archived_at=None)
        if self.owner:
            rows = (
                rows.filter(account__owner=None)
                if self.owner == NONE
                else rows.filter(account__owner__email=self.owner)
            )
        if self.search:
            rows = rows.filter(account__in=Account.objects.search(self.search).values("id"))
        return rows


@dataclass(frozen=True, slots=True)
class Figures:
    """How well the portfolio is evidenced.

    Shape:  counts by grade of measured objectives, and by kind of open flags; averages over scored accounts, None
            without any. Verified % is averaged over the accounts that have one.
    Units:  percent with six decimals.
    """

    grades: Mapping[Grade, int]
    flags: Mapping[Kind, int]
    value_delivered: Decimal | None
    verified: Decimal | None
    with_verified: int
    scored: int

    @property
    def measured(self) -> int:
        """Count the measured objectives."""
        return sum(self.grades.values())


@dataclass(frozen=True, slots=True)
class DueRow:
    """A value that is expected: of an objective, or of the metric that it follows."""

    objective: Objective
    account: Account
    subject: str
    cadence: Cadence
    due_on: date
    today: date
    state: DueState
    is_stale: bool
    measured_on: date | None
    measured_by: str
    validated_by: str
    reported_by: str

    @property
    def is_metric(self) -> bool:
        """Tell whether the value is a metric's."""
        return self.objective.metric_id is not None

    @property
    def days_late(self) -> int:
        """Count the days since it was due; negative before."""
        return (self.today - self.due_on).days

    @property
    def when(self) -> str:
        """Say how late it is, or when it is due."""
        late = self.days_late
        if late > 0:
            return f"{late} day{'' if late == 1 else 's'} late"
        return "today" if late == 0 else f"in {-late} day{'' if late == -1 else 's'}"


@dataclass(frozen=True, slots=True)
class RetrofitRow:
    """An objective whose baseline was taken after its account had gone live."""

    objective: Objective
    account: Account
    started_on: date
    went_live_on: date

    @property
    def days_after(self) -> int:
        """Count the days between go-live and baseline."""
        return (self.started_on - self.went_live_on).days


@dataclass(frozen=True, slots=True)
class SourceRow:
    """Two sources that disagree: the value that counts, and the other."""

    flag: Disagreement
    account: Account
    metric: Metric
    counting: str
    other: str
    difference: str

    @property
    def counting_source(self) -> str:
        """Name the source that counts."""
        return self.flag.counting.source or "Typed in"

    @property
    def other_source(self) -> str:
        """Name the other source."""
        return self.flag.other.source or "Typed in"


@dataclass(frozen=True, slots=True)
class HeldRow:
    """A value that waits for a person."""

    held: HeldReading
    account: Account
    metric: Metric
    value: str
    usual: str


class LocalDay(Func):
    """The day an instant falls on where an account is."""

    template = "(%(expressions)s)::date"
    arg_joiner = " AT TIME ZONE "
    output_field = DateField()


class DaysAfter(Func):
    """A day and a number of days later."""

    template = "(%(expressions)s)"
    arg_joiner = " + "
    output_field = DateField()


class GraceDays(Func):
    """How many days a value of a cadence may be late."""

    function = "value_grace_days"


ORDERINGS: Final = {
    Kind.STALE: Ordering("stale", ("next_due_on", "id")),
    Kind.RETROFITTED: Ordering("retrofitted", ("started_on", "id"), is_descending=True),
    Kind.DISAGREEMENT: Ordering("disagreement", ("raised_at", "id"), is_descending=True),
    Kind.OUTLIER: Ordering("outlier", ("held_at", "id"), is_descending=True),
}
_CALENDAR: Final = Ordering("calendar", ("next_due_on", "id"))


def figures(wanted: QualityFilter, *, at: datetime) -> Figures:
    """Count grades and flags: six queries, whatever there is.

    Source: docs/formulas.md#evidence, docs/formulas.md#quality
    """
    graded = wanted.narrow(Objective.objects.active().exclude(grade=""))
    by_grade = dict(graded.values_list("grade").annotate(count=Count("pk")).order_by())
    scored = wanted.narrow(Standing.objects.filter(shown_value__isnull=False)).aggregate(
        value=Avg("shown_value"),
        verified=Avg("shown_verified"),
        count=Count("pk"),
        verified_count=Count("shown_verified"),
    )
    return Figures(
        grades={grade: by_grade.get(grade.value, 0) for grade in Grade},
        flags={kind: flagged(kind, wanted, at=at).count() for kind in Kind},
        value_delivered=_rounded(scored["value"]),
        verified=_rounded(scored["verified"]),
        with_verified=scored["verified_count"],
        scored=scored["count"],
    )


def flagged(kind: Kind, wanted: QualityFilter, *, at: datetime) -> QuerySet[Any]:
    """Pick the rows that carry an open flag of a kind, in no order."""
    match kind:
        case Kind.STALE:
            cadence = Coalesce(NullIf("cadence", Value("")), "metric__cadence", Value("none"), output_field=CharField())
            last_day = DaysAfter(F("next_due_on"), GraceDays(cadence))
            late = _due(wanted, at=at).filter(next_due_on__lte=at.date() + timedelta(days=_ABROAD_DAYS))
            return late.annotate(last_day=last_day).filter(last_day__lt=F("local_today"))
        case Kind.RETROFITTED:
            retrofitted = Objective.objects.active().numeric().filter(started_on__gt=F("account__went_live_on"))
            return wanted.narrow(retrofitted).select_related("account__owner", "metric", "owner")
        case Kind.DISAGREEMENT:
            disputed = Disagreement.objects.filter(is_open=True)
            return wanted.narrow(disputed).select_related("account__owner", "metric", "counting", "other")
        case Kind.OUTLIER:
            waiting = HeldReading.objects.filter(state=HeldReading.State.HELD)
            return wanted.narrow(waiting).select_related("account__owner", "metric")


def flags_page(kind: Kind, wanted: QualityFilter, *, cursor: str | None, at: datetime) -> KeysetPage[Any]:
    """Read one page of the flags of a kind, each as its row: two queries.

    Raises: InvalidCursor.
    """
    found = page(flagged(kind, wanted, at=at), ORDERINGS[kind], cursor, size=PAGE_SIZE)
    return KeysetPage(rows_of(kind, found.rows, at=at), found.next_cursor, found.previous_cursor)


def rows_of(kind: Kind, found: Iterable[Any], *, at: datetime) -> list[Any]:
    """Write what is flagged the way lists show it."""
    match kind:
        case Kind.STALE:
            return [_due_row(each, at=at) for each in found]
        case Kind.RETROFITTED:
            return [RetrofitRow(each, each.account, each.started_on, each.account.went_live_on) for each in found]
        case Kind.DISAGREEMENT:
            return [_source_row(each) for each in found]
        case Kind.OUTLIER:
            return [_held_row(each) for each in found]


def due_counts(wanted: QualityFilter, *, at: datetime) -> dict[DueState, int]:
    """Count what is overdue, due within a week, and within thirty days: one query."""
    counted = _expected(wanted, at=at).aggregate(
        overdue=Count("pk", filter=_in_state(DueState.OVERDUE)),
        week=Count("pk", filter=_in_state(DueState.WEEK)),
        month=Count("pk", filter=_in_state(DueState.MONTH)),
    )
    return {DueState(name): count for name, count in counted.items()}


def calendar_page(
    wanted: QualityFilter, *, state: DueState | None, cursor: str | None, at: datetime
) -> KeysetPage[Any]:
    """Read one page of what is expected within thirty days, the oldest due first: two queries.

    Shape:  a metric that several objectives of an account follow is there once, with the earliest of their due days.
    Raises: InvalidCursor.
    """
    rows = _expected(wanted, at=at)
    if state is not None:
        rows = rows.filter(_in_state(state))
    found = page(rows, _CALENDAR, cursor, size=PAGE_SIZE)
    return KeysetPage([_due_row(each, at=at) for each in found.rows], found.next_cursor, found.previous_cursor)


def collectors() -> list[str]:
    """List who measures, by name, as metrics and objectives say: one query."""
    own = Objective.objects.active().exclude(measured_by="").values_list("measured_by")
    theirs = Metric.objects.exclude(measured_by="").values_list("measured_by")
    return [name for (name,) in own.union(theirs).order_by("measured_by")[:_MOST_NAMES]]


def due_row(objective: Objective, *, at: datetime) -> DueRow | None:
    """Write when the next value of an objective is expected; None without a cadence. Reads account and metric."""
    return None if objective.next_due_on is None else _due_row(objective, at=at)


def _due(wanted: QualityFilter, *, at: datetime) -> QuerySet[Objective]:
    expected = Objective.objects.active().filter(next_due_on__isnull=False)
    rows: QuerySet[Objective] = expected.annotate(local_today=LocalDay(Value(at), F("account__timezone")))
    if wanted.who:
        rows = _measured_by(rows, wanted.who)
    narrowed: QuerySet[Objective] = wanted.narrow(rows)
    return narrowed.select_related("account__owner", "metric", "owner")


def _measured_by(rows: QuerySet[Objective], who: str) -> QuerySet[Objective]:
    return rows.annotate(who=Coalesce(NullIf("measured_by", Value("")), "metric__measured_by")).filter(who__iexact=who)


def _expected(wanted: QualityFilter, *, at: datetime) -> QuerySet[Objective]:
    """Pick what is due by thirty days from now, each metric of an account once."""
    twins: QuerySet[Objective] = Objective.objects.active().filter(
        account=OuterRef("account"), metric=OuterRef("metric"), next_due_on__isnull=False
    )
    if wanted.who:
        twins = _measured_by(twins, wanted.who)
    earlier = twins.filter(
        Q(next_due_on__lt=OuterRef("next_due_on")) | Q(next_due_on=OuterRef("next_due_on"), pk__lt=OuterRef("pk"))
    )
    until = at.date() + timedelta(days=_AHEAD_DAYS + _ABROAD_DAYS)
    rows = _due(wanted, at=at).filter(next_due_on__lte=until)
    rows = rows.filter(next_due_on__lte=DaysAfter(F("local_today"), Value(_AHEAD_DAYS)))
    return rows.filter(Q(metric=None) | ~Exists(earlier))


def _in_state(state: DueState) -> Q:
    week = DaysAfter(F("local_today"), Value(6))
    match state:
        case DueState.OVERDUE:
            return Q(next_due_on__lt=F("local_today"))
        case DueState.WEEK:
            return Q(next_due_on__gte=F("local_today"), next_due_on__lte=week)
        case _:
            return Q(next_due_on__gt=week)


def _due_row(objective: Objective, *, at: datetime) -> DueRow:
    account, metric = objective.account, objective.metric
    today = local_day(at, account.timezone)
    cadence = effective_cadence(own=objective.cadence, of_metric=metric.cadence if metric else None)
    due_on = objective.next_due_on or today
    measured = objective.measured_at

    def role(name: str) -> str:
        return str(getattr(objective, name) or (getattr(metric, name) if metric else ""))

    return DueRow(
        objective=objective,
        account=account,
        subject=metric.name if metric else objective.title,
        cadence=cadence,
        due_on=due_on,
        today=today,
        state=due_state(due_on=due_on, today=today),
        is_stale=is_stale(due_on=due_on, cadence=cadence, today=today),
        measured_on=local_day(measured, account.timezone) if measured else None,
        measured_by=role("measured_by"),
        validated_by=role("validated_by"),
        reported_by=role("reported_by"),
    )


def _source_row(flag: Disagreement) -> SourceRow:
    metric, account = flag.metric, flag.account
    return SourceRow(
        flag=flag,
        account=account,
        metric=metric,
        counting=_written(flag.counting.value, metric, account),
        other=_written(flag.other.value, metric, account),
        difference=_written(flag.difference, metric, account),
    )


def _held_row(held: HeldReading) -> HeldRow:
    metric, account = held.metric, held.account
    return HeldRow(held, account, metric, _written(held.value, metric, account), _written(held.usual, metric, account))


def _written(value: Decimal, metric: Metric, account: Account) -> str:
    return format_value(value, unit=metric.unit, unit_label=metric.unit_label, currency=account.currency)


def _rounded(mean: Decimal | None) -> Decimal | None:
    return None if mean is None else round_half_up(mean, 6)

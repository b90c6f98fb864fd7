"""Two accounts, or two segments, side by side."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from django.db.models import Count, DecimalField, Func, Sum

from accounts.models import Account, SavedSegment, Segment
from objectives import weeks
from objectives.models import Objective, Snapshot
from objectives.queries.lists import AccountFilter, standings
from objectives.queries.trend import MIN_SNAPSHOTS, PERIODS
from objectives.status import Status
from portfolio.queries.columns import SCORE
from portfolio.queries.rows import Row, page
from portfolio.queries.summary import Summary, summary
from valuerealization.common import charts
from valuerealization.common.charts import Chart, ChartWeek, Series, line_chart
from valuerealization.common.units import (
    format_day,
    format_money,
    format_pct,
    format_points,
    format_value,
    points_between,
)

SOON_DAYS: Final = 90
MOST_METRICS: Final = 20


@dataclass(frozen=True, slots=True)
class Subject:
    """One side of a comparison: an account, a size class or a saved segment.

    Shape:  `ref` is how an address names it (`account:12`, `size:enterprise`, `segment:3`), `href` leads to it.
    """

    ref: str
    name: str
    filter: AccountFilter
    account: Account | None = None
    href: str = ""

    @property
    def is_account(self) -> bool:
        """Tell whether it is a single account."""
        return self.account is not None


@dataclass(frozen=True, slots=True)
class Fact:
    """One line of the comparison: what each side has, and the difference in points where there is one."""

    label: str
    a: str
    b: str
    difference: int | None = None
    status_a: Status | None = None
    status_b: Status | None = None
    is_status: bool = False


@dataclass(frozen=True, slots=True)
class SharedMetric:
    """A metric that both sides have objectives on: how far each has come.

    Units:  completions in percent; `detail` is the current value of an account, or how many accounts it counts.
    """

    name: str
    a: Decimal
    b: Decimal
    detail_a: str
    detail_b: str

    @property
    def difference(self) -> int | None:
        """Give the points from b to a, as shown."""
        return points_between(self.b, self.a)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Both sides: facts, the trend of both in one chart, and what they are measured by alike."""

    facts: tuple[Fact, ...]
    chart: Chart | None
    weeks: tuple[tuple[str, str, str], ...]
    metrics: tuple[SharedMetric, ...]


def find_subject(ref: str) -> Subject | None:
    """Find what an address names: one query at most, two with a saved segment; None when it is not there."""
    kind, _, key = ref.partition(":")
    if kind == "size" and key in Segment.values:
        return Subject(ref, str(Segment(key).label), AccountFilter(segment=key))
    if not key.isascii() or not key.isdigit() or len(key) > 18:
        return None
    if kind == "account":
        account = Account.objects.select_related("owner").filter(pk=int(key), archived_at=None).first()
        if account is None:
            return None
        return Subject(ref, account.name, AccountFilter(), account, account.get_absolute_url())
    if kind == "segment":
        wanted, errors = AccountFilter.parse({"in_segment": [key]})
        if errors or wanted.in_segment is None:
            return None
        return Subject(ref, wanted.in_segment.name, wanted)
    return None


def segment_choices() -> list[tuple[str, str]]:
    """List the segments to compare, size classes first: one query."""
    saved = SavedSegment.objects.active().order_by("name", "pk").values_list("pk", "name")
    return [(f"size:{value}", str(label)) for value, label in Segment.choices] + [
        (f"segment:{pk}", name) for pk, name in saved
    ]


def compare(a: Subject, b: Subject, *, at: datetime, months: int, until: date | None) -> Comparison:
    """Compare two accounts, or two segments, as of their last snapshots.

    Shape:  a segment is its accounts of today, in past weeks too. `until` is the last week that counts in means of
            segments, None while no week is complete.
    Raises: KeyError for an unknown period; ValueError for an account beside a segment.
    Source: docs/formulas.md#comparison
    """
    if a.is_account != b.is_account:
        raise ValueError("an account is compared with an account, a segment with a segment")
    on = at.date()
    if a.account and b.account:
        facts = _account_facts(_row(a.account, at=at), _row(b.account, at=at))
        lines = [_account_weeks(account, at=at, months=months) for account in (a.account, b.account)]
        metrics = _shared_by_accounts(a.account, b.account)
    else:
        renewing = (_renewing(a.filter, on=on), _renewing(b.filter, on=on))
        facts = _segment_facts(summary(a.filter, on=on), summary(b.filter, on=on), renewing)
        lines = [_segment_weeks(each.filter, on=on, months=months, until=until) for each in (a, b)]
        metrics = _shared_by_segments(a.filter, b.filter, on=on)
    chart, listed = _chart(a.name, b.name, *lines, today=on)
    return Comparison(facts=facts, chart=chart, weeks=listed, metrics=metrics)


# ---- accounts ------------------------------------------------------------------------------------------------------


def _row(account: Account, *, at: datetime) -> Row:
    found = page(AccountFilter(), order="worst", cursor=None, at=at, on=at.date(), only=account.pk, size=1)
    return found.rows[0]


def _account_facts(a: Row, b: Row) -> tuple[Fact, ...]:
    def each(label: str, write: Callable[[Row], str]) -> Fact:
        return Fact(label, write(a), write(b))

    return (
        _percent("Value delivered", a.value, b.value),
        Fact("Status", a.reason.text, b.reason.text, status_a=a.status, status_b=b.status, is_status=True),
        each("Change over 4 weeks", lambda row: format_points(row.change)),
        _percent("Outcomes only", a.outcomes, b.outcomes),
        _percent("Verified %", a.verified, b.verified),
        each("Goals met", lambda row: f"{row.goals_met} of {row.goals}" if row.goals else "None"),
        each("Days without progress", lambda row: "n/a" if row.days is None else _count(row.days, "day")),
        each("ARR", _arr),
        each("Renewal", lambda row: f"{row.renewal}, {row.renewal_in}" if row.renewal else "Not set"),
        each("Stage", lambda row: row.stage.title()),
        each("Size class", lambda row: row.account.get_segment_display() or "Not set"),
        each("Owner", lambda row: str(row.owner or "No owner")),
    )


def _arr(row: Row) -> str:
    account = row.account
    return "Not set" if account.arr is None else format_money(account.arr, currency=account.currency)


def _account_weeks(account: Account, *, at: datetime, months: int) -> dict[date, Decimal | None]:
    newest = weeks.last_week_at_or_before(at, account.timezone)
    since = newest - (PERIODS[months] - 1) * weeks.WEEK
    found = Snapshot.objects.filter(account=account, week__gte=since, week__lte=newest)
    return dict(found.order_by("week").values_list("week", "value_delivered"))


def _shared_by_accounts(a: Account, b: Account) -> tuple[SharedMetric, ...]:
    objectives = (
        Objective.objects.active()
        .filter(account__in=[a.pk, b.pk], metric__isnull=False, completion__isnull=False)
        .select_related("metric", "account")
        .order_by("metric__name", "pk")
    )
    sides: dict[int, dict[int, Objective]] = {a.pk: {}, b.pk: {}}
    for each in objectives:
        sides[each.account_id].setdefault(each.metric_id or 0, each)

    def current(each: Objective) -> str:
        return format_value(
            each.current, unit=each.unit, unit_label=each.unit_label, currency=each.account.currency,
            span=None if each.target is None or each.baseline is None else each.target - each.baseline,
        )  # fmt: skip

    return tuple(
        SharedMetric(str(own.metric), own.completion, other.completion, current(own), current(other))
        for metric, own in sides[a.pk].items()
        if (other := sides[b.pk].get(metric)) is not None
    )


# ---- segments ------------------------------------------------------------------------------------------------------


def _segment_facts(a: Summary, b: Summary, renewing: tuple[int, int]) -> tuple[Fact, ...]:
    def each(label: str, write: Callable[[Summary], str]) -> Fact:
        return Fact(label, write(a), write(b))

    def mean(label: str, of: Callable[[Summary], Decimal | None]) -> Fact:
        return _percent(label, of(a), of(b))

    parts = [{share.status: share.part for share in side.shares} for side in (a, b)]
    return (
        mean("Average value delivered", lambda side: side.average.value if side.average else None),
        each("Weighted by ARR", lambda side: side.shown_by_arr or "n/a"),
        mean("Outcomes only", lambda side: side.outcomes.average.value if side.outcomes else None),
        mean("Verified %", lambda side: side.verified.average.value if side.verified else None),
        each("Accounts", lambda side: f"{side.matched:,}"),
        each("With a score", lambda side: f"{side.scored:,}"),
        *(_shares(status, parts[0][status], parts[1][status]) for status in parts[0]),
        each("Goals met", lambda side: f"{side.goals.met:,} of {side.goals.total:,}" if side.goals.total else "None"),
        each("ARR of accounts with a score", _total_arr),
        Fact(f"Renewing within {SOON_DAYS} days", f"{renewing[0]:,}", f"{renewing[1]:,}"),
    )


def _shares(status: Status, a: charts.Segment, b: charts.Segment) -> Fact:
    return Fact(status.label, f"{a.count:,} ({a.share})", f"{b.count:,} ({b.share})")


def _total_arr(side: Summary) -> str:
    """Write the ARR of each currency, the largest first: they are never added."""
    totals: dict[str, Decimal] = {}
    for share in side.shares:
        for money in share.arr:
            totals[money.currency] = totals.get(money.currency, Decimal(0)) + money.amount
    order = sorted(totals, key=lambda currency: (-totals[currency], currency))
    return " + ".join(format_money(totals[each], currency=each, compact=True) for each in order) or "None"


def _renewing(wanted: AccountFilter, *, on: date) -> int:
    until = on + timedelta(days=SOON_DAYS)
    return standings(wanted, live=False, on=on).filter(renewal_key__gte=on, renewal_key__lte=until).count()


def _members(wanted: AccountFilter, *, on: date) -> Any:
    return standings(wanted, live=False, on=on).values("account")


def _segment_weeks(wanted: AccountFilter, *, on: date, months: int, until: date | None) -> dict[date, Decimal | None]:
    if until is None:
        return {}
    since = until - (PERIODS[months] - 1) * weeks.WEEK
    mean = Func(Sum("value_delivered"), Count("value_delivered"), function="value_average", output_field=SCORE)
    found = Snapshot.objects.filter(account__in=_members(wanted, on=on), week__gte=since, week__lte=until)
    return dict(found.order_by("week").values("week").annotate(mean=mean).values_list("week", "mean"))


def _shared_by_segments(a: AccountFilter, b: AccountFilter, *, on: date) -> tuple[SharedMetric, ...]:
    sides = [_by_metric(each, on=on) for each in (a, b)]
    shared = [metric for metric in sides[0] if metric in sides[1]]
    shared.sort(key=lambda metric: (-sides[0][metric]["accounts"] - sides[1][metric]["accounts"], metric))

    return tuple(
        SharedMetric(
            sides[0][metric]["metric__name"], sides[0][metric]["mean"], sides[1][metric]["mean"],
            _count(sides[0][metric]["accounts"], "account"), _count(sides[1][metric]["accounts"], "account"),
        )
        for metric in shared[:MOST_METRICS]
    )  # fmt: skip


def _by_metric(wanted: AccountFilter, *, on: date) -> dict[int, dict[str, Any]]:
    total = DecimalField(max_digits=80, decimal_places=12)
    mean = Func(
        Sum("completion", output_field=total), Count("completion"), function="value_average", output_field=SCORE
    )
    found = (
        Objective.objects.active()
        .filter(account__in=_members(wanted, on=on), metric__isnull=False, completion__isnull=False)
        .values("metric", "metric__name")
        .annotate(mean=mean, accounts=Count("account", distinct=True))
    )
    return {row["metric"]: dict(row) for row in found}


# ---- both ----------------------------------------------------------------------------------------------------------


def _chart(
    name_a: str, name_b: str, a: Mapping[date, Decimal | None], b: Mapping[date, Decimal | None], *, today: date
) -> tuple[Chart | None, tuple[tuple[str, str, str], ...]]:
    known = [week for side in (a, b) for week, value in side.items() if value is not None]
    if not known:
        return None, ()
    span = list(weeks.sundays(min(known), max(known)))
    labels = [format_day(week, today) for week in span]
    rows = [(label, _shown(a.get(week)), _shown(b.get(week))) for label, week in zip(labels, span, strict=True)]
    listed = tuple(reversed(rows))
    if len(set(known)) < MIN_SNAPSHOTS:
        return None, listed
    points = [ChartWeek(label, a.get(week)) for label, week in zip(labels, span, strict=True)]
    series = [Series("b", name_b, [b.get(week) for week in span], letter="B")]
    return line_chart(points, subject=name_a, series=series), listed


def _percent(label: str, a: Decimal | None, b: Decimal | None) -> Fact:
    return Fact(label, format_pct(a), format_pct(b), points_between(b, a))


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun if number == 1 else noun + 's'}"


def _shown(value: Decimal | None) -> str:
    return "No score" if value is None else format_pct(value)

"""What the lists of accounts can show in their columns: one description for the pages and the files."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from django.contrib.postgres.aggregates import StringAgg
from django.db.models import (
    DateField,
    DecimalField,
    ExpressionWrapper,
    IntegerField,
    OuterRef,
    Subquery,
    TextField,
    Value,
)

from accounts.models import AttributeType, TeamMember
from objectives.models import Metric, Reading, Snapshot
from objectives.queries.lists import Column as Sort
from objectives.queries.trend import DEFAULT_MONTHS, PERIODS
from portfolio.queries.choices import AttributeChoice, list_choices

SCORE: Final = DecimalField(max_digits=40, decimal_places=6)


class Key(StrEnum):
    """A column as addresses, saved views and this code spell it; in the order in which columns stand."""

    STATUS = "status"
    VALUE = "value"
    BEFORE_AFTER = "before_after"
    TREND = "trend"
    CHANGE = "change"
    OUTCOMES = "outcomes"
    VERIFIED = "verified"
    OBJECTIVES = "objectives"
    GOALS_MET = "goals_met"
    DAYS = "days"
    OWNER = "owner"
    TEAM = "team"
    SEGMENT = "segment"
    INDUSTRY = "industry"
    STAGE = "stage"
    ARR = "arr"
    RENEWAL = "renewal"


@dataclass(frozen=True, slots=True)
class ListColumn:
    """One column: its heading, what it is called where columns are chosen, how it is drawn and sorted.

    Shape:  `css` names its place on phones and its alignment; `hint` says what a short heading leaves open; `attribute`
            is what a column of a custom attribute shows.
    """

    key: str
    head: str
    name: str
    group: str
    css: str = ""
    sort: Sort | None = None
    hint: str = ""
    attribute: AttributeChoice | None = None


VALUE_GROUP: Final = "Value"
GOALS_GROUP: Final = "Objectives"
ACCOUNT_GROUP: Final = "Account"
ATTRIBUTE_GROUP: Final = "Attributes"

# What the key of a custom attribute's column begins with.
ATTRIBUTE: Final = "attribute."

FIXED: Final = (
    ListColumn(Key.STATUS, "Status", "Status, with its reason", VALUE_GROUP, "c-status", Sort.WORST),
    ListColumn(Key.VALUE, "Value delivered", "Value delivered", VALUE_GROUP, "c-val", Sort.VALUE_DELIVERED),
    ListColumn(
        Key.BEFORE_AFTER, "Before → now", "Before and now", VALUE_GROUP, "n", hint="over the period chosen below"
    ),
    ListColumn(Key.TREND, "26 weeks", "Trend of 26 weeks", VALUE_GROUP, "c-spark"),
    ListColumn(Key.CHANGE, "4 weeks", "Change over 4 weeks", VALUE_GROUP, "n c-delta"),
    ListColumn(Key.OUTCOMES, "Outcomes only", "Outcomes only", VALUE_GROUP, "n", hint="without activity metrics"),
    ListColumn(Key.VERIFIED, "Verified", "Verified %", VALUE_GROUP, "n", hint="verified readings alone"),
    ListColumn(Key.OBJECTIVES, "Objectives", "Objectives met, as a count", GOALS_GROUP, "n c-obj"),
    ListColumn(Key.GOALS_MET, "Goals met", "Goals met, as a share", GOALS_GROUP, "n"),
    ListColumn(Key.DAYS, "No progress", "Days without progress", GOALS_GROUP, "n"),
    ListColumn(Key.OWNER, "Owner", "Owner", ACCOUNT_GROUP, "c-own"),
    ListColumn(Key.TEAM, "Team", "Account team, beside the owner", ACCOUNT_GROUP),
    ListColumn(Key.SEGMENT, "Segment", "Segment", ACCOUNT_GROUP),
    ListColumn(Key.INDUSTRY, "Industry", "Industry", ACCOUNT_GROUP),
    ListColumn(Key.STAGE, "Stage", "Stage", ACCOUNT_GROUP),
    ListColumn(Key.ARR, "ARR", "ARR", ACCOUNT_GROUP, "n c-arr", Sort.ARR),
    ListColumn(Key.RENEWAL, "Renewal", "Renewal", ACCOUNT_GROUP, "n c-ren", Sort.RENEWAL_ON),
)


@dataclass(frozen=True, slots=True)
class ListKind:
    """One of the lists of accounts.

    Shape:  `live` shows scores as they are now, otherwise as of the last snapshot; `usual` are its columns unless
            chosen; `has_archived` lets archived accounts be listed.
    """

    name: str
    url_name: str
    title: str
    live: bool
    usual: tuple[str, ...]
    has_archived: bool = False


PORTFOLIO: Final = ListKind(
    "portfolio", "portfolio", "Value realization", live=False,
    usual=(Key.STATUS, Key.VALUE, Key.TREND, Key.CHANGE, Key.OBJECTIVES, Key.OWNER, Key.RENEWAL),
)  # fmt: skip
ACCOUNTS: Final = ListKind(
    "accounts", "account_list", "Accounts", live=True,
    usual=(Key.STATUS, Key.VALUE, Key.OBJECTIVES, Key.OWNER, Key.ARR, Key.RENEWAL), has_archived=True,
)  # fmt: skip
KINDS: Final = {kind.name: kind for kind in (PORTFOLIO, ACCOUNTS)}


def offered(attributes: Iterable[AttributeChoice] | None = None) -> tuple[ListColumn, ...]:
    """List the columns to choose from, in the order in which they stand: one query unless the attributes are given."""
    listed = list_choices().attributes if attributes is None else attributes
    return (
        *FIXED,
        *(
            ListColumn(
                f"{ATTRIBUTE}{each.key}", each.name, each.name, ATTRIBUTE_GROUP,
                css="n" if each.type == AttributeType.NUMBER else "", attribute=each,
            )
            for each in listed
        ),
    )  # fmt: skip


def annotations(columns: Iterable[ListColumn], *, live: bool, months: int = DEFAULT_MONTHS) -> dict[str, Any]:
    """Write what columns need beyond the standing, as expressions of the same statement.

    Shape:  so that no choice of columns costs a query more. `before_value` and `before_week` are those of the first
            scored snapshot of the period; `team` holds names; a custom attribute that is a number is `number_` and its
            key, the value of its newest reading.
    Raises: KeyError for an unknown period.
    Source: docs/formulas.md#portfolio
    """
    found: dict[str, Any] = {}
    for column in columns:
        if column.key == Key.BEFORE_AFTER:
            first = first_of_period(months, live=live)
            found["before_value"] = Subquery(first.values("value_delivered")[:1], output_field=SCORE)
            found["before_week"] = Subquery(first.values("week")[:1], output_field=DateField())
        elif column.key == Key.TEAM:
            found["team"] = _team()
        elif column.attribute and column.attribute.type == AttributeType.NUMBER:
            found[f"number_{column.attribute.key}"] = _newest(column.attribute.key)
    return found


def first_of_period(months: int, *, live: bool) -> Any:
    """Pick the scored snapshots of an account's period, oldest first; of the last one only what came before it."""
    days = Value((PERIODS[months] - 1) * 7, output_field=IntegerField())
    since = ExpressionWrapper(OuterRef("snapshot_week") - days, output_field=DateField())
    found = Snapshot.objects.filter(account=OuterRef("account"), week__gte=since, value_delivered__isnull=False)
    return (found if live else found.filter(week__lt=OuterRef("snapshot_week"))).order_by("week")


def _team() -> Subquery:
    names = TeamMember.objects.filter(account=OuterRef("account")).order_by().values("account")
    listed = StringAgg("user__name", ", ", distinct=True, order_by="user__name")
    return Subquery(names.annotate(names=listed).values("names"), output_field=TextField())


def _newest(key: str) -> Subquery:
    metric = Subquery(Metric.objects.filter(key=key).values("pk")[:1])
    readings = Reading.objects.filter(account=OuterRef("account"), metric=metric)
    newest = readings.order_by("-observed_at", "-recorded_at", "-pk").values("value")[:1]
    return Subquery(newest, output_field=DecimalField(max_digits=20, decimal_places=6))

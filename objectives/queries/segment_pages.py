"""What the pages of segments show: the list with its counts, a rule in words, a rule's first accounts."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Any, Final

from django.db.models import Count

from accounts.models import SavedSegment
from accounts.rules import RELATIVE, WITHOUT_VALUE, Condition, Field, Group, Match, Op, RuleRefused
from objectives.models import Standing
from objectives.queries.segments import StoredFields, condition, matching, read_stored
from valuerealization.common import keyset
from valuerealization.common.keyset import Ordering
from valuerealization.common.numbers import to_plain
from valuerealization.common.units import format_day

PAGE_SIZE: Final = 25
MOST_OPTIONS: Final = 200
FIRST_ACCOUNTS: Final = 8
BY_NAME: Final = Ordering("segments by name", ("name", "id"))

OP_WORDS: Final = MappingProxyType(
    {
        Op.IS: "is",
        Op.IS_NOT: "is not",
        Op.IS_ANY_OF: "is any of",
        Op.CONTAINS: "contains",
        Op.STARTS_WITH: "starts with",
        Op.AT_LEAST: "is at least",
        Op.AT_MOST: "is at most",
        Op.ABOVE: "is above",
        Op.BELOW: "is below",
        Op.BEFORE: "is before",
        Op.AFTER: "is after",
        Op.IN_NEXT_DAYS: "is in the next … days",
        Op.IN_LAST_DAYS: "was in the last … days",
        Op.MORE_THAN_DAYS_AGO: "was more than … days ago",
        Op.IS_EMPTY: "is empty",
        Op.IS_NOT_EMPTY: "is filled in",
    }
)


@dataclass(frozen=True, slots=True)
class SegmentLine:
    """One segment of the list: its rule in words, and how many accounts are in it; None when it can't be read."""

    segment: SavedSegment
    words: str
    count: int | None


@dataclass(frozen=True, slots=True)
class SegmentPage:
    """One page of segments in use, their total, the archived ones, and the cursors of the neighbours."""

    lines: tuple[SegmentLine, ...]
    total: int
    archived: list[SavedSegment]
    next_cursor: str | None
    previous_cursor: str | None


@dataclass(frozen=True, slots=True)
class Preview:
    """Who is in a rule: how many, and the first of them by name."""

    count: int
    standings: list[Standing]


def segment_page(*, on: date, cursor: str | None = None) -> SegmentPage:
    """Read a page of segments with their live counts: six queries at most, however many segments there are.

    Raises: keyset.InvalidCursor.
    """
    used = SavedSegment.objects.active()
    page = keyset.page(used.select_related("created_by"), BY_NAME, cursor, size=PAGE_SIZE)
    fields = StoredFields()
    rules = _rules(page.rows, fields)
    counts = _counts(rules, on=on)
    return SegmentPage(
        lines=tuple(
            SegmentLine(
                segment, describe(rules[segment.pk], fields=fields) if segment.pk in rules else "",
                counts.get(segment.pk),
            )
            for segment in page.rows
        ),
        total=used.count(),
        archived=list(SavedSegment.objects.exclude(archived_at=None).order_by("-archived_at", "-pk")[:MOST_OPTIONS]),
        next_cursor=page.next_cursor,
        previous_cursor=page.previous_cursor,
    )  # fmt: skip


def live_counts(segments: Iterable[SavedSegment], *, on: date) -> dict[int, int]:
    """Count who is in segments now, by id, without those whose rule can't be read any more: two queries at most."""
    return _counts(_rules(segments, StoredFields()), on=on)


def preview(rule: Group, *, on: date) -> Preview:
    """Tell who is in a rule as accounts stand now: two queries."""
    found = matching(rule, on=on)
    first = found.select_related("account__owner").order_by("name_key", "pk")[:FIRST_ACCOUNTS]
    return Preview(found.count(), list(first))


def describe(rule: Group, *, fields: Mapping[str, Field]) -> str:
    """Put a rule into words."""
    joint = " and " if rule.match is Match.ALL else " or "
    parts = [
        f"({describe(item, fields=fields)})" if isinstance(item, Group) else _words(item, fields) for item in rule.items
    ]
    return joint.join(parts)


def _words(asked: Condition, fields: Mapping[str, Field]) -> str:
    field = fields[asked.field]
    words = OP_WORDS[asked.op]
    if asked.op in WITHOUT_VALUE:
        return f"{field.label} {words}"
    if asked.op in RELATIVE:
        return f"{field.label} {words.replace('…', str(asked.value))}"
    values = asked.value if isinstance(asked.value, tuple) else (asked.value,)
    return f"{field.label} {words} {', '.join(_shown(value, field) for value in values)}"


def _shown(value: Any, field: Field) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, date):
        return format_day(value, value, with_year=True)
    if isinstance(value, str):
        return dict(field.choices or ()).get(value, value)
    return to_plain(value)


def _rules(segments: Iterable[SavedSegment], fields: StoredFields) -> dict[int, Group]:
    rules: dict[int, Group] = {}
    for segment in segments:
        try:
            rules[segment.pk] = read_stored(segment.rule, fields=fields)
        except RuleRefused:
            continue
    return rules


def _counts(rules: Mapping[int, Group], *, on: date) -> dict[int, int]:
    """Count all of them in one reading of the standings."""
    if not rules:
        return {}
    asked = {f"segment_{pk}": Count("pk", filter=condition(rule, on=on)) for pk, rule in rules.items()}
    found = Standing.objects.active().aggregate(**asked)
    return {pk: found[f"segment_{pk}"] for pk in rules}

"""What can stand beside an account's trend: lines of single objectives, and where their definitions changed."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

from django.db.models import F, Window
from django.db.models.functions import Lag

from accounts.models import Account
from objectives import weeks
from objectives.models import CompletionType, ObjectiveRevision, Snapshot, SnapshotObjective
from valuerealization.common.charts import Series
from valuerealization.common.units import format_day, format_value

# More lines than this in one chart cannot be told apart.
MOST_LINES: Final = 4


@dataclass(frozen=True, slots=True)
class LineChoice:
    """An objective whose line can be shown; `number` tells its dashes and its letter, 0 while it is not shown."""

    pk: int
    title: str
    is_archived: bool
    number: int = 0

    @property
    def letter(self) -> str:
        """Give the letter at the end of its line."""
        return chr(ord("A") + self.number - 1) if self.number else ""


@dataclass(frozen=True, slots=True)
class Rebaseline:
    """A change of an objective's baseline or target: from then on its completion means something else.

    Shape:  `week` is the first snapshot after it, which has the new definition.
    """

    objective_id: int
    week: date
    day: str
    title: str
    text: str
    changed_by: str

    @property
    def sentence(self) -> str:
        """Say what happened."""
        return f"Re-baselined {self.day}: {self.title}, {self.text}"


def objective_series(
    chosen: Sequence[LineChoice], taken: Collection[Snapshot], span: Sequence[date]
) -> tuple[Series, ...]:
    """Read the completion of objectives in snapshots, a value for each week: one query, none without a choice."""
    if not chosen:
        return ()
    week_of = {snapshot.pk: snapshot.week for snapshot in taken}
    found: dict[int, dict[date, Decimal | None]] = {each.pk: {} for each in chosen}
    rows = SnapshotObjective.objects.filter(snapshot__in=list(week_of), objective__in=list(found))
    for snapshot_id, objective_id, completion in rows.values_list("snapshot_id", "objective_id", "completion"):
        found[objective_id][week_of[snapshot_id]] = completion
    return tuple(Series(str(each.pk), each.title, [found[each.pk].get(week) for week in span]) for each in chosen)


def rebaselines(*, account: Account, since: date, today: date) -> tuple[Rebaseline, ...]:
    """List the changes of baselines and targets of a period, oldest first: one query.

    Units:  `since` is the first week of the period; days are the account's.
    Source: docs/formulas.md#charts
    """

    def before(name: str) -> Window:
        return Window(Lag(name), partition_by=F("objective_id"), order_by=F("number").asc())

    rows = (
        ObjectiveRevision.objects.filter(objective__account=account)
        .exclude(completion_type=CompletionType.MANUAL)
        .annotate(baseline_before=before("baseline"), target_before=before("target"))
        .order_by("valid_from", "objective_id")
        .values(
            "objective_id", "title", "valid_from", "unit", "unit_label", "baseline", "target", "baseline_before",
            "target_before", "changed_by",
        )
    )  # fmt: skip
    found = (_rebaseline(row, account=account, today=today) for row in rows if _is_rebaseline(row))
    return tuple(each for each in found if each.week >= since)


def _is_rebaseline(row: Mapping[str, Any]) -> bool:
    if row["baseline_before"] is None:  # the first definition, or a manual objective before
        return False
    return bool((row["baseline"], row["target"]) != (row["baseline_before"], row["target_before"]))


def _rebaseline(row: Mapping[str, Any], *, account: Account, today: date) -> Rebaseline:
    at: datetime = row["valid_from"]
    parts = [
        f"{name} {_written(row, name + '_before', account)} to {_written(row, name, account)}"
        for name in ("baseline", "target")
        if row[name] != row[f"{name}_before"]
    ]
    return Rebaseline(
        objective_id=row["objective_id"],
        week=weeks.week_at_or_after(at, account.timezone),
        day=format_day(weeks.local_day(at, account.timezone), today),
        title=row["title"],
        text=" and ".join(parts),
        changed_by=row["changed_by"],
    )


def _written(row: Mapping[str, Any], name: str, account: Account) -> str:
    return format_value(
        row[name], unit=row["unit"], unit_label=row["unit_label"], currency=account.currency,
        span=row["target"] - row["baseline"],
    )  # fmt: skip

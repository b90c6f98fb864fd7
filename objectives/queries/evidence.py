"""What the score of one account stands on: each objective's evidence, and every open flag."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from accounts.models import Account
from objectives.evidence import Grade, verified_mean
from objectives.models import Disagreement, HeldReading, Objective
from objectives.progress import weighted_mean
from objectives.queries.baselines import is_retrofitted
from objectives.queries.live import active_objectives, numeric
from objectives.queries.quality import DueRow, Kind, due_row, rows_of


@dataclass(frozen=True, slots=True)
class EvidenceRow:
    """A numeric objective with the evidence of its current value; grade None while not measured."""

    objective: Objective
    grade: Grade | None
    source: str
    recorded_by: str
    due: DueRow | None
    is_retrofitted: bool


@dataclass(frozen=True, slots=True)
class AccountEvidence:
    """How well an account is evidenced.

    Shape:  means None without an objective that counts in them.
    Units:  percent.
    """

    rows: tuple[EvidenceRow, ...]
    value_delivered: Decimal | None
    verified: Decimal | None
    grades: tuple[tuple[Grade, int], ...]
    unmeasured: int
    disagreements: tuple[Any, ...]
    held: tuple[Any, ...]

    @property
    def stale(self) -> int:
        """Count the stale values."""
        return sum(row.due is not None and row.due.is_stale for row in self.rows)

    @property
    def retrofitted(self) -> int:
        """Count the baselines taken after go-live."""
        return sum(row.is_retrofitted for row in self.rows)


def account_evidence(*, account: Account, at: datetime) -> AccountEvidence:
    """Gather what an account's score stands on: three queries.

    Source: docs/formulas.md#evidence, docs/formulas.md#quality
    """
    found = numeric(active_objectives(account))
    for objective in found:
        objective.account = account
    rows = tuple(_row(objective, account, at=at) for objective in found)
    flags = Disagreement.objects.filter(account=account, is_open=True).select_related("metric", "counting", "other")
    held = HeldReading.objects.filter(account=account, state=HeldReading.State.HELD).select_related("metric")
    return AccountEvidence(
        rows=rows,
        value_delivered=weighted_mean((each.weight, each.completion) for each in found),
        verified=verified_mean((each.weight, each.completion, each.grade) for each in found),
        grades=tuple((grade, sum(row.grade == grade for row in rows)) for grade in Grade),
        unmeasured=sum(row.grade is None for row in rows),
        disagreements=tuple(rows_of(Kind.DISAGREEMENT, flags.order_by("pk"), at=at)),
        held=tuple(rows_of(Kind.OUTLIER, held.order_by("-held_at", "-pk"), at=at)),
    )


def _row(objective: Objective, account: Account, *, at: datetime) -> EvidenceRow:
    reading = objective.reading
    return EvidenceRow(
        objective=objective,
        grade=Grade(objective.grade) if objective.grade else None,
        source=reading.source if reading else "",
        recorded_by=reading.recorded_by if reading else "",
        due=due_row(objective, at=at),
        is_retrofitted=is_retrofitted(objective, account),
    )

"""The five labels of an account, why it carries the one it does, and their legend."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Final

from valuerealization.common.units import format_ago

STALLED_BELOW: Final = Decimal(25)
AT_RISK_BELOW: Final = Decimal(50)
EXCEEDED_FROM: Final = Decimal(100)
AT_RISK_DAYS: Final = Decimal(14)
STALLED_DAYS: Final = Decimal(30)
NEW_DAYS: Final = 30

NO_SCORE_SLUG: Final = "none"
NO_SCORE_LABEL: Final = "No score"


class Status(StrEnum):
    """Name the five statuses as the API and the database spell them."""

    ALL_GOALS_MET = "all_goals_met"
    EXCEEDED = "exceeded"
    STALLED = "stalled"
    AT_RISK = "at_risk"
    ON_TRACK = "on_track"

    @property
    def label(self) -> str:
        """Give the words shown on pages and in documents."""
        return _LABELS[self]

    @property
    def slug(self) -> str:
        """Give the spelling of HTML's data-status and of the glyphs."""
        return _SLUGS[self]

    @property
    def rank(self) -> int:
        """Give the place in the worst-first order, 0 being the worst."""
        return STATUS_ORDER.index(self)


STATUS_ORDER: Final = (Status.STALLED, Status.AT_RISK, Status.ON_TRACK, Status.EXCEEDED, Status.ALL_GOALS_MET)

_LABELS: Final = {
    Status.ALL_GOALS_MET: "All goals met",
    Status.EXCEEDED: "Exceeded",
    Status.STALLED: "Stalled",
    Status.AT_RISK: "At risk",
    Status.ON_TRACK: "On track",
}
_SLUGS: Final = {
    Status.ALL_GOALS_MET: "all-met",
    Status.EXCEEDED: "exceeded",
    Status.STALLED: "stalled",
    Status.AT_RISK: "at-risk",
    Status.ON_TRACK: "on-track",
}
_RULES: Final = {
    Status.ON_TRACK: "50 to 99%, progress within 14 days",
    Status.AT_RISK: "25 to 49%, or no progress for 14 to 29 days",
    Status.STALLED: "Below 25%, or no progress for 30 days or more",
    Status.EXCEEDED: "100% or more, one goal still below 100",
    Status.ALL_GOALS_MET: "Every objective at 100% or more",
}


@dataclass(frozen=True, slots=True)
class StatusReason:
    """Hold why an account has its status: every cause, the most telling one first."""

    causes: tuple[str, ...]

    @property
    def text(self) -> str:
        """Give the one line below the status."""
        return self.causes[0]

    @property
    def full(self) -> str:
        """Give all causes in one sentence, for the explain drawer and for tooltips."""
        return ", ".join((self.causes[0], *(cause[0].lower() + cause[1:] for cause in self.causes[1:])))

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class LegendRow:
    """Hold one line of the status legend; status is None for an account without a score."""

    status: Status | None
    slug: str
    label: str
    text: str


LEGEND_NOTE: Final = (
    "Days without progress run from the Sunday 02:00 snapshot that follows the last progress, on the account's clock."
)


def status_of(*, score: Decimal | None, all_met: bool, days_without_progress: Decimal) -> Status | None:
    """Label an account by its score and how recent its progress is; the first rule that fits wins.

    Shape:  None without a score; bounds are half open: 25 is at risk, 50 on track, 14 days at risk,
            30 days stalled. All goals met and exceeded ignore recency.
    Units:  score in percent, as stored; days on the account's wall clock.
    Source: docs/formulas.md#status
    """
    if score is None:
        return None
    if all_met:
        return Status.ALL_GOALS_MET
    if score >= EXCEEDED_FROM:
        return Status.EXCEEDED
    if score < STALLED_BELOW or days_without_progress >= STALLED_DAYS:
        return Status.STALLED
    if score < AT_RISK_BELOW or days_without_progress >= AT_RISK_DAYS:
        return Status.AT_RISK
    return Status.ON_TRACK


def reason(
    *,
    status: Status | None,
    score: Decimal | None,
    days_without_progress: Decimal,
    days_since_progress: int | None = None,
    goals_open: int | None = None,
    objectives: int = 0,
) -> StatusReason:
    """Say why an account has its status, in the words of the status column.

    Shape:  causes of the status alone: an old standstill that does not decide it is left out.
            `days_since_progress` counts calendar days since the last progress itself, None when there
            was none; `goals_open` the goals not met; `objectives` the active numeric objectives.
    Units:  score in percent; days whole in the text, rounded down.
    Source: docs/formulas.md#status
    """
    if status is None or score is None:
        return StatusReason(("No objective measured yet" if objectives else "No numeric objectives",))
    standstill = f"No progress for {int(days_without_progress)} days"
    match status:
        case Status.ALL_GOALS_MET:
            causes = [_RULES[status]]
        case Status.EXCEEDED:
            still = f"{goals_open} goals" if goals_open is not None and goals_open > 1 else "one goal"
            causes = [f"100% or more, {still} still below 100"]
        case Status.STALLED:
            causes = [standstill] if days_without_progress >= STALLED_DAYS else []
            causes += ["Below 25%"] if score < STALLED_BELOW else []
        case Status.AT_RISK:
            causes = [standstill] if days_without_progress >= AT_RISK_DAYS else []
            causes += ["25 to 49%"] if score < AT_RISK_BELOW else []
        case _:
            ago = None if days_since_progress is None else format_ago(days_since_progress)
            causes = ["50 to 99%, no progress yet" if ago is None else f"Progress {ago}"]
    # A stored status beside newer numbers may have no cause left among them; its rule still says why.
    return StatusReason(tuple(causes) or (_RULES[status],))


def legend() -> tuple[LegendRow, ...]:
    """List the statuses with their thresholds, as every status heading opens them.

    Source: docs/formulas.md#status
    """
    rows = [LegendRow(status, status.slug, status.label, rule) for status, rule in _RULES.items()]
    return (*rows, LegendRow(None, NO_SCORE_SLUG, NO_SCORE_LABEL, "No numeric objectives"))


def slug_of(status: Status | None) -> str:
    """Spell a status for HTML's data-status; "none" without a score."""
    return NO_SCORE_SLUG if status is None else status.slug


def label_of(status: Status | None) -> str:
    """Give the words for a status, "No score" when there is none."""
    return NO_SCORE_LABEL if status is None else status.label


def rank_of(status: Status | None) -> int:
    """Place a status in the worst-first order; accounts without a score come last.

    Source: docs/formulas.md#status
    """
    return len(STATUS_ORDER) if status is None else status.rank


def objective_tone(completion: Decimal | None) -> str:
    """Choose the data-status of one objective's bar from its own completion.

    Shape:  stalled, at-risk, on-track or exceeded by the same bands as the score; none unmeasured.
    """
    return slug_of(status_of(score=completion, all_met=False, days_without_progress=Decimal(0)))


def is_new(*, created_on: date, on: date) -> bool:
    """Tell whether an account is younger than 30 days and carries the "New" badge."""
    return (on - created_on).days < NEW_DAYS

"""How each figure of an account comes about, by the name that the page and the API give it."""

from datetime import date, datetime

from accounts.models import Account
from objectives.queries.explain.objective import explain_objective
from objectives.queries.explain.score import MEANS, explain_score
from objectives.queries.explain.week import explain_week
from valuerealization.common.explanations import Explanation

DEFAULT = "value_delivered"
FIGURES = (*MEANS, "goals_met", "status", "days_without_progress")

__all__ = ["DEFAULT", "FIGURES", "NotExplained", "NothingThere", "explain"]


class NotExplained(ValueError):
    """No figure has this name."""

    def __init__(self) -> None:
        super().__init__(
            f"Name one of {', '.join(FIGURES)}, an objective as objective:12, or a week as snapshot:2026-11-15."
        )


class NothingThere(LookupError):
    """The account has no such objective or week."""


def explain(*, account: Account, of: str = DEFAULT, at: datetime) -> Explanation:
    """Lay open how a figure of an account comes about.

    Raises: NotExplained for a name that stands for no figure; NothingThere for an objective or a week that isn't there.
    """
    kind, _, which = of.partition(":")
    if kind == "objective" and which.isascii() and which.isdigit() and len(which) <= 18:
        return _there(explain_objective(account=account, pk=int(which), at=at))
    if kind == "snapshot" and (week := _day(which)) is not None:
        return _there(explain_week(account=account, week=week))
    if of in FIGURES:
        return explain_score(account=account, of=of, at=at)
    raise NotExplained


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if len(text) == len("2026-11-15") else None
    except ValueError:
        return None


def _there(explanation: Explanation | None) -> Explanation:
    if explanation is None:
        raise NothingThere
    return explanation

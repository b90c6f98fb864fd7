"""How well a completion is evidenced: measured by a system, said by a person, or estimated.

The database holds the same rule (`value_grade`); a property test holds the two together.
"""

from collections.abc import Iterable
from decimal import Decimal
from enum import StrEnum

from objectives.progress import weighted_mean

__all__ = ["Grade", "Origin", "grade_of", "origin_of", "verified_mean"]


class Origin(StrEnum):
    """Who measured: stamped on a reading when it is recorded, and never changed."""

    SYSTEM = "system"
    PERSON = "person"


class Grade(StrEnum):
    """Evidence behind a completion, best first."""

    VERIFIED = "verified"
    REPORTED = "reported"
    ESTIMATED = "estimated"

    @property
    def label(self) -> str:
        """Give the word that pages show."""
        return self.value.capitalize()

    @property
    def meaning(self) -> str:
        """Say what the grade stands for."""
        return _MEANINGS[self]

    @property
    def brief(self) -> str:
        """Say it in three words."""
        return _BRIEF[self]


_BRIEF = {
    Grade.VERIFIED: "measured by systems",
    Grade.REPORTED: "passed on by people",
    Grade.ESTIMATED: "not measured",
}
_MEANINGS = {
    Grade.VERIFIED: "Measured by a system, or confirmed by the customer",
    Grade.REPORTED: "Measured, and passed on by a person",
    Grade.ESTIMATED: "Estimated or modelled, not measured",
}


def origin_of(*, actor_kind: str) -> Origin:
    """Tell who measured what an actor records: an API key is a system, whoever types or uploads is a person.

    Shape:  connectors that read another system's own file say so themselves.
    Source: docs/formulas.md#evidence
    """
    return Origin.SYSTEM if actor_kind == "api_key" else Origin.PERSON


def grade_of(*, origin: str, confidence: str, is_confirmed: bool = False) -> Grade:
    """Grade the evidence of a reading.

    Shape:  `is_confirmed` when the customer has confirmed the value, which outweighs how it was measured.
    Source: docs/formulas.md#evidence
    """
    if is_confirmed:
        return Grade.VERIFIED
    if confidence != "high":
        return Grade.ESTIMATED
    return Grade.VERIFIED if origin == Origin.SYSTEM else Grade.REPORTED


def verified_mean(items: Iterable[tuple[Decimal, Decimal | None, str]]) -> Decimal | None:
    """Average completions by weight over the objectives whose current value is verified, and only those.

    Shape:  (weight, completion, grade) of each; None when none is verified. Not capped.
    Units:  percent, rounded half up to 6 decimals.
    Source: docs/formulas.md#evidence
    """
    return weighted_mean((weight, completion) for weight, completion, grade in items if grade == Grade.VERIFIED)

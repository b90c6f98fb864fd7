"""The stage of an account in the 5V model, from its contract date. Verification runs alongside all of them."""

from datetime import date
from enum import StrEnum

ACTIVATION_DAYS = 90
ACHIEVEMENT_DAYS = 365


class Stage(StrEnum):
    """Where an account stands between signature and amplification."""

    ALIGNMENT = "alignment"
    ACTIVATION = "activation"
    ACHIEVEMENT = "achievement"
    AMPLIFICATION = "amplification"


def stage_of(*, contract_signed_on: date | None, on: date) -> Stage:
    """Tell the stage on a day.

    Shape: alignment before the signature (or without one), activation to day 90, achievement to day 365, then
    amplification.
    """
    if contract_signed_on is None or on < contract_signed_on:
        return Stage.ALIGNMENT
    days = (on - contract_signed_on).days
    if days <= ACTIVATION_DAYS:
        return Stage.ACTIVATION
    if days <= ACHIEVEMENT_DAYS:
        return Stage.ACHIEVEMENT
    return Stage.AMPLIFICATION


def contract_age(stage: Stage) -> tuple[int | None, int | None]:
    """Give the age of the contract in days, as (least, most), that puts an account in `stage`; None is open."""
    return {
        Stage.ALIGNMENT: (None, -1),
        Stage.ACTIVATION: (0, ACTIVATION_DAYS),
        Stage.ACHIEVEMENT: (ACTIVATION_DAYS + 1, ACHIEVEMENT_DAYS),
        Stage.AMPLIFICATION: (ACHIEVEMENT_DAYS + 1, None),
    }[stage]

"""When an objective's baseline was taken."""

from accounts.models import Account
from objectives.models import Objective


def is_retrofitted(objective: Objective, account: Account) -> bool:
    """Tell whether the baseline was taken after the account had gone live.

    Source: docs/formulas.md#quality
    """
    return objective.is_numeric and account.went_live_on is not None and objective.started_on > account.went_live_on

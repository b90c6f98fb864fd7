"""Stages as the database tells them: by the contract's date and a day."""

from datetime import date, timedelta

from django.db.models import Q

from accounts.stages import Stage, contract_age


def in_stage(stage: Stage, *, on: date) -> Q:
    """Keep standings whose account is in a stage on a day."""
    least, most = contract_age(stage)
    condition = Q()
    if most is not None:
        condition &= Q(account__contract_signed_on__gte=on - timedelta(days=most))
    if least is not None:
        condition &= Q(account__contract_signed_on__lte=on - timedelta(days=least))
    return condition | Q(account__contract_signed_on=None) if stage is Stage.ALIGNMENT else condition

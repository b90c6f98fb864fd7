"""Decide what waits for a person: held values, and sources that disagree."""

from datetime import datetime

from django.db import transaction

from accounts.models import Account
from accounts.services.reminders import withdraw_held
from objectives.evidence import Origin
from objectives.models import Disagreement, HeldReading, Reading
from objectives.services.readings import ReadingRow, ReadingsRefused, record_readings
from valuerealization.common import audit
from valuerealization.common.audit import Actor

CHANGED = "The values have changed meanwhile. Look at the new ones first."
_REASON = 300


class DecisionRefused(ValueError):
    """A decision can't be taken; the message says why and what to do."""


def accept_held(*, held: HeldReading, by: Actor, at: datetime, reason: str = "") -> Reading:
    """Record a held value as it was sent, observed when it was; the note says who accepted it.

    Raises: DecisionRefused if it was decided already, another value has come since, or it can't be recorded any more.
    """
    with transaction.atomic():
        _lock(held.account_id)
        held = _waiting(held)
        said = f"Held as an outlier, then accepted{f': {reason}' if reason else '.'}"
        row = ReadingRow(
            index=0, customer_id=held.account_id, metric_key=held.metric.key, value=held.value,
            observed_at=held.observed_at, source=held.source, confidence=held.confidence,
            note=f"{held.note}\n{said}".strip(), external_id=held.external_id,
        )  # fmt: skip
        reading = _record(row, by=by, at=at, origin=Origin(held.origin))
        held.state, held.reading = HeldReading.State.ACCEPTED, reading
        _decided(held, by=by, at=at, reason=reason)
    return reading


def reject_held(*, held: HeldReading, by: Actor, at: datetime, reason: str) -> None:
    """Keep a held value out for good; the same one sent again stays out.

    Raises: DecisionRefused without a reason, if it was decided already, or another value has come since.
    """
    if not reason.strip():
        raise DecisionRefused("Say why this value is wrong: whoever sent it will ask.")
    with transaction.atomic():
        _lock(held.account_id)
        held = _waiting(held)
        held.state = HeldReading.State.REJECTED
        _decided(held, by=by, at=at, reason=reason)


def choose_reading(*, disagreement: Disagreement, right: Reading, by: Actor, at: datetime, reason: str = "") -> Reading:
    """Let one source's value stand for both: the other's is superseded by it, and stays in the history.

    Raises: DecisionRefused if the values changed meanwhile, or nothing can be recorded.
    """
    with transaction.atomic():
        _lock(disagreement.account_id)
        disagreement = _standing(disagreement)
        pair = (disagreement.counting, disagreement.other)
        if right not in pair:
            raise DecisionRefused(CHANGED)
        wrong = pair[1] if right == pair[0] else pair[0]
        note = f"Corrected from {wrong.value.normalize():f} to what {right.source or 'the value typed in'} says"
        row = ReadingRow(
            index=0, customer_id=wrong.account_id, metric_key=disagreement.metric.key, value=right.value,
            observed_at=wrong.observed_at, source=wrong.source, confidence=right.confidence,
            note=f"{note}{f': {reason}' if reason else '.'}",
        )  # fmt: skip
        reading = _record(row, by=by, at=at, origin=Origin(right.origin))
        audit.record(
            by=by, action="disagreement.settled", subject=disagreement, account_id=disagreement.account_id,
            details={"right": right.pk, "superseded": wrong.pk, "reading": reading.pk, "reason": reason},
        )  # fmt: skip
    return reading


def accept_difference(*, disagreement: Disagreement, by: Actor, at: datetime, reason: str) -> None:
    """Let two sources differ as they do; the flag returns once they lie further apart.

    Raises: DecisionRefused without a reason, or if the sources agree or say something else by now.
    """
    if not reason.strip():
        raise DecisionRefused("Say why both values are right, for example that they count different things.")
    with transaction.atomic():
        _lock(disagreement.account_id)
        disagreement = _standing(disagreement)
        disagreement.accepted_difference = disagreement.difference
        disagreement.accepted_at, disagreement.accepted_by = at, by.name[:200]
        disagreement.reason = reason[:_REASON]
        disagreement.save(update_fields=["accepted_difference", "accepted_at", "accepted_by", "reason"])
        audit.record(
            by=by, action="disagreement.accepted", subject=disagreement, account_id=disagreement.account_id,
            details={"difference": disagreement.difference, "reason": reason},
        )  # fmt: skip


def _lock(account_id: int) -> None:
    list(Account.objects.filter(pk=account_id).lock())


def _waiting(held: HeldReading) -> HeldReading:
    found = HeldReading.objects.select_related("metric", "account").get(pk=held.pk)
    if found.state != HeldReading.State.HELD:
        raise DecisionRefused(f"{found.decided_by} has {found.get_state_display().lower()} this value already.")
    if seen_of_held(held=held) != seen_of_held(held=found):
        raise DecisionRefused(CHANGED)
    return found


def seen_of_held(*, held: HeldReading) -> str:
    """Name the value that somebody decides about: its sender may send another one before they do."""
    return f"{held.value.normalize():f}"


def seen_of_sources(*, disagreement: Disagreement) -> str:
    """Name the two values that somebody decides about."""
    return f"{disagreement.counting_id}-{disagreement.other_id}"


def _standing(disagreement: Disagreement) -> Disagreement:
    found = Disagreement.objects.select_related("metric", "account", "counting", "other").filter(pk=disagreement.pk)
    if (stored := found.first()) is None:
        raise DecisionRefused("These sources agree by now: there is nothing to decide.")
    if seen_of_sources(disagreement=disagreement) != seen_of_sources(disagreement=stored):
        raise DecisionRefused(CHANGED)
    return stored


def _record(row: ReadingRow, *, by: Actor, at: datetime, origin: Origin) -> Reading:
    try:
        result = record_readings(rows=[row], by=by, at=at, atomic=True, origin=origin, may_hold=False)
    except ReadingsRefused as error:
        raise DecisionRefused(error.errors[0].detail) from error
    if not result.reading_ids:
        raise DecisionRefused("This value is recorded already. Load the page again.")
    return Reading.objects.get(pk=result.reading_ids[0])


def _decided(held: HeldReading, *, by: Actor, at: datetime, reason: str) -> None:
    held.decided_at, held.decided_by, held.reason = at, by.name[:200], reason[:_REASON]
    held.save(update_fields=["state", "reading", "decided_at", "decided_by", "reason"])
    audit.record(
        by=by, action=f"held_reading.{held.state}", subject=held, account_id=held.account_id,
        label=f"{held.metric}: {held}",
        details={"value": held.value, "observed_at": held.observed_at, "reason": reason},
    )  # fmt: skip
    if not HeldReading.objects.filter(account=held.account_id, state=HeldReading.State.HELD).exists():
        withdraw_held(account_id=held.account_id)

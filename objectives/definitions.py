"""What makes an objective's definition acceptable: one set of refusals for forms, admin, API and imports."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Refusal:
    """One reason why something was not saved: the field, a code for machines, what to do in words."""

    field: str
    code: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A definition as somebody wants to save it.

    Shape: `current` is a number typed in with it, None when none was; `has_measurement` tells whether the objective
    has ever been measured; `former_due_on` is the saved due date (None for a new objective).
    """

    completion_type: str
    baseline: Decimal | None
    current: Decimal | None
    target: Decimal | None
    has_metric: bool
    weight: Decimal
    unit: str
    unit_label: str
    started_on: date | None
    due_on: date | None
    done: bool = False
    has_measurement: bool = False
    former_due_on: date | None = None


# Weeks are counted from these dates in Python and in SQL; both have room to spare here.
EARLIEST = date(1970, 1, 1)
LATEST = date(2199, 12, 31)

MANUAL = "manual"
VALUE = "value"
ATTRIBUTE = "attribute"


def refusals(draft: Draft, *, today: date, is_history: bool = False) -> Iterator[Refusal]:
    """Yield every reason not to save a definition.

    Units:  `today` is the account's local date; with `is_history` (an import of past goals) a due date may lie in the
            past.
    Source: docs/formulas.md#saving
    """
    if draft.completion_type == MANUAL:
        yield from _manual(draft)
    else:
        yield from _numeric(draft)
    if not 0 < draft.weight <= 100:
        yield Refusal("weight", "weight_out_of_range", "Give a weight above 0, up to 100.")
    if draft.unit == "custom" and not draft.unit_label:
        yield Refusal("unit_label", "required", "Say what is counted, for example “disputes”.")
    yield from _dates(draft, today=today, is_history=is_history)


def _dates(draft: Draft, *, today: date, is_history: bool) -> Iterator[Refusal]:
    for field in ("started_on", "due_on"):
        day = getattr(draft, field)
        if day is not None and not EARLIEST <= day <= LATEST:
            yield Refusal(field, "out_of_range", "Check the year: give a date from 1970 to 2199.")
            return
    if draft.started_on is None:
        yield Refusal("started_on", "required", "Give the day on which the baseline was taken.")
    elif draft.due_on is not None:
        if draft.due_on <= draft.started_on:
            yield Refusal("due_on", "due_before_start", "Choose a target date after the start date.")
        elif draft.due_on != draft.former_due_on and draft.due_on < today and not is_history:
            yield Refusal("due_on", "due_in_past", "This date has passed. Choose a target date from today on.")


def _manual(draft: Draft) -> Iterator[Refusal]:
    for field in ("baseline", "current", "target"):
        if getattr(draft, field) is not None:
            yield Refusal(field, "not_for_manual", "A manual objective is done or not done: leave this empty.")
    if draft.has_metric:
        yield Refusal("metric", "not_for_manual", "A manual objective follows no metric: leave this empty.")


def _numeric(draft: Draft) -> Iterator[Refusal]:
    for field in ("baseline", "target"):
        if getattr(draft, field) is None:
            yield Refusal(field, "required", f"Give a {field}: progress is measured from baseline to target.")
    if draft.done:
        yield Refusal("done", "only_for_manual", "Only a manual objective is marked done; this one is measured.")
    if draft.completion_type == ATTRIBUTE:
        if not draft.has_metric:
            yield Refusal("metric", "required", "Choose the metric that this objective follows.")
        if draft.current is not None:
            yield Refusal("current", "synced", "Current follows the metric: leave it empty and record a reading.")
    elif draft.has_metric:
        yield Refusal("metric", "only_for_attribute", "Only an attribute-based objective follows a metric.")
    if draft.baseline is not None and draft.baseline == draft.target:
        yield Refusal("target", "baseline_equals_target", "Pick a target different from the baseline.")
    elif draft.current is not None and draft.current == draft.baseline and not draft.has_measurement:
        yield Refusal(
            "current", "no_progress_yet", "No progress to measure yet: leave current empty until the first measurement."
        )

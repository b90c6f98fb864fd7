"""An objective as people define it: the form reads what is typed, the service decides, refusals stand beside fields."""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, cast

from django import forms
from django.db.models import Q
from django.http import QueryDict

from accounts.models import Account, User
from objectives import weeks
from objectives.cadence import CADENCES
from objectives.definitions import Refusal
from objectives.models import CompletionType, Confidence, Metric, Objective
from objectives.models.metrics import UNITS
from objectives.queries.preview import Sketch
from valuerealization.common.forms import DayField, NumberField
from valuerealization.common.numbers import to_plain
from valuerealization.common.units import Unit

# What is typed character by character, and no number yet while it is.
_UNFINISHED: Final = frozenset({"-", "+", ".", "-.", "+."})
# Fields that say nothing about an objective of a type: hidden on the page, and not read.
_NOT_FOR: Final = {
    CompletionType.VALUE: ("metric", "done"),
    CompletionType.ATTRIBUTE: ("unit", "unit_label", "current", "done", "source", "confidence"),
    CompletionType.MANUAL: (
        "metric", "unit", "unit_label", "baseline", "current", "target", "source", "confidence", "methodology",
        "weight", "cadence", "measured_by", "validated_by", "reported_by",
    ),
}  # fmt: skip
_LONGEST_NUMBER: Final = 30
_COLLECTION: Final = ("cadence", "measured_by", "validated_by", "reported_by")
_NUMBERS: Final = ("baseline", "current", "target", "weight")
_MESSAGES: Final = {("external_id", "unique"): "Another objective has this id."}

TYPES: Final = (
    {
        "value": CompletionType.VALUE,
        "label": CompletionType.VALUE.label,
        "hint": "You enter baseline, current and target.",
        "icon": "edit",
    },
    {
        "value": CompletionType.ATTRIBUTE,
        "label": CompletionType.ATTRIBUTE.label,
        "hint": "Current value syncs from account data.",
        "icon": "refresh",
    },
    {
        "value": CompletionType.MANUAL,
        "label": CompletionType.MANUAL.label,
        "hint": "Done or not done. Never scored.",
        "icon": "check",
    },
)


class ObjectiveForm(forms.Form):
    """Every field of an objective; those that do not apply to the chosen type are left out on saving.

    Shape:  hardly anything is required here: what is, and what fits together, is decided by objectives/definitions.py.
    """

    title = forms.CharField(max_length=200, error_messages={"required": "Give the goal a title."})
    details = forms.CharField(required=False, widget=forms.Textarea(attrs={"rows": 2}))
    owner = forms.ModelChoiceField(User.objects.none(), required=False, empty_label="Nobody yet")
    started_on = DayField(label="Start date", required=False)
    due_on = DayField(label="Target date", required=False)
    completion_type = forms.ChoiceField(choices=CompletionType, widget=forms.RadioSelect, initial=CompletionType.VALUE)
    metric = forms.ModelChoiceField(Metric.objects.order_by("name"), required=False, empty_label="Choose a metric")
    unit = forms.ChoiceField(choices=UNITS, required=False)
    unit_label = forms.CharField(
        label="Counted in", max_length=24, required=False, help_text="Up to 24 characters, for example disputes."
    )
    baseline = NumberField(required=False)
    current = NumberField(required=False)
    target = NumberField(required=False)
    done = forms.BooleanField(label="This goal is done", required=False)
    source = forms.CharField(label="Data source", max_length=120, required=False)
    confidence = forms.ChoiceField(label="Confidence in the number", choices=Confidence, required=False)
    cadence = forms.ChoiceField(
        label="How often a value is expected", choices=[("", "As its metric has it"), *CADENCES], required=False,
        help_text="Without a metric, nothing is expected unless you choose.",
    )  # fmt: skip
    measured_by = forms.CharField(label="Who measures", max_length=120, required=False)
    validated_by = forms.CharField(label="Who validates", max_length=120, required=False)
    reported_by = forms.CharField(label="Who reports", max_length=120, required=False)
    methodology = forms.CharField(label="How it is measured", required=False, widget=forms.Textarea(attrs={"rows": 2}))
    show_in_portal = forms.BooleanField(label="Show in customer portal", required=False)
    weight = NumberField(required=False, help_text="In the account’s average; above 0, up to 100.")
    external_id = forms.CharField(
        label="External id", max_length=128, required=False, help_text="How an integration names this goal."
    )
    reason = forms.CharField(
        label="Reason for the change",
        max_length=300,
        required=False,
        help_text="Kept in the history with the new version.",
    )

    def __init__(
        self,
        data: QueryDict | None,
        *,
        account: Account,
        at: datetime,
        objective: Objective | None = None,
        completion_type: CompletionType = CompletionType.VALUE,
    ) -> None:
        self.account = account
        self.at = at
        self.objective = objective
        self.read: dict[str, Any] = {}
        self.unreadable: list[str] = []
        super().__init__(data, initial=_saved(objective) if objective else _fresh(account, completion_type, at=at))
        people = Q(is_active=True) | Q(pk=objective.owner_id if objective else None)
        owner = cast("forms.ModelChoiceField[User]", self.fields["owner"])
        owner.queryset = User.objects.filter(people).order_by("name", "email")
        unit = cast("forms.ChoiceField", self.fields["unit"])
        unit.choices = [(u, f"{label} ({account.currency})" if u == Unit.CURRENCY else label) for u, label in UNITS]
        if objective is None:
            del self.fields["reason"]
        self.fields["source"].widget.attrs["list"] = "sources"
        for name in ("title", "baseline", "target"):
            self.fields[name].widget.attrs["aria-required"] = "true"

    def full_clean(self) -> None:
        """Read what was sent, and keep what could be read: a refusal takes a field out of the cleaned data."""
        super().full_clean()
        self.read = dict(getattr(self, "cleaned_data", {}))
        self.unreadable = [
            f"{self[name].label}: {self.errors[name][0]}"
            for name in _NUMBERS
            if self.has_error(name) and name not in self.read and str(self[name].value()).strip() not in _UNFINISHED
        ]

    def clean_title(self) -> str:
        """Keep a title on one line."""
        return " ".join(str(self.cleaned_data["title"]).split())

    def clean(self) -> dict[str, Any]:
        """Leave out what does not apply; a measured value can't be emptied, since readings are only added to."""
        data = super().clean() or self.cleaned_data
        for name in _NOT_FOR[CompletionType(data.get("completion_type") or self.initial["completion_type"])]:
            data.pop(name, None)
            self.errors.pop(name, None)
        stored = self.objective
        is_emptied = "current" in data and data["current"] is None
        if stored and stored.completion_type == CompletionType.VALUE and stored.current is not None and is_emptied:
            message = "This goal has been measured: type its new value, or leave the last one."
            self.add_error("current", forms.ValidationError(message, code="measured"))
        return data

    @property
    def chosen_type(self) -> CompletionType:
        """Give the type that is chosen, or the one the form starts with while it can't be read."""
        if self.is_bound and self.read.get("completion_type"):
            return CompletionType(self.read["completion_type"])
        return CompletionType(self.initial.get("completion_type", CompletionType.VALUE))

    def sketch(self) -> Sketch:
        """Give what can be read of the form; one that was not sent yet gives what it starts with."""
        data = self.read if self.is_bound else self.initial
        metric = data.get("metric")
        return Sketch(
            title=data.get("title") or "",
            owner=str(data.get("owner") or ""),
            completion_type=self.chosen_type,
            baseline=data.get("baseline"),
            current=data.get("current"),
            target=data.get("target"),
            unit=(metric.unit if metric else data.get("unit")) or "",
            unit_label=(metric.unit_label if metric else data.get("unit_label")) or "",
            currency=self.account.currency,
            metric=metric,
            weight=data.get("weight"),
            started_on=data.get("started_on"),
            due_on=data.get("due_on"),
            show_in_portal=bool(data.get("show_in_portal")),
        )

    @property
    def affix(self) -> str:
        """Give the unit to draw in the number fields."""
        sketch = self.sketch()
        return affix_of(sketch.unit, sketch.unit_label, currency=sketch.currency)

    def fields_to_save(self) -> dict[str, Any]:
        """Give what the service takes; what does not apply to the type is emptied, and never refused for it."""
        data = self.cleaned_data
        names = (
            "title",
            "details",
            "completion_type",
            "owner",
            "started_on",
            "due_on",
            "show_in_portal",
            "external_id",
        )
        given = {name: data[name] for name in names} | {"metric": None, "done": False}
        if self.objective:
            given["reason"] = data["reason"]
        if data["completion_type"] == CompletionType.MANUAL:
            return {**given, "done": data["done"], "baseline": None, "target": None, "unit": "", "unit_label": ""}
        weight = Decimal(1) if data["weight"] is None else data["weight"]
        given |= {name: data[name] for name in ("baseline", "target", "methodology", *_COLLECTION)} | {"weight": weight}
        if data["completion_type"] == CompletionType.ATTRIBUTE:
            return {**given, "metric": data["metric"], "unit": "", "unit_label": ""}
        given |= {name: data[name] for name in ("unit", "unit_label", "source")}
        if not self._leaves_current:
            given["current"] = data["current"]
        return {**given, "confidence": data["confidence"] or Confidence.HIGH}

    @property
    def current_was(self) -> str:
        """Give the value that the page showed when it was opened; somebody may have recorded another one since."""
        if self.is_bound:
            return str(self.data.get("current_was", ""))[:_LONGEST_NUMBER]
        shown = self.initial.get("current")
        return "" if shown is None else to_plain(shown)

    @property
    def _leaves_current(self) -> bool:
        """Tell whether the value stands as the page showed it: then nobody measured, and nothing is recorded."""
        if self.objective is None or self.objective.completion_type != CompletionType.VALUE:
            return False
        typed = self.cleaned_data["current"]
        return typed is not None and to_plain(typed) == self.current_was

    def refuse(self, reasons: Iterable[Refusal]) -> None:
        """Put what was refused beside its fields; what belongs to none stands above them.

        Shape:  a field that could not be read says only that.
        """
        for reason in [each for each in reasons if each.field not in self.errors]:
            message = _MESSAGES.get((reason.field, reason.code), reason.message)
            field = reason.field if reason.field in self.fields else None
            self.add_error(field, forms.ValidationError(message, code=reason.code))


def affix_of(unit: str, unit_label: str, *, currency: str) -> str:
    """Give the word for a unit that stands beside a number while it is typed."""
    words = {Unit.PERCENTAGE: "%", Unit.CURRENCY: currency, Unit.DAYS: "days", Unit.USERS: "users"}
    return unit_label if unit == Unit.CUSTOM else words.get(Unit(unit or Unit.NONE), "")


def _saved(objective: Objective) -> dict[str, Any]:
    names = (
        "title", "details", "started_on", "due_on", "completion_type", "unit", "unit_label", "baseline", "current",
        "target", "done", "source", "methodology", "show_in_portal", "weight", "external_id",
        *_COLLECTION,
    )  # fmt: skip
    return {name: getattr(objective, name) for name in names} | {
        "owner": objective.owner,
        "metric": objective.metric,
        "confidence": objective.reading.confidence if objective.reading else Confidence.HIGH,
    }


def _fresh(account: Account, completion_type: CompletionType, *, at: datetime) -> dict[str, Any]:
    return {
        "completion_type": completion_type,
        "owner": account.owner,
        "started_on": weeks.local_day(at, account.timezone),
        "confidence": Confidence.HIGH,
        "weight": Decimal(1),
    }

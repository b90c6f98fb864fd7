"""New values of several objectives and metrics of one account, observed at one time."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django import forms

from accounts.models import Account
from objectives.definitions import EARLIEST, LATEST
from objectives.forms.objective import affix_of
from objectives.models import Confidence
from objectives.moments import instant_of
from objectives.queries.values import Subject
from objectives.services.readings import ReadingRow, RowError
from valuerealization.common.forms import DayField, NumberField
from valuerealization.common.units import format_value

# Where refusals go that concern every row alike; None: above them all.
_SHARED = {"observed_at": "observed_on", "customer": None}


class ClockField(forms.TimeField):
    """A time of day, typed or picked in the browser's own time field."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("widget", forms.TimeInput(format="%H:%M", attrs={"type": "time"}))
        super().__init__(input_formats=["%H:%M", "%H:%M:%S"], **kwargs)
        self.error_messages["invalid"] = "Write the time as hours and minutes: 09:30."


@dataclass(frozen=True, slots=True)
class ValueRow:
    """A subject with its field, the unit to draw in it, and the value it has."""

    subject: Subject
    field: forms.BoundField
    affix: str
    now: str


class ValuesForm(forms.Form):
    """A value for each subject, and what they share: when, where from, how sure, why.

    Shape:  a subject left empty is left alone.
    """

    observed_on = DayField(label="Date", required=False)
    observed_time = ClockField(label="Time", required=False)
    source = forms.CharField(label="Data source", max_length=120, required=False)
    confidence = forms.ChoiceField(label="Confidence in the numbers", choices=Confidence, initial=Confidence.HIGH)
    note = forms.CharField(max_length=1000, required=False, widget=forms.Textarea(attrs={"rows": 2}))

    def __init__(self, *args: Any, account: Account, known: Iterable[Subject], at: datetime, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.account = account
        self.at = at
        self.known = tuple(known)
        self.fields["source"].widget.attrs["list"] = "sources"
        for subject in self.known:
            self.fields[subject.key] = NumberField(label=subject.title, required=False)

    def clean_observed_on(self) -> date | None:
        """Refuse a year that was mistyped."""
        day: date | None = self.cleaned_data["observed_on"]
        if day is not None and not EARLIEST <= day <= LATEST:
            raise forms.ValidationError("Check the year.", code="out_of_range")
        return day

    def rows(self) -> list[ValueRow]:
        """List the subjects with their fields."""
        currency = self.account.currency
        return [
            ValueRow(
                subject=subject,
                field=self[subject.key],
                affix=affix_of(subject.unit, subject.unit_label, currency=currency),
                now=format_value(subject.current, unit=subject.unit, unit_label=subject.unit_label, currency=currency),
            )
            for subject in self.known
        ]

    def typed(self) -> dict[str, Decimal]:
        """Give the values that can be read, by the keys of their subjects."""
        keys = [subject.key for subject in self.known]
        return {key: self.cleaned_data[key] for key in keys if self.cleaned_data.get(key) is not None}

    def observed_at(self) -> datetime:
        """Give the instant at which the values were true."""
        return instant_of(
            day=self.cleaned_data.get("observed_on"),
            clock=self.cleaned_data.get("observed_time"),
            timezone=self.account.timezone,
            at=self.at,
        )

    def clean(self) -> dict[str, Any]:
        """Ask for at least one value."""
        data = super().clean() or self.cleaned_data
        if not self.typed() and not any(subject.key in self.errors for subject in self.known):
            raise forms.ValidationError("Type at least one new value.", code="required")
        return data

    def readings(self) -> list[ReadingRow]:
        """Give a reading for each value that was typed."""
        shared = {name: self.cleaned_data[name] for name in ("source", "confidence", "note")}
        observed_at, typed = self.observed_at(), self.typed()
        return [
            ReadingRow(
                index=index,
                value=typed[subject.key],
                customer_id=self.account.pk,
                metric_key=subject.metric.key if subject.metric else None,
                objective_id=None if subject.metric else subject.objectives[0].pk,
                observed_at=observed_at,
                **shared,
            )
            for index, subject in enumerate(self.known)
            if subject.key in typed
        ]

    def refuse(self, errors: Iterable[RowError]) -> None:
        """Put what the service refused beside the row it concerns, or beside the shared field, once."""
        said = set()
        for error in errors:
            field = _SHARED.get(error.field, self.known[error.index].key)
            if (field, error.code) not in said:
                said.add((field, error.code))
                self.add_error(field, forms.ValidationError(error.detail, code=error.code))

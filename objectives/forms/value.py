"""One new value of one objective."""

from datetime import datetime
from typing import Any

from django import forms

from objectives import weeks
from objectives.models import Confidence, Objective
from objectives.moments import instant_of
from objectives.services.readings import ReadingRow, ReadingsRefused
from valuerealization.common.forms import DayField, NumberField

_FIELDS = {"value": "value", "observed_at": "observed_on"}


class ValueForm(forms.Form):
    """A value, the day it was true, how sure it is, and where it comes from.

    Units:  the day is on the account's calendar: today means now, an earlier day its noon.
    """

    value = NumberField(label="New value")
    observed_on = DayField(label="Observed on")
    confidence = forms.ChoiceField(choices=Confidence, initial=Confidence.HIGH)
    source = forms.CharField(max_length=120, required=False)
    note = forms.CharField(max_length=1000, required=False, widget=forms.Textarea(attrs={"rows": 2}))

    def __init__(self, *args: Any, objective: Objective, at: datetime, **kwargs: Any) -> None:
        self.objective = objective
        self.at = at
        self.today = weeks.local_day(at, objective.account.timezone)
        super().__init__(*args, **kwargs)
        self.initial = {"observed_on": self.today, "source": objective.source, **self.initial}

    def clean_observed_on(self) -> Any:
        """Refuse a day that has not come."""
        day = self.cleaned_data["observed_on"]
        if day > self.today:
            raise forms.ValidationError("A value can't be observed in the future.", code="in_future")
        return day

    def as_row(self) -> ReadingRow:
        """Give the reading that was typed."""
        data = self.cleaned_data
        day = None if data["observed_on"] == self.today else data["observed_on"]
        return ReadingRow(
            index=0,
            objective_id=self.objective.pk,
            value=data["value"],
            observed_at=instant_of(day=day, clock=None, timezone=self.objective.account.timezone, at=self.at),
            source=data["source"],
            confidence=data["confidence"],
            note=data["note"],
        )

    def add_refusals(self, refused: ReadingsRefused) -> None:
        """Put what the service refused beside its fields."""
        for error in refused.errors:
            self.add_error(_FIELDS.get(error.field), forms.ValidationError(error.detail, code=error.code))

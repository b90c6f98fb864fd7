"""How a metric is collected, and what people decide about values that wait for them."""

from django import forms

from objectives.models import Metric
from objectives.services.metrics import MetricRefused
from valuerealization.common.forms import NumberField


class CollectionForm(forms.ModelForm[Metric]):
    """Cadence, people, tolerance, outliers: none of it changes what is measured, so no new version."""

    tolerance = NumberField(required=False, help_text="Empty: 5 % of the larger of the two values.")

    class Meta:
        model = Metric
        fields = (
            "cadence", "measured_by", "validated_by", "reported_by", "tolerance", "tolerance_unit", "hold_outliers",
        )  # fmt: skip
        labels = {
            "cadence": "How often a value is expected",
            "measured_by": "Who measures",
            "validated_by": "Who validates",
            "reported_by": "Who reports",
            "tolerance_unit": "In",
            "hold_outliers": "Hold outliers for a person",
        }

    def refuse(self, refused: MetricRefused) -> None:
        """Put what the service refused beside its fields."""
        for name, errors in refused.error_dict.items():
            self.add_error(name if name in self.fields else None, errors)


class HeldForm(forms.Form):
    """Accept or reject a held value."""

    decision = forms.ChoiceField(
        label="Decision",
        choices=[("accept", "Accept: it is right"), ("reject", "Reject: it is wrong")],
        widget=forms.RadioSelect,
        error_messages={"required": "Accept or reject the value."},
    )
    reason = forms.CharField(max_length=300, required=False, help_text="Needed to reject. Kept in the audit log.")


class SourcesForm(forms.Form):
    """Say which of two sources is right, or why both may be."""

    decision = forms.ChoiceField(
        label="Which value is right?",
        choices=[("counting", ""), ("other", ""), ("both", "Both: they may differ as they do")],
        widget=forms.RadioSelect,
        error_messages={"required": "Choose one of the three."},
    )
    reason = forms.CharField(
        max_length=300, required=False, help_text="Needed to let both stand. Kept in the audit log."
    )

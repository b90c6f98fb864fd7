"""A new metric."""

from django import forms
from django.http import QueryDict

from objectives.models import Direction, Kind, Metric
from objectives.services.metrics import MetricRefused


class MetricForm(forms.ModelForm[Metric]):
    """What a metric is; its rules are the model's, and the service has the last word."""

    class Meta:
        model = Metric
        fields = ("name", "key", "unit", "unit_label", "direction", "kind", "methodology", "cadence")
        labels = {
            "unit_label": "Counted in",
            "direction": "Which way is good",
            "methodology": "How it is measured",
            "cadence": "How often a value is expected",
        }
        help_texts = {
            "key": "How integrations name it: small letters, digits and _, for example billed_cost.",
            "kind": "Activity (adoption, usage, satisfaction) is left out of outcomes only.",
        }
        widgets = {"methodology": forms.Textarea(attrs={"rows": 3})}

    def __init__(self, data: QueryDict | None) -> None:
        # It opens over an objective's form, whose fields have the same names.
        super().__init__(data, auto_id="id_metric_%s")
        self.fields["direction"].initial, self.fields["kind"].initial = Direction.UP, Kind.VALUE

    def refuse(self, refused: MetricRefused) -> None:
        """Put what the service refused beside its fields."""
        for name, errors in refused.error_dict.items():
            self.add_error(name if name in self.fields else None, errors)

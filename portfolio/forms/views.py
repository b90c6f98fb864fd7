"""What people type about a saved view."""

from django import forms

from portfolio.services.views import NAME_LENGTH, ViewRefused


class ViewForm(forms.Form):
    """The name of a view, and who finds it."""

    name = forms.CharField(max_length=NAME_LENGTH, error_messages={"required": "Give the view a name."})
    is_shared = forms.BooleanField(
        label="Share with the team", required=False, help_text="Everybody can open it; you and leaders can change it."
    )
    is_default = forms.BooleanField(
        label="Open the list with it", required=False, help_text="For you alone. “Show everything” is one click away."
    )

    def add_refusals(self, refused: ViewRefused) -> None:
        """Put what the service refused beside its fields."""
        for name, reasons in refused.message_dict.items():
            for reason in reasons:
                self.add_error(name if name in self.fields else None, reason)

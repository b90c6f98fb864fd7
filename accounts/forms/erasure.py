"""Who is to be forgotten, and whether it is really meant."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError


class FindPersonForm(forms.Form):
    """Somebody of the team or at a customer, by e-mail address."""

    email = forms.CharField(label="E-mail address", max_length=254)

    def clean_email(self) -> str:
        """Keep addresses as they are stored, in small letters."""
        return str(self.cleaned_data["email"]).strip().lower()


class ErasureForm(forms.Form):
    """The question that a click alone doesn't answer."""

    confirm = forms.CharField(max_length=300, strip=True, label="Type it to confirm")

    def __init__(self, *args: Any, expected: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.expected = expected
        self.fields["confirm"].label = f"Type {expected} to confirm"

    def clean_confirm(self) -> str:
        """Compare what was typed, whatever its case."""
        typed = str(self.cleaned_data["confirm"])
        if typed.lower() != self.expected.lower():
            raise ValidationError(f"This is not {self.expected}. Nobody was erased.", code="not_the_same")
        return typed

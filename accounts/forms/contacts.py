"""What people type about contacts and teams."""

from typing import Any, cast

from django import forms
from django.core.exceptions import ValidationError
from django.http import QueryDict

from accounts.models import Account, Contact, ContactRole, TeamMember, TeamRole, User


class ContactForm(forms.Form):
    """Somebody at a customer."""

    name = forms.CharField(max_length=120)
    title = forms.CharField(label="Job title", max_length=120, required=False)
    email = forms.EmailField(
        label="E-mail", max_length=254, required=False, help_text="The portal will let them in by this address."
    )
    phone = forms.CharField(max_length=40, required=False, widget=forms.TextInput(attrs={"type": "tel"}))
    roles = forms.MultipleChoiceField(
        choices=ContactRole.choices, required=False, widget=forms.CheckboxSelectMultiple,
        help_text="One person may have several. The executive sponsor stands on top of the account's pages.",
    )  # fmt: skip
    external_id = forms.CharField(
        label="External id",
        max_length=128,
        required=False,
        help_text="Their id in your CRM, for integrations.",
    )

    def __init__(self, data: QueryDict | None, *, contact: Contact | None = None) -> None:
        super().__init__(data)
        if contact is not None:
            self.initial = {name: getattr(contact, name) for name in self.fields}

    def clean_external_id(self) -> str | None:
        """Keep no id as none, since two empty ones would be the same."""
        return self.cleaned_data["external_id"] or None

    def refuse(self, refused: ValidationError) -> None:
        """Put what the service refused beside its fields."""
        for name, errors in refused.error_dict.items():
            self.add_error(name if name in self.fields else None, errors)


class TeamForm(forms.Form):
    """Somebody of ours, and what they do for an account."""

    user = forms.ModelChoiceField(User.objects.none(), label="Person", empty_label="Choose a person")
    role = forms.ChoiceField(choices=TeamRole.choices)

    def __init__(self, data: QueryDict | None, *, account: Account) -> None:
        super().__init__(data)
        people = User.objects.filter(is_active=True).order_by("name", "pk")
        cast(forms.ModelChoiceField[User], self.fields["user"]).queryset = people
        self.account = account

    def clean(self) -> dict[str, Any]:
        """Say so when somebody has the role already."""
        data: dict[str, Any] = super().clean() or self.cleaned_data
        named = {name: data[name] for name in ("user", "role") if name in data}
        if len(named) == len(self.fields) and TeamMember.objects.filter(account=self.account, **named).exists():
            self.add_error("user", f"{named['user']} has this role already.")
        return data

    def refuse(self, refused: ValidationError) -> None:
        """Put what the service refused beside its fields."""
        for name, errors in refused.error_dict.items():
            self.add_error(name if name in self.fields else None, errors)

"""What people choose about their own pages, and administrators about the organisation."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final, cast

from django import forms

from accounts.forms.accounts import currency_choices
from accounts.models import Clock, Locale, NotificationKind, Organisation, Theme, User, Ways, Weekday
from accounts.services.settings import LOGO_BYTES, SettingsRefused

EXPLAINED: Final = {
    NotificationKind.MENTION: "With @ and your name, in a note, a comment, a task or a meeting.",
    NotificationKind.ASSIGNED: "Somebody else gives it to you.",
    NotificationKind.COMMENT: "On one that you have, or made.",
    NotificationKind.DUE: "On the day, by the account’s calendar.",
    NotificationKind.OVERDUE: "Once, on the day after.",
    NotificationKind.HELD: "One far from what was measured before, on an account of yours: accept or reject it.",
}


class PreferencesForm(forms.Form):
    """How the pages look and read for one person."""

    theme = forms.ChoiceField(choices=Theme, required=False)
    locale = forms.ChoiceField(label="Numbers and dates", choices=Locale, required=False)
    clock = forms.ChoiceField(label="Times", choices=Clock)
    has_shortcuts = forms.BooleanField(
        label="Single-key shortcuts",
        required=False,
        help_text="/ opens the search. Turn it off if a screen reader or speech input types single keys.",
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial = {name: getattr(user, name) for name in self.fields}


class NotificationsForm(forms.Form):
    """How one person wants to be told of each kind of thing: two boxes a kind."""

    def __init__(self, *args: Any, ways: Mapping[NotificationKind, Ways], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for kind, now in ways.items():
            self.fields[f"{kind.value}_bell"] = forms.BooleanField(
                label=f"{kind.label}: bell", required=False, initial=now.in_bell
            )
            self.fields[f"{kind.value}_mail"] = forms.BooleanField(
                label=f"{kind.label}: e-mail", required=False, initial=now.by_mail
            )

    @property
    def rows(self) -> list[tuple[NotificationKind, str, forms.BoundField, forms.BoundField]]:
        """List the kinds with an explanation and their two boxes."""
        return [
            (kind, EXPLAINED[kind], self[f"{kind.value}_bell"], self[f"{kind.value}_mail"]) for kind in NotificationKind
        ]

    @property
    def ways(self) -> dict[NotificationKind, Ways]:
        """Give what was chosen in the service's terms."""
        data = self.cleaned_data
        return {kind: Ways(data[f"{kind.value}_bell"], data[f"{kind.value}_mail"]) for kind in NotificationKind}


class OrganisationForm(forms.Form):
    """Name, logo and defaults of the organisation."""

    name = forms.CharField(
        max_length=80, required=False, help_text="Shown beside the navigation and on the sign-in page."
    )
    logo = forms.FileField(
        required=False,
        help_text=f"PNG, JPEG or WebP, at most {LOGO_BYTES // 1024} kB; a square of 96 pixels or more looks best.",
        widget=forms.FileInput(attrs={"accept": "image/png,image/jpeg,image/webp"}),
    )
    remove_logo = forms.BooleanField(label="Take the logo away", required=False)
    factor_high = forms.DecimalField(label="High", min_value=Decimal(0), max_value=Decimal(1), decimal_places=2)
    factor_medium = forms.DecimalField(label="Medium", min_value=Decimal(0), max_value=Decimal(1), decimal_places=2)
    factor_low = forms.DecimalField(label="Low", min_value=Decimal(0), max_value=Decimal(1), decimal_places=2)
    working_days = forms.TypedMultipleChoiceField(
        choices=Weekday, coerce=int, widget=forms.CheckboxSelectMultiple, label="Working days"
    )
    default_currency = forms.ChoiceField(label="Currency of new accounts")
    currencies = forms.MultipleChoiceField(
        label="Other currencies offered first", required=False, widget=forms.SelectMultiple(attrs={"size": 8})
    )

    def __init__(self, *args: Any, organisation: Organisation, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        first, *others = organisation.currencies
        names = ("name", "factor_high", "factor_medium", "factor_low", "working_days")
        kept = {name: getattr(organisation, name) for name in names}
        self.initial = {**kept, "default_currency": first, "currencies": others}
        choices = currency_choices()
        cast(forms.ChoiceField, self.fields["default_currency"]).choices = choices
        cast(forms.MultipleChoiceField, self.fields["currencies"]).choices = choices

    @property
    def changes(self) -> dict[str, Any]:
        """Give what was chosen in the service's terms: the logo as bytes, the currencies in their order."""
        data = dict(self.cleaned_data)
        upload, remove = data.pop("logo"), data.pop("remove_logo")
        first = data.pop("default_currency")
        currencies = [first, *(code for code in data.pop("currencies") if code != first)]
        logo = upload.read(LOGO_BYTES + 1) if upload else b"" if remove else None
        return {**data, "currencies": currencies, "logo": logo}

    def add_refusals(self, refused: SettingsRefused) -> None:
        """Put what the service refused beside its fields."""
        for name, reasons in refused.message_dict.items():
            for reason in reasons:
                self.add_error(name if name in self.fields else None, reason)

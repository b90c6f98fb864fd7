"""What people type about an account, read and checked before the services see it."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final, cast
from zoneinfo import available_timezones

from babel.numbers import get_currency_name, list_currencies
from django import forms

from accounts.models import Account, Organisation, Segment, User, check_timezone
from accounts.policies import can_assign_owner
from accounts.services.accounts import AccountRefused
from valuerealization.common.forms import DayField, NumberField
from valuerealization.common.numbers import round_half_up

# Offered first in the organisation's settings; any other ISO 4217 code can be chosen below them.
COMMON_CURRENCIES: Final = ("USD", "EUR", "GBP", "CHF", "CAD", "AUD", "SEK", "JPY", "INR", "BRL")


_ZONES: Final = tuple(sorted(zone for zone in available_timezones() if "/" in zone and not zone.startswith("Etc/")))


_ARR_PLACES: Final = 2


class AmountField(NumberField):
    """An amount of money with at most two decimals, typed in plain digits."""

    def to_python(self, value: Any) -> Decimal | None:  # type: ignore[override]
        """Read what was typed.

        Raises: ValidationError with what to do about it.
        """
        number = super().to_python(value)
        if number is not None and number != round_half_up(number, _ARR_PLACES):
            raise forms.ValidationError("Use at most 2 decimals.", code="too_many_decimals")
        return number


class AccountForm(forms.Form):
    """An account's own details; an owner can be chosen by those who may hand accounts over."""

    name = forms.CharField(max_length=200)
    external_id = forms.CharField(
        label="External id",
        max_length=128,
        required=False,
        help_text="Its id in your CRM; integrations find it by this.",
    )
    owner = forms.ModelChoiceField(User.objects.none(), required=False, empty_label="No owner")
    segment = forms.ChoiceField(choices=[("", "Not set"), *Segment.choices], required=False)
    industry = forms.CharField(max_length=80, required=False)
    timezone = forms.CharField(
        max_length=64,
        validators=[check_timezone],
        widget=forms.TextInput(attrs={"list": "timezones", "autocomplete": "off", "spellcheck": "false"}),
        help_text="Type to search, for example Berlin. Weekly snapshots are taken on Sunday 02:00 of this clock.",
    )
    currency = forms.ChoiceField()
    arr = AmountField(label="ARR", required=False, max_digits=16, decimal_places=2, min_value=0)
    contract_signed_on = DayField(label="Contract signed", required=False)
    went_live_on = DayField(label="Go-live", required=False)
    renewal_on = DayField(label="Renewal", required=False)

    def __init__(self, *args: Any, user: User, account: Account | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        organisation = Organisation.objects.current()
        self.initial = {"timezone": "UTC", "currency": organisation.default_currency, "owner": user}
        if account is not None:
            self.initial = {name: getattr(account, name) for name in self.fields}
        present = account.currency if account else ""
        currencies = cast(forms.ChoiceField, self.fields["currency"])
        currencies.choices = currency_choices(present, first=organisation.currencies)
        if can_assign_owner(user):
            keeps = [account.owner_id] if account and account.owner_id else []
            people = User.objects.filter(is_active=True) | User.objects.filter(pk__in=keeps)
            cast(forms.ModelChoiceField[User], self.fields["owner"]).queryset = people.order_by("name", "pk")
        else:
            del self.fields["owner"]

    @property
    def timezones(self) -> tuple[str, ...]:
        """List the timezones that the field suggests."""
        return _ZONES

    def clean(self) -> dict[str, Any]:
        """Refuse a renewal that comes before the contract."""
        data: dict[str, Any] = super().clean() or self.cleaned_data
        signed, renewal = data.get("contract_signed_on"), data.get("renewal_on")
        if signed and renewal and renewal <= signed:
            self.add_error("renewal_on", "Choose a renewal date after the day the contract was signed.")
        return data

    def clean_external_id(self) -> str | None:
        """Keep no id as none, since two empty ones would be the same."""
        return self.cleaned_data["external_id"] or None

    def add_refusals(self, refused: AccountRefused) -> None:
        """Put what the service refused beside its fields."""
        for name, reasons in refused.message_dict.items():
            for reason in reasons:
                self.add_error(name if name in self.fields else None, reason)


def currency_choices(present: str = "", *, first: Sequence[str] = COMMON_CURRENCIES) -> list[tuple[str, Any]]:
    """List the currencies to choose from, those in `first` before all others; `present` is among them in any case."""
    named = {code: f"{code} · {get_currency_name(code, locale='en')}" for code in sorted(list_currencies("en"))}
    for code in (present, *first):
        if code:
            named.setdefault(code, code)
    return [
        *((code, named[code]) for code in first),
        ("All currencies", [(code, text) for code, text in named.items() if code not in first]),
    ]

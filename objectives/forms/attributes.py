"""What administrators type about attributes, and everybody about their values."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final, cast

from django import forms
from django.core.exceptions import ValidationError
from django.http import QueryDict

from accounts.attributes import LONGEST_TEXT, Kind
from accounts.models import Account, Attribute, AttributeType
from accounts.services.attributes import PREFIX
from objectives.models.metrics import UNITS
from valuerealization.common.forms import DayField, NumberField
from valuerealization.common.units import Unit

_UNITS: Final = [(value, label) for value, label in UNITS if value != Unit.CUSTOM]
_FLAGS: Final = {"yes": True, "no": False, "": None}


class AttributeForm(forms.Form):
    """The definition of an attribute; key and type are asked for once."""

    name = forms.CharField(max_length=80)
    key = forms.CharField(
        max_length=64,
        help_text="How integrations and files name it: small letters, digits and _, for example support_plan.",
    )
    type = forms.ChoiceField(choices=AttributeType.choices, help_text="Key and type stay what they are.")
    choices = forms.CharField(
        required=False,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text="One on each line, of a choice from a list.",
    )
    unit = forms.ChoiceField(
        choices=_UNITS, required=False,
        help_text="Of a number, whose values are readings of the metric with the same key: objectives can follow it.",
    )  # fmt: skip
    help_text = forms.CharField(
        label="Hint", max_length=200, required=False, help_text="Stands under the field where values are typed."
    )
    position = forms.IntegerField(
        min_value=0, max_value=9999, required=False, help_text="Lower ones come first; empty puts it behind the others."
    )

    def __init__(self, data: QueryDict | None, *, attribute: Attribute | None = None) -> None:
        super().__init__(data)
        if attribute is None:
            return
        self.initial = {name: getattr(attribute, name) for name in self.fields if name != "unit"}
        self.initial["choices"] = "\n".join(attribute.choices)
        for name in ("key", "type", "unit", *(() if attribute.type == Kind.CHOICE else ("choices",))):
            del self.fields[name]
        self.fields["position"].required = True

    def clean_choices(self) -> list[str]:
        """Read the lines."""
        return [line.strip() for line in cast(str, self.cleaned_data["choices"]).splitlines() if line.strip()]

    def fields_to_save(self) -> dict[str, Any]:
        """Give what the service takes; an empty position is left to it."""
        return {name: value for name, value in self.cleaned_data.items() if name != "position" or value is not None}

    def refuse(self, refused: ValidationError) -> None:
        """Put what the service refused beside its fields."""
        for name, errors in refused.error_dict.items():
            self.add_error(name if name in self.fields else None, errors)


class AttributeValuesForm(forms.Form):
    """An account's attributes, each with the field of its type."""

    def __init__(
        self,
        data: QueryDict | None,
        *,
        account: Account,
        attributes: Mapping[str, Attribute],
        numbers: Mapping[str, Decimal],
    ) -> None:
        super().__init__(data, auto_id="id_attribute_%s")
        for key, attribute in attributes.items():
            self.fields[key] = _field(attribute, account.attributes.get(key))
            self.initial[key] = numbers.get(key) if attribute.is_number else _initial(account.attributes.get(key))

    def values(self) -> dict[str, Any]:
        """Give what differs from what is stored: the rest stays as it is by now."""
        given = {key: self.cleaned_data[key] for key in self.changed_data}
        flags = {key for key in given if isinstance(self.fields[key], _FlagField)}
        return {key: _FLAGS[value] if key in flags else value for key, value in given.items()}

    def refuse(self, refused: ValidationError) -> None:
        """Put what the service refused beside its fields."""
        for name, errors in refused.error_dict.items():
            key = name.removeprefix(PREFIX)
            self.add_error(key if key in self.fields else None, errors)


class _FlagField(forms.ChoiceField):
    """Yes, no, or nothing said."""

    def __init__(self, **options: Any) -> None:
        super().__init__(choices=[("", "Not set"), ("yes", "Yes"), ("no", "No")], **options)


def _initial(stored: Any) -> Any:
    return ("yes" if stored else "no") if isinstance(stored, bool) else stored


def _field(attribute: Attribute, stored: Any) -> forms.Field:
    named: dict[str, Any] = {"label": attribute.name, "help_text": attribute.help_text, "required": False}
    match attribute.type:
        case Kind.NUMBER:
            return NumberField(**named)
        case Kind.DATE:
            return DayField(**named)
        case Kind.FLAG:
            return _FlagField(**named)
        case Kind.CHOICE:
            # A choice that was dropped stays where it is.
            kept = [stored] if stored and stored not in attribute.choices else []
            return forms.ChoiceField(
                choices=[("", "Not set"), *((each, each) for each in [*attribute.choices, *kept])], **named
            )
        case _:
            return forms.CharField(max_length=LONGEST_TEXT, **named)

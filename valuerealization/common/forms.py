"""Form fields that read input as strictly as the API does."""

from decimal import Decimal
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from valuerealization.common.numbers import NumberRefused, parse_decimal, to_plain


class NumberField(forms.DecimalField):
    """A number that fits NUMERIC(20,6), typed in plain digits; anything else is refused with what to do about it."""

    widget = forms.TextInput

    def to_python(self, value: Any) -> Decimal | None:  # type: ignore[override]
        """Read what was typed.

        Raises: ValidationError with the code and message of NumberRefused.
        """
        if value in self.empty_values or (isinstance(value, str) and not value.strip()):
            return None
        try:
            return parse_decimal(value)
        except NumberRefused as error:
            raise ValidationError(error.message, code=error.code) from error

    def prepare_value(self, value: Any) -> Any:
        """Write a saved number without the zeros of its column; leave typed text as it is."""
        return to_plain(value) if isinstance(value, Decimal) else value

    def widget_attrs(self, widget: forms.Widget) -> dict[str, Any]:  # noqa: ARG002
        """Ask phones for digits, and browsers not to complete them."""
        return {"inputmode": "decimal", "autocomplete": "off"}


class DayField(forms.DateField):
    """A date, typed or picked in the browser's own date field."""

    widget = forms.DateInput

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("widget", forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}))
        super().__init__(input_formats=["%Y-%m-%d"], **kwargs)
        self.error_messages["invalid"] = "Write the date as year, month and day: 2026-11-15."

"""Serializer fields on the strict readers of `values`: none takes a value of another type for its own.

They read requests and describe both directions in the schema; answers are written by plain functions.
"""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any, cast

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from valuerealization.common.api import values
from valuerealization.common.api.values import ValueRefused
from valuerealization.common.numbers import round_half_up


class Strict(serializers.Field[Any, Any, Any, Any]):
    """What the fields share: `blank` is what null stands for, where it is allowed."""

    default_error_messages = {"required": "This field is required.", "null": "This field may not be null."}

    def __init__(self, *args: Any, blank: Any = None, **options: Any) -> None:
        self.blank = blank
        super().__init__(*args, **options)

    def read(self, value: Any) -> Any:
        """Read the value, or raise ValueRefused."""
        return value

    def validate_empty_values(self, data: Any) -> tuple[bool, Any]:
        """Take null, where it is allowed, for the blank value."""
        return (True, self.blank) if data is None and self.allow_null else super().validate_empty_values(data)

    def to_internal_value(self, data: Any) -> Any:
        """Read the value, with a refusal as the serializer's error."""
        try:
            return self.read(data)
        except ValueRefused as error:
            raise serializers.ValidationError(error.detail, error.code) from None


class DecimalField(Strict):
    """A decimal: read as number or string, written as a string without trailing zeros."""

    def read(self, value: Any) -> Decimal:
        return values.read_decimal(value)


class MoneyField(Strict):
    """An amount: read as a decimal or as amount and currency, written as both."""

    def read(self, value: Any) -> tuple[Decimal, str]:
        """Give amount and currency; the currency is empty when only a decimal came."""
        currency = ""
        if isinstance(value, Mapping):
            if set(value) != {"amount", "currency"}:
                raise ValueRefused("invalid_money", "Give a decimal, or an object of amount and currency.")
            currency, value = values.read_currency(value["currency"]), value["amount"]
        amount = values.read_decimal(value)
        if amount != round_half_up(amount, 2):
            raise ValueRefused("too_many_decimals", "Use at most 2 decimals.")
        if amount < 0:
            raise ValueRefused("negative", "Give an amount of 0 or more.")
        return amount, currency


class DateField(Strict, serializers.DateField):
    """A date, ISO 8601."""

    def read(self, value: Any) -> date:
        return values.read_date(value)


class InstantField(Strict, serializers.DateTimeField):
    """An instant, RFC 3339: read with any offset, written in UTC."""

    def read(self, value: Any) -> datetime:
        return values.read_instant(value)


class TextField(Strict, serializers.CharField):
    """Text without the blanks around it."""

    def __init__(self, *, max_length: int, is_multiline: bool = False, **options: Any) -> None:
        self.longest, self.is_multiline = max_length, is_multiline
        super().__init__(max_length=max_length, **options)

    def read(self, value: Any) -> str:
        return values.read_text(value, longest=self.longest, is_multiline=self.is_multiline)


class ExternalIdField(Strict, serializers.CharField):
    """An integrator's own id, unique; null takes it away."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"max_length": 128, "required": False, "allow_null": True, **options})

    def read(self, value: Any) -> str:
        return values.read_external_id(value)


class PersonField(Strict, serializers.EmailField):
    """One of the team, by e-mail address; null is nobody."""

    def __init__(self, **options: Any) -> None:
        super().__init__(max_length=254, required=False, allow_null=True, **options)

    def read(self, value: Any) -> str:
        return values.read_text(value, longest=254).lower()


class EmailField(Strict, serializers.EmailField):
    """An e-mail address, in small letters."""

    def __init__(self, **options: Any) -> None:
        super().__init__(max_length=254, **options)

    def read(self, value: Any) -> str:
        return values.read_text(value, longest=254).lower()


class PositionField(Strict, serializers.IntegerField):
    """A place in an order, from 0 on."""

    def read(self, value: Any) -> int:
        return values.read_position(value)


class ChoiceField(Strict, serializers.ChoiceField):
    """One of some words; where null is allowed, the empty string says the same."""

    def read(self, value: Any) -> str:
        return values.read_choice(value, [*self.choices, *([""] if self.allow_null else [])])


class FlagField(Strict, serializers.BooleanField):
    """True or false."""

    def read(self, value: Any) -> bool:
        return values.read_flag(value)


class CurrencyField(Strict, serializers.CharField):
    """A currency, ISO 4217."""

    def read(self, value: Any) -> str:
        return values.read_currency(value)


class ReferenceField(Strict):
    """An id, or `external:` and an integrator's id; written as the id."""

    def read(self, value: Any) -> int | str:
        return values.read_reference(value)


@extend_schema_field(OpenApiTypes.BOOL)
class QueryFlagField(Strict):
    """True or false in an address."""

    def read(self, value: Any) -> bool:
        return values.read_choice(value, ["true", "false"]) == "true"


class StrictSerializer(serializers.Serializer[Any]):
    """A serializer that refuses members it doesn't know, and those that are only read."""

    unknown_code = "unknown_field"
    unknown_detail = "There is no such field."

    def to_internal_value(self, data: Any) -> Any:
        """Read an object, every error at once."""
        if not isinstance(data, Mapping):
            raise serializers.ValidationError({"non_field_errors": [_error("Give a JSON object.", "not_an_object")]})
        errors: dict[Any, Any] = {}
        for name in data:
            field = self.fields.get(name)
            if field is None:
                errors[name] = [_error(self.unknown_detail, self.unknown_code)]
            elif field.read_only:
                errors[name] = [_error("This field can only be read.", "read_only")]
        try:
            found = super().to_internal_value(data)
        except serializers.ValidationError as error:
            errors.update(cast("dict[str, Any]", error.detail))
        if errors:
            raise serializers.ValidationError(errors)
        return found


def _error(detail: str, code: str) -> Any:
    return serializers.ErrorDetail(detail, code)

"""The OpenAPI description: our problems on every operation, our parameters on lists."""

from typing import Any, ClassVar

from drf_spectacular.extensions import OpenApiSerializerFieldExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiResponse
from rest_framework import serializers

from valuerealization.common.api.fields import DecimalField, MoneyField, ReferenceField
from valuerealization.common.api.problems import MEDIA_TYPE


class FieldErrorShape(serializers.Serializer[Any]):
    """What is wrong with one field."""

    field = serializers.CharField()
    code = serializers.CharField()
    detail = serializers.CharField()

    class Meta:
        ref_name = "FieldError"


class ProblemShape(serializers.Serializer[Any]):
    """A refusal (RFC 9457)."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    code = serializers.CharField()
    errors = FieldErrorShape(many=True)  # type: ignore[assignment]

    class Meta:
        ref_name = "Problem"


class ApiSchema(AutoSchema):
    """Describe an operation with everything it may answer."""

    ERRORS: ClassVar[dict[int, str]] = {
        400: "Something in the request can't be taken.",
        401: "No key, or one that is not valid.",
        403: "The key's scope does not allow it.",
        404: "There is no such resource.",
        406: "Not available in the form asked for.",
        503: "Come again in a moment.",
    }
    ERRORS_OF_WRITES: ClassVar[dict[int, str]] = {
        409: "It contradicts what is stored.",
        412: "The resource has changed since it was read.",
        413: "More than is taken at once.",
        415: "The body is in no form that is read here.",
    }

    def _get_response_bodies(self, direction: Any = "response") -> Any:
        bodies = super()._get_response_bodies(direction)
        errors = {**self.ERRORS, **({} if self.method == "GET" else self.ERRORS_OF_WRITES)}
        for status, told in sorted(errors.items()):
            response = OpenApiResponse(ProblemShape, description=told)
            bodies[str(status)] = self._get_response_for_code(  # type: ignore[no-untyped-call]
                response, str(status), media_types=[MEDIA_TYPE]
            )
        return bodies


class DecimalShape(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]
    """Decimals: taken as string or number, given as string."""

    target_class = DecimalField

    def map_serializer_field(self, auto_schema: Any, direction: str) -> dict[str, Any]:  # noqa: ARG002
        """Describe what is taken or given."""
        text = {"type": "string", "examples": ["71.428571"]}
        return text if direction == "response" else {"oneOf": [text, {"type": "number"}]}


class MoneyShape(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]
    """Money: taken as a decimal too, given with its currency."""

    target_class = MoneyField

    def map_serializer_field(self, auto_schema: Any, direction: str) -> dict[str, Any]:  # noqa: ARG002
        """Describe what is taken or given."""
        amount = {"type": "string", "examples": ["1250.00"]}
        money = {
            "type": "object",
            "properties": {"amount": amount, "currency": {"type": "string", "examples": ["USD"]}},
            "required": ["amount", "currency"],
        }
        return money if direction == "response" else {"oneOf": [money, {"type": "string"}, {"type": "number"}]}


class ReferenceShape(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]
    """References: an integrator's id is taken too, ours is given."""

    target_class = ReferenceField

    def map_serializer_field(self, auto_schema: Any, direction: str) -> dict[str, Any]:  # noqa: ARG002
        """Describe what is taken or given."""
        ours = {"type": "integer"}
        theirs = {"type": "string", "examples": ["external:CRM-0042"]}
        return ours if direction == "response" else {"oneOf": [ours, theirs]}

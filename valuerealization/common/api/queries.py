"""Read the query of an address: what it doesn't know is refused, and nothing is given twice."""

from typing import Any, Final

from django.http import QueryDict
from rest_framework import serializers

from valuerealization.common.api.fields import Strict, StrictSerializer, TextField
from valuerealization.common.api.problems import FieldError, Invalid
from valuerealization.common.api.values import ValueRefused

DEFAULT_PAGE_SIZE: Final = 50
MAX_PAGE_SIZE: Final = 200
MAX_CURSOR: Final = 2000


class Query(StrictSerializer):
    """The parameters of an endpoint; without fields it takes none."""

    unknown_code = "unknown_parameter"
    unknown_detail = "There is no such parameter."


class PageSizeField(Strict, serializers.IntegerField):
    """How many rows a page holds."""

    def __init__(self, **options: Any) -> None:
        super().__init__(min_value=1, max_value=MAX_PAGE_SIZE, required=False, default=DEFAULT_PAGE_SIZE, **options)

    def read(self, value: Any) -> int:
        if not (isinstance(value, str) and value.isascii() and value.isdigit() and 1 <= len(value) <= 3):
            raise ValueRefused("invalid_page_size", f"Give a number from 1 to {MAX_PAGE_SIZE}.")
        return int(value)


class ListQuery(Query):
    """The parameters of a list, besides its filters."""

    cursor = TextField(max_length=MAX_CURSOR, required=False, help_text="As given in `next` and `previous`.")
    page_size = PageSizeField(help_text="Rows a page.")


def read_query(parameters: QueryDict, serializer: type[Query]) -> dict[str, Any]:
    """Read parameters that may each be given once.

    Raises: Invalid, naming every parameter at fault.
    """
    check_names(parameters, serializer)
    query = serializer(data=parameters.dict())
    query.is_valid(raise_exception=True)
    found: dict[str, Any] = query.validated_data
    return found


def check_names(parameters: QueryDict, serializer: type[Query], *, may_repeat: tuple[str, ...] = ()) -> None:
    """Refuse parameters that are unknown or repeated.

    Raises: Invalid.
    """
    known = serializer().fields
    errors = []
    for name, given in parameters.lists():
        if name not in known:
            errors.append(FieldError(name, Query.unknown_code, Query.unknown_detail))
        elif len(given) > 1 and name not in may_repeat:
            errors.append(FieldError(name, "repeated", f"Give {name} once."))
    if errors:
        raise Invalid("The address holds parameters that can't be taken.", errors=errors)

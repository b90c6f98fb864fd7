"""Problems as RFC 9457 has them: what the API refuses, and why. `handler` writes them.

Parsers and authentication raise these, and the framework loads both while it loads its views: nothing of those here.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from django.core.exceptions import NON_FIELD_ERRORS
from django.core.exceptions import ValidationError as FormError
from rest_framework import exceptions
from rest_framework.settings import api_settings

MEDIA_TYPE: Final = "application/problem+json"

_CODE: Final = re.compile(r"[a-z0-9_]+")


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with one part of a request: where, a code for machines, the way out in words."""

    field: str
    code: str
    detail: str


class Problem(exceptions.APIException):
    """A refusal with a status, a code and, where fields are at fault, what is wrong with each."""

    status_code = HTTPStatus.BAD_REQUEST
    default_code = "invalid"
    default_detail = "The request is not valid."

    def __init__(
        self, detail: str = "", *, code: str = "", errors: Iterable[FieldError] = (), retry_after: int | None = None
    ) -> None:
        self.code = code or self.default_code
        super().__init__(detail or self.default_detail, self.code)
        self.errors = tuple(errors)
        self.wait = retry_after


class Invalid(Problem):
    """400: something in the request can't be taken as it is."""


class InvalidJson(Invalid):
    """400: the body is not the JSON that the API reads."""

    default_code = "invalid_json"
    default_detail = "The body is not valid JSON."


class Forbidden(Problem):
    """403: known, but not allowed."""

    status_code = HTTPStatus.FORBIDDEN
    default_code = "forbidden"
    default_detail = "You may not do this."


class Conflict(Problem):
    """409: the request contradicts what is stored."""

    status_code = HTTPStatus.CONFLICT
    default_code = "conflict"
    default_detail = "This contradicts what is stored already."


class Stale(Problem):
    """412: the resource changed since the caller read it."""

    status_code = HTTPStatus.PRECONDITION_FAILED
    default_code = "stale"
    default_detail = "The resource has changed since you read it. Read it again and repeat the change."


class TooLarge(Problem):
    """413: more than is taken at once."""

    status_code = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    default_code = "too_large"
    default_detail = "The body is too large."


class Unavailable(Problem):
    """503: come again in a moment."""

    status_code = HTTPStatus.SERVICE_UNAVAILABLE
    default_code = "unavailable"
    default_detail = "This can't be answered right now. Try again in a moment."


def refuse(field: str, code: str, detail: str) -> Invalid:
    """Make the problem for one field."""
    return Invalid(errors=[FieldError(field, code, detail)])


def from_fields(errors: Iterable[FieldError]) -> Problem:
    """Make the problem for fields at fault: a conflict when all that is wrong is a value that is taken."""
    listed = tuple(errors)
    if listed and all(error.code == "unique" for error in listed):
        return Conflict("Another record has this value already.", errors=listed)
    return Invalid(errors=listed)


def from_form_error(error: FormError) -> Problem:
    """Turn a service's refusal into a problem that names the fields."""
    by_field = error.error_dict if hasattr(error, "error_dict") else {NON_FIELD_ERRORS: error.error_list}
    return from_fields(
        FieldError("" if name == NON_FIELD_ERRORS else name, plain_code(item.code), " ".join(item.messages))
        for name, items in by_field.items()
        for item in items
    )


def flatten(detail: Any, path: str = "") -> Iterator[FieldError]:
    """List the errors of a serializer with the path of each: `objectives[3].target`."""
    if isinstance(detail, Mapping):
        for name, inner in detail.items():
            yield from flatten(inner, join(path, name))
    elif isinstance(detail, exceptions.ErrorDetail):
        yield FieldError(path, plain_code(detail.code), str(detail))
    else:
        for index, inner in enumerate(detail):
            yield from flatten(inner, path if isinstance(inner, exceptions.ErrorDetail) else join(path, index))


def join(path: str, name: str | int) -> str:
    """Add a step to a field path: a position in brackets, a name behind a point."""
    if isinstance(name, int):
        return f"{path}[{name}]"
    if name in ("", api_settings.NON_FIELD_ERRORS_KEY):
        return path
    return f"{path}.{name}" if path else name


def plain_code(code: str | None) -> str:
    """Keep a code that reads as one."""
    return code if code and _CODE.fullmatch(code) else "invalid"

"""Problems as RFC 9457 has them: every refusal of the API in one shape."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from http import HTTPStatus
from typing import Any, Final

from django.core.exceptions import NON_FIELD_ERRORS, PermissionDenied, SuspiciousOperation
from django.core.exceptions import ValidationError as FormError
from django.db import DataError, IntegrityError, InterfaceError, OperationalError
from django.http import Http404, UnreadablePostError
from drf_standardized_errors.formatter import ExceptionFormatter
from drf_standardized_errors.handler import ExceptionHandler
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.settings import api_settings

from valuerealization.common.api.renderers import ApiRenderer

MEDIA_TYPE: Final = "application/problem+json"
RETRY_SECONDS: Final = 5

_MOST_ERRORS: Final = 100
_UNIQUE_VIOLATION: Final = "23505"
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
        super().__init__(detail or self.default_detail, code or self.default_code)
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
        FieldError("" if name == NON_FIELD_ERRORS else name, _code(item.code), " ".join(item.messages))
        for name, items in by_field.items()
        for item in items
    )


def flatten(detail: Any, path: str = "") -> Iterator[FieldError]:
    """List the errors of a serializer with the path of each: `objectives[3].target`."""
    if isinstance(detail, Mapping):
        for name, inner in detail.items():
            yield from flatten(inner, join(path, name))
    elif isinstance(detail, exceptions.ErrorDetail):
        yield FieldError(path, _code(detail.code), str(detail))
    else:
        for index, inner in enumerate(detail):
            yield from flatten(inner, path if isinstance(inner, exceptions.ErrorDetail) else join(path, index))


def join(path: str, name: str | int) -> str:
    """Add a step to a field path: a position in brackets, a name behind a point."""
    if isinstance(name, int):
        return f"{path}[{name}]"
    if name == api_settings.NON_FIELD_ERRORS_KEY:
        return path
    return f"{path}.{name}" if path else name


def _code(code: str | None) -> str:
    return code if code and _CODE.fullmatch(code) else "invalid"


class ProblemHandler(ExceptionHandler):
    """Answer every exception with a problem: known ones by their meaning, any other as 500 (and report it)."""

    def convert_known_exceptions(self, exc: Exception) -> Exception:
        """Find the problem that an exception stands for."""
        match exc:
            case exceptions.ValidationError():
                return from_fields(flatten(exc.detail))
            case Http404():
                return exceptions.NotFound()
            case PermissionDenied():
                return Forbidden(str(exc))
            case FormError():
                return from_form_error(exc)
            case IntegrityError() if getattr(exc.__cause__, "sqlstate", "") == _UNIQUE_VIOLATION:
                return Conflict()
            case DataError():
                return Invalid("A value is outside of what can be stored.", code="out_of_range")
            case OperationalError() | InterfaceError():
                return Unavailable(retry_after=RETRY_SECONDS)
            case UnreadablePostError():
                return Invalid("The body ended before it was complete.", code="incomplete_body")
            case SuspiciousOperation():
                return Invalid()
        return exc

    def get_response(self, exc: exceptions.APIException, data: dict[str, Any]) -> Response:
        """Build the answer; whatever was asked for, a problem is JSON."""
        request = self.context["request"]
        request.accepted_renderer = ApiRenderer()
        request.accepted_media_type = ApiRenderer.media_type
        return Response(data, status=exc.status_code, headers=self.get_headers(exc), content_type=MEDIA_TYPE)


class ProblemFormatter(ExceptionFormatter):
    """Write an exception as a problem's members."""

    def run(self) -> dict[str, Any]:
        """Give `type`, `title`, `status`, `detail`, `code` and `errors`."""
        exc, status = self.exc, HTTPStatus(self.exc.status_code)
        errors = exc.errors if isinstance(exc, Problem) else ()
        code = str(getattr(exc.detail, "code", "") or exc.default_code)
        return {
            "type": "about:blank",
            "title": status.phrase,
            "status": status.value,
            "detail": str(exc.detail) if len(errors) != 1 or isinstance(exc, Conflict) else errors[0].detail,
            "code": code,
            "errors": [asdict(error) for error in errors[:_MOST_ERRORS]],
        }

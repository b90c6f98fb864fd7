"""Answer exceptions as problems."""

from dataclasses import asdict
from http import HTTPStatus
from typing import Any, Final

from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.core.exceptions import ValidationError as FormError
from django.db import DataError, IntegrityError, InterfaceError, OperationalError
from django.http import Http404, UnreadablePostError
from drf_standardized_errors.formatter import ExceptionFormatter
from drf_standardized_errors.handler import ExceptionHandler
from rest_framework import exceptions
from rest_framework.response import Response

from valuerealization.common.api.problems import (
    MEDIA_TYPE,
    Conflict,
    Forbidden,
    Invalid,
    Problem,
    Unavailable,
    flatten,
    from_fields,
    from_form_error,
)
from valuerealization.common.api.renderers import ApiRenderer

RETRY_SECONDS: Final = 5

_MOST_ERRORS: Final = 100
_UNIQUE_VIOLATION: Final = "23505"


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
        request: Any = self.context["request"]
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

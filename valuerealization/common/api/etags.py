"""Entity tags of single resources: a digest of what is answered, so that it changes with every byte of it."""

import re
from collections.abc import Callable
from hashlib import blake2b
from typing import Any, Final

from rest_framework.request import Request
from rest_framework.response import Response

from valuerealization.common.api.problems import Invalid, Stale
from valuerealization.common.api.renderers import ApiRenderer

_TAGS: Final = re.compile(r"\s*(?:\*|(?:W/)?\"[^\"]*\"(?:\s*,\s*(?:W/)?\"[^\"]*\")*)\s*\Z")
_TAG: Final = re.compile(r"(W/)?(\"[^\"]*\")")


def etag_of(data: Any) -> str:
    """Compute the strong entity tag of a resource."""
    return f'"{blake2b(ApiRenderer().render(data), digest_size=12).hexdigest()}"'


def one(request: Request, data: Any, *, status: int = 200, location: str = "") -> Response:
    """Answer one resource with its tag; 304 when the caller of a GET has it already."""
    tag = etag_of(data)
    headers = {"ETag": tag, **({"Location": request.build_absolute_uri(location)} if location else {})}
    if request.method in {"GET", "HEAD"}:
        known = request.headers.get("If-None-Match", "")
        if known.strip() == "*" or tag in [strong for _, strong in _TAG.findall(known)]:
            return Response(status=304, headers=headers)
    return Response(data, status=status, headers=headers)


def check_match(request: Request, read: Callable[[], Any]) -> None:
    """Refuse a change of another version than the caller has read. Call it with the resource locked.

    Shape: `read` gives the resource as it would be answered; called only when the caller named a version.

    Raises: Stale; Invalid for a header that is no list of tags.
    """
    given = request.headers.get("If-Match")
    if given is None or given.strip() == "*":
        return
    if not _TAGS.match(given):
        raise Invalid("If-Match is a list of entity tags in double quotes, or *.", code="invalid_header")
    tag = etag_of(read())
    if tag not in [quoted for weak, quoted in _TAG.findall(given) if not weak]:
        raise Stale()

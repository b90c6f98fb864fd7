"""Answer a list page by page."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from django.db.models import Model, QuerySet
from drf_spectacular.utils import inline_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param

from valuerealization.common import keyset
from valuerealization.common.api.problems import refuse
from valuerealization.common.keyset import InvalidCursor, Ordering

Row = TypeVar("Row", bound=Model)


def page(
    request: Request,
    rows: QuerySet[Row],
    ordering: Ordering,
    *,
    query: dict[str, Any],
    write: Callable[[Sequence[Row]], list[dict[str, Any]]],
) -> Response:
    """Answer one page: the addresses of its neighbours and its rows.

    Raises: Invalid for a cursor that this list did not give out.
    """
    try:
        found = keyset.page(rows, ordering, query.get("cursor") or None, size=query["page_size"])
    except InvalidCursor as error:
        raise refuse("cursor", "invalid_cursor", str(error)) from None
    here = request.build_absolute_uri()
    return Response(
        {
            "next": found.next_cursor and replace_query_param(here, "cursor", found.next_cursor),
            "previous": found.previous_cursor and replace_query_param(here, "cursor", found.previous_cursor),
            "results": write(found.rows),
        }
    )


def page_of(serializer: type[serializers.Serializer[Any]]) -> serializers.Serializer[Any]:
    """Describe a page of a resource for the schema."""
    return inline_serializer(
        f"{serializer.__name__}Page",
        {
            "next": serializers.URLField(allow_null=True),
            "previous": serializers.URLField(allow_null=True),
            "results": serializer(many=True),
        },
    )

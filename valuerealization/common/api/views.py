"""What every endpoint of the API does alike."""

from typing import Any, ClassVar

from django.db.models import QuerySet
from django.http import Http404
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.views import APIView

from valuerealization.common.api.parsers import MAX_BODY
from valuerealization.common.api.problems import Invalid
from valuerealization.common.api.queries import Query, read_query
from valuerealization.common.api.values import EXTERNAL
from valuerealization.common.audit import Actor


class ApiView(APIView):
    """An endpoint: strict about its query, private in caches, 405 for OPTIONS."""

    http_method_names: ClassVar[list[str]] = ["get", "post", "put", "patch", "delete", "head"]  # type: ignore[misc]
    metadata_class = None
    max_body: ClassVar[int] = MAX_BODY
    queries: ClassVar[dict[str, type[Query]]] = {}

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Check the caller, then read the query by the method's serializer."""
        super().initial(request, *args, **kwargs)
        self.query = self.read_query(request)

    def read_query(self, request: Request) -> dict[str, Any]:
        """Read the query; methods without a serializer of their own take no parameters."""
        method = "GET" if request.method == "HEAD" else str(request.method)
        return read_query(request.query_params, self.queries.get(method, Query))

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        """Keep answers out of shared caches."""
        response = super().finalize_response(request, response, *args, **kwargs)
        response.headers.setdefault("Cache-Control", "no-store")
        return response

    @property
    def actor(self) -> Actor:
        """Name the caller in the audit log."""
        caller: Any = self.request.auth
        actor: Actor = caller.as_actor()
        return actor

    def body(self, serializer: type[serializers.Serializer[Any]], *, partial: bool = False) -> dict[str, Any]:
        """Read the body by a serializer.

        Raises: ValidationError, naming every field at fault; Invalid without a body.
        """
        self.require_body()
        found = serializer(data=self.request.data, partial=partial)
        found.is_valid(raise_exception=True)
        data: dict[str, Any] = found.validated_data
        return data

    def require_body(self) -> None:
        """Refuse a request without a body.

        Raises: Invalid.
        """
        if self.request.stream is None:
            raise Invalid("Send a JSON body, with its Content-Length.", code="empty_body")


class Unknown(ApiView):
    """Every other address below /api/."""

    schema = None

    def read_query(self, request: Request) -> dict[str, Any]:  # noqa: ARG002
        """Take any query: the address itself is at fault."""
        return {}

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Check the caller, then answer 404 whatever the method."""
        super().initial(request, *args, **kwargs)
        raise NotFound


def by_reference(rows: QuerySet[Any], reference: int | str, *, external: str = "external_id") -> Any:
    """Find a row by our id (an int) or by an integrator's (a string).

    Raises: Http404.
    """
    row = rows.filter(**({"pk": reference} if isinstance(reference, int) else {external: reference})).first()
    if row is None:
        raise Http404
    return row


class ReferenceConverter:
    """A path's id: digits, or `external:` and an integrator's id, which may hold slashes."""

    regex = rf"[0-9]{{1,18}}|{EXTERNAL}.+"

    def to_python(self, value: str) -> int | str:
        """Read the reference; a NUL is in no id."""
        if "\0" in value:
            raise ValueError("no id holds a NUL")
        return value.removeprefix(EXTERNAL) if value.startswith(EXTERNAL) else int(value)

    def to_url(self, value: int | str) -> str:
        """Write the reference."""
        return f"{EXTERNAL}{value}" if isinstance(value, str) else str(value)

"""`/api/customers/{id}/explain`: what stands behind a figure."""

from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from objectives.api.customers import find_customer
from objectives.queries.explain import DEFAULT, NotExplained, NothingThere, explain
from valuerealization.common.api.explanations import ExplanationShape, write_explanation
from valuerealization.common.api.fields import TextField
from valuerealization.common.api.problems import refuse
from valuerealization.common.api.queries import Query
from valuerealization.common.api.views import ApiView


class ExplainQuery(Query):
    """Which figure."""

    of = TextField(
        max_length=64,
        required=False,
        help_text="`value_delivered` unless given; or `outcomes_only`, `verified`, `capped`, `goals_met`, `status`,"
        " `days_without_progress`, `objective:{id}`, `snapshot:{date of the Sunday}`.",
    )


class Explain(ApiView):
    """A figure of a customer, laid open."""

    queries = {"GET": ExplainQuery}

    @extend_schema(
        operation_id="explain_figure",
        summary="Explain a figure",
        parameters=[ExplainQuery],
        responses=ExplanationShape,
    )
    def get(self, _request: Request, reference: int | str) -> Response:
        """Give formula, inputs, versions, sources, times and people behind a figure."""
        account = find_customer(reference)
        try:
            found = explain(account=account, of=self.query.get("of", DEFAULT), at=timezone.now())
        except NotExplained as error:
            raise refuse("of", "unknown_figure", str(error)) from error
        except NothingThere:
            raise Http404 from None
        return Response(write_explanation(found, customer=account.pk))

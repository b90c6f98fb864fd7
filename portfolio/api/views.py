"""`/api/portfolio`, its trend, and its table as a file."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

from django.http import StreamingHttpResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.models import Account
from objectives.api.customers import BY_ATTRIBUTE, AccountFilters, AccountQuery, read_account_query
from objectives.api.writers import money
from objectives.models import WeekRollup
from objectives.queries.lists import AccountFilter
from objectives.status import STATUS_ORDER
from portfolio.api import shapes
from portfolio.queries.averages import weekly_averages
from portfolio.queries.explain import explain_portfolio
from portfolio.queries.export import accounts_csv
from portfolio.queries.summary import Summary, summary
from valuerealization.common.api.explanations import ExplanationShape, write_explanation
from valuerealization.common.api.pages import page, page_of
from valuerealization.common.api.values import write_percentage
from valuerealization.common.api.views import ApiView
from valuerealization.common.keyset import Ordering

_ORDERINGS: Final = {
    "-week": Ordering("trend -week", ("week",), is_descending=True),
    "week": Ordering("trend week", ("week",)),
}


class Portfolio(ApiView):
    """The portfolio in one reading."""

    def read_query(self, request: Request) -> dict[str, Any]:
        """Read the filters by the rules of the portfolio page."""
        return {"filter": read_account_query(request.query_params, AccountFilters)[0]}

    @extend_schema(
        operation_id="read_portfolio",
        summary="Read the portfolio",
        parameters=[AccountFilters, BY_ATTRIBUTE],
        responses=shapes.Portfolio,
    )
    def get(self, _request: Request) -> Response:
        """Sum up every customer that is filtered, each by its last snapshot, or live until its first."""
        today = timezone.now().date()
        found = summary(self.query["filter"], on=today)
        newest = WeekRollup.objects.order_by("-week").values_list("week", flat=True).first()
        counts = {card.status.value: card.count for card in found.cards}
        return Response(
            {
                "as_of": (newest or today).isoformat(),
                "average_value_delivered": write_percentage(found.average.value) if found.average else None,
                "counts": {status.value: counts[status.value] for status in STATUS_ORDER},
                "without_score": found.without_score.count,
                "live": found.live,
                **_arr(found),
            }
        )


def _arr(found: Summary) -> dict[str, Any]:
    """Sum up ARR by status: in the currency of most of it, and beside that in every other; they are never added."""
    own = found.by_arr[0].currency if found.by_arr else Account._meta.get_field("currency").get_default()
    by_status = {share.status.value: {each.currency: each.amount for each in share.arr} for share in found.shares}
    return {
        "arr": {status: money(amounts.pop(own, Decimal(0)), own) for status, amounts in by_status.items()},
        "arr_in_other_currencies": {
            status: [money(amount, currency) for currency, amount in amounts.items()]
            for status, amounts in by_status.items()
        },
    }


class Explained(ApiView):
    """The portfolio's figures, laid open."""

    @extend_schema(operation_id="explain_portfolio", summary="Explain the portfolio", responses=ExplanationShape)
    def get(self, _request: Request) -> Response:
        """Give formula and sums behind the averages, the counts and the changes of the week."""
        at = timezone.now()
        found = explain_portfolio(
            found=summary(AccountFilter(), on=at.date()), averages=weekly_averages(today=at.date()), at=at
        )
        return Response(write_explanation(found, customer=None))


class Trend(ApiView):
    """The portfolio week by week."""

    queries = {"GET": shapes.TrendQuery}

    @extend_schema(
        operation_id="list_portfolio_trend",
        summary="List the portfolio's weekly averages",
        parameters=[shapes.TrendQuery],
        responses=page_of(shapes.Week),
    )
    def get(self, request: Request) -> Response:
        """List the weeks whose snapshots are complete, newest first unless asked otherwise."""
        last = weekly_averages(today=timezone.now().date()).last
        rows = WeekRollup.objects.filter(week__lte=last.week) if last else WeekRollup.objects.none()
        if "from" in self.query:
            rows = rows.filter(week__gte=self.query["from"])
        if "to" in self.query:
            rows = rows.filter(week__lte=self.query["to"])

        def write(found: Sequence[WeekRollup]) -> list[dict[str, Any]]:
            return [_week(row) for row in found]

        return page(request, rows, _ORDERINGS[self.query.get("ordering", "-week")], query=self.query, write=write)


def _week(row: WeekRollup) -> dict[str, Any]:
    return {
        "week": row.week.isoformat(),
        "average_value_delivered": write_percentage(row.average),
        "accounts": row.accounts,
        "scored": row.scored,
        "counts": {status.value: getattr(row, status.value) for status in STATUS_ORDER},
    }


class CsvRenderer(BaseRenderer):
    """Names the type that the file is asked for by; the file writes itself."""

    media_type = "text/csv"
    format = "csv"

    def render(self, data: Any, *_args: Any, **_kwargs: Any) -> Any:
        """Pass on what is written already."""
        return data


class CustomersFile(ApiView):
    """The portfolio's table as a file."""

    renderer_classes = [CsvRenderer]

    def read_query(self, request: Request) -> dict[str, Any]:
        """Read the filters by the rules of the portfolio page."""
        wanted, order = read_account_query(request.query_params, AccountQuery)
        return {"filter": wanted, "ordering": order}

    @extend_schema(
        operation_id="export_portfolio",
        summary="Export the portfolio's table",
        parameters=[AccountQuery, BY_ATTRIBUTE],
        responses={(200, "text/csv"): OpenApiTypes.STR},
    )
    def get(self, _request: Request) -> StreamingHttpResponse:
        """Stream exactly what is filtered, in its order, as CSV."""
        on = timezone.now().date()
        return accounts_csv(self.query["filter"], order=self.query["ordering"], on=on, bom=False)

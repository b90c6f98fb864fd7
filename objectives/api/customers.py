"""`/api/customers`: accounts with their live score."""

from collections.abc import Sequence
from datetime import date
from typing import Any, Final

from django.db import transaction
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.people import person
from accounts.models import Account, Segment
from accounts.services.accounts import archive_account
from accounts.stages import Stage
from objectives.api import shapes, writers
from objectives.models import Standing
from objectives.queries.attribute_filters import names_attribute
from objectives.queries.attributes import attribute_values
from objectives.queries.lists import ORDERINGS, AccountFilter, ordering, parse_ordering, standings
from objectives.queries.parameters import NONE
from objectives.services.attributes import add_account, save_attributes
from valuerealization.common.api.etags import check_match, one
from valuerealization.common.api.fields import DateField, DecimalField, QueryFlagField
from valuerealization.common.api.idempotency import idempotent
from valuerealization.common.api.pages import page, page_of
from valuerealization.common.api.problems import FieldError, Invalid, refuse
from valuerealization.common.api.queries import ListQuery, Query, check_names
from valuerealization.common.api.views import ApiView, by_reference


class AccountFilters(Query):
    """Filters of customers: those of the portfolio page."""

    status = serializers.MultipleChoiceField(choices=[*shapes.STATUSES, NONE], required=False)
    owner = serializers.CharField(required=False, help_text="E-mail address, or none.")
    segment = serializers.ChoiceField([*Segment.values, NONE], required=False)
    industry = serializers.CharField(required=False)
    stage = serializers.ChoiceField(list(Stage), required=False)
    search = serializers.CharField(required=False, help_text="Part of the name.")
    value_min = DecimalField(required=False, help_text="Percent, inclusive.")
    value_max = DecimalField(required=False, help_text="Percent, inclusive.")
    renewal_before = DateField(required=False)
    in_segment = serializers.CharField(required=False, help_text="Id of a saved segment.")


class AccountQuery(AccountFilters):
    """Filters and order of customers."""

    ordering = serializers.ChoiceField(ORDERINGS, required=False, help_text="`worst` unless given.")
    archived = QueryFlagField(required=False, help_text="The archived ones instead.")


BY_ATTRIBUTE: Final = OpenApiParameter(
    "attributes.{key}",
    str,
    description="By a custom attribute, named by its key: `attributes.tier=gold`. Text whatever its case, `true` or "
    "`false`, a decimal, a date; a choice may be repeated; `none` is being without a value. Numbers and dates also "
    "have ends, both inclusive: `attributes.seats.min=100`, `attributes.seats.max=500`.",
)


class CustomerQuery(AccountQuery, ListQuery):
    """Filters of customers, on live values."""


def read_account_query(parameters: Any, serializer: type[Query]) -> tuple[AccountFilter, str]:
    """Read filter and order of a list of accounts.

    Raises: Invalid, naming every parameter at fault.
    """
    fixed = parameters.copy()
    for name in filter(names_attribute, parameters):
        del fixed[name]  # these are known by their definitions
    check_names(fixed, serializer, may_repeat=("status",))
    wanted, errors = AccountFilter.parse(parameters)
    order, order_errors = parse_ordering(parameters.get("ordering", ""))
    found = [FieldError(error.parameter, error.code, error.message) for error in (*errors, *order_errors)]
    if found:
        raise Invalid("The address holds parameters that can't be taken.", errors=found)
    return wanted, order


class Customers(ApiView):
    """List and add customers."""

    def read_query(self, request: Request) -> dict[str, Any]:
        """Read the filters by the rules of the portfolio page, the rest like every list."""
        if request.method == "POST":
            return super().read_query(request)
        parameters = request.query_params
        wanted, order = read_account_query(parameters, CustomerQuery)
        paging = ListQuery(data={name: parameters[name] for name in ("cursor", "page_size") if name in parameters})
        paging.is_valid(raise_exception=True)
        return {**paging.validated_data, "filter": wanted, "ordering": order}

    @extend_schema(
        operation_id="list_customers",
        summary="List customers, worst first",
        parameters=[CustomerQuery, BY_ATTRIBUTE],
        responses=page_of(shapes.Customer),
    )
    def get(self, request: Request) -> Response:
        """List customers with their live value and status."""
        on = timezone.now().date()

        def write(rows: Sequence[Standing]) -> list[dict[str, Any]]:
            values = attribute_values(row.account for row in rows)
            return [writers.customer(row, on=on, attributes=values[row.pk]) for row in rows]

        rows = standings(self.query["filter"], live=True, on=on).select_related("account__owner")
        return page(request, rows, ordering(self.query["ordering"], live=True), query=self.query, write=write)

    @extend_schema(
        operation_id="create_customer",
        summary="Add a customer",
        request=shapes.Customer,
        responses={201: shapes.Customer},
    )
    @idempotent
    def post(self, request: Request) -> Response:
        """Add a customer."""
        fields = _fields(self.body(shapes.Customer), stored=None)
        account = add_account(by=self.actor, at=timezone.now(), values=fields.pop("attributes", {}), **fields)
        return one(request, _written(account.pk), status=201, location=f"/api/customers/{account.pk}")


class OneCustomer(ApiView):
    """Read, change and archive a customer."""

    @extend_schema(operation_id="read_customer", summary="Read a customer", responses=shapes.Customer)
    def get(self, request: Request, reference: int | str) -> Response:
        """Read a customer, archived or not."""
        rows = Standing.objects.select_related("account__owner")
        standing = by_reference(rows, reference, external="account__external_id")
        return one(request, _write(standing))

    @extend_schema(
        operation_id="update_customer", summary="Change a customer", request=shapes.Customer, responses=shapes.Customer
    )
    def patch(self, request: Request, reference: int | str) -> Response:
        """Change what is given; the rest stays, of `attributes` too, where null takes a value away."""
        data = self.body(shapes.Customer, partial=True)
        with transaction.atomic():
            account = self._locked(reference)
            fields, at = _fields(data, stored=account), timezone.now()
            save_attributes(account=account, by=self.actor, at=at, values=fields.pop("attributes", {}), **fields)
        return one(request, _written(account.pk))

    @extend_schema(operation_id="archive_customer", summary="Archive a customer", responses={204: None})
    def delete(self, _request: Request, reference: int | str) -> Response:
        """Take a customer out of snapshots, averages and lists; its history stays."""
        with transaction.atomic():
            archive_account(account=self._locked(reference), by=self.actor, at=timezone.now())
        return Response(status=204)

    def _locked(self, reference: int | str) -> Account:
        account: Account = by_reference(Account.objects.lock(), reference)
        check_match(self.request, lambda: _written(account.pk))
        return account


def find_customer(reference: int | str) -> Account:
    """Find the customer that a path names.

    Raises: Http404.
    """
    account: Account = by_reference(Account.objects.select_related("owner"), reference)
    return account


def _written(account_id: int) -> dict[str, Any]:
    standing = Standing.objects.select_related("account__owner").get(pk=account_id)
    return _write(standing)


def _write(standing: Standing) -> dict[str, Any]:
    values = attribute_values([standing.account])
    return writers.customer(standing, on=timezone.now().date(), attributes=values[standing.pk])


def _fields(data: dict[str, Any], *, stored: Account | None) -> dict[str, Any]:
    """Turn a request into the fields of the service.

    Raises: Invalid, naming the field.
    """
    if "owner" in data:
        data["owner"] = person(data["owner"], now=stored.owner if stored else None)
    if data.get("arr") is not None:
        amount, currency = data["arr"]
        own = data.get("currency") or (stored.currency if stored else Account._meta.get_field("currency").default)
        if currency and currency != own:
            raise refuse("arr.currency", "other_currency", f"This customer's currency is {own}.")
        data["arr"] = amount
    _check_dates(data, stored=stored)
    return data


def _check_dates(data: dict[str, Any], *, stored: Account | None) -> None:
    signed: date | None = data.get("contract_signed_on", stored.contract_signed_on if stored else None)
    renewal: date | None = data.get("renewal_on", stored.renewal_on if stored else None)
    if signed and renewal and renewal <= signed:
        field = "renewal_on" if "renewal_on" in data else "contract_signed_on"
        raise refuse(field, "renewal_before_signature", "A renewal comes after the contract's signature.")

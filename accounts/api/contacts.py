"""`/api/contacts`: the people at customers."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api import shapes
from accounts.api.tasks import find_customer, of_customer
from accounts.models import Contact, ContactRole
from accounts.services.contacts import archive_contact, create_contact, restore_contact, update_contact
from valuerealization.common.api.etags import check_match, one
from valuerealization.common.api.fields import ChoiceField, QueryFlagField, ReferenceField, TextField
from valuerealization.common.api.idempotency import idempotent
from valuerealization.common.api.pages import page, page_of
from valuerealization.common.api.problems import refuse
from valuerealization.common.api.queries import ListQuery
from valuerealization.common.api.values import write_instant
from valuerealization.common.api.views import ApiView, by_reference
from valuerealization.common.keyset import Ordering

_ORDERINGS: Final = {
    "id": Ordering("contact id", ("id",)),
    "-id": Ordering("contact -id", ("id",), is_descending=True),
    "name": Ordering("contact name", ("name", "id")),
    "-name": Ordering("contact -name", ("name", "id"), is_descending=True),
}
_GIVEN: Final = {
    "customer": "external:CRM-0042",
    "external_id": "P-118",
    "name": "Helen Strand",
    "email": "helen.strand@example.com",
    "title": "Finance director",
    "phone": "",
    "roles": ["executive_sponsor", "finance_approver"],
}
_EXAMPLES: Final = [
    OpenApiExample("A contact to add", _GIVEN, request_only=True),
    OpenApiExample(
        "A contact",
        {
            "id": 7, **_GIVEN, "customer": 42, "archived": False, "archived_at": None,
            "created_at": "2026-11-02T09:30:00Z", "updated_at": "2026-11-02T09:30:00Z",
        },
        response_only=True,
    ),
]  # fmt: skip
_CHANGES: Final = [
    OpenApiExample("Other roles", {"roles": ["champion"]}, request_only=True),
    OpenApiExample("Archive", {"archived": True}, request_only=True),
    _EXAMPLES[1],
]


class ContactQuery(ListQuery):
    """Filters of contacts."""

    ordering = ChoiceField(list(_ORDERINGS), required=False, help_text="`id` unless given.")
    customer = ReferenceField(required=False)
    role = ChoiceField(ContactRole.values, required=False, help_text="Those who have it, among others or alone.")
    search = TextField(max_length=200, required=False, help_text="Part of the name or the e-mail address.")
    archived = QueryFlagField(required=False, help_text="The archived ones instead.")


class Contacts(ApiView):
    """List and add contacts."""

    queries = {"GET": ContactQuery}

    @extend_schema(
        operation_id="list_contacts",
        summary="List contacts",
        parameters=[ContactQuery],
        responses=page_of(shapes.Contact),
    )
    def get(self, request: Request) -> Response:
        """List the contacts in use, oldest first unless ordered otherwise."""

        def write(rows: Sequence[Contact]) -> list[dict[str, Any]]:
            return [write_contact(row) for row in rows]

        order = _ORDERINGS[self.query.get("ordering", "id")]
        return page(request, _filtered(self.query), order, query=self.query, write=write)

    @extend_schema(
        operation_id="create_contact",
        summary="Add a contact",
        request=shapes.Contact,
        responses={201: shapes.Contact},
        examples=_EXAMPLES,
    )
    @idempotent
    def post(self, request: Request) -> Response:
        """Add somebody to a customer. The same person may be a contact of several customers."""
        fields = self.body(shapes.Contact)
        account, is_archived = find_customer(fields.pop("customer")), fields.pop("archived", False)
        with transaction.atomic():
            saved = create_contact(account=account, by=self.actor, **fields)
            if is_archived:
                archive_contact(contact=saved, by=self.actor, at=timezone.now())
        return one(request, write_contact(_find(saved.pk)), status=201, location=f"/api/contacts/{saved.pk}")


class OneContact(ApiView):
    """Read and change a contact."""

    @extend_schema(
        operation_id="read_contact", summary="Read a contact", responses=shapes.Contact, examples=[_EXAMPLES[1]]
    )
    def get(self, request: Request, reference: int | str) -> Response:
        """Read a contact, archived or not."""
        return one(request, write_contact(_find(reference)))

    @extend_schema(
        operation_id="update_contact",
        summary="Change a contact",
        request=shapes.Contact,
        responses=shapes.Contact,
        examples=_CHANGES,
    )
    def patch(self, request: Request, reference: int | str) -> Response:
        """Change what is given; the rest stays. Archiving keeps what the contact took part in."""
        fields = self.body(shapes.Contact, partial=True)
        with transaction.atomic():
            pk = _find(reference).pk
            stored = Contact.objects.select_for_update(of=("self",)).select_related("account").get(pk=pk)
            check_match(request, lambda: write_contact(stored))
            if fields.pop("customer", stored.account_id) not in (stored.account_id, stored.account.external_id):
                raise refuse("customer", "immutable", "A contact stays with its customer.")
            at, is_archived = timezone.now(), fields.pop("archived", stored.archived_at is not None)
            update_contact(contact=stored, by=self.actor, at=at, **fields)
            (archive_contact if is_archived else restore_contact)(contact=stored, by=self.actor, at=at)
        return one(request, write_contact(_find(pk)))


def write_contact(row: Contact) -> dict[str, Any]:
    """Write a contact."""
    return {
        "id": row.pk,
        "customer": row.account_id,
        "external_id": row.external_id,
        "name": row.name,
        "email": row.email,
        "title": row.title,
        "phone": row.phone,
        "roles": row.roles,
        "archived": row.archived_at is not None,
        "archived_at": _instant(row.archived_at),
        "created_at": _instant(row.created_at),
        "updated_at": _instant(row.updated_at),
    }


def _find(reference: int | str) -> Contact:
    contact: Contact = by_reference(Contact.objects.all(), reference)
    return contact


def _filtered(query: dict[str, Any]) -> QuerySet[Contact]:
    rows = of_customer(Contact.objects.filter(archived_at__isnull=not query.get("archived", False)), query)
    if query.get("role"):
        rows = rows.filter(roles__contains=[query["role"]])
    if query.get("search"):
        rows = rows.filter(Q(name__icontains=query["search"]) | Q(email__icontains=query["search"]))
    return rows


def _instant(instant: datetime | None) -> str | None:
    return write_instant(instant) if instant else None

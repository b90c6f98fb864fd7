"""What the lists of accounts have in common: their page, their filters, their columns, their file."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponseBadRequest, QueryDict
from django.http.response import HttpResponseBase
from django.urls import reverse

from accounts.attributes import Kind
from accounts.models import Segment, User
from objectives.queries.attribute_filters import LEAST, MOST
from objectives.queries.lists import DEFAULT_ORDERING, Column
from objectives.queries.parameters import NONE, ParameterError
from objectives.queries.segments import ATTRIBUTE
from objectives.queries.trend import PERIODS
from objectives.status import LEGEND_NOTE, STATUS_ORDER, Status, label_of, legend
from portfolio.queries import rows
from portfolio.queries.choices import AttributeChoice, ListChoices
from portfolio.queries.columns import ListKind
from portfolio.queries.export import accounts_csv
from portfolio.queries.views import ViewEntry, ViewMenu, is_changed, view_menu
from portfolio.views.addresses import ORDER_NAMES, Chip, ListAddress
from valuerealization.common.htmx import HtmxRequest, wants_part
from valuerealization.common.keyset import InvalidCursor

# Fields of the filter form; the rest of the address is carried along.
_TYPED = ("search", "status", "owner", "segment", "in_segment", "value_min", "value_max", "ordering")


# What an address says when it wants the whole list rather than the person's default view.
EVERYTHING: Final = "all"


def read_page(address: ListAddress, *, at: datetime) -> tuple[ListAddress, rows.Page]:
    """Read the page of the address; one whose cursor is not ours gives way to the first, and says so."""
    wanted, order, on = address.filter, address.ordering, at.date()
    live, columns, months = address.kind.live, address.shown, address.months
    try:
        found = rows.page(
            wanted, order=order, cursor=address.cursor, at=at, on=on, live=live, columns=columns, months=months
        )
    except InvalidCursor:
        error = ParameterError("page", "invalid_cursor", "This part of the list is not known. It starts anew here.")
        address = replace(address, cursor=None, errors=(*address.errors, error))
        found = rows.page(wanted, order=order, cursor=None, at=at, on=on, live=live, columns=columns, months=months)
    return address, found


def list_context(address: ListAddress, page: rows.Page, choices: ListChoices, parameters: QueryDict) -> dict[str, Any]:
    """Give what the templates of a list need besides its title and its totals."""
    people = choices.owners
    attributes = [_attribute_filter(address, each, parameters) for each in choices.attributes]
    asked = [control["name"] for each in attributes for control in each["controls"]]
    return {
        "address": address,
        "page": page,
        "columns": columns_of(address),
        "name_heading": address.heading(Column.NAME),
        "caption": f"Accounts, {ORDER_NAMES[address.ordering].lower()}",
        "previous_href": address.at(page.previous_cursor) if page.previous_cursor else "",
        "next_href": address.at(page.next_cursor) if page.next_cursor else "",
        "chips": chips_of(address, people),
        "complaints": [*address.complaints(), *_gone(address, people)],
        "refused": {error.parameter for error in address.errors},
        "order_name": ORDER_NAMES[address.ordering],
        "filter_inputs": address.hidden(*_TYPED, *asked),
        "attribute_filters": attributes,
        "given": {name: parameters.get(name, "") for name in ("value_min", "value_max")},
        "order_options": _order_options(address.ordering),
        "status_options": _status_options(address),
        "owner_options": people,
        "segment_options": [*Segment.choices, (NONE, "No segment")],
        "saved_segments": choices.segments,
        "none": NONE,
        "legend": legend(),
        "legend_note": LEGEND_NOTE,
        "chooser": _chooser(address),
    }


def open_view(request: HtmxRequest, kind: ListKind, parameters: QueryDict) -> tuple[ViewMenu, ViewEntry | None, str]:
    """Find the saved view that an address names, and where a bare one leads.

    Shape:  the address to go to instead is empty but for the bare address of somebody with a default view, and for one
            that names a view and nothing else: the state of the list is always in its address.
    """
    menu = view_menu(user=request.user, kind=kind)
    entry = menu.find(parameters.get("view", ""))
    target = ""
    if not wants_part(request):
        if not request.GET:
            entry = menu.default
            target = entry_href(entry, kind) if entry else ""
        elif set(request.GET) == {"view"} and entry and entry.parameters:
            target = entry_href(entry, kind)
    return menu, entry, target


def missing_view(parameters: QueryDict, entry: ViewEntry | None) -> list[str]:
    """Say that the view which an address names cannot be opened; what else the address says is shown."""
    if entry or parameters.get("view", "") in ("", EVERYTHING):
        return []
    return ["View: It was deleted, or is not shared with you. Its filters are shown as far as the address has them."]


def view_context(address: ListAddress, menu: ViewMenu, entry: ViewEntry | None) -> dict[str, Any]:
    """Give what the bar of the open view and the menu of views need."""
    kind = address.kind
    state = urlencode(address.state.as_parameters(), doseq=True)

    def link(name: str, *args: Any) -> str:
        return f"{reverse(name, args=args)}?{state}" if state else reverse(name, args=args)

    found: dict[str, Any] = {
        "entry": entry,
        "is_empty": not menu.own and not menu.others,
        "everything_href": ListAddress(kind, has_default=address.has_default).href,
        "is_everything": entry is None and not state,
        "save_href": link("view_create", kind.name),
        "groups": [
            {
                "name": name,
                "entries": [
                    {"entry": each, "href": entry_href(each, kind), "is_current": each == entry} for each in some
                ],
            }
            for name, some in (("My views", menu.own), ("Shared by others", menu.others))
        ],
    }
    if entry is not None:
        found |= {
            "href": entry_href(entry, kind),
            "is_changed": is_changed(entry, address.state),
            "overwrite_href": link("view_overwrite", entry.pk),
            "default_href": reverse("view_default", args=[entry.pk]),
            "edit_href": reverse("view_update", args=[entry.pk]),
        }
    return found


def entry_href(entry: ViewEntry, kind: ListKind) -> str:
    """Write the address that a view opens, with its whole state in it, gone things included."""
    return f"{reverse(kind.url_name)}?{urlencode({'view': [str(entry.pk)]} | entry.parameters, doseq=True)}"


def _gone(address: ListAddress, people: Sequence[User]) -> list[str]:
    """Say what the address names that is not there any more."""
    email = address.filter.owner
    if not email or email == NONE:
        return []
    person = next((each for each in people if each.email == email), None)
    if person is None:
        return [f"Owner: Nobody on the team has the address {email}, so no account fits."]
    if not person.is_active:
        return [f"Owner: {person} has left the team. What is still assigned to them is shown."]
    return []


def columns_of(address: ListAddress) -> list[dict[str, Any]]:
    """List the columns shown, each with its heading and its place on phones; columns that aren't usual have none."""
    return [
        {
            "key": column.key,
            "attribute": column.attribute,
            "head": column.head,
            "css": column.css
            if column.key in address.kind.usual
            else f"c-more {'n' if _is_number(column.css) else ''}".strip(),
            "head_css": "n" if _is_number(column.css) else "",
            "heading": address.heading(column.sort) if column.sort else None,
        }
        for column in address.shown
    ]


def chips_of(address: ListAddress, people: Sequence[User]) -> list[Chip]:
    """List the filters that are on, owners by name."""
    names = {person.email: str(person) for person in people}
    return address.chips(owner_name=names.get(address.filter.owner, ""))


def export(request: HttpRequest, address: ListAddress, *, at: datetime) -> HttpResponseBase:
    """Answer with the file; a filter that cannot be read would make it hold more than was asked for."""
    complaints = address.complaints()
    if request.GET.getlist("export") != ["csv"]:
        complaints.append("Export: The only format is csv.")
    if complaints:
        return HttpResponseBadRequest("\n".join(complaints) + "\n", content_type="text/plain; charset=utf-8")
    return accounts_csv(
        address.filter, order=address.ordering, at=at, on=at.date(), bom=True, live=address.kind.live,
        columns=address.shown if address.columns else (), months=address.months, name=address.kind.name,
    )  # fmt: skip


def _is_number(css: str) -> bool:
    return "n" in css.split()


def _chooser(address: ListAddress) -> dict[str, Any]:
    groups: dict[str, list[dict[str, Any]]] = {}
    for column in address.offered:
        groups.setdefault(column.group, []).append({"column": column, "is_chosen": column.key in address.shown_keys})
    return {
        "groups": [{"name": name, "columns": columns} for name, columns in groups.items()],
        "inputs": address.hidden("columns", "months"),
        "periods": [{"months": months, "is_chosen": months == address.months} for months in PERIODS],
        "is_usual": not address.columns,
        "usual_href": address.usual_columns,
    }


def _attribute_filter(address: ListAddress, attribute: AttributeChoice, parameters: QueryDict) -> dict[str, Any]:
    """Describe the fields that filter by an attribute.

    Shape:  none where an address asks for several choices at once: a select would lose them.
    """
    name = f"{ATTRIBUTE}{attribute.key}"
    kind = Kind(attribute.type)
    refused = {error.parameter for error in address.errors}

    def control(end: str, label: str) -> dict[str, Any]:
        parameter = f"{name}.{end}" if end else name
        value = parameters.get(parameter, "").strip()
        return {"name": parameter, "label": label, "value": value, "is_refused": parameter in refused}

    found: dict[str, Any] = {"name": attribute.name, "kind": kind.value, "options": [], "controls": []}
    if kind in (Kind.NUMBER, Kind.DATE):
        words = ("Lowest", "Highest") if kind is Kind.NUMBER else ("From", "To")
        found["controls"] = [
            control(end, f"{word} {attribute.name}") for end, word in zip((LEAST, MOST), words, strict=True)
        ]
    elif len(parameters.getlist(name)) <= 1:
        found["controls"] = [control("", attribute.name)]
    if kind is Kind.CHOICE:
        found["options"] = [(choice, choice) for choice in attribute.choices]
    elif kind is Kind.FLAG:
        found["options"] = [("true", "Yes"), ("false", "No")]
    if found["options"]:
        found["options"] += [] if NONE in attribute.choices else [(NONE, "Not set")]
    return found


def _order_options(chosen: str) -> list[dict[str, Any]]:
    """List the orders to choose from where the table has no headings to click: on phones."""
    return [
        {"value": "" if name == DEFAULT_ORDERING else name, "label": label, "is_chosen": name == chosen}
        for name, label in ORDER_NAMES.items()
    ]


def _status_options(address: ListAddress) -> list[dict[str, Any]]:
    """List the choices of the status field; several at once, as only an address can ask for, are one of their own."""
    chosen = ",".join(address.filter.status)
    options = [(status.value, status.label) for status in STATUS_ORDER] + [(NONE, label_of(None))]
    if "," in chosen:
        labels = [label_of(None if status == NONE else Status(status)) for status in address.filter.status]
        options.append((chosen, ", ".join(labels)))
    return [{"value": value, "label": label, "is_chosen": value == chosen} for value, label in options]

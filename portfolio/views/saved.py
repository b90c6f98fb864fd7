"""Saved views: keep what a list shows under a name, change it, share it, delete it and bring it back."""

import json
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.middleware.csrf import get_token
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.views.decorators.http import require_http_methods, require_POST

from objectives.views.objectives import leave
from portfolio.forms.views import ViewForm
from portfolio.models import DefaultView, SavedView
from portfolio.policies import can_use_view, check_can_edit_view
from portfolio.queries.columns import KINDS, ListKind
from portfolio.queries.states import parameters_of
from portfolio.services import views as services
from portfolio.services.views import ViewRefused
from portfolio.views.addresses import ListAddress
from valuerealization.common.htmx import HtmxRequest, render_page, signed_in

FORM = "portfolio/view_form.html"


def view_href(view: SavedView) -> str:
    """Write the address that a view opens, with its whole state in it."""
    url = reverse(KINDS[view.list_name].url_name)
    return f"{url}?{urlencode({'view': [view.pk]} | parameters_of(view.state), doseq=True)}"


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def create(request: HtmxRequest, list_name: str) -> HttpResponse:
    """Keep what the address shows of a list under a name: a drawer, or a page without JavaScript."""
    kind = KINDS.get(list_name)
    if kind is None:
        raise Http404("There is no such list.")
    form = ViewForm(request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        try:
            view = services.save_view(owner=request.user, kind=kind, parameters=request.GET, **form.cleaned_data)
        except ViewRefused as refused:
            form.add_refusals(refused)
        else:
            messages.success(request, f"“{view.name}” is saved.")
            return leave(request, view_href(view))
    return _form(request, form, kind=kind, title="Save view", parameters=request.GET)


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def update(request: HtmxRequest, pk: int) -> HttpResponse:
    """Rename a view, share it, or open the list with it."""
    view = _editable(request, pk)
    kind = KINDS[view.list_name]
    is_default = DefaultView.objects.filter(user=request.user, view=view).exists()
    initial = {"name": view.name, "is_shared": view.is_shared, "is_default": is_default}
    form = ViewForm(request.POST if request.method == "POST" else None, initial=initial)
    if form.is_bound and form.is_valid():
        wants_default = form.cleaned_data.pop("is_default")
        try:
            view = services.update_view(view=view, by=request.user.as_actor(), at=timezone.now(), **form.cleaned_data)
        except ViewRefused as refused:
            form.add_refusals(refused)
        else:
            if wants_default != is_default:
                services.set_default(user=request.user, kind=kind, view=view if wants_default else None)
            messages.success(request, f"“{view.name}” is saved.")
            return leave(request, view_href(view))
    return _form(request, form, kind=kind, title="Edit view", parameters=parameters_of(view.state), view=view)


@signed_in
@require_POST
def overwrite(request: HtmxRequest, pk: int) -> HttpResponse:
    """Keep what the address shows in a view that is there already."""
    view = _editable(request, pk)
    try:
        view = services.update_view(view=view, by=request.user.as_actor(), at=timezone.now(), parameters=request.GET)
    except ViewRefused as refused:
        messages.error(request, f"“{view.name}” stays as it was. {' '.join(refused.messages)}")
    else:
        messages.success(request, f"“{view.name}” now shows this.")
    return leave(request, view_href(view))


@signed_in
@require_POST
def delete(request: HtmxRequest, pk: int) -> HttpResponse:
    """Take a view out of every menu; the message offers to undo it."""
    view = _editable(request, pk)
    services.delete_view(view=view, by=request.user.as_actor(), at=timezone.now())
    back = reverse("view_restore", args=[pk])
    undo = format_html(
        '“{}” is deleted. <a href="{}" hx-post="{}" hx-vals="{}">Undo</a>',
        view.name,
        back,
        back,
        json.dumps({"csrfmiddlewaretoken": get_token(request)}),
    )
    messages.success(request, undo)
    return leave(request, ListAddress(KINDS[view.list_name], has_default=True).href)


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def restore(request: HtmxRequest, pk: int) -> HttpResponse:
    """Ask, then bring a deleted view back."""
    view = _editable(request, pk, deleted=True)
    kind = KINDS[view.list_name]
    context = {"view": view, "title": f"Bring “{view.name}” back?", "nav": kind.name, "kind": kind}
    if request.method != "POST":
        return render_page(request, "portfolio/view_restore.html", context)
    try:
        view = services.restore_view(view=view, by=request.user.as_actor())
    except ViewRefused as refused:
        messages.error(request, " ".join(refused.messages))
        return leave(request, ListAddress(KINDS[view.list_name], has_default=True).href)
    messages.success(request, f"“{view.name}” is back.")
    return leave(request, view_href(view))


@signed_in
@require_POST
def make_default(request: HtmxRequest, pk: int) -> HttpResponse:
    """Open the list with a view from now on, or no longer."""
    view = _view(request, pk)
    is_on = request.POST.get("on") == "1"
    services.set_default(user=request.user, kind=KINDS[view.list_name], view=view if is_on else None)
    text = f"The list now opens with “{view.name}”." if is_on else "The list now opens with everything."
    messages.success(request, text)
    return leave(request, view_href(view))


def _view(request: HttpRequest, pk: int, *, deleted: bool = False) -> SavedView:
    found = SavedView.objects.select_related("owner") if deleted else SavedView.objects.kept().select_related("owner")
    view = get_object_or_404(found, pk=pk)
    if not can_use_view(request.user, view):  # type: ignore[arg-type]
        raise Http404("There is no such view.")
    return view


def _editable(request: HtmxRequest, pk: int, *, deleted: bool = False) -> SavedView:
    view = _view(request, pk, deleted=deleted)
    check_can_edit_view(request.user, view)
    return view


def _form(
    request: HtmxRequest, form: ViewForm, *, kind: ListKind, title: str, parameters: Any, view: SavedView | None = None
) -> HttpResponse:
    address = ListAddress.parse(kind, parameters)
    owner = address.filter.owner
    context = {
        "form": form,
        "kind": kind,
        "view": view,
        "title": title,
        "action": request.get_full_path(),
        "back_href": view_href(view) if view else address.href,
        "chips": address.chips(owner_name=owner),
        "columns": [column.name for column in address.shown],
        "order_name": address.order_name,
        "nav": kind.name,
    }
    return render_page(request, FORM, context, part="drawer", status=422 if form.errors else 200)

"""What the pages of tasks, notes and meetings do alike: find, undo, go back, answer parts."""

import json

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.template.loader import render_to_string
from django.utils.http import url_has_allowed_host_and_scheme
from django_htmx.http import HttpResponseClientRedirect

from accounts.models import Account
from valuerealization.common.htmx import HtmxRequest, wants_part

# Tells the parts of a page that show tasks, and those that show what happened, to read themselves again.
TASKS_CHANGED = "vr:tasks"
CHANGED = "vr:changed"


def find_account(pk: int) -> Account:
    """Find an account with its owner, who decides whether it may be edited."""
    return get_object_or_404(Account.objects.select_related("owner"), pk=pk)


def back(request: HtmxRequest, default: str) -> str:
    """Give the address to go back to, if the form named one of ours."""
    asked = request.POST.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(
        asked, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return asked if is_ours else default


def leave(request: HtmxRequest, url: str) -> HttpResponse:
    """Go to another page, whoever asked."""
    return HttpResponseClientRedirect(url) if wants_part(request) else HttpResponseRedirect(url)


def say_undoable(request: HtmxRequest, text: str, *, action: str, fields: dict[str, str], back_to: str) -> None:
    """Say what was done on the next page, with a button that takes it back."""
    context = {"text": text, "action": action, "fields": {**fields, "next": back_to}}
    messages.success(request, render_to_string("ui/undo.html", context, request))


def done_quietly(request: HtmxRequest, text: str, *, action: str, fields: dict[str, str]) -> HttpResponse:
    """Answer a tick: a toast with Undo, and word to the parts of the page that show tasks."""
    undo = render_to_string(
        "ui/undo.html", {"text": text, "action": action, "fields": fields, "is_part": True}, request
    )
    response = render(request, "ui/toast.html", {"title": undo, "level": "success", "oob": True})
    response["HX-Trigger"] = json.dumps({TASKS_CHANGED: "", CHANGED: ""})
    return response


def saved_in_drawer(request: HtmxRequest, text: str) -> HttpResponse:
    """Answer a form in the drawer: close it, say so, and let the page's parts read themselves again."""
    response = render(request, "ui/toast.html", {"title": text, "level": "success", "oob": True})
    response["HX-Reswap"] = "none"
    response["HX-Trigger"] = json.dumps({"vr:close": "", TASKS_CHANGED: "", CHANGED: ""})
    return response

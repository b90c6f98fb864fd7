"""Pages and their parts: one view answers both, and decides which."""

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.cache import patch_vary_headers
from django_htmx.middleware import HtmxDetails

P = ParamSpec("P")


class HtmxRequest(HttpRequest):
    """A request that may come from HTMX, by somebody who is signed in."""

    htmx: HtmxDetails
    user: Any


def signed_in(
    view: Callable[Concatenate[HtmxRequest, P], HttpResponseBase],
) -> Callable[Concatenate[Any, P], HttpResponseBase]:
    """Send visitors to the sign-in page; a part of a page answers 401, so that no sign-in form is swapped into it."""

    @wraps(view)
    def guarded(request: Any, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        if request.user.is_authenticated:
            return view(request, *args, **kwargs)
        if request.htmx:
            return HttpResponse(status=401)
        return redirect_to_login(request.get_full_path())

    return guarded


def wants_part(request: HtmxRequest) -> bool:
    """Tell whether HTMX asks for a part; going back in the browser's history asks for the page."""
    return bool(request.htmx) and not request.htmx.history_restore_request


def render_page(
    request: HtmxRequest, template: str, context: Mapping[str, Any], *, part: str = "", status: int = 200
) -> HttpResponse:
    """Render a page, or only its partial `part` when HTMX asks for it."""
    name = f"{template}#{part}" if part and wants_part(request) else template
    response = render(request, name, dict(context), status=status)
    patch_vary_headers(response, ["HX-Request", "HX-History-Restore-Request"])
    return response

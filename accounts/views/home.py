"""The start page, and a person's theme."""

from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST, require_safe

from accounts.models import Theme
from valuerealization.common.htmx import HtmxRequest, signed_in


@signed_in
@require_safe
def home(request: HtmxRequest) -> HttpResponse:
    """Send a leader to the portfolio and everybody else to their own accounts."""
    if request.user.is_leader:
        return redirect("portfolio")
    return redirect(f"{reverse('account_list')}?{urlencode({'owner': request.user.email})}")


@signed_in
@require_POST
def set_theme(request: HtmxRequest) -> HttpResponse:
    """Remember light, dark or the system's theme, and go back to where the person was."""
    theme = request.POST.get("theme", "")
    if theme in Theme.values:
        request.user.theme = theme
        request.user.save(update_fields=["theme"])
    return redirect(_next(request))


def _next(request: HttpRequest) -> str:
    """Give the address to go back to, if it is one of ours."""
    asked = request.POST.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(
        asked, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return asked if is_ours else reverse("home")

"""What every request is wrapped in: the reader's formats, and the lock before the admin."""

from collections.abc import Callable
from urllib.parse import urlencode

from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from valuerealization.common.formats import DEFAULT, Formats, reading_as

Response = Callable[[HttpRequest], HttpResponse]


class ReaderFormats:
    """Write numbers and dates the way the person signed in reads them; the API writes them one way for all."""

    def __init__(self, get_response: Response) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path.startswith("/api/"):
            return self.get_response(request)

        def reader() -> Formats:
            return request.user.formats if request.user.is_authenticated else DEFAULT

        with reading_as(reader):
            return self.get_response(request)


class SecondFactorForAdmin:
    """Let people into the admin by our own sign-in only and, where the settings ask for it, with a second factor."""

    def __init__(self, get_response: Response) -> None:
        self.get_response = get_response
        self.admin = reverse("admin:index")
        self.sign_in = reverse("admin:login")

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path.startswith(self.admin) or not request.user.is_authenticated:
            if request.path == self.sign_in:
                wanted = request.GET.get("next", self.admin)
                return redirect(f"{reverse('account_login')}?{urlencode({'next': wanted})}")
            return self.get_response(request)
        if settings.VR_ADMIN_SECOND_FACTOR and request.user.is_staff and not is_mfa_enabled(request.user):
            messages.warning(request, "The admin opens once you have set up a second factor.")
            return redirect("mfa_index")
        return self.get_response(request)

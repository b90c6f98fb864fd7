"""What every request is wrapped in: the reader's formats, and the lock before the admin."""

from collections.abc import Callable

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
    """Open the admin only to people with a second factor, where the settings ask for one.

    Who has set one up can't sign in without it, so having one is enough.
    """

    def __init__(self, get_response: Response) -> None:
        self.get_response = get_response
        self.admin = reverse("admin:index")

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not settings.VR_ADMIN_SECOND_FACTOR or not request.path.startswith(self.admin):
            return self.get_response(request)
        if request.user.is_authenticated and request.user.is_staff and not is_mfa_enabled(request.user):
            messages.warning(request, "The admin opens once you have set up a second factor.")
            return redirect("mfa_index")
        return self.get_response(request)

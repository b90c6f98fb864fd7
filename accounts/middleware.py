"""What every request is wrapped in: the reader's formats, and the lock before the admin."""

from collections.abc import Callable
from typing import Final

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


# Pages of administrators outside the admin that can't be undone.
_LIKE_THE_ADMIN: Final = frozenset({"person_erase", "user_erase", "contact_erase"})


class SecondFactorForAdmin:
    """Open the admin, and erasure, only to people with a second factor, where the settings ask for one.

    Who has set one up can't sign in without it, so having one is enough.
    """

    def __init__(self, get_response: Response) -> None:
        self.get_response = get_response
        self.admin = reverse("admin:index")

    def __call__(self, request: HttpRequest) -> HttpResponse:
        refused = self._refuse(request, "The admin") if request.path.startswith(self.admin) else None
        return refused or self.get_response(request)

    def process_view(self, request: HttpRequest, *_view: object) -> HttpResponse | None:
        """Guard the pages that are found by their names."""
        name = request.resolver_match.url_name if request.resolver_match else None
        return self._refuse(request, "Erasing people") if name in _LIKE_THE_ADMIN else None

    def _refuse(self, request: HttpRequest, what: str) -> HttpResponse | None:
        if not settings.VR_ADMIN_SECOND_FACTOR or not request.user.is_authenticated or not request.user.is_staff:
            return None
        if is_mfa_enabled(request.user):
            return None
        messages.warning(request, f"{what} opens once you have set up a second factor.")
        return redirect("mfa_index")

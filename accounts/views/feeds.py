"""A person's calendar feed: the page that makes and ends it, and what calendar programs read."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from accounts.documents.calendar import MEDIA_TYPE, calendar
from accounts.models import CalendarFeed, token_digest
from accounts.queries.meetings import calendar_of
from accounts.services.feeds import make_feed, revoke_feed, touch_feed
from valuerealization.common.htmx import HtmxRequest, render_page, signed_in


@signed_in
@require_safe
def show(request: HtmxRequest) -> HttpResponse:
    """Show whether the person has a calendar feed; its address is told only when it is made."""
    return _page(request, "")


@signed_in
@require_POST
def make(request: HtmxRequest) -> HttpResponse:
    """Make a calendar feed and tell its address, this once; a former one ends."""
    token = make_feed(person=request.user)
    return _page(request, request.build_absolute_uri(reverse("calendar_feed", args=[token])))


@signed_in
@require_POST
def revoke(request: HtmxRequest) -> HttpResponse:
    """End the calendar feed."""
    revoke_feed(person=request.user)
    messages.success(request, "The calendar feed has ended: its address leads nowhere now")
    return HttpResponseRedirect(reverse("calendar"))


@require_safe
def feed(request: HttpRequest, token: str) -> HttpResponse:
    """Give a person's tasks and meetings to whoever has the address; a wrong one is not found."""
    found = CalendarFeed.objects.select_related("person").filter(token_digest=token_digest(token)).first()
    if found is None or not found.person.is_active:
        raise Http404("There is no such calendar.")
    at = timezone.now()
    touch_feed(feed=found, at=at)
    meetings, tasks = calendar_of(found.person, at=at)
    base = request.build_absolute_uri("/").rstrip("/")
    content = calendar(meetings=meetings, tasks=tasks, name=f"Value Realization: {found.person}", base=base)
    headers = {"Cache-Control": "private, no-store", "X-Robots-Tag": "noindex", "Referrer-Policy": "no-referrer"}
    return HttpResponse(content, content_type=MEDIA_TYPE, headers=headers)


def _page(request: HtmxRequest, address: str) -> HttpResponse:
    context = {
        "feed": CalendarFeed.objects.filter(person=request.user).first(),
        "address": address,
        "nav": "settings",
        "tab": "calendar",
    }
    response = render_page(request, "accounts/calendar.html", context)
    response["Cache-Control"] = "no-store"
    return response

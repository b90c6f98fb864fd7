"""What a person should see: the list behind the bell, and the names that a text can mention."""

from django.http import HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from accounts.models import Notification
from accounts.queries.notifications import target_of, unseen
from accounts.queries.team import team
from accounts.services.notifications import mark_seen
from accounts.views.work import back
from valuerealization.common.htmx import HtmxRequest, render_page, signed_in

_SUGGESTIONS = 8


@signed_in
@require_safe
def show(request: HtmxRequest) -> HttpResponse:
    """List what the person has not seen, in the drawer or as a page."""
    context = {"notifications": unseen(request.user), "title": "Notifications", "nav": ""}
    return render_page(request, "accounts/notifications.html", context, part="drawer")


@signed_in
@require_POST
def follow(request: HtmxRequest, pk: int) -> HttpResponse:
    """Mark one as seen and go to what it is about."""
    found = Notification.objects.select_related("note", "task", "meeting")
    notification = get_object_or_404(found, pk=pk, person=request.user)
    mark_seen(person=request.user, at=timezone.now(), notification_id=pk)
    return HttpResponseRedirect(target_of(notification))


@signed_in
@require_POST
def see_all(request: HtmxRequest) -> HttpResponse:
    """Mark everything as seen."""
    mark_seen(person=request.user, at=timezone.now())
    return HttpResponseRedirect(back(request, "/notifications/"))


@signed_in
@require_safe
def suggest(request: HtmxRequest) -> HttpResponse:
    """Suggest people of the team for what is typed behind an @."""
    typed = request.GET.get("q", "").replace("\0", "")[:120]
    found = team().exclude(name="").filter(name__icontains=typed)
    return JsonResponse({"names": list(found.values_list("name", flat=True)[:_SUGGESTIONS])})

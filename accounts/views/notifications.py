"""What a person should see: the list behind the bell, and the names that a text can mention."""

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.models import Notification
from accounts.queries.mails import read_off_token
from accounts.queries.notifications import target_of, unseen
from accounts.queries.team import team
from accounts.services.notification_choices import turn_off_mails
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
    found = Notification.objects.select_related("account", "note", "task", "meeting")
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


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def end_mails(request: HttpRequest, token: str) -> HttpResponse:
    """End mails of one kind for whom the signed address names: a mail program posts here without a session.

    Looking at it changes nothing, so that what opens links ahead of people does no harm.
    """
    found = read_off_token(token)
    if found is None:
        raise Http404("There is nothing to end.")
    person, kind = found
    if request.method == "POST":
        turn_off_mails(person=person, kind=kind)
    context = {"kind": kind.label, "is_done": request.method == "POST"}
    response = render(request, "accounts/notification_off.html", context)
    response["Cache-Control"], response["Referrer-Policy"] = "no-store", "no-referrer"
    return response

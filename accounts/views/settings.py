"""A person's own settings, their sessions, and the settings of the organisation."""

from typing import Any

from allauth.usersessions.models import UserSession
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.forms.settings import NotificationsForm, OrganisationForm, PreferencesForm
from accounts.models import Organisation
from accounts.policies import check_is_admin
from accounts.queries.notifications import ways_of
from accounts.services.notification_choices import choose_ways
from accounts.services.settings import SettingsRefused, remember_fold, update_organisation, update_preferences
from valuerealization.common.htmx import HtmxRequest, signed_in

YEAR_S = 365 * 24 * 3600


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def preferences(request: HtmxRequest) -> HttpResponse:
    """Choose how the pages look and read."""
    form = PreferencesForm(request.POST if request.method == "POST" else None, user=request.user)
    if request.method == "POST" and form.is_valid():
        update_preferences(user=request.user, **form.cleaned_data)
        messages.success(request, "Saved")
        return redirect("settings")
    return _page(request, "accounts/settings.html", "preferences", form=form)


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def notifications(request: HtmxRequest) -> HttpResponse:
    """Choose what to be told of in the bell, and what by mail."""
    form = NotificationsForm(request.POST if request.method == "POST" else None, ways=ways_of(request.user))
    if request.method == "POST" and form.is_valid():
        choose_ways(person=request.user, ways=form.ways)
        messages.success(request, "Saved")
        return redirect("settings_notifications")
    return _page(request, "accounts/settings_notifications.html", "notifications", form=form)


@signed_in
@require_POST
def fold(request: HtmxRequest) -> HttpResponse:
    """Remember that a card was folded or opened."""
    remember_fold(user=request.user, name=request.POST.get("name", ""), is_open=request.POST.get("open") == "1")
    return HttpResponse(status=204)


@signed_in
@require_safe
def sessions(request: HtmxRequest) -> HttpResponse:
    """List where the person is signed in."""
    found = UserSession.objects.purge_and_list(request.user)
    found.sort(key=lambda each: each.created_at, reverse=True)
    here = request.session.session_key
    rows = [{"session": each, "is_here": each.session_key == here} for each in found]
    return _page(request, "accounts/settings_sessions.html", "sessions", rows=rows, has_others=len(rows) > 1)


@signed_in
@require_POST
def end_sessions(request: HtmxRequest) -> HttpResponse:
    """Sign out one of the person's other sessions, or all of them."""
    others = UserSession.objects.filter(user=request.user).exclude(session_key=request.session.session_key)
    if request.POST.get("session", "").isdecimal():
        get_object_or_404(others, pk=int(request.POST["session"][:18])).end()
        messages.success(request, "That session is signed out")
    else:
        for session in others:
            session.end()
        messages.success(request, "All other sessions are signed out")
    return redirect("settings_sessions")


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def organisation(request: HtmxRequest) -> HttpResponse:
    """Change name, logo and defaults of the organisation."""
    check_is_admin(request.user)
    current = Organisation.objects.current()
    if request.method != "POST":
        return _organisation(request, OrganisationForm(organisation=current), current)
    form = OrganisationForm(request.POST, request.FILES, organisation=current)
    if form.is_valid():
        try:
            update_organisation(by=request.user.as_actor(), at=timezone.now(), **form.changes)
        except SettingsRefused as refused:
            form.add_refusals(refused)
        else:
            messages.success(request, "Saved")
            return redirect("settings_organisation")
    return _organisation(request, form, current)


@require_safe
def logo(_request: HtmxRequest) -> HttpResponse:
    """Send the organisation's logo; the sign-in page shows it too."""
    found = Organisation.objects.current()
    if not found.logo:
        raise Http404
    headers = {"Cache-Control": f"public, max-age={YEAR_S}, immutable", "ETag": f'"{found.logo_digest[:16]}"'}
    return HttpResponse(bytes(found.logo), content_type=found.logo_type, headers=headers)


def _organisation(request: HtmxRequest, form: OrganisationForm, current: Organisation) -> HttpResponse:
    return _page(request, "accounts/settings_organisation.html", "organisation", form=form, organisation_row=current)


def _page(request: HtmxRequest, template: str, tab: str, **context: Any) -> HttpResponse:
    form = context.get("form")
    status = 422 if form is not None and form.errors else 200
    return render(request, template, {"nav": "settings", "tab": tab, **context}, status=status)

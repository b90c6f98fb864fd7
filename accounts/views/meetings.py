"""Meetings: plan, change, call off; a meeting's page, what follows from it, and the file for a calendar."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.documents.calendar import MEDIA_TYPE, calendar
from accounts.forms.work import FileForm, FollowUpForm, MeetingForm
from accounts.models import Account, Meeting
from accounts.moments import local_day
from accounts.policies import can_edit_account, check_can_edit_account
from accounts.queries.meetings import attendees_of, when_of
from accounts.queries.prose import files_of, prose
from accounts.queries.tasks import task_rows
from accounts.queries.team import team_names
from accounts.queries.wording import history
from accounts.services.meetings import create_meeting, set_meeting_cancelled, update_meeting
from accounts.services.refusals import WorkRefused
from accounts.services.tasks import create_task
from accounts.views.work import back, find_account, say_undoable
from valuerealization.common.htmx import HtmxRequest, render_page, signed_in


@signed_in
@require_safe
def detail(request: HtmxRequest, pk: int) -> HttpResponse:
    """Show one meeting."""
    return meeting_page(request, find_meeting(pk))


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def create(request: HtmxRequest, account_pk: int) -> HttpResponse:
    """Plan a meeting about an account."""
    account = find_account(account_pk)
    check_can_edit_account(request.user, account)
    form = MeetingForm(request.POST if request.method == "POST" else None, account=account, user=request.user)
    if request.method == "POST" and form.is_valid():
        try:
            saved = create_meeting(account=account, by=request.user.as_actor(), at=timezone.now(), **form.cleaned_data)
        except WorkRefused as refused:
            form.add_refusals(refused)
        else:
            messages.success(request, f"“{saved.title}” is planned")
            return HttpResponseRedirect(saved.get_absolute_url())
    return _form_page(request, form, account, None)


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def update(request: HtmxRequest, pk: int) -> HttpResponse:
    """Change a meeting, or write its minutes."""
    meeting = find_meeting(pk)
    account = meeting.account
    check_can_edit_account(request.user, account)
    sent = request.POST if request.method == "POST" else None
    form = MeetingForm(sent, account=account, user=request.user, meeting=meeting)
    if request.method == "POST" and form.is_valid():
        try:
            update_meeting(meeting=meeting, by=request.user.as_actor(), at=timezone.now(), **form.cleaned_data)
        except WorkRefused as refused:
            form.add_refusals(refused)
        else:
            messages.success(request, "Saved")
            return HttpResponseRedirect(meeting.get_absolute_url())
    return _form_page(request, form, account, meeting)


@signed_in
@require_POST
def set_state(request: HtmxRequest, pk: int) -> HttpResponse:
    """Call a meeting off, or let it take place after all."""
    meeting = find_meeting(pk)
    check_can_edit_account(request.user, meeting.account)
    is_cancelled = request.POST.get("cancelled", "1") == "1"
    set_meeting_cancelled(meeting=meeting, is_cancelled=is_cancelled, by=request.user.as_actor(), at=timezone.now())
    there = back(request, meeting.get_absolute_url())
    if is_cancelled:
        action = reverse("meeting_state", args=[pk])
        text = f"“{meeting.title}” is cancelled"
        say_undoable(request, text, action=action, fields={"cancelled": "0"}, back_to=there)
    else:
        messages.success(request, f"“{meeting.title}” takes place")
    return HttpResponseRedirect(there)


@signed_in
@require_POST
def add_task(request: HtmxRequest, pk: int) -> HttpResponse:
    """Add a task that follows from a meeting."""
    meeting = find_meeting(pk)
    check_can_edit_account(request.user, meeting.account)
    form = FollowUpForm(request.POST, user=request.user, auto_id="follow_%s")
    if form.is_valid():
        try:
            create_task(
                account=meeting.account, meeting=meeting, by=request.user.as_actor(), at=timezone.now(),
                **form.cleaned_data,
            )  # fmt: skip
        except WorkRefused as refused:
            form.add_refusals(refused)
    if form.errors:
        return meeting_page(request, meeting, follow_form=form)
    messages.success(request, "The task is added")
    return HttpResponseRedirect(f"{meeting.get_absolute_url()}#tasks")


@signed_in
@require_safe
def download(request: HtmxRequest, pk: int) -> HttpResponse:
    """Give one meeting as a file that calendar programs take over."""
    meeting = find_meeting(pk)
    base = request.build_absolute_uri("/").rstrip("/")
    content = calendar(meetings=[meeting], tasks=[], name=meeting.title, base=base, is_published=False)
    headers = {"Content-Disposition": f'attachment; filename="meeting-{meeting.pk}.ics"', "Cache-Control": "no-store"}
    return HttpResponse(content, content_type=MEDIA_TYPE, headers=headers)


def find_meeting(pk: int) -> Meeting:
    """Find a meeting with its account and everybody in it."""
    found = Meeting.objects.select_related("account", "account__owner", "created_by")
    return get_object_or_404(found.prefetch_related("attendees", "contacts"), pk=pk)


def meeting_page(request: HtmxRequest, meeting: Meeting, **forms: Any) -> HttpResponse:
    """Draw a meeting's page; a form that is given holds what is wrong with it."""
    account, at, people = meeting.account, timezone.now(), team_names()
    today = local_day(at, account.timezone)
    may_edit = account.archived_at is None and can_edit_account(request.user, account)
    tasks = meeting.tasks.select_related("assignee").order_by("pk")
    context = {
        "meeting": meeting,
        "account": account,
        "today": today,
        "when": when_of(meeting, timezone=account.timezone, today=today),
        "is_over": meeting.ends_at <= at,
        "place": prose(meeting.place, {}),
        "attendees": attendees_of(meeting),
        "agenda": prose(meeting.agenda, people),
        "minutes": prose(meeting.minutes, people),
        "tasks": task_rows(tasks, account=account, on=today, person_id=request.user.pk, may_edit=may_edit),
        "files": files_of([meeting])[meeting.pk],
        "history": history(subject=meeting, account=account, today=today),
        "can_edit": may_edit,
        "follow_form": FollowUpForm(user=request.user, auto_id="follow_%s"),
        "file_form": FileForm(auto_id="file_%s"),
        "files_action": reverse("meeting_files", args=[meeting.pk]),
        "nav": "accounts",
        **forms,
    }
    status = 422 if any(form.errors for form in forms.values()) else 200
    return render_page(request, "accounts/meeting.html", context, status=status)


def _form_page(request: HtmxRequest, form: MeetingForm, account: Account, meeting: Meeting | None) -> HttpResponse:
    context = {
        "form": form,
        "account": account,
        "meeting": meeting,
        "title": "Edit meeting" if meeting else "New meeting",
        "nav": "accounts",
    }
    status = 422 if form.errors else 200
    return render_page(request, "accounts/meeting_form.html", context, status=status)

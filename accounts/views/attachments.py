"""Files of notes, tasks and meetings: attach, serve, remove, bring back."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_POST, require_safe

from accounts.forms.work import FileForm
from accounts.models import Attachment, Meeting, Note, Task
from accounts.policies import can_view_accounts, check_can_edit_account
from accounts.services.attachments import attach_file, set_attachment_deleted
from accounts.services.refusals import WorkRefused
from accounts.views.meetings import find_meeting, meeting_page
from accounts.views.notes import find_note, note_page_with
from accounts.views.tasks import find_task, task_page
from accounts.views.work import say_undoable
from valuerealization.common.files import read_file
from valuerealization.common.htmx import HtmxRequest, signed_in

# Should a browser show it after all: no script, no form, no origin of ours.
_POLICY = "sandbox; default-src 'none'; frame-ancestors 'none'"


@signed_in
@require_safe
def serve(request: HtmxRequest, key: str) -> HttpResponseBase:
    """Send a file as a download, piece by piece."""
    attachment = _find(key)
    if not can_view_accounts(request.user) or attachment.deleted_at is not None:
        raise Http404("There is no such file.")
    response = StreamingHttpResponse(read_file(attachment.file), content_type=attachment.content_type)
    if request.method == "HEAD":
        response.streaming_content = iter(())
    response["Content-Length"] = str(attachment.file.size)
    response["Content-Disposition"] = content_disposition_header(as_attachment=True, filename=attachment.name) or ""
    response["Content-Security-Policy"] = _POLICY
    response["X-Content-Type-Options"] = "nosniff"
    response["Cross-Origin-Resource-Policy"] = "same-origin"
    response["Cache-Control"] = "private, no-store"
    return response


@signed_in
@require_POST
def add_to_task(request: HtmxRequest, pk: int) -> HttpResponse:
    """Attach a file to a task."""
    task = find_task(pk)
    return _attach(request, task, lambda form: task_page(request, task, file_form=form))


@signed_in
@require_POST
def add_to_meeting(request: HtmxRequest, pk: int) -> HttpResponse:
    """Attach a file to a meeting."""
    meeting = find_meeting(pk)
    return _attach(request, meeting, lambda form: meeting_page(request, meeting, file_form=form))


@signed_in
@require_POST
def add_to_note(request: HtmxRequest, pk: int) -> HttpResponse:
    """Attach a file to a note."""
    note = find_note(pk)
    return _attach(request, note, lambda form: note_page_with(request, note, form))


@signed_in
@require_POST
def set_state(request: HtmxRequest, key: str) -> HttpResponse:
    """Remove a file, or bring it back."""
    attachment = _find(key)
    check_can_edit_account(request.user, attachment.account)
    is_deleted = request.POST.get("deleted", "1") == "1"
    set_attachment_deleted(attachment=attachment, is_deleted=is_deleted, by=request.user.as_actor(), at=timezone.now())
    there = attachment.subject.get_absolute_url()
    if is_deleted:
        action = reverse("attachment_state", args=[key])
        text = f"{attachment.name} is removed"
        say_undoable(request, text, action=action, fields={"deleted": "0"}, back_to=there)
    else:
        messages.success(request, f"{attachment.name} is back")
    return HttpResponseRedirect(there)


def _attach(
    request: HtmxRequest, subject: Note | Task | Meeting, page: Callable[[FileForm], HttpResponse]
) -> HttpResponse:
    check_can_edit_account(request.user, subject.account)
    form = FileForm(request.POST, request.FILES, auto_id="file_%s")
    if form.is_valid():
        upload: Any = form.cleaned_data["file"]
        try:
            saved = attach_file(subject=subject, upload=upload, by=request.user.as_actor())
        except WorkRefused as refused:
            form.add_refusals(refused)
        else:
            messages.success(request, f"{saved.name} is attached")
            return HttpResponseRedirect(f"{subject.get_absolute_url()}#files")
    return page(form)


def _find(key: str) -> Attachment:
    found = Attachment.objects.select_related("account", "account__owner", "file", "note", "task", "meeting")
    return get_object_or_404(found, key=key)

"""Notes: write, change, pin, delete and bring back; a note's own page and its versions."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.forms.work import FileForm, TextForm
from accounts.models import Account, Note
from accounts.moments import local_day
from accounts.policies import can_edit_account, check_can_edit_account
from accounts.queries.notes import note_rows, versions
from accounts.services.notes import create_note, pin_note, set_note_deleted, update_note
from accounts.services.refusals import WorkRefused
from accounts.views.work import back, find_account, leave, say_undoable
from valuerealization.common.htmx import HtmxRequest, render_page, signed_in


def notes_url(account: Account) -> str:
    """Give the address of an account's notes."""
    return reverse("account_notes", args=[account.pk])


@signed_in
@require_safe
def detail(request: HtmxRequest, pk: int) -> HttpResponse:
    """Show one note."""
    return _note_page(request, find_note(pk))


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def create(request: HtmxRequest, account_pk: int) -> HttpResponse:
    """Write a note about an account."""
    account = find_account(account_pk)
    check_can_edit_account(request.user, account)
    form = TextForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            create_note(
                account=account, body=form.cleaned_data["body"], by=request.user.as_actor(), at=timezone.now(),
                is_pinned="pinned" in request.POST,
            )  # fmt: skip
        except WorkRefused as refused:
            form.add_refusals(refused)
        else:
            messages.success(request, "The note is saved")
            return leave(request, notes_url(account))
    return _form_page(request, form, account, None)


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def update(request: HtmxRequest, pk: int) -> HttpResponse:
    """Change a note, in the drawer or as a page."""
    note = find_note(pk)
    check_can_edit_account(request.user, note.account)
    form = TextForm(request.POST if request.method == "POST" else None, note=note)
    if request.method == "POST" and form.is_valid():
        try:
            update_note(note=note, body=form.cleaned_data["body"], by=request.user.as_actor(), at=timezone.now())
        except WorkRefused as refused:
            form.add_refusals(refused)
        else:
            messages.success(request, "The note is saved")
            return leave(request, back(request, note.get_absolute_url()))
    return _form_page(request, form, note.account, note)


@signed_in
@require_safe
def history(request: HtmxRequest, pk: int) -> HttpResponse:
    """Show every version of a note, in the drawer or as a page."""
    note = find_note(pk)
    context = {
        "note": note,
        "account": note.account,
        "versions": versions(note),
        "today": local_day(timezone.now(), note.account.timezone),
        "title": "Versions",
        "nav": "accounts",
    }
    return render_page(request, "accounts/note_history.html", context, part="drawer")


@signed_in
@require_POST
def pin(request: HtmxRequest, pk: int) -> HttpResponse:
    """Keep a note on top, or let it go."""
    note = find_note(pk)
    check_can_edit_account(request.user, note.account)
    is_pinned = request.POST.get("pinned", "1") == "1"
    pin_note(note=note, is_pinned=is_pinned, by=request.user.as_actor(), at=timezone.now())
    messages.success(request, "The note is pinned" if is_pinned else "The note is not pinned any more")
    return HttpResponseRedirect(back(request, notes_url(note.account)))


@signed_in
@require_POST
def set_state(request: HtmxRequest, pk: int) -> HttpResponse:
    """Delete a note, or bring it back."""
    note = find_note(pk)
    check_can_edit_account(request.user, note.account)
    is_deleted = request.POST.get("deleted", "1") == "1"
    set_note_deleted(note=note, is_deleted=is_deleted, by=request.user.as_actor(), at=timezone.now())
    there = notes_url(note.account)
    if is_deleted:
        action = reverse("note_state", args=[pk])
        say_undoable(request, "The note is deleted", action=action, fields={"deleted": "0"}, back_to=there)
    else:
        messages.success(request, "The note is back")
    return HttpResponseRedirect(there)


def find_note(pk: int) -> Note:
    """Find a note with its account; a deleted one, too, so that it can be brought back."""
    return get_object_or_404(Note.objects.select_related("account", "account__owner", "created_by"), pk=pk)


def _note_page(request: HtmxRequest, note: Note, **forms: Any) -> HttpResponse:
    account = note.account
    context = {
        "note": note,
        "row": note_rows([note])[0],
        "account": account,
        "today": local_day(timezone.now(), account.timezone),
        "can_edit": account.archived_at is None and can_edit_account(request.user, account),
        "file_form": FileForm(auto_id="file_%s"),
        "files_action": reverse("note_files", args=[note.pk]),
        "nav": "accounts",
        **forms,
    }
    status = 422 if any(form.errors for form in forms.values()) else 200
    return render_page(request, "accounts/note.html", context, status=status)


def note_page_with(request: HtmxRequest, note: Note, form: FileForm) -> HttpResponse:
    """Draw a note's page with what is wrong with a file."""
    return _note_page(request, note, file_form=form)


def _form_page(request: HtmxRequest, form: TextForm, account: Account, note: Note | None) -> HttpResponse:
    context = {
        "form": form,
        "account": account,
        "note": note,
        "title": "Edit note" if note else "New note",
        "nav": "accounts",
    }
    status = 422 if form.errors else 200
    return render_page(request, "accounts/note_form.html", context, part="drawer", status=status)

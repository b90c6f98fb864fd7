"""Tasks: the card of next actions, a task's page, and making, changing and closing one."""

from datetime import datetime
from typing import Any, Final

from django.contrib import messages
from django.http import HttpResponse, HttpResponseBadRequest, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.forms.work import FileForm, SnoozeForm, StepForm, TaskForm, TextForm
from accounts.models import Account, Task, TaskState
from accounts.moments import local_day
from accounts.policies import (
    can_edit_account,
    can_work_on_task,
    check_can_edit_account,
    check_can_work_on_task,
)
from accounts.queries.prose import comment_rows, files_of, prose
from accounts.queries.tasks import next_actions, task_rows
from accounts.queries.team import team_names
from accounts.queries.wording import history
from accounts.services.refusals import WorkRefused
from accounts.services.tasks import create_task, set_task_state, snooze_task, update_task
from accounts.views.work import back, done_quietly, find_account, leave, saved_in_drawer, say_undoable
from valuerealization.common.htmx import HtmxRequest, render_page, signed_in, wants_part

_SAID: Final = {TaskState.DONE: "is done", TaskState.OPEN: "is open again", TaskState.CANCELLED: "is cancelled"}


def card_context(request: HtmxRequest, *, account: Account, at: datetime) -> dict[str, Any]:
    """Give what the card of next actions needs."""
    may_edit = account.archived_at is None and can_edit_account(request.user, account)
    found = next_actions(
        account=account, on=local_day(at, account.timezone), person_id=request.user.pk, may_edit=may_edit
    )
    return {"next_actions": found, "can_edit": may_edit, "account": account}


@signed_in
@require_safe
def show_card(request: HtmxRequest, account_pk: int) -> HttpResponse:
    """Answer the card of next actions for the page that saw a task change."""
    account = find_account(account_pk)
    if not wants_part(request):
        return HttpResponseRedirect(account.get_absolute_url())
    context = card_context(request, account=account, at=timezone.now())
    return render_page(request, "accounts/next_actions.html", context, part="card")


@signed_in
@require_safe
def detail(request: HtmxRequest, pk: int) -> HttpResponse:
    """Show one task with its steps, comments, files and history."""
    return task_page(request, find_task(pk))


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def create(request: HtmxRequest, account_pk: int) -> HttpResponse:
    """Add a task to an account, in the drawer or as a page."""
    account = find_account(account_pk)
    check_can_edit_account(request.user, account)
    form = TaskForm(request.POST if request.method == "POST" else None, user=request.user)
    if request.method == "POST" and form.is_valid():
        try:
            saved = create_task(account=account, by=request.user.as_actor(), at=timezone.now(), **form.cleaned_data)
        except WorkRefused as refused:
            form.add_refusals(refused)
        else:
            if wants_part(request):
                return saved_in_drawer(request, f"“{saved.title}” is added")
            messages.success(request, f"“{saved.title}” is added")
            return HttpResponseRedirect(back(request, account.get_absolute_url()))
    return _form_page(request, form, account, None)


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def update(request: HtmxRequest, pk: int) -> HttpResponse:
    """Change a task, in the drawer or as a page."""
    task = find_task(pk)
    check_can_edit_account(request.user, task.account)
    form = TaskForm(request.POST if request.method == "POST" else None, user=request.user, task=task)
    if request.method == "POST" and form.is_valid():
        try:
            update_task(task=task, by=request.user.as_actor(), at=timezone.now(), **form.cleaned_data)
        except WorkRefused as refused:
            form.add_refusals(refused)
        else:
            messages.success(request, "Saved")
            return leave(request, task.get_absolute_url())
    return _form_page(request, form, task.account, task)


@signed_in
@require_POST
def set_state(request: HtmxRequest, pk: int) -> HttpResponse:
    """Finish, cancel or reopen a task; the answer offers to undo it."""
    task = find_task(pk)
    asked = request.POST.get("state", "")
    if TaskState.CANCELLED in (asked, task.state):
        check_can_edit_account(request.user, task.account)
    else:
        check_can_work_on_task(request.user, task)
    if asked not in TaskState.values:
        return HttpResponseBadRequest("Say which state: open, done or cancelled.")
    before = task.state
    set_task_state(task=task, state=asked, by=request.user.as_actor(), at=timezone.now())
    text = f"“{task.title}” {_SAID[TaskState(asked)]}"
    undo: dict[str, Any] = {"action": reverse("task_state", args=[pk]), "fields": {"state": before}}
    if wants_part(request):
        return done_quietly(request, text, **undo)
    there = back(request, task.get_absolute_url())
    if before == asked:
        messages.success(request, text)
    else:
        say_undoable(request, text, back_to=there, **undo)
    return HttpResponseRedirect(there)


@signed_in
@require_POST
def snooze(request: HtmxRequest, pk: int) -> HttpResponse:
    """Put a task off until a day, or bring it back."""
    task = find_task(pk)
    check_can_work_on_task(request.user, task)
    form = SnoozeForm(request.POST, auto_id="snooze_%s")
    if form.is_valid():
        until = form.cleaned_data["until"]
        try:
            snooze_task(task=task, until=until, by=request.user.as_actor(), at=timezone.now())
        except WorkRefused as refused:
            form.add_refusals(refused)
    if form.errors:
        return task_page(request, task, snooze_form=form)
    messages.success(request, "Put off" if form.cleaned_data["until"] else "Back among the next actions")
    return HttpResponseRedirect(task.get_absolute_url())


def find_task(pk: int) -> Task:
    """Find a task with its account and people."""
    found = Task.objects.select_related("account", "account__owner", "assignee", "created_by", "done_by", "meeting")
    return get_object_or_404(found, pk=pk)


def task_page(request: HtmxRequest, task: Task, *, part: str = "", **forms: Any) -> HttpResponse:
    """Draw a task's page, or a part of it; a form that is given holds what is wrong with it."""
    account, at, people = task.account, timezone.now(), team_names()
    today = local_day(at, account.timezone)
    may_edit = account.archived_at is None and can_edit_account(request.user, account)
    may_work = account.archived_at is None and can_work_on_task(request.user, task)
    context = {
        "task": task,
        "account": account,
        "today": today,
        "row": task_rows([task], account=account, on=today, person_id=request.user.pk, may_edit=may_edit)[0],
        "details": prose(task.details, people),
        "steps": list(task.items.order_by("position")),
        "comments": comment_rows(task=task, people=people),
        "files": files_of([task])[task.pk],
        "history": history(subject=task, account=account, today=today),
        "can_edit": may_edit,
        "can_work": may_work,
        "step_form": StepForm(auto_id="step_%s"),
        "comment_form": TextForm(auto_id="comment_%s", label="Comment"),
        "file_form": FileForm(auto_id="file_%s"),
        "snooze_form": SnoozeForm(initial={"until": task.snoozed_until}, auto_id="snooze_%s"),
        "files_action": reverse("task_files", args=[task.pk]),
        "nav": "accounts",
        **forms,
    }
    status = 422 if any(form.errors for form in forms.values()) else 200
    return render_page(request, "accounts/task.html", context, part=part, status=status)


def _form_page(request: HtmxRequest, form: TaskForm, account: Account, task: Task | None) -> HttpResponse:
    context = {
        "form": form,
        "account": account,
        "task": task,
        "title": "Edit task" if task else "New task",
        "nav": "accounts",
    }
    status = 422 if form.errors else 200
    return render_page(request, "accounts/task_form.html", context, part="drawer", status=status)

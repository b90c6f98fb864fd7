"""The steps of a task and what is said about it."""

from django.http import HttpResponse, HttpResponseBadRequest, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from accounts.forms.work import StepForm, TextForm
from accounts.models import ChecklistItem, TaskComment
from accounts.policies import check_can_work_on_task
from accounts.services.comments import add_comment, set_comment_deleted
from accounts.services.refusals import WorkRefused
from accounts.services.tasks import add_item, move_item, remove_item, set_item_done
from accounts.views.tasks import find_task, task_page
from accounts.views.work import say_undoable
from valuerealization.common.htmx import HtmxRequest, signed_in, wants_part


@signed_in
@require_POST
def add_step(request: HtmxRequest, pk: int) -> HttpResponse:
    """Add a step to a task's checklist."""
    task = find_task(pk)
    check_can_work_on_task(request.user, task)
    form = StepForm(request.POST, auto_id="step_%s")
    if form.is_valid():
        try:
            add_item(task=task, text=form.cleaned_data["text"], by=request.user.as_actor(), at=timezone.now())
        except WorkRefused as refused:
            form.add_refusals(refused)
    if form.errors:
        return task_page(request, task, part="steps", step_form=form)
    return _steps(request, pk)


@signed_in
@require_POST
def change_step(request: HtmxRequest, pk: int) -> HttpResponse:
    """Tick, move or remove a step, as the button pressed says."""
    found = ChecklistItem.objects.select_related("task", "task__account", "task__account__owner")
    item = get_object_or_404(found, pk=pk)
    check_can_work_on_task(request.user, item.task)
    by, at = request.user.as_actor(), timezone.now()
    match request.POST.get("do", ""):
        case "tick":
            set_item_done(item=item, is_done="done" in request.POST, by=by, at=at)
        case "up" | "down" as way:
            move_item(item=item, up=way == "up", by=by, at=at)
        case "remove":
            remove_item(item=item, by=by, at=at)
        case _:
            return HttpResponseBadRequest("Say what to do: tick, up, down or remove.")
    return _steps(request, item.task_id)


@signed_in
@require_POST
def comment(request: HtmxRequest, pk: int) -> HttpResponse:
    """Say something about a task."""
    task = find_task(pk)
    check_can_work_on_task(request.user, task)
    form = TextForm(request.POST, auto_id="comment_%s", label="Comment")
    if form.is_valid():
        try:
            add_comment(task=task, body=form.cleaned_data["body"], by=request.user.as_actor(), at=timezone.now())
        except WorkRefused as refused:
            form.add_refusals(refused)
    if form.errors:
        return task_page(request, task, part="comments", comment_form=form)
    if wants_part(request):
        return task_page(request, task, part="comments")
    return HttpResponseRedirect(f"{task.get_absolute_url()}#comments")


@signed_in
@require_POST
def set_comment_state(request: HtmxRequest, pk: int) -> HttpResponse:
    """Delete a comment, or bring it back."""
    found = TaskComment.objects.select_related("task", "task__account", "task__account__owner")
    said = get_object_or_404(found, pk=pk)
    check_can_work_on_task(request.user, said.task)
    is_deleted = request.POST.get("deleted", "1") == "1"
    set_comment_deleted(comment=said, is_deleted=is_deleted, by=request.user.as_actor(), at=timezone.now())
    there = said.task.get_absolute_url()
    if is_deleted:
        action = reverse("comment_state", args=[pk])
        say_undoable(request, "The comment is deleted", action=action, fields={"deleted": "0"}, back_to=there)
    return HttpResponseRedirect(f"{there}#comments")


def _steps(request: HtmxRequest, task_pk: int) -> HttpResponse:
    task = find_task(task_pk)
    if wants_part(request):
        return task_page(request, task, part="steps")
    return HttpResponseRedirect(f"{task.get_absolute_url()}#steps")

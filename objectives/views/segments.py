"""Saved segments: the list with counts, and the builder of a rule with who is in it."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.models import SavedSegment
from accounts.policies import can_edit_segment, check_can_edit_segment
from accounts.services.segments import (
    SegmentRefused,
    archive_segment,
    create_segment,
    restore_segment,
    update_segment,
)
from objectives.forms.segments import SegmentForm
from objectives.queries.segment_pages import preview, segment_page
from objectives.queries.segments import fields_for
from valuerealization.common.htmx import HtmxRequest, render_page, signed_in, wants_part
from valuerealization.common.keyset import InvalidCursor

PAGE = "objectives/segment_form.html"
SAVE, BUILD = "save", "build"
PREVIEW = "segment-preview"


@signed_in
@require_safe
def segment_list(request: HtmxRequest) -> HttpResponse:
    """List the segments in use with how many accounts are in each now, and the archived ones."""
    try:
        page = segment_page(on=timezone.now().date(), cursor=request.GET.get("cursor") or None)
    except InvalidCursor as error:
        raise Http404(str(error)) from error
    context = {
        "nav": "segments",
        "page": page,
        "lines": [(line, can_edit_segment(request.user, line.segment)) for line in page.lines],
        "archived": [(each, can_edit_segment(request.user, each)) for each in page.archived],
        "next_href": f"?cursor={page.next_cursor}" if page.next_cursor else "",
        "previous_href": f"?cursor={page.previous_cursor}" if page.previous_cursor else "",
    }
    return render_page(request, "objectives/segment_list.html", context, part="list")


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def segment_create(request: HtmxRequest) -> HttpResponse:
    """Save a rule under a name; everybody of the team may."""
    return _edit(request, None)


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def segment_update(request: HtmxRequest, pk: int) -> HttpResponse:
    """Change a segment."""
    return _edit(request, _segment(request, pk))


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def segment_archive(request: HtmxRequest, pk: int) -> HttpResponse:
    """Ask, then take a segment off lists and filters."""
    segment = _segment(request, pk)
    if request.method != "POST":
        return render(request, "objectives/segment_archive.html", {"segment": segment, "nav": "segments"})
    archive_segment(segment=segment, by=request.user.as_actor(), at=timezone.now())
    messages.success(request, f"“{segment.name}” is archived")
    return redirect("segment_list")


@signed_in
@require_POST
def segment_restore(request: HtmxRequest, pk: int) -> HttpResponse:
    """Bring an archived segment back."""
    segment = _segment(request, pk)
    restore_segment(segment=segment, by=request.user.as_actor(), at=timezone.now())
    messages.success(request, f"“{segment.name}” is back")
    return redirect("segment_list")


def _segment(request: HtmxRequest, pk: int) -> SavedSegment:
    segment = get_object_or_404(SavedSegment.objects.select_related("created_by"), pk=pk)
    check_can_edit_segment(request.user, segment)
    return segment


def _edit(request: HtmxRequest, segment: SavedSegment | None) -> HttpResponse:
    """Answer the form: shown first, changed row by row, or saved. Only `save` saves and tells what is missing."""
    fields = fields_for(segment)
    if request.method != "POST":
        form = SegmentForm(None, fields=fields, segment=segment)
        form.read_rule(tell=False)
        return _page(request, form, segment)
    asked = request.POST.get("do", BUILD if wants_part(request) else SAVE)
    if asked != SAVE:
        form = SegmentForm(None, fields=fields, segment=segment, draft=request.POST)
        form.apply(asked)
        form.read_rule(tell=asked == "preview")
        return _page(request, form, segment)
    form = SegmentForm(request.POST, fields=fields, segment=segment)
    if form.is_valid() and form.rule is not None:
        try:
            saved = _saved(request, form, segment)
        except SegmentRefused as refused:
            form.refuse(refused)
        else:
            messages.success(request, f"The segment “{saved.name}” is saved")
            return redirect("segment_list")
    return _page(request, form, segment)


def _saved(request: HtmxRequest, form: SegmentForm, segment: SavedSegment | None) -> SavedSegment:
    by, fields = request.user.as_actor(), {**form.cleaned_data, "rule": form.rule}
    if segment is None:
        return create_segment(by=by, created_by=request.user, **fields)
    return update_segment(segment=segment, by=by, at=timezone.now(), **fields)


def _page(request: HtmxRequest, form: SegmentForm, segment: SavedSegment | None) -> HttpResponse:
    context: dict[str, Any] = {
        "form": form,
        "segment": segment,
        "builder": form.builder,
        "options": form.options,
        "preview": preview(form.rule, on=timezone.now().date()) if form.rule is not None else None,
        "nav": "segments",
    }
    part = ""
    if wants_part(request):
        part = "preview" if request.htmx.target == PREVIEW else "builder"
    status = 422 if form.is_bound and form.errors else 200
    response = render_page(request, PAGE, context, part=part, status=status)
    patch_vary_headers(response, ["HX-Target"])
    return response

"""Import a file in four steps: upload, match columns, check rows, import; then, if need be, undo."""

import csv
import tempfile
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any, Final

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from objectives.forms.imports import ColumnsForm, UploadForm, label_of
from objectives.imports import jobs, stored
from objectives.imports.matching import suggest
from objectives.imports.tables import FileRefused
from objectives.models import ImportBatch, ImportFailure, ImportKind, ImportState
from objectives.queries.imports import (
    import_sources,
    imports_page,
    is_left_behind,
    is_working,
    problems_page,
    remembered_columns,
)
from objectives.services import batches
from objectives.services.batches import BatchRefused, Upload
from objectives.services.undo import obstacles_to_undo
from objectives.views.objectives import leave
from valuerealization.common.doorbell import ring_after_commit
from valuerealization.common.exports import CONTENT_TYPE, safe_cell
from valuerealization.common.htmx import HtmxRequest, render_page, signed_in, wants_part
from valuerealization.common.keyset import InvalidCursor

TASK: Final = "objectives.run_import"
QUARTER: Final = 25  # percent; progress is announced so often

KINDS: Final = (
    {"value": "accounts", "label": "Accounts", "hint": "Customers, by your own id of them.", "icon": "accounts"},
    {"value": "metrics", "label": "Metrics", "hint": "What is measured, by key.", "icon": "score"},
    {"value": "objectives", "label": "Objectives", "hint": "Goals with baseline and target.", "icon": "flag"},
    {"value": "readings", "label": "Readings", "hint": "Values of metrics or objectives.", "icon": "value"},
    {"value": "focus", "label": "Cloud bill", "hint": "A FOCUS 1.0 cost export.", "icon": "table"},
)
STEPS: Final = ("Upload", "Match columns", "Check rows", "Import")
_STEP_OF: Final = {
    ImportState.UPLOADED: 2,
    ImportState.CHECK_DUE: 3,
    ImportState.CHECKING: 3,
    ImportState.CHECKED: 3,
    ImportState.FAILED: 3,
}
_ASIDE: Final = (batches.HELD, batches.REJECTED)  # said in sentences
_COLUMNS_OPEN: Final = (ImportState.UPLOADED, ImportState.CHECKED, ImportState.FAILED)
_VERBS: Final = {
    ImportState.CHECK_DUE: "waiting to be checked",
    ImportState.CHECKING: "checking",
    ImportState.IMPORT_DUE: "waiting to be imported",
    ImportState.IMPORTING: "importing",
    ImportState.UNDO_DUE: "waiting to be undone",
    ImportState.UNDOING: "undoing",
}


@signed_in
@require_safe
def import_list(request: HtmxRequest) -> HttpResponse:
    """List imports: a person's own, all of them for leaders."""
    try:
        found = imports_page(user=request.user, cursor=request.GET.get("cursor") or None)
    except InvalidCursor as error:
        raise Http404(str(error)) from error
    context = {
        "nav": "imports",
        "page": found,
        "next_href": f"?cursor={found.next_cursor}" if found.next_cursor else "",
        "previous_href": f"?cursor={found.previous_cursor}" if found.previous_cursor else "",
        "today": timezone.localdate(),
    }
    return render_page(request, "objectives/imports/list.html", context, part="list")


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def create(request: HtmxRequest) -> HttpResponse:
    """Upload a file: step 1."""
    sent = request.method == "POST"
    kind = request.GET.get("kind", "")
    initial = {"kind": kind} if kind in ImportKind.values else None
    form = UploadForm(request.POST, request.FILES) if sent else UploadForm(initial=initial)
    if sent and form.is_valid():
        batch = _store(request, form)
        if batch is not None:
            return leave(request, reverse("import_columns", args=[batch.pk]))
    context = {
        "nav": "imports", "form": form, "kinds": KINDS, "sources": import_sources(), "steps": _steps(1),
    }  # fmt: skip
    return render_page(request, "objectives/imports/upload.html", context, status=422 if form.errors else 200)


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def columns(request: HtmxRequest, pk: int) -> HttpResponse:
    """Match columns to fields: step 2; then the check is asked for."""
    batch = _batch(request, pk)
    if batch.state not in _COLUMNS_OPEN:
        return leave(request, batch.get_absolute_url())
    sent = request.POST if request.method == "POST" else None
    look = _look(batch, (sent or request.GET).get("sheet", ""))
    fields, required, synonyms = jobs.fields_of(batch.kind)
    remembered = remembered_columns(kind=batch.kind, source=batch.source)
    matches = suggest(look.headers, fields=fields, synonyms=synonyms, remembered=remembered)
    chosen = {number: match.field for number, match in matches.items()}
    if batch.columns and look.sheet == batch.sheet:
        chosen = {int(number): name for number, name in batch.columns.items()}
    form = ColumnsForm(sent, headers=look.headers, fields=fields, required=required, chosen=chosen)
    if sent is not None and form.is_valid():
        try:
            batches.match_columns(
                batch=batch, sheet=look.sheet, headers=look.headers, samples=look.samples, columns=form.columns(),
                at=timezone.now(), by=request.user,
            )  # fmt: skip
        except BatchRefused as refused:
            form.refuse(refused)
        else:
            ring_after_commit(TASK, batch=batch.pk)
            return leave(request, batch.get_absolute_url())
    rows = [
        {
            "heading": heading or f"Column {number + 1}",
            "is_nameless": not heading,
            "samples": [row[number] for row in look.samples if number < len(row) and row[number]],
            "field": form[f"column_{number}"],
            "how": matches[number].how if number in matches and chosen.get(number) == matches[number].field else "",
        }
        for number, heading in enumerate(look.headers)
    ]
    taken = set(chosen.values())
    context = {
        "nav": "imports", "batch": batch, "form": form, "rows": rows, "look": look, "steps": _steps(2),
        "missing": [label_of(name) for name in required if name not in taken],
        "left_out": [row["heading"] for number, row in enumerate(rows) if number not in chosen],
        "is_remembered": bool(remembered),
    }  # fmt: skip
    return render_page(request, "objectives/imports/columns.html", context, status=422 if form.errors else 200)


@signed_in
@require_safe
def detail(request: HtmxRequest, pk: int) -> HttpResponse:
    """Show how a file stands: its progress, what a check found, what an import did. Asks again while work goes on."""
    batch = _batch(request, pk)
    if batch.state == ImportState.UPLOADED and not wants_part(request):
        return leave(request, reverse("import_columns", args=[pk]))
    left_behind = is_left_behind(batch=batch, at=timezone.now())
    seen = _version(batch, is_left_behind=left_behind)
    if wants_part(request) and request.GET.get("seen") == seen:
        return HttpResponse(status=204)
    try:
        found = problems_page(batch=batch, cursor=request.GET.get("cursor") or None)
    except InvalidCursor as error:
        raise Http404(str(error)) from error
    said = request.GET.get("said", "")
    percent = min(100, 100 * batch.rows_done // batch.rows_total) if batch.rows_total else 0
    quarter = percent // QUARTER * QUARTER
    working = is_working(batch=batch)
    context = {
        "nav": "imports",
        "batch": batch,
        "kind": ImportKind(batch.kind).label,
        "state": ImportState(batch.state),
        "steps": _steps(_STEP_OF.get(ImportState(batch.state), 4), is_over=batch.state == ImportState.IMPORTED),
        "page": found,
        "next_href": f"?cursor={found.next_cursor}" if found.next_cursor else "",
        "previous_href": f"?cursor={found.previous_cursor}" if found.previous_cursor else "",
        "is_working": working,
        "is_left_behind": left_behind,
        "verb": _VERBS.get(ImportState(batch.state), ""),
        "poll": f"{request.path}?seen={seen}&said={quarter}",
        "announce": _announcement(batch, quarter, said, is_working=working),
        "can_import": batch.state == ImportState.CHECKED and batches.would_change(batch=batch),
        "can_import_good": batches.can_import_good_rows(batch=batch),
        "good_rows": batch.rows_total - batch.rows_failed,
        "left_out": [
            heading or f"Column {number + 1}"
            for number, heading in enumerate(batch.headers)
            if str(number) not in batch.columns
        ],
        "summary": [(name.replace("_", " "), value) for name, value in batch.summary.items() if name not in _ASIDE],
        "held": batch.summary.get(batches.HELD, 0),
        "rejected": batch.summary.get(batches.REJECTED, 0),
        "today": timezone.localdate(),
    }
    return render_page(request, "objectives/imports/batch.html", context, part="step")


@signed_in
@require_POST
def start(request: HtmxRequest, pk: int) -> HttpResponse:
    """Import a checked file: step 4."""
    batch = _batch(request, pk)
    try:
        batches.request_import(batch=batch, only_good="only_good" in request.POST, at=timezone.now(), by=request.user)
    except BatchRefused as refused:
        messages.warning(request, str(refused))
    else:
        ring_after_commit(TASK, batch=batch.pk)
    return leave(request, batch.get_absolute_url())


@signed_in
@require_POST
def go_on(request: HtmxRequest, pk: int) -> HttpResponse:
    """Call for a worker again, where one died or none was there; while one is at work this changes nothing."""
    batch = _batch(request, pk)
    ring_after_commit(TASK, batch=batch.pk)
    return leave(request, batch.get_absolute_url())


@signed_in
@require_POST
def cancel(request: HtmxRequest, pk: int) -> HttpResponse:
    """Give a file up that has not been imported."""
    batch = _batch(request, pk)
    try:
        batches.cancel_batch(batch=batch, by=request.user.as_actor(), at=timezone.now())
    except BatchRefused as refused:
        messages.warning(request, str(refused))
        return leave(request, batch.get_absolute_url())
    messages.success(request, f"“{batch.file_name}” is cancelled. Nothing was imported.")
    return leave(request, reverse("import_list"))


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def undo(request: HtmxRequest, pk: int) -> HttpResponse:
    """Ask, saying what would go and what stands in the way; then take the import back."""
    batch = _batch(request, pk)
    if request.method == "POST":
        try:
            batches.request_undo(batch=batch, at=timezone.now(), by=request.user)
        except BatchRefused as refused:
            messages.warning(request, str(refused))
        else:
            ring_after_commit(TASK, batch=batch.pk)
        return leave(request, batch.get_absolute_url())
    if batch.state != ImportState.IMPORTED:
        return leave(request, batch.get_absolute_url())
    context = {
        "nav": "imports", "batch": batch, "kind": ImportKind(batch.kind).label,
        "obstacles": obstacles_to_undo(batch=batch, editor=jobs.editor_of(request.user)),
    }  # fmt: skip
    return render_page(request, "objectives/imports/undo.html", context)


@signed_in
@require_safe
def failed_rows(request: HtmxRequest, pk: int) -> StreamingHttpResponse:
    """Download the rows that can't be saved as they are in the file, with what is wrong behind each."""
    batch = _batch(request, pk)
    response = StreamingHttpResponse(_failed(batch), content_type=CONTENT_TYPE)
    response["Content-Disposition"] = f'attachment; filename="import-{batch.pk}-problems.csv"'
    response["Cache-Control"] = "no-store"
    return response


def _batch(request: HtmxRequest, pk: int) -> ImportBatch:
    batch: ImportBatch = get_object_or_404(ImportBatch.objects.select_related("created_by"), pk=pk)
    if not ImportBatch.objects.visible_to(request.user).filter(pk=pk).exists():
        raise PermissionDenied("This import is somebody else's. Ask them or a leader.")
    return batch


def _store(request: HtmxRequest, form: UploadForm) -> ImportBatch | None:
    """Look at a file and keep it; what is no table is said beside the field."""
    file = form.cleaned_data["file"]
    with tempfile.NamedTemporaryFile(prefix="vr-upload-") as copy:
        for piece in file.chunks():
            copy.write(piece)
        copy.flush()
        try:
            look = stored.look_at(Path(copy.name))
        except FileRefused as refused:
            for error in refused.errors[:5]:
                form.add_error("file", f"Line {error.line}: {error.message}" if error.line else error.message)
            return None
        upload = Upload(
            form.cleaned_data["kind"], _file_name(file.name), look.file_format, form.cleaned_data["source"],
            look.sheets, look.hidden_sheets, look.sheet, look.headers, look.samples,
        )  # fmt: skip
        return batches.create_batch(upload=upload, content=file.chunks(), by=request.user)


def _file_name(given: str) -> str:
    """Keep what can be shown of a name that somebody else's machine made up."""
    return "".join(letter for letter in given if letter.isprintable())[-200:] or "file"


def _look(batch: ImportBatch, sheet: str) -> stored.FirstLook:
    """Give the first look at the chosen sheet; the stored one unless another sheet is asked for."""
    if sheet in batch.sheets and sheet != batch.sheet:
        with stored.file_of(batch) as path:
            try:
                return stored.look_at(path, sheet=sheet)
            except FileRefused:
                return stored.FirstLook(batch.file_format, batch.sheets, batch.hidden_sheets, sheet, (), ())
    return stored.FirstLook(
        batch.file_format, batch.sheets, batch.hidden_sheets, batch.sheet, batch.headers, batch.samples
    )


def _steps(current: int, *, is_over: bool = False) -> list[dict[str, Any]]:
    return [
        {"label": label, "is_done": number < current or is_over, "is_current": number == current and not is_over}
        for number, label in enumerate(STEPS, start=1)
    ]


def _version(batch: ImportBatch, *, is_left_behind: bool) -> str:
    """Name what a page shows, so that the same is not sent again."""
    return f"{batch.state}-{batch.rows_done}-{batch.rows_total}{'-alone' if is_left_behind else ''}"


def _announcement(batch: ImportBatch, quarter: int, said: str, *, is_working: bool) -> str:
    """Say a quarter that was reached, or how it ended; nothing between."""
    if is_working:
        return f"{quarter} % of the rows read" if said.isdigit() and quarter > int(said) else ""
    if not said:
        return ""
    return {
        ImportState.CHECKED: f"Check finished: 100 %. {batch.rows_failed:,} rows with problems.",
        ImportState.IMPORTED: batch.failure or "Import finished: 100 %.",
        ImportState.UNDONE: "The import is undone.",
    }.get(ImportState(batch.state), batch.failure)


def _failed(batch: ImportBatch) -> Iterator[bytes]:
    buffer = StringIO()
    writer = csv.writer(buffer)
    width = len(batch.headers)
    writer.writerow([*(safe_cell(heading) for heading in batch.headers), "line", "error"])
    failures = ImportFailure.objects.filter(batch=batch).order_by("line")
    for number, failure in enumerate(failures.iterator(chunk_size=1000), start=1):
        cells = [*failure.cells[:width], *[""] * (width - len(failure.cells))]
        error = " ".join(f"{name}: {message}" if name else message for name, message in failure.problems)
        writer.writerow([*(safe_cell(cell) for cell in cells), failure.line, safe_cell(error)])
        if number % 500 == 0:
            yield buffer.getvalue().encode()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue().encode()

"""Data quality: figures and flags over all accounts, the calendar of collection, and decisions that wait."""

from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from accounts.models import User
from accounts.policies import can_edit_account, check_can_edit_account
from objectives.cadence import DueState
from objectives.forms.quality import CollectionForm, HeldForm, SourcesForm
from objectives.models import Disagreement, HeldReading, Metric
from objectives.queries.quality import (
    Kind,
    QualityFilter,
    calendar_page,
    collectors,
    due_counts,
    figures,
    flags_page,
    rows_of,
)
from objectives.services.metrics import MetricRefused, update_metric
from objectives.services.quality import (
    CHANGED,
    DecisionRefused,
    accept_difference,
    accept_held,
    choose_reading,
    reject_held,
    seen_of_held,
    seen_of_sources,
)
from objectives.tolerance import DEFAULT_PCT
from objectives.views.objectives import leave
from objectives.weeks import local_day
from valuerealization.common.htmx import HtmxRequest, render_page, signed_in, wants_part
from valuerealization.common.keyset import InvalidCursor, KeysetPage

KINDS = {
    Kind.STALE: ("Stale", "Later than its cadence and a grace allow, the longest first."),
    Kind.RETROFITTED: ("Retrofitted", "The baseline was taken after go-live, so the way before it is a guess."),
    Kind.DISAGREEMENT: ("Sources disagree", "Two sources say different things about the same time."),
    Kind.OUTLIER: ("Held", "Values far outside what was measured before. They count once somebody accepts them."),
}
STATES = {DueState.OVERDUE: "Overdue", DueState.WEEK: "Next 7 days", DueState.MONTH: "Later, to 30 days"}


@signed_in
@require_safe
def overview(request: HtmxRequest) -> HttpResponse:
    """Show how well the portfolio is evidenced, and one kind of flags."""
    at = timezone.now()
    wanted = QualityFilter.parse(request.GET)
    kind = _chosen(Kind, request.GET.get("kind", ""), Kind.STALE)
    found = _page(lambda cursor: flags_page(kind, wanted, cursor=cursor, at=at), request)
    shown = figures(wanted, at=at)
    context = _list_context(request, wanted, found, path=reverse("quality"), state={"kind": kind.value}) | {
        "nav": "quality",
        "tab": "flags",
        "figures": shown,
        "grades": [(grade, count) for grade, count in shown.grades.items()],
        "kind": kind,
        "kinds": [
            (each, title, shown.flags[each], _href(reverse("quality"), wanted, kind=each.value))
            for each, (title, _) in KINDS.items()
        ],
        "kind_title": KINDS[kind][0],
        "kind_text": KINDS[kind][1],
        "total": shown.flags[kind],
    }
    return render_page(request, "objectives/quality.html", context, part="list")


@signed_in
@require_safe
def calendar(request: HtmxRequest) -> HttpResponse:
    """List what has to be measured when, and by whom."""
    at = timezone.now()
    wanted = QualityFilter.parse(request.GET)
    state = _chosen(DueState, request.GET.get("due", ""), None)
    state = state if state in STATES else None
    found = _page(lambda cursor: calendar_page(wanted, state=state, cursor=cursor, at=at), request)
    counts = due_counts(wanted, at=at)
    path = reverse("quality_calendar")
    context = _list_context(request, wanted, found, path=path, state={"due": state.value} if state else {}) | {
        "nav": "quality",
        "tab": "calendar",
        "due": state,
        "states": [
            (None, "All", sum(counts.values()), _href(path, wanted)),
            *(
                (each, title, counts.get(each, 0), _href(path, wanted, due=each.value))
                for each, title in STATES.items()
            ),
        ],
        "collectors": collectors(),
        "total": counts[state] if state else sum(counts.values()),
    }
    return render_page(request, "objectives/quality_calendar.html", context, part="list")


@signed_in
@require_safe
def metric_list(request: HtmxRequest) -> HttpResponse:
    """List how each metric is collected."""
    context = {
        "nav": "quality",
        "tab": "metrics",
        "metrics": Metric.objects.order_by("name", "pk"),
        "default_pct": DEFAULT_PCT,
        "may_edit": request.user.is_leader,
    }
    return render_page(request, "objectives/quality_metrics.html", context)


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def metric_collection(request: HtmxRequest, pk: int) -> HttpResponse:
    """Change how a metric is collected, for all accounts: leaders and administrators."""
    metric = get_object_or_404(Metric, pk=pk)
    if not request.user.is_leader:
        raise PermissionDenied("How a metric is collected holds for all accounts. Ask a leader to change it.")
    form = CollectionForm(request.POST if request.method == "POST" else None, instance=metric)
    if form.is_bound and form.is_valid():
        try:
            saved = update_metric(metric=metric, by=request.user.as_actor(), at=timezone.now(), **form.cleaned_data)
        except MetricRefused as refused:
            form.refuse(refused)
        else:
            messages.success(request, f"How “{saved.name}” is collected is saved.")
            return leave(request, reverse("quality_metrics"))
    context = {"form": form, "metric": metric, "title": "Collection", "nav": "quality", "tab": "metrics"}
    status = 422 if form.errors else 200
    return render_page(request, "objectives/quality_metric.html", context, part="drawer", status=status)


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def decide_held(request: HtmxRequest, pk: int) -> HttpResponse:
    """Accept or reject a value that was held."""
    held = get_object_or_404(HeldReading.objects.select_related("account__owner", "metric"), pk=pk)
    check_can_edit_account(request.user, held.account)
    form = HeldForm(request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        by, at, reason = request.user.as_actor(), timezone.now(), form.cleaned_data["reason"]
        try:
            _check_seen(request, seen_of_held(held=held))
            if form.cleaned_data["decision"] == "accept":
                accept_held(held=held, by=by, at=at, reason=reason)
                told = f"The value of “{held.metric}” is recorded."
            else:
                reject_held(held=held, by=by, at=at, reason=reason)
                told = f"The value of “{held.metric}” is rejected."
        except DecisionRefused as refused:
            form.add_error(_place(refused, reason), str(refused))
        else:
            messages.success(request, told)
            return leave(request, _back(Kind.OUTLIER))
    at = timezone.now()
    row = rows_of(Kind.OUTLIER, [held], at=at)[0]
    context = {
        "form": form,
        "row": row,
        "held": held,
        "seen": seen_of_held(held=held),
        "title": "Held value",
        "body": "objectives/quality_decision.html#held",
    }
    return _decision(request, context, account=held.account, is_open=held.state == HeldReading.State.HELD)


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def decide_sources(request: HtmxRequest, pk: int) -> HttpResponse:
    """Say which of two sources is right, or let them differ."""
    found = Disagreement.objects.select_related("account__owner", "metric", "counting", "other").filter(pk=pk)
    flag = found.first()
    if flag is None:
        if request.method == "POST" and wants_part(request):
            messages.info(request, "These sources agree by now.")
            return leave(request, _back(Kind.DISAGREEMENT))
        raise Http404("These sources agree by now, or never were there.")
    check_can_edit_account(request.user, flag.account)
    row = rows_of(Kind.DISAGREEMENT, [flag], at=timezone.now())[0]
    form = SourcesForm(request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        by, at, reason = request.user.as_actor(), timezone.now(), form.cleaned_data["reason"]
        try:
            _check_seen(request, seen_of_sources(disagreement=flag))
            if form.cleaned_data["decision"] == "both":
                accept_difference(disagreement=flag, by=by, at=at, reason=reason)
                told = f"“{flag.metric}” may differ by {row.difference}."
            else:
                right = getattr(flag, form.cleaned_data["decision"])
                choose_reading(disagreement=flag, right=right, by=by, at=at, reason=reason)
                told = f"Both sources of “{flag.metric}” now say the same."
        except DecisionRefused as refused:
            form.add_error(_place(refused, reason), str(refused))
        else:
            messages.success(request, told)
            return leave(request, _back(Kind.DISAGREEMENT))
    context = {
        "form": form,
        "row": row,
        "seen": seen_of_sources(disagreement=flag),
        "title": "Sources disagree",
        "body": "objectives/quality_decision.html#sources",
    }
    return _decision(request, context, account=flag.account, is_open=True)


def _decision(request: HtmxRequest, context: dict[str, Any], *, account: Any, is_open: bool) -> HttpResponse:
    form = context["form"]
    context |= {
        "nav": "quality",
        "account": account,
        "today": local_day(timezone.now(), account.timezone),
        "is_open": is_open,
    }
    status = 422 if form.is_bound and form.errors else 200
    return render_page(request, "objectives/quality_decision.html", context, part="drawer", status=status)


def _check_seen(request: HtmxRequest, now: str) -> None:
    """Refuse a decision about other values than the page showed."""
    if request.POST.get("seen", "") != now:
        raise DecisionRefused(CHANGED)


def _place(refused: DecisionRefused, reason: str) -> str | None:
    """Say at which field a refusal stands: what is missing is the reason, if there is none."""
    return "reason" if not reason.strip() and str(refused) != CHANGED else None


def _back(kind: Kind) -> str:
    return f"{reverse('quality')}?kind={kind.value}"


def _chosen(kinds: Any, text: str, otherwise: Any) -> Any:
    return kinds(text) if text in set(kinds) else otherwise


def _page(read: Any, request: HtmxRequest) -> KeysetPage[Any]:
    """Read the page of the address; a cursor that is not ours gives way to the first page."""
    try:
        found: KeysetPage[Any] = read(request.GET.get("cursor") or None)
    except InvalidCursor:
        found = read(None)
    return found


def _href(path: str, wanted: QualityFilter, **more: str) -> str:
    parameters = {**wanted.as_parameters(), **more}
    return f"{path}?{urlencode(parameters)}" if parameters else path


def _list_context(
    request: HtmxRequest, wanted: QualityFilter, found: KeysetPage[Any], *, path: str, state: dict[str, str]
) -> dict[str, Any]:
    return {
        "path": path,
        "filter": wanted,
        "hidden": state,
        "cleared": f"{path}?{urlencode(state)}" if state else path,
        "page": found,
        "rows": [(row, can_edit_account(request.user, row.account)) for row in found.rows],
        "previous_href": _href(path, wanted, **state, cursor=found.previous_cursor) if found.previous_cursor else "",
        "next_href": _href(path, wanted, **state, cursor=found.next_cursor) if found.next_cursor else "",
        "owners": User.objects.filter(accounts__archived_at=None, accounts__isnull=False)
        .distinct()
        .order_by("name", "email"),
    }

"""The audit log: who did what, when, to which record."""

from collections.abc import Mapping
from urllib.parse import urlencode

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.models import Account, User
from accounts.policies import can_read_audit
from portfolio.queries import audit
from portfolio.queries.audit import AuditFilter
from portfolio.queries.wording import verb_of
from valuerealization.common.htmx import HtmxRequest, render_page, signed_in, wants_part
from valuerealization.common.keyset import InvalidCursor
from valuerealization.common.units import format_day

LIST = "audit-list"  # the part that the filter form swaps: the form itself stays, and with it what is being typed

_TYPED = ("who", "action", "subject", "since", "until", "search")  # fields of the filter form


@signed_in
@require_safe
def audit_log(request: HtmxRequest) -> HttpResponse:
    """List what was done, newest first."""
    _check(request)
    wanted, errors = AuditFilter.parse(request.GET)
    today = timezone.localdate()
    try:
        page = audit.audit_page(wanted=wanted, cursor=request.GET.get("cursor") or None, on=today)
    except InvalidCursor as error:
        raise Http404(str(error)) from error
    state = wanted.as_parameters()
    people = audit.people()
    subjects = audit.subjects()
    context = {
        "nav": "audit",
        "page": page,
        "wanted": wanted,
        "errors": errors,
        "people": people,
        "machines": audit.MACHINES,
        "actions": [(action, verb_of(action)) for action in audit.actions()],
        "subjects": subjects,
        "kept": {name: value for name, value in state.items() if name not in _TYPED},
        "chips": _chips(wanted, state, people=people, subjects=dict(subjects)),
        "newer_href": _address(state, cursor=page.newer) if page.newer else "",
        "older_href": _address(state, cursor=page.older) if page.older else "",
        "export_href": f"{reverse('audit_export')}{_address(state) if state else ''}",
        "chain": audit.newest_seal(),
        "today": today,
    }
    part = "list" if request.htmx.target == LIST else "log"
    response = render_page(request, "portfolio/audit.html", context, part=part)
    if wants_part(request):
        response["HX-Push-Url"] = request.path + _address(state, cursor=request.GET.get("cursor"))
    return response


@signed_in
@require_safe
def audit_export(request: HtmxRequest) -> HttpResponseBase:
    """Give the same entries as a CSV file."""
    _check(request)
    wanted, errors = AuditFilter.parse(request.GET)
    if errors:
        return HttpResponse("\n".join(errors), status=400, content_type="text/plain; charset=utf-8")
    return audit.audit_csv(wanted, on=timezone.localdate())


def _check(request: HtmxRequest) -> None:
    if not can_read_audit(request.user):
        raise PermissionDenied("The audit log is for leaders and administrators.")


def _address(state: Mapping[str, str], **changes: str | None) -> str:
    """Write the query of an address from the filters with some of them changed; None takes one out."""
    written = {name: value for name, value in state.items() if name not in changes}
    return f"?{urlencode(written | {name: value for name, value in changes.items() if value})}"


def _chips(
    wanted: AuditFilter, state: Mapping[str, str], *, people: list[User], subjects: Mapping[str, str]
) -> list[dict[str, str]]:
    """List the filters that are on, each with the address without it."""
    names = audit.MACHINES | {person.email: str(person) for person in people}
    shown: dict[str, str] = {}
    if wanted.who:
        shown["who"] = f"By {names.get(wanted.who, wanted.who)}"
    if wanted.action:
        shown["action"] = f"Action: {wanted.action}"
    if wanted.subject:
        shown["subject"] = f"About: {subjects.get(wanted.subject) or audit.subject_name(wanted.subject)}"
    if wanted.record is not None:
        shown["record"] = f"Record {wanted.record}"
    if wanted.account is not None:
        account = Account.objects.filter(pk=wanted.account).first()
        shown["account"] = f"Account: {account or wanted.account}"
    if wanted.since:
        shown["since"] = f"From {format_day(wanted.since, wanted.since, with_year=True)}"
    if wanted.until:
        shown["until"] = f"Until {format_day(wanted.until, wanted.until, with_year=True)}"
    if wanted.search:
        shown["search"] = f"Holds “{wanted.search}”"
    path = reverse("audit_log")
    return [{"label": label, "href": f"{path}{_address(state, **{name: None})}"} for name, label in shown.items()]

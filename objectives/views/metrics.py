"""Define a metric."""

import json

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_http_methods

from objectives.forms.metric import MetricForm
from objectives.models import Metric
from objectives.services.metrics import MetricRefused, create_metric
from objectives.views.objectives import leave
from valuerealization.common.htmx import HtmxRequest, render_page, signed_in, wants_part

CREATED = "vr:metric"  # tells the objective's form below to work out its preview anew


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def create(request: HtmxRequest) -> HttpResponse:
    """Add a metric, in the drawer over an objective's form or as a page; everybody of the team may."""
    back = _back(request)
    form = MetricForm(request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        try:
            metric = create_metric(by=request.user.as_actor(), **form.cleaned_data)
        except MetricRefused as refused:
            form.refuse(refused)
        else:
            return _created(request, metric, back=back)
    context = {"form": form, "title": "New metric", "back": back, "nav": "accounts"}
    status = 422 if form.errors else 200
    return render_page(request, "objectives/metric_form.html", context, part="drawer", status=status)


def _created(request: HtmxRequest, metric: Metric, *, back: str) -> HttpResponse:
    if not wants_part(request):
        messages.success(request, f"The metric “{metric.name}” is defined.")
        return leave(request, back)
    metrics = Metric.objects.order_by("name")
    context = {"metrics": metrics, "chosen": metric, "toast": f"The metric “{metric.name}” is defined."}
    response = render(request, "objectives/metric_form.html#created", context)
    response["HX-Trigger"] = json.dumps({"vr:close": "", CREATED: ""})
    return response


def _back(request: HtmxRequest) -> str:
    """Give the page to return to: the one this was opened from, if it is ours, else the start."""
    asked = request.POST.get("next") or request.headers.get("Referer", "")
    is_ours = url_has_allowed_host_and_scheme(asked, allowed_hosts={request.get_host()})
    return asked if asked and is_ours and request.path not in asked else "/"

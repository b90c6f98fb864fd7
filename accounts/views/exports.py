"""Everything about an account, to take away."""

import tempfile

from django.http import FileResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from accounts.documents.account_export import export_filename, parts, write_account_export
from accounts.models import Account
from accounts.policies import can_read_audit, check_can_edit_account
from accounts.services.exports import record_account_export
from valuerealization.common.htmx import HtmxRequest, signed_in


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def account_export(request: HtmxRequest, pk: int) -> HttpResponseBase:
    """Say what is in the file; then write it to a nameless file on disk, and send that."""
    account = get_object_or_404(Account.objects.select_related("owner"), pk=pk)
    check_can_edit_account(request.user, account)
    with_audit = can_read_audit(request.user)
    if request.method != "POST":
        context = {"account": account, "parts": parts(with_audit=with_audit), "nav": "accounts"}
        return render(request, "accounts/export.html", context)
    at = timezone.now()
    record_account_export(account=account, by=request.user.as_actor())
    file = tempfile.TemporaryFile()  # noqa: SIM115 - the response closes it
    write_account_export(account, at=at, to=file, with_audit=with_audit)
    file.seek(0)
    response = FileResponse(file, as_attachment=True, filename=export_filename(account, at=at))
    response["Cache-Control"] = "no-store"
    return response

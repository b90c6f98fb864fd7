"""Write down that somebody took an account's data away."""

from accounts.models import Account
from valuerealization.common import audit
from valuerealization.common.audit import Actor


def record_account_export(*, account: Account, by: Actor) -> None:
    """Put the export into the audit log; it comes first, so that the file holds it too."""
    audit.record(by=by, action="account.exported", subject=account, account_id=account.pk)

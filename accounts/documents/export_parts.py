"""What an account's export holds of this app and of the kernel."""

from accounts.documents.account_export import register
from accounts.models import Account, Contact, TeamMember
from valuerealization.common.models import AuditEntry

register("account", "the account itself", lambda account: Account.objects.filter(pk=account).order_by("pk"))
register(
    "contacts",
    "the people we know there",
    lambda account: Contact.objects.filter(account_id=account).order_by("pk"),
)
register(
    "team_members",
    "the people of ours who work with it",
    lambda account: TeamMember.objects.filter(account_id=account).order_by("pk"),
)
register(
    "audit_entries",
    "who changed what, when",
    lambda account: AuditEntry.objects.filter(account_id=account).order_by("pk"),
)

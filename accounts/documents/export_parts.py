"""What an account's export holds of this app and of the kernel."""

from accounts.documents.account_export import register
from accounts.models import (
    Account,
    AccountHistory,
    Attachment,
    ChecklistItem,
    Contact,
    Meeting,
    Note,
    Notification,
    NotificationMail,
    Task,
    TaskComment,
    TeamMember,
)
from valuerealization.common.models import AuditEntry

register("account", "the account itself", lambda account: Account.objects.filter(pk=account).order_by("pk"))
register(
    "account_history",
    "earlier states of the account itself",
    lambda account: AccountHistory.objects.filter(pgh_obj=account).order_by("pk"),
)
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
    "notes",
    "what the team wrote down, deleted notes too",
    lambda account: Note.objects.filter(account_id=account).order_by("pk"),
)
register(
    "tasks",
    "what was and is to be done",
    lambda account: Task.objects.filter(account_id=account).order_by("pk"),
)
register(
    "checklist_items",
    "the steps of tasks",
    lambda account: ChecklistItem.objects.filter(task__account_id=account).order_by("task_id", "position"),
)
register(
    "task_comments",
    "what was said about tasks",
    lambda account: TaskComment.objects.filter(task__account_id=account).order_by("pk"),
)
register(
    "meetings",
    "meetings with agenda and minutes",
    lambda account: Meeting.objects.filter(account_id=account).order_by("pk"),
)
register(
    "attachments",
    "the names and types of files; their content is downloaded from their pages",
    lambda account: Attachment.objects.filter(account_id=account).order_by("pk"),
    omit=["key"],
)
register(
    "notifications",
    "who was told of what",
    lambda account: Notification.objects.filter(account_id=account).order_by("pk"),
)
register(
    "notification_mails",
    "which mails that made, and what became of them",
    lambda account: NotificationMail.objects.filter(notification__account_id=account).order_by("pk"),
)
register(
    "audit_entries",
    "who changed what, when",
    lambda account: AuditEntry.objects.filter(account_id=account).order_by("pk"),
    is_audit=True,
)

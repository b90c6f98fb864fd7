"""Where this app, the kernel and the packages around them keep people's data."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import CharField, F, Func, Model, Q, TextField, Value
from django.db.models.functions import Left

from accounts.models import (
    ApiKey,
    CalendarFeed,
    Contact,
    Meeting,
    Note,
    Notification,
    NotificationChoice,
    Role,
    SavedSegment,
    Task,
    TaskComment,
    User,
    UserHistory,
)
from accounts.services.personal_data import Person, erased, harmless, in_audit_log, pointing, swap_addresses, whole

_WORK_TEXTS: Final[Mapping[type[Model], tuple[str, ...]]] = {
    Note: ("body", "source"),
    Task: ("title", "details", "source"),
    TaskComment: ("body", "source"),
    Meeting: ("title", "agenda", "minutes", "other_attendees"),
}
_USER_ID: Final = "_auth_user_id"  # where a session says whose it is


def _user_row(person: Person) -> int:
    """Let the row stand for nobody; what points at it still tells one person's work from another's."""
    if person.kind != "user":
        return 0
    user = User.objects.get(pk=person.id)
    user.name, user.email, user.role, user.theme = person.placeholder, person.address, Role.CSM, ""
    user.is_active = user.is_superuser = False
    user.last_login = None
    user.set_unusable_password()
    user.save()
    user.groups.clear()
    user.user_permissions.clear()
    return 1


def _addresses(person: Person) -> int:
    return _deleted(EmailAddress.objects.filter(user=person.id)) if person.kind == "user" else 0


def _sessions(person: Person) -> int:
    if person.kind != "user":
        return 0
    theirs = [
        session.pk
        for session in Session.objects.iterator(chunk_size=500)
        if str(session.get_decoded().get(_USER_ID)) == str(person.id)
    ]
    return _deleted(Session.objects.filter(pk__in=theirs)) + _deleted(UserSession.objects.filter(user=person.id))


def _second_factors(person: Person) -> int:
    return _deleted(Authenticator.objects.filter(user=person.id)) if person.kind == "user" else 0


def _sign_ins(person: Person) -> int:
    names = [email.lower() for email in person.emails]
    tables = (AccessAttempt, AccessFailureLog, AccessLog)
    return sum(_deleted(table.objects.filter(username__in=names)) for table in tables)


def _keys(person: Person) -> int:
    """Revoke the keys a person made: they have seen the secrets."""
    return ApiKey.objects.filter(created_by=person.id, revoked=False).update(revoked=True) if _is_user(person) else 0


def _admin_history(person: Person) -> int:
    model = User if _is_user(person) else Contact
    about = Q(content_type=ContentType.objects.get_for_model(model), object_id=str(person.id))
    named = Q(object_repr__in=[*person.names, *person.emails])
    return LogEntry.objects.filter(about | named).update(object_repr=person.placeholder)


def _contact_row(person: Person) -> int:
    if person.kind != "contact":
        return 0
    contact = Contact.objects.filter(pk=person.id)
    return contact.update(name=person.placeholder, email="", title="", phone="", external_id=None)


def _segment_rules(person: Person) -> int:
    return swap_addresses(rows=SavedSegment.objects.all(), field="rule", person=person)


def _earlier_states(person: Person) -> int:
    if not _is_user(person):
        return 0
    states = UserHistory.objects.filter(pgh_obj=person.id)
    changed: int = states.update(name=person.placeholder, email=person.address)
    return changed


def _calendar_feeds(person: Person) -> int:
    return _deleted(CalendarFeed.objects.filter(person=person.id)) if _is_user(person) else 0


def _notifications(person: Person) -> int:
    """Remove what they were told, and their name from what they told others."""
    own = 0
    if _is_user(person):
        own = _deleted(Notification.objects.filter(person=person.id))
        own += _deleted(NotificationChoice.objects.filter(person=person.id))
    return own + Notification.objects.filter(by_name__in=person.names).update(by_name=person.placeholder)


def _work_texts(person: Person) -> int:
    """Replace the full name, and the addresses whatever their case, in what the team wrote about the account."""
    words = [word for word in (*person.emails, *person.names) if "@" in word or " " in word]  # a lone word may be any
    changed: int = 0
    for model, fields in _WORK_TEXTS.items():
        for field in fields:
            for word in words:
                pattern, is_address = whole(word=word), "@" in word
                rows: Any = model._default_manager.filter(
                    **{f"{field}__{'iregex' if is_address else 'regex'}": pattern}
                )
                flags = Value("gi" if is_address else "g")
                text: Any = Func(
                    F(field), Value(pattern), Value(person.placeholder), flags, function="regexp_replace",
                    output_field=TextField(),
                )  # fmt: skip
                longest = model._meta.get_field(field)
                if isinstance(longest, CharField) and longest.max_length:
                    text = Left(text, longest.max_length)  # the placeholder may be longer than the name
                changed += rows.update(**{field: text})
    return changed


def _mail_files(person: Person) -> int:
    """Remove mails that were written into files instead of being sent, as the embedded set-up does."""
    directory = Path(getattr(settings, "EMAIL_FILE_PATH", None) or "")
    if not settings.EMAIL_BACKEND.endswith("filebased.EmailBackend") or not directory.is_dir():
        return 0
    words = [email.encode().lower() for email in person.emails]
    found = [
        file
        for file in directory.iterdir()
        if file.is_file() and any(word in file.read_bytes().lower() for word in words)
    ]
    for file in found:
        transaction.on_commit(partial(file.unlink, missing_ok=True))
    return len(found)


def _is_user(person: Person) -> bool:
    return person.kind == "user"


def _deleted(rows: Any) -> int:
    number: int = rows.delete()[0]
    return number


erased(
    what="team members",
    fields=[
        "accounts.User.email", "accounts.User.name", "accounts.User_groups.user", "accounts.User_user_permissions.user",
    ],
    by=_user_row,
)  # fmt: skip
erased(
    what="contacts",
    fields=["accounts.Contact.name", "accounts.Contact.email", "accounts.Contact.title", "accounts.Contact.phone"],
    by=_contact_row,
)
erased(
    what="sign-in addresses",
    fields=["account.EmailAddress.user", "account.EmailAddress.email"],
    by=_addresses,
)
erased(
    what="sessions",
    fields=[
        "sessions.Session.session_data",
        *(f"usersessions.UserSession.{field}" for field in ("user", "user_agent", "ip", "data")),
    ],
    by=_sessions,
)
erased(what="second factors", fields=["mfa.Authenticator.user", "mfa.Authenticator.data"], by=_second_factors)
erased(
    what="failed sign-ins",
    fields=[
        *(
            f"axes.{model}.{field}"
            for model in ("AccessAttempt", "AccessFailureLog", "AccessLog")
            for field in ("user_agent", "ip_address", "username", "path_info")
        ),
        "axes.AccessAttempt.get_data",
        "axes.AccessAttempt.post_data",
    ],
    by=_sign_ins,
)
erased(what="revoked API keys", fields=["accounts.ApiKey.created_by"], by=_keys)
erased(what="lines of the admin’s history", fields=["admin.LogEntry.object_repr"], by=_admin_history)
erased(what="rules of segments", fields=["accounts.SavedSegment.rule"], by=_segment_rules)
erased(
    what="earlier states of team members",
    fields=["accounts.UserHistory.name", "accounts.UserHistory.email"],
    by=_earlier_states,
)
erased(what="calendar feeds", fields=["accounts.CalendarFeed.person"], by=_calendar_feeds)
erased(
    what="notifications",
    fields=[
        "accounts.Notification.person", "accounts.Notification.by_name", "accounts.NotificationChoice.person",
    ],
    by=_notifications,
)  # fmt: skip
erased(
    what="notes, tasks and meetings",
    fields=[f"accounts.{model.__name__}.{field}" for model, fields in _WORK_TEXTS.items() for field in fields],
    by=_work_texts,
)
erased(what="mails kept as files", fields=[], by=_mail_files)
in_audit_log(
    fields=["common.AuditEntry.actor_name", "common.AuditEntry.subject_label", "common.AuditEntry.details"],
)
pointing(
    fields=[
        "accounts.Account.owner", "accounts.TeamMember.user", "accounts.SavedSegment.created_by", "admin.LogEntry.user",
        "accounts.AccountHistory.owner", "accounts.Attachment.created_by", "accounts.Meeting.attendees",
        "accounts.Meeting.created_by", "accounts.Meeting_attendees.user", "accounts.Note.created_by",
        "accounts.Task.assignee", "accounts.Task.created_by", "accounts.Task.done_by",
        "accounts.TaskComment.created_by", "accounts.UserHistory.pgh_obj", "pghistory.MiddlewareEvents.user",
    ],
)  # fmt: skip
harmless(
    fields={
        "accounts.Account.name": "a company",
        "accounts.AccountHistory.name": "a company",
        "accounts.ApiKeyHistory.name": "an integration, named by an administrator",
        "accounts.Attachment.name": "a file, named by whoever made it",
        "accounts.AttributeHistory.name": "a field",
        "accounts.SavedSegmentHistory.name": "a group of accounts",
        "accounts.ApiKey.name": "an integration, named by an administrator",
        "accounts.Attribute.name": "a field",
        "accounts.Organisation.name": "our own organisation",
        "accounts.SavedSegment.name": "a group of accounts",
        "auth.Group.name": "a group",
        "auth.Permission.name": "a permission",
        "common.IdempotencyRecord.body": "an answer of the API, removed after 24 hours",
        "pghistory.Events.pgh_data": "a view over the earlier states, which are erased in their own tables",
        "pghistory.MiddlewareEvents.pgh_data": "a view over the earlier states, which are erased in their own tables",
        "django_celery_beat.PeriodicTask.name": "a schedule",
        "rest_framework_api_key.APIKey.name": "a table of a package that stays empty",
    }
)

"""What each role may do in the Django admin: one table, written into groups whenever the database is migrated.

What people do on the product's own pages and by its API is decided in `accounts/policies.py`.
"""

from collections.abc import Mapping
from typing import Any, Final

from django.apps import AppConfig
from django.contrib.auth.management import create_permissions
from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType
from django.db import transaction

from accounts.models import Role

VIEW: Final = ("view",)
EDIT: Final = ("view", "add", "change")
ALL: Final = ("view", "add", "change", "delete")

# One line for each kind of record that the admin shows. Nothing of a customer's is ever deleted, and what is history
# is only looked at.
_ADMINISTRATOR: Final[Mapping[str, tuple[str, ...]]] = {
    "accounts.account": EDIT,
    "accounts.apikey": EDIT,
    "accounts.attribute": VIEW,
    "accounts.contact": VIEW,
    "accounts.meeting": VIEW,
    "accounts.note": VIEW,
    "accounts.notificationmail": VIEW,
    "accounts.savedsegment": VIEW,
    "accounts.task": VIEW,
    "accounts.user": EDIT,
    "auth.group": VIEW,
    "axes.accessattempt": ("view", "delete"),  # deleting one lets its address try again
    "axes.accessfailurelog": VIEW,
    "axes.accesslog": VIEW,
    "common.auditentry": VIEW,
    "django_celery_beat.clockedschedule": ALL,
    "django_celery_beat.crontabschedule": ALL,
    "django_celery_beat.intervalschedule": ALL,
    "django_celery_beat.periodictask": ALL,
    "django_celery_beat.solarschedule": ALL,
    "objectives.metric": EDIT,
    "objectives.metricversion": VIEW,
    "objectives.objective": EDIT,
    "objectives.objectiverevision": VIEW,
    "objectives.reading": VIEW,
    "objectives.replacedsnapshot": VIEW,
    "objectives.restatement": VIEW,
    "objectives.snapshot": VIEW,
    "objectives.snapshotarchive": VIEW,
    "objectives.standing": VIEW,
    "objectives.tickrun": VIEW,
    "objectives.weekrollup": VIEW,
}

PERMISSIONS: Final[Mapping[Role, Mapping[str, tuple[str, ...]]]] = {
    Role.ADMIN: _ADMINISTRATOR,
    Role.LEADER: {},
    Role.CSM: {},
}


def sync_permissions(*, app_config: AppConfig, using: str) -> None:
    """Give each role's group exactly the permissions that the table lists for an app's records."""
    create_permissions(app_config, verbosity=0, using=using)
    kinds = {
        (kind.app_label, kind.model): kind
        for kind in ContentType.objects.using(using).filter(app_label=app_config.label)
    }
    with transaction.atomic(using=using):
        for role, table in PERMISSIONS.items():
            group, _ = Group.objects.using(using).get_or_create(name=role.label)
            wanted: set[tuple[Any, str]] = {
                (kinds[app, model].pk, f"{action}_{model}")
                for app, model, action in (
                    (*label.split("."), action) for label, actions in table.items() for action in actions
                )
                if (app, model) in kinds
            }
            of_app = Permission.objects.using(using).filter(content_type__in=kinds.values())
            known = {(row.content_type_id, row.codename): row.pk for row in of_app}
            held = set(group.permissions.filter(content_type__in=kinds.values()).values_list("pk", flat=True))
            right = {known[key] for key in wanted if key in known}
            group.permissions.remove(*(held - right))
            group.permissions.add(*(right - held))

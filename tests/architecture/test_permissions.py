"""What a role may do in the admin is data, made from one table that names every kind of record."""

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import Group, Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import Role, User
from accounts.services.roles import PERMISSIONS, sync_permissions
from tests.factories import make_user

pytestmark = pytest.mark.django_db

TABLE = PERMISSIONS[Role.ADMIN]


def shown() -> set[str]:
    """Name what the admin shows, inlines included."""
    sites = admin.site._registry.items()
    inlines = {inline.model._meta.label_lower for _, site in sites for inline in site.inlines}
    return {model._meta.label_lower for model, _ in sites} | inlines


def granted(role: Role) -> set[str]:
    rows = Permission.objects.filter(group__name=role.label)
    return {f"{app}.{code}" for app, code in rows.values_list("content_type__app_label", "codename")}


def test_table_names_every_kind_of_record_that_the_admin_shows() -> None:
    """A new page of the admin needs a line in `accounts/services/roles.py`."""
    assert shown() - set(TABLE) == set()
    assert [label for label in TABLE if label not in {m._meta.label_lower for m in apps.get_models()}] == []


def test_groups_hold_exactly_what_the_table_says() -> None:
    for role, table in PERMISSIONS.items():
        wanted = {
            f"{app}.{action}_{model}"
            for label, actions in table.items()
            for app, _, model in [label.partition(".")]
            for action in actions
        }
        assert granted(role) == wanted
    assert granted(Role.LEADER) == granted(Role.CSM) == set()


def test_nothing_of_a_customers_can_be_deleted_and_history_only_viewed() -> None:
    ours = {label: actions for label, actions in TABLE.items() if label.split(".")[0] in {"accounts", "objectives"}}
    assert [label for label, actions in ours.items() if "delete" in actions] == []
    for label in ("objectives.reading", "objectives.snapshot", "objectives.standing", "common.auditentry"):
        assert TABLE[label] == ("view",)


def test_permissions_come_back_with_the_next_migration() -> None:
    group = Group.objects.get(name=Role.ADMIN.label)
    lost = Permission.objects.get(codename="change_account")
    gained = Permission.objects.get(codename="delete_account")
    group.permissions.remove(lost)
    group.permissions.add(gained)
    for name in ("accounts", "objectives"):
        sync_permissions(app_config=apps.get_app_config(name), using="default")
    assert {"accounts.change_account"} <= granted(Role.ADMIN)
    assert "accounts.delete_account" not in granted(Role.ADMIN)


def test_a_person_may_what_their_roles_group_may() -> None:
    person = make_user(role="admin")
    assert person.has_perm("accounts.change_account")
    assert not person.has_perm("accounts.delete_account")
    assert person.has_perms(["objectives.view_snapshot", "accounts.add_user"])
    assert not person.has_perm("objectives.change_snapshot")
    assert (person.has_module_perms("objectives"), person.has_module_perms("sessions")) == (True, False)
    person.role = "leader"
    assert not person.has_perm("accounts.view_account")
    person.role, person.is_active = "admin", False
    assert not person.has_perm("accounts.view_account")


def test_taking_a_permission_away_closes_the_page(client: Client) -> None:
    client.force_login(make_user(role="admin"), backend="django.contrib.auth.backends.ModelBackend")
    metrics = reverse("admin:objectives_metric_changelist")
    assert client.get(metrics).status_code == 200
    Group.objects.get(name=Role.ADMIN.label).permissions.remove(
        *Permission.objects.filter(content_type__app_label="objectives", content_type__model="metric")
    )
    assert client.get(metrics).status_code == 403
    assert metrics not in client.get(reverse("admin:index")).content.decode()


def test_permissions_are_read_once_a_request() -> None:
    person = User.objects.get(pk=make_user(role="admin").pk)
    with CaptureQueriesContext(connection) as context:
        for _ in range(5):
            person.has_perm("accounts.change_account")
            person.has_module_perms("objectives")
    assert len(context) == 1

"""Contacts and team: what is saved, refused and written down."""

from datetime import UTC, datetime
from typing import Any

import pytest

from accounts.models import Contact, TeamMember
from accounts.services.contacts import (
    ContactRefused,
    TeamRefused,
    add_team_member,
    archive_contact,
    create_contact,
    remove_team_member,
    restore_contact,
    update_contact,
)
from tests.factories import make_account, make_contact, make_user
from valuerealization.common.audit import SYSTEM
from valuerealization.common.models import AuditEntry

pytestmark = pytest.mark.django_db
AT = datetime(2026, 11, 15, 12, tzinfo=UTC)


def log() -> list[tuple[str, Any]]:
    rows = AuditEntry.objects.exclude(action="account.created").order_by("id")
    return [(entry.action, entry.details) for entry in rows]


def test_a_contact_is_kept_tidy_and_written_down() -> None:
    account = make_account()
    contact = create_contact(
        account=account, by=SYSTEM, name="Helen Strand", email=" Helen@Example.ORG ", title="COO",
        roles=["end_user", "executive_sponsor", "end_user"],
    )  # fmt: skip
    stored = Contact.objects.get()
    assert (stored.email, stored.roles) == ("helen@example.org", ["executive_sponsor", "end_user"])
    assert stored.role_labels == ["Executive sponsor", "End user"]
    assert log() == [
        (
            "contact.created",
            {
                "name": [None, "Helen Strand"], "email": [None, "helen@example.org"], "title": [None, "COO"],
                "roles": [None, ["executive_sponsor", "end_user"]],
            },
        )
    ]  # fmt: skip
    assert AuditEntry.objects.get(action="contact.created").account_id == account.pk
    assert str(contact) == "Helen Strand"


def test_a_person_may_be_a_contact_of_several_accounts_but_once_of_each() -> None:
    account = make_account()
    create_contact(account=account, by=SYSTEM, name="A", email="a@example.org")
    create_contact(account=make_account(), by=SYSTEM, name="A", email="a@example.org")
    with pytest.raises(ContactRefused) as caught:
        create_contact(account=account, by=SYSTEM, name="B", email="A@example.org")
    assert caught.value.message_dict == {"email": ["Another contact of this account has this address."]}
    create_contact(account=account, by=SYSTEM, name="No address")
    create_contact(account=account, by=SYSTEM, name="No address either")
    assert Contact.objects.filter(account=account).count() == 3


def test_the_address_of_an_archived_contact_points_to_them() -> None:
    account = make_account()
    contact = create_contact(account=account, by=SYSTEM, name="Helen", email="a@example.org")
    archive_contact(contact=contact, by=SYSTEM, at=AT)
    with pytest.raises(ContactRefused) as caught:
        create_contact(account=account, by=SYSTEM, name="B", email="a@example.org")
    assert caught.value.messages == ["Helen has this address and is archived. Restore them instead."]


@pytest.mark.parametrize(
    ("fields", "refused"),
    [
        ({"name": ""}, "name"),
        ({"name": "A", "email": "nobody"}, "email"),
        ({"name": "A", "roles": ["friend"]}, "roles"),
        ({"name": "A" * 121}, "name"),
    ],
)
def test_a_contact_is_refused_by_field(fields: dict[str, Any], refused: str) -> None:
    with pytest.raises(ContactRefused) as caught:
        create_contact(account=make_account(), by=SYSTEM, **fields)
    assert set(caught.value.message_dict) == {refused}
    assert not Contact.objects.exists()


def test_an_external_id_is_one_contacts_alone() -> None:
    make_contact(make_account(), external_id="P-1")
    with pytest.raises(ContactRefused) as caught:
        make_contact(make_account(), external_id="P-1")
    assert set(caught.value.message_dict) == {"external_id"}


def test_a_change_writes_what_differs() -> None:
    contact = make_contact(make_account(), name="A", email="a@example.org")
    update_contact(contact=contact, by=SYSTEM, at=AT, name="A", title="CFO", roles=["finance_approver"])
    assert log()[1:] == [("contact.updated", {"title": ["", "CFO"], "roles": [[], ["finance_approver"]]})]
    update_contact(contact=contact, by=SYSTEM, at=AT, title="CFO")
    assert len(log()) == 2
    contact.refresh_from_db()
    assert contact.updated_at == AT


def test_archiving_and_restoring_once_is_enough() -> None:
    contact = make_contact(make_account())
    for _ in range(2):
        archive_contact(contact=contact, by=SYSTEM, at=AT)
    assert not Contact.objects.active().exists()
    for _ in range(2):
        restore_contact(contact=contact, by=SYSTEM, at=AT)
    assert Contact.objects.active().exists()
    assert [action for action, _ in log()][1:] == ["contact.archived", "contact.restored"]


def test_the_team_is_kept_by_role() -> None:
    account, user = make_account(), make_user(name="Jonas")
    first = add_team_member(account=account, user=user, role="account_executive", by=SYSTEM)
    assert add_team_member(account=account, user=user, role="account_executive", by=SYSTEM) == first
    add_team_member(account=account, user=user, role="solutions_architect", by=SYSTEM)
    assert TeamMember.objects.count() == 2
    remove_team_member(member=first, by=SYSTEM)
    remove_team_member(member=first, by=SYSTEM)
    assert [each.role for each in TeamMember.objects.all()] == ["solutions_architect"]
    assert log() == [
        ("team_member.added", {"user": [None, "Jonas"], "role": [None, "account_executive"]}),
        ("team_member.added", {"user": [None, "Jonas"], "role": [None, "solutions_architect"]}),
        ("team_member.removed", {"user": ["Jonas", None], "role": ["account_executive", None]}),
    ]


def test_who_has_left_joins_no_team() -> None:
    with pytest.raises(TeamRefused):
        add_team_member(account=make_account(), user=make_user(is_active=False), role="account_executive", by=SYSTEM)
    with pytest.raises(TeamRefused):
        add_team_member(account=make_account(), user=make_user(), role="csm", by=SYSTEM)

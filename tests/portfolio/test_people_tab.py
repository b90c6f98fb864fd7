"""The tab of an account's people, and the forms behind it."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client

from accounts.models import Account, Contact, TeamMember, User
from accounts.services.contacts import add_team_member, archive_contact
from tests.factories import make_account, make_contact, make_user
from valuerealization.common.audit import SYSTEM

pytestmark = pytest.mark.django_db
AT = datetime(2026, 11, 15, 12, tzinfo=UTC)


@pytest.fixture
def csm(client: Client) -> User:
    user = make_user(name="Amara Okafor")
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return user


@pytest.fixture
def account(csm: User) -> Account:
    return make_account(name="Brightwater", owner=csm)


def page(client: Client, account: Account, query: str = "") -> str:
    response = client.get(f"/accounts/{account.pk}/people/{query}")
    assert response.status_code == 200
    return response.content.decode()


def test_nobody_yet_leads_to_the_form(client: Client, account: Account) -> None:
    html = page(client, account)
    assert "No contacts yet" in html
    assert f'href="/accounts/{account.pk}/contacts/new/"' in html


def test_contacts_and_team_are_listed(client: Client, account: Account) -> None:
    make_contact(account, name="Helen Strand", title="COO", roles=["executive_sponsor", "champion"])
    gone = make_contact(account, name="Gone Away")
    archive_contact(contact=gone, by=SYSTEM, at=AT)
    add_team_member(account=account, user=make_user(name="Jonas Lind"), role="solutions_architect", by=SYSTEM)
    html = page(client, account)
    for text in ("Helen Strand", "COO", "Champion", "1 person at the customer", "Jonas Lind", "Solutions architect"):
        assert text in html
    assert html.index("Archived") < html.index("Gone Away")
    assert "Amara Okafor" in html


def test_the_executive_sponsor_stands_on_every_tab(client: Client, account: Account) -> None:
    assert "Executive sponsor" not in page(client, account)
    make_contact(account, name="Helen Strand", title="COO", roles=["executive_sponsor"])
    make_contact(account, name="Other", roles=["executive_sponsor"])
    for tab in ("", "objectives/", "people/", "activity/"):
        html = client.get(f"/accounts/{account.pk}/{tab}").content.decode()
        assert "<dt>Executive sponsor</dt><dd>Helen Strand, COO" in html
        assert "and 1 more" in html


def test_one_and_thirty_contacts_cost_the_same(
    client: Client, account: Account, django_assert_max_num_queries: Any
) -> None:
    counts = set()
    for number in (1, 30):
        while Contact.objects.count() < number:
            make_contact(account, roles=["end_user"])
        while TeamMember.objects.count() < number:
            add_team_member(account=account, user=make_user(), role="account_executive", by=SYSTEM)
        with django_assert_max_num_queries(14) as queries:
            page(client, account)
        counts.add(len(queries))
    assert len(counts) == 1


def test_a_long_list_is_paged_by_name(client: Client, account: Account) -> None:
    for number in range(55):
        make_contact(account, name=f"Person {number:02}")
    first = client.get(f"/accounts/{account.pk}/people/")
    assert "Person 49" in first.content.decode()
    assert "Person 50" not in first.content.decode()
    second = page(client, account, first.context["next_href"])
    assert "Person 50" in second
    assert "Person 49" not in second
    assert client.get(f"/accounts/{account.pk}/people/?cursor=forged").status_code == 404


def test_a_contact_is_added_changed_archived_and_restored(client: Client, account: Account) -> None:
    people = f"/accounts/{account.pk}/people/"
    typed = {"name": "Helen", "email": "H@example.org", "title": "COO", "roles": ["champion", "executive_sponsor"]}
    response = client.post(f"/accounts/{account.pk}/contacts/new/", typed)
    assert (response.status_code, response["Location"]) == (302, people)
    contact = Contact.objects.get()
    assert (contact.email, contact.roles) == ("h@example.org", ["executive_sponsor", "champion"])
    form = client.get(f"/contacts/{contact.pk}/edit/").content.decode()
    assert form.count(" checked") == 2
    response = client.post(f"/contacts/{contact.pk}/edit/", {"name": "Helen Strand", "roles": []})
    assert response["Location"] == people
    contact.refresh_from_db()
    assert (contact.name, contact.email, contact.roles) == ("Helen Strand", "", [])
    assert "Archive Helen Strand?" in client.get(f"/contacts/{contact.pk}/archive/").content.decode()
    client.post(f"/contacts/{contact.pk}/archive/")
    assert not Contact.objects.active().exists()
    client.post(f"/contacts/{contact.pk}/restore/")
    assert Contact.objects.active().exists()


def test_a_contact_that_is_refused_comes_back_with_the_reasons(client: Client, account: Account) -> None:
    make_contact(account, email="a@example.org", external_id="P-1")
    response = client.post(
        f"/accounts/{account.pk}/contacts/new/", {"name": "", "email": "no address", "roles": ["friend"]}
    )
    assert response.status_code == 422
    assert set(response.context["form"].errors) == {"name", "email", "roles"}
    for typed, field in (({"email": "a@example.org"}, "email"), ({"external_id": "P-1"}, "external_id")):
        response = client.post(f"/accounts/{account.pk}/contacts/new/", {"name": "B", **typed})
        assert response.status_code == 422
        assert set(response.context["form"].errors) == {field}
    assert Contact.objects.count() == 1


def test_somebody_joins_and_leaves_the_team(client: Client, account: Account) -> None:
    user = make_user(name="Jonas Lind")
    typed = {"user": user.pk, "role": "account_executive"}
    assert client.post(f"/accounts/{account.pk}/team/add/", typed).status_code == 302
    response = client.post(f"/accounts/{account.pk}/team/add/", typed)
    assert response.status_code == 422
    assert response.context["form"].errors == {"user": ["Jonas Lind has this role already."]}
    assert client.post(f"/accounts/{account.pk}/team/add/", {"user": "", "role": "csm"}).status_code == 422
    member = TeamMember.objects.get()
    assert "account executive" in client.get(f"/team/{member.pk}/remove/").content.decode()
    client.post(f"/team/{member.pk}/remove/")
    assert not TeamMember.objects.exists()


def test_who_may_not_change_the_account_sees_no_forms(client: Client) -> None:
    account = make_account(name="Foreign", owner=make_user())
    make_contact(account, name="Helen")
    client.force_login(make_user(), backend="django.contrib.auth.backends.ModelBackend")
    html = page(client, account)
    assert "Helen" in html
    assert "/contacts/" not in html
    assert "/team/" not in html


def test_changes_of_people_are_told_in_words(client: Client, account: Account) -> None:
    client.post(f"/accounts/{account.pk}/contacts/new/", {"name": "Helen", "roles": ["champion"]})
    contact = Contact.objects.get()
    client.post(f"/contacts/{contact.pk}/edit/", {"name": "Helen", "title": "COO", "roles": ["finance_approver"]})
    client.post(f"/accounts/{account.pk}/team/add/", {"user": make_user(name="Jonas").pk, "role": "account_executive"})
    text = client.get(f"/accounts/{account.pk}/activity/").content.decode()
    for part in ("added the contact", "changed the contact", "job title", "finance approver", "added to the team"):
        assert part in text

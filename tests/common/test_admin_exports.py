"""Lists of the admin as files: the chosen columns, what the list shows, and no cell that a spreadsheet would run."""

import csv
import io
import re
from typing import Any

import pytest
from django.contrib import admin
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from openpyxl import load_workbook

from tests.factories import make_account, make_contact, make_objective, make_user, record
from valuerealization.common.admin import ExportMixin

pytestmark = pytest.mark.django_db

ACCOUNTS = "/admin/accounts/account/export/"
EVIL = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "\uff1d1"]


@pytest.fixture
def client(client: Client) -> Client:
    client.force_login(make_user(role="admin"), backend="django.contrib.auth.backends.ModelBackend")
    return client


def finish(response: Any) -> None:
    """Close a file as the server does, without ending the test's connection."""
    for close in response._resource_closers:
        close()


def read_csv(response: Any) -> list[list[str]]:
    return list(csv.reader(io.StringIO(response.getvalue().decode("utf-8-sig"))))


def read_xlsx(response: Any) -> list[list[Any]]:
    book = load_workbook(io.BytesIO(b"".join(response.streaming_content)))
    finish(response)
    return [[cell.value for cell in row] for row in book.active.iter_rows()]  # type: ignore[union-attr]


def test_every_list_with_columns_can_be_taken_along(client: Client) -> None:
    record(make_objective(make_account()), 30)
    without = []
    for model, site in admin.site._registry.items():
        if not isinstance(site, ExportMixin) or not site.exported:
            without.append(model._meta.label)
            continue
        url = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_export")
        names = [column.heading for column in site.exported]
        assert client.get(url).status_code == 200
        for kind, read in (("csv", read_csv), ("xlsx", read_xlsx)):
            response = client.post(url, {"columns": names, "format": kind})
            assert response.status_code == 200, url
            assert read(response)[0] == names
            assert f".{kind}" in response["Content-Disposition"]
    assert without == []


def test_no_file_holds_a_secret() -> None:
    secret = {"hashed_key", "password", "token_digest", "session_data", "session_hash", "post_data", "get_data"}
    sites: Any = admin.site._registry.values()
    assert [site for site in sites if {column.heading for column in site.exported} & secret] == []


def test_import_is_one_click_away(client: Client) -> None:
    for kind, model in {
        "accounts": "accounts_account", "metrics": "objectives_metric", "objectives": "objectives_objective",
        "readings": "objectives_reading",
    }.items():  # fmt: skip
        page = client.get(reverse(f"admin:{model}_changelist")).content.decode()
        assert f'href="/imports/new/?kind={kind}"' in page
        wizard = client.get(f"/imports/new/?kind={kind}").content.decode()
        assert re.search(rf'value="{kind}"[^>]*checked', wizard), kind


def test_erasure_is_one_click_away_from_people_and_contacts(client: Client) -> None:
    person, contact = make_user(), make_contact(make_account())
    for model, row, address in (
        ("accounts_user", person.pk, f"/people/{person.pk}/erase/"),
        ("accounts_contact", contact.pk, f"/contacts/{contact.pk}/erase/"),
    ):
        page = client.get(reverse(f"admin:{model}_change", args=[row])).content.decode()
        assert f'href="{address}"' in page
        assert client.get(address).status_code == 200


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
@pytest.mark.parametrize("name", EVIL)
def test_no_cell_is_a_formula(client: Client, kind: str, name: str) -> None:
    make_account(name=name.strip("\r\t") or name, industry=name)
    response = client.post(ACCOUNTS, {"columns": ["name", "industry"], "format": kind})
    _, row = (read_csv if kind == "csv" else read_xlsx)(response)
    assert [cell[0] for cell in row] == ["'", "'"]


def test_file_holds_what_the_list_shows_in_its_order(client: Client) -> None:
    for name in ("Zephyr", "Elm", "Elmbank"):
        make_account(name=name)
    data = {"columns": ["name"], "format": "csv"}
    assert read_csv(client.post(f"{ACCOUNTS}?q=elm", data)) == [["name"], ["Elm"], ["Elmbank"]]
    assert read_csv(client.post(f"{ACCOUNTS}?o=-1", data)) == [["name"], ["Zephyr"], ["Elmbank"], ["Elm"]]


def test_numbers_stay_numbers_in_a_workbook(client: Client) -> None:
    account = make_account(arr="1250.50")
    record(make_objective(account), 40)
    data = {"columns": ["arr", "value_delivered", "renewal_on"], "format": "xlsx"}
    assert read_xlsx(client.post(ACCOUNTS, data))[1] == [40, 1250.5, None]


def test_nothing_chosen_is_asked_again(client: Client) -> None:
    response = client.post(ACCOUNTS, {"format": "pdf"})
    assert response.status_code == 422
    assert sorted(response.context["form"].errors) == ["columns", "format"]


def test_a_file_costs_the_same_for_one_row_and_for_thirty(client: Client) -> None:
    def cost() -> int:
        with CaptureQueriesContext(connection) as context:
            finish(client.post(ACCOUNTS, {"columns": ["name", "owner", "status"], "format": "xlsx"}))
        return len(context)

    make_account(owner=make_user())
    cost()
    few = cost()
    for _ in range(29):
        make_account(owner=make_user())
    assert cost() == few


@pytest.mark.parametrize("role", ["csm", "leader"])
def test_only_administrators_take_lists_from_here(role: str) -> None:
    client = Client()
    client.force_login(make_user(role=role), backend="django.contrib.auth.backends.ModelBackend")
    assert client.get(ACCOUNTS, follow=True).status_code == 403

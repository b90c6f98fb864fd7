"""Statements of a customer's pages run under the portal's role, for one account, or not at all."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import ProgrammingError, connection, transaction

from accounts.models import Account
from objectives.models import Objective
from tests.factories import make_account, make_objective
from valuerealization.common.customer_scope import OutsideScope, as_application, as_customer, guarded

pytestmark = pytest.mark.django_db


def role() -> tuple[str, str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user::text, coalesce(current_setting('app.account_id', true), '')")
        name, account_id = cursor.fetchone()
        return name, account_id


@pytest.fixture
def goals() -> dict[str, Objective]:
    own, other = make_account(name="Own"), make_account(name="Other")
    return {
        "shared": make_objective(own, title="Shared", show_in_portal=True),
        "hidden": make_objective(own, title="Hidden", show_in_portal=False),
        "foreign": make_objective(other, title="Foreign", show_in_portal=True),
    }


def titles() -> list[str]:
    return list(Objective.objects.order_by("title").values_list("title", flat=True))


def test_a_customer_sees_its_own_shared_rows_without_any_filter(goals: dict[str, Objective]) -> None:
    for name, seen in (("shared", ["Shared"]), ("foreign", ["Foreign"])):
        account_id = goals[name].account_id
        with guarded(), as_customer(account_id):
            assert titles() == seen
            assert list(Account.objects.values_list("pk", flat=True)) == [account_id]
    assert titles() == ["Foreign", "Hidden", "Shared"]


def test_a_guarded_page_that_forgets_its_scope_fails(goals: dict[str, Objective]) -> None:
    with guarded():
        with pytest.raises(OutsideScope, match="as_customer"):
            titles()
        with as_application():
            assert len(titles()) == 3
        with pytest.raises(OutsideScope):
            titles()
        with as_customer(goals["shared"].account_id):
            assert titles() == ["Shared"]
        with pytest.raises(OutsideScope):
            titles()
    assert len(titles()) == 3


@pytest.mark.parametrize("inner", [lambda: as_customer(1), as_application])
def test_no_scope_is_widened_from_inside(goals: dict[str, Objective], inner: Callable[[], Any]) -> None:
    with as_customer(goals["shared"].account_id):
        with pytest.raises(OutsideScope), inner():
            raise AssertionError("not reached")
        assert titles() == ["Shared"]


def test_the_role_and_the_account_are_given_back(goals: dict[str, Objective]) -> None:
    assert role() == ("vr_app", "")
    with as_customer(goals["shared"].account_id):
        assert role() == ("vr_portal", str(goals["shared"].account_id))
    assert role() == ("vr_app", "")
    with pytest.raises(ZeroDivisionError), transaction.atomic(), as_customer(goals["shared"].account_id):
        raise ZeroDivisionError
    assert len(titles()) == 3


def test_nothing_can_be_written_as_a_customer(goals: dict[str, Objective]) -> None:
    with pytest.raises(ProgrammingError, match="permission denied"), as_customer(goals["shared"].account_id):
        Objective.objects.update(title="Mine now")
    assert titles() == ["Foreign", "Hidden", "Shared"]

"""The shared views that come with the demo open as they were meant."""

from datetime import UTC, datetime

import pytest
from django.test import Client

from accounts.models import User
from objectives.demo.load import load
from portfolio.models import SavedView
from portfolio.queries.columns import KINDS
from portfolio.queries.states import ListState, parameters_of

pytestmark = [pytest.mark.django_db, pytest.mark.slow]
TUESDAY = datetime(2026, 11, 17, 10, 20, tzinfo=UTC)


def test_the_demos_views_are_shared_and_can_be_read(client: Client, clock) -> None:
    clock(TUESDAY)
    load(at=TUESDAY, can_sign_in=True, say=lambda _line: None)
    views = SavedView.objects.order_by("pk")
    assert [(view.list_name, view.is_shared, view.owner.email) for view in views] == [
        ("portfolio", True, "leader@example.com"), ("accounts", True, "leader@example.com"),
    ]  # fmt: skip
    client.force_login(User.objects.get(email="csm@example.com"), "django.contrib.auth.backends.ModelBackend")
    for view in views:
        assert view.name.startswith("Demo: ")
        state, errors = ListState.parse(KINDS[view.list_name], parameters_of(view.state))
        assert errors == ()
        assert state.as_json() == view.state
        page = client.get(f"/{view.list_name}/?view={view.pk}", follow=True)
        assert page.status_code == 200
        assert len(page.context["page"].rows) > 0
        assert page.context["complaints"] == []

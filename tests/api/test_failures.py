"""When it is our side that fails: 503 when it passes, 500 when it is a mistake, both as problems."""

import threading
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client
from rest_framework.test import APIRequestFactory

from accounts.models import Account
from tests.api.conftest import make_key
from tests.factories import make_account
from valuerealization.common.api.views import ApiView


@pytest.mark.django_db(transaction=True)
def test_a_lock_that_is_not_given_is_503() -> None:
    account = make_account(name="Before")
    client = Client(raise_request_exception=False, headers={"authorization": f"Bearer {make_key()}"})
    locked, done = threading.Event(), threading.Event()

    def hold() -> None:
        try:
            with transaction.atomic():
                Account.objects.lock().get(pk=account.pk)
                locked.set()
                done.wait(timeout=30)
        finally:
            connection.close()

    holder = threading.Thread(target=hold)
    holder.start()
    try:
        assert locked.wait(timeout=30)
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '200ms'")
        response = client.patch(f"/api/customers/{account.pk}", data={"name": "After"}, content_type="application/json")
    finally:
        done.set()
        holder.join()
    assert (response.status_code, response.json()["code"]) == (503, "unavailable")
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.headers["Retry-After"] == "5"
    account.refresh_from_db()
    assert account.name == "Before"


class Mistaken(ApiView):
    """An endpoint with a mistake in it."""

    authentication_classes: tuple[Any, ...] = ()
    permission_classes: tuple[Any, ...] = ()

    def get(self, _request: Any) -> None:
        raise RuntimeError("the secret of the house")


def test_a_mistake_is_500_and_tells_nothing() -> None:
    response = Mistaken.as_view()(APIRequestFactory().get("/api/mistaken")).render()
    assert response.status_code == 500
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.data == {
        "type": "about:blank",
        "title": "Internal Server Error",
        "status": 500,
        "detail": "Server Error (500)",
        "code": "error",
        "errors": [],
    }
    assert b"secret" not in response.content

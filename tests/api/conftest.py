"""Callers of the API."""

import json
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from accounts.services.keys import create_api_key
from valuerealization.common.audit import SYSTEM


class Caller:
    """An integrator: sends JSON with a key, and checks on the way what holds for every answer."""

    def __init__(self, secret: str | None = None) -> None:
        self.secret = secret
        self.client = Client()

    def send(
        self, method: str, path: str, body: Any = None, *, raw: bytes | None = None,
        content_type: str = "application/json", **headers: str,
    ) -> HttpResponse:  # fmt: skip
        """Send a request; headers are named as in Python: `if_match`."""
        told = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.secret and "authorization" not in told:
            told["authorization"] = f"Bearer {self.secret}"
        data = raw if raw is not None else b"" if body is None else json.dumps(body).encode()
        response = self.client.generic(method, path, data, content_type=content_type, headers=told)
        assert response.status_code < 500, response.content
        assert response.headers["X-Request-ID"]
        if response.status_code >= 400 and method != "HEAD":
            self._check_problem(response)
        return response

    @staticmethod
    def _check_problem(response: HttpResponse) -> None:
        assert response.headers["Content-Type"] == "application/problem+json"
        problem = response.json()
        assert list(problem) == ["type", "title", "status", "detail", "code", "errors"]
        assert problem["status"] == response.status_code
        assert problem["detail"]
        for error in problem["errors"]:
            assert list(error) == ["field", "code", "detail"]
            assert error["detail"]

    def get(self, path: str, **headers: str) -> HttpResponse:
        return self.send("GET", path, **headers)

    def post(self, path: str, body: Any = None, **headers: Any) -> HttpResponse:
        return self.send("POST", path, body, **headers)

    def patch(self, path: str, body: Any = None, **headers: Any) -> HttpResponse:
        return self.send("PATCH", path, body, **headers)

    def delete(self, path: str, **headers: Any) -> HttpResponse:
        return self.send("DELETE", path, **headers)

    def make(self, path: str, **body: Any) -> dict[str, Any]:
        """Post, and give what was made."""
        response = self.post(path, body)
        assert response.status_code == 201, response.content
        made: dict[str, Any] = response.json()
        return made

    def read(self, path: str) -> dict[str, Any]:
        """Get, and give what was read."""
        response = self.get(path)
        assert response.status_code == 200, response.content
        found: dict[str, Any] = response.json()
        return found


def errors_of(response: HttpResponse) -> list[tuple[str, str]]:
    """List field and code of each error of a problem."""
    return [(error["field"], error["code"]) for error in response.json()["errors"]]


def make_key(scope: str = "write", **fields: Any) -> str:
    """Make a key and give what is sent."""
    return create_api_key(name=f"Test {scope}", scope=scope, by=SYSTEM, **fields)[1]


@pytest.fixture
def api(db: None) -> Caller:
    """Call with a key that may write."""
    return Caller(make_key())


@pytest.fixture
def reader(db: None) -> Caller:
    """Call with a key that may only read."""
    return Caller(make_key("read"))


@pytest.fixture
def anonymous(db: None) -> Caller:
    """Call without a key."""
    return Caller()

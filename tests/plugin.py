"""Start PostgreSQL and Valkey once for a test run, before anything reads the settings.

The controlling process starts them; workers of pytest-xdist inherit their addresses. Nothing of `var/` is touched.
"""

import ipaddress
import os
import shutil
import socket
import tempfile
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from valuerealization.embedded import EmbeddedError, Hold, Postgres, Valkey, take_hold

SESSION_DIR = "VR_TEST_DIR"  # set: somebody up the line has started the servers
_hold = pytest.StashKey[Hold]()

# What a developer's shell may hold and tests must not see.
UNSET = (
    "ALLOWED_HOSTS",
    "CSRF_TRUSTED_ORIGINS",
    "DEBUG",
    "EMAIL_URL",
    "SECRET_KEY",
    "STATIC_ROOT",
)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None, None, None]:
    """Start the servers, since pytest-django reads the settings inside this hook."""
    if SESSION_DIR not in os.environ:
        directory = Path(tempfile.mkdtemp(prefix="vr-tests-", dir="/tmp"))
        try:
            hold = take_hold([Postgres(directory, fast=True), Valkey(directory)])
        except EmbeddedError as error:
            shutil.rmtree(directory)
            raise pytest.UsageError(str(error)) from error
        for name in [name for name in os.environ if name in UNSET or name.startswith("VR_")]:
            if name != "VR_POSTGRES_BIN":
                del os.environ[name]
        os.environ.update(hold.environment())
        os.environ.update({SESSION_DIR: str(directory), "VAR_DIR": str(directory), "VR_EMBEDDED": "1"})
        early_config.stash[_hold] = hold
    # Each process has a broker and a cache of its own, as it has a database.
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw-1").removeprefix("gw")) + 1
    os.environ["REDIS_URL"] = os.environ["REDIS_URL"].replace("?db=0", f"?db={number}")
    try:
        return (yield)
    except BaseException:
        pytest_unconfigure(early_config)
        raise


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the servers and remove their files."""
    hold = config.stash.get(_hold, None)
    if hold is not None:
        del config.stash[_hold]
        hold.release()
        shutil.rmtree(os.environ.pop(SESSION_DIR), ignore_errors=True)


class OutsideWorldError(RuntimeError):
    """A test tried to leave this machine."""


def _check_address(family: int, address: Any) -> None:
    if family not in (socket.AF_INET, socket.AF_INET6):
        return
    host = str(address[0])
    try:
        inside = host in {"localhost", ""} or ipaddress.ip_address(host).is_loopback
    except ValueError:
        inside = False
    if not inside:
        raise OutsideWorldError(f"tests stay on this machine: {host} refused")


@pytest.fixture(autouse=True, scope="session")
def stay_on_this_machine() -> Generator[None, None, None]:
    """Refuse connections to anything but loopback addresses and unix sockets."""
    originals = {name: getattr(socket.socket, name) for name in ("connect", "connect_ex")}

    def guarded(name: str) -> Any:
        def connect(self: socket.socket, address: Any) -> Any:
            _check_address(self.family, address)
            return originals[name](self, address)

        return connect

    with pytest.MonkeyPatch.context() as patch:
        for name in originals:
            patch.setattr(socket.socket, name, guarded(name))
        yield

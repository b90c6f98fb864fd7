"""Settings: all from the environment, all documented."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest
from django.test import RequestFactory

from tests.processes import PROJECT, clean_environment
from valuerealization.environment import database, mail
from valuerealization.settings import attempted_address

SETTINGS = PROJECT / "valuerealization" / "settings.py"


def read(name: str, **environment: str) -> str:
    """Print one setting in a process of its own."""
    code = f"from valuerealization import settings; print(settings.{name})"
    command = [sys.executable, "-c", code]
    done = subprocess.run(
        command, cwd=PROJECT, env=clean_environment(**environment), capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_every_variable_is_documented() -> None:
    read_here = set(re.findall(r'env(?:_flag|_list)?\(\s*"([A-Z_]+)"', SETTINGS.read_text()))
    read_elsewhere = {"PORT", "VR_POSTGRES_BIN"}
    documented = set(re.findall(r"^\| `([A-Z_]+)` \|", (PROJECT / "docs/operations.md").read_text(), re.MULTILINE))
    assert documented == read_here | read_elsewhere


def test_debug_is_off_unless_asked_for(tmp_path: Path) -> None:
    assert read("DEBUG", VAR_DIR=str(tmp_path)) == "False"
    assert read("DEBUG", VAR_DIR=str(tmp_path), DEBUG="1") == "True"


def test_an_embedded_set_up_keeps_its_secret_key(tmp_path: Path) -> None:
    first = read("SECRET_KEY", VAR_DIR=str(tmp_path))
    assert (len(first) >= 50, read("SECRET_KEY", VAR_DIR=str(tmp_path))) == (True, first)
    assert read("SECRET_KEY", VAR_DIR=str(tmp_path / "other")) != first
    assert read("SECRET_KEY", VAR_DIR=str(tmp_path), SECRET_KEY="given") == "given"


def test_database_addresses() -> None:
    url = "postgresql://us%40er:p%2Fw%25@db.example.com:6432/na%2Dme?sslmode=verify-full&options=-c%20work_mem=8MB"
    found = database(url, statement_timeout="9s", lock_timeout="15s")
    assert {key: found[key] for key in ("USER", "PASSWORD", "HOST", "PORT", "NAME")} == {
        "USER": "us@er",
        "PASSWORD": "p/w%",
        "HOST": "db.example.com",
        "PORT": "6432",
        "NAME": "na-me",
    }
    assert found["OPTIONS"]["sslmode"] == "verify-full"
    assert found["OPTIONS"]["options"] == "-c statement_timeout=9s -c lock_timeout=15s -c work_mem=8MB"
    assert database("postgresql://vr_app@/value?host=/run/pg")["HOST"] == "/run/pg"


@pytest.mark.parametrize("url", ["mysql://db/value", "postgresql://db", "value", ""])
def test_other_addresses_are_refused(url: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="postgresql://user:password@host:5432/name"):
        database(url)


def test_mail_addresses() -> None:
    assert mail("smtp://us%40er:p%2Fw@mail.example.com:587/?tls=1") == {
        "EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend",
        "EMAIL_HOST": "mail.example.com",
        "EMAIL_PORT": 587,
        "EMAIL_HOST_USER": "us@er",
        "EMAIL_HOST_PASSWORD": "p/w",
        "EMAIL_USE_SSL": False,
        "EMAIL_USE_TLS": True,
        "EMAIL_TIMEOUT": 10,
    }
    secure = mail("smtps://mail.example.com")
    assert (secure["EMAIL_PORT"], secure["EMAIL_USE_SSL"], secure["EMAIL_USE_TLS"]) == (465, True, False)
    assert mail("file:///var/my%20mail")["EMAIL_FILE_PATH"] == "/var/my mail"
    assert mail("console:") == {"EMAIL_BACKEND": "django.core.mail.backends.console.EmailBackend"}


def test_the_attempted_address_is_found_wherever_somebody_signs_in(rf: RequestFactory) -> None:
    request: HttpRequest = rf.post("/sign-in/", {"login": " Ann@Example.com "})
    assert attempted_address(request) == "ann@example.com"
    assert attempted_address(request, {"username": "Bob@example.com"}) == "bob@example.com"
    assert attempted_address(None, {"email": "cy@example.com"}) == "cy@example.com"
    assert attempted_address(None) == ""


def test_the_web_server_limits_its_statements(tmp_path: Path) -> None:
    code = "import valuerealization.wsgi; from django.conf import settings; print(settings.STATEMENT_TIMEOUT)"
    for given, used in (("", "30s"), ("9s", "9s")):
        environment = clean_environment(VAR_DIR=str(tmp_path), **({"VR_STATEMENT_TIMEOUT": given} if given else {}))
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=PROJECT, env=environment, capture_output=True, text=True, check=True
        )
        assert done.stdout.strip() == used

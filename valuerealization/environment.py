"""Read the environment: variables, and the addresses of database, broker and mail server that are in them."""

import os
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured


def env(name: str, default: str = "") -> str:
    """Read a variable; an empty one counts as not given."""
    return os.environ.get(name, "").strip() or default


def env_flag(name: str, *, default: bool = False) -> bool:
    """Read a yes or no.

    Raises: ImproperlyConfigured for anything else.
    """
    value = env(name, "1" if default else "0").lower()
    if value not in {"0", "1", "false", "true", "no", "yes", "off", "on"}:
        raise ImproperlyConfigured(f"{name} is 1 or 0, not {value!r}")
    return value in {"1", "true", "yes", "on"}


def env_list(name: str, default: str = "") -> list[str]:
    """Read a list separated by commas."""
    return [part.strip() for part in env(name, default).split(",") if part.strip()]


def database(url: str, **session: str) -> dict[str, Any]:
    """Turn `postgresql://user:password@host:port/name?option=…` into Django's dictionary."""
    parts = urlsplit(url)
    if parts.scheme not in {"postgres", "postgresql"} or not parts.path.strip("/"):
        raise ImproperlyConfigured("A database address reads postgresql://user:password@host:5432/name")
    options: dict[str, Any] = dict(parse_qsl(parts.query))
    host = options.pop("host", parts.hostname or "")
    session_options = " ".join(f"-c {key}={value}" for key, value in session.items())
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.strip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": host,
        "PORT": str(parts.port or options.pop("port", "")),
        # A connection for each thread, not a pool: a pool would have to survive the forks of both servers.
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {
            "connect_timeout": 5,
            "application_name": "valuerealization",
            "options": f"{session_options} {options.pop('options', '')}".strip(),
            **options,
        },
    }


def broker(url: str) -> str:
    """Spell a unix socket's address as the task library does."""
    return url.replace("unix://", "redis+socket://", 1).replace("?db=", "?virtual_host=", 1)


def mail(url: str) -> dict[str, Any]:
    """Turn `smtp://user:password@host:587/?tls=1`, `smtps://…`, `file:///directory` or `console:` into settings."""
    parts = urlsplit(url)
    options = dict(parse_qsl(parts.query))
    backends = "django.core.mail.backends"
    match parts.scheme:
        case "file":
            return {"EMAIL_BACKEND": f"{backends}.filebased.EmailBackend", "EMAIL_FILE_PATH": unquote(parts.path)}
        case "console":
            return {"EMAIL_BACKEND": f"{backends}.console.EmailBackend"}
        case "smtp" | "smtps":
            return {
                "EMAIL_BACKEND": f"{backends}.smtp.EmailBackend",
                "EMAIL_HOST": parts.hostname or "localhost",
                "EMAIL_PORT": parts.port or (465 if parts.scheme == "smtps" else 25),
                "EMAIL_HOST_USER": unquote(parts.username or ""),
                "EMAIL_HOST_PASSWORD": unquote(parts.password or ""),
                "EMAIL_USE_SSL": parts.scheme == "smtps",
                "EMAIL_USE_TLS": options.get("tls") == "1",
                "EMAIL_TIMEOUT": 10,
            }
    raise ImproperlyConfigured("EMAIL_URL starts with smtp://, smtps://, file:// or console:")

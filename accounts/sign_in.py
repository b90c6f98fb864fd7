"""What we change in the sign-in library: second factors encrypted and audited, sessions without a known address."""

import base64
from functools import cache, partial
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa import signals
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from cryptography.fernet import Fernet, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.dispatch import Signal
from django.http import HttpRequest

from accounts.models.people import User
from valuerealization.common import audit

UNKNOWN_ADDRESS = "::"
_PURPOSE = b"value realization: second factor"


class Sessions(DefaultAccountAdapter):  # type: ignore[misc]
    """Let people in whose address the web server doesn't tell, as behind a Unix socket; leave passwords to axes."""

    def get_client_ip(self, request: HttpRequest) -> str:
        """Give the address of the browser, or the unspecified one."""
        try:
            return str(super().get_client_ip(request))
        except PermissionDenied:
            return UNKNOWN_ADDRESS

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Count no passwords here: axes does, by address and person, so that nobody can lock somebody else out."""


class SecondFactor(DefaultMFAAdapter):  # type: ignore[misc]
    """Keep the secrets of authenticator apps and recovery codes unreadable in the database and in its backups."""

    def encrypt(self, text: str) -> str:
        """Encrypt a secret under the current SECRET_KEY."""
        return _fernet(settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS).encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        """Read a secret back, also one encrypted under a key that has been rotated out."""
        return _fernet(settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS).decrypt(encrypted_text.encode()).decode()


@cache
def _fernet(*keys: str) -> MultiFernet:
    return MultiFernet([Fernet(_derived(key)) for key in keys])


def _derived(key: str) -> bytes:
    derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=_PURPOSE).derive(key.encode())
    return base64.urlsafe_b64encode(derived)


def watch() -> None:
    """Write what happens to second factors into the audit log; the library offers only signals for it."""
    for name, what in (("added", "set_up"), ("reset", "renewed"), ("removed", "removed")):
        signal: Signal = getattr(signals, f"authenticator_{name}")
        signal.connect(partial(_record, f"second_factor.{what}"), weak=False, dispatch_uid=f"accounts.sign_in.{name}")


def _record(action: str, *, user: User, authenticator: Authenticator, **_more: Any) -> None:
    details = {"type": [None, authenticator.get_type_display()]}
    audit.record(by=user.as_actor(), action=action, subject=user, details=details)

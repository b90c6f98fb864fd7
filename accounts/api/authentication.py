"""Who calls the API, and whether they may: keys of integrators, and sessions of the team for reading."""

import re
from typing import Any, Final, cast

import structlog
from django.contrib.auth.models import AnonymousUser
from django.utils import timezone
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from accounts.models import ApiKey, ApiKeyScope, User
from accounts.policies import can_view_accounts
from valuerealization.common import history

_KEY: Final = re.compile(rf"{ApiKey.PREFIX}([A-Za-z0-9]{{8}}\.[A-Za-z0-9]{{32}})", re.ASCII)


class KeyAuthentication(BaseAuthentication):
    """`Authorization: Bearer vr_…`."""

    def authenticate(self, request: Request) -> tuple[AnonymousUser, ApiKey] | None:
        """Find the key, and remember that it was used.

        Raises: AuthenticationFailed for one that is unknown, revoked or expired.
        """
        scheme, _, given = get_authorization_header(request).decode("latin-1").partition(" ")
        if scheme.lower() != "bearer":
            return None
        match = _KEY.fullmatch(given.strip())
        try:
            if match is None:
                raise ApiKey.DoesNotExist
            key = cast("ApiKey", ApiKey.objects.get_from_key(match[1]))
        except ApiKey.DoesNotExist:
            raise AuthenticationFailed("This key is unknown or was revoked.", "invalid_key") from None
        if key.has_expired:
            raise AuthenticationFailed("This key has expired.", "expired_key")
        key.touch(at=timezone.now())
        structlog.contextvars.bind_contextvars(api_key=key.prefix)
        history.known_as(key.as_actor())
        return AnonymousUser(), key

    def authenticate_header(self, request: Request) -> str:  # noqa: ARG002
        """Tell anonymous callers how to sign in."""
        return 'Bearer realm="api"'


class SessionReading(BaseAuthentication):
    """Somebody of the team, signed in on the pages: good for reading, so that no forged form can write."""

    def authenticate(self, request: Request) -> tuple[User, None] | None:
        """Take the session's person."""
        user = request._request.user
        return (user, None) if isinstance(user, User) and can_view_accounts(user) else None


class MayCall(BasePermission):
    """Everybody known may read; writing takes a key that may."""

    def has_permission(self, request: Request, view: Any) -> bool:
        """Check the caller against the method; a method that the endpoint lacks is answered as such.

        Raises: PermissionDenied.
        """
        key = request.auth
        if not isinstance(key, ApiKey) and not isinstance(request.user, User):
            return False
        if request.method in SAFE_METHODS or not hasattr(view, str(request.method).lower()):
            return True
        if not isinstance(key, ApiKey):
            raise PermissionDenied("A session is good for reading only. Use an API key to write.", "session_reads_only")
        if key.scope != ApiKeyScope.WRITE:
            raise PermissionDenied("This key may only read. Use one with the scope write.", "insufficient_scope")
        return True

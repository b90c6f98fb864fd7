"""Who calls the API, and whether they may: keys of integrators, and sessions of the team for reading."""

import re
from typing import Any, Final

import structlog
from django.contrib.auth.models import AnonymousUser
from django.utils import timezone
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from accounts.models import ApiKey, ApiKeyScope, User
from accounts.policies import can_view_accounts
from valuerealization.common.api.problems import Forbidden, refuse

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
            key = ApiKey.objects.get_from_key(match[1])
        except ApiKey.DoesNotExist:
            raise AuthenticationFailed("This key is unknown or was revoked.", "invalid_key") from None
        if key.has_expired:
            raise AuthenticationFailed("This key has expired.", "expired_key")
        key.touch(at=timezone.now())
        structlog.contextvars.bind_contextvars(api_key=key.prefix)
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

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Check the caller against the method; a method that the endpoint lacks is answered as such.

        Raises: Forbidden.
        """
        key = request.auth
        if not isinstance(key, ApiKey) and not isinstance(request.user, User):
            return False
        if request.method in SAFE_METHODS or not hasattr(view, str(request.method).lower()):
            return True
        if not isinstance(key, ApiKey):
            raise Forbidden("A session is good for reading only. Use an API key to write.", code="session_reads_only")
        if key.scope != ApiKeyScope.WRITE:
            raise Forbidden("This key may only read. Use one with the scope write.", code="insufficient_scope")
        return True


class KeyScheme(OpenApiAuthenticationExtension):
    """Describe the keys in the schema."""

    target_class = KeyAuthentication
    name = "key"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:  # noqa: ARG002
        """Give the scheme."""
        return {"type": "http", "scheme": "bearer", "bearerFormat": f"{ApiKey.PREFIX}…"}


class SessionScheme(OpenApiAuthenticationExtension):
    """Describe the session in the schema."""

    target_class = SessionReading
    name = "session"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:  # noqa: ARG002
        """Give the scheme."""
        return {"type": "apiKey", "in": "cookie", "name": "sessionid"}


def person(email: str | None, *, field: str = "owner") -> User | None:
    """Find one of the team by address; nobody for None.

    Raises: Invalid, naming the field.
    """
    if not email:
        return None
    found = User.objects.filter(email=email, is_active=True).first()
    if found is None:
        raise refuse(field, "not_found", "Nobody of the team has this address.")
    return found

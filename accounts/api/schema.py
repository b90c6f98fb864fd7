"""How callers show who they are, for the schema."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension

from accounts.api.authentication import KeyAuthentication, SessionReading
from accounts.models import ApiKey


class KeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """Describe the keys in the schema."""

    target_class = KeyAuthentication
    name = "key"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:  # noqa: ARG002
        """Give the scheme."""
        return {"type": "http", "scheme": "bearer", "bearerFormat": f"{ApiKey.PREFIX}…"}


class SessionScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """Describe the session in the schema."""

    target_class = SessionReading
    name = "session"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:  # noqa: ARG002
        """Give the scheme."""
        return {"type": "apiKey", "in": "cookie", "name": "sessionid"}

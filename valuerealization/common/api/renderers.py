"""How answers are written."""

from rest_framework.renderers import JSONRenderer


class ApiRenderer(JSONRenderer):
    """JSON in UTF-8, without blanks, the same bytes for the same data."""

    media_type = "application/json"
    charset = None
    compact = True
    ensure_ascii = False
    strict = True

    def get_indent(self, accepted_media_type: str, renderer_context: object) -> None:  # noqa: ARG002
        """Write compactly, whatever the Accept header's parameters say."""
        return

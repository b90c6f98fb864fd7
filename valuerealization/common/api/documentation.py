"""Serve the OpenAPI description."""

from drf_spectacular.renderers import OpenApiJsonRenderer, OpenApiJsonRenderer2, OpenApiYamlRenderer
from drf_spectacular.views import SpectacularAPIView

from valuerealization.common.api.views import ApiView


class SchemaView(ApiView, SpectacularAPIView):
    """The OpenAPI schema, as JSON or YAML by the Accept header."""

    schema = None
    renderer_classes = [OpenApiJsonRenderer2, OpenApiJsonRenderer, OpenApiYamlRenderer]
    authentication_classes = ApiView.authentication_classes
    permission_classes = ApiView.permission_classes

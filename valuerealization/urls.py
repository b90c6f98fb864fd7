"""Every address of the product, app by app."""

from django.contrib import admin
from django.urls import include, path

from valuerealization import metrics
from valuerealization.common import health

urlpatterns = [
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", metrics.show, name="metrics"),
    path("admin/", admin.site.urls),
    path("api/", include("valuerealization.api")),
    path("", include("accounts.sign_in_urls")),
    path("", include("accounts.urls")),
    path("", include("accounts.work_urls")),
    path("", include("objectives.urls")),
    path("", include("portfolio.urls")),
    path("", include("portal.urls")),
]

"""Kernel shared by every app: audit log, database roles, units, charts, problems."""

from django.apps import AppConfig
from django.contrib.admin import apps as admin_apps
from django.core import checks
from django.db.backends.signals import connection_created


class CommonConfig(AppConfig):
    name = "valuerealization.common"
    label = "common"
    verbose_name = "System"

    def ready(self) -> None:
        """Watch the role that the product connects as, and how long its statements take."""
        from valuerealization.common.checks import check_application_role, refuse_dangerous_role
        from valuerealization.common.customer_scope import guard_statements
        from valuerealization.common.metrics import measure_statements

        checks.register(check_application_role, checks.Tags.database)
        connection_created.connect(refuse_dangerous_role, dispatch_uid="common.refuse_dangerous_role")
        connection_created.connect(guard_statements, dispatch_uid="common.guard_statements")
        connection_created.connect(measure_statements, dispatch_uid="common.measure_statements")


class ProductAdminConfig(admin_apps.AdminConfig):
    """Django's admin with our site."""

    default = False
    default_site = "valuerealization.common.admin_site.ProductSite"

"""Kernel shared by every app: audit log, database roles, units, charts, problems."""

from django.apps import AppConfig


class CommonConfig(AppConfig):
    name = "valuerealization.common"
    label = "common"
    verbose_name = "System"

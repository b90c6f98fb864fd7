"""The customer's side."""

from django.apps import AppConfig


class PortalConfig(AppConfig):
    name = "portal"

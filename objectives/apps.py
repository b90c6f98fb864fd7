"""Metrics, readings, objectives, their completion and status, and the weekly snapshots."""

from django.apps import AppConfig


class ObjectivesConfig(AppConfig):
    name = "objectives"

    def ready(self) -> None:
        """Say what an account's export holds of this app."""
        import objectives.documents.export_parts  # noqa: F401

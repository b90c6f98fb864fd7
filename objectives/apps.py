"""Metrics, readings, objectives, their completion and status, and the weekly snapshots."""

from django.apps import AppConfig


class ObjectivesConfig(AppConfig):
    name = "objectives"

    def ready(self) -> None:
        """Say what an account's export holds of this app, and where people's data is."""
        import objectives.documents.export_parts
        import objectives.services.personal_places  # noqa: F401

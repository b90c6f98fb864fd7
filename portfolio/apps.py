"""Insights over all accounts, and the pages that compose an account from every app below."""

from django.apps import AppConfig


class PortfolioConfig(AppConfig):
    name = "portfolio"

    def ready(self) -> None:
        """Say where people's data is."""
        import portfolio.services.personal_places  # noqa: F401

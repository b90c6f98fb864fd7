"""Insights over all accounts, and the pages that compose an account from every app below."""

from django.apps import AppConfig


class PortfolioConfig(AppConfig):
    name = "portfolio"

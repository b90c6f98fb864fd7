"""Metrics, readings, objectives, their completion and status, and the weekly snapshots."""

from django.apps import AppConfig


class ObjectivesConfig(AppConfig):
    name = "objectives"

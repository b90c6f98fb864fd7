"""Customer accounts, the people who look after them, and the keys of integrators."""

from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class AccountsConfig(AppConfig):
    name = "accounts"

    def ready(self) -> None:
        """Say what this app exports and where people's data is; watch second factors; keep permissions with roles."""
        import accounts.documents.export_parts
        import accounts.services.personal_places  # noqa: F401
        from accounts.sign_in import watch

        watch()
        post_migrate.connect(_sync_permissions, dispatch_uid="accounts.sync_permissions")


def _sync_permissions(*, app_config: AppConfig, using: str, **_signal: Any) -> None:
    from accounts.services.roles import sync_permissions

    sync_permissions(app_config=app_config, using=using)

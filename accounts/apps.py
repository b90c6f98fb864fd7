"""Customer accounts, the people who look after them, and the keys of integrators."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "accounts"

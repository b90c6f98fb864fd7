"""People, roles, accounts and keys in the admin. Everything is saved by `accounts.services`."""

from accounts.admin import definitions, keys, people, roles, work
from accounts.admin.accounts import AccountAdmin

__all__ = ["AccountAdmin", "definitions", "keys", "people", "roles", "work"]

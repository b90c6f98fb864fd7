"""Make an API key from the command line."""

from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.models import ApiKeyScope
from accounts.services.keys import create_api_key
from valuerealization.common.audit import SYSTEM


class Command(BaseCommand):
    help = "Make an API key and print it, nothing else. It is shown this once; only its hash is stored."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--name", required=True, help="what the key is for, up to 50 characters")
        parser.add_argument("--scope", required=True, choices=ApiKeyScope.values)

    def handle(self, *_args: Any, name: str, scope: str, **_options: Any) -> None:
        try:
            _, secret = create_api_key(name=name.strip(), scope=scope, by=SYSTEM)
        except ValidationError as error:
            raise CommandError("; ".join(error.messages)) from error
        self.stdout.write(secret)

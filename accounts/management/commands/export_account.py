"""`manage.py export_account ID FILE`: everything about one account as a zip file."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from accounts.documents.account_export import write_account_export
from accounts.models import Account
from accounts.services.exports import record_account_export
from valuerealization.common.audit import SYSTEM


class Command(BaseCommand):
    help = "Write everything about one account into a zip file of JSON and CSV, as of one instant."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("account", help="its id, or external:REF")
        parser.add_argument("file", type=Path, help="where to write; an existing file is not overwritten")

    def handle(self, *, account: str, file: Path, **_options: Any) -> None:
        """Write the file; a half-written one is removed."""
        found = _account(account)
        try:
            with file.open("xb") as target:
                try:
                    record_account_export(account=found, by=SYSTEM)
                    written = write_account_export(found, at=timezone.now(), to=target)
                except BaseException:
                    file.unlink(missing_ok=True)
                    raise
        except OSError as error:
            raise CommandError(f"{file}: {error.strerror}.") from error
        rows = sum(each.rows for each in written if each.path.startswith("json/"))
        self.stdout.write(f"{found.name}: {rows} rows written to {file}.")


def _account(text: str) -> Account:
    accounts = Account.objects.none()
    if text.startswith("external:"):
        accounts = Account.objects.filter(external_id=text.removeprefix("external:"))
    elif text.isascii() and text.isdigit() and len(text) < 19:
        accounts = Account.objects.filter(pk=int(text))
    account = accounts.first()
    if account is None:
        raise CommandError(f"{text}: there is no such account.")
    return account

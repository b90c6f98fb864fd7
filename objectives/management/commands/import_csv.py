"""`manage.py import_csv accounts|metrics|objectives|readings FILE [--sheet NAME] [--dry-run]`."""

from argparse import ArgumentParser
from dataclasses import replace
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from objectives.imports.jobs import import_at_once
from objectives.imports.run import KINDS
from objectives.imports.tables import FileRefused
from valuerealization.common.audit import SYSTEM


class Command(BaseCommand):
    help = "Import accounts, metrics, objectives or readings from CSV or Excel: all of it, or nothing and every error."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("kind", choices=list(KINDS))
        parser.add_argument("file", type=Path)
        parser.add_argument("--sheet", default="", help="which sheet of a workbook")
        parser.add_argument("--dry-run", action="store_true", help="check everything, save nothing")

    def handle(self, *, kind: str, file: Path, sheet: str, dry_run: bool, **_options: object) -> None:
        """Import the file and say what became of its rows."""
        try:
            by = replace(SYSTEM, name=f"Import of {file.name}"[:200])
            saved = import_at_once(kind=kind, path=file, by=by, at=timezone.now(), dry_run=dry_run, sheet=sheet)
        except FileRefused as error:
            for each in error.errors:
                self.stderr.write(str(each))
            count = len(error.errors)
            raise CommandError(f"{count} error{'' if count == 1 else 's'} in {file}: nothing was imported.") from error
        except OSError as error:
            raise CommandError(f"{file} can't be read: {error.strerror}.") from error
        changed = "corrected" if kind == "readings" else "changed"
        self.stdout.write(
            f"{saved.rows} rows of {kind}: {saved.created} new, {saved.changed} {changed}, {saved.unchanged} unchanged."
        )
        if saved.held:
            self.stdout.write(f"{saved.held} more held as outliers until a person accepts or rejects them.")
        if saved.rejected:
            self.stdout.write(f"{saved.rejected} more left out: a person has rejected these values before.")
        if dry_run:
            self.stdout.write("This was a dry run: nothing was saved.")

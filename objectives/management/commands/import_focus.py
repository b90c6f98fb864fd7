"""`manage.py import_focus FILE`: take in a cloud bill in the FOCUS 1.0 format."""

from argparse import ArgumentParser
from dataclasses import asdict, replace
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from objectives.imports.jobs import import_focus
from objectives.imports.tables import FileRefused
from valuerealization.common.audit import SYSTEM


class Command(BaseCommand):
    help = "Import a FOCUS 1.0 cost export: accounts, daily costs, goals and the weeks they make."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)

    def handle(self, *, file: Path, **_options: object) -> None:
        """Import the file and say what became of it."""
        try:
            done = import_focus(path=file, by=replace(SYSTEM, name=f"Import of {file.name}"[:200]), at=timezone.now())
        except FileRefused as error:
            for each in error.errors:
                self.stderr.write(str(each))
            count = len(error.errors)
            raise CommandError(f"{count} error{'' if count == 1 else 's'} in {file}: nothing was imported.") from error
        except OSError as error:
            raise CommandError(f"{file} can't be read: {error.strerror}.") from error
        for name, count in asdict(done).items():
            self.stdout.write(f"{name.replace('_', ' ')}: {count}")

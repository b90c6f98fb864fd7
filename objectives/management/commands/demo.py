"""`manage.py demo [--accounts N]`: the demo portfolio."""

import time
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from objectives.demo.bulk import load_many
from objectives.demo.load import AlreadyLoaded, NotEmpty, load
from objectives.demo.world import CUSTOMERS, PASSWORD, TEAM

MANY = 1_000
MANY_WEEKS = 8  # enough for a trend and a 4-week change
FEW_WEEKS = 2


class Command(BaseCommand):
    help = "Load the demo portfolio into an empty database: 52 invented accounts with a year of weekly history."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--accounts",
            type=int,
            default=len(CUSTOMERS),
            help=f"how many; a number other than {len(CUSTOMERS)} loads generated accounts of five objectives",
        )
        parser.add_argument(
            "--weeks",
            type=int,
            help=f"weeks of history of generated accounts (2, or {MANY_WEEKS} above {MANY:,} accounts)",
        )
        parser.add_argument(
            "--force", action="store_true", help="load into a database that is not the embedded one; nobody can sign in"
        )

    def handle(self, *, accounts: int, weeks: int | None, force: bool, **_options: Any) -> None:
        """Load, unless there is something already."""
        if weeks is None:
            weeks = MANY_WEEKS if accounts > MANY else FEW_WEEKS
        if accounts < 1 or not 1 <= weeks <= 260:
            raise CommandError("--accounts is 1 or more, --weeks from 1 to 260.")
        if not settings.EMBEDDED and not force:
            raise CommandError(
                "This is not the embedded database. The demo portfolio is for trying the product out;"
                " to load it here all the same, give --force: its people then have no password."
            )
        started = time.monotonic()
        at = timezone.now()
        try:
            if accounts == len(CUSTOMERS):
                loaded = load(at=at, can_sign_in=settings.EMBEDDED, say=self._say)
            else:
                loaded = load_many(accounts, weeks=weeks, at=at, can_sign_in=settings.EMBEDDED, say=self._say)
        except AlreadyLoaded:
            self._say("The demo portfolio is loaded already: nothing changed.")
            return
        except NotEmpty as error:
            raise CommandError(
                "There are accounts of your own, and a demo portfolio would mix into their averages."
                " Load it into an empty database: VAR_DIR=/some/other/directory .venv/bin/python manage.py demo"
            ) from error
        self._say(
            f"Loaded {loaded.accounts} accounts, {loaded.objectives} objectives, {loaded.readings} readings and"
            f" {loaded.snapshots} snapshots in {time.monotonic() - started:.1f} s."
        )
        if settings.EMBEDDED:
            sign_ins = ", ".join(person.email for person in TEAM if person.signs_in)
            self._say(f"Sign in as {sign_ins}; the password is {PASSWORD}.")

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()

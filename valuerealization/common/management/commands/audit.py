"""`manage.py audit verify|seal`: the hash chain over the audit log, from the command line."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from valuerealization.common.audit_checking import verify_chain
from valuerealization.common.audit_sealing import seal_entries


class Command(BaseCommand):
    help = "Check the audit log against its hash chain, or seal what was written since the last time."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("action", choices=["verify", "seal"])
        parser.add_argument(
            "--expect", default="", metavar="HASH", help="verify: a hash of the chain that was written down elsewhere"
        )

    def handle(self, *, action: str, expect: str, **_options: Any) -> None:
        """Dispatch to the action."""
        if action == "seal":
            sealed = seal_entries(at=timezone.now())
            self.stdout.write(f"{sealed.entries} entries sealed. Hash of the chain: {sealed.head or 'none yet'}")
            return
        found = verify_chain(expect=expect)
        for problem in found.problems:
            self.stderr.write(str(problem))
        if found.problems:
            raise CommandError(f"The audit log is not what was sealed. First difference: {found.problems[0]}.")
        self.stdout.write(f"{found.entries} entries under {found.seals} seals are as they were sealed.")
        if found.unsealed:
            self.stdout.write(f"{found.unsealed} newer ones wait for a seal, since {found.unsealed_since:%F %T} UTC.")
        self.stdout.write(f"Hash of the chain: {found.head or 'none yet'}")

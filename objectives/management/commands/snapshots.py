"""`manage.py snapshots …`: the weekly snapshots and their archives from the command line."""

import codecs
import json
from argparse import ArgumentParser
from datetime import date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime

from accounts.models import Account
from objectives.models import SnapshotArchive
from objectives.services import archives, restatements, snapshots
from objectives.services.archive_files import BadArchive, Written, read_lines
from objectives.services.standings import sweep_standings
from objectives.weeks import last_week_at_or_before
from valuerealization.common.audit import SYSTEM


class Command(BaseCommand):
    help = "Take due weekly snapshots, rebuild past ones, verify what is stored; archive old ones and read them back."

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
        take = actions.add_parser("take", help="take what is due")
        rebuild = actions.add_parser("rebuild", help="take history that arrived late into past weeks")
        rebuild.add_argument("--from", dest="from_week", help="first day to look at, e.g. 2026-01-01")
        rebuild.add_argument("--to", dest="to_week", help="last day to look at")
        rebuild.add_argument("--reason", default="", help="why, for the audit log")
        verify = actions.add_parser("verify", help="compute every stored week anew, and compare archives' checksums")
        archive = actions.add_parser("archive", help="move what is older than the retention window into files")
        archive.add_argument("--dry-run", action="store_true", help="say what would be archived, and change nothing")
        actions.add_parser("archives", help="list the archive files")
        read = actions.add_parser("read-archive", help="write an archive's lines to the terminal, checked")
        read.add_argument("file", type=Path, help="a path, or the name of a file in the archive directory")
        restore = actions.add_parser("restore-archive", help="bring an archive's rows back into the live tables")
        restore.add_argument("file", type=Path, help="a path, or the name of a file in the archive directory")
        for each in (take, rebuild, archive):
            each.add_argument(
                "--at", help="the instant to act for, e.g. 2026-11-22T02:01:00+01:00; UTC without an offset; else now"
            )
        for each in (take, rebuild, verify):
            each.add_argument("--account", help="one account: its id, or external:REF")

    def handle(self, *, action: str, at: str | None = None, account: str | None = None, **options: Any) -> None:
        """Dispatch to the action."""
        instant = _instant(at) if at else timezone.now()
        account_id = _account(account).pk if account else None
        match action:
            case "take":
                self._take(instant, account_id)
            case "rebuild":
                self._rebuild(instant, account_id, options)
            case "verify":
                self._verify(account_id)
            case "archive":
                self._archive(instant, is_dry_run=options["dry_run"])
            case "archives":
                self._list()
            case "read-archive":
                self._read(_file(options["file"]))
            case "restore-archive":
                self._restore(_file(options["file"]))

    def _take(self, at: datetime, account_id: int | None) -> None:
        try:
            snapshots.check_clock(at=at, allow_future=settings.VR_ALLOW_FUTURE)
        except snapshots.ClockHeld as error:
            raise CommandError(f"{error} Set VR_ALLOW_FUTURE=1 to try the future out.") from error
        taken = snapshots.take_due(at=at, account_id=account_id)
        moved = sweep_standings(at=max(at, timezone.now())) if account_id is None else 0
        self.stdout.write(f"{taken.stored} snapshots taken, {taken.failed} accounts failed, {moved} standings moved.")
        if taken.failed:
            raise CommandError(f"{taken.failed} accounts failed: their standings hold the reason.")

    def _rebuild(self, at: datetime, account_id: int | None, options: dict[str, Any]) -> None:
        accounts = Account.objects.active().order_by("pk")
        ids = list(accounts.values_list("pk", flat=True)) if account_id is None else [account_id]
        last = last_week_at_or_before(at, "Pacific/Kiritimati")
        asked_to = _day(options["to_week"])
        rebuilt = restatements.rebuild(
            account_ids=ids,
            by=SYSTEM,
            reason=options["reason"] or "Rebuilt from the command line",
            from_week=_day(options["from_week"]),
            to_week=min(last, asked_to) if asked_to else last,
        )
        self.stdout.write(f"{rebuilt.added} weeks added, {rebuilt.changed} weeks restated.")

    def _verify(self, account_id: int | None) -> None:
        found = restatements.verify(account_ids=None if account_id is None else [account_id])
        for difference in found:
            subject = "portfolio" if difference.account_id is None else f"account {difference.account_id}"
            self.stderr.write(f"{subject}, week of {difference.week}: {difference.detail}")
        bad_files = archives.check_files() if account_id is None else []
        for line in bad_files:
            self.stderr.write(line)
        if found:
            raise CommandError(f"{len(found)} stored weeks differ from what readings and definitions say.")
        if bad_files:
            raise CommandError(f"{len(bad_files)} archive files are missing or not what was written.")
        self.stdout.write("Every stored week follows from readings and definitions.")

    def _archive(self, at: datetime, *, is_dry_run: bool) -> None:
        try:
            snapshots.check_clock(at=at, allow_future=settings.VR_ALLOW_FUTURE)
            if is_dry_run:
                self._say_due(at)
                return
            done = 0
            while archive := archives.archive_next(at=at, by=SYSTEM):
                done += 1
                self.stdout.write(
                    f"{settings.VR_ARCHIVE_DIR / archive.file}: {archive.snapshots:,} snapshots with"
                    f" {archive.objectives:,} objectives, {archive.replaced:,} replaced, {archive.size:,} bytes."
                )
        except (snapshots.ClockHeld, archives.ArchiveBusy, BadArchive, OSError) as error:
            raise CommandError(f"{error} What was not archived stays in the live tables.") from error
        if not done:
            self.stdout.write(f"No snapshot is older than {archives.kept_since(at=at)}: nothing to archive.")

    def _say_due(self, at: datetime) -> None:
        for batch in archives.due_batches(at=at):
            self.stdout.write(f"{batch.first_week} to {batch.last_week}: {batch.snapshots:,} snapshots.")
        kept = archives.kept_since(at=at)
        self.stdout.write(f"Weeks from {kept} on stay. This was a dry run: nothing was changed.")

    def _list(self) -> None:
        for archive in SnapshotArchive.objects.order_by("first_week", "pk"):
            self.stdout.write(
                f"{archive.file}: {archive.snapshots:,} snapshots with {archive.objectives:,} objectives,"
                f" {archive.size:,} bytes, sha256 {archive.sha256}"
            )

    def _read(self, path: Path) -> None:
        try:
            entry = SnapshotArchive.objects.filter(file=path.name).first()
            if entry is not None and Written.of(path) != Written(entry.size, entry.sha256):
                raise BadArchive(path, "it is not the file that was written: its checksum differs")
            header, lines = read_lines(path=path)
            self.stdout.write(json.dumps(header))
            decode = codecs.getincrementaldecoder("utf-8")().decode
            for piece in lines:
                self.stdout.write(decode(piece), ending="")
        except (BadArchive, OSError) as error:
            raise CommandError(str(error)) from error

    def _restore(self, path: Path) -> None:
        try:
            restored = archives.restore(path=path, by=SYSTEM)
        except (BadArchive, archives.ArchiveBusy, OSError) as error:
            raise CommandError(f"{error} Nothing was restored.") from error
        self.stdout.write(
            f"{restored.snapshots:,} snapshots with {restored.objectives:,} objectives and {restored.replaced:,}"
            " replaced ones are back. The next clean-up archives again what is older than the retention window."
        )


def _instant(text: str) -> datetime:
    try:
        instant = parse_datetime(text)
    except ValueError as error:
        raise CommandError(f"--at {text}: {error}.") from error
    if instant is None:
        raise CommandError(f"--at {text}: write an instant such as 2026-11-22T02:01:00Z.")
    return instant if instant.tzinfo else instant.replace(tzinfo=ZoneInfo("UTC"))


def _file(path: Path) -> Path:
    return path if path.exists() or path.name != str(path) else Path(settings.VR_ARCHIVE_DIR) / path


def _day(text: str | None) -> date | None:
    if not text:
        return None
    try:
        day = parse_date(text)
    except ValueError as error:
        raise CommandError(f"{text}: {error}.") from error
    if day is None:
        raise CommandError(f"{text}: write a day such as 2026-01-31.")
    return day


def _account(text: str) -> Account:
    reference = text.removeprefix("external:")
    accounts = Account.objects.all()
    found = accounts.filter(external_id=reference) if text.startswith("external:") else accounts.none()
    if not text.startswith("external:") and text.isascii() and text.isdigit():
        found = accounts.filter(pk=int(text))
    account = found.first()
    if account is None:
        raise CommandError(f"--account {text}: there is no such account.")
    return account

"""`manage.py snapshots take|rebuild|verify`: the weekly snapshots from the command line."""

from argparse import ArgumentParser
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime

from accounts.models import Account
from objectives.services import restatements, snapshots
from objectives.services.standings import sweep_standings
from objectives.weeks import last_week_at_or_before
from valuerealization.common.audit import SYSTEM


class Command(BaseCommand):
    help = "Take due weekly snapshots, rebuild past ones from readings, or verify what is stored."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("action", choices=["take", "rebuild", "verify"])
        parser.add_argument(
            "--at", help="the instant to act for, e.g. 2026-11-22T02:01:00+01:00; UTC without an offset (default: now)"
        )
        parser.add_argument("--account", help="one account: its id, or external:REF")
        parser.add_argument("--from", dest="from_week", help="rebuild: first day to look at, e.g. 2026-01-01")
        parser.add_argument("--to", dest="to_week", help="rebuild: last day to look at")
        parser.add_argument("--reason", default="", help="rebuild: why, for the audit log")

    def handle(self, *, action: str, at: str | None, account: str | None, **options: Any) -> None:
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
        if found:
            raise CommandError(f"{len(found)} stored weeks differ from what readings and definitions say.")
        self.stdout.write("Every stored week follows from readings and definitions.")


def _instant(text: str) -> datetime:
    try:
        instant = parse_datetime(text)
    except ValueError as error:
        raise CommandError(f"--at {text}: {error}.") from error
    if instant is None:
        raise CommandError(f"--at {text}: write an instant such as 2026-11-22T02:01:00Z.")
    return instant if instant.tzinfo else instant.replace(tzinfo=ZoneInfo("UTC"))


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

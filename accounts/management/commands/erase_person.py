"""`manage.py erase_person ADDRESS`: forget somebody of the team or a contact."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.models import Contact, User
from accounts.services.erasure import ErasureRefused, erase_contact, erase_user, foresee_contact, foresee_user
from valuerealization.common.audit import SYSTEM


class Command(BaseCommand):
    help = "Put a placeholder wherever a person was named. The numbers stay; there is no way back."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("person", help="an e-mail address, user:ID or contact:ID")
        parser.add_argument("--yes", action="store_true", help="do it; without, only say what would be done")

    def handle(self, *, person: str, yes: bool, **_options: Any) -> None:
        """Erase, or say what it would mean."""
        found = _person(person)
        if not yes:
            self.stdout.write(f"{_meaning(found)} Nothing was done: add --yes to erase for good.")
            return
        try:
            if isinstance(found, User):
                erased = erase_user(user=found, by=SYSTEM)
            else:
                erased = erase_contact(contact=found, by=SYSTEM)
        except ErasureRefused as refused:
            raise CommandError(str(refused)) from refused
        for what, number in erased.counts.items():
            if number:
                self.stdout.write(f"{number:>7}  {what}")
        self.stdout.write(f"Only “{erased.placeholder}” is left.")


def _person(text: str) -> User | Contact:
    kind, _, number = text.partition(":")
    found: User | Contact | None = None
    if kind in ("user", "contact") and number.isascii() and number.isdigit() and len(number) < 19:
        model: type[User | Contact] = User if kind == "user" else Contact
        found = model.objects.filter(pk=int(number)).first()
    else:
        email = text.strip().lower()
        found = User.objects.filter(email=email).first() or (
            Contact.objects.filter(email=email).exclude(email="").order_by("pk").first()
        )
    if found is None:
        raise CommandError(f"{text}: there is nobody of that address or id.")
    return found


def _meaning(person: User | Contact) -> str:
    if isinstance(person, Contact):
        return f"Contact {person}: {foresee_contact(contact=person).contacts} with this address would be erased."
    foreseen = foresee_user(user=person)
    return (
        f"{person}: {len(foreseen.keys)} API keys would be revoked, and {foreseen.accounts} accounts stay theirs,"
        f" under the name “Erased person {person.pk}”."
    )

"""Notes of an account as pages show them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from accounts.models import Account, Note
from accounts.prose import Part
from accounts.queries.prose import FileRow, files_of, maker_of, prose
from accounts.queries.team import team_names
from valuerealization.common.keyset import KeysetPage, Ordering, page
from valuerealization.common.models import AuditEntry

PAGE_ROWS: Final = 20

# Pinned ones first, then the newest.
_ORDERING: Final = Ordering("notes", ("is_pinned", "id"), is_descending=True)


@dataclass(frozen=True, slots=True)
class NoteRow:
    """A note: who wrote it, when, and its text with links and mentions."""

    pk: int
    who: str
    at: datetime
    edited_at: datetime | None
    is_pinned: bool
    parts: tuple[Part, ...]
    files: tuple[FileRow, ...]


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a note, as somebody saved it."""

    who: str
    at: datetime
    body: str


def note_page(*, account: Account, cursor: str | None) -> tuple[KeysetPage[Note], list[NoteRow]]:
    """Read one page of an account's notes, pinned ones first; five queries at any length.

    Raises: InvalidCursor.
    """
    rows = Note.objects.present().filter(account=account).select_related("created_by")
    found = page(rows, _ORDERING, cursor, size=PAGE_ROWS)
    return found, note_rows(found.rows)


def note_rows(notes: list[Note]) -> list[NoteRow]:
    """Write notes as rows; who wrote each is read with it."""
    people = team_names()
    files = files_of(notes)
    return [
        NoteRow(
            note.pk, maker_of(note), note.created_at, note.edited_at, note.is_pinned, prose(note.body, people),
            tuple(files[note.pk]),
        )
        for note in notes
    ]  # fmt: skip


def versions(note: Note) -> list[Version]:
    """Read every version of a note from the audit log, newest first."""
    entries = AuditEntry.objects.filter(
        subject_type=Note._meta.label_lower, subject_id=note.pk, action__in=["note.created", "note.updated"]
    ).order_by("-pk")

    def text(details: dict[str, Any]) -> str:
        pair = details.get("body")
        return str(pair[1]) if isinstance(pair, list) else ""

    return [Version(entry.actor_name, entry.at, text(entry.details)) for entry in entries]

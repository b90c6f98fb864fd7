"""Texts with their links and mentions, comments and files, as pages show them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from accounts.models import Attachment, Meeting, Note, Task, TaskComment
from accounts.prose import Part, parts

COMMENTS: Final = 200


@dataclass(frozen=True, slots=True)
class FileRow:
    """A file to download."""

    key: str
    name: str
    size: str


@dataclass(frozen=True, slots=True)
class CommentRow:
    """What somebody said about a task."""

    pk: int
    who: str
    at: datetime
    parts: tuple[Part, ...]


def prose(text: str, people: dict[int, str]) -> tuple[Part, ...]:
    """Cut a text into links, mentions and plain stretches."""
    return tuple(parts(text, people))


def comment_rows(*, task: Task, people: dict[int, str]) -> list[CommentRow]:
    """Read the latest comments on a task, oldest first; one query."""
    found = TaskComment.objects.filter(task=task, deleted_at=None).select_related("created_by").order_by("-pk")
    return [
        CommentRow(each.pk, maker_of(each), each.created_at, prose(each.body, people))
        for each in reversed(found[:COMMENTS])
    ]


def files_of(subjects: Sequence[Note | Task | Meeting]) -> dict[int, list[FileRow]]:
    """Read the files of several things of one kind, by the id of each; one query."""
    if not subjects:
        return {}
    name = type(subjects[0]).__name__.lower()
    found = Attachment.objects.present().filter(**{f"{name}__in": subjects}).select_related("file").order_by("pk")
    files: dict[int, list[FileRow]] = {each.pk: [] for each in subjects}
    for each in found:
        files[getattr(each, f"{name}_id")].append(FileRow(each.key, each.name, write_size(each.file.size)))
    return files


def maker_of(record: Note | Task | TaskComment) -> str:
    """Name who made something: a person, or what did."""
    return str(record.created_by) if record.created_by else record.source or "Somebody"


def write_size(size: int) -> str:
    """Write a file's size: 12 bytes, 340 KB, 1.2 MB."""
    if size < 1024:
        return f"{size} byte{'' if size == 1 else 's'}"
    kilobytes = size / 1024
    return f"{kilobytes:.0f} KB" if kilobytes < 1000 else f"{kilobytes / 1024:.1f} MB"

"""Files from outside: what they may be called, how large and of which type they are. The content decides.

Nothing here unpacks: of an Office document only the table of contents is read.
"""

import csv
import io
import re
import unicodedata
import zipfile
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Final

import filetype
from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse

LONGEST_NAME: Final = 120
_MOST_ENTRIES: Final = 10_000
_SNIFFED: Final = 4096  # bytes; as far as browsers look, and further
_CSV_ROWS: Final = 1000

_OFFICE: Final = "application/vnd.openxmlformats-officedocument"
# Extension: what the file is served as.
TYPES: Final = {
    "pdf": "application/pdf",
    "png": "image/png",
    "jpg": "image/jpeg",
    "gif": "image/gif",
    "webp": "image/webp",
    "docx": f"{_OFFICE}.wordprocessingml.document",
    "xlsx": f"{_OFFICE}.spreadsheetml.sheet",
    "pptx": f"{_OFFICE}.presentationml.presentation",
    "csv": "text/csv; charset=utf-8",
    "txt": "text/plain; charset=utf-8",
}
_SAME: Final = {"jpeg": "jpg", "jpe": "jpg", "text": "txt", "log": "txt", "md": "txt"}
_MAIN_PART: Final = {"docx": "word/document.xml", "xlsx": "xl/workbook.xml", "pptx": "ppt/presentation.xml"}
# Macros, ActiveX, embedded programs, Java classes: none of it belongs into a document that is passed around.
_ACTIVE: Final = re.compile(
    r"(?i)(vbaproject|vbadata|/macrosheets/|/activex/|^meta-inf/|/embeddings/.*\.bin$|\.(class|exe|dll|js|vbs|hta|jar)$)"
)
# What would make a browser or an interpreter take a picture or a text for a program.
_PROGRAM: Final = re.compile(rb"<script|<html|<!doctype|<\?php|<iframe|<svg[\s>]|<\?xml-stylesheet", re.IGNORECASE)
_NOT_TEXT_STARTS: Final = (b"#!", b"%PDF", b"MZ", b"PK", b"GIF8", b"{\\rtf", b"\x7fELF", b"<?xml", b"<%")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")


class UploadRefused(ValueError):
    """A file is not taken: why, for machines and in words."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


@dataclass(frozen=True, slots=True)
class Checked:
    """What a file may be called, and what it is served as."""

    name: str
    content_type: str
    size: int


class BodyLimit:
    """Middleware that turns away a body larger than any file that is taken, which would fill the disk unseen.

    Up to twice the largest file it comes through, so that a form can say beside its field what is too large. The API
    has limits of its own.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        """Wrap the rest of the stack."""
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer 413, or go on."""
        given = request.META.get("CONTENT_LENGTH") or "0"
        most = 2 * max(settings.VR_IMPORT_MAX_BYTES, settings.VR_ATTACHMENT_MAX_BYTES)
        if given.isdecimal() and int(given) > most and not request.path.startswith("/api/"):
            text = f"This is too large: at most {megabytes(most)} are read.\n"
            return HttpResponse(text, status=413, content_type="text/plain; charset=utf-8")
        return self.get_response(request)


def check_upload(upload: "UploadedFile[Any]", *, allowed: Collection[str], max_bytes: int) -> Checked:
    """Decide whether a file is taken; it stands at its beginning afterwards.

    Shape:  `allowed` are extensions of TYPES.
    Raises: UploadRefused.
    """
    name = clean_name(upload.name or "")
    given = PurePosixPath(name).suffix.removeprefix(".").lower()
    kind = _SAME.get(given, given)
    if kind not in allowed or kind not in TYPES:
        raise UploadRefused("type_not_allowed", f"Files of this type are not taken. Choose one of: {listed(allowed)}.")
    size = upload.size or 0
    if size == 0:
        raise UploadRefused("empty_file", "This file is empty. Choose one with something in it.")
    if size > max_bytes:
        raise UploadRefused("file_too_large", f"This file is too large: at most {megabytes(max_bytes)} are taken.")
    upload.seek(0)
    content = upload.read(max_bytes + 1)
    upload.seek(0)
    if len(content) != size:
        raise UploadRefused("file_incomplete", "This file did not arrive whole. Send it again.")
    if not _is_what_it_says(kind, content):
        raise UploadRefused(
            "content_mismatch",
            f"What is in this file is not what its name says (.{given}), or it holds a program. Save it anew as one of:"
            f" {listed(allowed)}.",
        )
    return Checked(name, TYPES[kind], size)


def clean_name(given: str) -> str:
    """Make a file's name harmless and keep it readable: no path, nothing invisible, no leading dot, its ending kept."""
    text = unicodedata.normalize("NFC", given.encode("utf-8", "replace").decode())
    last = re.split(r"[/\\]", text)[-1]
    visible = "".join(each if unicodedata.category(each)[0] not in "CZ" else " " for each in last)
    plain = re.sub(r"[<>:\"|?*]", "_", visible)
    stem, dot, ending = " ".join(plain.split()).lstrip(". ").rpartition(".")
    if not dot:
        stem, ending = ending, ""
    ending = re.sub(r"\W", "", ending)[:10]
    stem = stem.rstrip(". ")[: LONGEST_NAME - len(ending) - 1] or "file"
    return f"{stem}.{ending}" if ending else stem


def listed(allowed: Collection[str]) -> str:
    """List the types that are taken, for people."""
    return ", ".join(sorted(allowed))


def megabytes(size: int) -> str:
    """Write a limit the way people say it: 10 MB."""
    return f"{size / 1024 / 1024:.0f} MB" if size >= 1024 * 1024 else f"{max(size // 1024, 1)} KB"


def _is_what_it_says(kind: str, content: bytes) -> bool:
    return _CHECKS[kind](kind, content)


def _found(content: bytes) -> str:
    match = filetype.guess(content[: 2 * _SNIFFED])
    return match.extension if match is not None else ""


def _is_picture(kind: str, content: bytes) -> bool:
    if _found(content) != kind or _PROGRAM.search(content):
        return False
    match kind:
        case "png":
            return content[12:16] == b"IHDR" and b"IEND" in content[-64:]
        case "gif":
            return content[:6] in (b"GIF87a", b"GIF89a") and content.rstrip(b"\0")[-1:] == b";"
        case "webp":
            return int.from_bytes(content[4:8], "little") + 8 in (len(content), len(content) - 1, len(content) + 1)
    return b"\xff\xd9" in content[2:]


def _is_pdf(_kind: str, content: bytes) -> bool:
    return content.startswith(b"%PDF-") and b"%%EOF" in content[-2048:] and not _PROGRAM.search(content[:_SNIFFED])


def _is_office(kind: str, content: bytes) -> bool:
    if not content.startswith(b"PK\x03\x04"):
        return False
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as package:
            names = package.namelist()
    except (zipfile.BadZipFile, ValueError, RuntimeError):
        return False
    return (
        len(names) <= _MOST_ENTRIES
        and {"[Content_Types].xml", _MAIN_PART[kind]} <= set(names)
        and not any(_ACTIVE.search(name) for name in names)
    )


def _is_text(kind: str, content: bytes) -> bool:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        encoding = "utf-16"
    else:
        content, encoding = content.removeprefix(b"\xef\xbb\xbf"), "utf-8"
    start = content.lstrip()
    if start.startswith(_NOT_TEXT_STARTS) or (encoding == "utf-8" and _found(content)):
        return False
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError:
        # Spreadsheets of older systems; control characters give away what is no text at all.
        text = content.decode("cp1252", "replace")
    if _CONTROL.search(text) or _PROGRAM.search(text[:_SNIFFED].encode("utf-8", "replace")):
        return False
    return kind != "csv" or _is_table(text)


def _is_table(text: str) -> bool:
    try:
        rows = csv.reader(io.StringIO(text, newline=""), strict=False)
        return any(row for _, row in zip(range(_CSV_ROWS), rows, strict=False))
    except csv.Error:
        return False


_CHECKS: Final[dict[str, Callable[[str, bytes], bool]]] = {
    **dict.fromkeys(("png", "jpg", "gif", "webp"), _is_picture),
    "pdf": _is_pdf,
    **dict.fromkeys(_MAIN_PART, _is_office),
    **dict.fromkeys(("csv", "txt"), _is_text),
}

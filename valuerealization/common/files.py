"""Keep files in the database: every web server reads them, the backup holds them, a rolled-back write leaves none."""

from collections.abc import Iterable, Iterator
from hashlib import sha256
from typing import Final

from django.db import transaction

from valuerealization.common.models import FilePiece, StoredFile

PIECE: Final = 256 * 1024  # bytes; what a reader holds at once


def store_file(chunks: Iterable[bytes]) -> StoredFile:
    """Write a file, piece by piece.

    Shape:  `chunks` of any size, such as `UploadedFile.chunks()`; one chunk and one piece are held at a time.
    """
    digest, size = sha256(), 0
    with transaction.atomic():
        stored = StoredFile.objects.create(size=0, sha256="")
        for number, piece in enumerate(_pieces(chunks)):
            digest.update(piece)
            size += len(piece)
            FilePiece.objects.create(file=stored, number=number, content=piece)
        stored.size, stored.sha256 = size, digest.hexdigest()
        stored.save(update_fields=["size", "sha256"])
    return stored


def read_file(stored: StoredFile) -> Iterator[bytes]:
    """Read a file, one piece and one query at a time; no transaction is kept open between them."""
    number = 0
    while True:
        found = FilePiece.objects.filter(file=stored, number=number).values_list("content", flat=True).first()
        if found is None:
            return
        yield bytes(found)
        number += 1


def _pieces(chunks: Iterable[bytes]) -> Iterator[bytes]:
    waiting = bytearray()
    for chunk in chunks:
        waiting += chunk
        while len(waiting) >= PIECE:
            yield bytes(waiting[:PIECE])
            del waiting[:PIECE]
    if waiting:
        yield bytes(waiting)

"""Files in the database: the same bytes come back, and nothing is left of a write that failed."""

from hashlib import sha256

import pytest
from django.db import transaction

from valuerealization.common.files import PIECE, read_file, store_file
from valuerealization.common.models import FilePiece, StoredFile

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("size", [0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE])
def test_what_goes_in_comes_out(size: int) -> None:
    content = bytes(number % 251 for number in range(size))
    stored = store_file(content[start : start + 100_000] for start in range(0, size, 100_000))
    assert b"".join(read_file(stored)) == content
    stored.refresh_from_db()
    assert (stored.size, stored.sha256) == (size, sha256(content).hexdigest())
    assert [len(bytes(piece.content)) <= PIECE for piece in stored.pieces.all()] == [True] * -(-size // PIECE)


def test_a_write_that_is_rolled_back_leaves_nothing() -> None:
    with transaction.atomic():
        store_file([b"something"])
        transaction.set_rollback(True)
    assert (StoredFile.objects.count(), FilePiece.objects.count()) == (0, 0)

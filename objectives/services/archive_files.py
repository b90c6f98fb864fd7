"""Archive files: gzip, a first line that says what is inside, then one JSON object a line.

`zcat FILE | head` reads them; nothing of this product is needed for it.
"""

import gzip
import hashlib
import json
import os
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

_PIECE: Final = 64 * 1024
_LEVEL: Final = 6
_NOT_WHOLE: Final = (EOFError, gzip.BadGzipFile, zlib.error)


class BadArchive(ValueError):
    """A file that is not an archive of ours, or no longer whole."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}.")


@dataclass(frozen=True, slots=True)
class Written:
    """A file's size and checksum.

    Units: bytes as they are on the disk, compressed.
    """

    size: int
    sha256: str

    @classmethod
    def of(cls, path: Path) -> Self:
        """Read them from a file.

        Raises: OSError.
        """
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256")
            return cls(size=file.tell(), sha256=digest.hexdigest())


def partial_path(*, directory: Path) -> Path:
    """Name the file that is being written, in a directory that only we can enter; a killed run's is written over."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    return directory / ".being-written.partial"


def write_lines(*, path: Path, header: dict[str, Any], lines: Iterable[bytes]) -> Written:
    """Write a file from pieces of lines, however many: compressed as they come, and on the disk when this returns.

    Shape:  the same header and lines give the same bytes.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        with gzip.GzipFile(filename="", fileobj=file, mode="wb", compresslevel=_LEVEL, mtime=0) as packed:
            packed.write(json.dumps(header).encode() + b"\n")
            for piece in lines:
                packed.write(piece)
        file.flush()
        os.fsync(file.fileno())
    return Written.of(path)


def read_lines(*, path: Path) -> tuple[dict[str, Any], Iterator[bytes]]:
    """Open a file: what its first line says, and the rest in pieces of some 64 KiB.

    Raises: BadArchive, also while the pieces are read; OSError.
    """
    with _unpacked(path) as packed:
        try:
            header = json.loads(packed.readline(_PIECE))
        except gzip.BadGzipFile as error:
            raise BadArchive(path, "it is not a gzip file") from error
        except _NOT_WHOLE as error:
            raise BadArchive(path, f"it is not whole ({error})") from error
        except ValueError as error:
            raise BadArchive(path, "it does not begin like an archive of ours") from error
    if not isinstance(header, dict) or not str(header.get("format", "")).startswith("value-realization snapshots"):
        raise BadArchive(path, "it does not begin like an archive of ours")
    return header, _pieces(path)


def keep(*, path: Path, name: str, written: Written, taken: set[str]) -> Path:
    """Give a written file its name for good, without ever writing over another one.

    Shape:  a file of that name with the same content is one that a killed run left: it is taken over.
    """
    number = 1
    while True:
        wanted = path.with_name(f"{name}{f'-{number}' if number > 1 else ''}.jsonl.gz")
        number += 1
        if wanted.name in taken:
            continue
        try:
            os.link(path, wanted)
        except FileExistsError:
            if Written.of(wanted) != written:
                continue
        path.unlink()
        directory = os.open(wanted.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
        return wanted


def _unpacked(path: Path) -> gzip.GzipFile:
    return gzip.open(path, "rb")


def _pieces(path: Path) -> Iterator[bytes]:
    with _unpacked(path) as packed:
        try:
            packed.readline()
            while piece := packed.read(_PIECE):
                yield piece
        except _NOT_WHOLE as error:
            raise BadArchive(path, f"it is not whole ({error})") from error

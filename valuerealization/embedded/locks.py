"""Locks on files: the kernel lets go of them when a process ends, however it ends."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Lock:
    """An advisory lock on a file, held until it is closed or its process ends."""

    def __init__(self, path: Path) -> None:
        """Open the file, making it where it is missing."""
        self.path = path
        self.fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def share(self) -> None:
        """Hold the lock together with others."""
        fcntl.flock(self.fd, fcntl.LOCK_SH)

    def take(self) -> None:
        """Wait until the lock is ours alone."""
        fcntl.flock(self.fd, fcntl.LOCK_EX)

    def try_take(self, *, seconds: float = 0) -> bool:
        """Hold the lock alone if that is possible within `seconds`."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                fcntl.flock(self.fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    return False
                time.sleep(0.02)
            else:
                return True

    def release(self) -> None:
        """Let go, and keep the file open."""
        fcntl.flock(self.fd, fcntl.LOCK_UN)

    def close(self) -> None:
        """Let go and close the file."""
        os.close(self.fd)

    def still_there(self) -> bool:
        """Tell whether the file others would lock is still this one."""
        try:
            return os.path.samestat(self.path.stat(), os.fstat(self.fd))
        except FileNotFoundError:
            return False


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a file's lock alone for the length of a block."""
    lock = Lock(path)
    try:
        lock.take()
        yield
    finally:
        lock.close()

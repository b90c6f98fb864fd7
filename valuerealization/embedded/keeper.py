"""The keeper: one small process beside each server, which outlives commands and ends when nobody uses the server.

Whoever uses a server holds a shared lock on its `users` file, so a killed command counts no longer. Starting, stopping
and counting happen under the `start` lock; the keeper's own life is the `keeper` lock, whose file holds its process id.
"""

import os
import select
import signal

from .locks import Lock
from .servers import EmbeddedError, Server

LOOK_SECONDS = 0.5


def keep(server: Server, *, report_fd: int) -> int:
    """Start a server, report on `report_fd`, and stop it when told to or when its last user is gone.

    Shape:  the exit code.
    """
    alive = Lock(server.lock_path("keeper"))
    if not alive.try_take(seconds=20):
        os.write(report_fd, f"Another process keeps {server.title} in {server.var_dir}.".encode())
        return 1
    os.truncate(alive.fd, 0)
    os.pwrite(alive.fd, str(os.getpid()).encode(), 0)
    signals = _Signals()
    try:
        try:
            server.start()
        except EmbeddedError as error:
            os.write(report_fd, str(error).encode())
            return 1
        os.write(report_fd, b"ready")
        os.close(report_fd)
        while not signals.told_to_stop and server.is_running() and alive.still_there():
            if _stop_if_unused(server):
                break
            signals.wait(LOOK_SECONDS)
    finally:
        server.stop()
    return 0


class _Signals:
    """SIGTERM and the end of a child, noticed at once and acted upon in the main loop."""

    def __init__(self) -> None:
        self.told_to_stop = False
        self.pipe, writer = os.pipe()
        os.set_blocking(self.pipe, False)
        os.set_blocking(writer, False)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGCHLD, lambda _signum, _frame: None)

    def _stop(self, _signum: int, _frame: object) -> None:
        self.told_to_stop = True

    def wait(self, seconds: float) -> None:
        """Wait for a signal, `seconds` at most."""
        if select.select([self.pipe], [], [], seconds)[0]:
            os.read(self.pipe, 1000)


def _stop_if_unused(server: Server) -> bool:
    """Stop the server if nobody holds it, with newcomers waiting meanwhile."""
    starting, users = Lock(server.lock_path("start")), Lock(server.lock_path("users"))
    try:
        if starting.try_take() and users.try_take():
            server.stop()
            return True
        return False
    finally:
        users.close()
        starting.close()

"""Say that work on a batch goes on, on a connection of its own: the work's transaction shows nothing until its end."""

import contextlib
import threading
from types import TracebackType
from typing import Final, Self

import structlog
from django.db import DatabaseError, InterfaceError, connection

from objectives.models import ImportBatch
from objectives.services.batches import beat

log = structlog.get_logger(__name__)

EVERY_S: Final = 0.5


class Heartbeat:
    """Counts rows while they are read, and writes the count down twice a second."""

    def __init__(self, batch: ImportBatch) -> None:
        self.done = 0
        self.total = 0
        self._batch = batch
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"import-{batch.pk}", daemon=True)

    def count(self) -> None:
        """Count one row."""
        self.done += 1

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            while not self._stop.wait(EVERY_S):
                try:
                    beat(batch=self._batch, done=self.done, total=self.total)
                except (DatabaseError, InterfaceError) as error:
                    log.warning("import_heartbeat_missed", batch=self._batch.pk, reason=str(error)[:200])
                    with contextlib.suppress(DatabaseError, InterfaceError):
                        connection.close()
        finally:
            connection.close()

"""Holding servers: started if they aren't up, kept as long as somebody holds them."""

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from .locks import Lock, locked
from .servers import READY_SECONDS, EmbeddedError, Postgres, Server, Valkey, make_private

PROJECT = Path(__file__).resolve().parents[2]


@dataclass
class Hold:
    """A share in running servers, until `release` or the end of this process."""

    servers: Sequence[Server]
    shares: Sequence[Lock]
    keepers: Mapping[str, "subprocess.Popen[bytes]"] = field(repr=False)

    def environment(self) -> dict[str, str]:
        """Say how to reach the servers, as settings read it."""
        return {key: value for server in self.servers for key, value in server.environment().items()}

    def lost(self) -> str | None:
        """Name a server that ended although it is held, if there is one."""
        for server in self.servers:
            keeper = Lock(server.lock_path("keeper"))
            try:
                if keeper.try_take():
                    return server.title
            finally:
                keeper.close()
        return None

    def release(self) -> None:
        """Give the shares back, and stop the servers that nobody else holds."""
        with ExitStack() as starting:
            for server in self.servers:
                starting.enter_context(locked(server.lock_path("start")))
            unused = [server for server, share in zip(self.servers, self.shares, strict=True) if share.try_take()]
            _stop_keepers(unused)
            for share in self.shares:
                share.close()
        for keeper in self.keepers.values():
            if keeper.poll() is None:
                # Others use the server: its keeper goes on without us, and that is no reason for a ResourceWarning.
                keeper.returncode = 0


@contextmanager
def hold_servers(servers: Sequence[Server]) -> Iterator[Hold]:
    """Hold servers for the length of a block, starting those that aren't up.

    Raises: EmbeddedError, one line for the person at the terminal.
    """
    hold = take_hold(servers)
    try:
        yield hold
    finally:
        hold.release()


@contextmanager
def hold_missing(environ: dict[str, str] | os._Environ[str]) -> Iterator[Hold]:
    """Hold the servers that no `DATABASE_URL` or `REDIS_URL` names, and add their addresses to `environ`.

    Raises: EmbeddedError.
    """
    servers = missing_servers(environ)
    if not servers:
        yield Hold([], [], {})
        return
    with hold_servers(servers) as hold:
        environ.update(hold.environment())
        if "DATABASE_URL" in hold.environment():
            environ["VR_EMBEDDED"] = "1"
        yield hold


def missing_servers(environ: Mapping[str, str]) -> list[Server]:
    """List the embedded servers that a process with this environment needs."""
    var_dir = Path(environ.get("VAR_DIR") or PROJECT / "var").absolute()
    servers: list[Server] = []
    if not environ.get("DATABASE_URL"):
        servers.append(Postgres(var_dir))
    if not environ.get("REDIS_URL"):
        servers.append(Valkey(var_dir))
    return servers


def take_hold(servers: Sequence[Server]) -> Hold:
    """Hold servers until `release`; those that aren't up start side by side.

    Raises: EmbeddedError.
    """
    try:
        return _take_hold(servers)
    except PermissionError as error:
        raise EmbeddedError(f"{error.filename} belongs to another user: run as that user, or set VAR_DIR.") from None


def _take_hold(servers: Sequence[Server]) -> Hold:
    for server in servers:
        make_private(server.lock_path("start").parent, var_dir=server.var_dir)
    shares: list[Lock] = []
    keepers: dict[str, subprocess.Popen[bytes]] = {}
    with ExitStack() as starting, ExitStack() as undo:
        for server in servers:
            starting.enter_context(locked(server.lock_path("start")))
            share = Lock(server.lock_path("users"))
            undo.callback(share.close)
            share.share()
            shares.append(share)
        reports = []
        for server in servers:
            if not _is_kept(server):
                keepers[server.name], report = _start_keeper(server)
                reports.append((server, starting.enter_context(report)))
                # By its process and not by its lock, which it may not have taken yet.
                undo.callback(keepers[server.name].wait)
                undo.callback(keepers[server.name].terminate)
        for server, report in reports:
            _await_report(server, report)
        undo.pop_all()
    return Hold(servers, shares, keepers)


def _is_kept(server: Server) -> bool:
    """Tell whether a keeper lives; one whose server has just ended is waited for."""
    keeper = Lock(server.lock_path("keeper"))
    try:
        if keeper.try_take():
            return False
        return server.is_ready() or not keeper.try_take(seconds=READY_SECONDS)
    finally:
        keeper.close()


def _start_keeper(server: Server) -> tuple["subprocess.Popen[bytes]", IO[bytes]]:
    report, report_writer = os.pipe()
    log = server.var_dir / "log" / "keeper.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        keeper = subprocess.Popen(
            [
                *(sys.executable, "-m", __package__, server.name, server.var_dir),
                *("fast" if server.fast else "safe", str(report_writer)),
            ],
            cwd=PROJECT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            pass_fds=[report_writer],
            start_new_session=True,
        )
    os.close(report_writer)
    return keeper, os.fdopen(report, "rb")


def _await_report(server: Server, report: IO[bytes]) -> None:
    """Wait for the keeper's word.

    Raises: EmbeddedError.
    """
    said = report.read() if select.select([report], [], [], 2 * READY_SECONDS)[0] else b""
    if said != b"ready":
        log = server.var_dir / "log" / "keeper.log"
        raise EmbeddedError(said.decode() or f"{server.title} could not be started (see {log}).")


def _stop_keepers(servers: Sequence[Server]) -> None:
    """End the keepers that live, and with them their servers; done when they are gone."""
    keepers = [Lock(server.lock_path("keeper")) for server in servers]
    for keeper in keepers:
        if not keeper.try_take():
            _terminate(keeper)
    for keeper in keepers:
        deadline = time.monotonic() + 30
        while not keeper.try_take(seconds=1) and time.monotonic() < deadline:
            _terminate(keeper)
        keeper.close()


def _terminate(keeper: Lock) -> None:
    written = os.pread(keeper.fd, 20, 0)
    if written:
        try:
            os.kill(int(written), signal.SIGTERM)
        except ProcessLookupError:
            return

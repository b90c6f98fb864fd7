"""Run the whole product in one terminal: web server, worker and scheduler, with the servers they need.

`python -m valuerealization.supervisor` is what `make run` ends in. Every process has a group of its own, so Ctrl-C
reaches this one alone, which ends the others in order; they end by themselves should this one be killed.
Only the standard library is imported here: `--check-port` runs before anything is installed.
"""

import contextlib
import errno
import json
import os
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import IO, cast

from valuerealization.embedded import EmbeddedError, Hold, hold_missing, missing_servers
from valuerealization.embedded.identity import die_with_parent

PROJECT = Path(__file__).resolve().parents[1]
GRACE_SECONDS = 12.0
LOOK_SECONDS = 1.0
COLOURS = {"setup": "35", "web": "36", "worker": "33", "beat": "32"}
DEMO_SIGN_INS = "csm@example.com, leader@example.com, admin@example.com"


class StartError(Exception):
    """Running can't begin or go on; the message is one line for the person at the terminal."""


def reserve_port(text: str) -> socket.socket:
    """Listen on 127.0.0.1 from the very start, so that nobody takes the port while we prepare.

    Raises: StartError.
    """
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 65535:
        raise StartError(f"PORT is a number from 1 to 65535, not {text!r}.")
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", int(text)))
        listener.listen()
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise StartError(
                f"Port {text} is in use: stop what uses it, or choose another: PORT=8001 make run"
            ) from None
        raise StartError(f"Port {text} can't be used: {error.strerror}.") from None
    return listener


class Child:
    """A process we started, in a group of its own, with its output as our lines."""

    def __init__(
        self, name: str, command: Sequence[str], *, environment: dict[str, str], fds: Sequence[int] = ()
    ) -> None:
        """Start the process."""
        self.name = name
        self.exit_code: int | None = None
        self._rest = b""
        self.process = subprocess.Popen(
            [sys.executable, *command],
            cwd=PROJECT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=fds,
            start_new_session=True,
            preexec_fn=die_with_parent,
        )
        self.output = cast("IO[bytes]", self.process.stdout)
        os.set_blocking(self.output.fileno(), False)

    def read_lines(self) -> list[str]:
        """Take the complete lines that have arrived."""
        chunks = [self._rest]
        while chunk := self._read():
            chunks.append(chunk)
        *lines, self._rest = b"".join(chunks).split(b"\n")
        return [line.decode(errors="replace").rstrip("\r") for line in lines]

    def _read(self) -> bytes:
        try:
            return os.read(self.output.fileno(), 65536)
        except BlockingIOError:
            return b""

    def has_ended(self) -> bool:
        """Tell whether the process has ended; whatever it left in its group is ended too."""
        if self.exit_code is None:
            # The group's number stays ours as long as its leader isn't waited for.
            if os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
                return False
            self.signal(signal.SIGKILL)
            self.exit_code = self.process.wait()
        return True

    def signal(self, signum: int) -> None:
        """Send a signal to the leader, or SIGKILL to all of the group."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if signum == signal.SIGKILL:
                os.killpg(self.process.pid, signum)
            else:
                os.kill(self.process.pid, signum)


class Supervisor:
    """The one loop: lines of the children, signals, deaths."""

    def __init__(self, *, listener: socket.socket, port: str) -> None:
        """Hear signals from now on."""
        self.listener = listener
        self.port = port
        self.children: list[Child] = []
        self.told_to_stop = ""  # by what
        self.colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
        self.environment = {
            **os.environ,
            "PYTHONUNBUFFERED": "1",
            "VR_LOG_COLOUR": "1" if self.colour else "0",
            "CELERY_SKIP_CHECKS": "1",  # setup has made them
        }
        self._count_together()
        self._selector = selectors.DefaultSelector()
        self._pipe, writer = os.pipe()
        for end in (self._pipe, writer):
            os.set_blocking(end, False)
        self._selector.register(self._pipe, selectors.EVENT_READ)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(signum, self._stop)
        signal.signal(signal.SIGCHLD, lambda _signum, _frame: None)

    def _count_together(self) -> None:
        """Give the processes a directory, empty at first, to count requests and statements into."""
        if self.environment.get("PROMETHEUS_MULTIPROC_DIR"):
            return
        directory = Path(self.environment.get("VAR_DIR") or PROJECT / "var").absolute() / "metrics"
        shutil.rmtree(directory, ignore_errors=True)
        with contextlib.suppress(OSError):  # whoever can't write there is told so by what starts next
            directory.mkdir(parents=True)
            self.environment["PROMETHEUS_MULTIPROC_DIR"] = str(directory)

    def _stop(self, signum: int, _frame: object) -> None:
        self.told_to_stop = self.told_to_stop or signal.Signals(signum).name

    def run(self) -> None:
        """Prepare, serve until told to stop, and end everything.

        Raises: StartError, EmbeddedError.
        """
        missing = missing_servers(self.environment)
        if missing:
            self.say(f"Starting {' and '.join(server.title for server in missing)} in {missing[0].var_dir}")
        with hold_missing(self.environment) as hold:
            try:
                report = self._prepare()
                if report is not None:
                    self._serve(hold, report)
                if self.told_to_stop:
                    self.say(f"Stopping ({self.told_to_stop})")
            finally:
                self._end_children()
                self.listener.close()

    def _prepare(self) -> dict[str, object] | None:
        """Run the preparations.

        Shape:  their report, None when told to stop.
        Raises: StartError.
        """
        pipe, writer = os.pipe()
        with os.fdopen(pipe) as report:
            setup = self._start("setup", ["-m", "valuerealization.prepare", str(writer)], fds=[writer])
            os.close(writer)
            while not setup.has_ended():
                self._turn()
                if self.told_to_stop:
                    return None
            self._drain(setup)
            self.children.remove(setup)
            if setup.exit_code != 0:
                raise StartError(f"setup failed ({describe_exit(setup.exit_code)}).")
            said: dict[str, object] = json.loads(report.read())
            return said

    def _serve(self, hold: Hold, report: dict[str, object]) -> None:
        """Start the three processes and watch them.

        Raises: StartError naming the process that died.
        """
        # Root in a container is what we are often run as, and our tasks are JSON.
        celery = ["-W", "ignore:You're running the worker", "-m", "celery", "--quiet", "-A", "valuerealization"]
        fd = self.listener.fileno()
        self._start(
            "web",
            [
                *(
                    "-m",
                    "gunicorn",
                    "valuerealization.wsgi",
                    "--bind",
                    f"fd://{fd}",
                    "--no-control-socket",
                    "--preload",
                ),
                *("--worker-class", "gthread", "--workers", "2", "--threads", "4"),
                *("--timeout", "60", "--graceful-timeout", "8", "--log-level", "warning"),
            ],
            fds=[fd],
        )
        self._start("worker", [*celery, "worker", "--concurrency", "2", "--without-gossip", "--without-mingle"])
        self._start("beat", [*celery, "beat"])
        threading.Thread(target=self._announce, args=[report], daemon=True).start()
        next_look = time.monotonic() + LOOK_SECONDS
        while not self.told_to_stop:
            self._turn()
            for child in self.children:
                if child.has_ended() and not self.told_to_stop:
                    self._drain(child)
                    raise StartError(f"{child.name} ended ({describe_exit(child.exit_code)}); everything is stopped.")
            if time.monotonic() > next_look:
                next_look = time.monotonic() + LOOK_SECONDS
                if lost := hold.lost():
                    raise StartError(f"{lost} ended; everything is stopped.")

    def _start(self, name: str, command: Sequence[str], *, fds: Sequence[int] = ()) -> Child:
        child = Child(name, command, environment=self.environment, fds=fds)
        self.children.append(child)
        self._selector.register(child.output, selectors.EVENT_READ, child)
        return child

    def _turn(self) -> None:
        """Wait for something to happen, and show the lines that came."""
        for key, _events in self._selector.select(timeout=LOOK_SECONDS):
            if key.data is None:
                os.read(self._pipe, 4096)
                continue
            child: Child = key.data
            lines = child.read_lines()
            for line in lines:
                self.show(child.name, line)
            if not lines and child.has_ended():
                self._selector.unregister(child.output)

    def _drain(self, child: Child) -> None:
        """Show what a process said last."""
        for line in child.read_lines():
            self.show(child.name, line)
        if child.output in self._selector.get_map():
            self._selector.unregister(child.output)

    def _end_children(self) -> None:
        """End all children: asked first, then not asked."""
        for child in self.children:
            if not child.has_ended():
                child.signal(signal.SIGTERM)
        deadline = time.monotonic() + GRACE_SECONDS
        while not all(child.has_ended() for child in self.children):
            self._turn()
            if time.monotonic() > deadline:
                for child in self.children:
                    if not child.has_ended():
                        child.signal(signal.SIGKILL)
        for child in self.children:
            self._drain(child)

    def _announce(self, report: dict[str, object]) -> None:
        """Say where to go as soon as the product is ready."""
        hosts = report["hosts"]
        host = hosts[0] if isinstance(hosts, list) and hosts and "*" not in hosts[0] else "127.0.0.1"
        url = f"http://127.0.0.1:{self.port}/"
        request = urllib.request.Request(f"{url}readyz", headers={"Host": host.lstrip(".")})
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        while not self.told_to_stop:
            with contextlib.suppress(OSError), opener.open(request, timeout=5):
                break
            time.sleep(0.3)
        else:
            return
        self.say(f"Ready: {url}")
        if report["demo"]:
            self.say(f"Sign in as {DEMO_SIGN_INS}; the password is demo.")
        self.say("Ctrl-C stops it.")

    def show(self, name: str, line: str) -> None:
        """Print a line of a process behind its name."""
        prefix = f"{name:<6} |"
        if self.colour:
            prefix = f"\x1b[{COLOURS[name]}m{prefix}\x1b[0m"
        self._print(f"{prefix} {line}")

    def say(self, line: str) -> None:
        """Print a line of our own."""
        self._print(f"\x1b[1m{line}\x1b[0m" if self.colour else line)

    def _print(self, line: str) -> None:
        try:
            print(line, flush=True)
        except OSError:  # whoever read our lines is gone
            self.told_to_stop = "nobody reads this"


def describe_exit(code: int | None) -> str:
    """Put an exit code into words."""
    if code is not None and code < 0:
        return f"killed by {signal.Signals(-code).name}"
    return f"exit code {code}"


def main(arguments: list[str]) -> int:
    """Run the product, or only look whether its port is free."""
    port = os.environ.get("PORT") or "8000"
    if "MAKELEVEL" in os.environ:
        die_with_parent(signal.SIGTERM)  # of make
    try:
        listener = reserve_port(port)
        if arguments == ["--check-port"]:
            listener.close()
            return 0
        Supervisor(listener=listener, port=port).run()
    except (StartError, EmbeddedError) as error:
        print(error, file=sys.stderr, flush=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

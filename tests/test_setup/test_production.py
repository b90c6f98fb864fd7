"""The production path of docs/operations.md, on a PostgreSQL and a broker that aren't ours to start."""

import contextlib
import json
import secrets
import signal
import subprocess
import sys
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.processes import Running, clean_environment, free_port, get, manage, wait_for
from valuerealization.embedded import Valkey, identity
from valuerealization.embedded.servers import ROLES_SQL

pytestmark = pytest.mark.slow

HOST = "value.example.com"
PROXY = {"Host": HOST, "X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.9"}


def system_postgres() -> Path | None:
    """Find the oldest PostgreSQL of the system that we support."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return next((path.parent for path in found if int(path.parts[-3]) >= 15), None)


@dataclass
class Site:
    """A database server, a broker, and what the product is told about them."""

    environment: dict[str, str]
    directory: Path
    port: int
    postgres_port: int
    broker: subprocess.Popen[bytes]

    def psql(self, *arguments: str) -> str:
        """Ask the database server as its superuser."""
        binaries, socket_dir = system_postgres(), self.directory / "sockets"
        assert binaries is not None
        command = [str(binaries / "psql"), "-XAtq", "-v", "ON_ERROR_STOP=1"]
        command += ["-h", str(socket_dir), "-p", str(self.postgres_port), "-U", "postgres"]
        done = subprocess.run([*command, *arguments], capture_output=True, text=True, check=False, cwd="/")
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Generator[Site, None, None]:
    """Set up what an operator has: PostgreSQL with passwords over TCP, a broker with one, two roles."""
    binaries = system_postgres()
    if binaries is None:
        pytest.skip("no PostgreSQL of the system's own, 15 or newer: apt-get install postgresql")
    directory = tmp_path_factory.mktemp("site")
    with contextlib.ExitStack() as stack:
        data, sockets = directory / "data", directory / "sockets"
        for path in (data, sockets):
            path.mkdir(mode=0o700)
        become = identity.preexec(data_dir=data, signum=signal.SIGINT)
        initdb = [binaries / "initdb", "-D", data, "-U", "postgres", "--auth-local=trust", "--auth-host=scram-sha-256"]
        subprocess.run([*initdb, "--locale=C.UTF-8", "--no-sync"], check=True, capture_output=True, preexec_fn=become)
        postgres_port, broker_port = free_port(), free_port()
        options = (
            f"port={postgres_port}",
            "listen_addresses=127.0.0.1",
            f"unix_socket_directories={sockets}",
            "fsync=off",
        )
        with (directory / "postgres.log").open("wb") as log:
            postgres = subprocess.Popen(
                [binaries / "postgres", "-D", data, *(part for option in options for part in ("-c", option))],
                stdout=log,
                stderr=log,
                preexec_fn=become,
            )
        stack.callback(_end, postgres, signal.SIGINT)
        password = secrets.token_urlsafe()
        broker = subprocess.Popen(
            [Valkey(directory).command()[0], "--port", str(broker_port), "--requirepass", password, "--save", ""],
            stdout=subprocess.DEVNULL,
        )
        stack.callback(_end, broker, signal.SIGTERM)
        database = f"127.0.0.1:{postgres_port}/value"
        port = free_port()
        environment = clean_environment(
            DATABASE_URL=f"postgresql://vr_app:{password}@{database}?sslmode=prefer",
            DATABASE_OWNER_URL=f"postgresql://vr_owner:{password}@{database}",
            REDIS_URL=f"redis://:{password}@127.0.0.1:{broker_port}/0",
            SECRET_KEY=secrets.token_urlsafe(50),
            ALLOWED_HOSTS=HOST,
            VR_PROXIES="1",
            VAR_DIR=str(directory / "var"),
        )
        made = Site(environment, directory, port, postgres_port, broker)
        wait_for((sockets / f".s.PGSQL.{postgres_port}").exists, "PostgreSQL listens")
        made.psql("-v", "database=value", "-f", str(ROLES_SQL))
        made.psql("-v", "database=value", "-f", str(ROLES_SQL))
        for role in ("vr_owner", "vr_app"):
            made.psql("-c", f"ALTER ROLE {role} PASSWORD '{password}'")
        yield made


def _end(process: subprocess.Popen[bytes], signum: int) -> None:
    process.send_signal(signum)
    process.wait(20)


def run(*arguments: str, site: Site, **changes: str) -> Running:
    """Run a command to its end."""
    command = manage(*arguments, environment={**site.environment, **changes})
    command.wait()
    return command


def test_the_documented_path(site: Site) -> None:
    checked = run(
        "check", "--deploy", "--fail-level", "WARNING", "--database", "default", "--database", "owner", site=site
    )
    assert checked.process.returncode == 0, checked.text

    refused = run("migrate", site=site)
    assert "permission denied" in refused.text, "the application's role must not make tables"
    migrated = run("migrate", "--database", "owner", site=site)
    assert migrated.process.returncode == 0, migrated.text
    assert run("migrate", "--database", "owner", "--check", site=site).process.returncode == 0
    assert (
        site.psql("-d", "value", "-c", "SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public'")
        == "vr_owner"
    )
    assert run("collectstatic", "--no-input", site=site).process.returncode == 0

    python, celery = sys.executable, ["-m", "celery", "-A", "valuerealization"]
    gunicorn = [
        "-m",
        "gunicorn",
        "valuerealization.wsgi",
        "--bind",
        f"127.0.0.1:{site.port}",
        "--worker-class",
        "gthread",
    ]
    with contextlib.ExitStack() as stack:
        processes = {}
        for name, command in {
            "web": [*gunicorn, "--workers", "2", "--threads", "4", "--no-control-socket"],
            "worker": [*celery, "worker", "--concurrency", "1"],
            "beat": [*celery, "beat"],
        }.items():
            processes[name] = Running([python, *command], environment=site.environment)
            stack.callback(processes[name].kill)

        def ready() -> bool:
            with contextlib.suppress(OSError):
                return get(site.port, "/readyz", Host=HOST)[0] == 200
            return False

        try:
            wait_for(ready, "/readyz is 200")
        except AssertionError as error:
            raise AssertionError("\n".join([str(error), *(running.text for running in processes.values())])) from None
        processes["worker"].wait_for_line("ready.")
        _check_transport(site)
        _check_logs(site, processes["web"])
        _check_without_broker(site)
        for running in processes.values():
            running.process.terminate()
        assert {name: running.wait() for name, running in processes.items()} == dict.fromkeys(processes, 0)

    assert not (site.directory / "var" / "run").exists(), "nothing embedded was started"
    assert not (site.directory / "var" / "secret_key").exists()


def _check_transport(site: Site) -> None:
    status, headers, _body = get(site.port, "/sign-in/", Host=HOST)
    assert (status, headers["location"]) == (301, f"https://{HOST}/sign-in/")
    status, headers, _body = get(site.port, "/sign-in/", **PROXY)
    assert status == 200
    assert headers["strict-transport-security"] == "max-age=31536000; includeSubDomains; preload"
    assert "Secure" in headers["set-cookie"]
    assert "script-src 'self';" in headers["content-security-policy"] + ";"
    assert get(site.port, "/healthz", Host="elsewhere.example.com")[0] == 400


def _check_logs(site: Site, web: Running) -> None:
    get(site.port, "/sign-in/", **PROXY, X_Request_ID="trace-7")
    wait_for(lambda: "trace-7" in web.text, "the request's line")
    line = json.loads(next(line for line in web.lines if "trace-7" in line))
    assert {name: line[name] for name in ("event", "request", "code", "request_id", "level")} == {
        "event": "request_finished",
        "request": "GET /sign-in/",
        "code": 200,
        "request_id": "trace-7",
        "level": "info",
    }


def _check_without_broker(site: Site) -> None:
    site.broker.send_signal(signal.SIGSTOP)  # worse than gone: it accepts and never answers
    try:
        status, _headers, body = get(site.port, "/readyz", Host=HOST)
        assert status == 503
        assert json.loads(body)["checks"] == {
            "database": "ok",
            "broker": "no connection",
            "beat": "unknown without the broker",
        }
        assert get(site.port, "/sign-in/", **PROXY)[0] == 200
    finally:
        site.broker.send_signal(signal.SIGCONT)


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"SECRET_KEY": ""}, "SECRET_KEY is not set: DATABASE_URL is, and production needs both."),
        (
            {"DATABASE_URL": "mysql://localhost/value"},
            "A database address reads postgresql://user:password@host:5432/name",
        ),
        ({"VR_HTTPS": "maybe"}, "VR_HTTPS is 1 or 0, not 'maybe'"),
        ({"VR_PUBLIC_URL": "v.example.com"}, "VR_PUBLIC_URL is where people find this: https://value.example.com"),
        ({"EMAIL_URL": "gopher://mail"}, "EMAIL_URL starts with smtp://, smtps://, file:// or console:"),
    ],
)
def test_what_is_missing_or_wrong_is_named(site: Site, changes: dict[str, str], line: str) -> None:
    command = run("check", site=site, **changes)
    assert command.process.returncode == 1
    assert command.lines[-1].endswith(line)

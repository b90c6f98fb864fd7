"""`make run`: starts, serves, stops; leaves nothing behind, however it ends."""

import json
import os
import re
import shutil
import signal
import socket
import sys
from collections.abc import Callable, Generator
from pathlib import Path

import pytest

from tests.processes import (
    PROJECT,
    Running,
    clean_environment,
    free_port,
    get,
    kill_all,
    manage,
    processes_of,
    wait_for,
)

SUPERVISOR = [sys.executable, "-m", "valuerealization.supervisor"]
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("run")]  # one data directory, in one test process

Start = Callable[..., Running]


@pytest.fixture(scope="module")
def var_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Share one data directory: the first test starts cold, the others warm, after whatever the one before did."""
    return tmp_path_factory.mktemp("var")


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def start(var_dir: Path, port: int) -> Generator[Start, None, None]:
    """Start the product; nothing of it may be left when the test ends."""
    started: list[Running] = []

    def run(command: list[str] = SUPERVISOR, **changes: str) -> Running:
        environment = clean_environment(**{"VAR_DIR": str(var_dir), "PORT": str(port), "VR_DEMO": "0", **changes})
        started.append(Running(command, environment=environment))
        return started[-1]

    yield run
    for running in started:
        running.kill()
    wait_for(lambda: not processes_of(var_dir), "no process is left", seconds=10)


def test_two_at_once_serve_and_stop_at_sigterm(start: Start, var_dir: Path, port: int) -> None:
    running = start(VR_DEMO="1")
    other_port = free_port()
    other = start(VR_DEMO="1", PORT=str(other_port))
    for each, its_port in ((running, port), (other, other_port)):
        each.wait_for_line(f"Ready: http://127.0.0.1:{its_port}/")
        each.wait_for_line("Sign in as csm@example.com, leader@example.com, admin@example.com; the password is demo.")
    assert (running.text + other.text).count("Making the tables") == 1
    assert (running.text + other.text).count("Loading the demo portfolio") == 1
    other.process.terminate()
    assert other.wait() == 0

    status, headers, body = get(port, "/readyz", X_Request_ID="from-the-proxy-1")
    assert (status, headers["x-request-id"]) == (200, "from-the-proxy-1")
    assert json.loads(body) == {"status": "ready", "checks": dict.fromkeys(("database", "broker", "beat"), "ok")}
    status, headers, _body = get(port, "/healthz", X_Request_ID="no spaces\tor control characters")
    assert (status, len(headers["x-request-id"])) == (200, 36)

    page = get(port, "/sign-in/")[2].decode()
    stylesheet = re.findall(r'href="(/static/[^"]+\.css)"', page)[0]
    assert re.search(r"\.[0-9a-f]{12}\.css$", stylesheet), "static files carry their content's hash"
    status, headers, _body = get(port, stylesheet)
    assert (status, "immutable" in headers["cache-control"]) == (200, True)

    # A command beside it uses the same servers and leaves them running.
    command = manage("showmigrations", "--plan", environment=clean_environment(VAR_DIR=str(var_dir)))
    assert command.wait() == 0, command.text
    assert "[ ]" not in command.text
    assert get(port, "/readyz")[0] == 200

    running.process.terminate()
    assert running.wait() == 0
    assert processes_of(var_dir) == {}
    assert {line.split(" ")[0] for line in running.lines} >= {"Starting", "beat", "worker", "Ready:"}
    assert "Traceback" not in running.text


@pytest.mark.skipif(not (PROJECT / ".uv/bin/uv").exists(), reason="`make` has not installed uv here: make install")
def test_make_run_ends_at_one_ctrl_c(start: Start, var_dir: Path) -> None:
    make = shutil.which("make")
    assert make is not None
    running = start([make, "run"])
    running.wait_for_line("Ready: ")
    os.killpg(running.process.pid, signal.SIGINT)  # what a terminal sends to everybody in the foreground
    running.wait()
    assert processes_of(var_dir) == {}
    assert "Traceback" not in running.text


def test_ends_by_itself_when_killed_and_starts_again(start: Start, var_dir: Path) -> None:
    running = start()
    running.wait_for_line("Ready: ")
    running.process.kill()
    wait_for(lambda: not processes_of(var_dir), "the others notice", seconds=20)
    running.wait()

    # Everything at once, keepers and servers included, as when a machine loses power.
    running = start()
    running.wait_for_line("Ready: ")
    kill_all(var_dir)
    running.wait()

    running = start()
    running.wait_for_line("Ready: ")


@pytest.mark.parametrize(
    ("command", "line"),
    [
        ("celery --quiet -A valuerealization worker", "worker ended (killed by SIGKILL); everything is stopped."),
        ("gunicorn", "web ended (killed by SIGKILL); everything is stopped."),
        ("bin/postgres -D", "PostgreSQL ended; everything is stopped."),
    ],
)
def test_a_dead_process_ends_the_others(start: Start, var_dir: Path, command: str, line: str) -> None:
    running = start()
    running.wait_for_line("Ready: ")
    first = min(pid for pid, words in processes_of(var_dir).items() if command in words)
    os.kill(first, signal.SIGKILL)
    assert running.wait() == 1
    assert running.lines.count(line) == 1, running.text
    assert processes_of(var_dir) == {}


def test_a_busy_port_is_one_clear_line(tmp_path: Path, port: int) -> None:
    environment = clean_environment(VAR_DIR=str(tmp_path / "var"), PORT=str(port))
    with socket.create_server(("127.0.0.1", port)):
        for command in (SUPERVISOR, ["make", "run"]):
            running = Running(command, environment=environment)
            assert running.wait() != 0
            ours = [line for line in running.lines if not line.startswith("make")]
            assert ours == [f"Port {port} is in use: stop what uses it, or choose another: PORT=8001 make run"]
    assert not (tmp_path / "var").exists()


@pytest.mark.parametrize("text", ["", "http", "0", "65536", "-1", "٨٠٠٠"])
def test_a_port_is_a_number(tmp_path: Path, text: str) -> None:
    environment = clean_environment(VAR_DIR=str(tmp_path / "var"), PORT=text)
    running = Running([*SUPERVISOR, "--check-port"], environment=environment)
    assert (running.wait(), running.lines) in [
        (1, [f"PORT is a number from 1 to 65535, not {text!r}."]),
        *(
            [(0, []), (1, ["Port 8000 is in use: stop what uses it, or choose another: PORT=8001 make run"])]
            * (not text)
        ),
    ]

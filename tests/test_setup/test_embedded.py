"""The embedded servers: shared by whoever needs them, gone with the last, whatever happened before."""

import os
import shutil
import tempfile
from collections.abc import Generator
from pathlib import Path

import psycopg
import pytest
import redis

from tests.processes import clean_environment, kill_all, manage, processes_of, wait_for
from valuerealization.embedded import (
    EmbeddedError,
    Postgres,
    Valkey,
    hold_missing,
    hold_servers,
    identity,
    missing_servers,
    take_hold,
)

AS_ROOT = os.geteuid() == 0


@pytest.fixture
def var_dir() -> Generator[Path, None, None]:
    """Give a directory with a short path, and see to it that nothing works there afterwards."""
    directory = Path(tempfile.mkdtemp(prefix="vr-embedded-", dir="/tmp"))
    yield directory
    wait_for(lambda: not processes_of(directory), "the servers are gone", seconds=20)
    shutil.rmtree(directory, ignore_errors=True)


def ask(server: Postgres, question: str, *, role: str = "vr_app") -> object:
    with psycopg.connect(server.url(role=role)) as connection:
        row = connection.execute(question).fetchone()  # type: ignore[arg-type]
        return row and row[0]


def test_commands_at_once_share_the_servers_and_the_last_stops_them(var_dir: Path) -> None:
    environment = clean_environment(VAR_DIR=str(var_dir))
    code = (
        "from django.db import connection as c; u = c.cursor(); u.execute('SELECT current_user'); print(*u.fetchone())"
    )
    commands = [manage("shell", "--no-imports", "-c", code, environment=environment) for _ in range(4)]
    assert [(command.wait(), command.lines) for command in commands] == [(0, ["vr_app"])] * 4
    assert processes_of(var_dir) == {}
    assert (var_dir / "secret_key").stat().st_mode & 0o777 == 0o600
    assert (var_dir / "run").stat().st_mode & 0o777 == 0o700


def test_servers_stay_as_long_as_somebody_holds_them(var_dir: Path) -> None:
    server, broker = Postgres(var_dir), Valkey(var_dir)
    first = take_hold([server, broker])
    with hold_servers([Postgres(var_dir), Valkey(var_dir)]) as second:
        assert second.lost() is None
        first.release()
        assert ask(server, "SELECT 1") == 1
        assert redis.Redis.from_url(broker.environment()["REDIS_URL"]).ping()
    assert processes_of(var_dir) == {}


def test_a_killed_command_counts_no_longer(var_dir: Path) -> None:
    command = manage(
        "shell",
        "-c",
        "import time; print('in', flush=True); time.sleep(300)",
        environment=clean_environment(VAR_DIR=str(var_dir)),
    )
    command.wait_for_line("in")
    assert processes_of(var_dir)
    command.kill()
    wait_for(lambda: not processes_of(var_dir), "the keepers notice", seconds=10)


def test_survives_what_a_crash_leaves(var_dir: Path) -> None:
    server = Postgres(var_dir)
    with hold_servers([server, Valkey(var_dir)]) as hold:
        with psycopg.connect(server.url(role="vr_owner")) as owner:
            owner.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        kill_all(var_dir)
        wait_for(lambda: hold.lost() is not None, "the loss is noticed", seconds=5)
    # A process id in a container is soon somebody else's: here it is this test's.
    lines = (server.data_dir / "postmaster.pid").read_text().splitlines()
    (server.data_dir / "postmaster.pid").write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")
    (var_dir / "locks" / "postgres.keeper").write_text(str(os.getpid()))
    with hold_servers([server, Valkey(var_dir)]):
        assert ask(server, "SELECT answer FROM kept", role="vr_owner") == 42


def test_an_interrupted_initdb_is_done_again(var_dir: Path) -> None:
    (var_dir / "postgres.new" / "base").mkdir(parents=True)
    server = Postgres(var_dir, fast=True)
    with hold_servers([server]):
        assert ask(server, "SELECT 1") == 1


def test_long_paths_and_odd_names(var_dir: Path) -> None:
    deep = var_dir / ("deep " * 12).strip() / "it's 100 % ünusual"
    server, broker = Postgres(deep, fast=True), Valkey(deep)
    with hold_servers([server, broker]):
        assert ask(server, "SELECT 1") == 1
        assert redis.Redis.from_url(broker.environment()["REDIS_URL"]).ping()
    assert server.run_dir.parent == Path("/tmp")
    shutil.rmtree(server.run_dir)


def test_roles(var_dir: Path) -> None:
    server = Postgres(var_dir, fast=True)
    with hold_servers([server]):
        rights = "SELECT array_agg(rolname::text ORDER BY rolname) FROM pg_roles WHERE rolname LIKE 'vr%' AND "
        assert ask(server, f"{rights} (rolsuper OR rolbypassrls OR rolcreatedb OR rolcreaterole)") is None
        assert ask(server, f"{rights} rolcanlogin") == ["vr_app", "vr_owner"]
        assert ask(server, "SELECT pg_has_role('vr_app', 'vr_portal', 'MEMBER')")
        assert not ask(server, "SELECT pg_has_role('vr_app', 'vr_portal', 'USAGE')")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            ask(server, "CREATE TABLE mine AS SELECT 1 AS n")


def test_only_what_no_address_is_given_for_is_started(tmp_path: Path) -> None:
    given = {"VAR_DIR": str(tmp_path)}
    database, broker = {"DATABASE_URL": "postgresql://db/value"}, {"REDIS_URL": "redis://broker/0"}
    assert [server.title for server in missing_servers(given)] == ["PostgreSQL", "Valkey"]
    assert [server.title for server in missing_servers(given | database)] == ["Valkey"]
    assert [server.title for server in missing_servers(given | broker)] == ["PostgreSQL"]
    environment = given | database | broker
    with hold_missing(environment):
        assert environment == given | database | broker
    assert list(tmp_path.iterdir()) == []


def test_data_of_another_version_is_one_clear_line(var_dir: Path) -> None:
    (var_dir / "postgres").mkdir(mode=0o700)
    (var_dir / "postgres" / "PG_VERSION").write_text("9\n")
    with pytest.raises(EmbeddedError, match="was made by PostgreSQL 9 and this is"):
        take_hold([Postgres(var_dir)])
    command = manage("showmigrations", environment=clean_environment(VAR_DIR=str(var_dir)))
    assert command.wait() == 1
    assert len(command.lines) == 1


def test_a_place_where_nothing_can_be_made_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(EmbeddedError, match=r"file/var/locks can't be made: Not a directory\. Set VAR_DIR\."):
        take_hold([Postgres(tmp_path / "file" / "var")])


def test_a_server_that_cannot_start_is_one_clear_line(var_dir: Path) -> None:
    with hold_servers([Postgres(var_dir, fast=True)]):
        pass
    (var_dir / "postgres" / "pg_hba.conf").write_text("nonsense\n")
    with pytest.raises(EmbeddedError, match=r"PostgreSQL did not start: .*pg_hba.conf"):
        take_hold([Postgres(var_dir, fast=True), Valkey(var_dir)])
    assert processes_of(var_dir) == {}


def test_a_removed_directory_ends_its_servers(var_dir: Path) -> None:
    hold = take_hold([Valkey(var_dir)])
    shutil.rmtree(var_dir)
    wait_for(lambda: not processes_of(var_dir), "the keeper notices", seconds=10)
    for share in hold.shares:
        share.close()
    for keeper in hold.keepers.values():
        keeper.wait(10)


@pytest.mark.skipif(not AS_ROOT, reason="only root has to become somebody else")
class TestRoot:
    """PostgreSQL refuses to run as root."""

    def test_where_user_namespaces_are_forbidden_the_server_runs_as_nobody(
        self, var_dir: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(identity, "_can_map_user", lambda: False)
        server = Postgres(var_dir / "closed" / "var", fast=True)
        server.data_dir.parent.mkdir(parents=True)
        server.data_dir.parent.parent.chmod(0o700)
        for _time in range(2):
            server.start()
            try:
                assert server.process is not None
                owner = Path(f"/proc/{server.process.pid}").stat().st_uid
                assert (owner, server.data_dir.stat().st_uid) == (65534, 65534)
                assert ask(server, "SELECT 1") == 1
            finally:
                server.stop()

    def test_and_who_may_make_namespaces_keeps_the_files(self, var_dir: Path) -> None:
        if not identity._can_map_user():
            pytest.skip("this machine lets root make no user namespace")
        server = Postgres(var_dir, fast=True)
        with hold_servers([server]):
            assert ask(server, "SELECT 1") == 1
        assert {path.stat().st_uid for path in (var_dir / "postgres").rglob("*")} == {0}

    def test_an_ordinary_user_needs_nothing_of_roots(self, var_dir: Path) -> None:
        environment = clean_environment(VAR_DIR=str(var_dir), HOME="/nonexistent")
        shutil.chown(var_dir, "nobody")
        command = manage("showmigrations", "common", environment=environment, user="nobody")
        assert command.wait() == 0, command.text
        assert processes_of(var_dir) == {}
        # Root goes on as the owner of the data, and then that owner again.
        with hold_servers([Postgres(var_dir), Valkey(var_dir)]):
            assert (var_dir / "postgres").owner() == "nobody"
        command = manage("showmigrations", "common", environment=environment, user="nobody")
        assert command.wait() == 0, command.text

    def test_the_data_of_root_is_closed_to_others(self, var_dir: Path) -> None:
        with hold_servers([Valkey(var_dir)]):
            pass
        var_dir.chmod(0o755)
        command = manage("showmigrations", environment=clean_environment(VAR_DIR=str(var_dir)), user="nobody")
        assert command.wait() == 1
        assert command.lines == [f"{var_dir}/locks belongs to another user: run as that user, or set VAR_DIR."]

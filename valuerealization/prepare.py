"""What has to be done before the servers start: migrations, static files, and the demo portfolio on the first start.

Run by the supervisor, in a process of its own: `python -m valuerealization.prepare [REPORT_FD]`.
"""

import hashlib
import io
import json
import os
import sys
from pathlib import Path

import django
from django.conf import settings
from django.core.management import call_command
from django.db import connections
from django.db.migrations.executor import MigrationExecutor

from valuerealization.embedded.locks import locked


def main(arguments: list[str]) -> int:
    """Prepare, and report on the pipe whether there is a demo portfolio to sign in to."""
    import valuerealization.celery  # noqa: F401

    django.setup()
    # Two that start at once take turns: the second finds everything done.
    locks = settings.VAR_DIR / "locks"
    locks.mkdir(mode=0o700, parents=True, exist_ok=True)
    with locked(locks / "prepare"):
        migrate()
        call_command("check", tags=["database"], databases=["default"], stdout=io.StringIO())
        collect_static_files()
        has_demo = prepare_demo()
    if arguments:
        with os.fdopen(int(arguments[0]), "w") as report:
            json.dump({"demo": has_demo, "hosts": settings.ALLOWED_HOSTS}, report)
    return 0


def migrate() -> None:
    """Bring the database up to date, as its owner."""
    executor = MigrationExecutor(connections["owner"])
    todo = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if todo:
        say(f"Making the tables: {len(todo)} migration{'s' * (len(todo) > 1)}")
        call_command("migrate", database="owner", interactive=False, verbosity=0)
    connections["owner"].close()


def collect_static_files() -> None:
    """Copy and hash the static files, unless nothing has changed since the last time."""
    if settings.DEBUG:
        return
    stamp, state = Path(settings.STATIC_ROOT) / ".collected", static_state()
    if stamp.exists() and stamp.read_text() == state:
        return
    say("Collecting static files")
    call_command("collectstatic", interactive=False, verbosity=0)
    stamp.write_text(state)


def static_state() -> str:
    """Sum up what static files are made of: ours by name, size and time, the packages' by the lock file."""
    ours = sorted(
        (str(path.relative_to(directory)), path.stat().st_size, path.stat().st_mtime_ns)
        for directory in map(Path, settings.STATICFILES_DIRS)
        for path in directory.rglob("*")
        if path.is_file()
    )
    lock = (settings.BASE_DIR / "uv.lock").read_bytes()
    return hashlib.sha256(lock + repr(ours).encode()).hexdigest()


def prepare_demo() -> bool:
    """Load the demo portfolio into an empty embedded database; tell whether there is one."""
    from accounts.models import Account

    if settings.EMBEDDED and settings.VR_DEMO and not Account.objects.exists():
        say("Loading the demo portfolio")
        call_command("demo")
    return Account.objects.filter(is_demo=True).exists()


def say(line: str) -> None:
    """Print a line at once."""
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

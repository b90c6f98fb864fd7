"""Run the benchmarks, all or by name (`python -m benchmarks imports`), on servers of their own."""

import importlib
import os
import sys
import tempfile
from pathlib import Path

from valuerealization.embedded import Postgres, Valkey, hold_servers

ALL = ("snapshot", "pages", "lists", "imports")


def main() -> int:
    """Run what is named, or everything; 1 when a figure is over its promise."""
    names = sys.argv[1:] or ALL
    if unknown := set(names) - set(ALL):
        print(f"There is no benchmark {', '.join(sorted(unknown))}: choose from {', '.join(ALL)}.", file=sys.stderr)
        return 2
    with (
        tempfile.TemporaryDirectory(prefix="vr-bench-", dir="/tmp") as directory,
        hold_servers([Postgres(Path(directory)), Valkey(Path(directory))]) as hold,
    ):
        os.environ.update(hold.environment())
        os.environ.update({"VAR_DIR": directory, "VR_EMBEDDED": "1", "ALLOWED_HOSTS": "testserver,localhost"})
        os.environ["DJANGO_SETTINGS_MODULE"] = "valuerealization.settings"
        import django

        import valuerealization.celery  # noqa: F401 - tasks are sent by our application

        django.setup()
        figures = [figure for name in names for figure in importlib.import_module(f"benchmarks.{name}").run()]
    print()
    for figure in figures:
        print(figure.line())
    return 0 if all(figure.kept for figure in figures) else 1


if __name__ == "__main__":
    sys.exit(main())

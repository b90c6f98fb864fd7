#!/usr/bin/env python
"""Run a command; PostgreSQL and Valkey are started for it if none are configured and none are up."""

import os
import sys

from valuerealization.embedded import EmbeddedError, hold_missing

# Commands that read files and settings only, unless they are told a database.
WITHOUT_SERVERS = {"check", "collectstatic", "compilemessages", "help", "makemessages", "spectacular", "version"}


def main() -> None:
    """Run the command line."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "valuerealization.settings")
    needs_none = len(sys.argv) < 2 or (sys.argv[1] in WITHOUT_SERVERS and "--database" not in sys.argv)
    if needs_none or {"-h", "--help", "--version"} & set(sys.argv):
        execute()
        return
    try:
        with hold_missing(os.environ):
            execute()
    except EmbeddedError as error:
        sys.exit(str(error))


def execute() -> None:
    """Hand over to Django, with our tasks bound to our Celery application; a wrong setting is one clear line."""
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    try:
        import valuerealization.celery  # noqa: F401

        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()

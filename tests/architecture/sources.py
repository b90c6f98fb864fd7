"""The project's own files, read once."""

import ast
from functools import cache
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
PACKAGES = ("valuerealization", "accounts", "objectives", "portfolio", "portal", "playbooks", "reviews", "roi")


@cache
def modules(*, with_tests: bool = False) -> tuple[Path, ...]:
    """List the Python modules, migrations aside."""
    roots = [PROJECT / name for name in (*PACKAGES, *(("tests", "benchmarks") if with_tests else ()))]
    found = [path for root in roots if root.is_dir() for path in root.rglob("*.py") if "migrations" not in path.parts]
    return (PROJECT / "manage.py", *sorted(found))


@cache
def templates() -> tuple[Path, ...]:
    """List the templates of pages and parts."""
    return tuple(sorted((PROJECT / "templates").rglob("*.html")))


@cache
def tree(path: Path) -> ast.Module:
    """Parse a module."""
    return ast.parse(path.read_text(), filename=str(path))


def name(path: Path) -> str:
    """Name a file from the project's directory."""
    return path.relative_to(PROJECT).as_posix()


def called(node: ast.Call) -> str:
    """Give the dotted name of what a call calls, as far as it is spelt there."""
    return ast.unparse(node.func)

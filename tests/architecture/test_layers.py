"""Imports point down, pure modules stay pure, and only entry points read the clock."""

import ast
import re
import subprocess
import sysconfig
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.architecture.sources import PROJECT, called, modules, name, tree

CLOCKS = re.compile(
    r"(datetime\.)?datetime\.(now|utcnow|today)|(datetime\.)?date\.today|(django\.utils\.)?timezone\.(now|localdate|localtime)"
    r"|time\.(time|time_ns|localtime|gmtime|monotonic|perf_counter|sleep)|localdate|localtime|utcnow"
)
# What a pure module has no use for: a clock, chance, files, processes, the network.
IMPURE = {
    "asyncio",
    "io",
    "logging",
    "os",
    "pathlib",
    "random",
    "secrets",
    "socket",
    "subprocess",
    "sys",
    "threading",
    "time",
}
IMPORTS = (ast.Import, ast.ImportFrom)
IMPURE_CALLS = {"open", "print", "input", "eval", "exec", "compile", "__import__"}


def contracts() -> dict[str, dict[str, Any]]:
    """Read the import contracts by their names' first word."""
    settings = tomllib.loads((PROJECT / "pyproject.toml").read_text())["tool"]["importlinter"]
    return {contract["name"].split(":")[0]: contract for contract in settings["contracts"]}


def pure_modules() -> list[Path]:
    """List the modules that the forbidden contract keeps pure, each file of a package."""
    names = contracts()["Pure modules"]["source_modules"]
    paths = [PROJECT / module.replace(".", "/") for module in names]
    return [
        file for path in paths for file in (sorted(path.glob("*.py")) if path.is_dir() else [path.with_suffix(".py")])
    ]


def test_contracts_hold() -> None:
    lint = Path(sysconfig.get_path("scripts")) / "lint-imports"
    done = subprocess.run([lint, "--no-cache"], cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_make_check_runs_them() -> None:
    makefile = (PROJECT / "Makefile").read_text()
    assert re.search(r"^check:.*(?:\n\t.*)*lint-imports", makefile, re.MULTILINE)


def test_every_module_of_an_app_has_its_layer() -> None:
    inside = contracts()["Inside an app"]
    assert inside["exhaustive"] is True
    assert set(inside["containers"]) == {
        path.name for path in PROJECT.iterdir() if (path / "apps.py").exists() and path.name != "valuerealization"
    }


def test_every_module_of_the_lowest_layer_is_kept_pure() -> None:
    """One that isn't listed could import Django unnoticed. `asof` is SQL text, and imports nothing at all."""
    inside = contracts()["Inside an app"]
    lowest = set(re.findall(r"\w+", inside["layers"][-1])) - {"asof"}
    candidates = {f"{app}.{module}" for app in inside["containers"] for module in lowest}
    found = {module for module in candidates if (PROJECT / f"{module.replace('.', '/')}.py").exists()}
    listed = {module for module in contracts()["Pure modules"]["source_modules"] if "common" not in module}
    assert found == listed
    imports = [node for node in ast.walk(tree(PROJECT / "objectives/asof.py")) if isinstance(node, IMPORTS)]
    assert imports == []


@pytest.mark.parametrize("path", pure_modules(), ids=name)
def test_pure_module_has_no_clock_and_no_input(path: Path) -> None:
    imported, calls = set(), set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            imported |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add((node.module or "").split(".")[0])
        elif isinstance(node, ast.Call):
            calls.add(called(node))
    assert imported & IMPURE == set()
    assert {call for call in calls if CLOCKS.fullmatch(call) or call in IMPURE_CALLS} == set()


def test_only_entry_points_read_the_clock() -> None:
    """Everything below is told the instant: `at=`, `on=`."""
    entry = re.compile(
        r"(accounts|objectives|portfolio|portal)/((views|api|admin)(/\w+)?\.py|tasks\.py|management/.*)"
        r"|valuerealization/(metrics|supervisor|embedded/\w+)\.py"
        r"|valuerealization/common/((api|admin)/\w+\.py|metrics\.py|tasks\.py|management/.*)"
    )
    readers = {
        name(path)
        for path in modules()
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call) and CLOCKS.fullmatch(called(node))
    }
    assert {reader for reader in readers if not entry.fullmatch(reader)} == set()
    assert readers, "the pattern finds nothing at all"


def test_no_business_effect_hangs_on_a_signal() -> None:
    """Services call one another; Django's model signals fire for some writes and not for others."""
    users = {
        name(path)
        for path in modules()
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ImportFrom)
        and node.module == "django.db.models.signals"
        and {alias.name for alias in node.names} != {"post_migrate"}  # no write of a record, but the end of a migration
    }
    assert users == set()

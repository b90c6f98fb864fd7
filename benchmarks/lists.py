"""The portfolio as CSV against a bare COPY, and the sweep against its bare SQL, over 100,000 accounts each."""

import subprocess
import tempfile
import time
import tracemalloc
from datetime import UTC, datetime, timedelta

from django.db import connection
from django.test.utils import CaptureQueriesContext

from benchmarks import database
from benchmarks.dataset import analyze, load
from benchmarks.report import Figure, say, seconds
from objectives.models import Standing
from objectives.queries.lists import DEFAULT_ORDERING, AccountFilter
from objectives.services import snapshots
from objectives.services.standings import sweep_standings
from portfolio.queries.export import accounts_csv

COUNT = 100_000
RUNS = 5


def run() -> list[Figure]:
    """Load once, and measure the file and the sweep on it."""
    say(f"Loading {COUNT:,} accounts, two weeks of snapshots …")
    now = datetime.now(UTC)
    with database.fresh("bench_lists"):
        load(accounts=COUNT, objectives=2, weeks=2, until=now - timedelta(weeks=2))
        for week in (1, 0):
            snapshots.take_due(at=now - timedelta(weeks=week))
        analyze()
        return [*_csv(now), _sweep(now)]


def _csv(now: datetime) -> list[Figure]:
    with CaptureQueriesContext(connection) as captured:
        size = sum(len(piece) for piece in _pieces(now))
    statement = next(query["sql"] for query in captured.captured_queries if query["sql"].startswith("COPY"))
    ratios, early = [], []
    for turn in range(RUNS):
        bare = _psql(statement)
        start = time.perf_counter()
        pieces = iter(_pieces(now))
        next(pieces)
        first = time.perf_counter() - start
        for _ in pieces:
            pass
        whole = time.perf_counter() - start
        ratios.append(whole / bare)
        early.append(first / whole)
        say(f"  CSV {turn + 1}: COPY {bare:.2f} s, file ×{ratios[-1]:.2f}, first byte after {first * 1000:.0f} ms")
    tracemalloc.start()
    for _ in _pieces(now):
        pass
    peak_mib = tracemalloc.get_traced_memory()[1] / 2**20
    tracemalloc.stop()
    return [
        _middle(f"CSV of {COUNT:,} rows ÷ COPY … TO STDOUT", ratios, 1.5, f"{size / 2**20:.0f} MiB"),
        _middle("CSV: time to the first byte ÷ to the last", early, 0.2, "the heading, while the database sorts"),
        Figure("CSV: most memory of ours at once", peak_mib, 4, unit=" MiB"),
    ]


def _pieces(now: datetime) -> list[bytes]:
    answer = accounts_csv(AccountFilter(), order=DEFAULT_ORDERING, on=now.date(), bom=False)
    return answer.streaming_content  # type: ignore[return-value]


def _psql(statement: str) -> float:
    """Let psql run a statement, its output thrown away."""
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as script:
        script.write(statement + ";\n")
        script.flush()
        command = [str(database.psql()), "-qAt", "-d", database.url("bench_lists"), "-f", script.name]
        return seconds(lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL))


def _sweep(now: datetime) -> Figure:
    """Compare the sweep with the one UPDATE in it, run by psql on the same rows."""
    _due(now)
    with CaptureQueriesContext(connection) as captured:
        moved = sweep_standings(at=now)
    if moved != COUNT:
        raise RuntimeError(f"{moved} standings moved instead of {COUNT}")
    update = next(query["sql"] for query in captured.captured_queries if "UPDATE objectives_standing" in query["sql"])
    del captured
    ratios = []
    for turn in range(RUNS):
        _due(now)
        bare = _psql(update)
        _due(now)
        ours = seconds(lambda: sweep_standings(at=now))
        ratios.append(ours / bare)
        say(f"  sweep {turn + 1}: psql {bare:.2f} s, ours {ours:.2f} s")
    return _middle(f"Sweep over {COUNT:,} standings ÷ its bare SQL", ratios, 2)


def _due(now: datetime) -> None:
    Standing.objects.update(recheck_at=now - timedelta(minutes=1))
    analyze()


def _middle(name: str, ratios: list[float], limit: float, detail: str = "") -> Figure:
    ratios = sorted(ratios)
    span = f"median of {len(ratios)} ({ratios[0]:.2f} to {ratios[-1]:.2f})"
    return Figure(name, ratios[len(ratios) // 2], limit, detail=", ".join(filter(None, [detail, span])))

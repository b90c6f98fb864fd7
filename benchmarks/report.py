"""Print figures beside what was promised."""

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from time import perf_counter


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured figure and its promise.

    Units: whatever `unit` says; a promise is an upper limit.
    """

    name: str
    value: float
    limit: float
    unit: str = "×"
    detail: str = ""

    @property
    def kept(self) -> bool:
        """Tell whether the figure is within its promise."""
        return self.value <= self.limit

    def line(self) -> str:
        """Write the figure as one line."""
        mark = "ok  " if self.kept else "OVER"
        promise = f"(promised at most {self.limit:g}{self.unit})"
        return f"{mark} {self.name}: {self.value:.2f}{self.unit} {promise} {self.detail}".rstrip()


def seconds(work: Callable[[], object]) -> float:
    """Time one call on the wall clock."""
    start = perf_counter()
    work()
    return perf_counter() - start


def median_seconds(work: Callable[[], object], *, runs: int = 5) -> float:
    """Time several calls and take the middle one; the first, which warms caches, is not counted."""
    work()
    return median(seconds(work) for _ in range(runs))


def say(text: str) -> None:
    """Show progress at once."""
    print(text, flush=True)

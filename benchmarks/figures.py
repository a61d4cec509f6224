"""What a benchmark says: figures with their floors and goals, one JSON line each.

CPU seconds of the process (user and system) are the measure, because machines are shared; the best of a few runs
counts, because noise only ever adds.
"""

import json
import resource
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

MINUTE = 60_000_000_000
MONDAY_2018 = 1_514_851_200_000_000_000  # 2018-01-02 00:00 UTC


@dataclass
class Figure:
    """One measured figure; `better` says whether more or less is good, `floor` what must hold, `goal` what we want."""

    work: str
    value: float
    unit: str
    floor: float | None = None
    goal: float | None = None
    better: str = "more"

    @property
    def good(self) -> bool:
        """Whether the floor holds."""
        if self.floor is None:
            return True
        return self.value >= self.floor if self.better == "more" else self.value <= self.floor

    def say(self) -> None:
        """Print the figure for `run_all.py`."""
        print(json.dumps({**asdict(self), "good": self.good}), flush=True)


def cpu_seconds(work: Callable[[], Any], runs: int = 5) -> float:
    """The least CPU seconds of one call of `work` over `runs` calls."""
    best = float("inf")
    for _ in range(runs):
        started = time.process_time()
        work()
        best = min(best, time.process_time() - started)
    return best


def cpu_seconds_of_both(first: Callable[[], Any], second: Callable[[], Any], turns: int = 6) -> tuple[float, float]:
    """The least CPU seconds of either, by turns: a clock that changes on the way changes for both.

    Each has four calls a turn, so that the one finds no caches that the other has emptied.
    """
    least = [float("inf"), float("inf")]
    for _ in range(turns):
        for place, work in enumerate((first, second)):
            least[place] = min(least[place], cpu_seconds(work, 4))
    return least[0], least[1]


def peak_megabytes() -> float:
    """The most memory that this process has held since it began.

    Linux says so itself; `ru_maxrss` begins with what the parent held when it started this process, which may be more.
    """
    status = Path("/proc/self/status")
    if status.exists():
        row = next(line for line in status.read_text(encoding="ascii").splitlines() if line.startswith("VmHWM:"))
        return float(row.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def walk(
    count: int, seed: int = 1, symbol_count: int = 1, span: int = MINUTE, start: int = MONDAY_2018, step: float = 1e-4
) -> dict[str, Any]:
    """Bars of random walks on a grid of cents, sorted by time and symbol; generated, so for speed only.

    `step` is the standard deviation of a bar's return.
    """
    random = np.random.default_rng(seed)
    shape = (count, symbol_count)
    close = np.round(100.0 * np.exp(np.cumsum(random.normal(0.0, step, shape), axis=0)), 2)
    opened = np.vstack([close[:1], close[:-1]])
    high = np.maximum(opened, close) + np.round(random.exponential(0.02, shape), 2)
    low = np.minimum(opened, close) - np.round(random.exponential(0.02, shape), 2)
    columns: dict[str, Any] = {
        "time": np.repeat(start + span * np.arange(count, dtype=np.int64), symbol_count),
        "open": opened.ravel(),
        "high": high.round(2).ravel(),
        "low": low.round(2).ravel(),
        "close": close.ravel(),
        "volume": np.round(random.exponential(1e5, shape)).ravel(),
    }
    if symbol_count > 1:
        columns["symbol"] = np.tile([f"S{number:02}" for number in range(symbol_count)], count)
    return columns

"""Sweeps: bar-params a CPU second, what a cell costs beside its bars, and a million cells stored and asked.

A bar-param is one bar heard with one set of parameters; every cell goes through review, with limits and fees, lifecycle
and tally, and gives every statistic.  The kernel is compiled before the clock starts.
"""

import math
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl

import stratofold
from figures import Figure, cpu_seconds, peak_megabytes, walk
from stratofold import Fees, Limits, Strategy, param
from stratofold.indicators import RSI
from stratofold.research.sweep.store import Store
from stratofold.research.sweep.study import open_study
from stratofold.strategies import Crossover, DonchianBreakout

DAY = 86_400_000_000_000
MINUTES_A_YEAR = 252 * 390
WORKERS = 1_000
SHARE = 10 if "--short" in sys.argv else 1  # of the symbols and pairs; what is measured says its own shape
COSTS = {
    "fees": Fees(per_share=0.005, minimum=1.0),
    "limits": Limits(**dict.fromkeys(Limits.__slots__, float("inf")) | {"position_max": 1e6, "duplicate_seconds": 0.0}),
}


class Oscillator(Strategy):
    """Buys weakness and sells strength: a strategy that the sweep has never seen."""

    window = param(14, low=2, high=100)
    low = param(30.0, low=0.0, high=100.0)

    def setup(self):
        """One oscillator a symbol."""
        self.strength = self.per_symbol(RSI, self.window)

    def on_bar(self, bar, book):
        """In below, out above the mirror of it."""
        value = self.strength[bar.symbol].update(bar.close)
        held = book.position(bar.symbol)
        if value < self.low and held == 0.0:
            book.buy(bar.symbol, 10.0)
        elif value > 100.0 - self.low and held > 0.0:
            book.sell(bar.symbol, held)


def daily(symbols: int, days: int = 1_260):
    """Days of random walks, a hundredth a day."""
    return stratofold.read(pl.DataFrame(walk(days, symbol_count=symbols, span=DAY, step=0.01)))


def swept(strategy, data, **given):
    """A sweep of each symbol alone, unless it is told otherwise."""
    return stratofold.sweep(strategy, data, **{"each_symbol": True, "execution": "compiled"} | COSTS | given)


def rate(words: str, strategy, data, floor: float | None, each_symbol: bool = True, **space) -> float:
    """Bar-params a CPU second of one sweep; all symbols are one book where each has none of its own."""
    few = (
        data.subset(data.symbols[:2])
        if len(data.symbols) > 1
        else data.subset(end=int(data.time[len(data.time) // 50]))
    )
    swept(strategy, few, each_symbol=each_symbol, **space)
    begun = time.process_time()
    study = swept(strategy, data, each_symbol=each_symbol, **space)
    seconds = time.process_time() - begun
    heard = float(study.table["bars"].sum())
    books = len(data.symbols) if each_symbol else 1
    each = heard / len(study) * books / len(data.symbols)
    shape = f"{len(study) // books:,} sets x {len(data.symbols)} symbols x {each:,.0f} bars, "
    shape += f"{study.table['trades'].mean():.1f} trades a cell"
    Figure(f"{words}: {shape}", heard / seconds / 1e6, "M bar-params/CPU-s", floor).say()
    return heard / seconds


def memory() -> None:
    """What the first shape takes at most, in a process of its own that must have its kernel compiled, and in one that need not."""
    with tempfile.TemporaryDirectory() as cache:
        for words in ("kernel compiled", "kernel found"):
            command = [sys.executable, __file__, "--memory", *sys.argv[1:]]
            env = os.environ | {"STRATOFOLD_CACHE": cache}
            most = float(subprocess.run(command, env=env, capture_output=True, text=True, check=True).stdout)
            Figure(f"memory at most of the first shape, {words}", most, "MB", 300.0, None, "less").say()


def overhead() -> None:
    """What a cell costs whose bars take next to nothing: a sweep over seven days, less that of two cells."""
    data = stratofold.sample("SPY").subset(start="2015-01-02", end="2015-01-12")
    space = {"fast": [2], "slow": [3], "quantity": [float(size) for size in range(1, 1_001)]}

    def seconds(**given) -> float:
        return cpu_seconds(lambda: stratofold.sweep(Crossover, data, execution="compiled", **given), 5)

    took = seconds(**space) - seconds(**space | {"quantity": [1.0, 2.0]})
    Figure("a cell beside its bars, by `sweep`", took / 998 * 1e6, "CPU us", 30.0, None, "less").say()


def two_cores(data, words: str, floor: float | None, **space) -> None:
    """The same sweep by one process and by two: how many times as soon it is done, the start of processes included.

    Each twice, in turns, and the shorter: it is time by the clock, of which others on the machine take theirs.
    """
    times = {1: math.inf, 2: math.inf}
    for workers in (1, 2, 1, 2):
        begun = time.perf_counter()
        swept(Crossover, data, executor="processes", workers=workers, **space)
        times[workers] = min(times[workers], time.perf_counter() - begun)
    Figure(f"two processes against one, {words} ({times[1]:.1f} s)", times[1] / times[2], "x", floor).say()


def five_years(bars_a_second: float) -> None:
    """Five years of minutes x 100 symbols x 100 sets, reckoned from the rate of minutes here."""
    seconds = 5 * MINUTES_A_YEAR * 100 * 100 / bars_a_second
    Figure("5 years of minutes x 100 symbols x 100 sets, one core, reckoned", seconds, "s").say()
    Figure(f"the same on {WORKERS:,} workers of one core, their start left out", seconds / WORKERS, "s").say()


def a_million_cells() -> None:
    """A study of a million cells: written, and asked for its best."""
    whole = stratofold.sweep(Crossover, stratofold.sample("SPY", start="2019-01-01"), fast=[5, 9], slow=[20, 30])
    count = 1_000_000
    row = whole.table.head(1)
    random = np.random.default_rng(1)
    frame = (
        pl.DataFrame({"number": range(count)})
        .join(row, how="cross")
        .drop("number")
        .with_columns(
            pl.Series("cell", [f"{k:032x}" for k in range(count)]),
            *(pl.Series(name, random.normal(size=count)) for name, kind in row.schema.items() if kind == pl.Float64),
        )
    )
    with tempfile.TemporaryDirectory() as place:
        store = Store(Path(place) / "study")
        store.page = whole.store.page
        begun = time.process_time()
        for part in frame.iter_slices(50_000):
            store.add(part)
        store.write_page()
        Figure("a million cells stored", time.process_time() - begun, "CPU s", 10.0, None, "less").say()
        begun = time.process_time()
        open_study(Path(place) / "study").top(10)
        Figure("`study best` of a million", time.process_time() - begun, "CPU s", 0.5, None, "less").say()


if __name__ == "__main__":
    pairs = {"fast": range(5, 45, 2), "slow": range(50, 250, 4)}
    pairs = pairs if SHARE == 1 else {"fast": range(5, 45, 4), "slow": range(50, 250, 20)}
    days = daily(100 // SHARE)
    if "--memory" in sys.argv:
        swept(Crossover, days, **pairs)
        sys.exit(print(peak_megabytes()))
    rate("crossover, days, a book for each symbol", Crossover, days, 150.0, **pairs)
    # Peers were measured at 100,000 backtests, a book for each symbol; one book of all hundred is more work, and has no floor.
    rate("crossover, days, one book", Crossover, days, None, each_symbol=False, quantity=[5.0], **pairs)
    minutes = stratofold.read(pl.DataFrame(walk(100_000)))
    few = {name: list(values)[:: 1 if SHARE == 1 else 2] for name, values in pairs.items()}
    minutely = rate("crossover, minutes", Crossover, minutes, 150.0, **few)
    rate("breakout, days", DonchianBreakout, days, 60.0, entry=range(10, 60), leave=range(5, 25))
    rate("an unseen strategy, days", Oscillator, days, 60.0, window=range(5, 55), low=range(20, 40))
    memory()
    five_years(minutely)
    overhead()
    two_cores(days, "the first shape", None, **pairs)
    many = pairs if SHARE > 1 else {"fast": range(5, 45), "slow": range(50, 350)}
    two_cores(days, "twelve times as many pairs" if SHARE == 1 else "as many", 1.8, **many)
    a_million_cells()

"""Sweeps: bar-params a CPU second, what a cell costs beside its bars, and a million cells stored and asked.

A bar-param is one bar heard with one set of parameters; every cell goes through review, lifecycle and tally, and gives
every statistic.  The kernel is compiled before the clock starts.
"""

import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl

import stratofold
from figures import Figure, cpu_seconds, walk
from stratofold import Strategy, param
from stratofold.indicators import RSI
from stratofold.research.sweep.store import Store
from stratofold.research.sweep.study import open_study
from stratofold.strategies import Crossover, DonchianBreakout

DAY = 86_400_000_000_000
SHARE = 10 if "--short" in sys.argv else 1  # of the symbols and pairs: the rate is the same, the wait is not


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
    """Days of random walks."""
    return stratofold.read(pl.DataFrame(walk(days, symbol_count=symbols, span=DAY)))


def rate(words: str, strategy, data, floor: float, **space) -> None:
    """Bar-params a CPU second of one sweep."""
    few = {name: list(values)[:2] for name, values in space.items()}
    stratofold.sweep(strategy, data, each_symbol=True, execution="compiled", **few)
    begun = time.process_time()
    study = stratofold.sweep(strategy, data, each_symbol=True, execution="compiled", **space)
    seconds = time.process_time() - begun
    heard = float(study.table["bars"].sum())
    Figure(f"{words}: {len(study):,} cells", heard / seconds / 1e6, "M bar-params/CPU-s", floor).say()


def overhead() -> None:
    """What a cell costs whose bars take next to nothing."""
    data = stratofold.sample("SPY").subset(start="2015-01-02", end="2015-01-12")
    from stratofold.research.prepare import Options
    from stratofold.research.sweep.block import Block

    block = Block(Crossover, data, Options(), execution="compiled")
    sets = [{"fast": fast, "slow": slow} for fast in range(5, 45) for slow in range(50, 100, 2)]
    block.run(sets[:2])
    seconds = cpu_seconds(lambda: block.run(sets), 7) / len(sets)
    Figure("a cell beside its bars", seconds * 1e6, "CPU us", 30.0, None, "less").say()


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
    rate("crossover, 1,260 days, 100 symbols", Crossover, daily(100 // SHARE), 150.0, **pairs)
    minutes = stratofold.read(pl.DataFrame(walk(100_000)))
    few = {name: list(values)[:: 1 if SHARE == 1 else 2] for name, values in pairs.items()}
    rate("crossover, 100,000 minutes", Crossover, minutes, 150.0, **few)
    rate("breakout, 1,260 days", DonchianBreakout, daily(100 // SHARE), 60.0, entry=range(10, 60), leave=range(5, 25))
    rate(
        "an unseen strategy, 1,260 days", Oscillator, daily(100 // SHARE), 60.0, window=range(5, 55), low=range(20, 40)
    )
    overhead()
    a_million_cells()

"""Bars out of trades: 702,146 trades of SPY to minutes all at once, and one at a time inside a compiled strategy.

The batch is the public function with the sessions of New York; the incremental form runs through the public backtest, in a
strategy that hears each trade.  Real trades are used where the shared market data lie beside this checkout, else made ones.
"""

from pathlib import Path

import numpy as np
import polars as pl

import stratofold
from figures import Figure, cpu_seconds
from stratofold import Strategy
from stratofold.bars import TimeBars
from stratofold.market.sessions import calendar
from stratofold.market.tick_bars import time_bars

FILE = Path(__file__).parents[2] / "shared" / "data" / "ticks" / "spy_trades.parquet"
COUNT = 702_146


class Minutes(Strategy):
    """Builds minutes out of trades and does nothing with them."""

    def setup(self):
        """No bar yet."""
        self.bars = TimeBars(60_000_000_000)
        self.made = 0

    def on_trade(self, trade, book):
        """One more trade."""
        if self.bars.update(trade.time, trade.price, trade.size):
            self.made += 1


def trades() -> pl.DataFrame:
    """Two days of SPY, or as many made trades in one session."""
    if FILE.exists():
        return pl.read_parquet(FILE).rename({"ts": "time"}).select("symbol", "time", "price", "size")
    chance, days = np.random.default_rng(1), calendar("XNYS")
    times = np.sort(chance.integers(days.opens[6_000], days.closes[6_000], COUNT))
    return pl.DataFrame(
        {
            "symbol": "SPY",
            "time": pl.Series(times).cast(pl.Datetime("ns", "UTC")),
            "price": np.round(170.0 + np.cumsum(chance.normal(0.0, 0.001, COUNT)), 2),
            "size": chance.integers(1, 500, COUNT).astype(float),
        }
    )


def main() -> None:
    """Measure and say."""
    tape = trades()
    batch = cpu_seconds(lambda: time_bars(tape, "1min", calendar="XNYS"), runs=7)
    Figure("702,146 trades to minutes, all at once", batch * 1e3, "CPU ms", floor=50.0, better="less").say()
    ticks = stratofold.read_ticks(trades=tape)
    once = cpu_seconds(lambda: stratofold.backtest(Minutes, ticks, execution="compiled"), runs=5)
    Figure(
        "the same one at a time, compiled, inside a strategy", len(tape) / once / 1e6, "M trades/CPU-s", floor=1.0
    ).say()


if __name__ == "__main__":
    main()

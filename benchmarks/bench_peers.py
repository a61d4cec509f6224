"""Other backtesters on the same bars and rule, beside ours, when they are installed: SMA 20/50, fills at the next open.

Nothing here has a floor: it is for scale.  Install some of `vectorbt`, `backtesting` to see them.
"""

import importlib.util

import pandas as pd
import polars as pl

import stratofold
from figures import Figure, cpu_seconds, walk
from stratofold.strategies import Crossover

BARS = 100_000

columns = walk(BARS)
frame = pl.DataFrame({**columns, "time": pl.Series(columns["time"]).cast(pl.Datetime("ns", "UTC"))})


def ours() -> None:
    """Stratofold, compiled, from `MarketData`."""
    stratofold.backtest(Crossover, data, execution="compiled", cash=1e6)


def vectorbt() -> None:
    """`Portfolio.from_signals`, decided at the close, filled at the next open."""
    import vectorbt

    close, opened = pd.Series(columns["close"]), pd.Series(columns["open"])
    above = close.rolling(20).mean() > close.rolling(50).mean()
    below = close.rolling(20).mean() < close.rolling(50).mean()
    told = vectorbt.Portfolio.from_signals(
        opened, above.shift(1, fill_value=False), below.shift(1, fill_value=False), size=50, init_cash=1e6
    )
    told.final_value()


def backtesting() -> None:
    """`Backtest.run` of a strategy with `self.I`."""
    from backtesting import Backtest, Strategy

    class Average(Strategy):
        def init(self):
            self.fast = self.I(lambda prices: pd.Series(prices).rolling(20).mean(), self.data.Close)
            self.slow = self.I(lambda prices: pd.Series(prices).rolling(50).mean(), self.data.Close)

        def next(self):
            if self.fast[-1] > self.slow[-1] and not self.position:
                self.buy(size=50)
            elif self.fast[-1] < self.slow[-1] and self.position:
                self.position.close()

    index = pd.to_datetime(columns["time"], utc=True).tz_localize(None)
    names = {"open": "Open", "high": "High", "low": "Low", "close": "Close", "volume": "Volume"}
    bars = pd.DataFrame({names[name]: columns[name] for name in names}, index=index)
    Backtest(bars, Average, cash=1e6).run()


data = stratofold.read(frame)
for work, package in ((ours, "stratofold"), (vectorbt, "vectorbt"), (backtesting, "backtesting")):
    if importlib.util.find_spec(package) is not None:
        work()
        Figure(f"SMA 20/50, {BARS:,} bars: {package}", BARS / cpu_seconds(work, runs=3) / 1e6, "M bars/CPU-s").say()

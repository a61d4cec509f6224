"""SMA 20/50 over one million minute bars: compiled, interpreted, and a hand-written loop of the same rule.

The public function on the shipped strategy, with stated fees, slippage and limits and all statistics.  The data is
`MarketData` already; what it costs to make it from a frame is a figure of its own.
"""

import polars as pl

import stratofold
from figures import Figure, cpu_seconds, cpu_seconds_of_both, walk
from rules import hand_written
from stratofold.strategies import Crossover

BARS = 1_000_000
INTERPRETED_BARS = 100_000

columns = walk(BARS)
frame = pl.DataFrame({**columns, "time": pl.Series(columns["time"]).cast(pl.Datetime("ns", "UTC"))})
data = stratofold.read(frame)
few = stratofold.read(frame.head(INTERPRETED_BARS))
keywords = {
    "cash": 1_000_000.0,
    "fees": stratofold.Fees(per_value=0.0001),
    "slippage": stratofold.Slippage(proportional=0.0001),
    "limits": stratofold.Limits(
        position_max=1e6,
        order_quantity_max=1e6,
        order_notional_max=1e8,
        gross_exposure_max=1e8,
        net_exposure_max=1e8,
        leverage_max=10.0,
        price_collar=0.5,
        orders_per_minute_max=100.0,
        duplicate_seconds=0.0,
    ),
}
stratofold.backtest(Crossover, data, execution="compiled", **keywords)
loop = hand_written(20, 50, 50.0)
loop(columns["open"], columns["close"], 1e6)
seconds, hand = cpu_seconds_of_both(
    lambda: stratofold.backtest(Crossover, data, execution="compiled", **keywords),
    lambda: loop(columns["open"], columns["close"], 1e6),
)
compiled, ceiling = BARS / seconds / 1e6, BARS / hand / 1e6
interpreted = cpu_seconds(lambda: stratofold.backtest(Crossover, few, execution="interpreted", **keywords), runs=2)

Figure("SMA 20/50, one symbol, 1 M minute bars, compiled", compiled, "M bars/CPU-s", 60, 150).say()
Figure("  the hand-written loop of the same rule", ceiling, "M bars/CPU-s").say()
Figure("  of the hand-written loop", compiled / ceiling, "ratio", 0.25, 0.5).say()
Figure("SMA 20/50, one symbol, interpreted", INTERPRETED_BARS / interpreted / 1e6, "M bars/CPU-s", 0.30, 1.0).say()
conversion = cpu_seconds(lambda: stratofold.read(frame), runs=3)
Figure("a polars frame of 1 M bars to MarketData", conversion, "CPU s", better="less").say()

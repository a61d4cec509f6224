"""20 symbols of 50,000 bars, compiled: a trend rule that enters by limit orders, and a quoter that does little else.

The first is the workload of the floor; the second, which sends an order every other bar, says what an order costs.
"""

import polars as pl

import stratofold
from figures import Figure, cpu_seconds, walk
from rules import LimitTrend, Quoter

SYMBOLS, BARS = 20, 50_000

columns = walk(BARS, symbol_count=SYMBOLS)
frame = pl.DataFrame({**columns, "time": pl.Series(columns["time"]).cast(pl.Datetime("ns", "UTC"))})
data = stratofold.read(frame)
keywords = {"cash": 1e6, "fees": stratofold.Fees(maker=0.0, taker=0.0002), "limits": stratofold.Unlimited()}

trend = stratofold.backtest(LimitTrend, data, execution="compiled", **keywords)
seconds = cpu_seconds(lambda: stratofold.backtest(LimitTrend, data, execution="compiled", **keywords))
Figure("20 symbols x 50,000 bars, limit orders, compiled", SYMBOLS * BARS / seconds / 1e6, "M bars/CPU-s", 25).say()
Figure("  orders in that run", float(len(trend.orders)), "orders").say()

quoter = stratofold.backtest(Quoter, data, execution="compiled", **keywords)
seconds = cpu_seconds(lambda: stratofold.backtest(Quoter, data, execution="compiled", **keywords), runs=2)
Figure(
    "a quoter on the same bars: orders reviewed, matched, tallied", len(quoter.orders) / seconds / 1e6, "M orders/CPU-s"
).say()

"""Prices from a table of your own: usual column names are understood, and what was understood is said.

The figures are made up, in the manner of a ten-for-one split.
"""

import polars as pl

import stratofold
from stratofold.strategies import BuyAndHold

prices = pl.DataFrame(
    {
        "Date": ["2024-06-05", "2024-06-06", "2024-06-07", "2024-06-10", "2024-06-11", "2024-06-12"],
        "Open": [1195.0, 1240.0, 1197.0, 120.0, 121.0, 123.0],
        "High": [1227.0, 1250.0, 1216.0, 123.0, 122.0, 126.0],
        "Low": [1158.0, 1180.0, 1180.0, 117.0, 118.0, 122.0],
        "Close": [1224.0, 1209.0, 1208.0, 121.0, 120.0, 125.0],
        "Volume": [528_000.0, 664_000.0, 412_000.0, 3_141_000.0, 2_225_000.0, 2_992_000.0],
    }
).with_columns(pl.col("Date").str.to_date())
happened = pl.DataFrame(
    {
        "symbol": ["CHIP", "CHIP"],
        "date": ["2024-06-10", "2024-06-11"],
        "kind": ["split", "dividend"],
        "value": [10.0, 0.01],
    }
).with_columns(pl.col("date").str.to_date())

data = stratofold.read(prices, symbols="CHIP", actions=happened)
result = stratofold.backtest(BuyAndHold, data, cash=50_000.0)
print(result)

# 40 were bought at 1,240; ten for one makes 400, and a cent on each is 4.00 in cash.
print(result.fills.to_polars().select("time", "symbol", "side", "quantity", "price"))
print(result.positions.to_polars())
print(result.equity.to_polars().tail(2))

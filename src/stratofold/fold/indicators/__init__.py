"""Incremental indicators: plain classes of numbers, by TA-Lib name and argument order where TA-Lib has the indicator.

A value, or a bar's prices, comes in with `update`; the main result goes out, NaN until ready; further results are
attributes.  Memory is fixed when the object is made, the cost of an update does not depend on the stream's length, and
neither does the error.  `docs/indicators.md` has the table.
"""

from stratofold.fold.indicators.averages import DEMA, EMA, KAMA, SMA, TEMA, WMA
from stratofold.fold.indicators.channels import BBANDS, Donchian, Keltner
from stratofold.fold.indicators.kalman import KalmanHedgeRatio
from stratofold.fold.indicators.moments import STDDEV, SUM, VAR, StandardDeviation, Sum, Variance, ZScore
from stratofold.fold.indicators.momentum import RSI
from stratofold.fold.indicators.ranges import ATR, NATR, TRANGE
from stratofold.fold.indicators.ranks import MAX, MIN, Maximum, Median, Minimum, Quantile

Mean = SMA

__all__ = [
    "ATR", "BBANDS", "DEMA", "EMA", "KAMA", "MAX", "MIN", "NATR", "RSI", "SMA", "STDDEV", "SUM", "TEMA", "TRANGE", "VAR",
    "WMA", "Donchian", "KalmanHedgeRatio", "Keltner", "Maximum", "Mean", "Median", "Minimum", "Quantile",
    "StandardDeviation", "Sum", "Variance", "ZScore",
]  # fmt: skip

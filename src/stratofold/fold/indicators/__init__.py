"""Incremental indicators: plain classes of numbers, by TA-Lib name and argument order where TA-Lib has the indicator.

A value, or a bar's prices, comes in with `update`; the main result goes out, NaN until ready; further results are
attributes.  Memory is fixed when the object is made, the cost of an update does not depend on the stream's length, and
neither does the error.  `docs/indicators.md` has the table.
"""

from stratofold.fold.indicators.averages import DEMA, EMA, KAMA, SMA, TEMA, WMA
from stratofold.fold.indicators.channels import BBANDS, Donchian, Keltner
from stratofold.fold.indicators.kalman import KalmanHedgeRatio
from stratofold.fold.indicators.moments import STDDEV, SUM, VAR, StandardDeviation, Sum, Variance, ZScore
from stratofold.fold.indicators.momentum import MACD, MOM, ROC, RSI
from stratofold.fold.indicators.oscillators import ADX, CCI, STOCH, WILLR
from stratofold.fold.indicators.pairs import BETA, CORREL, Beta, Correlation, RollingRegression
from stratofold.fold.indicators.ranges import ATR, NATR, TRANGE
from stratofold.fold.indicators.ranks import MAX, MIN, Maximum, Median, Minimum, Quantile
from stratofold.fold.indicators.regression import LINEARREG, LinearRegression
from stratofold.fold.indicators.volume import MFI, OBV, VWAP, RollingVWAP
from stratofold.fold.indicators.weighted import Drawdown, EwmMean, EwmVariance

Mean = SMA

__all__ = [
    "ADX", "ATR", "BBANDS", "BETA", "CCI", "CORREL", "DEMA", "EMA", "KAMA", "LINEARREG", "MACD", "MAX", "MFI", "MIN",
    "MOM", "NATR", "OBV", "ROC", "RSI", "SMA", "STDDEV", "STOCH", "SUM", "TEMA", "TRANGE", "VAR", "VWAP", "WILLR", "WMA",
    "Beta", "Correlation", "Donchian", "Drawdown", "EwmMean", "EwmVariance", "KalmanHedgeRatio", "Keltner",
    "LinearRegression", "Maximum", "Mean", "Median", "Minimum", "Quantile", "RollingRegression", "RollingVWAP",
    "StandardDeviation", "Sum", "Variance", "ZScore",
]  # fmt: skip

"""Bars out of trades and what the touch says, where strategies import them from: `from stratofold.bars import TimeBars`."""

from stratofold.fold.candles import TICKS, VALUE, VOLUME, Candle, ImbalanceBars, ThresholdBars, TimeBars
from stratofold.fold.touch import imbalance, microprice, relative_spread, spread

__all__ = [
    "TICKS", "VALUE", "VOLUME", "Candle", "ImbalanceBars", "ThresholdBars", "TimeBars", "imbalance", "microprice",
    "relative_spread", "spread",
]  # fmt: skip

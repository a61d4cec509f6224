"""Bands around a price: Bollinger, Donchian, Keltner.  The middle goes out; `upper` and `lower` are beside it."""

from math import nan

from stratofold.fold.indicators.arguments import finite, simple, whole
from stratofold.fold.indicators.averages import EMA, SMA
from stratofold.fold.indicators.moments import STDDEV
from stratofold.fold.indicators.ranges import ATR
from stratofold.fold.indicators.ranks import Extreme


class BBANDS:
    """Bollinger bands: the simple average, and so many standard deviations above and below, in the values' unit.

    NaN for the first `period - 1` values.  `average_kind` is TA-Lib's `matype`, of which only 0 is built in.
    Source: J. Bollinger, Bollinger on Bollinger Bands (2001); TA-Lib `BBANDS`.
    """

    def __init__(
        self, period: int = 5, deviations_up: float = 2.0, deviations_down: float = 2.0, average_kind: int = 0
    ) -> None:
        """Bands over `period` values; raises `Setup` if an argument cannot be."""
        self.period = whole(period, "period", "BBANDS", 2)
        self.deviations_up = finite(deviations_up, "deviations_up", "BBANDS")
        self.deviations_down = finite(deviations_down, "deviations_down", "BBANDS")
        simple(average_kind, "average_kind", "BBANDS")
        self.upper = nan
        self.middle = nan
        self.lower = nan
        self._average = SMA(self.period)
        self._deviation = STDDEV(self.period)

    @property
    def value(self) -> float:
        """The middle band."""
        return self.middle

    @property
    def ready(self) -> bool:
        """Whether the last result is a number."""
        return self.middle == self.middle

    def update(self, value: float) -> float:
        """Take the next value and return the middle band."""
        self.middle = self._average.update(value)
        deviation = self._deviation.update(value)
        self.upper = self.middle + self.deviations_up * deviation
        self.lower = self.middle - self.deviations_down * deviation
        return self.middle


class Donchian:
    """Donchian channel: highest high, lowest low and their middle over the last `period` bars, in price units.

    The newest bar is in it: read `upper` and `lower` before `update` to compare a bar with the bars before it.
    NaN for the first `period - 1` bars and while a NaN is in the window.  Source: R. Donchian's four-week rule (1960).
    """

    def __init__(self, period: int = 20) -> None:
        """Channel over `period` bars; raises `Setup` if it is not a whole number of at least 1."""
        self.period = whole(period, "period", "Donchian")
        self.upper = nan
        self.middle = nan
        self.lower = nan
        self._highs = Extreme(self.period)
        self._lows = Extreme(self.period)

    @property
    def value(self) -> float:
        """The middle of the channel."""
        return self.middle

    @property
    def ready(self) -> bool:
        """Whether the last result is a number."""
        return self.middle == self.middle

    def update(self, high: float, low: float) -> float:
        """Take the next bar and return the middle of the channel."""
        self.upper = self._highs.take(high)
        self.lower = -self._lows.take(-low)
        self.middle = (self.upper + self.lower) / 2.0
        return self.middle


class Keltner:
    """Keltner channel: an exponential average of closes, and so many average true ranges above and below.

    In price units; NaN until both averages are ready, `max(period - 1, range_period)` bars.  A bar with a NaN is passed
    over.  Source: C. W. Keltner, How to Make Money in Commodities (1960), in the form of L. B. Raschke (EMA and ATR).
    """

    def __init__(self, period: int = 20, range_period: int = 10, multiplier: float = 2.0) -> None:
        """Average over `period` closes and `range_period` ranges; raises `Setup` if an argument cannot be."""
        self.period = whole(period, "period", "Keltner")
        self.range_period = whole(range_period, "range_period", "Keltner")
        self.multiplier = finite(multiplier, "multiplier", "Keltner")
        self.upper = nan
        self.middle = nan
        self.lower = nan
        self._average = EMA(self.period)
        self._range = ATR(self.range_period)

    @property
    def value(self) -> float:
        """The middle of the channel."""
        return self.middle

    @property
    def ready(self) -> bool:
        """Whether both averages are ready."""
        return self._average.ready and self._range.ready

    def update(self, high: float, low: float, close: float) -> float:
        """Take the next bar and return the middle of the channel."""
        if high != high or low != low or close != close:
            return nan
        middle = self._average.update(close)
        width = self._range.update(high, low, close)
        if self.ready:
            self.middle = middle
            self.upper = middle + self.multiplier * width
            self.lower = middle - self.multiplier * width
        return self.middle

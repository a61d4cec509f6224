"""Momentum: how fast and how one-sidedly prices move.  By TA-Lib name and argument order."""

from math import nan

from stratofold.fold.indicators.arguments import whole


class RSI:
    """Relative strength index, 0 to 100: `100 * up / (up + down)`, Wilder's averages of rises and of falls.

    Seeded with the means of the first `period` changes; NaN for the first `period` values; 0 where nothing moved, as in
    TA-Lib.  A NaN input is passed over.
    Source: J. W. Wilder, New Concepts in Technical Trading Systems (1978), chapter 6; TA-Lib `RSI` (unstable period 0).
    """

    def __init__(self, period: int = 14) -> None:
        """Average over `period` changes; raises `Setup` if it is not a whole number of at least 2."""
        self.period = whole(period, "period", "RSI", 2)
        self.value = nan
        self._last = nan
        self._up = 0.0
        self._down = 0.0
        self._missing = self.period

    @property
    def ready(self) -> bool:
        """Whether `period + 1` values have come."""
        return self._missing == 0

    def update(self, value: float) -> float:
        """Take the next value and return the index."""
        if value - value != 0.0:
            return nan
        change = value - self._last
        self._last = value
        if change != change:
            return nan
        rise = change if change > 0.0 else 0.0
        fall = 0.0 - change if change < 0.0 else 0.0
        if self._missing > 0:
            return self._warm(rise, fall)
        self._up = (self._up * (self.period - 1) + rise) / self.period
        self._down = (self._down * (self.period - 1) + fall) / self.period
        return self._index()

    def _warm(self, rise: float, fall: float) -> float:
        """Sum up the seeds."""
        self._up += rise
        self._down += fall
        self._missing -= 1
        if self._missing > 0:
            return nan
        self._up /= self.period
        self._down /= self.period
        return self._index()

    def _index(self) -> float:
        """The index of the two averages."""
        both = self._up + self._down
        self.value = 100.0 * self._up / both if both != 0.0 else 0.0
        return self.value

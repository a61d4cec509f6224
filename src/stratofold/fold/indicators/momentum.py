"""Momentum: how fast and how one-sidedly prices move.  By TA-Lib name and argument order."""

from array import array
from math import nan

from stratofold.fold.indicators.arguments import whole
from stratofold.fold.indicators.averages import EMA


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
        rise = 0.0
        fall = 0.0
        if change > 0.0:
            rise = change
        else:
            fall = 0.0 - change
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


class MACD:
    """Moving average convergence/divergence: a fast minus a slow exponential average, in the values' unit.

    `signal` is the exponential average of that difference, `histogram` the difference from its signal.  Both averages
    are seeded at value `slow_period`, the fast one with the last `fast_period` of them, as in TA-Lib.
    All three are NaN for the first `slow_period + signal_period - 2` values; periods in the wrong order are exchanged.
    A NaN input is passed over.  Source: G. Appel, The Moving Average Convergence-Divergence Method (1979); TA-Lib `MACD`.
    """

    def __init__(self, fast_period: int = 12, slow_period: int = 26, signal_period: int = 9) -> None:
        """The usual 12, 26, 9; raises `Setup` if one is not a whole number (of at least 2; the signal's 1)."""
        one = whole(fast_period, "fast_period", "MACD", 2)
        other = whole(slow_period, "slow_period", "MACD", 2)
        self.fast_period = min(one, other)
        self.slow_period = max(one, other)
        self.signal_period = whole(signal_period, "signal_period", "MACD")
        self.value = nan
        self.signal = nan
        self.histogram = nan
        self._wait = self.slow_period - self.fast_period
        self._fast = EMA(self.fast_period)
        self._slow = EMA(self.slow_period)
        self._signal = EMA(self.signal_period)

    @property
    def ready(self) -> bool:
        """Whether `slow_period + signal_period - 1` values have come."""
        return self._signal.ready

    def update(self, value: float) -> float:
        """Take the next value and return the difference of the averages."""
        if value - value != 0.0:
            return nan
        slow = self._slow.update(value)
        if self._wait > 0:
            self._wait -= 1
            return nan
        fast = self._fast.update(value)
        signal = self._signal.update(fast - slow)
        if self._signal.ready:
            self.value = fast - slow
            self.signal = signal
            self.histogram = self.value - signal
        return self.value


class Lag:
    """The value of `period` updates ago."""

    def __init__(self, period: int) -> None:
        """Remember `period` values."""
        self.period = period
        self._window = array("d", [nan]) * period
        self._index = 0

    def take(self, value: float) -> float:
        """Let `value` in; returns the one that leaves, NaN for the first `period`."""
        leaving = self._window[self._index]
        self._window[self._index] = value
        self._index += 1
        if self._index == self.period:
            self._index = 0
        return leaving


class MOM:
    """Momentum: the change over `period` values, in their unit.

    NaN for the first `period` values, and where either end is NaN.  Source: TA-Lib `MOM`.
    """

    def __init__(self, period: int = 10) -> None:
        """Change over `period` values; raises `Setup` if it is not a whole number of at least 1."""
        self.period = whole(period, "period", "MOM")
        self.value = nan
        self._lag = Lag(self.period)

    @property
    def ready(self) -> bool:
        """Whether the last result is a number."""
        return self.value == self.value

    def update(self, value: float) -> float:
        """Take the next value and return the change."""
        self.value = value - self._lag.take(value)
        return self.value


class ROC:
    """Rate of change over `period` values, in per cent: `100 * (value / earlier - 1)`.

    NaN for the first `period` values, and where either end is NaN; 0 where the earlier value is 0, as in TA-Lib.
    Source: TA-Lib `ROC`.
    """

    def __init__(self, period: int = 10) -> None:
        """Change over `period` values; raises `Setup` if it is not a whole number of at least 1."""
        self.period = whole(period, "period", "ROC")
        self.value = nan
        self._lag = Lag(self.period)

    @property
    def ready(self) -> bool:
        """Whether the last result is a number."""
        return self.value == self.value

    def update(self, value: float) -> float:
        """Take the next value and return the change in per cent."""
        earlier = self._lag.take(value)
        self.value = (value / earlier - 1.0) * 100.0 if earlier != 0.0 else 0.0
        return self.value

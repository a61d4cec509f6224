"""Moving averages, by TA-Lib name and argument order.

Values come in one at a time; the average goes out, NaN until enough have come.
The windowed ones (SMA, WMA) start their sums afresh at every turn of the window, so no rounding outlives two windows.
The exponential ones follow TA-Lib: seeded with the simple average of the first `period` values.
"""

from array import array
from math import nan

from stratofold.fold.indicators.arguments import whole
from stratofold.fold.indicators.window import RampTotal, WindowTotal


class SMA(WindowTotal):
    """Simple moving average: the sum of the last `period` values over `period`, in the values' unit.

    Where all values have at most eight decimals the result is the double nearest to the decimals' mean, so that two
    averages that are equal on paper are equal here.  NaN for the first `period - 1` values.
    Source: TA-Lib `SMA`; the exact sum is ours (`WindowTotal`).
    """

    def __init__(self, period: int = 30) -> None:
        """Average over `period` values; raises `Setup` if it is not a whole number of at least 1."""
        count = whole(period, "period", "SMA")
        super().__init__(count, float(count), 1.0)


class EMA:
    """Exponential moving average: `value += (x - value) * 2 / (period + 1)`, in the values' unit.

    Seeded with the simple average of the first `period` values, NaN before.  A NaN input is passed over: the result
    is NaN once, the state stays.  Source: TA-Lib `EMA` (default compatibility, unstable period 0).
    """

    def __init__(self, period: int = 30) -> None:
        """Smooth with factor `2 / (period + 1)`; raises `Setup` if `period` is not a whole number of at least 1."""
        self.period = whole(period, "period", "EMA")
        self.factor = 2.0 / (self.period + 1)
        self.value = nan
        self._seed = 0.0
        self._missing = self.period

    @property
    def ready(self) -> bool:
        """Whether `period` values have come."""
        return self._missing == 0

    def update(self, value: float) -> float:
        """Take the next value and return the average."""
        if self._missing == 0:
            moved = (value - self.value) * self.factor + self.value
            if moved - moved == 0.0:
                self.value = moved
                return moved
            return nan
        return self._warm(value)

    def _warm(self, value: float) -> float:
        """Sum up the seed."""
        if value - value == 0.0:
            self._seed += value
            self._missing -= 1
            if self._missing == 0:
                self.value = self._seed / self.period
        return self.value


class WMA:
    """Weighted moving average: the newest of `period` values weighs `period`, the oldest 1; in the values' unit.

    NaN for the first `period - 1` values and while a NaN is in the window.  Source: TA-Lib `WMA`.
    """

    def __init__(self, period: int = 30) -> None:
        """Average over `period` values; raises `Setup` if it is not a whole number of at least 1."""
        self.period = whole(period, "period", "WMA")
        self.value = nan
        self._weight = self.period * (self.period + 1) / 2.0
        self._ramp = RampTotal(self.period)

    @property
    def ready(self) -> bool:
        """Whether the last result is a number."""
        return self.value == self.value

    def update(self, value: float) -> float:
        """Take the next value and return the average."""
        self._ramp.take(value)
        self.value = self._ramp.weighted / self._weight + self._ramp.anchor
        return self.value


class DEMA:
    """Double exponential moving average: `2 * EMA - EMA(EMA)`, in the values' unit.

    NaN for the first `2 * (period - 1)` values.  A NaN input is passed over.
    Source: P. Mulloy, Technical Analysis of Stocks & Commodities, February 1994; TA-Lib `DEMA`.
    """

    def __init__(self, period: int = 30) -> None:
        """Smooth twice over `period`; raises `Setup` if it is not a whole number of at least 1."""
        self.period = whole(period, "period", "DEMA")
        self.value = nan
        self._first = EMA(self.period)
        self._second = EMA(self.period)

    @property
    def ready(self) -> bool:
        """Whether `2 * period - 1` values have come."""
        return self._second.ready

    def update(self, value: float) -> float:
        """Take the next value and return the average."""
        first = self._first.update(value)
        second = self._second.update(first)
        moved = 2.0 * first - second
        if moved == moved:
            self.value = moved
        return moved


class TEMA:
    """Triple exponential moving average: `3 * EMA - 3 * EMA(EMA) + EMA(EMA(EMA))`, in the values' unit.

    NaN for the first `3 * (period - 1)` values.  A NaN input is passed over.
    Source: P. Mulloy, Technical Analysis of Stocks & Commodities, January 1994; TA-Lib `TEMA`.
    """

    def __init__(self, period: int = 30) -> None:
        """Smooth three times over `period`; raises `Setup` if it is not a whole number of at least 1."""
        self.period = whole(period, "period", "TEMA")
        self.value = nan
        self._first = EMA(self.period)
        self._second = EMA(self.period)
        self._third = EMA(self.period)

    @property
    def ready(self) -> bool:
        """Whether `3 * period - 2` values have come."""
        return self._third.ready

    def update(self, value: float) -> float:
        """Take the next value and return the average."""
        first = self._first.update(value)
        second = self._second.update(first)
        moved = 3.0 * first - 3.0 * second + self._third.update(second)
        if moved == moved:
            self.value = moved
        return moved


class KAMA:
    """Kaufman's adaptive moving average, in the values' unit.

    `value += (x - value) * (efficiency * (fast - slow) + slow)**2` with `efficiency` the net change over `period`
    values divided by the sum of their absolute changes, `fast = 2 / 3` and `slow = 2 / 31`.
    NaN for the first `period` values, seeded with the last of them.  A NaN input is passed over.
    Source: P. J. Kaufman, Smarter Trading (1995); TA-Lib `KAMA` (unstable period 0).
    """

    FAST = 2.0 / 3.0
    SLOW = 2.0 / 31.0

    def __init__(self, period: int = 30) -> None:
        """Measure efficiency over `period` changes; raises `Setup` if it is not a whole number of at least 2."""
        self.period = whole(period, "period", "KAMA", 2)
        self.value = nan
        self._window = array("d", [0.0]) * self.period
        self._index = 0
        self._seen = 0
        self._last = nan
        self._path = 0.0
        self._changes = array("d", [0.0]) * self.period
        self._fresh_path = 0.0

    @property
    def ready(self) -> bool:
        """Whether `period + 1` values have come."""
        return self._seen > self.period

    def update(self, value: float) -> float:
        """Take the next value and return the average."""
        if value - value != 0.0:
            return nan
        change = 0.0 if self._seen == 0 else abs(value - self._last)
        index = self._index
        oldest = self._window[index]
        self._window[index] = value
        self._path += change - self._changes[index]
        self._fresh_path += change
        self._changes[index] = change
        self._index += 1
        if self._index == self.period:
            self._index = 0
            self._path = self._fresh_path
            self._fresh_path = 0.0
        last = self._last
        self._last = value
        if self._seen < self.period:
            self._seen += 1
            return nan
        if self._seen == self.period:
            self._seen += 1
            self.value = last
        self.value += (value - self.value) * self._factor(abs(value - oldest))
        return self.value

    def _factor(self, net: float) -> float:
        """The squared smoothing factor after a net change of `net`."""
        efficiency = 1.0
        if self._path > net:
            efficiency = net / self._path
        factor = efficiency * (self.FAST - self.SLOW) + self.SLOW
        return factor * factor

"""Oscillators: where a close stands in its range, and how directed the range is.  By TA-Lib name and argument order."""

from array import array
from math import nan

from stratofold.fold.indicators.arguments import simple, whole
from stratofold.fold.indicators.averages import SMA
from stratofold.fold.indicators.ranges import same, true_range, typical_price
from stratofold.fold.indicators.ranks import Extreme


class STOCH:
    """Slow stochastic, 0 to 100: the place of the close in the range of `fast_k_period` bars, averaged twice.

    `slow_k` is the simple average of `100 * (close - lowest) / (highest - lowest)` over `slow_k_period`, `slow_d` that of
    `slow_k` over `slow_d_period`; a range of nothing counts 0, as in TA-Lib.  NaN for the first
    `fast_k_period + slow_k_period + slow_d_period - 3` bars and while a NaN is in a window.
    The `..._kind` arguments are TA-Lib's `matype`s, of which only 0 is built in.
    Source: G. C. Lane, Technical Analysis of Stocks & Commodities, May 1984; TA-Lib `STOCH`.
    """

    def __init__(
        self,
        fast_k_period: int = 5,
        slow_k_period: int = 3,
        slow_k_kind: int = 0,
        slow_d_period: int = 3,
        slow_d_kind: int = 0,
    ) -> None:
        """The usual 5, 3, 3; raises `Setup` if an argument cannot be."""
        self.fast_k_period = whole(fast_k_period, "fast_k_period", "STOCH")
        self.slow_k_period = whole(slow_k_period, "slow_k_period", "STOCH")
        self.slow_d_period = whole(slow_d_period, "slow_d_period", "STOCH")
        simple(slow_k_kind, "slow_k_kind", "STOCH")
        simple(slow_d_kind, "slow_d_kind", "STOCH")
        self.slow_k = nan
        self.slow_d = nan
        self._highs = Extreme(self.fast_k_period)
        self._lows = Extreme(self.fast_k_period)
        self._slow_k = SMA(self.slow_k_period)
        self._slow_d = SMA(self.slow_d_period)

    @property
    def value(self) -> float:
        """The slow %K."""
        return self.slow_k

    @property
    def ready(self) -> bool:
        """Whether the last result is a number."""
        return self.slow_k == self.slow_k

    def update(self, high: float, low: float, close: float) -> float:
        """Take the next bar and return the slow %K."""
        highest = self._highs.take(high)
        lowest = -self._lows.take(-low)
        fast = nan
        if highest == lowest:
            fast = 0.0
        elif highest > lowest:
            fast = 100.0 * (close - lowest) / (highest - lowest)
        slow = self._slow_k.update(fast)
        self.slow_d = self._slow_d.update(slow)
        self.slow_k = slow if self.slow_d == self.slow_d else nan
        return self.slow_k


class WILLR:
    """Williams' %R, -100 to 0: `-100 * (highest - close) / (highest - lowest)` over `period` bars.

    A range of nothing counts 0, as in TA-Lib.  NaN for the first `period - 1` bars and while a NaN is in the window.
    Source: L. Williams, How I Made One Million Dollars Last Year Trading Commodities (1973); TA-Lib `WILLR`.
    """

    def __init__(self, period: int = 14) -> None:
        """Range over `period` bars; raises `Setup` if it is not a whole number of at least 1."""
        self.period = whole(period, "period", "WILLR")
        self.value = nan
        self._highs = Extreme(self.period)
        self._lows = Extreme(self.period)

    @property
    def ready(self) -> bool:
        """Whether the last result is a number."""
        return self.value == self.value

    def update(self, high: float, low: float, close: float) -> float:
        """Take the next bar and return its %R."""
        highest = self._highs.take(high)
        lowest = -self._lows.take(-low)
        self.value = nan
        if highest == lowest:
            self.value = 0.0
        elif highest > lowest:
            self.value = -100.0 * (highest - close) / (highest - lowest)
        return self.value


class CCI:
    """Commodity channel index: the typical price's distance from its average in units of 0.015 mean deviations.

    The typical price is `(high + low + close) / 3`; where it equals its average on paper the index is 0, also where
    doubles differ in the last place.  NaN for the first `period - 1` bars and while a NaN is in the window.
    The mean absolute deviation is around a mean that moves with every bar, so an update passes once over the window.
    Source: D. R. Lambert, Commodities, October 1980; TA-Lib `CCI`.
    """

    def __init__(self, period: int = 14) -> None:
        """Average over `period` bars; raises `Setup` if it is not a whole number of at least 2."""
        self.period = whole(period, "period", "CCI", 2)
        self.value = nan
        self._average = SMA(self.period)
        self._window = array("d", [0.0]) * self.period
        self._index = 0

    @property
    def ready(self) -> bool:
        """Whether the last result is a number."""
        return self.value == self.value

    def update(self, high: float, low: float, close: float) -> float:
        """Take the next bar and return the index."""
        typical = typical_price(high, low, close)
        mean = self._average.update(typical)
        self._window[self._index] = typical
        self._index += 1
        if self._index == self.period:
            self._index = 0
        self.value = nan
        if same(typical, mean):
            self.value = 0.0
        elif mean == mean:
            self.value = (typical - mean) / (0.015 * self._deviation(mean))
        return self.value

    def _deviation(self, mean: float) -> float:
        """Mean absolute deviation of the window from `mean`."""
        total = 0.0
        for index in range(self.period):
            total += abs(self._window[index] - mean)
        return total / self.period


class ADX:
    """Average directional index, 0 to 100, with `plus_di`, `minus_di` and `dx` beside it.

    Directional movement and true range are smoothed by `total += new - total / period`, their quotients in per cent are
    the directional indicators, `dx = 100 * |plus_di - minus_di| / (plus_di + minus_di)`, and its average is smoothed by
    `value += (dx - value) / period`, seeded with the mean of the first `period`.
    NaN for the first `2 * period - 1` bars, the indicators for the first `period`.  A bar with a NaN is passed over.
    Source: J. W. Wilder, New Concepts in Technical Trading Systems (1978), chapter 4; TA-Lib `ADX`, `PLUS_DI`,
    `MINUS_DI`, `DX` (unstable period 0).
    """

    NOTHING = 1e-14  # as in TA-Lib: below this a denominator counts as zero

    def __init__(self, period: int = 14) -> None:
        """Smooth over `period` bars; raises `Setup` if it is not a whole number of at least 2."""
        self.period = whole(period, "period", "ADX", 2)
        self.value = nan
        self.plus_di = nan
        self.minus_di = nan
        self.dx = 0.0
        self._last_high = nan
        self._last_low = nan
        self._last_close = nan
        self._plus = 0.0
        self._minus = 0.0
        self._range = 0.0
        self._moves = 0
        self._seed = 0.0

    @property
    def ready(self) -> bool:
        """Whether `2 * period` bars have come."""
        return self.value == self.value

    def update(self, high: float, low: float, close: float) -> float:
        """Take the next bar and return the index."""
        if high != high or low != low or close != close:
            return nan
        up = high - self._last_high
        down = self._last_low - low
        widest = true_range(high, low, self._last_close)
        self._last_high = high
        self._last_low = low
        self._last_close = close
        if up == up:
            self._moves += 1
            self._smooth(up, down, widest)
            if self._moves >= self.period:
                self._point()
                self._average()
        return self.value

    def _smooth(self, up: float, down: float, widest: float) -> None:
        """Add one bar's movement; the first `period - 1` are summed and do not fade yet."""
        if self._moves >= self.period:
            self._plus -= self._plus / self.period
            self._minus -= self._minus / self.period
            self._range -= self._range / self.period
        if down > 0.0 and up < down:
            self._minus += down
        elif up > 0.0 and up > down:
            self._plus += up
        self._range += widest

    def _point(self) -> None:
        """The two indicators; `dx` stays where they say nothing."""
        self.plus_di = 0.0
        self.minus_di = 0.0
        if self._range > self.NOTHING:
            self.plus_di = 100.0 * (self._plus / self._range)
            self.minus_di = 100.0 * (self._minus / self._range)
        both = self.plus_di + self.minus_di
        if both > self.NOTHING:
            self.dx = 100.0 * (abs(self.minus_di - self.plus_di) / both)

    def _average(self) -> None:
        """Seed or smooth the index."""
        if self._moves >= 2 * self.period:
            if self.plus_di + self.minus_di > self.NOTHING:
                self.value = (self.value * (self.period - 1) + self.dx) / self.period
            return
        if self.plus_di + self.minus_di > self.NOTHING:
            self._seed += self.dx
        if self._moves == 2 * self.period - 1:
            self.value = self._seed / self.period

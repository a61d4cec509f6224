"""Rolling sum, variance, standard deviation and z-score.

A value comes in; a statistic of the last `period` values goes out.
Squares are summed around an anchor inside the data, never around zero, so that a price of 60,000 that moves by cents has
a variance of cents.  Sums start afresh at each turn of the window; and where a subtraction has eaten more than 20 of
53 bits, because an outlier left or the level jumped, the window is summed again around its newest value.
"""

from array import array
from math import nan, sqrt

from stratofold.fold.indicators.arguments import finite, whole
from stratofold.fold.indicators.window import WindowTotal

EATEN = 1e-6  # what is left of a sum after a cancellation of 20 bits


class SUM(WindowTotal):
    """Sum of the last `period` values, in their unit.

    Correctly rounded where all values have at most eight decimals.  NaN for the first `period - 1` values.
    Source: TA-Lib `SUM`; the exact sum is ours (`WindowTotal`).
    """

    def __init__(self, period: int = 30) -> None:
        """Sum over `period` values; raises `Setup` if it is not a whole number of at least 1."""
        count = whole(period, "period", "SUM")
        super().__init__(count, 1.0, float(count))


class Deviations:
    """The last `period` values, their sum and their sum of squares, both around an anchor."""

    def __init__(self, period: int) -> None:
        """An empty window for `period` values."""
        self.period = period
        self._window = array("d", [0.0]) * period
        self._index = 0
        self._full = False
        self._anchor = 0.0
        self._total = nan
        self._squares = nan
        self._next_anchor = 0.0
        self._fresh_total = 0.0
        self._fresh_squares = 0.0

    @property
    def ready(self) -> bool:
        """Whether the window is full and holds numbers only."""
        return self._total == self._total

    @property
    def mean(self) -> float:
        """Mean of the window, NaN until it is full."""
        return self._total / self.period + self._anchor

    @property
    def newest(self) -> float:
        """The last value; 0 before the first."""
        return self._window[self._index - 1 if self._index > 0 else self.period - 1]

    def take(self, value: float) -> float:
        """Let `value` in and the oldest out; returns the sum of squared deviations from the mean, NaN until full."""
        moved = value - self._anchor
        gone = self._window[self._index] - self._anchor
        before = self._squares
        self._total += moved - gone
        self._squares += moved * moved - gone * gone
        self._remember(value)
        spread = self._squares - self._total * self._total / self.period
        # Written so that NaN goes in as well: what is left of the sums is too little to be trusted.
        if not (spread > self._squares * EATEN and self._squares > before * EATEN) and self._full:
            self._recount()
            spread = self._squares - self._total * self._total / self.period
            if spread < 0.0:
                spread = 0.0
        return spread

    def _remember(self, value: float) -> None:
        """Put `value` into the ring and into the sums that begin with this turn of it."""
        self._window[self._index] = value
        fresh = value - self._next_anchor
        self._fresh_total += fresh
        self._fresh_squares += fresh * fresh
        self._index += 1
        if self._index == self.period:
            self._turn(value)

    def _turn(self, value: float) -> None:
        """Take over the sums that began with this turn of the ring, and begin the next around `value`."""
        self._index = 0
        self._full = True
        self._anchor = self._next_anchor
        self._total = self._fresh_total
        self._squares = self._fresh_squares
        self._next_anchor = value if value - value == 0.0 else 0.0
        self._fresh_total = 0.0
        self._fresh_squares = 0.0

    def _recount(self) -> None:
        """Sum the window again around its newest value."""
        self._anchor = self.newest
        self._total = 0.0
        self._squares = 0.0
        for index in range(self.period):
            moved = self._window[index] - self._anchor
            self._total += moved
            self._squares += moved * moved


class VAR:
    """Population variance of the last `period` values, in their unit squared.

    Mean of the squared deviations from the window's mean, divided by `period`.  NaN for the first `period - 1` values.
    Source: TA-Lib `VAR` (`deviations`, its `nbdev`, is taken and has no effect, as there).
    """

    def __init__(self, period: int = 5, deviations: float = 1.0) -> None:
        """Variance over `period` values; raises `Setup` if an argument cannot be."""
        self.period = whole(period, "period", "VAR")
        self.deviations = finite(deviations, "deviations", "VAR")
        self.value = nan
        self._sums = Deviations(self.period)

    @property
    def ready(self) -> bool:
        """Whether the last result is a number."""
        return self.value == self.value

    def update(self, value: float) -> float:
        """Take the next value and return the variance."""
        self.value = self._sums.take(value) / self.period
        return self.value


class STDDEV:
    """Population standard deviation of the last `period` values times `deviations`, in their unit.

    NaN for the first `period - 1` values.  Source: TA-Lib `STDDEV`.
    """

    def __init__(self, period: int = 5, deviations: float = 1.0) -> None:
        """Deviation over `period` values; raises `Setup` if an argument cannot be."""
        self.period = whole(period, "period", "STDDEV")
        self.deviations = finite(deviations, "deviations", "STDDEV")
        self.value = nan
        self._sums = Deviations(self.period)

    @property
    def ready(self) -> bool:
        """Whether the last result is a number."""
        return self.value == self.value

    def update(self, value: float) -> float:
        """Take the next value and return the deviation."""
        self.value = sqrt(self._sums.take(value) / self.period) * self.deviations
        return self.value


class ZScore:
    """How many standard deviations the newest of `period` values is above their mean; a pure number.

    The deviation is the population's (as `STDDEV`); NaN while all values of the window are equal, since there is no
    scale then, and for the first `period - 1` values.  Source: definition of the standard score.
    """

    def __init__(self, period: int = 20) -> None:
        """Score within `period` values; raises `Setup` if it is not a whole number of at least 2."""
        self.period = whole(period, "period", "ZScore", 2)
        self.value = nan
        self.mean = nan
        self.deviation = nan
        self._sums = Deviations(self.period)

    @property
    def ready(self) -> bool:
        """Whether the last result is a number."""
        return self.value == self.value

    def update(self, value: float) -> float:
        """Take the next value and return its score; `mean` and `deviation` are of the same window."""
        spread = self._sums.take(value)
        self.mean = self._sums.mean
        self.deviation = sqrt(spread / self.period)
        self.value = nan
        if self.deviation > 0.0:
            self.value = (value - self.mean) / self.deviation
        return self.value


Sum = SUM
Variance = VAR
StandardDeviation = STDDEV

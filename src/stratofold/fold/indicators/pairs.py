"""Two streams beside each other: correlation, beta, regression of one on the other over a window.

A pair comes in; a statistic of the last `period` pairs goes out.  Sums are around anchors and start afresh as in
`moments.py`.
"""

from array import array
from math import nan, sqrt

from stratofold.fold.indicators.arguments import whole
from stratofold.fold.indicators.moments import EATEN


class Codeviations:
    """The last `period` pairs `(x, y)`, their sums of squared deviations and of the products of deviations."""

    def __init__(self, period: int) -> None:
        """An empty window for `period` pairs."""
        self.period = period
        self.x_spread = nan
        self.y_spread = nan
        self.product = nan
        self._xs = array("d", [0.0]) * period
        self._ys = array("d", [0.0]) * period
        self._index = 0
        self._full = False
        self._x_anchor = 0.0
        self._y_anchor = 0.0
        self._x = nan
        self._y = nan
        self._xx = nan
        self._yy = nan
        self._xy = nan
        self._next_x_anchor = 0.0
        self._next_y_anchor = 0.0
        self._fresh_x = 0.0
        self._fresh_y = 0.0
        self._fresh_xx = 0.0
        self._fresh_yy = 0.0
        self._fresh_xy = 0.0

    @property
    def x_mean(self) -> float:
        """Mean of the window's `x`, NaN until it is full."""
        return self._x / self.period + self._x_anchor

    @property
    def y_mean(self) -> float:
        """Mean of the window's `y`, NaN until it is full."""
        return self._y / self.period + self._y_anchor

    def take(self, x: float, y: float) -> None:
        """Let a pair in and the oldest out."""
        xx_before = self._xx
        yy_before = self._yy
        self._exchange(x, y)
        self._remember(x, y)
        self._spread()
        # Written so that NaN goes in as well: what is left of the sums is too little to be trusted.
        x_sound = self.x_spread > self._xx * EATEN and self._xx > xx_before * EATEN
        y_sound = self.y_spread > self._yy * EATEN and self._yy > yy_before * EATEN
        if not (x_sound and y_sound) and self._full:
            self._recount(x, y)
            self._spread()

    def _exchange(self, x: float, y: float) -> None:
        """Add the pair to the sums and take the oldest off."""
        x_gone = self._xs[self._index] - self._x_anchor
        y_gone = self._ys[self._index] - self._y_anchor
        x_moved = x - self._x_anchor
        y_moved = y - self._y_anchor
        self._x += x_moved - x_gone
        self._y += y_moved - y_gone
        self._xx += x_moved * x_moved - x_gone * x_gone
        self._yy += y_moved * y_moved - y_gone * y_gone
        self._xy += x_moved * y_moved - x_gone * y_gone

    def _remember(self, x: float, y: float) -> None:
        """Put the pair into the rings and into the sums that begin with this turn of them."""
        self._xs[self._index] = x
        self._ys[self._index] = y
        x_moved = x - self._next_x_anchor
        y_moved = y - self._next_y_anchor
        self._fresh_x += x_moved
        self._fresh_y += y_moved
        self._fresh_xx += x_moved * x_moved
        self._fresh_yy += y_moved * y_moved
        self._fresh_xy += x_moved * y_moved
        self._index += 1
        if self._index == self.period:
            self._turn(x, y)

    def _turn(self, x: float, y: float) -> None:
        """Take over the sums that began with this turn of the rings, and begin the next around this pair."""
        self._index = 0
        self._full = True
        self._x_anchor = self._next_x_anchor
        self._y_anchor = self._next_y_anchor
        self._x = self._fresh_x
        self._y = self._fresh_y
        self._xx = self._fresh_xx
        self._yy = self._fresh_yy
        self._xy = self._fresh_xy
        self._next_x_anchor = x if x - x == 0.0 else 0.0
        self._next_y_anchor = y if y - y == 0.0 else 0.0
        self._fresh_x = 0.0
        self._fresh_y = 0.0
        self._fresh_xx = 0.0
        self._fresh_yy = 0.0
        self._fresh_xy = 0.0

    def _spread(self) -> None:
        """Deviations from the means, of the sums around the anchors."""
        self.x_spread = self._xx - self._x * self._x / self.period
        self.y_spread = self._yy - self._y * self._y / self.period
        self.product = self._xy - self._x * self._y / self.period

    def _recount(self, x: float, y: float) -> None:
        """Sum the window again around its newest pair."""
        self._x_anchor = x
        self._y_anchor = y
        self._x = 0.0
        self._y = 0.0
        self._xx = 0.0
        self._yy = 0.0
        self._xy = 0.0
        for index in range(self.period):
            x_moved = self._xs[index] - x
            y_moved = self._ys[index] - y
            self._x += x_moved
            self._y += y_moved
            self._xx += x_moved * x_moved
            self._yy += y_moved * y_moved
            self._xy += x_moved * y_moved


class CORREL:
    """Pearson's correlation of the last `period` pairs, -1 to 1; 0 where a side is constant, as in TA-Lib.

    NaN for the first `period - 1` pairs and while a NaN is in the window.  Source: TA-Lib `CORREL`.
    """

    def __init__(self, period: int = 30) -> None:
        """Correlation over `period` pairs; raises `Setup` if it is not a whole number of at least 2."""
        self.period = whole(period, "period", "CORREL", 2)
        self.value = nan
        self._sums = Codeviations(self.period)

    @property
    def ready(self) -> bool:
        """Whether the last result is a number."""
        return self.value == self.value

    def update(self, x: float, y: float) -> float:
        """Take the next pair and return the correlation."""
        self._sums.take(x, y)
        product = self._sums.product
        self.value = product * 0.0
        if self._sums.x_spread > 0.0 and self._sums.y_spread > 0.0:
            # Two roots: the product of two spreads could pass the largest double.
            quotient = product / sqrt(self._sums.x_spread) / sqrt(self._sums.y_spread)
            self.value = max(-1.0, min(1.0, quotient))
        return self.value


class BETA:
    """Slope of the second stream's returns on the first's, over `period` returns; a pure number.

    Prices come in, and returns are taken of them; 0 where the first stream's return is constant, and a return from a
    price of 0 is 0, as in TA-Lib.  NaN for the first `period` pairs and while a NaN is in the window.
    Source: TA-Lib `BETA`.
    """

    def __init__(self, period: int = 5) -> None:
        """Slope over `period` returns; raises `Setup` if it is not a whole number of at least 2."""
        self.period = whole(period, "period", "BETA", 2)
        self.value = nan
        self._last_x = nan
        self._last_y = nan
        self._started = False
        self._sums = Codeviations(self.period)

    @property
    def ready(self) -> bool:
        """Whether the last result is a number."""
        return self.value == self.value

    def update(self, x: float, y: float) -> float:
        """Take the next pair of prices and return the slope."""
        x_return = (x - self._last_x) / self._last_x if self._last_x != 0.0 else 0.0
        y_return = (y - self._last_y) / self._last_y if self._last_y != 0.0 else 0.0
        self._last_x = x
        self._last_y = y
        if not self._started:
            self._started = True
            return nan
        self._sums.take(x_return, y_return)
        spread = self._sums.x_spread
        self.value = self._sums.product / spread if not spread <= 0.0 else 0.0
        return self.value


class RollingRegression:
    """Least-squares line `y = slope * x + intercept` through the last `period` pairs.

    The slope goes out, in y's unit per x's; `intercept`, `residual` (of the newest pair) in y's unit and `r_squared`
    (0 to 1) are beside it.  NaN for the first `period - 1` pairs, while a NaN is in the window and where `x` is constant.
    Source: ordinary least squares (A.-M. Legendre, 1805).
    """

    def __init__(self, period: int = 30) -> None:
        """Line through `period` pairs; raises `Setup` if it is not a whole number of at least 2."""
        self.period = whole(period, "period", "RollingRegression", 2)
        self.slope = nan
        self.intercept = nan
        self.residual = nan
        self.r_squared = nan
        self._sums = Codeviations(self.period)

    @property
    def value(self) -> float:
        """The slope."""
        return self.slope

    @property
    def ready(self) -> bool:
        """Whether the last result is a number."""
        return self.slope == self.slope

    def update(self, y: float, x: float) -> float:
        """Take the next pair and return the slope."""
        self._sums.take(x, y)
        spread = self._sums.x_spread
        self.slope = self._sums.product / spread if spread > 0.0 else nan
        self.intercept = self._sums.y_mean - self.slope * self._sums.x_mean
        self.residual = y - (self.slope * x + self.intercept)
        self.r_squared = nan
        if self._sums.y_spread > 0.0:
            self.r_squared = self.slope * self._sums.product / self._sums.y_spread
        return self.slope


Correlation = CORREL
Beta = BETA

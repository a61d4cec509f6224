"""Lines fitted as values come: through a window against time, and through all history with or without forgetting."""

from math import nan

from stratofold.fold.indicators.arguments import between, whole
from stratofold.fold.indicators.window import Accumulator, RampTotal


class LINEARREG:
    """Least-squares line through the last `period` values against time; its height at the newest goes out.

    `slope` is per update (TA-Lib `LINEARREG_SLOPE`), `intercept` the height at the oldest (`LINEARREG_INTERCEPT`), and
    `forecast` the height one update ahead (`TSF`); all in the values' unit.  NaN for the first `period - 1` values and
    while a NaN is in the window.  Source: ordinary least squares; TA-Lib `LINEARREG`.
    """

    def __init__(self, period: int = 14) -> None:
        """Line through `period` values; raises `Setup` if it is not a whole number of at least 2."""
        self.period = whole(period, "period", "LINEARREG", 2)
        self.value = nan
        self.slope = nan
        self.intercept = nan
        self.forecast = nan
        self._ramp = RampTotal(self.period)

    @property
    def ready(self) -> bool:
        """Whether the last result is a number."""
        return self.value == self.value

    def update(self, value: float) -> float:
        """Take the next value and return the line's height there."""
        self._ramp.take(value)
        count = self.period
        # Times are counted from the middle of the window, where they sum to nothing.
        middle = (count + 1) / 2.0
        leaning = self._ramp.weighted - middle * self._ramp.total
        self.slope = leaning * 12.0 / (count * (count * count - 1.0))
        centre = self._ramp.total / count + self._ramp.anchor
        half = (count - 1) / 2.0
        self.value = centre + self.slope * half
        self.intercept = centre - self.slope * half
        self.forecast = centre + self.slope * (half + 1.0)
        return self.value


class LinearRegression:
    """Least-squares line `y = slope * x + intercept` through all pairs so far, older ones weighing `forgetting**age`.

    The slope goes out, in y's unit per x's; `intercept` and `residual` (of the newest pair, after it was taken in) are in
    y's unit.  Means and sums of deviations are updated by West's formulas with compensated sums, so the error does not
    grow with the stream.  NaN until two different `x` have come.  A pair with a NaN is passed over.
    Source: D. H. D. West, Communications of the ACM 22 (1979), 532-535.
    """

    def __init__(self, forgetting: float = 1.0) -> None:
        """Forget nothing (1), or the factor by which a pair's weight falls each update; raises `Setup` if it cannot be."""
        self.forgetting = between(forgetting, "forgetting", "LinearRegression", 1e-6, 1.0)
        self.slope = nan
        self.intercept = nan
        self.residual = nan
        self._weight = 0.0
        self._x_mean = Accumulator()
        self._y_mean = Accumulator()
        self._spread = Accumulator()
        self._product = Accumulator()

    @property
    def value(self) -> float:
        """The slope."""
        return self.slope

    @property
    def ready(self) -> bool:
        """Whether two different `x` have come."""
        return self.slope == self.slope

    def update(self, y: float, x: float) -> float:
        """Take the next pair and return the slope."""
        if y - y != 0.0 or x - x != 0.0:
            return nan
        faded = self._weight * self.forgetting
        self._weight = faded + 1.0
        x_moved = x - self._x_mean.value
        y_moved = y - self._y_mean.value
        if self.forgetting < 1.0:
            self._spread.fade(self.forgetting)
            self._product.fade(self.forgetting)
        self._spread.add(x_moved * x_moved * (faded / self._weight))
        self._product.add(x_moved * y_moved * (faded / self._weight))
        self._x_mean.add(x_moved / self._weight)
        self._y_mean.add(y_moved / self._weight)
        if self._spread.value > 0.0:
            self.slope = self._product.value / self._spread.value
            self.intercept = self._y_mean.value - self.slope * self._x_mean.value
            self.residual = y - (self.slope * x + self.intercept)
        return self.slope

    def predict(self, x: float) -> float:
        """The line's height at `x`, NaN until ready."""
        return self.slope * x + self.intercept

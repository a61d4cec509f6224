"""Exponentially weighted mean and variance, and drawdown: statistics of a whole history in a few numbers."""

from math import nan

from stratofold.fold.indicators.arguments import between


class EwmMean:
    """Exponentially weighted mean of all values so far, in their unit: the value of age `k` weighs `(1 - alpha)**k`.

    Weights are normalised from the first value on, so there is no lead-in (`EMA` is TA-Lib's, with a seed and one).
    From a span: `alpha = 2 / (span + 1)`; from a half-life: `alpha = 1 - 0.5 ** (1 / half_life)`.
    A NaN input is passed over.  Source: pandas `ewm(alpha, adjust=True, ignore_na=True).mean()`.
    """

    def __init__(self, alpha: float = 0.1) -> None:
        """Weigh the newest value `alpha` in the long run; raises `Setup` unless it is a number from 1e-9 to 1."""
        self.alpha = between(alpha, "alpha", "EwmMean", 1e-9, 1.0)
        self.value = nan
        self._weight = 0.0

    @property
    def ready(self) -> bool:
        """Whether a value has come."""
        return self._weight > 0.0

    def update(self, value: float) -> float:
        """Take the next value and return the mean."""
        if value - value != 0.0:
            return nan
        if self._weight == 0.0:
            self.value = value
        self._weight = self._weight * (1.0 - self.alpha) + 1.0
        self.value += (value - self.value) / self._weight
        return self.value


class EwmVariance:
    """Exponentially weighted variance of all values so far, in their unit squared, without bias; `mean` is beside it.

    Weights as in `EwmMean`; divided by `sum(w) - sum(w * w) / sum(w)`, so that equal weights give the sample variance.
    NaN for the first value.  A NaN input is passed over.
    Source: D. H. D. West (1979); pandas `ewm(alpha, adjust=True, ignore_na=True).var()`.
    """

    def __init__(self, alpha: float = 0.1) -> None:
        """Weigh the newest value `alpha` in the long run; raises `Setup` unless it is a number from 1e-9 to 1."""
        self.alpha = between(alpha, "alpha", "EwmVariance", 1e-9, 1.0)
        self.value = nan
        self.mean = nan
        self._weight = 0.0
        self._squared_weight = 0.0
        self._spread = 0.0

    @property
    def ready(self) -> bool:
        """Whether two values have come."""
        return self.value == self.value

    def update(self, value: float) -> float:
        """Take the next value and return the variance."""
        if value - value != 0.0:
            return nan
        if self._weight == 0.0:
            self.mean = value
        keep = 1.0 - self.alpha
        faded = self._weight * keep
        self._weight = faded + 1.0
        self._squared_weight = self._squared_weight * keep * keep + 1.0
        moved = value - self.mean
        self.mean += moved / self._weight
        self._spread = self._spread * keep + moved * moved * (faded / self._weight)
        room = self._weight - self._squared_weight / self._weight
        if room > 0.0:
            self.value = self._spread / room
        return self.value


class Drawdown:
    """How far the newest value is below the highest so far, as a fraction: `value / peak - 1`, 0 at a new peak.

    `worst` is the deepest so far, `length` the number of updates since the peak, `longest` the most of those.
    No lead-in.  A NaN input is passed over.  Values are prices or equity: positive.
    Source: M. Magdon-Ismail and A. F. Atiya, Risk 17 (2004).
    """

    def __init__(self) -> None:
        """No value yet."""
        self.value = nan
        self.peak = nan
        self.worst = 0.0
        self.length = 0
        self.longest = 0

    @property
    def ready(self) -> bool:
        """Whether a value has come."""
        return self.value == self.value

    def update(self, value: float) -> float:
        """Take the next value and return its fraction below the peak, zero or negative."""
        if value - value != 0.0:
            return nan
        self.length += 1
        if not value < self.peak:
            self.peak = value
            self.length = 0
        self.value = value / self.peak - 1.0 if self.peak != 0.0 else 0.0
        if self.value < self.worst:
            self.worst = self.value
        if self.length > self.longest:
            self.longest = self.length
        return self.value

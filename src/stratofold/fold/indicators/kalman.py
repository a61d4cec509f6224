"""How many of one asset hedge another, followed through time with a Kalman filter."""

from math import nan, sqrt

from stratofold.fold.indicators.arguments import between


class KalmanHedgeRatio:
    """Hedge ratio and intercept of `y = ratio * x + intercept + noise`, both a random walk, followed by a Kalman filter.

    With state `b = (ratio, intercept)`, covariance `P`, row `h = (x, 1)`, drift `w = delta / (1 - delta)`, noise `v`:
    `R = P + w I`, `spread = y - h b`, `S = h R h' + v`, `K = R h' / S`, `b += K spread`, `P = R - K h R`.
    `P` is updated in Joseph's form, which stays a covariance whatever the rounding.

    `spread` is how far the pair was from what was expected *before* it was seen, `deviation` the square root of `S`, and
    `score` their quotient; in y's unit, and a pure number.  A first estimate goes out with the first pair: `score` says
    nothing until a few have come.  A pair with a NaN is passed over.
    Source: R. E. Kalman, Journal of Basic Engineering 82 (1960); E. P. Chan, Algorithmic Trading (2013), chapter 3, whose
    `delta` and noise are the defaults.
    """

    def __init__(self, delta: float = 1e-4, observation_variance: float = 1e-3, initial_variance: float = 1.0) -> None:
        """A filter that lets the ratio drift by `delta`; raises `Setup` if an argument cannot be."""
        name = "KalmanHedgeRatio"
        self.delta = between(delta, "delta", name, 0.0, 0.999999)
        self.observation_variance = between(observation_variance, "observation_variance", name, 1e-300, 1e300)
        self.ratio = 0.0
        self.intercept = 0.0
        self.spread = nan
        self.deviation = nan
        self.score = nan
        self._ratio_variance = between(initial_variance, "initial_variance", name, 0.0, 1e300)
        self._intercept_variance = self._ratio_variance
        self._covariance = 0.0

    @property
    def value(self) -> float:
        """The hedge ratio."""
        return self.ratio

    @property
    def ready(self) -> bool:
        """Whether a pair has come."""
        return self.spread == self.spread

    def update(self, y: float, x: float) -> float:
        """Take the next pair of prices and return the hedge ratio."""
        if y - y != 0.0 or x - x != 0.0:
            return nan
        drift = self.delta / (1.0 - self.delta)
        slope_variance = self._ratio_variance + drift
        level_variance = self._intercept_variance + drift
        slope_gain = slope_variance * x + self._covariance
        level_gain = self._covariance * x + level_variance
        variance = slope_gain * x + level_gain + self.observation_variance
        slope_gain /= variance
        level_gain /= variance
        self.spread = y - (self.ratio * x + self.intercept)
        self.deviation = sqrt(variance)
        self.score = self.spread / self.deviation
        self.ratio += slope_gain * self.spread
        self.intercept += level_gain * self.spread
        self._narrow(slope_variance, level_variance, x, slope_gain, level_gain)
        return self.ratio

    def _narrow(self, slope: float, level: float, x: float, slope_gain: float, level_gain: float) -> None:
        """Joseph's form: `P = (I - K h) R (I - K h)' + K v K'`, with `slope` and `level` on R's diagonal."""
        a = 1.0 - slope_gain * x
        b = 0.0 - slope_gain
        c = 0.0 - level_gain * x
        d = 1.0 - level_gain
        top_left = a * slope + b * self._covariance
        top_right = a * self._covariance + b * level
        bottom_left = c * slope + d * self._covariance
        bottom_right = c * self._covariance + d * level
        noise = self.observation_variance
        self._ratio_variance = top_left * a + top_right * b + slope_gain * slope_gain * noise
        self._covariance = top_left * c + top_right * d + slope_gain * level_gain * noise
        self._intercept_variance = bottom_left * c + bottom_right * d + level_gain * level_gain * noise

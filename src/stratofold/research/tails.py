"""How much may be lost in a period: value at risk and expected shortfall, from history and from three models, and how often they were wrong.

What comes in: returns a period, as shares of equity.
What goes out: losses as positive shares; `Tail` is a pair of them at one level.
Why it is shaped so: each estimate says another thing (what was, what a bell would do, what fat tails would do, what
lately was), and one number alone is misread; NumPy and the standard library are enough for all of them.
"""

from __future__ import annotations

from math import erfc, exp, floor, inf, lgamma, log, nan, pi, sqrt
from statistics import NormalDist
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from stratofold.errors import Setup
from stratofold.research.validation.sharpe import returns_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike, NDArray

    Doubles = NDArray[np.float64]

FEWEST = 30
_NORMAL = NormalDist()
_DECAY = 0.94  # of RiskMetrics for daily returns
_FREEDOM_MAX = 200.0  # a Student's t of more is a bell


class Tail(NamedTuple):
    """The loss that is not passed with probability `level`, and the mean loss where it is; shares of equity."""

    level: float
    value_at_risk: float
    shortfall: float


class Breaches(NamedTuple):
    """How often a loss passed the value at risk that the sessions before it had given, and how likely that is if it was right."""

    sessions: int
    breaches: int
    expected: float
    probability: float


def historical(returns: ArrayLike, level: float) -> Tail:
    """The least loss that no more than 1 - `level` of the periods passed, and the mean of what lies beyond it.

    The quantile as McNeil, Frey and Embrechts, 2015, definition 2.8, have it; beyond it a period counts by its part:
    Acerbi and Tasche, "On the coherence of expected shortfall", Journal of Banking and Finance 26(7), 2002.
    Raises Setup SFS90 for fewer than 30 returns or a level outside 0.5 to 1.
    """
    values = np.sort(_checked(returns, level))
    reach = (1.0 - level) * len(values)
    whole = floor(reach + 1e-9)
    beyond = float(values[:whole].sum()) + (reach - whole) * float(values[whole])
    return Tail(level, -float(values[whole]), -beyond / reach)


def normal(returns: ArrayLike, level: float) -> Tail:
    """As if returns were normal, with the mean and the deviation that they had.

    J.P. Morgan/Reuters, "RiskMetrics: Technical Document", 4th edition, 1996; its shortfall: McNeil, Frey and Embrechts,
    "Quantitative Risk Management", 2015, section 2.3.  Raises Setup SFS90.
    """
    values = _checked(returns, level)
    return _bell(level, float(values.mean()), float(values.std(ddof=1)))


def recent(returns: ArrayLike, level: float) -> Tail:
    """As if the next return were normal with no mean and the weighted volatility of late (decay 0.94).

    RiskMetrics, 1996, as above: today's variance is 0.94 of yesterday's and 0.06 of the squared return.
    Raises Setup SFS90.
    """
    values = _checked(returns, level)
    weights = _DECAY ** np.arange(len(values) - 1, -1, -1, dtype=np.float64)
    return _bell(level, 0.0, sqrt(float(weights @ (values * values)) / float(weights.sum())))


def _bell(level: float, mean: float, deviation: float) -> Tail:
    """The tail of a normal distribution."""
    place = _NORMAL.inv_cdf(1.0 - level)
    return Tail(level, -(mean + deviation * place), -(mean - deviation * _NORMAL.pdf(place) / (1.0 - level)))


def student(returns: ArrayLike, level: float) -> Tail:
    """As if returns were a scaled Student's t whose degrees of freedom fit their kurtosis; a bell where tails are thin.

    McNeil, Frey and Embrechts, 2015, as above, section 2.3.  Raises Setup SFS90.
    """
    values = _checked(returns, level)
    mean, deviation, freedom = float(values.mean()), float(values.std(ddof=1)), degrees_of_freedom(values)
    if freedom == inf:
        return _bell(level, mean, deviation)
    place = t_quantile(1.0 - level, freedom)
    scale = deviation * sqrt((freedom - 2.0) / freedom)
    beyond = _t_density(place, freedom) / (1.0 - level) * (freedom + place * place) / (freedom - 1.0)
    return Tail(level, -(mean + scale * place), -(mean - scale * beyond))


MODELS: dict[str, Callable[[ArrayLike, float], Tail]] = {
    "as it was": historical, "normal": normal, "fat tails (Student's t)": student, "as of late (RiskMetrics)": recent,
}  # fmt: skip


def degrees_of_freedom(returns: Doubles) -> float:
    """Those of a Student's t with the returns' kurtosis: 4 + 6 / (kurtosis - 3), above 4; inf where tails are no fatter than a bell's."""
    apart = returns - returns.mean()
    variance = float(np.mean(apart * apart))
    excess = float(np.mean(apart**4)) / (variance * variance) - 3.0 if variance > 0.0 else 0.0
    freedom = 4.0 + 6.0 / excess if excess > 0.0 else inf
    return freedom if freedom <= _FREEDOM_MAX else inf


def breaches(returns: ArrayLike, level: float = 0.99, window: int = 250) -> Breaches:
    """How often the historical value at risk of the `window` sessions before was passed, and Kupiec's test of it.

    Kupiec, "Techniques for verifying the accuracy of risk measurement models", Journal of Derivatives 3(2), 1995: the
    likelihood ratio of the share of breaches, chi-squared with one degree of freedom.  No sessions and a probability that
    is not a number where the track is no longer than the window.  Raises Setup SFS90.
    """
    values = _checked(returns, level)
    count = len(values) - window
    if count <= 0:
        return Breaches(0, 0, 0.0, nan)
    before = np.lib.stride_tricks.sliding_window_view(values, window)[:-1]
    place = floor((1.0 - level) * window + 1e-9)
    passed = int((values[window:] < np.partition(before, place, axis=1)[:, place]).sum())
    return Breaches(count, passed, (1.0 - level) * count, kupiec(passed, count, 1.0 - level))


def kupiec(passed: int, count: int, share: float) -> float:
    """The probability of a number of breaches as unlikely as this one, if each comes with probability `share` (Kupiec 1995)."""
    seen = passed / count
    alone = _log_likelihood(passed, count, seen)
    return erfc(sqrt(max(alone - _log_likelihood(passed, count, share), 0.0)))


def _log_likelihood(passed: int, count: int, share: float) -> float:
    """Of so many breaches, each with this probability."""
    first = (count - passed) * log(1.0 - share) if passed < count else 0.0
    return first + (passed * log(share) if passed else 0.0)


def _checked(returns: ArrayLike, level: float) -> Doubles:
    """Finite returns, enough of them, and a level that is one."""
    if not 0.5 < level < 1.0:
        raise Setup("SFS90", f"a level of {level} is no tail", fix="give a share between 0.5 and 1, such as 0.99")
    return returns_of(returns, FEWEST)


def t_quantile(share: float, freedom: float) -> float:
    """The value that a Student's t is below with probability `share` (at most a half), by halving."""
    low, high = -1e6, 0.0
    while high - low > 1e-12 * max(1.0, -low):
        middle = (low + high) / 2.0
        if _t_below(middle, freedom) < share:
            low = middle
        else:
            high = middle
    return (low + high) / 2.0


def _t_density(x: float, freedom: float) -> float:
    """The density of a Student's t."""
    log_scale = lgamma((freedom + 1.0) / 2.0) - lgamma(freedom / 2.0) - 0.5 * log(freedom * pi)
    return exp(log_scale - (freedom + 1.0) / 2.0 * log(1.0 + x * x / freedom))


def _t_below(x: float, freedom: float) -> float:
    """The probability that a Student's t is below `x`, which is at most 0: half of an incomplete beta function."""
    return 0.5 * _beta(freedom / (freedom + x * x), freedom / 2.0, 0.5)


def _beta(x: float, a: float, b: float) -> float:
    """The regularised incomplete beta function: NIST Digital Library of Mathematical Functions, 8.17.20 to 8.17.22."""
    if x <= 0.0 or x >= 1.0:
        return float(x >= 1.0)
    if x > (a + 1.0) / (a + b + 2.0):
        return 1.0 - _beta(1.0 - x, b, a)
    front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log(1.0 - x)) / a
    return front * _fraction(x, a, b)


def _fraction(x: float, a: float, b: float) -> float:
    """Its continued fraction, from behind: more terms than doubles can tell."""
    value = 1.0
    for k in range(120, 0, -1):
        m = k // 2
        term = (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
            if k % 2 == 0
            else -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        )
        value = 1.0 + term / value
    return 1.0 / value

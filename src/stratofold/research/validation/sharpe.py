"""How much of a Sharpe ratio is skill: its standard error, what luck alone would have reached, and how long it takes to tell.

What comes in: returns a period, and the Sharpe ratios of everything else that was tried.
What goes out: probabilities, and lengths in periods.
Why it is shaped so: every formula here wants a ratio *per period*, the number of periods and the two higher moments of
the same returns, and mixing yearly with daily ratios is the usual mistake; so the four travel together as a `Track`,
and only `Track.yearly` leaves the period.
"""

from math import e, inf, sqrt
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stratofold.errors import Setup

_NORMAL = NormalDist()
_EULER_MASCHERONI = 0.5772156649015329
_FEWEST_PERIODS = 3  # a skewness needs them


class Track(NamedTuple):
    """A series of returns in four numbers: Sharpe ratio per period, how many periods, skewness, kurtosis (normal: 3)."""

    sharpe: float
    periods: int
    skewness: float = 0.0
    kurtosis: float = 3.0

    def yearly(self, periods_per_year: float) -> float:
        """The Sharpe ratio a year, of returns that do not depend on each other."""
        return self.sharpe * sqrt(periods_per_year)


def _error(one: Track) -> float:
    """The standard error of a track's ratio times the root of (periods - 1): Mertens (2002), Opdyke (2007)."""
    variance = 1.0 - one.skewness * one.sharpe + (one.kurtosis - 1.0) / 4.0 * one.sharpe * one.sharpe
    return sqrt(max(variance, 0.0))


def returns_of(values: ArrayLike, fewest: int = _FEWEST_PERIODS) -> NDArray[np.float64]:
    """`values` as a row of finite doubles.  Raises Setup SFS40 where they are too few, not one row, or not finite."""
    returns = np.asarray(values, dtype=np.float64)
    if returns.ndim != 1 or len(returns) < fewest:
        raise Setup("SFS40", f"returns of shape {returns.shape} tell nothing", fix=f"give one row of at least {fewest}")
    _refuse_gaps(returns)
    return returns


def trials_of(values: ArrayLike, fewest: int = _FEWEST_PERIODS) -> NDArray[np.float64]:
    """`values` as a table of finite doubles, a row a period and a column a trial; raises Setup SFS40 where it is none."""
    returns = np.asarray(values, dtype=np.float64)
    if returns.ndim != 2 or len(returns) < fewest or returns.shape[1] == 0:
        fix = f"give a table with a row for each of at least {fewest} periods and a column for each trial"
        raise Setup("SFS40", f"returns of shape {returns.shape} are no trials", fix=fix)
    _refuse_gaps(returns)
    return returns


def _refuse_gaps(returns: NDArray[np.float64]) -> None:
    """A return that is not there would quietly become the answer."""
    bad = np.argwhere(~np.isfinite(returns))
    if len(bad):
        place = f"row {bad[0][0]}" + (f", trial {bad[0][1]}" if returns.ndim == 2 else "")
        fix = "leave the period out of every trial, or say what it returned"
        raise Setup("SFS40", "a return is not a number", place=place, fix=fix)


def track(returns: ArrayLike, risk_free: float = 0.0) -> Track:
    """The `Track` of one row of returns; `risk_free` is a rate per period.

    The ratio has the sample's standard deviation (ddof 1) beneath it, as in `Result.stats`; the moments are the plain
    ones.  Returns that never change have a ratio of 0.  Raises Setup SFS40.
    """
    excess = returns_of(returns) - risk_free
    apart = excess - excess.mean()
    variance = float(np.mean(apart * apart))
    if variance <= 0.0 or not np.ptp(excess):
        return Track(0.0, len(excess))
    deviation = sqrt(variance)
    ratio = float(excess.mean()) / (deviation * sqrt(len(excess) / (len(excess) - 1)))
    return Track(ratio, len(excess), float(np.mean(apart**3)) / deviation**3, float(np.mean(apart**4)) / variance**2)


def sharpe_ratios(trials: ArrayLike) -> NDArray[np.float64]:
    """The Sharpe ratio per period of each column; 0 where a column never changes.  Raises Setup SFS40."""
    return ratios(trials_of(trials), 0)


def ratios(returns: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
    """Mean over standard deviation (ddof 1) along an axis; 0 where nothing changes along it."""
    still = np.ptp(returns, axis=axis) == 0.0
    return np.where(still, 0.0, returns.mean(axis=axis) / np.where(still, 1.0, returns.std(axis=axis, ddof=1)))


def probabilistic_sharpe(one: Track, benchmark: float = 0.0) -> float:
    """The probability that the true Sharpe ratio is above `benchmark` (per period), given how short and skewed the track is.

    Bailey and López de Prado, "The Sharpe Ratio Efficient Frontier", Journal of Risk 15(2), 2012, equation 11.
    """
    error = _error(one)
    apart = (one.sharpe - benchmark) * sqrt(one.periods - 1)
    if error == 0.0:
        return 0.5 if apart == 0.0 else float(apart > 0.0)
    return _NORMAL.cdf(apart / error)


def expected_maximum_sharpe(trials: float, variance: float) -> float:
    """What the best of `trials` unskilled strategies reaches, per period, when their ratios have `variance`.

    Bailey and López de Prado, "The Deflated Sharpe Ratio", Journal of Portfolio Management 40(5), 2014, equation 1.
    `trials` may be a fraction: the effective number of independent ones.
    """
    if trials <= 1.0 or variance <= 0.0:
        return 0.0
    first = _NORMAL.inv_cdf(1.0 - 1.0 / trials)
    second = _NORMAL.inv_cdf(1.0 - 1.0 / (trials * e))
    return max(0.0, sqrt(variance) * ((1.0 - _EULER_MASCHERONI) * first + _EULER_MASCHERONI * second))


def deflated_sharpe(one: Track, trial_sharpes: ArrayLike, effective: float | None = None) -> float:
    """The probability that the true ratio is above what the best of all that was tried would reach by luck.

    `trial_sharpes` are the ratios *per period* of every trial, the chosen one included; `effective` is how many of
    them are independent (see `effective_trials`), all unless said.  Raises Setup SFS41 for ratios that are not numbers.
    Bailey and López de Prado, 2014, as above, equation 2.
    """
    ratios = np.asarray(trial_sharpes, dtype=np.float64).ravel()
    if not len(ratios) or not np.isfinite(ratios).all():
        raise Setup("SFS41", "a trial has no Sharpe ratio", fix="count a trial that never traded as 0")
    variance = float(ratios.var(ddof=1)) if len(ratios) > 1 else 0.0
    return probabilistic_sharpe(one, expected_maximum_sharpe(effective or float(len(ratios)), variance))


def effective_trials(trials: ArrayLike) -> float:
    """How many independent trials as many correlated ones amount to, from their mean correlation.

    Bailey and López de Prado, 2014, as above, appendix A.3: mean + (1 - mean) x count.  Columns that never change are
    one trial together.  Checked against the correlations of pandas.  Raises Setup SFS40.
    """
    returns = trials_of(trials)
    moving = returns[:, np.ptp(returns, axis=0) > 0.0]
    count = moving.shape[1]
    if count < 2:
        return 1.0
    standard = (moving - moving.mean(axis=0)) / moving.std(axis=0)
    # The sum of all correlations is the variance of the sum of the standardised columns: no table of count x count.
    mean = (float(np.mean(standard.sum(axis=1) ** 2)) - count) / (count * (count - 1))
    return float(min(max(mean + (1.0 - mean) * count, 1.0), count))


def minimum_track_record(one: Track, benchmark: float = 0.0, confidence: float = 0.95) -> float:
    """How many periods it takes to say with `confidence` that the ratio is above `benchmark`; inf where it is not.

    Bailey and López de Prado, 2012, as above, equation 13.  Raises Setup SFS42 for a confidence outside 0 to 1.
    """
    _refuse_share("confidence", confidence)
    if one.sharpe <= benchmark:
        return inf
    needed = _NORMAL.inv_cdf(confidence) / (one.sharpe - benchmark)
    return 1.0 + _error(one) ** 2 * needed * needed


def minimum_backtest_length(trials: float, sharpe: float) -> float:
    """How many periods a backtest needs for the best of `trials` unskilled strategies to stay below `sharpe` per period.

    Bailey, Borwein, López de Prado and Zhu, "Pseudo-Mathematics and Financial Charlatanism", Notices of the AMS 61(5),
    2014, theorem 1.  Raises Setup SFS42 for a ratio that is not above 0.
    """
    if not 0.0 < sharpe < inf:
        raise Setup("SFS42", f"a Sharpe ratio of {sharpe} asks for no length", fix="give the ratio to beat, above 0")
    return (expected_maximum_sharpe(trials, 1.0) / sharpe) ** 2


def _refuse_share(name: str, value: float) -> None:
    """A probability lies between 0 and 1, and at its ends it says nothing."""
    if not 0.0 < value < 1.0:
        raise Setup("SFS42", f"a {name} of {value} cannot be", fix="give a share between 0 and 1, such as 0.95")

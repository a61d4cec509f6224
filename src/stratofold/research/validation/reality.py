"""Did any of all these trials beat the benchmark, or only the best of many noises?

What comes in: the returns of every trial, and of what they should beat.
What goes out: p-values: how often the best of trials without any merit would have looked as good.
Why it is shaped so: both tests resample the same blocks of time for all trials at once, so what correlates them is
kept, and look only at the best mean of each resample: one matrix product in slices of columns, and a running maximum.
"""

from math import log, sqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stratofold.errors import Setup
from stratofold.research.validation.bootstrap import block_length, draw, generator, weights
from stratofold.research.validation.sharpe import trials_of

Doubles = NDArray[np.float64]
_COLUMNS_AT_ONCE = 500
_ROUNDING = 1e-12  # a variance that is a smaller share of the mean square is rounding


class Reality(NamedTuple):
    """Which trial was best, by how much a period it beat the benchmark, and how often luck would.

    `reality_check` is White's p-value; `superior` is Hansen's consistent one, between `superior_low` and
    `superior_high`.
    """

    best: int
    excess: float
    reality_check: float
    superior: float
    superior_low: float
    superior_high: float


def reality_check(
    trials: ArrayLike, benchmark: ArrayLike = 0.0, *, resamples: int = 1_000, block: float | None = None, seed: int = 0
) -> Reality:
    """White's reality check and Hansen's test for superior predictive ability, on means by the stationary bootstrap.

    White, "A Reality Check for Data Snooping", Econometrica 68(5), 2000; Hansen, "A Test for Superior Predictive
    Ability", Journal of Business & Economic Statistics 23(4), 2005.  `trials` has a row a period and a column a trial;
    `benchmark` is a return a period, or one for all.  `block` is the mean length of blocks, the longest that the
    first trials ask for unless said.  A p-value is a share of the resamples: it is at least 0 and has steps of one of
    them.  Raises Setup SFS40 and SFS47.
    """
    excess = _excess(trials_of(trials, 8), benchmark)
    length = (
        max(block_length(excess[:, column]) for column in range(min(excess.shape[1], 20))) if block is None else block
    )
    drawn = weights(draw(generator(seed), resamples, len(excess), length))
    best = _Best(resamples)
    for first in range(0, excess.shape[1], _COLUMNS_AT_ONCE):
        some = excess[:, first : first + _COLUMNS_AT_ONCE]
        best.hear(some, drawn, _long_run_deviation(some, length))
    mean = excess.mean(axis=0)
    winner = int(mean.argmax())
    plain, studentised = best.observed
    # Hansen's statistic is never below 0: a benchmark that nothing beats is beaten by chance always.
    low, consistent, high = (float(np.mean(np.maximum(row, 0.0) >= max(studentised, 0.0))) for row in best.studentised)
    return Reality(winner, float(mean[winner]), float(np.mean(best.plain >= plain)), consistent, low, high)


def _excess(returns: Doubles, benchmark: ArrayLike) -> Doubles:
    """What each trial returned above the benchmark."""
    against = np.asarray(benchmark, dtype=np.float64)
    if against.ndim > 1 or (against.ndim == 1 and len(against) != len(returns)) or not np.isfinite(against).all():
        fix = f"give one finite return for each of the {len(returns)} periods, or one number"
        raise Setup("SFS47", f"a benchmark of shape {against.shape} does not fit", fix=fix)
    return returns - (against[:, None] if against.ndim else against)


def _long_run_deviation(excess: Doubles, block: float) -> Doubles:
    """The deviation of the root of the length times each mean under the stationary bootstrap: Hansen (2005), section 3.2.

    All autocovariances of a column at once are the inverse of its spectrum (Wiener-Khinchin), padded so that none wraps.
    """
    count = len(excess)
    apart = excess - excess.mean(axis=0)
    spectrum = np.abs(np.fft.rfft(apart, 2 * count, axis=0)) ** 2
    covariance = np.fft.irfft(spectrum, axis=0)[:count] / count
    lag, stays = np.arange(count), 1.0 - 1.0 / block
    kernel = (1.0 - lag / count) * stays**lag + lag / count * stays ** (count - lag)
    kernel[0] = 0.5
    variance = 2.0 * kernel @ covariance
    still = variance <= _ROUNDING * covariance[0]
    return np.where(still, 0.0, np.sqrt(np.where(still, 0.0, variance)))


class _Best:
    """The largest means over all trials: observed, and of each resample, plain and studentised in Hansen's three ways."""

    def __init__(self, resamples: int) -> None:
        """No trial yet."""
        self.plain: Doubles = np.full(resamples, -np.inf)
        self.studentised: Doubles = np.full((3, resamples), -np.inf)
        self.observed: tuple[float, float] = (-np.inf, -np.inf)

    def hear(self, excess: Doubles, drawn: Doubles, deviation: Doubles) -> None:
        """Some columns of trials, and the deviations of their means."""
        root = sqrt(len(excess))
        mean = excess.mean(axis=0)
        means = drawn @ excess
        self.plain = np.maximum(self.plain, root * (means - mean).max(axis=1))
        moving = deviation > 0.0
        self.observed = (max(self.observed[0], root * float(mean.max())), self.observed[1])
        if moving.any():
            self._hear_studentised(mean[moving], means[:, moving], deviation[moving], root)

    def _hear_studentised(self, mean: Doubles, means: Doubles, deviation: Doubles, root: float) -> None:
        """Hansen's centres: trials that are far below the benchmark should not raise the bar for the others."""
        ratio = root * mean / deviation
        self.observed = (self.observed[0], max(self.observed[1], float(ratio.max())))
        hopeless = -sqrt(2.0 * log(log(root * root)))
        centres = (np.maximum(mean, 0.0), np.where(ratio >= hopeless, mean, 0.0), mean)
        for row, centre in enumerate(centres):
            self.studentised[row] = np.maximum(self.studentised[row], (root * (means - centre) / deviation).max(axis=1))

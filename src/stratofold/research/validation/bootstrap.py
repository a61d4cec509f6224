"""Resampling a history in blocks, so that what hangs together stays together.

What comes in: returns a period.
What goes out: intervals for any statistic, and the rows of indices or weights that other tests resample by.
Why it is shaped so: a mean over a resample is a weighted mean over the history, so statistics of means need only how
often each period was drawn: a table of resamples x periods, and one matrix product for any number of trials.
"""

from collections.abc import Callable
from math import ceil, log10, sqrt
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stratofold.errors import Setup
from stratofold.research.validation.sharpe import ratios, returns_of

Doubles = NDArray[np.float64]
Statistic = Callable[[Doubles], Doubles]


def generator(seed: int, chunk: int = 0) -> np.random.Generator:
    """Random numbers that depend on `seed` and `chunk` alone: chunks may be drawn anywhere and in any order."""
    return np.random.Generator(np.random.Philox(np.random.SeedSequence(seed, spawn_key=(chunk,))))


def block_length(returns: ArrayLike) -> float:
    """The mean block length that serves the stationary bootstrap of these returns best, in periods.

    Politis and White, "Automatic Block-Length Selection for the Dependent Bootstrap", Econometric Reviews 23(1), 2004,
    with the correction by Patton, Politis and White, 28(4), 2009.  At least 1.  Raises Setup SFS40.
    """
    values = returns_of(returns, 8)
    count = len(values)
    # Autocovariances matter as far as the first run of `quiet` lags without a significant one.
    quiet = max(5, int(log10(count)))
    most = min(ceil(sqrt(count)) + quiet, count - 1)
    covariance = _autocovariances(values, most)
    if covariance[0] <= 0.0:
        return 1.0
    band = min(2 * _last_lag(covariance / covariance[0], quiet, count), most)
    lags = np.arange(1, band + 1)
    taper = np.minimum(1.0, 2.0 * (1.0 - lags / band)) if band else lags.astype(np.float64)
    weighted = taper * covariance[1 : band + 1]
    spectrum = covariance[0] + 2.0 * float(weighted.sum())
    slope = 2.0 * float((lags * weighted).sum())
    length = (slope * slope / (spectrum * spectrum)) ** (1.0 / 3.0) * count ** (1.0 / 3.0) if spectrum else 1.0
    return float(min(max(length, 1.0), ceil(min(3.0 * sqrt(count), count / 3.0))))


def _autocovariances(values: Doubles, most: int) -> Doubles:
    """At lags 0 to `most`, each a sum over the history divided by its length."""
    apart = values - values.mean()
    return np.array([apart[lag:] @ apart[: len(apart) - lag] for lag in range(most + 1)]) / len(apart)


def _last_lag(correlation: Doubles, quiet: int, count: int) -> int:
    """The first of the first `quiet` lags that do not matter, as in Patton's programme; the last that matters if no run is so long."""
    matters = np.abs(correlation[1:]) >= 2.0 * sqrt(log10(count) / count)
    for lag in range(len(matters) - quiet + 1):
        if not matters[lag : lag + quiet].any():
            return lag + 1
    return int(np.flatnonzero(matters)[-1]) + 1


def draw(chance: np.random.Generator, resamples: int, count: int, block: float) -> NDArray[np.int64]:
    """Positions of `resamples` histories of `count` periods, in blocks of random length, `block` on average.

    The stationary bootstrap: Politis and Romano, Journal of the American Statistical Association 89(428), 1994.
    Raises Setup SFS46 for a block below 1 or no resamples.
    """
    if not 1.0 <= block < float("inf") or resamples < 1:
        raise Setup("SFS46", f"{resamples} resamples in blocks of {block} cannot be drawn", fix="use 1 or more of both")
    begins = chance.random((resamples, count)) < 1.0 / block
    begins[:, 0] = True
    starts = chance.integers(0, count, (resamples, count))
    position = np.arange(count)
    since = np.maximum.accumulate(np.where(begins, position, 0), axis=1)
    return (np.take_along_axis(starts, since, axis=1) + position - since) % count


def weights(positions: NDArray[np.int64]) -> Doubles:
    """How often each period was drawn, as a share of the resample: a row a resample."""
    resamples, count = positions.shape
    flat = positions + np.arange(resamples)[:, None] * count
    drawn = np.bincount(flat.ravel(), minlength=resamples * count).reshape(resamples, count)
    return np.asarray(drawn / count, dtype=np.float64)


def mean(returns: Doubles) -> Doubles:
    """The mean of each row."""
    means: Doubles = returns.mean(axis=-1)
    return means


def sharpe(returns: Doubles) -> Doubles:
    """The Sharpe ratio per period of each row; 0 where a row never changes."""
    return ratios(returns, -1)


def drawdowns(worth: Doubles, initial: float) -> Doubles:
    """The deepest fall of each row from a high, as a share of it; `initial`, the beginning, counts as one."""
    high = np.maximum(np.maximum.accumulate(worth, axis=-1), initial)
    deepest: Doubles = np.max(1.0 - worth / high, axis=-1)
    return deepest


def max_drawdown(returns: Doubles) -> Doubles:
    """The deepest fall from a high of each row's compounded growth."""
    growth: Doubles = np.asarray(np.cumprod(1.0 + returns, axis=-1), dtype=np.float64)
    return drawdowns(growth, 1.0)


def total_return(returns: Doubles) -> Doubles:
    """The compounded growth of each row, less 1."""
    growth: Doubles = np.prod(1.0 + returns, axis=-1)
    return growth - 1.0


NAMED: dict[str, Statistic] = {
    "mean": mean, "sharpe": sharpe, "max_drawdown": max_drawdown, "total_return": total_return,
}  # fmt: skip


class Interval(NamedTuple):
    """Where a statistic may lie with `confidence`, and what it was."""

    low: float
    value: float
    high: float
    confidence: float


def interval(
    returns: ArrayLike, statistic: str | Statistic = "sharpe", *, confidence: float = 0.95, resamples: int = 2_000,
    block: float | None = None, seed: int = 0,
) -> Interval:  # fmt: skip
    """The percentile interval of `statistic` over stationary-bootstrap resamples (Efron, 1979; Politis and Romano, 1994).

    `statistic` is "sharpe" (per period), "mean", "max_drawdown", "total_return", or a function from rows of returns to
    one number a row.  `block` is the mean length of blocks in periods, `block_length(returns)` unless said.
    Raises Setup SFS40 and SFS46.
    """
    values = returns_of(returns, 8)
    if not 0.0 < confidence < 1.0:
        raise Setup(
            "SFS46", f"a confidence of {confidence} cannot be", fix="give a share between 0 and 1, such as 0.95"
        )
    work = named(statistic)
    positions = draw(generator(seed), resamples, len(values), block_length(values) if block is None else block)
    drawn = _finite(work(values[positions]), resamples)
    low, high = np.quantile(drawn, [(1.0 - confidence) / 2.0, (1.0 + confidence) / 2.0])
    return Interval(float(low), float(work(values[None, :])[0]), float(high), confidence)


def named(statistic: str | Statistic) -> Statistic:
    """The function of that name, or the function itself.  Raises Setup SFS46 for a name that is none."""
    if callable(statistic):
        return statistic
    if statistic not in NAMED:
        what = f"there is no statistic {statistic!r} to resample"
        raise Setup("SFS46", what, fix=f"use one of {', '.join(NAMED)}, or a function of rows of returns")
    return NAMED[statistic]


def _finite(drawn: Any, resamples: int) -> Doubles:
    """One number a resample."""
    values = np.asarray(drawn, dtype=np.float64)
    if values.shape != (resamples,) or not np.isfinite(values).all():
        what = (
            f"the statistic gave shape {values.shape}"
            if values.shape != (resamples,)
            else "the statistic is not a number"
        )
        raise Setup("SFS46", what, place="bootstrap", fix="return one finite number for each row of returns")
    return values

"""The probability of backtest overfitting: how often the best of the past is below the middle in the future.

What comes in: the returns of every trial, a column each, on the same periods.
What goes out: `Overfitting`: the probability, and the figures it is made of.
Why it is shaped so: a half of the history is a sum of its blocks, so the sums and sums of squares of each block are
taken once, and each of the thousands of halves is one row of a matrix product; nothing of the returns is copied.
"""

from collections.abc import Iterator
from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stratofold.errors import Setup
from stratofold.research.validation.sharpe import trials_of

Doubles = NDArray[np.float64]
_NUMBERS_AT_ONCE = 2_000_000  # of halves x trials: 16 MB a table
_MOST_BLOCKS = 20  # 184,756 halves
_ROUNDING = 1e-12  # a variance that is a smaller share of the mean square is rounding


class Overfitting(NamedTuple):
    """`probability` of overfitting; `logits` of each half's winner in the other half; how the winners fared there.

    `loss_probability` is how often the winner's ratio was below 0 outside; `slope` is how much of a ratio inside is
    left outside (1: all; 0 or less: nothing), by least squares over the winners.
    """

    probability: float
    logits: Doubles
    loss_probability: float
    slope: float
    inside: Doubles
    outside: Doubles


def overfitting_probability(trials: ArrayLike, splits: int = 16) -> Overfitting:
    """Combinatorially symmetric cross-validation over `splits` blocks of time, half of them to choose by.

    Bailey, Borwein, López de Prado and Zhu, "The Probability of Backtest Overfitting", Journal of Computational Finance
    20(4), 2017, section 3.  The statistic is the Sharpe ratio; equal ratios share their rank.
    `trials` has a row a period and a column a trial.  Raises Setup SFS40 and SFS45.
    """
    returns = trials_of(trials)
    _refuse_blocks(returns, splits)
    parts = zip(*_halves(_blocks(returns, splits)), strict=True)
    inside, outside, rank = (np.concatenate(part) for part in parts)
    share = rank / (returns.shape[1] + 1.0)
    logits = np.log(share / (1.0 - share))
    return Overfitting(
        float(np.mean(logits <= 0.0)), logits, float(np.mean(outside < 0.0)), _slope(inside, outside), inside, outside
    )


def _refuse_blocks(returns: Doubles, splits: int) -> None:
    """Half of the blocks choose and half of them judge, and each must have a deviation."""
    if splits % 2 or not 2 <= splits <= _MOST_BLOCKS or splits * 2 > len(returns):
        what = f"{len(returns)} periods cannot be halved by {splits} blocks"
        raise Setup("SFS45", what, fix=f"use an even number from 2 to {_MOST_BLOCKS}, each block of 2 periods or more")
    if returns.shape[1] < 2:
        raise Setup("SFS45", "one trial cannot be overfitted by choice", fix="give every trial, not only the best")


class _Blocks(NamedTuple):
    """Of each block (rows) and trial (columns) the sums and squares about the trial's `centre`, and the blocks' lengths.

    About the centre nothing cancels where returns are small beside their mean.
    """

    centre: Doubles
    sums: Doubles
    squares: Doubles
    sizes: Doubles


def _blocks(returns: Doubles, splits: int) -> _Blocks:
    """The returns in `splits` runs of time as equal as can be."""
    centre = returns.mean(axis=0)
    apart = returns - centre
    starts = np.linspace(0, len(returns), splits + 1).round().astype(np.int64)
    sums = np.add.reduceat(apart, starts[:-1], axis=0)
    squares = np.add.reduceat(apart * apart, starts[:-1], axis=0)
    return _Blocks(centre, sums, squares, np.diff(starts).astype(np.float64))


def _halves(blocks: _Blocks) -> Iterator[tuple[Doubles, Doubles, Doubles]]:
    """For runs of halves: the winners' ratios inside and outside, and their ranks outside, from 1 for the worst."""
    count = len(blocks.sizes)
    picks = np.array(list(combinations(range(count), count // 2)))
    at_once = max(1, _NUMBERS_AT_ONCE // len(blocks.centre))
    for first in range(0, len(picks), at_once):
        some = picks[first : first + at_once]
        chosen = np.zeros((len(some), count))
        np.put_along_axis(chosen, some, 1.0, axis=1)
        yield _judged(_ratios(chosen, blocks), _ratios(1.0 - chosen, blocks))


def _ratios(chosen: Doubles, blocks: _Blocks) -> Doubles:
    """Sharpe ratios per period, a row a choice of blocks; 0 where nothing moved."""
    length = (chosen @ blocks.sizes)[:, None]
    mean = chosen @ blocks.sums / length
    square = chosen @ blocks.squares / length
    variance = square - mean * mean
    still = variance <= _ROUNDING * square
    deviation = np.sqrt(np.where(still, 1.0, variance) * length / (length - 1.0))
    return np.where(still, 0.0, (mean + blocks.centre) / deviation)


def _judged(inside: Doubles, outside: Doubles) -> tuple[Doubles, Doubles, Doubles]:
    """The winners inside, and what became of them outside."""
    winner = inside.argmax(axis=1)[:, None]
    ratio = np.take_along_axis(outside, winner, axis=1)
    below = (outside < ratio).sum(axis=1)
    equal = (outside == ratio).sum(axis=1)
    return np.take_along_axis(inside, winner, axis=1)[:, 0], ratio[:, 0], below + (equal + 1.0) / 2.0


def _slope(inside: Doubles, outside: Doubles) -> float:
    """By least squares; 0 where all winners had one ratio."""
    apart = inside - inside.mean()
    spread = float(apart @ apart)
    return float(apart @ (outside - outside.mean())) / spread if spread > 0.0 else 0.0

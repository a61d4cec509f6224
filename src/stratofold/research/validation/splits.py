"""Cutting time for honest tests: walk-forward, purged folds with embargo, and combinations of folds with their paths.

What comes in: how many observations there are, and how far ahead each one's outcome reaches.
What goes out: `Split`s: indices to learn from and indices to test on, that share no outcome.
Why it is shaped so: a split is two arrays of indices and nothing else, so that it cuts sessions, bars or rows of
features alike.  Purge and embargo are López de Prado, "Advances in Financial Machine Learning", 2018, chapters 7 and 12.
"""

from collections.abc import Sequence
from itertools import combinations
from math import comb
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stratofold.errors import Setup
from stratofold.research.validation.sharpe import sharpe_ratios, trials_of

Indices = NDArray[np.int64]


class Split(NamedTuple):
    """Positions to learn from, and positions to test on; both in order of time."""

    train: Indices
    test: Indices


def walk_forward_splits(
    count: int, *, train: int, test: int, anchored: bool = False, purge: int = 0, step: int | None = None
) -> list[Split]:
    """Learn from `train` observations, test on the next `test`, move on by `step` (`test` unless said).

    Anchored windows keep their beginning and grow.  The last `purge` observations before a test are not learned from.
    Only whole test windows are given.  Raises Setup SFS43 where not even one fits.
    """
    step = test if step is None else step
    if min(train, test, step) < 1 or purge < 0 or purge >= train:
        raise Setup(
            "SFS43", "windows of nothing teach nothing", fix="give train, test and step of at least 1, purge < train"
        )
    if train + test > count:
        fix = f"shorten them to {count} together, or give more data" if count > 1 else "give more data"
        what = f"there are {count:,} observations, and not {train:,} to learn from and {test:,} to test on"
        raise Setup("SFS43", what, fix=fix)
    return [
        Split(np.arange(0 if anchored else start - train, start - purge), np.arange(start, start + test))
        for start in range(train, count - test + 1, step)
    ]


def purged_folds(count: int, folds: int = 5, *, reach: int | ArrayLike = 0, embargo: int = 0) -> list[Split]:
    """As many splits as folds: each fold is tested once, and what shares an outcome with it is not learned from.

    `reach` says how far an observation's outcome looks ahead: a number of observations, or for each the position of
    the last one that its outcome depends on.  `embargo` further observations after a test are left out, because
    markets remember.  Raises Setup SFS44.
    """
    ends = _ends(count, reach)
    return [_split(count, [bounds], ends, embargo) for bounds in _folds(count, folds)]


class Combinations(NamedTuple):
    """Splits for every choice of test folds; `paths[i, j]` is the path that the j-th test fold of split i belongs to."""

    splits: list[Split]
    folds: list[tuple[int, int]]
    tested: NDArray[np.int64]
    paths: NDArray[np.int64]

    @property
    def path_count(self) -> int:
        """How many histories, each tested from the first observation to the last, can be put together."""
        return int(self.paths.max()) + 1

    def histories(self, outcomes: Sequence[ArrayLike]) -> NDArray[np.float64]:
        """Outcomes of each split's test observations, put together: a row a path, a column an observation.

        Raises Setup SFS44 where a split's outcomes are not as many as its test observations.
        """
        whole = np.full((self.path_count, self.folds[-1][1]), np.nan)
        for number, values in enumerate(outcomes):
            self._place(whole, number, np.asarray(values, dtype=np.float64))
        return whole

    def _place(self, whole: NDArray[np.float64], number: int, values: NDArray[np.float64]) -> None:
        """One split's outcomes into the paths that its folds belong to."""
        if values.shape != self.splits[number].test.shape:
            what = f"split {number} has {len(self.splits[number].test)} test observations and {values.size} outcomes"
            raise Setup("SFS44", what, fix="give one outcome for each of `split.test`")
        first = 0
        for fold, path in zip(self.tested[number], self.paths[number], strict=True):
            start, end = self.folds[fold]
            whole[path, start:end] = values[first : first + end - start]
            first += end - start


def combinatorial(
    count: int, folds: int = 10, test_folds: int = 2, *, reach: int | ArrayLike = 0, embargo: int = 0
) -> Combinations:
    """Every choice of `test_folds` out of `folds`, purged and embargoed: many paths through the same history.

    C(folds, test_folds) splits make C(folds - 1, test_folds - 1) paths.  López de Prado, 2018, section 12.4.
    `reach` and `embargo` as in `purged_folds`.  Raises Setup SFS44.
    """
    if not 0 < test_folds < folds:
        raise Setup("SFS44", f"{test_folds} of {folds} folds cannot be tested", fix="leave at least one to learn from")
    if comb(folds, test_folds) > 1_000_000:
        what = f"{comb(folds, test_folds):,} splits of {folds} folds are too many"
        raise Setup("SFS44", what, fix="use fewer folds: 10 and 2 make 45 splits and 9 paths")
    ends, bounds = _ends(count, reach), _folds(count, folds)
    tested = np.array(list(combinations(range(folds), test_folds)), dtype=np.int64)
    splits = [_split(count, [bounds[fold] for fold in chosen], ends, embargo) for chosen in tested]
    return Combinations(splits, bounds, tested, _paths(tested, folds))


def crossed(trials: ArrayLike, cut: Combinations) -> NDArray[np.float64]:
    """What choosing by the Sharpe ratio would have returned on each path: a row a path, a column a period.

    For each split the best column of `trials` (a row a period, a column a trial) over `train` is chosen, and its returns
    over `test` are taken.  Raises Setup SFS40, and SFS44 where `cut` is of another length.
    """
    returns = trials_of(trials)
    if len(returns) != cut.folds[-1][1]:
        fix = f"cut {len(returns)} observations"
        raise Setup("SFS44", f"{len(returns)} periods, and folds of {cut.folds[-1][1]}", fix=fix)
    chosen = [returns[split.test, int(sharpe_ratios(returns[split.train]).argmax())] for split in cut.splits]
    return cut.histories(chosen)


def _paths(tested: Indices, folds: int) -> Indices:
    """A fold's first test is the first path's, its second the second's: every path has every fold once."""
    paths = np.empty_like(tested)
    for fold in range(folds):
        here = tested == fold
        paths[here] = np.arange(int(here.sum()))
    return paths


def _folds(count: int, folds: int) -> list[tuple[int, int]]:
    """Bounds of runs of observations as equal as can be, the longer ones first."""
    if not 2 <= folds <= count:
        raise Setup("SFS44", f"{count} observations make no {folds} folds", fix=f"use 2 to {count} folds")
    sizes = np.full(folds, count // folds)
    sizes[: count % folds] += 1
    after = np.cumsum(sizes)
    return [(int(end - size), int(end)) for size, end in zip(sizes, after, strict=True)]


def _ends(count: int, reach: int | ArrayLike) -> Indices:
    """For each observation the last one that its outcome depends on."""
    own = np.arange(count)
    ends = own + np.asarray(reach, dtype=np.int64) if np.ndim(reach) == 0 else np.asarray(reach, dtype=np.int64)
    if ends.shape != own.shape or (ends < own).any():
        raise Setup(
            "SFS44",
            "an outcome reaches back, or is not there",
            fix="give for each observation a position at or after it",
        )
    return ends


def _split(count: int, tests: list[tuple[int, int]], ends: Indices, embargo: int) -> Split:
    """The observations of `tests`, and those of the others whose outcomes and neighbourhoods have nothing to do with them."""
    if embargo < 0:
        raise Setup("SFS44", f"an embargo of {embargo} cannot be", fix="give a number of observations, 0 or more")
    position = np.arange(count)
    tested = np.zeros(count, dtype=bool)
    kept = np.ones(count, dtype=bool)
    for start, end in tests:
        tested[start:end] = True
        kept[(position < start) & (ends >= start)] = False
        kept[(position >= end) & (position <= int(ends[start:end].max()) + embargo)] = False
    return Split(position[kept & ~tested], position[tested])

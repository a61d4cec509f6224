"""Is the best parameter a hill or a needle? How a statistic changes from each cell of a grid to its neighbours.

What comes in: the values of each parameter, and a statistic for each combination.
What goes out: the map, what each cell's neighbourhood is worth, and the cell that stands best with its neighbours.
Why it is shaped so: the map is an array with an axis a parameter, which is what a heat map draws; a combination that
was not tried is a hole that neighbours leave out.
"""

from collections.abc import Mapping, Sequence
from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stratofold.errors import Setup

Doubles = NDArray[np.float64]


class Stability(NamedTuple):
    """`values` and `around` (the mean of a cell and its neighbours) have an axis a parameter, in the order of `axes`.

    `best` is the cell of the highest value, `robust` that of the highest neighbourhood; `kept` is how much of the best
    value its neighbourhood keeps (1: a plateau; 0 or less: a needle).
    """

    axes: dict[str, tuple[float, ...]]
    values: Doubles
    around: Doubles
    best: dict[str, float]
    robust: dict[str, float]
    kept: float


def stability(parameters: Mapping[str, Sequence[float]], statistic: ArrayLike) -> Stability:
    """The map of `statistic` (one number a cell) over `parameters` (one value a cell each).

    Neighbours differ by at most one step in each parameter; checked against `scipy.ndimage.generic_filter`.  Raises Setup SFS51 for columns of unlike length, a cell
    twice, or no statistic at all.
    """
    figures = np.asarray(statistic, dtype=np.float64)
    columns = {name: np.asarray(values, dtype=np.float64) for name, values in parameters.items()}
    if not columns or any(column.shape != figures.shape for column in columns.values()) or figures.ndim != 1:
        raise Setup(
            "SFS51", "the cells' parameters and statistics are not as many", fix="give one number a cell of each"
        )
    if not np.isfinite(figures).any():
        raise Setup("SFS51", "no cell has a statistic", fix="choose a statistic that is a number for some cell")
    axes = {name: tuple(np.unique(column).tolist()) for name, column in columns.items()}
    values = _laid_out(axes, columns, figures)
    around = _around(values)
    best, robust = (np.unravel_index(int(np.nanargmax(one)), one.shape) for one in (values, around))
    top = float(values[best])
    return Stability(
        axes, values, around, _named(axes, best), _named(axes, robust), float(around[best]) / top if top > 0.0 else 0.0
    )


def _laid_out(axes: Mapping[str, tuple[float, ...]], columns: Mapping[str, Doubles], figures: Doubles) -> Doubles:
    """An axis a parameter; a combination without a cell is not a number."""
    places = tuple(np.searchsorted(axes[name], column) for name, column in columns.items())
    shape = tuple(len(axis) for axis in axes.values())
    if len(np.unique(np.ravel_multi_index(places, shape))) != len(figures):
        raise Setup("SFS51", "a combination of parameters is there twice", fix="give each cell once")
    values = np.full(shape, np.nan)
    values[places] = figures
    return values


def _around(values: Doubles) -> Doubles:
    """The mean of each cell and its neighbours that are there; a hole stays one."""
    padded = np.pad(values, 1, constant_values=np.nan)
    there = np.isfinite(padded)
    total, count = np.zeros(values.shape), np.zeros(values.shape)
    for offset in product(range(3), repeat=values.ndim):
        window = tuple(slice(k, k + size) for k, size in zip(offset, values.shape, strict=True))
        total += np.where(there[window], padded[window], 0.0)
        count += there[window]
    mean: Doubles = np.where(np.isfinite(values), total / np.maximum(count, 1.0), np.nan)
    return mean


def _named(axes: Mapping[str, tuple[float, ...]], place: tuple[np.intp, ...]) -> dict[str, float]:
    """A place in the map as parameters."""
    return {name: axis[int(k)] for (name, axis), k in zip(axes.items(), place, strict=True)}

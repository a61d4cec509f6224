"""Hidden states out of history: what the filter in the fold is given.

What comes in: a row of values, such as daily returns.  What goes out: a `HiddenMarkov`, its states in order of spread.
Why it is shaped so: fitting looks at all of history at once, so it happens here, on a stretch that the strategy does
not trade, and only the numbers go into the fold.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stratofold.errors import Setup
from stratofold.fold.regimes import HiddenMarkov

Doubles = NDArray[np.float64]
_FEWEST = 10  # values a state


def fit_hidden_markov(
    values: ArrayLike, states: int = 2, *, rounds: int = 200, tolerance: float = 1e-9
) -> HiddenMarkov:
    """The transitions, means and deviations under which `values` are most likely, by Baum and Welch's algorithm.

    Baum, Petrie, Soules and Weiss, Annals of Mathematical Statistics 41(1), 1970, scaled as in Rabiner, Proceedings of
    the IEEE 77(2), 1989; hmmlearn finds the same.  It begins with states that stay nine times of ten and split the values by size, and ends after
    `rounds`, or when the likelihood of a value grows by less than `tolerance`.  State 0 has the least deviation.
    Raises Setup SF404 for values that are too few or not finite.
    """
    row = np.asarray(values, dtype=np.float64)
    if row.ndim != 1 or states < 1 or len(row) < _FEWEST * states or not np.isfinite(row).all():
        fix = f"give one row of at least {_FEWEST} finite values for each state"
        raise Setup("SF404", f"values of shape {row.shape} do not make {states} states", fix=fix)
    if not np.ptp(row):
        raise Setup("SF404", "all values are the same", fix="give values that move")
    transition, means, deviations, start = _first_guess(row, states)
    before = -np.inf
    for _ in range(rounds):
        density = _densities(row, means, deviations)
        likelihood, there, moves = _expected(density, transition, start)
        transition, means, deviations, start = _most_likely(row, there, moves)
        if (likelihood - before) / len(row) < tolerance:
            break
        before = likelihood
    order = np.argsort(deviations, kind="stable")
    return HiddenMarkov(transition[np.ix_(order, order)], means[order], deviations[order], start[order])


def _first_guess(row: Doubles, states: int) -> tuple[Doubles, Doubles, Doubles, Doubles]:
    """States by the distance from the median: volatility is what regimes differ in most."""
    stays = 0.9 if states > 1 else 1.0
    transition = np.full((states, states), (1.0 - stays) / max(states - 1, 1))
    np.fill_diagonal(transition, stays)
    size = np.abs(row - np.median(row))
    parts = np.array_split(row[np.argsort(size, kind="stable")], states)
    deviations = np.array([max(float(part.std()), float(row.std()) * 1e-3) for part in parts])
    return transition, np.array([part.mean() for part in parts]), deviations, np.full(states, 1.0 / states)


def _densities(row: Doubles, means: Doubles, deviations: Doubles) -> Doubles:
    """How likely each value (a row) is in each state (a column); never 0, so that no history is impossible."""
    apart = (row[:, None] - means) / deviations
    density: Doubles = np.exp(-0.5 * apart * apart) / (deviations * np.sqrt(2.0 * np.pi))
    return np.maximum(density, 1e-300)


def _expected(density: Doubles, transition: Doubles, start: Doubles) -> tuple[float, Doubles, Doubles]:
    """The log-likelihood, the probability of each state at each value, and how often each move is expected."""
    count, states = density.shape
    forward, scale = np.empty((count, states)), np.empty(count)
    now = start * density[0]
    for k in range(count):
        if k:
            now = (forward[k - 1] @ transition) * density[k]
        scale[k] = now.sum()
        forward[k] = now / scale[k]
    backward = np.ones((count, states))
    for k in range(count - 2, -1, -1):
        backward[k] = transition @ (density[k + 1] * backward[k + 1]) / scale[k + 1]
    ahead = density[1:] * backward[1:] / scale[1:, None]
    return float(np.log(scale).sum()), forward * backward, transition * (forward[:-1].T @ ahead)


def _most_likely(row: Doubles, there: Doubles, moves: Doubles) -> tuple[Doubles, Doubles, Doubles, Doubles]:
    """The numbers under which what was expected is most likely."""
    weight = np.maximum(there.sum(axis=0), 1e-12)
    means = row @ there / weight
    variance = ((row[:, None] - means) ** 2 * there).sum(axis=0) / weight
    floor = float(row.var()) * 1e-6  # one value alone would be a state of no spread
    leaving = np.maximum(moves.sum(axis=1, keepdims=True), 1e-300)
    return moves / leaving, means, np.sqrt(np.maximum(variance, floor)), there[0] / there[0].sum()
